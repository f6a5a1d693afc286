// The buddy allocator: zones, orders, migratetypes. Memory that was never touched is one number a region, so
// a machine of any size opens at once; blocks of 4 MiB leave it in ascending order.

import type { Machine } from '../../machine/machine.ts';
import type { Zone, ZoneRegion } from '../../machine/entities.ts';
import {
  regionRow,
  ZONE_FREE_LISTS,
  ZONE_NR_FREE,
  ZONE_NR_FREE_CMA,
  zoneRow,
} from '../../machine/scalars.ts';
import {
  MIGRATE_CMA,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  ZONE_NAMES,
} from '../../uapi/config.ts';
import { __GFP_COMP, __GFP_HIGHMEM, __GFP_MOVABLE, __GFP_THISNODE, __GFP_ZERO } from '../../uapi/gfp.ts';
import { PG_buddy, PG_head, PG_reserved } from '../../uapi/page-flags.ts';
import { NO_PFN, PAGEBLOCK_NR_PAGES, type Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { pageblockMigratetype, pageZone, setPageCount } from './page-ref.ts';

/** Orders 0 to 10. Kernel: include/linux/mmzone.h: MAX_ORDER */
const MAX_ORDER = 11;
/** Content of a freed page: misuse shows as this number. */
const FREED_CONTENT = -559038737;

const FALLBACKS: readonly (readonly number[])[] = [
  [MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE],
  [MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE],
  [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE],
];

const listRow = (zone: Zone, migratetype: number, order: number): number =>
  zoneRow(zone.id, ZONE_FREE_LISTS + migratetype * MAX_ORDER + order);

const addFree = (m: Machine, zone: Zone, migratetype: number, order: number, pfn: Pfn): void => {
  const row = listRow(zone, migratetype, order);
  const next = m.scalars.get(row);
  m.pages.flags.set(pfn, m.pages.flags.get(pfn) | PG_buddy);
  m.pages.private.set(pfn, order);
  m.pages.lruPrev.set(pfn, 0);
  m.pages.lruNext.set(pfn, next);
  if (next !== 0) m.pages.lruPrev.set(next - 1, pfn + 1);
  m.scalars.set(row, pfn + 1);
};

const delFree = (m: Machine, zone: Zone, migratetype: number, order: number, pfn: Pfn): void => {
  const next = m.pages.lruNext.get(pfn);
  const prev = m.pages.lruPrev.get(pfn);
  if (prev !== 0) m.pages.lruNext.set(prev - 1, next);
  else m.scalars.set(listRow(zone, migratetype, order), next);
  if (next !== 0) m.pages.lruPrev.set(next - 1, prev);
  m.pages.lruNext.set(pfn, 0);
  m.pages.lruPrev.set(pfn, 0);
  m.pages.private.set(pfn, 0);
  m.pages.flags.set(pfn, m.pages.flags.get(pfn) & ~PG_buddy);
};

const setPageblocks = (m: Machine, pfn: Pfn, npages: number, migratetype: number): void => {
  const end = Math.floor((pfn + npages - 1) / PAGEBLOCK_NR_PAGES);
  for (let block = Math.floor(pfn / PAGEBLOCK_NR_PAGES); block <= end; block++) {
    m.pageblocks.set(block, migratetype + 1);
  }
};

/** Splits a block down to the wanted order; the upper halves go to the free lists. */
const expand = (m: Machine, zone: Zone, migratetype: number, pfn: Pfn, low: number, high: number): void => {
  for (let order = high - 1; order >= low; order--) addFree(m, zone, migratetype, order, pfn + 2 ** order);
};

/** Takes the next never-touched block of a region; blocks that are too small go to the free lists. */
const takeFresh = (m: Machine, zone: Zone, region: ZoneRegion, order: number, migratetype: number): Pfn => {
  const row = regionRow(region.id);
  for (;;) {
    const start = region.start + m.scalars.get(row);
    if (start >= region.end) return NO_PFN;
    let blockOrder = MAX_ORDER - 1;
    while (start % 2 ** blockOrder !== 0 || start + 2 ** blockOrder > region.end) blockOrder--;
    m.scalars.set(row, start + 2 ** blockOrder - region.start);
    if (migratetype !== MIGRATE_MOVABLE && migratetype !== MIGRATE_CMA) {
      setPageblocks(m, start, 2 ** blockOrder, migratetype);
    }
    if (blockOrder < order) {
      addFree(m, zone, migratetype, blockOrder, start);
      continue;
    }
    expand(m, zone, migratetype, start, order, blockOrder);
    return start;
  }
};

const takeFromLists = (m: Machine, zone: Zone, order: number, migratetype: number): Pfn => {
  for (let current = order; current < MAX_ORDER; current++) {
    const head = m.scalars.get(listRow(zone, migratetype, current));
    if (head === 0) continue;
    const pfn = head - 1;
    delFree(m, zone, migratetype, current, pfn);
    expand(m, zone, migratetype, pfn, order, current);
    return pfn;
  }
  return NO_PFN;
};

const takeFreshOfZone = (m: Machine, zone: Zone, order: number, migratetype: number): Pfn => {
  for (const region of zone.regions) {
    if (region.cma !== (migratetype === MIGRATE_CMA)) continue;
    const pfn = takeFresh(m, zone, region, order, migratetype);
    if (pfn !== NO_PFN) return pfn;
  }
  return NO_PFN;
};

/** Takes the largest block of another migratetype; a whole pageblock changes its type. */
const takeFallback = (m: Machine, zone: Zone, order: number, migratetype: number): Pfn => {
  for (let current = MAX_ORDER - 1; current >= order; current--) {
    for (const other of FALLBACKS[migratetype] ?? []) {
      const head = m.scalars.get(listRow(zone, other, current));
      if (head === 0) continue;
      const pfn = head - 1;
      delFree(m, zone, other, current, pfn);
      const whole = 2 ** current >= PAGEBLOCK_NR_PAGES;
      if (whole) setPageblocks(m, pfn, 2 ** current, migratetype);
      expand(m, zone, whole ? migratetype : other, pfn, order, current);
      return pfn;
    }
  }
  return NO_PFN;
};

/** Kernel: `mm/page_alloc.c: __rmqueue`. Simplified: no per-CPU page lists, no highatomic reserve. */
const rmqueue = (m: Machine, zone: Zone, order: number, migratetype: number): Pfn => {
  const nrFree = m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE));
  const nrFreeCma = m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE_CMA));
  const useCma = m.kernel.CONFIG_CMA && migratetype === MIGRATE_MOVABLE && nrFreeCma > 0;
  let pfn: Pfn = NO_PFN;
  const takeCma = (): Pfn => {
    const listed = takeFromLists(m, zone, order, MIGRATE_CMA);
    return listed === NO_PFN ? takeFreshOfZone(m, zone, order, MIGRATE_CMA) : listed;
  };
  // movable memory is balanced between the two kinds when over half of the free memory is CMA
  if (useCma && nrFreeCma > nrFree / 2) pfn = takeCma();
  if (pfn === NO_PFN) pfn = takeFromLists(m, zone, order, migratetype);
  if (pfn === NO_PFN) pfn = takeFreshOfZone(m, zone, order, migratetype);
  if (pfn === NO_PFN && useCma) pfn = takeCma();
  if (pfn === NO_PFN) pfn = takeFallback(m, zone, order, migratetype);
  return pfn;
};

const accountFree = (m: Machine, zone: Zone, pfn: Pfn, by: number): void => {
  const row = zoneRow(zone.id, ZONE_NR_FREE);
  m.scalars.set(row, m.scalars.get(row) + by);
  if (pageblockMigratetype(m, pfn) === MIGRATE_CMA) {
    const cmaRow = zoneRow(zone.id, ZONE_NR_FREE_CMA);
    m.scalars.set(cmaRow, m.scalars.get(cmaRow) + by);
  }
};

const zonelists = new WeakMap<readonly Zone[], Map<number, readonly Zone[]>>();

const buildZonelist = (
  zones: readonly Zone[],
  highest: number,
  node: number,
  thisNode: boolean,
): readonly Zone[] => {
  const usable = zones.filter((zone) => ZONE_NAMES.indexOf(zone.name) <= highest);
  const local = usable.filter((zone) => zone.node === node);
  const others = thisNode ? [] : usable.filter((zone) => zone.node !== node);
  const byZone = (a: Zone, b: Zone): number => ZONE_NAMES.indexOf(b.name) - ZONE_NAMES.indexOf(a.name);
  return [...local.sort(byZone), ...others.sort((a, b) => a.node - b.node || byZone(a, b))];
};

/** Zones that may serve a request, best first: the local node from the highest zone down, then the other nodes. */
const zonelist = (m: Machine, gfp: number, node: number): readonly Zone[] => {
  const highest = (gfp & __GFP_HIGHMEM) !== 0 && (gfp & __GFP_MOVABLE) !== 0 ? 3 : 2;
  const thisNode = (gfp & __GFP_THISNODE) !== 0;
  let lists = zonelists.get(m.zones);
  if (lists === undefined) {
    lists = new Map();
    zonelists.set(m.zones, lists);
  }
  const key = node * 8 + highest * 2 + (thisNode ? 1 : 0);
  let list = lists.get(key);
  if (list === undefined) {
    list = buildZonelist(m.zones, highest, node, thisNode);
    lists.set(key, list);
  }
  return list;
};

/** Node of the simulated CPU on which the task runs. Ours: CPUs are dealt out to the nodes in turn. */
export const localNode = (m: Machine): number => {
  const nodes = (m.zones.at(-1)?.node ?? 0) + 1; // ranges, and so zones, ascend by node
  return m.current.cpu % nodes;
};

/**
 * Takes a block of 2^order pages; its first page has one reference.
 *
 * Kernel: `mm/page_alloc.c: __alloc_pages`, `include/linux/sched/mm.h: current_gfp_context`
 * Simplified: no watermarks, no reclaim; a request fails when no zone has a block.
 *
 * @returns the first page, or NO_PFN when there is no memory
 */
export const allocPages = (m: Machine, gfp: number, order: number, node = localNode(m)): Pfn => {
  // PF_MEMALLOC_PIN: pages that a long-term pin will hold must not come from movable memory
  const effective = m.current.memallocPin ? gfp & ~__GFP_MOVABLE : gfp;
  const migratetype = (effective & __GFP_MOVABLE) !== 0 ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE;
  for (const zone of zonelist(m, effective, node)) {
    const pfn = rmqueue(m, zone, order, migratetype);
    if (pfn === NO_PFN) continue;
    accountFree(m, zone, pfn, -(2 ** order));
    setPageCount(m, pfn, 1, 'allocation');
    if (order > 0 && (effective & __GFP_COMP) !== 0) prepCompoundPage(m, pfn, order);
    if ((effective & __GFP_ZERO) !== 0) for (let i = 0; i < 2 ** order; i++) m.pages.content.set(pfn + i, 0);
    return pfn;
  }
  return NO_PFN;
};

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
 * Kernel: `mm/page_alloc.c: free_unref_page`, `__free_pages_ok`, `free_pages_prepare`, `__free_one_page`
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

const freeOnePage = (m: Machine, zone: Zone, freed: Pfn, freedOrder: number): void => {
  const migratetype = pageblockMigratetype(m, freed);
  let pfn = freed;
  let order = freedOrder;
  while (order < MAX_ORDER - 1) {
    const size = 2 ** order;
    const buddy = Math.floor(pfn / size) % 2 === 0 ? pfn + size : pfn - size;
    const isFreeBuddy = (m.pages.flags.get(buddy) & PG_buddy) !== 0 && m.pages.private.get(buddy) === order;
    if (!isFreeBuddy || pageZone(m, buddy)?.id !== zone.id || pageblockMigratetype(m, buddy) !== migratetype)
      break;
    delFree(m, zone, migratetype, order, buddy);
    pfn = Math.min(pfn, buddy);
    order++;
  }
  addFree(m, zone, migratetype, order, pfn);
};

/** Gives every zone its free pages. Ours: stands for memblock_free_all at boot. */
export const freeAllBootMemory = (m: Machine): void => {
  for (const zone of m.zones) {
    m.scalars.set(zoneRow(zone.id, ZONE_NR_FREE), zone.managedPages);
    const cma = zone.regions.reduce((sum, region) => sum + (region.cma ? region.end - region.start : 0), 0);
    m.scalars.set(zoneRow(zone.id, ZONE_NR_FREE_CMA), cma);
  }
};
