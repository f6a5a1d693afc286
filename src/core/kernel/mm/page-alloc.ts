// mm/page_alloc.c: the way of a request through the zones, and the way of a block back.

import type { Zone } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { ZONE_NR_FREE, ZONE_NR_FREE_CMA, zoneRow } from '../../machine/scalars.ts';
import { MIGRATE_CMA, MIGRATE_MOVABLE, MIGRATE_UNMOVABLE } from '../../uapi/config.ts';
import {
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_MOVABLE,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  __GFP_ZERO,
} from '../../uapi/gfp.ts';
import { PG_head, PG_reserved } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atOnce, letGo, runMeanwhile } from '../sched/locks.ts';
import { freeOnePage, rmqueue } from './buddy.ts';
import { currentIsOomVictim, outOfMemory } from './oom-kill.ts';
import { pageblockMigratetype, pageZone, setPageCount } from './page-ref.ts';
import { reclaimablePages, tryToFreePages, wakeupKswapd } from './vmscan.ts';
import { type AllocFlags, zoneWatermarkOk } from './watermarks.ts';
import { gfpZone, zonelist } from './zonelists.ts';

/** Content of a freed page: misuse shows as this number. */
export const FREED_CONTENT = -559038737;

/** Free pages of a zone become more or fewer. Kernel: `mm/page_alloc.c: __mod_zone_freepage_state` */
export const accountFree = (m: Machine, zone: Zone, pfn: Pfn, by: number): void => {
  const row = zoneRow(zone.id, ZONE_NR_FREE);
  m.scalars.set(row, m.scalars.get(row) + by);
  if (pageblockMigratetype(m, pfn) === MIGRATE_CMA) {
    const cmaRow = zoneRow(zone.id, ZONE_NR_FREE_CMA);
    m.scalars.set(cmaRow, m.scalars.get(cmaRow) + by);
  }
};

/** Node of the simulated CPU on which the task runs. Ours: CPUs are dealt out to the nodes in turn. */
export const localNode = (m: Machine): number => {
  const nodes = (m.zones.at(-1)?.node ?? 0) + 1; // ranges, and so zones, ascend by node
  return m.current.cpu % nodes;
};

/** A request, as far as the zones are concerned. Ours: struct alloc_context with the gfp mask. */
interface Request {
  /** After current_gfp_context: what the task may not have is taken out. */
  readonly gfp: number;
  readonly order: number;
  readonly node: number;
  readonly maySleep: boolean;
}

const isMovable = (gfp: number): boolean => (gfp & __GFP_MOVABLE) !== 0;

/** Takes a block from the first zone that stays above the watermark. Kernel: `mm/page_alloc.c: get_page_from_freelist` */
const getPageFromFreelist = (m: Machine, { gfp, order, node }: Request, flags: AllocFlags): Pfn => {
  const migratetype = isMovable(gfp) ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE;
  for (const zone of zonelist(m, gfp, node)) {
    if (!zoneWatermarkOk(m, zone, order, gfpZone(gfp), flags)) continue;
    const pfn = rmqueue(m, zone, order, migratetype);
    if (pfn === NO_PFN) continue;
    accountFree(m, zone, pfn, -(2 ** order));
    return pfn;
  }
  return NO_PFN;
};

/** Orders above are costly: such a request rather fails than kills. Kernel: include/linux/mmzone.h */
const PAGE_ALLOC_COSTLY_ORDER = 3;
/** Simplified: fruitless rounds of reclaim before the OOM killer comes; the kernel tries 16. */
const MAX_RECLAIM_RETRIES = 2;

/** Whether another round of reclaim could help. Kernel: `mm/page_alloc.c: should_reclaim_retry` */
const shouldReclaimRetry = (m: Machine, { gfp, order, node }: Request, flags: AllocFlags): boolean =>
  zonelist(m, gfp, node).some((zone) =>
    zoneWatermarkOk(m, zone, order, gfpZone(gfp), flags, reclaimablePages(m, zone.node)),
  );

/**
 * Wakes kswapd of all nodes that could serve the request.
 *
 * Kernel: `mm/page_alloc.c: wake_all_kswapds`
 * Simplified: whoever may sleep waits until it is done, others until they can be served; the kernel's task takes what is
 * there meanwhile, or reclaims beside it.
 *
 * @param isEnough - whether there is memory for whoever asks
 */
function* wakeAllKswapds(
  m: Machine,
  { gfp, maySleep }: Request,
  nodes: readonly number[],
  isEnough: () => boolean,
): Sleeps<void> {
  for (const node of nodes) {
    const kswapd = wakeupKswapd(m, node, gfpZone(gfp));
    if (kswapd === undefined) continue;
    while ((maySleep || !isEnough()) && runMeanwhile(m, kswapd)) yield* letGo(m, 'wake_all_kswapds', 0);
  }
}

/**
 * What a request does when all zones are below their low watermarks: kswapd is woken, the request goes on down to the
 * min watermark, then the task reclaims memory itself, and at last some process dies for it.
 *
 * Kernel: `mm/page_alloc.c: __alloc_pages_slowpath`
 * Simplified: no compaction, so that costly orders only take what is there.
 */
function* allocPagesSlowpath(m: Machine, request: Request): Sleeps<Pfn> {
  const flags: AllocFlags = { mark: 'min', cma: isMovable(request.gfp), oom: false };
  const { gfp, order, node } = request;
  // PF_MEMALLOC: a task that reclaims may take everything, and causes no further reclaim
  if (m.current.memalloc) return getPageFromFreelist(m, request, { ...flags, mark: 'none' });
  const mayReclaim = (gfp & __GFP_DIRECT_RECLAIM) !== 0 && order <= PAGE_ALLOC_COSTLY_ORDER;
  const zones = zonelist(m, gfp, node);
  const nodes = [...new Set(zones.map((zone) => zone.node))];
  const isEnough = (): boolean => zones.some((zone) => zoneWatermarkOk(m, zone, order, gfpZone(gfp), flags));
  if (mayReclaim) yield* wakeAllKswapds(m, request, nodes, isEnough);
  for (let fruitless = 0; ; ) {
    const pfn = getPageFromFreelist(m, request, flags);
    if (pfn !== NO_PFN || !mayReclaim) return pfn;
    if ((yield* tryToFreePages(m, nodes)) > 0) {
      fruitless = 0;
      continue;
    }
    if (++fruitless <= MAX_RECLAIM_RETRIES && shouldReclaimRetry(m, request, flags)) continue;
    // a victim gets half of what is kept back, to die sooner; nobody kills for it
    if (currentIsOomVictim(m)) return getPageFromFreelist(m, request, { ...flags, oom: true });
    if ((gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) !== 0) return NO_PFN;
    yield* outOfMemory(m, isEnough);
    fruitless = 0;
  }
}

const requestFor = (m: Machine, gfp: number, order: number, node: number, maySleep: boolean): Request => ({
  // PF_MEMALLOC_PIN: pages that a long-term pin will hold must not come from movable memory
  gfp: m.current.memallocPin ? gfp & ~__GFP_MOVABLE : gfp,
  order,
  node,
  maySleep,
});

const getPageAboveLow = (m: Machine, request: Request): Pfn =>
  getPageFromFreelist(m, request, { mark: 'low', cma: isMovable(request.gfp), oom: false });

/** Kernel: `mm/page_alloc.c: prep_new_page` */
const prepNewPage = (m: Machine, pfn: Pfn, { gfp, order }: Request): void => {
  setPageCount(m, pfn, 1, 'allocation');
  if (order > 0 && (gfp & __GFP_COMP) !== 0) prepCompoundPage(m, pfn, order);
  if ((gfp & __GFP_ZERO) !== 0) for (let i = 0; i < 2 ** order; i++) m.pages.content.set(pfn + i, 0);
};

/**
 * Takes a block of 2^order pages; its first page has one reference. For callers that cannot sleep: where memory is short,
 * all that it takes to get some happens at once.
 *
 * Kernel: `mm/page_alloc.c: __alloc_pages`, `include/linux/sched/mm.h: current_gfp_context`
 * Simplified: no per-CPU page lists, no highatomic reserve.
 *
 * @returns the first page, or NO_PFN when there is no memory
 */
export const allocPages = (m: Machine, gfp: number, order: number, node = localNode(m)): Pfn => {
  const request = requestFor(m, gfp, order, node, false);
  let pfn = getPageAboveLow(m, request);
  if (pfn === NO_PFN)
    pfn = atOnce(function* () {
      return yield* allocPagesSlowpath(m, request);
    });
  if (pfn !== NO_PFN) prepNewPage(m, pfn, request);
  return pfn;
};

/**
 * The same for callers that may sleep: reclaim lets go of the worker. Nobody else runs meanwhile but kernel threads that
 * make room.
 *
 * Kernel: `mm/page_alloc.c: __alloc_pages`
 */
export function* allocPagesMaySleep(
  m: Machine,
  gfp: number,
  order: number,
  node = localNode(m),
): Sleeps<Pfn> {
  const request = requestFor(m, gfp, order, node, true);
  let pfn = getPageAboveLow(m, request);
  if (pfn === NO_PFN) pfn = yield* allocPagesSlowpath(m, request);
  if (pfn !== NO_PFN) prepNewPage(m, pfn, request);
  return pfn;
}

/** Kernel: `include/linux/gfp.h: alloc_page` */
export function* allocPageMaySleep(m: Machine, gfp: number, node = localNode(m)): Sleeps<Pfn> {
  return yield* allocPagesMaySleep(m, gfp, 0, node);
}

/** Kernel: `include/linux/gfp.h: alloc_page` */
export const allocPage = (m: Machine, gfp: number, node = localNode(m)): Pfn => allocPages(m, gfp, 0, node);

/** Kernel: `mm/page_alloc.c: prep_compound_page` */
const prepCompoundPage = (m: Machine, pfn: Pfn, order: number): void => {
  m.pages.flags.set(pfn, m.pages.flags.get(pfn) | PG_head);
  m.pages.order.set(pfn, order);
  for (let i = 1; i < 2 ** order; i++) m.pages.tailOffset.set(pfn + i, i);
};

/**
 * Gives a block back whose reference count has fallen to 0; merges it with free buddies.
 *
 * Kernel: `mm/page_alloc.c: free_unref_page, __free_pages_ok, free_pages_prepare`
 */
export const freePages = (m: Machine, pfn: Pfn, order: number): void => {
  const zone = pageZone(m, pfn);
  bugOn(zone === undefined, 'free_unref_page: page is in no zone');
  if (zone === undefined) return;
  bugOn(m.pages.refcount.get(pfn) !== 0, 'free_pages_prepare: page still has references');
  bugOn(m.pages.mapcount.get(pfn) !== 0, 'free_pages_prepare: page is still mapped');
  for (let i = 0; i < 2 ** order; i++) {
    m.pages.flags.set(pfn + i, m.pages.flags.get(pfn + i) & PG_reserved);
    m.pages.mapping.set(pfn + i, 0);
    m.pages.private.set(pfn + i, 0);
    m.pages.tailOffset.set(pfn + i, 0);
    m.pages.content.set(pfn + i, FREED_CONTENT);
  }
  m.pages.order.set(pfn, 0);
  m.pages.index.set(pfn, 0);
  accountFree(m, zone, pfn, 2 ** order);
  freeOnePage(m, zone, pfn, order);
};

/** Gives every zone its free pages. Ours: stands for memblock_free_all at boot. */
export const freeAllBootMemory = (m: Machine): void => {
  for (const zone of m.zones) {
    m.scalars.set(zoneRow(zone.id, ZONE_NR_FREE), zone.managedPages);
    const cma = zone.regions.reduce((sum, region) => sum + (region.cma ? region.end - region.start : 0), 0);
    m.scalars.set(zoneRow(zone.id, ZONE_NR_FREE_CMA), cma);
  }
};
