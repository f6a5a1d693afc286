// mm/vmscan.c: reclaim. kswapd and tasks that get no memory take the oldest pages from the tails of the LRU lists.
// A device page is on no list: however idle it is, memory pressure does not move it.

import type { Machine } from '../../machine/machine.ts';
import { PG_active, PG_lru, PG_workingset } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';
import { shrinkDeferredSplit } from './deferred-split.ts';
import { folioPutbackLru } from './isolate.ts';
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  lruToFolio,
  lruvecAddFolio,
  lruvecDelFolio,
  lruvecLruSize,
} from './mm-inline.ts';
import { clearFlags, folioGet, folioNrPages, setFlags } from './page-ref.ts';
import { folioReferenced, shrinkFolioList } from './reclaim.ts';
import { folioEvictable, folioPut, lruAddDrain } from './swap.ts';
import { getNrSwapPages } from './swapfile.ts';
import { zoneBalanced, zoneWatermarks } from './watermarks.ts';

const SWAP_CLUSTER_MAX = 32;
const DEF_PRIORITY = 12;
/** sysctl vm.swappiness. */
const SWAPPINESS = 60;
const EVICTABLE_LISTS = [LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE] as const;

/** struct scan_control. */
interface ScanControl {
  readonly nrToReclaim: number;
  readonly kswapd: boolean;
  priority: number;
  nrReclaimed: number;
}

/**
 * Takes folios off the tail of a list, the oldest first.
 *
 * Kernel: `mm/vmscan.c: isolate_lru_folios`
 * Simplified: folios of all zones, whatever zone is short.
 */
const isolateLruFolios = (m: Machine, node: number, lru: number, nrToScan: number): Pfn[] => {
  const taken: Pfn[] = [];
  for (let scanned = 0; scanned < nrToScan; ) {
    const folio = lruToFolio(m, node, lru);
    if (folio === undefined) break;
    scanned += folioNrPages(m, folio);
    lruvecDelFolio(m, folio);
    clearFlags(m, folio, PG_lru);
    folioGet(m, folio, 'LRU isolation');
    taken.push(folio);
  }
  return taken;
};

/** Kernel: `mm/vmscan.c: move_folios_to_lru` */
const moveFoliosToLru = (m: Machine, folios: readonly Pfn[]): void => {
  for (const folio of folios) {
    if (!folioEvictable(m, folio)) {
      folioPutbackLru(m, folio);
      continue;
    }
    lruvecAddFolio(m, folio);
    setFlags(m, folio, PG_lru);
    folioPut(m, folio, 'LRU isolation');
  }
};

/** Kernel: `mm/vmscan.c: shrink_inactive_list` */
const shrinkInactiveList = atomic(
  'shrink_inactive_list',
  (m, node: number, lru: number, nrToScan: number, sc: ScanControl): number => {
    lruAddDrain(m);
    const folios = isolateLruFolios(m, node, lru, nrToScan);
    if (folios.length === 0) return 0;
    m.countVmEvent(sc.kswapd ? 'pgscan_kswapd' : 'pgscan_direct', folios.length);
    const { reclaimed, kept } = shrinkFolioList(m, folios);
    moveFoliosToLru(m, kept);
    if (reclaimed > 0) m.countVmEvent(sc.kswapd ? 'pgsteal_kswapd' : 'pgsteal_direct', reclaimed);
    return reclaimed;
  },
);

/** Kernel: `mm/vmscan.c: shrink_active_list`. Simplified: no executable mappings that stay. */
const shrinkActiveList = atomic(
  'shrink_active_list',
  (m, node: number, lru: number, nrToScan: number): void => {
    lruAddDrain(m);
    const inactive: Pfn[] = [];
    for (const folio of isolateLruFolios(m, node, lru, nrToScan)) {
      if (!folioEvictable(m, folio)) {
        folioPutbackLru(m, folio);
        continue;
      }
      folioReferenced(m, folio);
      clearFlags(m, folio, PG_active);
      setFlags(m, folio, PG_workingset);
      inactive.push(folio);
    }
    moveFoliosToLru(m, inactive);
  },
);

/** Kernel: `mm/vmscan.c: inactive_is_low` */
const inactiveIsLow = (m: Machine, node: number, inactiveLru: number): boolean => {
  const inactive = lruvecLruSize(m, node, inactiveLru);
  const active = lruvecLruSize(m, node, inactiveLru + 1);
  const gb = Math.floor((inactive + active) / 262144);
  const ratio = gb > 0 ? Math.floor(Math.sqrt(10 * gb)) : 1;
  return inactive * ratio < active;
};

/**
 * Pages to look at in each list at a priority: all of it at 0, a part at higher ones. Without swap space anonymous
 * lists are left alone.
 *
 * Kernel: `mm/vmscan.c: get_scan_count`
 * Simplified: the cost of past reclaim does not count.
 */
const getScanCount = (m: Machine, node: number, priority: number): number[] =>
  EVICTABLE_LISTS.map((lru) => {
    const file = lru >= LRU_INACTIVE_FILE;
    const scan = Math.floor(lruvecLruSize(m, node, lru) / 2 ** priority);
    if (getNrSwapPages(m) === 0) return file ? scan : 0;
    return priority === 0 ? scan : Math.floor((scan * (file ? 200 - SWAPPINESS : SWAPPINESS)) / 200);
  });

/** Kernel: `mm/vmscan.c: shrink_lruvec, shrink_list` */
const shrinkLruvec = (m: Machine, node: number, sc: ScanControl): void => {
  const left = getScanCount(m, node, sc.priority);
  while (left.some((nr, lru) => nr > 0 && lru !== LRU_ACTIVE_ANON)) {
    for (const lru of EVICTABLE_LISTS) {
      const nr = Math.min(left[lru], SWAP_CLUSTER_MAX);
      if (nr === 0) continue;
      left[lru] -= nr;
      if (lru === LRU_ACTIVE_ANON || lru === LRU_ACTIVE_FILE) {
        if (inactiveIsLow(m, node, lru - 1)) shrinkActiveList(m, node, lru, nr);
      } else {
        sc.nrReclaimed += shrinkInactiveList(m, node, lru, nr, sc);
      }
    }
    if (sc.nrReclaimed >= sc.nrToReclaim) break;
  }
  if (getNrSwapPages(m) > 0 && inactiveIsLow(m, node, LRU_INACTIVE_ANON))
    shrinkActiveList(m, node, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX);
};

/** Kernel: `mm/vmscan.c: shrink_node_memcgs` */
const shrinkNode = (m: Machine, node: number, sc: ScanControl): void => {
  shrinkLruvec(m, node, sc);
  shrinkDeferredSplit(m, node, sc.priority);
};

/** Runs reclaim as a task that may not cause reclaim itself (PF_MEMALLOC). */
const reclaiming = <T>(m: Machine, body: () => T): T => {
  m.reclaiming = true;
  try {
    return body();
  } finally {
    m.reclaiming = false;
  }
};

/**
 * kswapd: reclaims until a zone of the node is above its high watermark.
 *
 * Kernel: `mm/vmscan.c: balance_pgdat`
 * Simplified: it runs at once, in the place of the task that woke it.
 */
export const balancePgdat = atomic('balance_pgdat', (m, node: number): void => {
  const zones = m.zones.filter((zone) => zone.node === node);
  const nrToReclaim = zones.reduce(
    (sum, zone) => sum + Math.max(zoneWatermarks(m, zone).high, SWAP_CLUSTER_MAX),
    0,
  );
  reclaiming(m, () => {
    for (let priority = DEF_PRIORITY; priority >= 1; priority--) {
      if (zones.some((zone) => zoneBalanced(m, zone))) return;
      shrinkNode(m, node, { nrToReclaim, kswapd: true, priority, nrReclaimed: 0 });
    }
  });
});

/**
 * A task that gets no memory reclaims 32 pages, harder with each round.
 *
 * Kernel: `mm/vmscan.c: try_to_free_pages`
 *
 * @returns pages freed
 */
export const tryToFreePages = atomic('try_to_free_pages', (m, nodes: readonly number[]): number => {
  const sc: ScanControl = {
    nrToReclaim: SWAP_CLUSTER_MAX,
    kswapd: false,
    priority: DEF_PRIORITY,
    nrReclaimed: 0,
  };
  reclaiming(m, () => {
    for (; sc.priority >= 0 && sc.nrReclaimed < sc.nrToReclaim; sc.priority--) {
      for (const node of nodes) shrinkNode(m, node, sc);
    }
  });
  return sc.nrReclaimed;
});

/** Pages that reclaim could free at best. Kernel: `mm/vmscan.c: zone_reclaimable_pages` */
export const reclaimablePages = (m: Machine, node: number): number => {
  const file = lruvecLruSize(m, node, LRU_INACTIVE_FILE) + lruvecLruSize(m, node, LRU_ACTIVE_FILE);
  if (getNrSwapPages(m) === 0) return file;
  return file + lruvecLruSize(m, node, LRU_INACTIVE_ANON) + lruvecLruSize(m, node, LRU_ACTIVE_ANON);
};
