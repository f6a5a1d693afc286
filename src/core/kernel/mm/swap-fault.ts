// mm/memory.c: do_swap_page, as far as a page comes back from the swap device.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON, RSS_SWAP } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PG_lru, PG_mlocked, PG_swapbacked, PG_uptodate } from '../../uapi/page-flags.ts';
import { entryPfn, mkEntry, PTE_DIRTY, swpExclusive } from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { FAULT_FLAG_WRITE, VM_FAULT_MAJOR, VM_FAULT_OOM, VM_LOCKED } from '../../uapi/vm-flags.ts';
import { lockPage, trylockPage, unlockPage } from '../sched/locks.ts';
import { doWpPage } from './fault.ts';
import { allocPageMaySleep } from './page-alloc.ts';
import { moveReference, setFlags, testFlags } from './page-ref.ts';
import { pageAddAnonRmap } from './rmap.ts';
import { folioAddLru, lruAddDrain, putPage } from './swap.ts';
import {
  addToSwapCache,
  folioFreeSwap,
  folioTestSwapcache,
  swapCacheGetFolio,
  swapCount,
  swapFree,
  swapReadpage,
  vmSwapFull,
} from './swapfile.ts';
import { maybeMkwrite, vmPageProt } from './vma.ts';

/**
 * Reads a page from the device; past the swap cache if nobody else can want it.
 *
 * @returns the page, locked, or NO_PFN
 */
function* readPage(m: Machine, slot: number): Sleeps<Pfn> {
  const page = yield* allocPageMaySleep(m, GFP_HIGHUSER_MOVABLE);
  if (page === NO_PFN) return NO_PFN;
  moveReference(m, page, 'allocation', 'fault handler');
  trylockPage(m, page);
  setFlags(m, page, PG_swapbacked | PG_uptodate);
  if (swapCount(m, slot) > 1) addToSwapCache(m, page, slot);
  folioAddLru(m, page);
  swapReadpage(m, page, slot);
  m.countVmEvent('pgmajfault');
  return page;
}

/** Kernel: `mm/memory.c: should_try_to_free_swap` */
const shouldTryToFreeSwap = (m: Machine, folio: Pfn, vma: Vma, flags: number): boolean => {
  if (vmSwapFull(m) || (vma.vmFlags & VM_LOCKED) !== 0 || testFlags(m, folio, PG_mlocked)) return true;
  return (flags & FAULT_FLAG_WRITE) !== 0 && m.pages.refcount.get(folio) === 2;
};

const giveUp = (m: Machine, folio: Pfn, ret: number): number => {
  unlockPage(m, folio);
  putPage(m, folio, 'fault handler');
  return ret;
};

/**
 * A fault on an entry that names a slot of the swap device.
 *
 * Kernel: `mm/memory.c: do_swap_page`
 * Simplified: no readahead; one device.
 * Sleeps: page lock.
 */
export function* swapInPage(m: Machine, vma: Vma, vpn: Vpn, row: EntryRow, flags: number): Sleeps<number> {
  const entry = m.entries.get(row);
  const slot = entryPfn(entry);
  let ret = 0;
  let page = swapCacheGetFolio(m, slot);
  if (page === NO_PFN) {
    page = yield* readPage(m, slot);
    if (page === NO_PFN) return m.entries.get(row) === entry ? VM_FAULT_OOM : 0;
    ret = VM_FAULT_MAJOR;
  } else {
    yield* lockPage(m, page);
    if (m.swapCache.get(slot) !== page) return giveUp(m, page, ret);
  }
  // a page beside the cache has no mapping yet: the flag alone tells
  const cached = m.swapCache.get(slot) === page;
  if (cached && (flags & FAULT_FLAG_WRITE) !== 0 && !testFlags(m, page, PG_lru)) lruAddDrain(m);
  if (m.entries.get(row) !== entry) return giveUp(m, page, ret);
  const certainly = swpExclusive(entry) || !cached;
  swapFree(m, slot);
  if (cached && folioTestSwapcache(m, page) && shouldTryToFreeSwap(m, page, vma, flags))
    folioFreeSwap(m, page);
  m.addRss(vma.mm, RSS_ANON, 1);
  m.addRss(vma.mm, RSS_SWAP, -1);
  const exclusive = certainly || m.pages.refcount.get(page) === 1;
  const write = (flags & FAULT_FLAG_WRITE) !== 0;
  let bits = vmPageProt(vma);
  if (exclusive && write) bits = maybeMkwrite(bits | PTE_DIRTY, vma);
  pageAddAnonRmap(m, page, m.vmas.get(vma.id), vpn, { exclusive });
  moveReference(m, page, 'fault handler', 'page table entry');
  m.entries.set(row, mkEntry(page, bits));
  unlockPage(m, page);
  if (write && !exclusive) return ret | (yield* doWpPage(m, vma, vpn, row, flags));
  return ret;
}
