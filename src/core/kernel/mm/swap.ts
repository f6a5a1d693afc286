// mm/swap.c: per-CPU batches in front of the LRU lists, and the end of a page's life.

import type { Machine } from '../../machine/machine.ts';
import { FILE_INDIRECT_IN_BH_LRU } from '../../machine/scalars.ts';
import type { HolderKind } from '../../uapi/events.ts';
import {
  PG_active,
  PG_dirty,
  PG_hugetlb,
  PG_lru,
  PG_mlocked,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
} from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { VM_LOCKED, VM_SPECIAL } from '../../uapi/vm-flags.ts';
import type { Vma } from '../../machine/entities.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { unqueueDeferredSplit } from './deferred-split.ts';
import { freeZoneDevicePage } from './memremap.ts';
import { mlockNewPage, mlockPageDrainLocal, mlockBatchPending, drainMlockBatch } from './mlock.ts';
import { lruvecAddFolios, lruvecDelFolio } from './mm-inline.ts';
import { freePages } from './page-alloc.ts';
import {
  clearFlags,
  compoundHead,
  folioGet,
  folioNrPages,
  folioOrder,
  folioRefAdd,
  folioTestLarge,
  isZoneDevicePage,
  pageAnon,
  setFlags,
  testFlags,
} from './page-ref.ts';

/** Slots of a batch. Kernel: include/linux/pagevec.h: PAGEVEC_SIZE */
export const PAGEVEC_SIZE = 15;

const BATCHES = { lruAdd: 0, deactivateFile: 1, deactivate: 2, lazyfree: 3, activate: 4 } as const;
type Batch = keyof typeof BATCHES;
const BATCH_NAMES = Object.keys(BATCHES) as Batch[];

const batchBase = (cpu: number, batch: Batch): number => cpu * 128 + BATCHES[batch] * 16;

/** What becomes of a hugetlb page whose last reference is gone; hugetlb.ts registers itself, see below. */
type FreeHugetlb = (m: Machine, folio: Pfn) => void;
const freeHugetlbOf = new WeakMap<Machine, FreeHugetlb>();

/** Ours: hugetlb.ts sits above this file; a machine with a pool tells where its pages return to. */
export const setFreeHugetlb = (m: Machine, free: FreeHugetlb): void => {
  freeHugetlbOf.set(m, free);
};

/** Whether nothing waits in a CPU's batches. Ours: what a drain would do nothing for. */
export const batchesAreEmpty = (m: Machine, cpu: number): boolean =>
  BATCH_NAMES.every((batch) => m.batches.get(batchBase(cpu, batch) + 15) === 0) && !mlockBatchPending(m, cpu);

/** Pages of one batch of a CPU, oldest first. Ours: for the inspector and the invariants. */
export const batchPages = (m: Machine, cpu: number, batch: Batch): Pfn[] => {
  const base = batchBase(cpu, batch);
  return Array.from({ length: m.batches.get(base + 15) }, (_, i) => m.batches.get(base + i));
};

/** Ours: the slots of one of the running CPU's batches, for those who move many pages. */
export const batchSlots = (
  m: Machine,
  batch: Batch,
): { readonly count: () => number; readonly fill: (pfns: Float64Array) => void } => {
  const base = batchBase(m.current.cpu, batch);
  return {
    count: () => m.batches.get(base + PAGEVEC_SIZE),
    // a batch that was drained keeps what was in it
    fill: (pfns) => pfns.forEach((pfn, i) => m.batches.set(base + i, pfn)),
  };
};

/** Kernel: `mm/internal.h: folio_evictable`. Simplified: no unevictable mappings. */
export const folioEvictable = (m: Machine, folio: Pfn): boolean => !testFlags(m, folio, PG_mlocked);

/** Kernel: `mm/swap.c: lru_add_fn` */
const lruAddFn = (m: Machine, folio: Pfn): void => {
  const wasUnevictable = testFlags(m, folio, PG_unevictable);
  if (wasUnevictable) clearFlags(m, folio, PG_unevictable);
  const nrPages = folioNrPages(m, folio);
  if (folioEvictable(m, folio)) {
    if (wasUnevictable) m.countVmEvent('unevictable_pgs_rescued', nrPages);
    return;
  }
  clearFlags(m, folio, PG_active);
  setFlags(m, folio, PG_unevictable);
  m.pages.mlockCount.set(folio, 0);
  if (!wasUnevictable) m.countVmEvent('unevictable_pgs_culled', nrPages);
};

/** Kernel: `mm/swap.c: folio_activate_fn` */
const activateFn = (m: Machine, folio: Pfn): void => {
  if (!testFlags(m, folio, PG_active | PG_unevictable)) setFlags(m, folio, PG_active);
};

/** Kernel: `mm/swap.c: lru_deactivate_fn` */
const deactivateFn = (m: Machine, folio: Pfn): void => {
  if (testFlags(m, folio, PG_active) && !testFlags(m, folio, PG_unevictable)) {
    clearFlags(m, folio, PG_active | PG_referenced);
  }
};

/** Kernel: `mm/swap.c: lru_lazyfree_fn` */
const lazyfreeFn = (m: Machine, folio: Pfn): void => {
  if (pageAnon(m, folio) && testFlags(m, folio, PG_swapbacked) && !testFlags(m, folio, PG_unevictable)) {
    clearFlags(m, folio, PG_active | PG_referenced | PG_swapbacked);
  }
};

const moveFnOf = (batch: Batch): ((m: Machine, folio: Pfn) => void) => {
  switch (batch) {
    case 'lruAdd':
      return lruAddFn;
    case 'activate':
      return activateFn;
    case 'deactivate':
    case 'deactivateFile':
      return deactivateFn;
    case 'lazyfree':
      return lazyfreeFn;
  }
};

/** Kernel: `mm/swap.c: folio_batch_move_lru` */
const folioBatchMoveLru = (m: Machine, cpu: number, batch: Batch): void => {
  const folios = batchPages(m, cpu, batch);
  const moveFn = moveFnOf(batch);
  const moved: Pfn[] = [];
  for (const folio of folios) {
    if (batch !== 'lruAdd') {
      if (!testFlags(m, folio, PG_lru)) continue;
      lruvecDelFolio(m, folio);
      clearFlags(m, folio, PG_lru);
    }
    moveFn(m, folio);
    moved.push(folio);
  }
  lruvecAddFolios(m, moved);
  for (const folio of moved) setFlags(m, folio, PG_lru);
  m.batches.set(batchBase(cpu, batch) + 15, 0);
  for (const folio of folios) folioPut(m, folio, 'LRU batch');
};

/** Kernel: `mm/swap.c: folio_batch_add_and_move` */
const folioBatchAddAndMove = (m: Machine, folio: Pfn, batch: Batch): void => {
  const base = batchBase(m.current.cpu, batch);
  const count = m.batches.get(base + 15);
  m.batches.set(base + count, folio);
  m.batches.set(base + 15, count + 1);
  // a large folio is not kept waiting in a batch
  if (count + 1 < PAGEVEC_SIZE && !folioTestLarge(m, folio)) return;
  folioBatchMoveLru(m, m.current.cpu, batch);
};

/** Kernel: `mm/swap.c: folio_add_lru` */
export const folioAddLru = atomic('folio_add_lru', (m, folio: Pfn): void => {
  bugOn(testFlags(m, folio, PG_lru), 'folio_add_lru: folio is on an LRU list already');
  bugOn(isZoneDevicePage(m, folio), 'folio_add_lru: device page');
  folioGet(m, folio, 'LRU batch');
  folioBatchAddAndMove(m, folio, 'lruAdd');
});

/** Kernel: `mm/swap.c: folio_add_lru_vma` */
export const folioAddLruVma = atomic('folio_add_lru_vma', (m, folio: Pfn, vma: Vma): void => {
  if ((vma.vmFlags & (VM_LOCKED | VM_SPECIAL)) === VM_LOCKED) mlockNewPage(m, folio);
  else folioAddLru(m, folio);
});

/** Kernel: `mm/folio-compat.c: lru_cache_add_inactive_or_unevictable` */
export const lruCacheAddInactiveOrUnevictable = atomic(
  'lru_cache_add_inactive_or_unevictable',
  (m, pfn: Pfn, vma: Vma): void => folioAddLruVma(m, compoundHead(m, pfn), vma),
);

/** Kernel: `mm/swap.c: folio_activate` */
const folioActivate = (m: Machine, folio: Pfn): void => {
  if (!testFlags(m, folio, PG_lru) || testFlags(m, folio, PG_active | PG_unevictable)) return;
  folioGet(m, folio, 'LRU batch');
  folioBatchAddAndMove(m, folio, 'activate');
};

/** Kernel: `mm/swap.c: folio_mark_accessed` */
export const folioMarkAccessed = atomic('folio_mark_accessed', (m, folio: Pfn): void => {
  if (!testFlags(m, folio, PG_referenced)) {
    setFlags(m, folio, PG_referenced);
    return;
  }
  if (testFlags(m, folio, PG_unevictable) || testFlags(m, folio, PG_active)) return;
  if (testFlags(m, folio, PG_lru)) folioActivate(m, folio);
  else if (batchPages(m, m.current.cpu, 'lruAdd').includes(folio)) setFlags(m, folio, PG_active);
  clearFlags(m, folio, PG_referenced);
});

/** Kernel: `mm/folio-compat.c: mark_page_accessed` */
export const markPageAccessed = atomic('mark_page_accessed', (m, pfn: Pfn): void =>
  folioMarkAccessed(m, compoundHead(m, pfn)),
);

/** Kernel: `mm/swap.c: deactivate_page` */
export const deactivatePage = (m: Machine, pfn: Pfn): void => {
  const folio = compoundHead(m, pfn);
  if (!testFlags(m, folio, PG_lru) || !testFlags(m, folio, PG_active) || testFlags(m, folio, PG_unevictable))
    return;
  folioGet(m, folio, 'LRU batch');
  folioBatchAddAndMove(m, folio, 'deactivate');
};

/** Kernel: `mm/swap.c: mark_page_lazyfree` */
export const markPageLazyfree = (m: Machine, pfn: Pfn): void => {
  const folio = compoundHead(m, pfn);
  const eligible =
    testFlags(m, folio, PG_lru) &&
    pageAnon(m, folio) &&
    testFlags(m, folio, PG_swapbacked) &&
    !testFlags(m, folio, PG_unevictable);
  if (!eligible) return;
  folioGet(m, folio, 'LRU batch');
  folioBatchAddAndMove(m, folio, 'lazyfree');
};

/** Empties the batches of one CPU. Kernel: `mm/swap.c: lru_add_drain_cpu` */
export const lruAddDrainCpu = (m: Machine, cpu: number): void => {
  for (const batch of BATCH_NAMES) {
    if (m.batches.get(batchBase(cpu, batch) + 15) > 0) folioBatchMoveLru(m, cpu, batch);
  }
};

/** Kernel: `mm/swap.c: lru_add_drain` */
export const lruAddDrain = atomic('lru_add_drain', (m): void => {
  lruAddDrainCpu(m, m.current.cpu);
  mlockPageDrainLocal(m);
});

/**
 * Empties the batches of all CPUs, and their memory of buffer heads; the work itself is done by kernel threads, so no call
 * shows here.
 *
 * Kernel: `mm/swap.c: lru_add_drain_all, lru_add_and_bh_lrus_drain`
 */
export const lruAddDrainAll = atomic('lru_add_drain_all', (m): void => {
  for (let cpu = 0; cpu < m.config.cpus; cpu++) {
    lruAddDrainCpu(m, cpu);
    if (mlockBatchPending(m, cpu)) drainMlockBatch(m, cpu);
  }
  if (m.scalars.get(FILE_INDIRECT_IN_BH_LRU) !== 0) m.scalars.set(FILE_INDIRECT_IN_BH_LRU, 0);
});

/** Kernel: `mm/swap.c: __page_cache_release` */
const pageCacheRelease = (m: Machine, folio: Pfn): void => {
  if (testFlags(m, folio, PG_lru)) {
    lruvecDelFolio(m, folio);
    clearFlags(m, folio, PG_lru | PG_active | PG_unevictable);
  }
  if (testFlags(m, folio, PG_mlocked)) {
    clearFlags(m, folio, PG_mlocked);
    m.countVmEvent('unevictable_pgs_cleared', folioNrPages(m, folio));
  }
};

/** Kernel: `mm/swap.c: __folio_put` */
const folioFree = (m: Machine, folio: Pfn): void => {
  if (isZoneDevicePage(m, folio)) {
    freeZoneDevicePage(m, folio);
    return;
  }
  if (testFlags(m, folio, PG_hugetlb)) {
    const free = freeHugetlbOf.get(m);
    bugOn(free === undefined, 'free_huge_page: machine without a pool');
    free?.(m, folio);
    return;
  }
  unqueueDeferredSplit(m, folio);
  pageCacheRelease(m, folio);
  freePages(m, folio, folioOrder(m, folio));
};

/**
 * Drops references of one holder; the last one frees the folio.
 *
 * Kernel: `include/linux/mm.h: folio_put_refs`
 */
export const folioPutRefs = (m: Machine, folio: Pfn, refs: number, holder: HolderKind): void => {
  const left = m.pages.refcount.get(folio) - refs;
  bugOn(left < 0, 'folio_put: reference count below zero');
  folioRefAdd(m, folio, -refs, holder);
  if (left === 0) folioFree(m, folio);
};

/** Kernel: `include/linux/mm.h: folio_put` */
export const folioPut = (m: Machine, folio: Pfn, holder: HolderKind): void =>
  folioPutRefs(m, folio, 1, holder);

/** Kernel: `include/linux/mm.h: put_page` */
export const putPage = (m: Machine, pfn: Pfn, holder: HolderKind): void =>
  folioPut(m, compoundHead(m, pfn), holder);

/**
 * A page of a file that waited for its writeback to be freed is wanted again: PG_reclaim goes.
 *
 * Kernel: `mm/page-writeback.c: folio_mark_dirty`, as far as the flags go.
 */
export const setPageDirty = (m: Machine, pfn: Pfn): void => {
  const folio = compoundHead(m, pfn);
  if (!pageAnon(m, folio) && m.pages.mapping.get(folio) !== 0) clearFlags(m, folio, PG_reclaim);
  setFlags(m, folio, PG_dirty);
};
