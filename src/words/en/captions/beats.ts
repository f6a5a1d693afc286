// For each stop of playback one plain sentence, and one for the reason.

import {
  cap,
  code,
  count,
  errno,
  grouped,
  isLongterm,
  isPin,
  num,
  page,
  pageAndPfn,
  pages,
  type Params,
  txt,
} from '../phrases.ts';
import { stepBegin, stepBeginWhy, stepEnd, stepEndWhy } from '../steps.ts';
import type { Told } from './told.ts';

const fromDevice = (p: Params): boolean => /^(coherent|private)/.test(txt(p, 'place'));

export const beats: Readonly<Record<string, Told>> = {
  boot: {
    what: 'The machine is up. There is a process `A`, which has no memory yet.',
    why: 'The steps that follow give it memory, move that memory and pin it.',
  },
  'boot.cold': {
    what: 'The machine was switched on. The kernel does not know its memory yet.',
    why: 'The first steps boot it; then the driver of a GPU starts.',
  },
  'step.begin': { what: stepBegin, why: stepBeginWhy },
  'step.end': { what: stepEnd, why: stepEndWhy },
  'task.runs': {
    what: (p) =>
      `Task ${num(p, 'task')} runs${txt(p, 'does') === '' ? '' : ` (${code(p, 'does')})`}, on CPU ${num(p, 'cpu')}.`,
    why: 'The other task may sleep here, or has to wait.',
  },
  'gup.fast.taken': {
    what: (p) =>
      `The fast path has ${isPin(p) ? 'pinned' : 'taken references on'} ${pages(p)} from ${page(p)} on.`,
    why: '`lockless_pages_from_mm` reads the page table without locks. What it cannot take is left to the slow path.',
  },
  'gup.slow.taken': {
    what: (p) =>
      isPin(p)
        ? `The slow path pins ${pages(p)} from ${page(p)} on, where they lie.`
        : `The slow path takes references on ${pages(p)} from ${page(p)} on.`,
    why: (p) =>
      isLongterm(p)
        ? 'Whether they may stay there is checked once all are pinned.'
        : isPin(p)
          ? 'Each single page counts `GUP_PIN_COUNTING_BIAS`, 1\u202f024, more.'
          : 'Each page counts one reference more.',
  },
  'gup.slow.taken-again': {
    what: (p) => `${cap(pages(p))} pinned from ${page(p)} on: the new pages, in their new place.`,
    why: 'The pin did not travel: it was dropped before the move, and is taken anew.',
  },
  'gup.slow.gave-up': {
    what: (p) => `The slow path gets nothing at ${page(p)}: ${errno(p)}.`,
    why: 'Without a single page the error goes to the caller.',
  },
  'longterm.pin-dropped': {
    what: (p) => `The pin on ${pageAndPfn(p)} has become a plain reference.`,
    why: 'A pinned page cannot move: migration expects just this one reference besides its mapping.',
  },
  'page.unmapped': {
    what: (p) => `${pageAndPfn(p)} is unmapped. Its PTE is a migration entry now.`,
    why: 'The devices were told first, so that they drop their own entries. Whoever touches the address now waits.',
  },
  'page.flags-moved': {
    what: (p) => `Pfn ${code(p, 'dst')} has taken over mapping and flags of ${page(p)}.`,
    why: '`folio_migrate_mapping` found exactly the expected references. From here on the kernel takes the new frame for the page.',
  },
  'page.home': {
    what: (p) => `${page(p)} is home: pfn ${code(p, 'pfn')} → ${code(p, 'dst')}. Its PTE points there.`,
    why: (p) =>
      fromDevice(p)
        ? 'The old page returns to the driver. The new one is not pinned yet.'
        : '`migrate_device_finalize` removes the migration entry and frees the old page.',
  },
  'driver.collected': {
    what: (p) => {
      const holes = num(p, 'of');
      if (num(p, 'count') + holes === 0) return 'Collected: no page can be moved.';
      const empty = holes > 0 ? `${count(holes, 'address', 'addresses')} with no page yet` : '';
      const taken = num(p, 'count') > 0 ? `${pages(p)} locked, with migration entries in their place` : '';
      return `Collected: ${[taken, empty].filter((part) => part !== '').join('; ')}.`;
    },
    why: '`migrate_vma_collect` takes what the driver selected. Whoever touches a migration entry now waits.',
  },
  'driver.unmapped': {
    what: (p) =>
      num(p, 'failed') > 0
        ? `Unmapped: ${pages(p)}. ${cap(pages(p, 'failed'))} put back: not free to move.`
        : `Unmapped: ${pages(p)}. No entry maps ${num(p, 'count') === 1 ? 'it' : 'them'} any more.`,
    why: '`migrate_vma_unmap` removes the mappings of other processes and compares the reference counts: a page that somebody else holds stays.',
  },
  'driver.copied-to-device': {
    what: (p) => {
      if (num(p, 'of') === 0) return 'The driver has no page to offer.';
      const taken = `The driver has taken ${count(num(p, 'of'), 'free page')} of device ${txt(p, 'device')}`;
      return num(p, 'count') === 0 ? `${taken}.` : `${taken} and copied the contents of ${pages(p)} there.`;
    },
    why: 'Only the driver knows its free pages and how to copy. Meanwhile nothing maps the pages.',
  },
  'driver.copied-to-system': {
    what: (p) =>
      `The driver has taken ${count(num(p, 'count'), 'system page')} and copied to ${num(p, 'count') === 1 ? 'it' : 'them'}.`,
    why: 'The destination is an ordinary user page, taken by the driver. It may lie in movable memory.',
  },
  'driver.moved': {
    what: (p) =>
      num(p, 'count') === 0
        ? 'No mapping has moved.'
        : `${count(num(p, 'count'), 'new page')} ${num(p, 'count') === 1 ? 'has' : 'have'} taken over mapping and flags.`,
    why: '`migrate_vma_pages` does this page by page; a page that somebody holds keeps its own.',
  },
  'driver.finalized': {
    what: (p) =>
      num(p, 'failed') > 0
        ? `Finalized: ${pages(p)} moved, ${grouped(num(p, 'failed'))} stayed.`
        : `Finalized: ${pages(p)} moved. The entries point to the new pages.`,
    why: '`migrate_vma_finalize` removes the migration entries, unlocks the pages and frees those that are no longer needed.',
  },
  'fault.huge': {
    what: (p) =>
      num(p, 'write') === 0
        ? `The huge zero page is mapped at ${page(p)}.`
        : `A huge page of 2 MiB is mapped at ${page(p)}, by one entry of the PMD.`,
    why: 'The area asked for huge pages, and this touch was the first in its aligned 2 MiB.',
  },
  'fault.hugetlb': {
    what: (p) => `A page of the hugetlb pool is mapped at ${page(p)}.`,
    why: '`hugetlb` areas take whole huge pages from a pool of their own.',
  },
  'fault.file': {
    what: (p) => `${page(p)} is mapped from its file.`,
    why: 'The page comes from the page cache, or is read into it.',
  },
  'fault.served': {
    what: (p) => `The fault at ${page(p)} is served.`,
    why: 'The access is tried again and finds what the fault handler put there.',
  },
  'device.read': {
    what: (p) => `The device has read ${pages(p)} through its own page table.`,
    why: 'All entries were there.',
  },
  'device.wrote': {
    what: (p) => `The device has written ${pages(p)} through its own page table.`,
    why: 'All entries were there and writable.',
  },
  'device.mapped': {
    what: (p) => `The device’s page table has entries for ${pages(p)} from ${page(p)} on.`,
    why: '`hmm_range_fault` copied what the CPU’s page table says; a notifier tells the device when that changes.',
  },
  'device.exclusive': {
    what: (p) => `The device has ${pages(p)} from ${page(p)} on for itself.`,
    why: 'The CPU entries are device-exclusive now; the next CPU access faults and ends it.',
  },
  'device.snapshot': {
    what: (p) => `The driver has looked at ${pages(p)} from ${page(p)} on.`,
    why: '`hmm_range_fault` reports what is there; it faults nothing in and changes nothing.',
  },
  'fork.copied': {
    what: 'The page tables of an area are copied to the child.',
    why: 'Entries of private memory become read-only on both sides, so that the first write is noticed.',
  },
};
