// For each decision of the kernel one plain sentence, and one for the reason.

import type { DecisionId } from '../../../core/uapi/events.ts';
import { gpuDecisions } from '../gpu/decisions.ts';
import {
  allPages,
  cap,
  code,
  count,
  errno,
  grouped,
  has,
  holdersText,
  num,
  page,
  pageAndPfn,
  pages,
  type Params,
  place,
  txt,
} from '../phrases.ts';
import { smiDecisions } from '../smi.ts';
import type { Told } from './told.ts';

const fromDevice = (p: Params): boolean => /^(coherent|private)/.test(txt(p, 'place'));

/** Why a page is copied: others map it, or somebody only holds it. */
const copied = (p: Params): string =>
  num(p, 'mapcount') === 1
    ? `Only ${has(p, 'proc') ? txt(p, 'proc') : 'this process'} maps ${page(p)}, but ${holdersText(p, 'it')}: it cannot be reused.`
    : `${page(p)} is shared.`;

/** `The 4 pages`, `The page`. */
const the = (p: Params): string => (num(p, 'of') === 1 ? 'The page' : `The ${pages(p, 'of')}`);

/** A place with a number is a device's. */
const ofZoneDevice = (p: Params): boolean => txt(p, 'place').includes(':');

export const decisions: Readonly<Record<DecisionId, Told>> = {
  'fault.none.read': {
    what: (p) => `Nothing was mapped at ${page(p)}. A read gets the shared zero page.`,
    why: 'All untouched memory reads as zero, so one read-only page serves everybody until somebody writes.',
  },
  'fault.none.write': {
    what: (p) => `Nothing was mapped at ${page(p)}. A write gets a fresh, zeroed page.`,
    why: 'A CPU fault only ever takes system memory: the page allocator knows nothing of device memory.',
  },
  'fault.zero-page': {
    what: (p) => `${page(p)} maps the zero page. The write gets a page of its own.`,
    why: 'The zero page is shared by all and can never be written.',
  },
  'fault.wp.exclusive': {
    what: (p) => `${page(p)} was read-only, but belongs to this process alone. It becomes writable.`,
    why: 'The page flag AnonExclusive says that no other process shares the page, so no copy is needed.',
  },
  'fault.wp.reuse': {
    what: (p) => `${page(p)} is shared with nobody any more. It becomes writable in place.`,
    why: 'Only one reference is left, so the last owner takes the page over instead of copying it.',
  },
  'fault.wp.copy': {
    what: (p) => `${copied(p)} The writer gets a copy, in system memory.`,
    why: (p) =>
      `${
        num(p, 'mapcount') === 1
          ? 'Only who has the last reference takes a page over. The old page stays with who holds it, and does not show what is written from now on.'
          : 'Copy on write: the old page stays with its other owners.'
      } The copy is system memory even if the original is on a device.`,
  },
  'fault.unshare.copy': {
    what: (p) => `${copied(p)} It is about to be pinned: the process gets a copy first.`,
    why: 'A pinned page must belong to this process alone. A later copy on write would part the pin from the process.',
  },
  'fault.unshare.reuse': {
    what: (p) => `${page(p)} has one owner left. It is marked exclusive, so that it can be pinned.`,
    why: 'Nobody else has a reference, so no copy is needed.',
  },
  'fault.device-private': {
    what: (p) => `${page(p)} is in private device memory. The CPU cannot reach it there.`,
    why: 'A device-private entry is not present, so the CPU faults, and the driver must bring the page home.',
  },
  'fault.device-exclusive': {
    what: (p) => `A device has ${page(p)} for itself. The CPU takes it back.`,
    why: 'A device-exclusive entry is not present. The fault ends the exclusive access and restores the mapping.',
  },
  'fault.migration-wait': {
    what: (p) => `${page(p)} is being migrated. The task waits.`,
    why: 'A migration entry says: the page is on its way. When it has arrived, the access is tried again.',
  },
  'fault.segv': {
    what: (p) =>
      `${page(p)} is not mapped for this ${num(p, 'write') === 1 ? 'write' : 'access'}: \`SIGSEGV\`.`,
    why: 'No VMA covers the address, or it does not permit the access.',
  },
  'fault.sigbus': {
    what: (p) => `The fault at ${page(p)} cannot be served.`,
    why: 'The area covers the address, but there is no page to be had for it.',
  },
  'gup.fast.refused.none': {
    what: (p) => `The fast path stops at ${page(p)}: no present entry.`,
    why: 'The fast path walks the page table without locks and cannot fault. The slow path goes on from here.',
  },
  'gup.fast.refused.read-only': {
    what: (p) => `The fast path stops at ${page(p)}: the entry is read-only.`,
    why: 'A write was asked for. Only a fault may decide whether the page is copied or becomes writable.',
  },
  'gup.fast.refused.special': {
    what: (p) => `The fast path stops at ${page(p)}: a special entry.`,
    why: 'A special entry, such as that of the zero page, has no page that could be counted here.',
  },
  'gup.fast.refused.longterm': {
    what: (p) => `The fast path refuses ${pageAndPfn(p)}: it may not be pinned for long.`,
    why: (p) => `\`is_longterm_pinnable_page\` says no to a page in ${place(p)}. The slow path can move it.`,
  },
  'gup.fast.refused.unshare': {
    what: (p) => `The fast path gives ${page(p)} back: it is not exclusive to this process.`,
    why: 'A read-only pin needs an exclusive page. The slow path can unshare it.',
  },
  'gup.fast.grabbed': {
    what: (p) => `The fast path takes ${page(p)}.`,
    why: 'The entry permits the access, so the reference is taken without any lock.',
  },
  'gup.slow.needs-fault': {
    what: (p) => `${page(p)} needs a fault first.`,
    why: 'The entry is missing or does not permit the access. The fault handler is asked, then the walk looks again.',
  },
  'gup.slow.needs-unshare': {
    what: (p) => `${page(p)} is shared. It must be unshared before it is pinned.`,
    why: 'A read-only pin of a shared anonymous page would lose the page at the next copy on write.',
  },
  'gup.vma-refused': {
    what: (p) => `The area at ${page(p)} does not permit this: ${errno(p)}.`,
    why: '`check_vma_flags` compares what was asked with the rights of the VMA.',
  },
  'gup.no-vma': {
    what: (p) => `There is no area at ${page(p)}.`,
    why: 'Without a VMA there is nothing to take a reference on. Pages found before are still returned.',
  },
  'pinnable.cma': {
    what: (p) => `${pageAndPfn(p)} may not be pinned for long: it lies in a CMA pageblock.`,
    why: 'The contiguous memory allocator must be able to empty its blocks.',
  },
  'pinnable.isolate': {
    what: (p) => `${pageAndPfn(p)} may not be pinned for long: its pageblock is isolated.`,
    why: 'Somebody is about to take the whole block.',
  },
  'pinnable.zero-page': {
    what: 'The zero page may be pinned for long.',
    why: 'It never moves, and pins on it are not counted.',
  },
  'pinnable.coherent': {
    what: (p) => `${pageAndPfn(p)} may not be pinned for long: it is device-coherent.`,
    why: 'The driver must be able to move pages out of its memory.',
  },
  'pinnable.movable': {
    what: (p) => `${pageAndPfn(p)} may not be pinned for long: it lies in \`ZONE_MOVABLE\`.`,
    why: 'This zone promises that everything in it can be moved away.',
  },
  'pinnable.ordinary': {
    what: (p) => `${pageAndPfn(p)} may be pinned for long.`,
    why: 'Nobody needs this frame to stay movable.',
  },
  'longterm.unpinnable-count': {
    what: (p) =>
      num(p, 'count') === 0
        ? 'All pages may stay pinned where they are.'
        : `${num(p, 'count') === num(p, 'of') ? the(p) : `${grouped(num(p, 'count'))} of ${pages(p, 'of')}`} may not stay pinned where ${num(p, 'count') === 1 ? 'it is' : 'they are'}.`,
    why: 'Device-coherent, `ZONE_MOVABLE` and CMA pages must stay movable.',
  },
  'longterm.pin-becomes-reference': {
    what: (p) => `The pin on ${pageAndPfn(p)} becomes a plain reference.`,
    why: 'A pinned page cannot migrate: migration expects exactly one reference besides the mappings, this one.',
  },
  'longterm.all-pinnable': {
    what: (p) => `${cap(allPages(p))} may stay pinned. The long-term pin stands.`,
    why: '`collect_longterm_unpinnable_pages` found none that must stay movable.',
  },
  'longterm.second-pass': {
    what: (p) => `Second pass: the walk starts anew, over ${allPages(p)}.`,
    why: 'No page of the range is pinned now. `-EAGAIN` told `__gup_longterm_locked` to look the pages up again; the page table has the new ones.',
  },
  'longterm.failed': {
    what: (p) => `The pages cannot all be moved: ${errno(p)}. All pins are given back.`,
    why: 'All or nothing: pages that have moved stay in system memory, but no pin is left behind.',
  },
  'migrate.selected': {
    what: (p) => `${page(p)} is taken: locked, with a migration entry in its place.`,
    why: 'The page is of the kind that the driver selected, and nobody has it locked.',
  },
  'migrate.not-selected': {
    what: (p) => `${page(p)} is left where it is.`,
    why: 'The page is not of the kind that the driver selected, or it could not be taken.',
  },
  'migrate.hole': {
    what: (p) => `Nothing is mapped at ${page(p)}. It can begin its life at the destination.`,
    why: 'Untouched anonymous memory needs no copy: a fresh page can be put there directly.',
  },
  'migrate.zero-page': {
    what: (p) => `${page(p)} maps the zero page. It can begin its life at the destination.`,
    why: 'It reads as zero, so there is nothing to copy.',
  },
  'migrate.trylock-failed': {
    what: (p) => `${pageAndPfn(p)} is locked by somebody else. It stays.`,
    why: 'Collecting never waits for a page lock.',
  },
  'migrate.maybe-pinned': {
    what: (p) =>
      `${pageAndPfn(p)} is probably pinned: its reference count is ${grouped(num(p, 'refcount'))}. It stays.`,
    why: 'Someone may be using the physical address. The entry is put back as it was.',
  },
  'migrate.check-page.extra-references': {
    what: (p) =>
      `${pageAndPfn(p)} has ${count(num(p, 'refcount'), 'reference')}. Somebody else holds it, so it stays.`,
    why: 'Whoever holds a reference may look at the page at any time, so it cannot be replaced.',
  },
  'migrate.expected-count': {
    what: (p) =>
      `${pageAndPfn(p)} has ${count(num(p, 'refcount'), 'reference')}; migration expects ${grouped(num(p, 'expected'))}.`,
    why: '`folio_migrate_mapping` goes on only if nobody but the migration holds the page.',
  },
  'migrate.no-destination': {
    what: (p) =>
      has(p, 'page')
        ? `There is no destination for ${pageAndPfn(p)}. It stays.`
        : 'There is no destination for an address where nothing is mapped. It stays empty.',
    why: 'The driver, or the page allocator, had no free page.',
  },
  'migrate.destination': {
    what: (p) =>
      `A page of ${place(p, 'dstPlace')} stands ready for ${pageAndPfn(p)}: pfn ${code(p, 'dst')}.`,
    why: (p) =>
      fromDevice(p) && txt(p, 'dstPlace') === 'system'
        ? 'It is taken from memory in which a page may stay pinned for long.'
        : 'The page gets a new frame; its address in the process does not change.',
  },
  'migrate.file-refused': {
    what: (p) => `${pageAndPfn(p)} belongs to a file. It cannot move to a device.`,
    why: 'Only anonymous pages can live in device memory.',
  },
  'migrate.moved': {
    what: (p) =>
      num(p, 'dst') >= 0 || txt(p, 'dst').startsWith('0x')
        ? `${page(p)} now lies at pfn ${code(p, 'dst')}.`
        : `${page(p)} has arrived.`,
    why: 'All entries that held its place point to the new page.',
  },
  'migrate.restored': {
    what: (p) => `${pageAndPfn(p)} stays where it was. Its mapping is put back.`,
    why: 'Migration is best effort, page by page: what cannot move keeps its page, and nothing is lost.',
  },
  'migrate.isolation-failed': {
    what: (p) => `${pageAndPfn(p)} could not be taken off the LRU list.`,
    why: (p) =>
      ofZoneDevice(p)
        ? 'A page of `ZONE_DEVICE` is never on an LRU list: its driver has it, not reclaim. So there is nothing to take it off from.'
        : 'It is on no list: somebody else has isolated it, or it waits in a batch.',
  },
  'fork.share': {
    what: (p) => `Parent and child share ${page(p)}, read-only.`,
    why: 'Nothing is copied until one of them writes.',
  },
  'fork.early-copy': {
    what: (p) => `${page(p)} is probably pinned. The child gets a copy at once.`,
    why: 'The pinned page must stay with the parent. A later copy on write could give it to the wrong one.',
  },
  'fork.private-entry': {
    what: (p) => `Parent and child share ${page(p)} on the device.`,
    why: 'A device-private entry is copied, read-only on both sides, and the page gets one reference more.',
  },
  'fork.vma-skipped': {
    what: (p) => `The child does not get the area at ${page(p)}.`,
    why: '`MADV_DONTFORK` keeps it with the parent, or nothing in it needs copying.',
  },
  'device.free': {
    what: (p) => `The last reference on ${code(p, 'pfn')} is gone. The page returns to its driver.`,
    why: 'A device page is never given to the page allocator: `free_zone_device_page` hands it to the driver.',
  },
  'device.allocated': {
    what: (p) => `Device ${txt(p, 'device')} hands out pfn ${code(p, 'pfn')}.`,
    why: 'The driver keeps its own list of free pages; the one freed last goes first.',
  },
  'device.exhausted': {
    what: (p) => `Device ${txt(p, 'device')} has no free page left.`,
    why: 'The driver has nothing to offer; the page stays where it is.',
  },
  'notifier.own-migration-ignored': {
    what: (p) => `Device ${txt(p, 'device')} ignores the invalidation: it is its own migration.`,
    why: 'The event is `MMU_NOTIFY_MIGRATE` and the owner is this device, which updates its table itself.',
  },
  'notifier.invalidated': {
    what: (p) => `Device ${txt(p, 'device')} drops its entries from ${page(p)} on.`,
    why: 'The CPU’s page table is about to change. The device must not use what it copied from it.',
  },
  'hmm.needs-fault': {
    what: (p) => `The device needs ${page(p)}: a fault is made for it.`,
    why: 'The CPU’s page table has no entry that gives the access the device asked for.',
  },
  'hmm.error': {
    what: (p) => `The device cannot have ${page(p)}.`,
    why: 'No area permits the access.',
  },
  'thp.fallback': {
    what: (p) => `No huge page for ${page(p)}. A small one is used.`,
    why: 'The allocator has no free block of 2 MiB.',
  },
  'thp.split': {
    what: (p) => `The huge page at pfn ${code(p, 'pfn')} is mapped by 512 small entries from now on.`,
    why: 'What follows concerns single pages of it.',
  },
  'hugetlb.exhausted': {
    what: 'The pool of huge pages is empty.',
    why: '`hugetlb` pages come from a pool of fixed size.',
  },
  'copy.page': {
    what: (p) => `The bytes of ${page(p)} are copied from pfn ${code(p, 'pfn')} to pfn ${code(p, 'dst')}.`,
    why: 'No entry maps the page now, so nobody can write to it meanwhile.',
  },
  'zero.page': {
    what: (p) => `Pfn ${code(p, 'pfn')} is filled with zeros.`,
    why: 'A new page must not show what its last owner left.',
  },
  'lru.drained': {
    what: 'The per-CPU LRU batches are emptied.',
    why: 'A batch holds a reference on each of its pages, and migration counts references.',
  },
  'sleep.page-lock': {
    what: (p) => `The task waits for the lock of ${pageAndPfn(p)}.`,
    why: 'Somebody else is working on the page.',
  },
  'sleep.invalidation': {
    what: 'The driver waits until the invalidation that runs has ended.',
    why: 'What it would read now could be wrong when it has read it.',
  },
  'sleep.migration-entry': {
    what: (p) => `The task waits until ${pageAndPfn(p)} has arrived.`,
    why: 'Its entry is a migration entry. The wait takes no reference, so it cannot spoil the migration.',
  },
  wake: {
    what: (p) => `Task ${txt(p, 'task')} goes on.`,
    why: 'What it waited for is there.',
  },
  ...gpuDecisions,
  ...smiDecisions,
};
