// mm/vmscan.c: reclaim. kswapd and tasks that get no memory take the oldest pages from the tails of the LRU lists.
// A device page is on no list: however idle it is, memory pressure does not move it.

import type { Machine } from '../../machine/machine.ts';
import type { Kswapd, PendingWork, Sleeps } from '../../machine/ops.ts';
import { kswapdFailuresRow } from '../../machine/scalars.ts';
import { PG_active, PG_lru, PG_workingset } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { TooManyPages } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, scheduleWork } from '../sched/locks.ts';
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
import { pgdatBalanced, zoneWatermarks } from './watermarks.ts';
import { zoneIdx } from './zonelists.ts';

const SWAP_CLUSTER_MAX = 32;
const DEF_PRIORITY = 12;
/** Fruitless runs of kswapd before it gives a node up. Kernel: mm/internal.h: MAX_RECLAIM_RETRIES */
const MAX_KSWAPD_FAILURES = 16;
/**
 * A folio that reclaim looks at leaves some 18 events, one that it frees 70; a page of a detailed step up to 220. So a step
 * is too long for detail from so many times its pages on, the freed ones counted three times more.
 */
const FOLIOS_A_PAGE = 12;
/** sysctl vm.swappiness. */
const SWAPPINESS = 60;
const EVICTABLE_LISTS = [LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE] as const;

/** struct scan_control. */
interface ScanControl {
  /** From so many pages on, a round has done enough for a node. */
  nrToReclaim: number;
  readonly kswapd: boolean;
  priority: number;
  nrReclaimed: number;
  /** Pages that a round has looked at. */
  nrScanned: number;
  /** Folios that all rounds have looked at, and three for each page that they have freed. */
  effort: number;
}

const newScanControl = (kswapd: boolean): ScanControl => ({
  nrToReclaim: SWAP_CLUSTER_MAX,
  kswapd,
  priority: DEF_PRIORITY,
  nrReclaimed: 0,
  nrScanned: 0,
  effort: 0,
});

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

/** @throws TooManyPages when a step that leaves an event for everything would leave too many */
const addEffort = (m: Machine, sc: ScanControl, by: number): void => {
  sc.effort += by;
  if (sc.effort >= FOLIOS_A_PAGE * m.mostInDetail) throw new TooManyPages();
};

/** Kernel: `mm/vmscan.c: shrink_inactive_list` */
const shrinkInactiveList = atomic(
  'shrink_inactive_list',
  (m, node: number, lru: number, nrToScan: number, sc: ScanControl): number => {
    lruAddDrain(m);
    const folios = isolateLruFolios(m, node, lru, nrToScan);
    if (folios.length === 0) return 0;
    const scanned = folios.reduce((sum, folio) => sum + folioNrPages(m, folio), 0);
    sc.nrScanned += scanned;
    m.countVmEvent(sc.kswapd ? 'pgscan_kswapd' : 'pgscan_direct', scanned);
    const { length } = folios;
    const { reclaimed, kept } = shrinkFolioList(m, folios);
    moveFoliosToLru(m, kept);
    addEffort(m, sc, length + 3 * reclaimed);
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

/**
 * A cluster of each list in turn, until enough is free; other tasks of a real kernel may come in between.
 *
 * Kernel: `mm/vmscan.c: shrink_lruvec, shrink_list`
 * Simplified: stops when it has enough, without evening out what it took from anonymous and from file lists.
 */
function* shrinkLruvec(m: Machine, node: number, sc: ScanControl): Sleeps<void> {
  const left = getScanCount(m, node, sc.priority);
  // direct reclaim begins with a batch, since kswapd does not keep up
  const proportional = !sc.kswapd && sc.priority === DEF_PRIORITY;
  let nrReclaimed = 0;
  while (left.some((nr, lru) => nr > 0 && lru !== LRU_ACTIVE_ANON)) {
    for (const lru of EVICTABLE_LISTS) {
      const nr = Math.min(left[lru], SWAP_CLUSTER_MAX);
      if (nr === 0) continue;
      left[lru] -= nr;
      if (lru === LRU_ACTIVE_ANON || lru === LRU_ACTIVE_FILE) {
        if (inactiveIsLow(m, node, lru - 1)) shrinkActiveList(m, node, lru, nr);
      } else {
        nrReclaimed += shrinkInactiveList(m, node, lru, nr, sc);
      }
    }
    yield* letGo(m, 'shrink_lruvec', 0);
    if (nrReclaimed >= sc.nrToReclaim && !proportional) break;
  }
  sc.nrReclaimed += nrReclaimed;
  if (getNrSwapPages(m) > 0 && inactiveIsLow(m, node, LRU_INACTIVE_ANON))
    shrinkActiveList(m, node, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX);
}

/** Progress gives kswapd new hope. Kernel: `mm/vmscan.c: shrink_node, shrink_node_memcgs` */
function* shrinkNode(m: Machine, node: number, sc: ScanControl): Sleeps<void> {
  const { nrReclaimed } = sc;
  yield* shrinkLruvec(m, node, sc);
  shrinkDeferredSplit(m, node, sc.priority);
  if (sc.nrReclaimed > nrReclaimed) m.scalars.set(kswapdFailuresRow(node), 0);
}

/** Runs reclaim as a task that may not cause reclaim itself (PF_MEMALLOC). */
function* withMemalloc(m: Machine, body: () => Sleeps<void>): Sleeps<void> {
  m.current.memalloc = true;
  yield* body();
  m.current.memalloc = false;
}

/**
 * Reclaims until a zone of the node is above its high watermark; harder, where a round finds nothing or too little.
 *
 * Kernel: `mm/vmscan.c: balance_pgdat, kswapd_shrink_node`
 */
const balancePgdat = sleepable('balance_pgdat', function* (m, node: number, highest: number): Sleeps<void> {
  const sc = newScanControl(true);
  const zones = m.zones.filter((zone) => zone.node === node && zoneIdx(zone) <= highest);
  sc.nrToReclaim = zones.reduce(
    (sum, zone) => sum + Math.max(zoneWatermarks(m, zone).high, SWAP_CLUSTER_MAX),
    0,
  );
  while (sc.priority >= 1) {
    if (pgdatBalanced(m, node, highest)) return;
    const { nrReclaimed } = sc;
    sc.nrScanned = 0;
    yield* shrinkNode(m, node, sc);
    if (sc.nrScanned < sc.nrToReclaim || sc.nrReclaimed === nrReclaimed) sc.priority--;
  }
  if (sc.nrReclaimed > 0) return;
  const row = kswapdFailuresRow(node);
  m.scalars.set(row, m.scalars.get(row) + 1);
});

/** Nobody can help the node, or nobody needs to. Kernel: `mm/vmscan.c: prepare_kswapd_sleep` */
const prepareKswapdSleep = (m: Machine, node: number, highest: number): boolean =>
  m.scalars.get(kswapdFailuresRow(node)) >= MAX_KSWAPD_FAILURES || pgdatBalanced(m, node, highest);

/** The thread of a node, from being woken to falling asleep. Kernel: `mm/vmscan.c: kswapd` */
function* kswapd(m: Machine, node: number, self: Kswapd): Sleeps<void> {
  yield* withMemalloc(m, function* () {
    while (!prepareKswapdSleep(m, node, self.highestZoneidx))
      yield* balancePgdat(m, node, self.highestZoneidx);
  });
  m.kswapds.delete(node);
}

/**
 * Kernel: `mm/vmscan.c: wakeup_kswapd`
 *
 * @returns what the thread does now; undefined: it sleeps on
 */
export const wakeupKswapd = (m: Machine, node: number, highest: number): PendingWork | undefined => {
  const awake = m.kswapds.get(node);
  if (awake !== undefined) {
    awake.highestZoneidx = Math.max(awake.highestZoneidx, highest);
    return awake.work;
  }
  if (prepareKswapdSleep(m, node, highest)) return undefined;
  const work = scheduleWork(m, function* () {
    yield* kswapd(m, node, self);
  });
  const self: Kswapd = { work, highestZoneidx: highest };
  m.kswapds.set(node, self);
  return work;
};

/**
 * A task that gets no memory reclaims 32 pages, harder with each round.
 *
 * Kernel: `mm/vmscan.c: try_to_free_pages`
 *
 * @returns pages freed
 */
export const tryToFreePages = sleepable(
  'try_to_free_pages',
  function* (m, nodes: readonly number[]): Sleeps<number> {
    const sc = newScanControl(false);
    yield* withMemalloc(m, function* () {
      for (; sc.priority >= 0 && sc.nrReclaimed < sc.nrToReclaim; sc.priority--) {
        for (const node of nodes) yield* shrinkNode(m, node, sc);
      }
    });
    return sc.nrReclaimed;
  },
);

/** Pages that reclaim could free at best. Kernel: `mm/vmscan.c: zone_reclaimable_pages` */
export const reclaimablePages = (m: Machine, node: number): number => {
  const file = lruvecLruSize(m, node, LRU_INACTIVE_FILE) + lruvecLruSize(m, node, LRU_ACTIVE_FILE);
  if (getNrSwapPages(m) === 0) return file;
  return file + lruvecLruSize(m, node, LRU_INACTIVE_ANON) + lruvecLruSize(m, node, LRU_ACTIVE_ANON);
};
