// mm/swapfile.c, mm/swap_state.c: slots of the swap device, and the swap cache. A slot is counted by the entries that
// name it; a page that waits for, or has just come from, the device is found through the cache.

import type { Machine } from '../../machine/machine.ts';
import { SWAP_HINT, SWAP_NR_FREE } from '../../machine/scalars.ts';
import { PG_anon_exclusive, PG_dirty, PG_swapbacked, PG_swapcache } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { trylockPage, unlockPage } from '../sched/locks.ts';
import { clearFlags, folioGet, folioMapped, folioRefAdd, setFlags, testFlags } from './page-ref.ts';
import { folioPut } from './swap.ts';

/** In the count of a slot: a page of the swap cache has it. */
const SWAP_HAS_CACHE = 0x40;

/** Makes the slots of the configured device free. Kernel: `mm/swapfile.c: swapon` */
export const swapon = (m: Machine): void => {
  if (m.config.swapPages > 0) m.scalars.set(SWAP_NR_FREE, m.config.swapPages);
};

/** Kernel: `include/linux/swap.h: get_nr_swap_pages` */
export const getNrSwapPages = (m: Machine): number => m.scalars.get(SWAP_NR_FREE);

/** More than half of the device is used. Kernel: `include/linux/swap.h: vm_swap_full` */
export const vmSwapFull = (m: Machine): boolean => getNrSwapPages(m) * 2 < m.config.swapPages;

/** Entries that name a slot. Kernel: `mm/swapfile.c: __swap_count` */
export const swapCount = (m: Machine, slot: number): number => m.swapMap.get(slot) & ~SWAP_HAS_CACHE;

/** A free slot, for the cache; 0: none. Slot 0 is the header of the device. Kernel: `mm/swapfile.c: get_swap_pages` */
const getSwapPage = (m: Machine): number => {
  if (getNrSwapPages(m) === 0) return 0;
  const last = m.config.swapPages;
  let slot = m.scalars.get(SWAP_HINT);
  do slot = slot >= last ? 1 : slot + 1;
  while (m.swapMap.get(slot) !== 0);
  m.scalars.set(SWAP_HINT, slot);
  m.scalars.set(SWAP_NR_FREE, getNrSwapPages(m) - 1);
  m.swapMap.set(slot, SWAP_HAS_CACHE);
  return slot;
};

const setCount = (m: Machine, slot: number, count: number): void => {
  m.swapMap.set(slot, count);
  if (count === 0) m.scalars.set(SWAP_NR_FREE, getNrSwapPages(m) + 1);
};

/** One more entry names the slot. Kernel: `mm/swapfile.c: swap_duplicate` */
export const swapDuplicate = (m: Machine, slot: number): void => {
  m.swapMap.set(slot, m.swapMap.get(slot) + 1);
};

/** An entry that named the slot is gone. Kernel: `mm/swapfile.c: swap_free` */
export const swapFree = (m: Machine, slot: number): void => {
  bugOn(swapCount(m, slot) === 0, 'swap_free: unused slot');
  setCount(m, slot, m.swapMap.get(slot) - 1);
};

/** The page of the cache that has a slot, with a reference for the fault handler. Kernel: `mm/swap_state.c: swap_cache_get_folio` */
export const swapCacheGetFolio = (m: Machine, slot: number): Pfn => {
  const folio = m.swapCache.get(slot);
  if (folio === undefined) return NO_PFN;
  folioGet(m, folio, 'fault handler');
  return folio;
};

/** Kernel: `mm/swap_state.c: add_to_swap_cache` */
export const addToSwapCache = (m: Machine, folio: Pfn, slot: number): void => {
  m.swapMap.set(slot, m.swapMap.get(slot) | SWAP_HAS_CACHE);
  m.swapCache.set(slot, folio);
  folioRefAdd(m, folio, 1, 'swap cache');
  setFlags(m, folio, PG_swapcache);
  m.pages.private.set(folio, slot);
};

/**
 * Finds a slot for an anonymous page and puts the page into the swap cache, dirty.
 *
 * Kernel: `mm/swap_state.c: add_to_swap`
 * Simplified: huge pages are not swapped out whole.
 * Requires: the folio is locked.
 *
 * @returns false: there is no swap space
 */
export const addToSwap = atomic('add_to_swap', (m, folio: Pfn): boolean => {
  const slot = getSwapPage(m);
  if (slot === 0) return false;
  addToSwapCache(m, folio, slot);
  setFlags(m, folio, PG_dirty);
  return true;
});

/**
 * Takes a folio out of the cache; its slot is free if no entry names it. The caller drops the cache's reference.
 *
 * Kernel: `mm/swap_state.c: __delete_from_swap_cache`, `mm/swapfile.c: put_swap_folio`
 */
export const deleteFromSwapCache = (m: Machine, folio: Pfn): void => {
  const slot = m.pages.private.get(folio);
  m.swapCache.delete(slot);
  clearFlags(m, folio, PG_swapcache);
  m.pages.private.set(folio, 0);
  setCount(m, slot, swapCount(m, slot));
};

/**
 * Gives the slot of a page back if no entry names it any more.
 *
 * Kernel: `mm/swapfile.c: folio_free_swap`
 * Requires: the folio is locked, and the caller holds a reference.
 */
export const folioFreeSwap = (m: Machine, folio: Pfn): boolean => {
  if (!folioTestSwapcache(m, folio) || swapCount(m, m.pages.private.get(folio)) > 0) return false;
  deleteFromSwapCache(m, folio);
  folioPut(m, folio, 'swap cache');
  setFlags(m, folio, PG_dirty);
  return true;
};

/** Kernel: `include/linux/page-flags.h: folio_test_swapcache` */
export const folioTestSwapcache = (m: Machine, folio: Pfn): boolean =>
  testFlags(m, folio, PG_swapbacked) && testFlags(m, folio, PG_swapcache);

/** The last mapping of a page goes: its slot, if only the cache has it, is not needed. Kernel: `mm/swap_state.c: free_swap_cache` */
export const freeSwapCache = (m: Machine, folio: Pfn): void => {
  if (!folioTestSwapcache(m, folio) || folioMapped(m, folio) || !trylockPage(m, folio)) return;
  folioFreeSwap(m, folio);
  unlockPage(m, folio);
};

/** An entry that named a slot was zapped. Kernel: `mm/swapfile.c: free_swap_and_cache` */
export const freeSwapAndCache = (m: Machine, slot: number): void => {
  swapFree(m, slot);
  const folio = m.swapCache.get(slot);
  if (swapCount(m, slot) > 0 || folio === undefined) return;
  folioGet(m, folio, 'kernel');
  freeSwapCache(m, folio);
  folioPut(m, folio, 'kernel');
};

/**
 * Writes a page to its slot.
 *
 * Kernel: `mm/page_io.c: swap_writepage`
 * Simplified: the device is as fast as memory (SWP_SYNCHRONOUS_IO): no writeback flag, nobody waits.
 */
export const swapWritepage = (m: Machine, folio: Pfn): void => {
  bugOn(testFlags(m, folio, PG_anon_exclusive), 'swap_writepage: page is AnonExclusive');
  m.swapContent.set(m.pages.private.get(folio), m.pages.content.get(folio));
  clearFlags(m, folio, PG_dirty);
  m.countVmEvent('pswpout');
};

/** Kernel: `mm/page_io.c: swap_readpage` */
export const swapReadpage = (m: Machine, page: Pfn, slot: number): void => {
  m.pages.content.set(page, m.swapContent.get(slot));
  m.countVmEvent('pswpin');
};

/** A migrated page keeps its slot. Kernel: `mm/migrate.c: folio_migrate_mapping`, its part for the swap cache */
export const migrateSwapCache = (m: Machine, dst: Pfn, src: Pfn): void => {
  const slot = m.pages.private.get(src);
  setFlags(m, dst, PG_swapcache);
  m.pages.private.set(dst, slot);
  folioRefAdd(m, dst, 1, 'swap cache');
  m.swapCache.set(slot, dst);
  clearFlags(m, src, PG_swapcache);
  m.pages.private.set(src, 0);
  folioRefAdd(m, src, -1, 'swap cache');
};
