// Pins on many plain pages in one go, for big steps. The mechanisms, whose every effect on the state is here too, are
// gup-follow.ts: followPagePte for taking pins, gup-longterm.ts: collectLongtermUnpinnablePages for judging them, and
// gup-grab.ts: gupPutFolio for dropping them.

import type { Vma } from '../../machine/entities.ts';
import { SECTION_MASK } from '../../machine/column.ts';
import type { Machine } from '../../machine/machine.ts';
import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE, GUP_PIN_COUNTING_BIAS } from '../../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_head, PG_lru, PG_reserved } from '../../uapi/page-flags.ts';
import { PTE_RW } from '../../uapi/pte.ts';
import { PAGEBLOCK_NR_PAGES, type Pfn, type Pfns, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { longtermPinnability, type Pinnability } from './normal-page.ts';
import {
  countCalls,
  countDecisions,
  findPlainRun,
  holdPages,
  inChunks,
  newPlainRun,
  runLength,
  tellPages,
  unfollowed,
} from './plain-pages.ts';

const found = newPlainRun();
const chunk = new Float64Array(PTRS_PER_TABLE);

const addToCounts = (m: Machine, pfns: Float64Array, n: number, by: number): void => {
  for (let at = 0; at < n; ) {
    const run = runLength(pfns, at, n);
    const length = Math.abs(run);
    const first = run < 0 ? pfns[at + length - 1] : pfns[at];
    const counts = m.pages.refcount.writableSection(first);
    const row = first & SECTION_MASK;
    for (let i = row; i < row + length; i++) counts[i] += by;
    at += length;
  }
};

/**
 * Pins the plain pages at the beginning of a range, which need no fault.
 *
 * Kernel: `mm/gup.c: follow_page_pte, try_grab_page`, many times; the mechanism is gup-follow.ts
 *
 * @param pages - gets the frames, from index `at` on
 * @returns how many; 0: the next page is none of these, or the caller asks for more than a pin
 */
export const pinPlainPages = (
  m: Machine,
  vma: Vma,
  vpn: Vpn,
  end: Vpn,
  flags: number,
  pages: Pfn[] | Float64Array,
  at: number,
): number => {
  if (!inChunks(m) || (flags & FOLL_PIN) === 0 || (flags & ~(FOLL_PIN | FOLL_WRITE | FOLL_LONGTERM)) !== 0)
    return 0;
  const bits = (flags & FOLL_WRITE) === 0 ? 0 : PTE_RW;
  const want = { refcount: 1, flags: 0, optional: PG_lru | PG_reserved, bits };
  findPlainRun(m, vma, vpn, Math.min(end, vma.vmEnd), want, found);
  const { n, pfns } = found;
  if (n === 0) return 0;
  addToCounts(m, pfns, n, GUP_PIN_COUNTING_BIAS);
  if (Array.isArray(pages)) for (let i = 0; i < n; i++) pages[at + i] = pfns[i];
  else pages.set(pfns.subarray(0, n), at);
  m.countVmEvent('nr_foll_pin_acquired', n);
  holdPages(m, pfns, n, 'FOLL_PIN', GUP_PIN_COUNTING_BIAS);
  countCalls(m, ['follow_page_mask', 'follow_page_pte', 'vm_normal_page', 'try_grab_page'], n);
  tellPages(m, 'pinned', vpn, pfns, pfns, n);
  return n;
};

/** Whether a frame is a small page by itself. */
const isSmall = (m: Machine, pfn: Pfn): boolean =>
  (m.pages.flags.get(pfn) & PG_head) === 0 && m.pages.tailOffset.get(pfn) === 0;

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
  // a pageblock lies in one section
  const flags = m.pages.flags.readable(first);
  const tails = m.pages.tailOffset.readable(first);
  const [low, high] = [block * PAGEBLOCK_NR_PAGES, (block + 1) * PAGEBLOCK_NR_PAGES];
  let n = 1;
  for (; at + n < pages.length; n++) {
    const pfn = pages[at + n];
    if (pfn < low || pfn >= high || pfn === pages[at + n - 1] || pfn === m.zeroPfn) break;
    const row = pfn & SECTION_MASK;
    if ((flags[row] & PG_head) !== 0 || tails[row] !== 0) break;
  }
  n = unfollowed(m, n, (numbers, i) => numbers.has(pages[at + i]));
  if (n === 0) return undefined;
  countCalls(m, ['folio_is_longterm_pinnable', 'is_longterm_pinnable_page'], n);
  if (why !== 'no-migration') countDecisions(m, [`pinnable.${why}`], n);
  return { why, n };
};

/**
 * Drops the pins of small pages that stay in use.
 *
 * Kernel: `mm/gup.c: unpin_user_pages`, many times; the mechanism is gup-grab.ts
 *
 * @param want - flags that each page must have
 * @returns how many from `at` on; 0: the next page is none of these
 */
export const unpinPlainPages = (m: Machine, pages: Pfns, at: number, want = 0): number => {
  if (!inChunks(m)) return 0;
  const { flags, refcount } = m.pages;
  let n = 0;
  for (; n < PTRS_PER_TABLE && at + n < pages.length; n++) {
    const pfn = pages[at + n];
    if (pfn === m.zeroPfn || pfn === pages[at + n + 1]) break;
    // what is anonymous and not its process's own stops the kernel
    const wanted = PG_anon_exclusive | want;
    if ((flags.get(pfn) & wanted) !== wanted || !isSmall(m, pfn)) break;
    if (refcount.get(pfn) <= GUP_PIN_COUNTING_BIAS) break;
    chunk[n] = pfn;
  }
  n = unfollowed(m, n, (numbers, i) => numbers.has(chunk[i]));
  if (n === 0) return 0;
  addToCounts(m, chunk, n, -GUP_PIN_COUNTING_BIAS);
  m.countVmEvent('nr_foll_pin_released', n);
  holdPages(m, chunk, n, 'FOLL_PIN', -GUP_PIN_COUNTING_BIAS);
  countCalls(m, ['gup_put_folio'], n);
  tellPages(m, 'unpinned', 0, chunk, chunk, n);
  return n;
};
