// References and small facts of a page: include/linux/page_ref.h, mm.h, page-flags.h, mmzone.h.
// Every reference names its holder, so that the ledger of a page can be read from the log.

import type { DevPagemap, Zone } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { MIGRATE_CMA, MIGRATE_MOVABLE } from '../../uapi/config.ts';
import { type HolderKind, holderId, EventKind } from '../../uapi/events.ts';
import { PG_head, PG_hugetlb, PG_swapbacked } from '../../uapi/page-flags.ts';
import { HPAGE_PMD_NR, PAGEBLOCK_NR_PAGES, type Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';

/** Kernel: `include/linux/page-flags.h: compound_head` */
export const compoundHead = (m: Machine, pfn: Pfn): Pfn => pfn - m.pages.tailOffset.get(pfn);

/** Kernel: `include/linux/page_ref.h: page_count` */
export const pageCount = (m: Machine, pfn: Pfn): number => m.pages.refcount.get(compoundHead(m, pfn));

/**
 * Adds to a folio's reference count and names who holds the reference.
 *
 * Kernel: `include/linux/page_ref.h: folio_ref_add`
 */
export const folioRefAdd = (m: Machine, folio: Pfn, by: number, holder: HolderKind): void => {
  m.journal.setRefcount(folio, m.pages.refcount.get(folio) + by, holderId(holder));
};

/**
 * One more reference on the folio of a page.
 *
 * Kernel: `include/linux/mm.h: folio_get`
 */
export const folioGet = (m: Machine, pfn: Pfn, holder: HolderKind): void => {
  const folio = compoundHead(m, pfn);
  bugOn(m.pages.refcount.get(folio) <= 0, 'folio_get: folio is free');
  folioRefAdd(m, folio, 1, holder);
};

/**
 * Sets the count of a page that nobody else can see: at allocation, or when a huge page is split.
 *
 * Kernel: `include/linux/page_ref.h: set_page_count`
 */
export const setPageCount = (m: Machine, pfn: Pfn, count: number, holder: HolderKind): void => {
  m.journal.setRefcount(pfn, count, holderId(holder));
};

/**
 * A reference passes from one holder to another; the count stays.
 *
 * Ours: the kernel only comments on such hand-overs.
 */
export const moveReference = (m: Machine, pfn: Pfn, from: HolderKind, to: HolderKind, amount = 1): void => {
  m.journal.record(EventKind.HOLDER, holderId(to), compoundHead(m, pfn), holderId(from), amount);
};

/** Ours: one place for a test of page flags. */
export const testFlags = (m: Machine, pfn: Pfn, bits: number): boolean =>
  (m.pages.flags.get(pfn) & bits) !== 0;
/** Ours: one place for setting page flags. */
export const setFlags = (m: Machine, pfn: Pfn, bits: number): void => {
  m.pages.flags.set(pfn, m.pages.flags.get(pfn) | bits);
};
/** Ours: one place for clearing page flags. */
export const clearFlags = (m: Machine, pfn: Pfn, bits: number): void => {
  m.pages.flags.set(pfn, m.pages.flags.get(pfn) & ~bits);
};
/** Ours: TestSetPage… and TestClearPage… in one. Tells whether all bits were set before. */
export const testClearFlags = (m: Machine, pfn: Pfn, bits: number): boolean => {
  const was = testFlags(m, pfn, bits);
  if (was) clearFlags(m, pfn, bits);
  return was;
};

/** Kernel: `include/linux/page-flags.h: PageAnon` */
export const pageAnon = (m: Machine, pfn: Pfn): boolean =>
  (m.pages.mapping.get(compoundHead(m, pfn)) & 1) === 1;

/** Kernel: `include/linux/mm.h: folio_test_large` */
export const folioTestLarge = (m: Machine, folio: Pfn): boolean => testFlags(m, folio, PG_head);

/** Kernel: `include/linux/page-flags.h: PageCompound` */
export const pageCompound = (m: Machine, pfn: Pfn): boolean =>
  m.pages.tailOffset.get(pfn) !== 0 || testFlags(m, pfn, PG_head);

/** Kernel: `include/linux/page-flags.h: PageHuge` */
export const pageHuge = (m: Machine, pfn: Pfn): boolean => testFlags(m, compoundHead(m, pfn), PG_hugetlb);

/** Kernel: `include/linux/mm.h: folio_order` */
export const folioOrder = (m: Machine, folio: Pfn): number =>
  testFlags(m, folio, PG_head) ? m.pages.order.get(folio) : 0;

/** Kernel: `include/linux/mm.h: folio_nr_pages` */
export const folioNrPages = (m: Machine, folio: Pfn): number => 2 ** folioOrder(m, folio);

/** Kernel: `mm/util.c: page_mapping`, as far as callers ask whether there is one. 0: none or anonymous. */
export const pageMapping = (m: Machine, pfn: Pfn): number => {
  const mapping = m.pages.mapping.get(compoundHead(m, pfn));
  return (mapping & 1) === 1 ? 0 : mapping >> 1;
};

/** Kernel: `include/linux/mm_inline.h: folio_is_file_lru` */
export const folioIsFileLru = (m: Machine, folio: Pfn): boolean => !testFlags(m, folio, PG_swapbacked);

/**
 * Mappings of a single page: by its own entries, and by a huge entry of its folio.
 *
 * Kernel: `include/linux/mm.h: page_mapcount`
 */
export const pageMapcount = (m: Machine, pfn: Pfn): number =>
  pageCompound(m, pfn)
    ? m.pages.mapcount.get(pfn) + m.pages.compoundMapcount.get(compoundHead(m, pfn))
    : m.pages.mapcount.get(pfn);

/** Kernel: `mm/util.c: folio_mapped` */
export const folioMapped = (m: Machine, folio: Pfn): boolean => {
  if (!folioTestLarge(m, folio)) return m.pages.mapcount.get(folio) > 0;
  if (m.pages.compoundMapcount.get(folio) > 0) return true;
  if (pageHuge(m, folio)) return false;
  const nr = folioNrPages(m, folio);
  for (let i = 0; i < nr; i++) if (m.pages.mapcount.get(folio + i) > 0) return true;
  return false;
};

/** Kernel: `mm/util.c: folio_mapcount` */
export const folioMapcount = (m: Machine, folio: Pfn): number => {
  if (!folioTestLarge(m, folio)) return m.pages.mapcount.get(folio);
  let count = m.pages.compoundMapcount.get(folio);
  if (pageHuge(m, folio)) return count;
  const nr = folioNrPages(m, folio);
  for (let i = 0; i < nr; i++) count += m.pages.mapcount.get(folio + i);
  return count;
};

/** The pgmap of a ZONE_DEVICE page. Kernel: `include/linux/mm_types.h: struct page, pgmap` */
export const pagePgmap = (m: Machine, pfn: Pfn): DevPagemap | undefined => {
  // RAM is in no pgmap: registration refuses it
  if (m.rangeOf(pfn)?.kind === 'ram') return undefined;
  for (const id of m.pagemapOps.keys()) {
    const pgmap = m.pgmaps.find(id);
    if (pgmap !== undefined && pfn >= pgmap.start && pfn < pgmap.end) return pgmap;
  }
  return undefined;
};

/** Kernel: `include/linux/mmzone.h: is_zone_device_page` */
export const isZoneDevicePage = (m: Machine, pfn: Pfn): boolean => pagePgmap(m, pfn) !== undefined;

/** Kernel: `include/linux/memremap.h: is_device_private_page` */
export const isDevicePrivatePage = (m: Machine, pfn: Pfn): boolean =>
  pagePgmap(m, pfn)?.type === 'MEMORY_DEVICE_PRIVATE';

/** Kernel: `include/linux/memremap.h: is_device_coherent_page` */
export const isDeviceCoherentPage = (m: Machine, pfn: Pfn): boolean =>
  pagePgmap(m, pfn)?.type === 'MEMORY_DEVICE_COHERENT';

/** Kernel: `include/linux/mmzone.h: page_zone`; undefined for ZONE_DEVICE and for frames outside of all zones. */
export const pageZone = (m: Machine, pfn: Pfn): Zone | undefined => {
  const range = m.rangeOf(pfn);
  if (range?.zone === undefined) return undefined;
  return m.zones.find((zone) => zone.node === range.node && zone.name === range.zone);
};

/** Node of a frame; for memory that a driver invented, that of its pgmap. Kernel: `include/linux/mm.h: page_to_nid` */
export const pageToNid = (m: Machine, pfn: Pfn): number =>
  m.rangeOf(pfn)?.node ?? pagePgmap(m, pfn)?.node ?? 0;

/** Kernel: `include/linux/mmzone.h: is_zone_movable_page` */
export const isZoneMovablePage = (m: Machine, pfn: Pfn): boolean => m.rangeOf(pfn)?.zone === 'Movable';

/** Kernel: `include/linux/mmzone.h: get_pageblock_migratetype` */
export const pageblockMigratetype = (m: Machine, pfn: Pfn): number => {
  const set = m.pageblocks.get(Math.floor(pfn / PAGEBLOCK_NR_PAGES));
  if (set !== 0) return set - 1;
  return m.rangeOf(pfn)?.cma === true ? MIGRATE_CMA : MIGRATE_MOVABLE;
};

/** Kernel: `include/linux/mm.h: is_zero_pfn` */
export const isZeroPfn = (m: Machine, pfn: Pfn): boolean => pfn === m.zeroPfn;

/** Kernel: `include/linux/mm.h: folio_maybe_dma_pinned` */
export const folioMaybeDmaPinned = (m: Machine, folio: Pfn): boolean =>
  folioTestLarge(m, folio) ? m.pages.compoundPincount.get(folio) > 0 : m.pages.refcount.get(folio) >= 1024;

/** Kernel: `include/linux/mm.h: page_maybe_dma_pinned` */
export const pageMaybeDmaPinned = (m: Machine, pfn: Pfn): boolean =>
  folioMaybeDmaPinned(m, compoundHead(m, pfn));

/** Bytes of a page travel to another. Kernel: `include/linux/highmem.h: copy_highpage` */
export const copyHighpage = (m: Machine, to: Pfn, from: Pfn): void => {
  m.trace.decide('copy.page', from, to);
  m.pages.content.set(to, m.pages.content.get(from));
};

/**
 * All pages of a folio. Of a gigantic one it is told once: a line for each of its pages would bury everything else.
 *
 * Kernel: `mm/util.c: folio_copy`
 */
export const folioCopy = (m: Machine, to: Pfn, from: Pfn): void => {
  const npages = folioNrPages(m, from);
  if (npages <= HPAGE_PMD_NR) {
    for (let i = 0; i < npages; i++) copyHighpage(m, to + i, from + i);
    return;
  }
  m.trace.decide('copy.page', from, to);
  for (let i = 0; i < npages; i++) m.pages.content.set(to + i, m.pages.content.get(from + i));
};

/** Kernel: `include/linux/highmem.h: clear_highpage` */
export const clearHighpage = (m: Machine, pfn: Pfn): void => {
  m.pages.content.set(pfn, 0);
};
