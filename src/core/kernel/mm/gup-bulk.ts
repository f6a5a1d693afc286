// Pins on many plain pages in one go, for big steps. The mechanisms, whose every effect on the state is here too, are
// gup-follow.ts: followPagePte for taking pins, gup-longterm.ts: collectLongtermUnpinnablePages for judging them, and
// gup-grab.ts: gupPutFolio for dropping them.

import type { Mm, Vma } from '../../machine/entities.ts';
import { changeRows } from '../../machine/column-runs.ts';
import type { Machine } from '../../machine/machine.ts';
import { holderId } from '../../uapi/events.ts';
import {
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_PIN,
  FOLL_TOUCH,
  FOLL_WRITE,
  GUP_PIN_COUNTING_BIAS,
} from '../../uapi/gup-flags.ts';
import {
  PG_active,
  PG_anon_exclusive,
  PG_dirty,
  PG_head,
  PG_locked,
  PG_lru,
  PG_referenced,
  PG_reserved,
} from '../../uapi/page-flags.ts';
import { PTE_DIRTY, PTE_RW } from '../../uapi/pte.ts';
import { PAGEBLOCK_NR_PAGES, type Pfn, type Pfns, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { activatablePages, activatePages } from './lru-bulk.ts';
import { longtermPinnability, type Pinnability, pinnableFor } from './normal-page.ts';
import {
  changePages,
  commonBits,
  countCalls,
  countDecisions,
  eachRun,
  findPlainRun,
  inChunks,
  newPlainRun,
  passingPages,
  type PlainRun,
  runLength,
  tellPages,
  unfollowed,
} from './plain-pages.ts';
import { vmaLookup } from './vma.ts';

const found = newPlainRun();
const chunk = new Float64Array(PTRS_PER_TABLE);

/** Where a call collects its pages. */
export type FoundPages = Pfn[] | Float64Array;

/** Counts, holders and, where `flagged` says so, flags of pages that a call takes, or drops. */
const hold = (m: Machine, pfns: Float64Array, n: number, flags: number, by: number, flagged = 0): void => {
  const holder = holderId((flags & FOLL_PIN) !== 0 ? 'FOLL_PIN' : 'FOLL_GET');
  eachRun(pfns, n, ({ low, length }) => {
    changeRows(m.pages.refcount, low, length, (count) => count + by);
    m.journal.holderRuns.addRun(holder, low, length, by);
    if (flagged !== 0) changeRows(m.pages.flags, low, length, (word) => word | flagged);
  });
};

/** @param flagged - flags that all of them get */
const takePages = (m: Machine, pfns: Float64Array, n: number, flags: number, flagged: number): void => {
  const pins = (flags & FOLL_PIN) !== 0;
  if (pins) m.countVmEvent('nr_foll_pin_acquired', n);
  hold(m, pfns, n, flags, pins ? GUP_PIN_COUNTING_BIAS : 1, flagged);
};

const collect = (pages: FoundPages, at: number, pfns: Float64Array, n: number): void => {
  if (Array.isArray(pages)) for (let i = 0; i < n; i++) pages[at + i] = pfns[i];
  else pages.set(pfns.subarray(0, n), at);
};

/** How many pages are marked as accessed without going to another list: those never marked before, and active ones. */
const markableInPlace = (m: Machine, pfns: Float64Array, n: number): number =>
  passingPages(m.pages.flags, pfns, n, (word) => (word & (PG_referenced | PG_active)) !== PG_referenced);

/** What FOLL_TOUCH does to the flags of all pages; a write makes those dirty that neither entry nor page says it of. */
const touchFlags = (run: PlainRun, flags: number): number => {
  if ((flags & FOLL_TOUCH) === 0) return 0;
  const bits = commonBits(run);
  const clean = bits !== undefined && (bits & PTE_DIRTY) === 0;
  return PG_referenced | ((flags & FOLL_WRITE) !== 0 && clean ? PG_dirty : 0);
};

/** The same of each page, where their entries differ. */
const touchUnlike = (m: Machine, run: PlainRun, n: number, flags: number): void => {
  if ((flags & (FOLL_TOUCH | FOLL_WRITE)) !== (FOLL_TOUCH | FOLL_WRITE) || commonBits(run) !== undefined)
    return;
  const { pfns, entries } = run;
  changePages(m.pages.flags, pfns, n, (word, i) => ((entries[i] & PTE_DIRTY) === 0 ? word | PG_dirty : word));
};

/**
 * Takes references or pins on the plain pages at the beginning of a range, which need no fault.
 *
 * Kernel: `mm/gup.c: follow_page_pte, try_grab_page`, many times; the mechanism is gup-follow.ts
 *
 * @param pages - gets the frames, from index `at` on
 * @returns how many; 0: the next page is none of these, or the caller asks for more
 */
export const takePlainPages = (
  m: Machine,
  vma: Vma,
  vpn: Vpn,
  end: Vpn,
  flags: number,
  pages: FoundPages,
  at: number,
): number => {
  const takes = flags & (FOLL_PIN | FOLL_GET);
  if (!inChunks(m) || (takes !== FOLL_PIN && takes !== FOLL_GET)) return 0;
  if ((flags & ~(takes | FOLL_TOUCH | FOLL_WRITE | FOLL_LONGTERM)) !== 0) return 0;
  const bits = (flags & FOLL_WRITE) === 0 ? 0 : PTE_RW;
  const want = { refcount: 1, flags: 0, optional: PG_lru | PG_reserved | PG_active, bits };
  findPlainRun(m, vma, vpn, Math.min(end, vma.vmEnd), want, found);
  const { pfns } = found;
  const touches = (flags & FOLL_TOUCH) !== 0;
  const inPlace = touches ? markableInPlace(m, pfns, found.n) : found.n;
  const n = inPlace > 0 ? inPlace : activatablePages(m, pfns, found.n);
  if (n === 0) return 0;
  takePages(m, pfns, n, flags, touchFlags(found, flags));
  collect(pages, at, pfns, n);
  touchUnlike(m, found, n, flags);
  if (touches) countCalls(m, ['mark_page_accessed', 'folio_mark_accessed'], n);
  if (inPlace === 0) activatePages(m, pfns, n);
  countCalls(m, ['follow_page_mask', 'follow_page_pte', 'vm_normal_page', 'try_grab_page'], n);
  tellPages(m, takes === FOLL_PIN ? 'pinned' : 'referenced', vpn, pfns, pfns, n);
  return n;
};

/**
 * The same for the fast walk, under one page table.
 *
 * Kernel: `mm/gup.c: gup_pte_range, try_grab_folio`, many times; the mechanism is gup-fast.ts
 *
 * @returns how many; 0: the next page is none of these
 */
export const grabPlainPages = (
  m: Machine,
  mm: Mm,
  vpn: Vpn,
  end: Vpn,
  flags: number,
  pages: FoundPages,
  at: number,
): number => {
  const vma = inChunks(m) ? vmaLookup(m, mm, vpn) : undefined;
  if (vma === undefined) return 0;
  const bits = (flags & FOLL_WRITE) === 0 ? 0 : PTE_RW;
  const want = { refcount: 1, flags: 0, optional: PG_lru | PG_reserved | PG_active, bits };
  findPlainRun(m, vma, vpn, Math.min(end, vma.vmEnd), want, found);
  const { pfns } = found;
  let { n } = found;
  if (n > 0 && (flags & FOLL_LONGTERM) !== 0) n = countPinnable(m, pfns, n);
  if (n === 0) return 0;
  takePages(m, pfns, n, flags, PG_referenced);
  collect(pages, at, pfns, n);
  countCalls(m, ['try_grab_folio'], n);
  countDecisions(m, ['gup.fast.grabbed'], n);
  tellPages(m, (flags & FOLL_PIN) === 0 ? 'referenced' : 'pinned', vpn, pfns, pfns, n);
  return n;
};

/** How many small pages at the beginning are fit for long-term pins, all for the same reason. */
const countPinnable = (m: Machine, pfns: Float64Array, n: number): number => {
  const why = longtermPinnability(m, pfns[0]);
  if (!pinnableFor(why)) return 0;
  const block = Math.floor(pfns[0] / PAGEBLOCK_NR_PAGES);
  let same = 1;
  while (same < n && Math.floor(pfns[same] / PAGEBLOCK_NR_PAGES) === block) same++;
  countCalls(m, ['is_longterm_pinnable_page'], same);
  if (why !== 'no-migration') countDecisions(m, [`pinnable.${why}`], same);
  return same;
};

/** Whether a frame is a small page by itself. */
const isSmall = (m: Machine, pfn: Pfn): boolean =>
  (m.pages.flags.get(pfn) & PG_head) === 0 && m.pages.tailOffset.get(pfn) === 0;

/** How many of the first pages of `chunk` lie in a pageblock, without one that stands twice, or the zero page. */
const pagesOfBlock = (m: Machine, block: number, most: number): number => {
  const [low, high] = [block * PAGEBLOCK_NR_PAGES, (block + 1) * PAGEBLOCK_NR_PAGES];
  const run = runLength(chunk, 0, most);
  let n = run < 0 ? Math.min(-run, chunk[0] - low + 1) : Math.min(run, high - chunk[0]);
  if (low <= m.zeroPfn && m.zeroPfn < high) n = 1;
  for (; n < most; n++) {
    const pfn = chunk[n];
    if (pfn < low || pfn >= high || pfn === chunk[n - 1] || pfn === m.zeroPfn) break;
  }
  return n;
};

/**
 * Judges small pages of one pageblock together: the first condition that decides is the same for all of them.
 *
 * Kernel: `include/linux/mm.h: is_longterm_pinnable_page`, many times; the mechanism is normal-page.ts
 *
 * @param judges - whether the caller can go by a condition without looking at each page
 * @returns the condition and to how many pages from `at` on it applies; undefined: not to be judged together
 */
export const judgePages = (
  m: Machine,
  pages: Pfns,
  at: number,
  judges: (why: Pinnability) => boolean,
): { readonly why: Pinnability; readonly n: number } | undefined => {
  const first = pages[at];
  if (!inChunks(m) || first === m.zeroPfn || !isSmall(m, first)) return undefined;
  const why = longtermPinnability(m, first);
  if (!judges(why)) return undefined;
  const block = Math.floor(first / PAGEBLOCK_NR_PAGES);
  const room = Math.min(PTRS_PER_TABLE, pages.length - at);
  if (pages instanceof Float64Array) chunk.set(pages.subarray(at, at + room));
  else for (let i = 0; i < room; i++) chunk[i] = pages[at + i];
  let n = pagesOfBlock(m, block, room);
  n = passingPages(m.pages.flags, chunk, n, (word) => (word & PG_head) === 0);
  n = passingPages(m.pages.tailOffset, chunk, n, (offset) => offset === 0);
  n = unfollowed(m, n, (numbers, i) => numbers.has(pages[at + i]));
  if (n === 0) return undefined;
  countCalls(m, ['folio_is_longterm_pinnable', 'is_longterm_pinnable_page'], n);
  if (why !== 'no-migration') countDecisions(m, [`pinnable.${why}`], n);
  return { why, n };
};

/** What becomes of the pages when their pins are dropped: nothing, or each that is not dirty is made so under its lock. */
type Leaving = 'as they are' | 'dirty';

/**
 * Drops the pins of small pages that stay in use.
 *
 * Kernel: `mm/gup.c: unpin_user_pages, unpin_user_pages_dirty_lock`, many times; the mechanism is gup-grab.ts
 *
 * @returns how many from `at` on; 0: the next page is none of these
 */
export const unpinPlainPages = (
  m: Machine,
  pages: Pfns,
  at: number,
  leaving: Leaving = 'as they are',
): number => {
  if (!inChunks(m)) return 0;
  const { flags, refcount } = m.pages;
  let n = 0;
  for (; n < PTRS_PER_TABLE && at + n < pages.length; n++) {
    const pfn = pages[at + n];
    if (pfn === m.zeroPfn || pfn === pages[at + n + 1]) break;
    // what is anonymous and not its process's own stops the kernel
    const word = flags.get(pfn);
    if ((word & PG_anon_exclusive) === 0 || !isSmall(m, pfn)) break;
    if (leaving === 'dirty' && (word & PG_locked) !== 0) break;
    if (refcount.get(pfn) <= GUP_PIN_COUNTING_BIAS) break;
    chunk[n] = pfn;
  }
  n = unfollowed(m, n, (numbers, i) => numbers.has(chunk[i]));
  if (n === 0) return 0;
  hold(m, chunk, n, FOLL_PIN, -GUP_PIN_COUNTING_BIAS, leaving === 'dirty' ? PG_dirty : 0);
  m.countVmEvent('nr_foll_pin_released', n);
  countCalls(m, ['gup_put_folio'], n);
  tellPages(m, 'unpinned', 0, chunk, chunk, n);
  return n;
};
