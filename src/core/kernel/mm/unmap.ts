// mm/memory.c: taking mappings away. Clears entries, updates counts, and hands pages and page tables to the gather,
// which frees them after the TLB flush.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_SWAP } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import {
  type Entry,
  entryPfn,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isMigrationEntry,
  isRealSwapEntry,
  pteDirty,
  ptePresent,
  pteYoung,
} from '../../uapi/pte.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_PFN, NO_ROW, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGo } from '../sched/locks.ts';
import { mmCounter } from './fault.ts';
import { isHugePmd, zapHugePmd } from './huge-memory.ts';
import { splitHugePmd } from './huge-split.ts';
import { unmapHugepageRange } from './hugetlb.ts';
import { vmaUnlinkFile } from './i-mmap.ts';
import {
  type MmuGather,
  tlbFlushMmuInSlices,
  tlbGatherMmu,
  tlbRemovePage,
  tlbRemoveTable,
  tlbRemoveTlbEntry,
} from './mmu-gather.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { vmNormalPage } from './normal-page.ts';
import { pageAnon } from './page-ref.ts';
import { PMD_PAGES, pmdOffset, pteOffset, tableIndex } from './page-table.ts';
import { pageRemoveRmap } from './rmap.ts';
import { unlinkAnonVmas } from './anon-vma.ts';
import { lruAddDrain, markPageAccessed, putPage, setPageDirty } from './swap.ts';
import { freeSwapAndCache } from './swapfile.ts';
import { zapPlainPtes } from './unmap-bulk.ts';
import { isVmHugetlbPage } from './vma.ts';

/** End of the user's half of the address space. Kernel: arch/x86/include/asm/page_64_types.h: TASK_SIZE_MAX */
export const TASK_SIZE_PAGES: Vpn = 2 ** 35;

/** What the loop over the entries does next. */
type AfterEntry = 'go-on' | 'flush-at-end' | 'flush-now';

/** A present entry goes away; the page waits in the gather. */
const zapPresentPte = (
  m: Machine,
  tlb: MmuGather,
  vma: Vma,
  vpn: Vpn,
  row: EntryRow,
  entry: Entry,
): AfterEntry => {
  const page = vmNormalPage(m, vma, vpn, entry);
  m.entries.set(row, 0);
  tlbRemoveTlbEntry(m, tlb, vpn);
  if (page === NO_PFN) return 'go-on';
  let after: AfterEntry = 'go-on';
  if (!pageAnon(m, page)) {
    if (pteDirty(entry)) {
      // page cleaning must not meet a processor that can still write through its TLB
      after = 'flush-at-end';
      setPageDirty(m, page);
    }
    if (pteYoung(entry)) markPageAccessed(m, page);
  }
  m.addRss(vma.mm, mmCounter(m, page), -1);
  pageRemoveRmap(m, page, vma, false);
  return tlbRemovePage(m, tlb, page) ? 'flush-now' : after;
};

/** An entry that is not present: device pages lose their reference at once, inside the walk. */
const zapSpecialPte = (m: Machine, vma: Vma, row: EntryRow, entry: Entry): void => {
  if (isDevicePrivateEntry(entry) || isDeviceExclusiveEntry(entry)) {
    const page = entryPfn(entry);
    m.addRss(vma.mm, mmCounter(m, page), -1);
    if (isDevicePrivateEntry(entry)) {
      pageRemoveRmap(m, page, vma, false);
      putPage(m, page, 'page table entry');
    } else {
      putPage(m, page, 'device-exclusive entry');
    }
  } else if (isMigrationEntry(entry)) {
    m.addRss(vma.mm, mmCounter(m, entryPfn(entry)), -1);
  } else if (isRealSwapEntry(entry)) {
    m.addRss(vma.mm, RSS_SWAP, -1);
    freeSwapAndCache(m, entryPfn(entry));
  }
  m.entries.set(row, 0);
};

/** Zaps up to `end`, or until the gather is full. Returns where it stopped and whether to flush. */
const zapPtes = (
  m: Machine,
  tlb: MmuGather,
  vma: Vma,
  pmdRow: EntryRow,
  start: Vpn,
  end: Vpn,
): { readonly next: Vpn; readonly forceFlush: boolean } => {
  let forceFlush = false;
  for (let vpn = start; vpn < end; vpn++) {
    const many = zapPlainPtes(m, tlb, vma, vpn, end);
    if (many.isFull) return { next: vpn + many.n, forceFlush: true };
    if (many.n > 0) {
      vpn += many.n - 1;
      continue;
    }
    const row = pteOffset(m, pmdRow, vpn);
    const entry = m.entries.get(row);
    if (entry === 0) continue;
    if (!ptePresent(entry)) {
      zapSpecialPte(m, vma, row, entry);
      continue;
    }
    const after = zapPresentPte(m, tlb, vma, vpn, row, entry);
    if (after === 'flush-now') return { next: vpn + 1, forceFlush: true };
    if (after === 'flush-at-end') forceFlush = true;
  }
  return { next: end, forceFlush };
};

/**
 * Unmaps the small pages of a range under one page table.
 *
 * Kernel: `mm/memory.c: zap_pte_range`
 * Simplified: no userfaultfd markers.
 */
const zapPteRange = sleepable(
  'zap_pte_range',
  function* (m, vma: Vma, start: Vpn, end: Vpn, pmdRow: EntryRow, tlb: MmuGather): Sleeps<void> {
    let vpn = start;
    while (vpn < end) {
      const { next, forceFlush } = zapPtes(m, tlb, vma, pmdRow, vpn, end);
      vpn = next;
      if (!forceFlush) continue;
      yield* tlbFlushMmuInSlices(m, tlb);
    }
  },
);

/** Kernel: `mm/memory.c: unmap_page_range, zap_pmd_range` */
export function* unmapPageRange(m: Machine, tlb: MmuGather, vma: Vma, start: Vpn, end: Vpn): Sleeps<void> {
  const mm = m.mms.get(vma.mm);
  let next: Vpn;
  for (let vpn = start; vpn < end; vpn = next) {
    next = Math.min(end, vpn - (vpn % PMD_PAGES) + PMD_PAGES);
    const pmdRow = pmdOffset(m, mm, vpn);
    if (pmdRow === NO_ROW) continue;
    if (isHugePmd(m.entries.get(pmdRow))) {
      if (next - vpn !== HPAGE_PMD_NR) splitHugePmd(m, vma, pmdRow, vpn, false);
      else if (zapHugePmd(m, tlb, vma, pmdRow, vpn)) continue;
    }
    const pmd = m.entries.get(pmdRow);
    if (pmd === 0 || isHugePmd(pmd)) continue;
    const told = m.trace.tally?.pagesSoFar ?? 0;
    yield* zapPteRange(m, vma, vpn, next, pmdRow, tlb);
    const untold = next - vpn - ((m.trace.tally?.pagesSoFar ?? 0) - told);
    yield* letGo(m, 'zap_pte_range', Math.max(0, untold));
  }
}

/** Kernel: `mm/memory.c: unmap_single_vma` */
function* unmapSingleVma(m: Machine, tlb: MmuGather, vma: Vma, rangeStart: Vpn, rangeEnd: Vpn): Sleeps<void> {
  const start = Math.max(vma.vmStart, rangeStart);
  const end = Math.min(vma.vmEnd, rangeEnd);
  if (start >= end) return;
  if (isVmHugetlbPage(vma)) unmapHugepageRange(m, tlb, vma, start, end);
  else yield* unmapPageRange(m, tlb, vma, start, end);
}

/**
 * Unmaps a range of several areas, under one notifier bracket. What it unmaps is freed when the gather finishes.
 *
 * Kernel: `mm/memory.c: unmap_vmas`
 */
export function* unmapVmas(
  m: Machine,
  tlb: MmuGather,
  vmas: readonly Vma[],
  start: Vpn,
  end: Vpn,
): Sleeps<void> {
  const range: MmuNotifierRange = { event: 'UNMAP', mm: tlb.mm, start, end, owner: 0 };
  mmuNotifierInvalidateRangeStart(m, range);
  for (const vma of vmas) yield* unmapSingleVma(m, tlb, vma, start, end);
  mmuNotifierInvalidateRangeEnd(m, range);
}

/**
 * Unmaps a range inside one area; the area stays.
 *
 * Kernel: `mm/memory.c: zap_page_range_single`
 */
export function* zapPageRange(m: Machine, vma: Vma, start: Vpn, end: Vpn): Sleeps<void> {
  lruAddDrain(m);
  const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start, end, owner: 0 };
  const tlb = tlbGatherMmu(m, vma.mm);
  mmuNotifierInvalidateRangeStart(m, range);
  yield* unmapSingleVma(m, tlb, vma, start, end);
  mmuNotifierInvalidateRangeEnd(m, range);
  yield* tlbFlushMmuInSlices(m, tlb);
}

// --- page tables ---------------------------------------------------------------------------------------------

/** Bounds between which no other area may use a table that is freed. Ours: floor and ceiling of free_pgtables. */
interface Bounds {
  readonly floor: Vpn;
  readonly ceiling: Vpn;
}

const roundDown = (vpn: Vpn, npages: number): Vpn => vpn - (vpn % npages);

/**
 * Frees the tables below the entry at `row`, and the table it points to if no other area needs that.
 *
 * Kernel: `mm/memory.c: free_pte_range, free_pmd_range, free_pud_range`
 *
 * @param level - of the entries in the table: 1 PMD, 2 PUD
 */
const freeTableRange = (
  m: Machine,
  tlb: MmuGather,
  row: EntryRow,
  level: number,
  start: Vpn,
  end: Vpn,
  bounds: Bounds,
): void => {
  const table = entryPfn(m.entries.get(row));
  const entryPages = PTRS_PER_TABLE ** level;
  let next: Vpn;
  for (let vpn = start; vpn < end; vpn = next) {
    next = Math.min(end, roundDown(vpn, entryPages) + entryPages);
    const lower = table * PTRS_PER_TABLE + tableIndex(vpn, level);
    const entry = m.entries.get(lower);
    if (entry === 0) continue;
    if (level > 1) {
      freeTableRange(m, tlb, lower, level - 1, vpn, next, bounds);
    } else {
      m.entries.set(lower, 0);
      tlbRemoveTable(m, tlb, entryPfn(entry), vpn);
    }
  }
  const tablePages = entryPages * PTRS_PER_TABLE;
  const tableStart = roundDown(start, tablePages);
  if (tableStart < bounds.floor || end > roundDown(bounds.ceiling, tablePages)) return;
  m.entries.set(row, 0);
  tlbRemoveTable(m, tlb, table, tableStart);
};

/** Kernel: `mm/memory.c: free_pgd_range` */
const freePgdRange = (m: Machine, tlb: MmuGather, from: Vpn, to: Vpn, bounds: Bounds): void => {
  let start = roundDown(from, PMD_PAGES);
  if (start < bounds.floor) start += PMD_PAGES;
  const ceiling = roundDown(bounds.ceiling, PMD_PAGES);
  const end = to > ceiling ? to - PMD_PAGES : to;
  const { pgd } = m.mms.get(tlb.mm);
  const pgdPages = PTRS_PER_TABLE ** 3;
  let next: Vpn;
  for (let vpn = start; vpn < end; vpn = next) {
    next = Math.min(end, roundDown(vpn, pgdPages) + pgdPages);
    const row = pgd * PTRS_PER_TABLE + tableIndex(vpn, 3);
    if (m.entries.get(row) === 0) continue;
    freeTableRange(m, tlb, row, 2, vpn, next, { floor: bounds.floor, ceiling });
  }
};

/**
 * Frees the page tables of areas that are gone, as far as no neighbour uses them, and takes the areas out of the
 * reverse map.
 *
 * Kernel: `mm/memory.c: free_pgtables`
 *
 * @param floor - end of the area before them
 * @param ceiling - start of the area behind them
 */
export const freePgtables = (
  m: Machine,
  tlb: MmuGather,
  vmas: readonly Vma[],
  floor: Vpn,
  ceiling: Vpn,
): void => {
  const unlink = (vma: Vma): void => {
    unlinkAnonVmas(m, vma.id);
    vmaUnlinkFile(m, vma);
  };
  for (let i = 0; i < vmas.length; i++) {
    const start = vmas[i].vmStart;
    unlink(vmas[i]);
    // areas close together share one walk down
    while (
      !isVmHugetlbPage(vmas[i]) &&
      i + 1 < vmas.length &&
      vmas[i + 1].vmStart <= vmas[i].vmEnd + PMD_PAGES &&
      !isVmHugetlbPage(vmas[i + 1])
    ) {
      i++;
      unlink(vmas[i]);
    }
    const next = i + 1 < vmas.length ? vmas[i + 1].vmStart : ceiling;
    freePgdRange(m, tlb, start, vmas[i].vmEnd, { floor, ceiling: next });
  }
};
