// mm/mmu_gather.c: unmapped pages wait here until the TLBs forget them; only then their references are dropped.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { PG_table } from '../../uapi/page-flags.ts';
import { type Pfn, TASK_SIZE_PAGES, type Vpn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';
import { letGo } from '../sched/locks.ts';
import { mmuNotifierInvalidateRange } from './mmu-notifier.ts';
import { compoundHead, testFlags } from './page-ref.ts';
import { freeTable } from './page-table.ts';
import { lruAddDrain, putPage } from './swap.ts';
import { freeSwapCache } from './swapfile.ts';
import { releasePlainPages } from './unmap-bulk.ts';

/** Entries of the batch inside the gather. Kernel: include/asm-generic/tlb.h: MMU_GATHER_BUNDLE */
const MMU_GATHER_BUNDLE = 8;
/** Entries of a batch that fills a page. */
const MAX_GATHER_BATCH = 510;
const MAX_GATHER_BATCH_COUNT = Math.floor(10000 / MAX_GATHER_BATCH);

/** struct mmu_gather. Lives during one call of the kernel; it is no state of the machine. */
export interface MmuGather {
  readonly mm: number;
  /** Queued pages, in the order of unmapping; the last batch is the active one. */
  batches: Pfn[][];
  /** Range whose translations the processor may still hold. */
  start: Vpn;
  end: Vpn;
  /** An entry or a table was cleared since the last flush. */
  pending: boolean;
}

/** Kernel: `mm/mmu_gather.c: tlb_gather_mmu` */
export const tlbGatherMmu = (_m: Machine, mm: number): MmuGather => ({
  mm,
  batches: [[]],
  start: Number.POSITIVE_INFINITY,
  end: 0,
  pending: false,
});

/** Notes that the entries of a range changed. Kernel: `include/asm-generic/tlb.h: __tlb_adjust_range` */
const tlbAdjustRange = (tlb: MmuGather, vpn: Vpn, npages: number): void => {
  tlb.start = Math.min(tlb.start, vpn);
  tlb.end = Math.max(tlb.end, vpn + npages);
  tlb.pending = true;
};

/** Kernel: `include/asm-generic/tlb.h: tlb_remove_tlb_entry, tlb_flush_pte_range, tlb_flush_pmd_range` */
export const tlbRemoveTlbEntry = (_m: Machine, tlb: MmuGather, vpn: Vpn, npages = 1): void =>
  tlbAdjustRange(tlb, vpn, npages);

/**
 * Queues a page whose mapping is gone; its reference is dropped after the flush.
 *
 * Kernel: `mm/mmu_gather.c: __tlb_remove_page_size`
 *
 * @returns true if the queue is full and must be flushed
 */
export const tlbRemovePage = (_m: Machine, tlb: MmuGather, pfn: Pfn): boolean => {
  const active = tlb.batches.length - 1;
  const batch = tlb.batches[active];
  batch.push(pfn);
  if (batch.length < (active === 0 ? MMU_GATHER_BUNDLE : MAX_GATHER_BATCH)) return false;
  if (active === MAX_GATHER_BATCH_COUNT) return true;
  tlb.batches.push([]);
  return false;
};

/** Queues a page of page table. Kernel: `include/asm-generic/tlb.h: pte_free_tlb, pmd_free_tlb, pud_free_tlb` */
export const tlbRemoveTable = (m: Machine, tlb: MmuGather, table: Pfn, vpn: Vpn): void => {
  tlbAdjustRange(tlb, vpn, 1);
  if (tlbRemovePage(m, tlb, table)) tlbFlushMmu(m, tlb);
};

/** Kernel: `include/asm-generic/tlb.h: tlb_flush_mmu_tlbonly` */
export const tlbFlushMmuTlbonly = (m: Machine, tlb: MmuGather): void => {
  if (!tlb.pending) return;
  mmuNotifierInvalidateRange(m, tlb.mm, tlb.start, tlb.end);
  tlb.start = Number.POSITIVE_INFINITY;
  tlb.end = 0;
  tlb.pending = false;
};

/** Drops the references of a batch, in the order of unmapping. Kernel: `mm/swap.c: release_pages` */
const releasePages = atomic('release_pages', (m, _count: number, pages: readonly Pfn[]): void => {
  for (let at = 0; at < pages.length; at++) {
    const many = releasePlainPages(m, pages, at);
    if (many > 0) at += many - 1;
    else if (testFlags(m, pages[at], PG_table)) freeTable(m, pages[at]);
    else putPage(m, pages[at], 'page table entry');
  }
});

/** Kernel: `mm/swap_state.c: free_pages_and_swap_cache` */
const freePagesAndSwapCache = (m: Machine, pages: readonly Pfn[]): void => {
  lruAddDrain(m);
  for (const page of pages) if (!testFlags(m, page, PG_table)) freeSwapCache(m, compoundHead(m, page));
  releasePages(m, pages.length, pages);
};

/**
 * Flushes the TLBs, then works the queue off, batch by batch.
 *
 * Kernel: `mm/mmu_gather.c: tlb_flush_mmu, tlb_batch_pages_flush`
 */
export const tlbFlushMmu = (m: Machine, tlb: MmuGather): void => {
  tlbFlushMmuTlbonly(m, tlb);
  const { batches } = tlb;
  tlb.batches = [[]];
  for (const batch of batches) if (batch.length > 0) freePagesAndSwapCache(m, batch);
};

/** The same, letting go of the worker between batches. Kernel: `mm/mmu_gather.c: tlb_flush_mmu, tlb_batch_pages_flush` */
export function* tlbFlushMmuInSlices(m: Machine, tlb: MmuGather): Sleeps<void> {
  tlbFlushMmuTlbonly(m, tlb);
  const { batches } = tlb;
  tlb.batches = [[]];
  for (const batch of batches) {
    if (batch.length === 0) continue;
    freePagesAndSwapCache(m, batch);
    yield* letGo(m, 'tlb_batch_pages_flush', 0);
  }
}

/**
 * Flushes what is left.
 *
 * Kernel: `mm/mmu_gather.c: tlb_finish_mmu`
 *
 * @param nested - another change of the same address space is under way (mm_tlb_flush_nested), if only the caller's own:
 *   then everything is flushed, whether anything changed or not
 */
export const tlbFinishMmu = (m: Machine, tlb: MmuGather, nested = false): void => {
  if (nested) tlbAdjustRange(tlb, 0, TASK_SIZE_PAGES);
  tlbFlushMmu(m, tlb);
};
