// mm/readahead.c and the part of mm/filemap.c that asks it for pages.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import {
  FILE_INDIRECT_BLOCK,
  FILE_INDIRECT_IN_BH_LRU,
  FILE_RA_ASYNC_SIZE,
  FILE_RA_SIZE,
  FILE_RA_START,
} from '../../machine/scalars.ts';
import { __GFP_MOVABLE, GFP_HIGHUSER_MOVABLE, GFP_USER } from '../../uapi/gfp.ts';
import {
  PG_locked,
  PG_mappedtodisk,
  PG_private,
  PG_readahead,
  PG_referenced,
  PG_uptodate,
} from '../../uapi/page-flags.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_RETRY_NOWAIT,
  FAULT_FLAG_TRIED,
  VM_HUGEPAGE,
} from '../../uapi/vm-flags.ts';
import { unlockPage } from '../sched/locks.ts';
import { allocPage } from './page-alloc.ts';
import { clearFlags, folioGet, moveReference, setFlags, testFlags } from './page-ref.ts';
import { folioMarkAccessed, markPageAccessed } from './swap.ts';
import {
  BLOCK_DEVICE_NAME,
  DIRECT_BLOCKS,
  RA_PAGES,
  filemapAddFolio,
  filemapGetFolio,
  namedFile,
} from './filemap.ts';

// --- readahead --------------------------------------------------------------------------------------------------

/** A fault on a mapped file. Kernel: struct vm_fault */
export interface FileFault {
  readonly vma: Vma;
  readonly vpn: Vpn;
  /** Page of the file. */
  readonly pgoff: number;
  readonly flags: number;
  readonly pmdRow: EntryRow;
}

/** What vm_ops->fault found: VM_FAULT_ bits, and with VM_FAULT_LOCKED a page, locked and held by 'fault handler'. */
export interface Faulted {
  readonly ret: number;
  readonly page: Pfn;
}

/**
 * ext2 learns the place of the pages behind the twelfth from a block of its own, read once through the block
 * device's page cache. A buffer head that the CPU remembers is touched by its page; one that must be looked up is by
 * the lookup.
 *
 * Kernel: `fs/buffer.c: __find_get_block, bh_lru_install`
 */
const readIndirectBlock = (m: Machine): void => {
  const known = m.scalars.get(FILE_INDIRECT_BLOCK);
  const remembered = m.scalars.get(FILE_INDIRECT_IN_BH_LRU) !== 0;
  if (known !== 0) {
    if (remembered) markPageAccessed(m, known - 1);
    else folioMarkAccessed(m, known - 1);
    m.scalars.set(FILE_INDIRECT_IN_BH_LRU, 1);
    return;
  }
  const page = allocPage(m, GFP_USER | __GFP_MOVABLE);
  if (page === NO_PFN) return;
  moveReference(m, page, 'allocation', 'page cache');
  folioGet(m, page, 'buffer heads');
  setFlags(m, page, PG_referenced | PG_private | PG_uptodate);
  filemapAddFolio(m, namedFile(m, BLOCK_DEVICE_NAME, 1, 0), 0, page);
  m.scalars.set(FILE_INDIRECT_BLOCK, page + 1);
  m.scalars.set(FILE_INDIRECT_IN_BH_LRU, 1);
  folioMarkAccessed(m, page);
};

/** One run of new pages goes to the file system. Kernel: `mm/readahead.c: read_pages` */
const readPages = (m: Machine, file: number, indexes: readonly number[]): void => {
  if (indexes.some((index) => index >= DIRECT_BLOCKS)) readIndirectBlock(m);
  for (const index of indexes) {
    const page = filemapGetFolio(m, file, index);
    m.pages.content.set(page, m.files.get(file).firstValue + index);
    setFlags(m, page, PG_uptodate | PG_mappedtodisk);
    unlockPage(m, page);
  }
};

/**
 * Reads the missing pages of a window.
 *
 * Kernel: `mm/readahead.c: do_page_cache_ra, page_cache_ra_unbounded`
 * Simplified: reading takes no time.
 *
 * @param lookahead - the page this far before the end of the window gets the marker, if it is new
 */
const doPageCacheRa = (m: Machine, file: number, start: number, size: number, lookahead: number): void => {
  const toRead = Math.min(size, m.files.get(file).npages - start);
  let run: number[] = [];
  for (let i = 0; i < toRead; i++) {
    if (filemapGetFolio(m, file, start + i) !== NO_PFN) {
      if (run.length > 0) readPages(m, file, run);
      run = [];
      continue;
    }
    const page = allocPage(m, GFP_HIGHUSER_MOVABLE);
    if (page === NO_PFN) break;
    setFlags(m, page, PG_locked | (i === toRead - lookahead ? PG_readahead : 0));
    moveReference(m, page, 'allocation', 'page cache');
    filemapAddFolio(m, file, start + i, page);
    run.push(start + i);
  }
  if (run.length > 0) readPages(m, file, run);
};

/** mmap_lock may be dropped for I/O once, if the caller knows how to begin again. Kernel: `mm/internal.h: maybe_unlock_mmap_for_io` */
export const maybeUnlockMmapForIo = (flags: number): boolean =>
  (flags & FAULT_FLAG_ALLOW_RETRY) !== 0 && (flags & (FAULT_FLAG_TRIED | FAULT_FLAG_RETRY_NOWAIT)) === 0;

const setWindow = (m: Machine, start: number, size: number, asyncSize: number): void => {
  m.scalars.set(FILE_RA_START, start);
  m.scalars.set(FILE_RA_SIZE, size);
  m.scalars.set(FILE_RA_ASYNC_SIZE, asyncSize);
};

/**
 * Nothing is cached here: reads the pages around.
 *
 * Kernel: `mm/filemap.c: do_sync_mmap_readahead`
 * Simplified: misses are not counted (a file of 64 pages never has a hundred).
 *
 * @returns whether mmap_lock was dropped
 */
export const doSyncMmapReadahead = (m: Machine, fault: FileFault, file: number): boolean => {
  const dropped = maybeUnlockMmapForIo(fault.flags);
  if ((fault.vma.vmFlags & VM_HUGEPAGE) !== 0) {
    const start = fault.pgoff - (fault.pgoff % HPAGE_PMD_NR);
    setWindow(m, m.scalars.get(FILE_RA_START), 2 * HPAGE_PMD_NR, HPAGE_PMD_NR);
    doPageCacheRa(m, file, start, 2 * HPAGE_PMD_NR, HPAGE_PMD_NR);
    return dropped;
  }
  const start = Math.max(0, fault.pgoff - RA_PAGES / 2);
  setWindow(m, start, RA_PAGES, RA_PAGES / 4);
  doPageCacheRa(m, file, start, RA_PAGES, RA_PAGES / 4);
  return dropped;
};

/** First page behind `index` that is not cached, looking no further than `max`. Kernel: `mm/filemap.c: page_cache_next_miss` */
const pageCacheNextMiss = (m: Machine, file: number, index: number, max: number): number => {
  for (let i = 0; i < max; i++) if (filemapGetFolio(m, file, index + i) === NO_PFN) return index + i;
  return index + max - 1;
};

/** Kernel: `mm/readahead.c: get_next_ra_size` */
const nextRaSize = (size: number): number => {
  if (size < RA_PAGES / 16) return 4 * size;
  return size <= RA_PAGES / 2 ? 2 * size : RA_PAGES;
};

/** The marker was hit: pushes the window forward. Kernel: `mm/readahead.c: ondemand_readahead` */
const ondemandReadahead = (m: Machine, file: number, index: number): void => {
  let start = m.scalars.get(FILE_RA_START);
  let size = m.scalars.get(FILE_RA_SIZE);
  const expected = start + size - m.scalars.get(FILE_RA_ASYNC_SIZE);
  if (index !== 0 && (index === expected || index === start + size)) {
    start += size;
    size = Math.max(size, nextRaSize(size));
  } else if (index !== 0) {
    start = pageCacheNextMiss(m, file, index + 1, RA_PAGES);
    if (start - index > RA_PAGES) return;
    size = nextRaSize(start - index + RA_PAGES);
  } else {
    start = index;
    size = RA_PAGES;
  }
  let asyncSize = size;
  if (index === start) {
    size = RA_PAGES;
    asyncSize = RA_PAGES / 2;
  }
  setWindow(m, start, size, asyncSize);
  if (start < m.files.get(file).npages) doPageCacheRa(m, file, start, size, asyncSize);
};

/**
 * The page is cached; if it carries the marker, the pages behind it are read.
 *
 * Kernel: `mm/filemap.c: do_async_mmap_readahead`, `mm/readahead.c: page_cache_async_ra`
 *
 * @returns whether mmap_lock was dropped
 */
export const doAsyncMmapReadahead = (m: Machine, fault: FileFault, file: number, page: Pfn): boolean => {
  if (!testFlags(m, page, PG_readahead)) return false;
  clearFlags(m, page, PG_readahead);
  ondemandReadahead(m, file, fault.pgoff);
  return maybeUnlockMmapForIo(fault.flags);
};
