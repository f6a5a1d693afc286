// mm/mlock.c, the page side: PG_mlocked, the unevictable state and the mlock batch.

import type { Machine } from '../../machine/machine.ts';
import { ZONE_NR_MLOCK, zoneRow } from '../../machine/scalars.ts';
import { PG_active, PG_lru, PG_mlocked, PG_unevictable } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { lruvecAddFolio, lruvecDelFolio } from './mm-inline.ts';
import {
  clearFlags,
  compoundHead,
  folioGet,
  folioNrPages,
  folioTestLarge,
  pageZone,
  setFlags,
  testClearFlags,
  testFlags,
} from './page-ref.ts';
import { folioEvictable, folioPut, PAGEVEC_SIZE } from './swap.ts';

/** What a batch entry asks for: the page is on the LRU, is new, or is to be munlocked. */
const MUNLOCK = 0;
const LRU_PAGE = 1;
const NEW_PAGE = 2;

const MLOCK_BATCH = 5;
const batchBase = (cpu: number): number => cpu * 128 + MLOCK_BATCH * 16;

const modNrMlock = (m: Machine, pfn: Pfn, by: number): void => {
  const zone = pageZone(m, pfn);
  if (zone === undefined) return;
  const row = zoneRow(zone.id, ZONE_NR_MLOCK);
  m.scalars.set(row, m.scalars.get(row) + by);
};

/** Kernel: `mm/mlock.c: __mlock_page` */
const mlockLruPage = (m: Machine, folio: Pfn): void => {
  if (!testClearFlags(m, folio, PG_lru)) return;
  lruvecDelFolio(m, folio);
  const nrPages = folioNrPages(m, folio);
  if (folioEvictable(m, folio)) {
    if (testClearFlags(m, folio, PG_unevictable)) m.countVmEvent('unevictable_pgs_rescued', nrPages);
  } else if (testFlags(m, folio, PG_unevictable)) {
    if (testFlags(m, folio, PG_mlocked)) m.pages.mlockCount.set(folio, m.pages.mlockCount.get(folio) + 1);
  } else {
    clearFlags(m, folio, PG_active);
    setFlags(m, folio, PG_unevictable);
    m.pages.mlockCount.set(folio, testFlags(m, folio, PG_mlocked) ? 1 : 0);
    m.countVmEvent('unevictable_pgs_culled', nrPages);
  }
  lruvecAddFolio(m, folio);
  setFlags(m, folio, PG_lru);
};

/** Kernel: `mm/mlock.c: __mlock_new_page` */
const mlockNewLruPage = (m: Machine, folio: Pfn): void => {
  bugOn(testFlags(m, folio, PG_lru), '__mlock_new_page: page is on an LRU list');
  if (!folioEvictable(m, folio)) {
    setFlags(m, folio, PG_unevictable);
    m.pages.mlockCount.set(folio, testFlags(m, folio, PG_mlocked) ? 1 : 0);
    m.countVmEvent('unevictable_pgs_culled', folioNrPages(m, folio));
  }
  lruvecAddFolio(m, folio);
  setFlags(m, folio, PG_lru);
};

/** Kernel: `mm/mlock.c: __munlock_page` */
const munlockLruPage = (m: Machine, folio: Pfn): void => {
  const nrPages = folioNrPages(m, folio);
  const isolated = testClearFlags(m, folio, PG_lru);
  if (isolated) lruvecDelFolio(m, folio);
  if (isolated && testFlags(m, folio, PG_unevictable)) {
    const count = m.pages.mlockCount.get(folio);
    if (count > 0) m.pages.mlockCount.set(folio, count - 1);
    if (count > 1) {
      lruvecAddFolio(m, folio);
      setFlags(m, folio, PG_lru);
      return;
    }
  }
  if (testClearFlags(m, folio, PG_mlocked)) {
    modNrMlock(m, folio, -nrPages);
    const stranded = !isolated && testFlags(m, folio, PG_unevictable);
    m.countVmEvent(stranded ? 'unevictable_pgs_stranded' : 'unevictable_pgs_munlocked', nrPages);
  }
  if (!isolated) return;
  if (testFlags(m, folio, PG_unevictable) && folioEvictable(m, folio)) {
    clearFlags(m, folio, PG_unevictable);
    m.countVmEvent('unevictable_pgs_rescued', nrPages);
  }
  lruvecAddFolio(m, folio);
  setFlags(m, folio, PG_lru);
};

/** Whether a CPU's mlock batch holds something. Kernel: `mm/mlock.c: need_mlock_page_drain` */
export const mlockBatchPending = (m: Machine, cpu: number): boolean => m.batches.get(batchBase(cpu) + 15) > 0;

/** Pages in a CPU's mlock batch. Ours: for the invariants. */
export const mlockBatchPages = (m: Machine, cpu: number): Pfn[] =>
  Array.from({ length: m.batches.get(batchBase(cpu) + 15) }, (_, i) =>
    Math.floor(m.batches.get(batchBase(cpu) + i) / 4),
  );

/** Kernel: `mm/mlock.c: mlock_pagevec` */
export const drainMlockBatch = (m: Machine, cpu: number): void => {
  const base = batchBase(cpu);
  const entries = Array.from({ length: m.batches.get(base + 15) }, (_, i) => m.batches.get(base + i));
  for (const entry of entries) {
    const folio = Math.floor(entry / 4);
    const action = entry % 4;
    if (action === LRU_PAGE) mlockLruPage(m, folio);
    else if (action === NEW_PAGE) mlockNewLruPage(m, folio);
    else munlockLruPage(m, folio);
  }
  m.batches.set(base + 15, 0);
  for (const entry of entries) folioPut(m, Math.floor(entry / 4), 'mlock batch');
};

/** Kernel: `mm/mlock.c: mlock_page_drain_local` */
export const mlockPageDrainLocal = atomic('mlock_page_drain_local', (m): void => {
  if (mlockBatchPending(m, m.current.cpu)) drainMlockBatch(m, m.current.cpu);
});

const addToBatch = (m: Machine, folio: Pfn, action: number): void => {
  folioGet(m, folio, 'mlock batch');
  const base = batchBase(m.current.cpu);
  const count = m.batches.get(base + 15);
  m.batches.set(base + count, folio * 4 + action);
  m.batches.set(base + 15, count + 1);
  if (count + 1 >= PAGEVEC_SIZE || folioTestLarge(m, folio)) drainMlockBatch(m, m.current.cpu);
};

/** Kernel: `mm/mlock.c: mlock_folio` */
export const mlockFolio = atomic('mlock_folio', (m, folio: Pfn): void => {
  if (!testFlags(m, folio, PG_mlocked)) {
    setFlags(m, folio, PG_mlocked);
    modNrMlock(m, folio, folioNrPages(m, folio));
    m.countVmEvent('unevictable_pgs_mlocked', folioNrPages(m, folio));
  }
  addToBatch(m, folio, LRU_PAGE);
});

/** Kernel: `mm/mlock.c: mlock_new_page` */
export const mlockNewPage = atomic('mlock_new_page', (m, pfn: Pfn): void => {
  const folio = compoundHead(m, pfn);
  setFlags(m, folio, PG_mlocked);
  modNrMlock(m, folio, folioNrPages(m, folio));
  m.countVmEvent('unevictable_pgs_mlocked', folioNrPages(m, folio));
  addToBatch(m, folio, NEW_PAGE);
});

/** Kernel: `mm/mlock.c: munlock_page` */
export const munlockPage = atomic('munlock_page', (m, pfn: Pfn): void => {
  addToBatch(m, compoundHead(m, pfn), MUNLOCK);
});
