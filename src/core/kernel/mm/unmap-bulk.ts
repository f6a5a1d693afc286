// Taking many plain mappings away in one go, and freeing the pages behind them, for big steps. The mechanisms, whose every
// effect on the state is here too, are unmap.ts: zapPresentPte, and mmu-gather.ts: releasePages. The gather between them
// is the same, so that pages go in the same batches and in the same order.

import type { Vma } from '../../machine/entities.ts';
import { SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import { PG_active, PG_lru, PG_reserved } from '../../uapi/page-flags.ts';
import { type Pfn, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { freePagesBulk } from './buddy-bulk.ts';
import { isolatePages } from './lru-bulk.ts';
import { type MmuGather, tlbRemovePage, tlbRemoveTlbEntry } from './mmu-gather.ts';
import {
  changeAlike,
  countCalls,
  findPlainRun,
  flagsArePlain,
  holdPages,
  inChunks,
  inOneRange,
  newPlainRun,
  tellPages,
  unfollowed,
} from './plain-pages.ts';

const found = newPlainRun();
const freed = new Float64Array(PTRS_PER_TABLE);

/**
 * Takes the plain mappings at the beginning of a range away, until the gather is full.
 *
 * Kernel: `mm/memory.c: zap_pte_range`, many times around; the mechanism is unmap.ts: zapPresentPte
 *
 * @returns how many, and whether the gather is full; 0: the next one is none of these
 */
export const zapPlainPtes = (
  m: Machine,
  tlb: MmuGather,
  vma: Vma,
  start: Vpn,
  end: Vpn,
): { readonly n: number; readonly isFull: boolean } => {
  if (!inChunks(m)) return { n: 0, isFull: false };
  const want = { refcount: 1, flags: 0, optional: PG_lru | PG_reserved | PG_active, bits: 0 };
  findPlainRun(m, vma, start, end, want, found);
  let n = 0;
  let isFull = false;
  while (n < found.n && !isFull) isFull = tlbRemovePage(m, tlb, found.pfns[n++]);
  if (n === 0) return { n, isFull };
  m.entries.writeLine(found.row, n, 0, 0);
  tlbRemoveTlbEntry(m, tlb, start, n);
  changeAlike(m.pages.mapcount, found.pfns, n, () => 0);
  m.addRss(vma.mm, RSS_ANON, -n);
  countCalls(m, ['vm_normal_page', 'page_remove_rmap'], n);
  tellPages(m, 'unmapped', start, found.pfns, found.pfns, n);
  return { n, isFull };
};

/** Pages from one on that nothing but the gather holds, in one range of system memory and all on the list of active anonymous pages, or all on that of inactive ones. */
const findGathered = (m: Machine, pages: readonly Pfn[], from: number): number => {
  const { flags, refcount, mapcount, mapping } = m.pages;
  const most = Math.min(pages.length - from, PTRS_PER_TABLE);
  let no = -1;
  let [f, r, c, a] = [flags, refcount, mapcount, mapping].map((column) => column.readable(0));
  let active = 0;
  let n = 0;
  for (; n < most; n++) {
    const pfn = pages[from + n];
    const section = Math.floor(pfn / SECTION_ROWS);
    if (section !== no) {
      no = section;
      f = flags.readable(pfn);
      r = refcount.readable(pfn);
      c = mapcount.readable(pfn);
      a = mapping.readable(pfn);
    }
    const i = pfn & SECTION_MASK;
    if (n === 0) active = f[i] & PG_active;
    if (
      !flagsArePlain(f[i], PG_lru, PG_active) ||
      (f[i] & PG_active) !== active ||
      r[i] !== 1 ||
      c[i] !== 0 ||
      (a[i] & 1) !== 1
    )
      break;
    freed[n] = pfn;
  }
  n = unfollowed(m, n, (numbers, i) => numbers.has(freed[i]));
  if (n === 0 || m.rangeOf(freed[0])?.kind !== 'ram') return 0;
  return inOneRange(m, freed, n);
};

/**
 * Drops the last references of plain pages that were unmapped.
 *
 * Kernel: `mm/swap.c: release_pages`; the mechanism is swap.ts: folioPutRefs
 *
 * @param at - index of the first page in question
 * @returns how many; 0: the next one is none of these
 */
export const releasePlainPages = (m: Machine, pages: readonly Pfn[], at: number): number => {
  if (!inChunks(m)) return 0;
  const n = findGathered(m, pages, at);
  if (n === 0) return 0;
  isolatePages(m, freed, n, (m.pages.flags.get(freed[0]) & PG_active) !== 0);
  changeAlike(m.pages.refcount, freed, n, () => 0);
  holdPages(m, freed, n, 'page table entry', -1);
  freePagesBulk(m, freed, n);
  return n;
};
