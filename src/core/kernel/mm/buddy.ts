// mm/page_alloc.c, the buddy system: free blocks by zone, migratetype and order. Memory that was never touched is one
// number a region, so a machine of any size opens at once; blocks of 4 MiB leave it in ascending order.

import type { Zone, ZoneRegion } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import {
  regionRow,
  ZONE_FREE_LISTS,
  ZONE_NR_FREE,
  ZONE_NR_FREE_CMA,
  zoneRow,
} from '../../machine/scalars.ts';
import {
  MIGRATE_CMA,
  MIGRATE_HIGHATOMIC,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
} from '../../uapi/config.ts';
import { PG_buddy, PG_head, PG_lru } from '../../uapi/page-flags.ts';
import { NO_PFN, PAGEBLOCK_NR_PAGES, type Pfn } from '../../uapi/units.ts';
import { pageblockMigratetype, pageZone } from './page-ref.ts';

/** Orders 0 to 10. Kernel: include/linux/mmzone.h: MAX_ORDER */
export const MAX_ORDER = 11;
const PAGEBLOCK_ORDER = 9;
/** `pageblock_order / 2`, of whole numbers. */
const HALF_PAGEBLOCK_ORDER = Math.floor(PAGEBLOCK_ORDER / 2);
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

/**
 * Changes the type of a pageblock that was handed out from; its free blocks change lists with it.
 *
 * Kernel: `mm/page_alloc.c: set_pageblock_migratetype, move_freepages_block`
 * Simplified: free pages of an isolated block still count as free ones of their zone.
 */
export const movePageblock = (m: Machine, block: Pfn, migratetype: number): void => {
  const zone = pageZone(m, block);
  if (zone === undefined) return;
  const before = pageblockMigratetype(m, block);
  setPageblocks(m, block, PAGEBLOCK_NR_PAGES, migratetype);
  for (let pfn = block; pfn < block + PAGEBLOCK_NR_PAGES; pfn++) {
    if ((m.pages.flags.get(pfn) & PG_buddy) === 0) continue;
    const order = m.pages.private.get(pfn);
    delFree(m, zone, before, order, pfn);
    addFree(m, zone, migratetype, order, pfn);
    pfn += 2 ** order - 1;
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

/** Ours: order of the block that the next single page comes from, as long as no other type is asked; -1: there is none. */
export const lowestOrder = (m: Machine, zone: Zone, migratetype: number): number => {
  for (let order = 0; order < MAX_ORDER; order++)
    if (m.scalars.get(listRow(zone, migratetype, order)) !== 0) return order;
  const region = zone.regions.find(
    ({ id, start, end, cma }) =>
      cma === (migratetype === MIGRATE_CMA) && start + m.scalars.get(regionRow(id)) < end,
  );
  if (region === undefined) return -1;
  const start = region.start + m.scalars.get(regionRow(region.id));
  let order = MAX_ORDER - 1;
  while (start % 2 ** order !== 0 || start + 2 ** order > region.end) order--;
  return order;
};

/** Ours: a whole block for many single pages. Requires: `order` is at most lowestOrder(). */
export const rmqueueBlock = (m: Machine, zone: Zone, order: number, migratetype: number): Pfn => {
  const listed = takeFromLists(m, zone, order, migratetype);
  return listed === NO_PFN ? takeFreshOfZone(m, zone, order, migratetype) : listed;
};

/** Free pages and pages on LRU lists of a pageblock. Kernel: `mm/page_alloc.c: move_freepages_block` */
const countPageblock = (m: Machine, start: Pfn): { readonly free: Pfn[]; readonly movable: number } => {
  const free: Pfn[] = [];
  let movable = 0;
  for (let pfn = start; pfn < start + PAGEBLOCK_NR_PAGES; ) {
    const flags = m.pages.flags.get(pfn);
    if ((flags & PG_buddy) !== 0) {
      free.push(pfn);
      pfn += 2 ** m.pages.private.get(pfn);
      continue;
    }
    if ((flags & PG_lru) !== 0) movable += (flags & PG_head) === 0 ? 1 : 2 ** m.pages.order.get(pfn);
    pfn += (flags & PG_head) === 0 ? 1 : 2 ** m.pages.order.get(pfn);
  }
  return { free, movable };
};

/**
 * The pageblock of a block that was taken changes its type if at least half of it is free or of the wanted kind.
 *
 * @returns whether it did
 */
const claimPageblock = (m: Machine, zone: Zone, taken: Pfn, order: number, migratetype: number): boolean => {
  const start = taken - (taken % PAGEBLOCK_NR_PAGES);
  const old = pageblockMigratetype(m, taken);
  const { free, movable } = countPageblock(m, start);
  const nrFree = free.reduce((sum, pfn) => sum + 2 ** m.pages.private.get(pfn), 2 ** order);
  let alike = 0;
  if (migratetype === MIGRATE_MOVABLE) alike = movable;
  else if (old === MIGRATE_MOVABLE) alike = PAGEBLOCK_NR_PAGES - (nrFree + movable);
  if (nrFree + alike < PAGEBLOCK_NR_PAGES / 2) return false;
  for (const pfn of free) {
    const blockOrder = m.pages.private.get(pfn);
    delFree(m, zone, old, blockOrder, pfn);
    addFree(m, zone, migratetype, blockOrder, pfn);
  }
  setPageblocks(m, start, 1, migratetype);
  return true;
};

/** Whether a fallback may take the whole pageblock. Kernel: `mm/page_alloc.c: can_steal_fallback` */
const canStealFallback = (order: number, migratetype: number): boolean =>
  order >= HALF_PAGEBLOCK_ORDER || migratetype === MIGRATE_RECLAIMABLE || migratetype === MIGRATE_UNMOVABLE;

/** A free block of another type at an order; undefined: none. Kernel: `mm/page_alloc.c: find_suitable_fallback` */
const findSuitableFallback = (
  m: Machine,
  zone: Zone,
  order: number,
  migratetype: number,
): number | undefined =>
  FALLBACKS[migratetype]?.find((other) => m.scalars.get(listRow(zone, other, order)) !== 0);

/**
 * Takes a block of another migratetype: the largest one, so that few pageblocks get mixed, or the smallest one if
 * the rest of its pageblock cannot be had as well.
 *
 * Kernel: `mm/page_alloc.c: __rmqueue_fallback, steal_suitable_fallback`
 * Simplified: what a block leaves behind stays on the lists of its pageblock's type; no boost of watermarks.
 */
const takeFallback = (m: Machine, zone: Zone, order: number, migratetype: number): Pfn => {
  let current = MAX_ORDER - 1;
  while (current >= order && findSuitableFallback(m, zone, current, migratetype) === undefined) current--;
  if (current < order) return NO_PFN;
  if (!canStealFallback(current, migratetype) && migratetype === MIGRATE_MOVABLE && current > order) {
    current = order;
    while (findSuitableFallback(m, zone, current, migratetype) === undefined) current++;
  }
  const other = findSuitableFallback(m, zone, current, migratetype) ?? migratetype;
  const pfn = m.scalars.get(listRow(zone, other, current)) - 1;
  delFree(m, zone, other, current, pfn);
  let claimed = false;
  if (current >= PAGEBLOCK_ORDER) {
    setPageblocks(m, pfn, 2 ** current, migratetype);
    claimed = true;
  } else if (canStealFallback(current, migratetype)) {
    claimed = claimPageblock(m, zone, pfn, current, migratetype);
  }
  expand(m, zone, claimed ? migratetype : other, pfn, order, current);
  return pfn;
};

/** Kernel: `mm/page_alloc.c: __rmqueue`. Simplified: no per-CPU page lists, no highatomic reserve. */
export const rmqueue = (m: Machine, zone: Zone, order: number, migratetype: number): Pfn => {
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

/** Types whose whole pageblocks may merge. Kernel: `include/linux/mmzone.h: migratetype_is_mergeable` */
const mergeable = (migratetype: number): boolean => migratetype < MIGRATE_HIGHATOMIC;

/** Kernel: `mm/page_alloc.c: __free_one_page` */
export const freeOnePage = (m: Machine, zone: Zone, freed: Pfn, freedOrder: number): void => {
  const migratetype = pageblockMigratetype(m, freed);
  let pfn = freed;
  let order = freedOrder;
  while (order < MAX_ORDER - 1) {
    const size = 2 ** order;
    const buddy = Math.floor(pfn / size) % 2 === 0 ? pfn + size : pfn - size;
    const isFreeBuddy = (m.pages.flags.get(buddy) & PG_buddy) !== 0 && m.pages.private.get(buddy) === order;
    if (!isFreeBuddy || pageZone(m, buddy)?.id !== zone.id) break;
    const other = pageblockMigratetype(m, buddy);
    if (other !== migratetype && (!mergeable(other) || !mergeable(migratetype))) break;
    delFree(m, zone, other, order, buddy);
    if (other !== migratetype) setPageblocks(m, buddy, size, migratetype);
    pfn = Math.min(pfn, buddy);
    order++;
  }
  addFree(m, zone, migratetype, order, pfn);
};

/** Free blocks of one zone, for a view of the allocator. */
export interface BuddyInfo {
  /** `blocks[migratetype][order]`: how many blocks are free. */
  readonly blocks: readonly (readonly number[])[];
  readonly freePages: number;
}

/** Blocks into which memory that was never touched would fall. */
const freshBlocks = (m: Machine, region: ZoneRegion, add: (order: number, first: Pfn) => void): void => {
  let start = region.start + m.scalars.get(regionRow(region.id));
  while (start < region.end) {
    let order = MAX_ORDER - 1;
    while (start % 2 ** order !== 0 || start + 2 ** order > region.end) order--;
    add(order, start);
    start += 2 ** order;
  }
};

/**
 * Free blocks by migratetype and order.
 *
 * Kernel: `mm/vmstat.c: pagetypeinfo_showfree_print`
 */
export const buddyInfo = (m: Machine, zone: Zone): BuddyInfo => {
  const blocks = Array.from({ length: 6 }, () => Array.from({ length: MAX_ORDER }, () => 0));
  for (let migratetype = 0; migratetype < 6; migratetype++) {
    for (let order = 0; order < MAX_ORDER; order++) {
      let link = m.scalars.get(listRow(zone, migratetype, order));
      for (; link !== 0; link = m.pages.lruNext.get(link - 1)) blocks[migratetype][order]++;
    }
  }
  for (const region of zone.regions) {
    freshBlocks(m, region, (order) => blocks[region.cma ? MIGRATE_CMA : MIGRATE_MOVABLE][order]++);
  }
  return { blocks, freePages: m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE)) };
};

/**
 * Whether a zone has a free block of at least an order that a request may use.
 *
 * Kernel: `mm/page_alloc.c: __zone_watermark_ok`, its part for high orders
 */
export const hasFreeBlock = (m: Machine, zone: Zone, minOrder: number, mayUseCma: boolean): boolean => {
  const types = mayUseCma
    ? [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_CMA]
    : [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE];
  for (let order = minOrder; order < MAX_ORDER; order++) {
    if (types.some((type) => m.scalars.get(listRow(zone, type, order)) !== 0)) return true;
  }
  return zone.regions.some((region) => {
    if (region.cma && !mayUseCma) return false;
    const size = 2 ** minOrder;
    const start = region.start + m.scalars.get(regionRow(region.id));
    return Math.ceil(start / size) * size + size <= region.end;
  });
};

/**
 * Free blocks that begin in a range, for a view of the allocator: first frame and order, one after the other, by address.
 * Pages in per-CPU lists are in none.
 *
 * Kernel: `mm/internal.h: buddy_order`
 */
export const freeBlocksWithin = (m: Machine, from: Pfn, to: Pfn): number[] => {
  const blocks: number[] = [];
  for (let pfn = from; pfn < to; pfn++)
    if ((m.pages.flags.get(pfn) & PG_buddy) !== 0) blocks.push(pfn, m.pages.private.get(pfn));
  for (const region of m.regions) {
    if (region.end <= from || region.start >= to) continue;
    freshBlocks(m, region, (order, first) => {
      if (first >= from && first < to) blocks.push(first, order);
    });
  }
  return blocks;
};
