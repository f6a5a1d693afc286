// mm/page_isolation.c: a pageblock that is to be emptied. Nothing is allocated from it, what is freed stays there,
// and a page in it may not be pinned for long.

import type { Machine } from '../../machine/machine.ts';
import { EBUSY } from '../../uapi/errno.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE, MIGRATE_MOVABLE } from '../../uapi/config.ts';
import { PG_buddy, PG_head, PG_lru, PG_reserved } from '../../uapi/page-flags.ts';
import { NO_PFN, PAGEBLOCK_NR_PAGES, type Pfn } from '../../uapi/units.ts';
import { movePageblock } from './buddy.ts';
import {
  compoundHead,
  folioNrPages,
  isZoneMovablePage,
  pageblockMigratetype,
  pageHuge,
  pageZone,
} from './page-ref.ts';
import { lruAddDrainAll } from './swap.ts';

const blockOf = (pfn: Pfn): Pfn => pfn - (pfn % PAGEBLOCK_NR_PAGES);

/**
 * The first page of a block that nobody could move away; NO_PFN: none.
 *
 * Kernel: `mm/page_isolation.c: has_unmovable_pages`
 */
const hasUnmovablePages = (m: Machine, block: Pfn): Pfn => {
  // CMA blocks are for alloc_contig_range only
  if (pageblockMigratetype(m, block) === MIGRATE_CMA) return block;
  for (let pfn = block; pfn < block + PAGEBLOCK_NR_PAGES; pfn++) {
    const flags = m.pages.flags.get(pfn);
    if ((flags & PG_reserved) !== 0) return pfn;
    if (isZoneMovablePage(m, pfn)) continue;
    const head = compoundHead(m, pfn);
    if (head !== pfn || (flags & PG_head) !== 0) {
      if (!pageHuge(m, head) && (m.pages.flags.get(head) & PG_lru) === 0) return pfn;
      pfn = head + folioNrPages(m, head) - 1;
      continue;
    }
    if (m.pages.refcount.get(pfn) === 0) {
      if ((flags & PG_buddy) !== 0) pfn += 2 ** m.pages.private.get(pfn) - 1;
      continue;
    }
    if ((flags & PG_lru) === 0) return pfn;
  }
  return NO_PFN;
};

/**
 * Isolates the pageblock of a page, as offlining does with the memory that is to go.
 *
 * Kernel: `mm/page_isolation.c: start_isolate_page_range, set_migratetype_isolate`
 *
 * @returns 0; -EBUSY: isolated already, or a page in it cannot be moved
 */
export const startIsolatePageRange = (m: Machine, pfn: Pfn): number => {
  const block = blockOf(pfn);
  lruAddDrainAll(m); // lru_cache_disable
  if (pageZone(m, block) === undefined || pageblockMigratetype(m, block) === MIGRATE_ISOLATE) return -EBUSY;
  const unmovable = hasUnmovablePages(m, block);
  if (unmovable !== NO_PFN) return -EBUSY;
  movePageblock(m, block, MIGRATE_ISOLATE);
  return 0;
};

/**
 * Gives the pageblock back to the allocator, as movable memory.
 *
 * Kernel: `mm/page_isolation.c: undo_isolate_page_range, unset_migratetype_isolate`
 */
export const undoIsolatePageRange = (m: Machine, pfn: Pfn): void => {
  const block = blockOf(pfn);
  if (pageblockMigratetype(m, block) === MIGRATE_ISOLATE) movePageblock(m, block, MIGRATE_MOVABLE);
};
