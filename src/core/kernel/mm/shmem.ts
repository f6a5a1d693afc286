// mm/shmem.c: shared anonymous memory. Its pages live in the page cache of a file without a name.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PG_dirty, PG_locked, PG_mappedtodisk, PG_swapbacked, PG_uptodate } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfn } from '../../uapi/units.ts';
import { VM_FAULT_LOCKED, VM_FAULT_OOM, VM_FAULT_SIGBUS } from '../../uapi/vm-flags.ts';
import { filemapAddFolio, filemapGetFolio, lockCached, newAddressSpace } from './filemap.ts';
import { type Faulted, type FileFault } from './readahead.ts';
import { allocPageMaySleep } from './page-alloc.ts';
import {
  clearFlags,
  clearHighpage,
  compoundHead,
  folioGet,
  moveReference,
  pageHuge,
  setFlags,
} from './page-ref.ts';
import { lruAddDrain, putPage } from './swap.ts';
import { letGo, letGoMidway, unlockPage } from '../sched/locks.ts';

/**
 * The file behind one MAP_SHARED | MAP_ANONYMOUS area.
 *
 * Kernel: `mm/shmem.c: shmem_zero_setup`
 *
 * @returns id of the address space
 */
export const newShmem = (m: Machine, npages: number): number => newAddressSpace(m, 'shmem', 'shmem', npages);

/** A zeroed page for a hole, locked, with a reference of the cache and one of the caller. */
function* shmemAllocFolio(m: Machine, file: number, index: number, gfp = GFP_HIGHUSER_MOVABLE): Sleeps<Pfn> {
  const page = yield* allocPageMaySleep(m, gfp);
  if (page === NO_PFN) return NO_PFN;
  setFlags(m, page, PG_locked | PG_swapbacked);
  moveReference(m, page, 'allocation', 'fault handler');
  folioGet(m, page, 'page cache');
  filemapAddFolio(m, file, index, page);
  clearHighpage(m, page);
  setFlags(m, page, PG_uptodate);
  return page;
}

/**
 * The page of a fault, found in the cache or fresh.
 *
 * Kernel: `mm/shmem.c: shmem_fault, shmem_get_folio_gfp`
 * Simplified: never swapped out. (A fault makes no huge page: `shmem_enabled` is `never`.)
 */
export function* shmemFault(m: Machine, fault: FileFault, file: number): Sleeps<Faulted> {
  const { pgoff } = fault;
  if (pgoff >= m.files.get(file).npages) return { ret: VM_FAULT_SIGBUS, page: NO_PFN };
  const cached = yield* lockCached(m, file, pgoff, filemapGetFolio(m, file, pgoff));
  if (cached !== NO_PFN) return { ret: VM_FAULT_LOCKED, page: cached };
  const page = yield* shmemAllocFolio(m, file, pgoff);
  return page === NO_PFN ? { ret: VM_FAULT_OOM, page } : { ret: VM_FAULT_LOCKED, page };
}

/**
 * A page of a file of shared memory for the kernel itself, made where there is a hole; the caller gets a reference.
 *
 * Kernel: `mm/shmem.c: shmem_read_mapping_page_gfp`
 *
 * @returns NO_PFN: there is no memory
 */
export function* shmemReadMappingPage(m: Machine, file: number, index: number, gfp: number): Sleeps<Pfn> {
  const cached = filemapGetFolio(m, file, index);
  if (cached !== NO_PFN) {
    folioGet(m, cached, 'fault handler');
    return cached;
  }
  const page = yield* shmemAllocFolio(m, file, index, gfp);
  if (page !== NO_PFN) unlockPage(m, page);
  return page;
}

/** Indices of a file that are looked through before the worker may be let go. */
const INDICES_AT_ONCE = 1024;

/**
 * The last mapping of shared anonymous memory is gone, and its pages with it. A page that is still pinned lives on
 * without a file.
 *
 * Kernel: `mm/shmem.c: shmem_evict_inode, shmem_undo_range`; of hugetlb `fs/hugetlbfs/inode.c: remove_inode_hugepages`
 * Requires: no VMA maps the file any more.
 *
 * @returns entries of the cache that there were: of hugetlb, huge pages
 */
export function* shmemEvictInode(m: Machine, file: number): Sleeps<number> {
  const { pages: cache, npages } = m.files.get(file);
  const map = m.journal.mapById(cache);
  const pages: Pfn[] = [];
  for (let from = 0; from < npages; from += INDICES_AT_ONCE) {
    for (const index of map.keysBetween(from, from + INDICES_AT_ONCE)) {
      const page = map.get(index) ?? NO_PFN;
      const folio = compoundHead(m, page);
      map.delete(index);
      if (page === folio) {
        clearFlags(m, folio, PG_dirty | PG_mappedtodisk | (pageHuge(m, folio) ? PG_uptodate : 0));
        m.pages.mapping.set(folio, 0);
      }
      pages.push(page);
    }
    yield* letGo(m, 'shmem_undo_range', 0);
  }
  // the first batch of release_pages drains, the later ones know that it was done
  if (pages.length > 0) lruAddDrain(m);
  for (const [i, page] of pages.entries()) {
    putPage(m, page, 'page cache');
    yield* letGoMidway(m, 'shmem_undo_range', i);
  }
  return pages.length;
}
