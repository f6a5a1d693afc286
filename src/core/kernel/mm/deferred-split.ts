// mm/huge_memory.c: the queue of huge pages of which parts are unmapped. Until somebody splits them, those parts are memory
// that nobody can use; reclaim does, when memory is very short.

import type { Machine } from '../../machine/machine.ts';
import { PG_deferred_split } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { trylockPage, unlockPage } from '../sched/locks.ts';
import { splitHugePageToList } from './huge-split.ts';
import { clearFlags, folioGet, pageToNid, setFlags, testFlags } from './page-ref.ts';
import { folioPut } from './swap.ts';

/** Kernel: include/linux/shrinker.h: DEFAULT_SEEKS */
const DEFAULT_SEEKS = 2;
/** Kernel: mm/vmscan.c: SHRINK_BATCH */
const SHRINK_BATCH = 128;

const addTail = (m: Machine, folio: Pfn): void =>
  m.deferredSplit.set((m.deferredSplit.keys().at(-1) ?? 0) + 1, folio);

/**
 * Parts of the folio are unmapped: reclaim may split it one day. Counted once while it is queued.
 *
 * Kernel: `mm/huge_memory.c: deferred_split_huge_page`
 */
export const deferredSplitHugePage = (m: Machine, folio: Pfn): void => {
  if (testFlags(m, folio, PG_deferred_split)) return;
  m.countVmEvent('thp_deferred_split_page');
  setFlags(m, folio, PG_deferred_split);
  addTail(m, folio);
};

/** The folio is split, or free. Kernel: `mm/huge_memory.c: free_transhuge_page` */
export const unqueueDeferredSplit = (m: Machine, folio: Pfn): void => {
  if (!testFlags(m, folio, PG_deferred_split)) return;
  clearFlags(m, folio, PG_deferred_split);
  for (const key of m.deferredSplit.keys()) {
    if (m.deferredSplit.get(key) === folio) m.deferredSplit.delete(key);
  }
};

/** The node's part of the queue, oldest first. */
const queued = (m: Machine, node: number): { readonly key: number; readonly folio: Pfn }[] =>
  m.deferredSplit
    .keys()
    .map((key) => ({ key, folio: m.deferredSplit.get(key) ?? 0 }))
    .filter(({ folio }) => pageToNid(m, folio) === node);

/**
 * Tries to split folios of the queue; those that stay whole go to its end, the last one first.
 *
 * Kernel: `mm/huge_memory.c: deferred_split_scan`
 *
 * @returns folios that were split
 */
const deferredSplitScan = (m: Machine, node: number, nrToScan: number): number => {
  const list = queued(m, node).slice(0, nrToScan).reverse();
  for (const { folio } of list) folioGet(m, folio, 'kernel');
  let split = 0;
  for (const { key, folio } of list) {
    let whole = true;
    if (trylockPage(m, folio)) {
      whole = splitHugePageToList(m, folio) !== 0;
      if (!whole) split++;
      unlockPage(m, folio);
    }
    if (whole) {
      m.deferredSplit.delete(key);
      addTail(m, folio);
    }
    folioPut(m, folio, 'kernel');
  }
  return split;
};

/**
 * Lets the queue be worked off, if memory is short enough for its length.
 *
 * Kernel: `mm/vmscan.c: shrink_slab, do_shrink_slab`
 * Simplified: this queue alone; what a round left undone does not count in the next one.
 */
export const shrinkDeferredSplit = (m: Machine, node: number, priority: number): void => {
  const freeable = queued(m, node).length;
  if (freeable === 0) return;
  const delta = Math.floor((Math.floor(freeable / 2 ** priority) * 4) / DEFAULT_SEEKS);
  let totalScan = Math.min(delta, 2 * freeable);
  while (totalScan >= SHRINK_BATCH || totalScan >= freeable) {
    const nrToScan = Math.min(SHRINK_BATCH, totalScan);
    const split = deferredSplitScan(m, node, nrToScan);
    if (split === 0 && queued(m, node).length === 0) return;
    totalScan -= nrToScan;
  }
};
