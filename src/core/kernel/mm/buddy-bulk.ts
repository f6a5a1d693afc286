// Many pages at once from the buddy system and back. What is left behind is what single requests leave: rmqueue and
// freeOnePage of buddy.ts, one page after another. Blocks that single requests would split to the last page, or put
// together again from single pages, are taken and given whole; their inner pages only keep the traces of it.

import type { Zone } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import { changeRows } from '../../machine/column-runs.ts';
import { ZONE_NR_FREE_CMA, zoneRow } from '../../machine/scalars.ts';
import { MIGRATE_MOVABLE, MIGRATE_UNMOVABLE } from '../../uapi/config.ts';
import { __GFP_MOVABLE } from '../../uapi/gfp.ts';
import { PG_reserved } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { freeOnePage, lowestOrder, rmqueueBlock } from './buddy.ts';
import { accountFree, FREED_CONTENT, localNode } from './page-alloc.ts';
import { pageZone } from './page-ref.ts';
import { eachRun } from './plain-pages.ts';
import { zoneWatermarkOk } from './watermarks.ts';
import { gfpZone, zonelist } from './zonelists.ts';

/** Order of a pageblock: inside of one all pages have one type, so that buddies always merge. */
const PAGEBLOCK_ORDER = 9;

const log2 = (n: number): number => 31 - Math.clz32(n);
/** Largest power of two that divides a frame number, up to that of a pageblock. */
const alignment = (pfn: Pfn): number => Math.min(PAGEBLOCK_ORDER, log2((pfn | 512) & -(pfn | 512)));

/** Inner pages of a block stood in a free list for a moment, each but the first at the head of some part. */
const clearLinks = (m: Machine, pfn: Pfn, npages: number): void => {
  for (const links of [m.pages.lruNext, m.pages.lruPrev])
    if (!links.isConstant(pfn + 1, npages - 1, 0)) links.writeLine(pfn + 1, npages - 1, 0, 0);
};

/**
 * Takes up to `want` pages as so many calls of allocPages would, each with one reference, whose holder the caller names.
 * Takes fewer, or none, where single requests would do more than take the next page of the best zone.
 *
 * Kernel: `mm/page_alloc.c: __alloc_pages`, many times; the mechanism is page-alloc.ts: allocPages
 *
 * @param pfns - where the frames are written to, in the order of the requests
 * @returns how many
 */
export const allocPagesBulk = (m: Machine, gfp: number, want: number, pfns: Float64Array): number => {
  const effective = m.current.memallocPin ? gfp & ~__GFP_MOVABLE : gfp;
  const movable = (effective & __GFP_MOVABLE) !== 0;
  const zone = zonelist(m, effective, localNode(m)).at(0);
  if (zone === undefined) return 0;
  // CMA pages are taken in turns with others, so every request has to look
  if (movable && m.kernel.CONFIG_CMA && m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE_CMA)) > 0) return 0;
  const flags = { mark: 'low', cma: movable, oom: false } as const;
  if (!zoneWatermarkOk(m, zone, 0, gfpZone(effective), flags, 1 - want)) return 0;
  const migratetype = movable ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE;
  let taken = 0;
  while (taken < want) {
    const order = Math.min(lowestOrder(m, zone, migratetype), log2(want - taken), PAGEBLOCK_ORDER);
    const pfn = order < 0 ? NO_PFN : rmqueueBlock(m, zone, order, migratetype);
    if (pfn === NO_PFN) break;
    accountFree(m, zone, pfn, -(2 ** order));
    for (let i = 0; i < 2 ** order; i++) pfns[taken++] = pfn + i;
  }
  // blocks beside each other are taken together
  eachRun(pfns, taken, ({ low, length }) => takeNeighbours(m, low, length));
  return taken;
};

const takeNeighbours = (m: Machine, first: Pfn, npages: number): void => {
  clearLinks(m, first, npages);
  m.pages.refcount.writeLine(first, npages, 1, 0);
};

/** One aligned block of pages, from the first to the last. */
const freeBlock = (m: Machine, zone: Zone, pfn: Pfn, order: number): void => {
  accountFree(m, zone, pfn, 2 ** order);
  freeOnePage(m, zone, pfn, order);
};

/**
 * Gives small pages back in the order of the array as so many calls of freePages would: they are neighbours, ascending
 * or not. Their counts and mappings are 0 already, no flag but PG_reserved matters any more.
 *
 * Kernel: `mm/page_alloc.c: free_unref_page`, many times; the mechanism is page-alloc.ts: freePages
 */
export const freePagesBulk = (m: Machine, pfns: Float64Array, n: number): void => {
  for (let from = 0; from < n; ) {
    const first = pfns[from];
    const room = SECTION_ROWS - (first & SECTION_MASK);
    let length = 1;
    while (length < room && from + length < n && pfns[from + length] === first + length) length++;
    clearFreed(m, first, length);
    const zone = pageZone(m, first);
    bugOn(
      zone === undefined || pageZone(m, first + length - 1) !== zone,
      'free_unref_page: pages of no one zone',
    );
    for (let pfn = first; zone !== undefined && pfn < first + length; ) {
      const order = Math.min(alignment(pfn), log2(first + length - pfn));
      freeBlock(m, zone, pfn, order);
      pfn += 2 ** order;
    }
    from += length;
  }
};

/** Kernel: `mm/page_alloc.c: free_pages_prepare` */
const clearFreed = (m: Machine, first: Pfn, npages: number): void => {
  const { flags, mapping, content, index } = m.pages;
  changeRows(flags, first, npages, (word) => word & PG_reserved);
  mapping.writeLine(first, npages, 0, 0);
  index.writeLine(first, npages, 0, 0);
  content.writeLine(first, npages, FREED_CONTENT, 0);
};
