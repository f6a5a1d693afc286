// The stations on the way of a GUP call, and what can happen at each.

import { count, errno, grouped, num, page, type Sentences } from './phrases.ts';

const times = (n: number): string => (n === 1 ? '' : ` (${n} pages, the first of them)`);

export const gupPath: Sentences = {
  'gup-path.station.call': 'The call',
  'gup-path.station.fast': 'Fast path',
  'gup-path.station.slow': 'Slow path',
  'gup-path.station.follow': 'Look the page up',
  'gup-path.station.fault': 'Fault it in',
  'gup-path.station.check': 'May it stay pinned?',
  'gup-path.station.collect': 'Collect what may not',
  'gup-path.station.migrate': 'Bring it home',
  'gup-path.station.done': 'Back to the caller',

  'gup-path.about.call': 'Somebody wants references on user pages.',
  'gup-path.about.fast': 'Walks the page tables without any lock, and takes what is there and permitted.',
  'gup-path.about.slow': 'Takes `mmap_lock` and goes page by page. For a long-term pin it is a loop.',
  'gup-path.about.follow': 'Reads the entry under its lock and takes the reference.',
  'gup-path.about.fault': 'Nothing usable there: the fault handler makes the page present, as for the CPU.',
  'gup-path.about.check': 'Only with `FOLL_LONGTERM`: not in CMA, not in ZONE_MOVABLE, not on a device.',
  'gup-path.about.collect': 'Counts what may not stay; pages on an LRU list are isolated.',
  'gup-path.about.migrate': 'Every pin is dropped; what may not stay moves to system memory.',
  'gup-path.about.done': 'What the caller gets.',

  'gup-path.branch.asked': 'without a lock first',
  'gup-path.branch.grabbed': 'grabbed',
  'gup-path.branch.refused': 'left for the slow path',
  'gup-path.branch.looked-up': 'each page',
  'gup-path.branch.not-there': 'not there',
  'gup-path.branch.faulted': 'look again',
  'gup-path.branch.found': 'referenced',
  'gup-path.branch.short-pin': 'not long-term: no check',
  'gup-path.branch.all-pinnable': 'all may stay',
  'gup-path.branch.unpinnable': 'may not stay',
  'gup-path.branch.to-migrate': 'moved',
  'gup-path.branch.retry': 'pin all again',
  'gup-path.branch.gave-up': 'gave up',

  'gup-path.grabbed': (p) => `${count(num(p, 'count'), 'page')} taken at once.`,
  'gup-path.fast.refused.none': (p) => `${page(p)}: no present entry.`,
  'gup-path.fast.refused.read-only': (p) => `${page(p)}: the entry is read-only, the call wants to write.`,
  'gup-path.fast.refused.special': (p) => `${page(p)}: a special entry, without a page to refer to.`,
  'gup-path.fast.refused.longterm': (p) => `${page(p)}: may not stay pinned for long.`,
  'gup-path.fast.refused.unshare': (p) => `${page(p)}: shared with another process, must be copied first.`,
  'gup-path.no-vma': (p) => `No memory area at that address: ${errno(p)}.`,
  'gup-path.vma-refused': (p) => `The memory area forbids it: ${errno(p)}.`,
  'gup-path.pass': (p) =>
    num(p, 'count') === 1 ? 'First pass over the range.' : `Pass ${num(p, 'count')} over the range.`,
  'gup-path.needs-fault': (p) => `${page(p)} needs a fault${times(num(p, 'count'))}.`,
  'gup-path.needs-unshare': (p) => `${page(p)} needs a copy of its own${times(num(p, 'count'))}.`,
  'gup-path.found': (p) => `${count(num(p, 'count'), 'reference')} taken.`,
  'gup-path.faulted': (p) => `${count(num(p, 'count'), 'fault')} served.`,
  'gup-path.fault-failed': (p) => `The fault failed: ${errno(p)}.`,
  'gup-path.pinnable.cma': (p) => `${count(num(p, 'count'), 'page')} in a CMA area: no.`,
  'gup-path.pinnable.isolate': (p) => `${count(num(p, 'count'), 'page')} in an isolated pageblock: no.`,
  'gup-path.pinnable.zero-page': (p) => `${count(num(p, 'count'), 'time')} the zero page: yes.`,
  'gup-path.pinnable.coherent': (p) => `${count(num(p, 'count'), 'page')} in device-coherent memory: no.`,
  'gup-path.pinnable.movable': (p) => `${count(num(p, 'count'), 'page')} in ZONE_MOVABLE: no.`,
  'gup-path.pinnable.ordinary': (p) => `${count(num(p, 'count'), 'page')} in ordinary memory: yes.`,
  'gup-path.unpinnable': (p) => `${grouped(num(p, 'count'))} of ${grouped(num(p, 'of'))} may not stay.`,
  'gup-path.isolation-failed': (p) => `${page(p)} is on no LRU list and cannot be isolated.`,
  'gup-path.pin-becomes-reference': (p) =>
    num(p, 'count') === 1
      ? 'The pin becomes a plain reference.'
      : `${grouped(num(p, 'count'))} pins become plain references.`,
  'gup-path.moved': (p) => `${count(num(p, 'count'), 'page')} moved to system memory.`,
  'gup-path.restored': (p) => `${page(p)} could not move and stays where it was.`,
  'gup-path.extra-references': (p) =>
    `Somebody else holds the page: ${grouped(num(p, 'refcount'))} references, ${num(p, 'expected')} expected.`,
  'gup-path.no-destination': (p) => `No memory for a copy of ${page(p)}.`,
  'gup-path.failed': (p) => `Gave up: ${errno(p)}. Every pin is taken back.`,
  'gup-path.held': (p) => `${count(num(p, 'count'), 'page')} held.`,
  'gup-path.partial': (p) => `Only ${grouped(num(p, 'count'))} of ${grouped(num(p, 'of'))} held.`,
  'gup-path.error': (p) => `${errno(p)}: nothing is held.`,
};
