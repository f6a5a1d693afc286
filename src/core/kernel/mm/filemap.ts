// mm/filemap.c, mm/readahead.c and the file half of mm/memory.c: the page cache and faults on it.
// There is one file: 64 pages on ext2, page k begins with the number 9000 + k; nothing of it is cached at first.
// Files that a scenario makes come on top; they are in the cache from the start.

import type { AddressSpace, Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import {
  FILE_INDIRECT_BLOCK,
  FILE_RA_ASYNC_SIZE,
  FILE_RA_SIZE,
  FILE_RA_START,
} from '../../machine/scalars.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { __GFP_MOVABLE, GFP_HIGHUSER_MOVABLE, GFP_USER } from '../../uapi/gfp.ts';
import {
  PG_dirty,
  PG_locked,
  PG_mappedtodisk,
  PG_private,
  PG_readahead,
  PG_referenced,
  PG_uptodate,
} from '../../uapi/page-flags.ts';
import { mkEntry, PTE_DIRTY } from '../../uapi/pte.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_PFN, type Pfn, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_RETRY_NOWAIT,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  VM_FAULT_COMPLETED,
  VM_FAULT_ERROR,
  VM_FAULT_FALLBACK,
  VM_FAULT_LOCKED,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_HUGEPAGE,
  VM_SHARED,
} from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { lockPage, unlockPage } from '../sched/locks.ts';
import { daxFault } from './dax.ts';
import { mmCounter } from './fault.ts';
import { doSetPmd } from './huge-file.ts';
import { allocPage } from './page-alloc.ts';
import {
  clearFlags,
  compoundHead,
  copyHighpage,
  folioGet,
  folioTestLarge,
  moveReference,
  pageCompound,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { pteAlloc, pteOffset } from './page-table.ts';
import { anonVmaPrepare, pageAddFileRmap, pageAddNewAnonRmap } from './rmap.ts';
import { shmemFault } from './shmem.ts';
import {
  folioAddLru,
  folioMarkAccessed,
  folioPut,
  lruCacheAddInactiveOrUnevictable,
  markPageAccessed,
  putPage,
  setPageDirty,
} from './swap.ts';
import { linearPageIndex, maybeMkwrite, vmaIsDax, vmPageProt } from './vma.ts';

/** Pages of the one file. */
export const FILE_PAGES = 64;
/** First number in page 0 of the file. */
const FILE_FIRST_VALUE = 9000;
/** Pages of which ext2 keeps the block numbers in the inode; those behind need the indirect block. */
const DIRECT_BLOCKS = 12;
/** Pages that a fault maps around itself. Kernel: mm/memory.c: fault_around_bytes */
const FAULT_AROUND_PAGES = 16;
/** Readahead window in pages (128 KiB). Kernel: include/linux/pagemap.h: VM_READAHEAD_PAGES */
const RA_PAGES = 32;

const FILE_NAME = 'file';
const BLOCK_DEVICE_NAME = 'block device';

// --- address spaces ------------------------------------------------------------------------------------------

/** Ours: a file or a nameless file with an empty cache. */
export const newAddressSpace = (
  m: Machine,
  kind: AddressSpace['kind'],
  name: string,
  npages: number,
  firstValue = 0,
): number =>
  m.files.add((id) => ({
    id,
    name,
    kind,
    npages,
    firstValue,
    pages: m.journal.map(`pages of ${name} ${id}`).id,
    iMmap: [],
  }));

const findFile = (m: Machine, name: string): number =>
  m.files.values().find((file) => file.name === name)?.id ?? 0;

const namedFile = (m: Machine, name: string, npages: number, firstValue: number): number =>
  findFile(m, name) || newAddressSpace(m, 'file', name, npages, firstValue);

/** The one regular file. Ours: the scenario's file, made when first mapped. */
export const fileOf = (m: Machine): number => namedFile(m, FILE_NAME, FILE_PAGES, FILE_FIRST_VALUE);

/** A file that the scenario made; 0: there is none of that name. Ours: stands for the open file descriptor. */
export const scenarioFile = (m: Machine, name: string): number => findFile(m, `${FILE_NAME} ${name}`);

/** Cached page of a file, or NO_PFN. Kernel: `include/linux/pagemap.h: filemap_get_folio` */
export const filemapGetFolio = (m: Machine, file: number, index: number): Pfn =>
  m.journal.mapById(m.files.get(file).pages).get(index) ?? NO_PFN;

/**
 * Enters a page into the cache, whose reference the caller has taken, and hands it to the LRU.
 *
 * Kernel: `mm/filemap.c: filemap_add_folio`
 */
export const filemapAddFolio = (m: Machine, file: number, index: number, page: Pfn): void => {
  m.pages.mapping.set(page, file * 2);
  m.pages.index.set(page, index);
  m.journal.mapById(m.files.get(file).pages).set(index, page);
  folioAddLru(m, page);
};

/**
 * A program makes a file and writes all of it: every page is in the cache, dirty, with buffers.
 *
 * Kernel: `mm/filemap.c: generic_perform_write`, `fs/buffer.c: block_write_begin`
 * Simplified: nothing is written back later; the block that lists the file's blocks is not modelled.
 *
 * @returns 0, or -ENOMEM
 */
export const createScenarioFile = (m: Machine, name: string, npages: number, firstValue: number): number => {
  const file = newAddressSpace(m, 'file', `${FILE_NAME} ${name}`, npages, firstValue);
  for (let index = 0; index < npages; index++) {
    const page = allocPage(m, GFP_HIGHUSER_MOVABLE);
    if (page === NO_PFN) return -ENOMEM;
    moveReference(m, page, 'allocation', 'page cache');
    filemapAddFolio(m, file, index, page);
    folioGet(m, page, 'buffer heads');
    m.pages.private.set(page, 1);
    m.pages.content.set(page, firstValue + index);
    setFlags(m, page, PG_uptodate | PG_dirty | PG_private | PG_referenced);
  }
  return 0;
};

/**
 * What pread finds in a file of the scenario, page by page, up to its end.
 *
 * Kernel: `mm/filemap.c: filemap_read`
 * Simplified: a page that was dropped from the cache is not read in again, only its number is known.
 */
export const readScenarioFile = (m: Machine, file: number, start: number, npages: number): number[] => {
  const { npages: size, firstValue } = m.files.get(file);
  const values: number[] = [];
  for (let index = start; index < Math.min(start + npages, size); index++) {
    const page = filemapGetFolio(m, file, index);
    if (page !== NO_PFN) folioMarkAccessed(m, page);
    values.push(page === NO_PFN ? firstValue + index : m.pages.content.get(page));
  }
  return values;
};

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
 * device's page cache.
 */
const readIndirectBlock = (m: Machine): void => {
  const known = m.scalars.get(FILE_INDIRECT_BLOCK);
  if (known !== 0) {
    markPageAccessed(m, known - 1);
    return;
  }
  const page = allocPage(m, GFP_USER | __GFP_MOVABLE);
  if (page === NO_PFN) return;
  moveReference(m, page, 'allocation', 'page cache');
  folioGet(m, page, 'buffer heads');
  setFlags(m, page, PG_referenced | PG_private | PG_uptodate);
  filemapAddFolio(m, namedFile(m, BLOCK_DEVICE_NAME, 1, 0), 0, page);
  m.scalars.set(FILE_INDIRECT_BLOCK, page + 1);
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
const maybeUnlockMmapForIo = (flags: number): boolean =>
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
const doSyncMmapReadahead = (m: Machine, fault: FileFault, file: number): boolean => {
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
const doAsyncMmapReadahead = (m: Machine, fault: FileFault, file: number, page: Pfn): boolean => {
  if (!testFlags(m, page, PG_readahead)) return false;
  clearFlags(m, page, PG_readahead);
  ondemandReadahead(m, file, fault.pgoff);
  return maybeUnlockMmapForIo(fault.flags);
};

// --- vm_ops of a regular file --------------------------------------------------------------------------------------

/** Takes a reference and the lock; a page that was migrated meanwhile is looked up anew. Ours: lock_folio_maybe_drop_mmap and the check behind it. */
export function* lockCached(m: Machine, file: number, index: number, cached: Pfn): Sleeps<Pfn> {
  let page = cached;
  while (page !== NO_PFN) {
    folioGet(m, page, 'fault handler');
    yield* lockPage(m, compoundHead(m, page));
    const current = filemapGetFolio(m, file, index);
    if (current === page) return page;
    unlockPage(m, compoundHead(m, page));
    putPage(m, page, 'fault handler');
    page = current;
  }
  return NO_PFN;
}

/**
 * The page of a fault, read if need be. After reading the fault is done again, since mmap_lock was dropped for it.
 *
 * Kernel: `mm/filemap.c: filemap_fault`
 */
const filemapFault = sleepable(
  'filemap_fault',
  function* (m, fault: FileFault, file: number): Sleeps<Faulted> {
    if (fault.pgoff >= m.files.get(file).npages) return { ret: VM_FAULT_SIGBUS, page: NO_PFN };
    let page = filemapGetFolio(m, file, fault.pgoff);
    let ret = 0;
    let dropped = false;
    if (page !== NO_PFN) {
      if ((fault.flags & FAULT_FLAG_TRIED) === 0) dropped = doAsyncMmapReadahead(m, fault, file, page);
    } else {
      m.countVmEvent('pgmajfault');
      ret = VM_FAULT_MAJOR;
      dropped = doSyncMmapReadahead(m, fault, file);
      page = filemapGetFolio(m, file, fault.pgoff);
      if (page === NO_PFN) return { ret: dropped ? ret | VM_FAULT_RETRY : VM_FAULT_OOM, page };
    }
    page = yield* lockCached(m, file, fault.pgoff, page);
    if (page === NO_PFN) return { ret: VM_FAULT_OOM, page };
    if (!dropped) return { ret: ret | VM_FAULT_LOCKED, page };
    unlockPage(m, compoundHead(m, page));
    putPage(m, page, 'fault handler');
    return { ret: ret | VM_FAULT_RETRY, page: NO_PFN };
  },
);

/** A huge folio under an empty PMD entry is mapped whole. Kernel: `mm/filemap.c: filemap_map_pmd` */
const filemapMapPmd = (m: Machine, fault: FileFault, folio: Pfn): boolean => {
  if (!folioTestLarge(m, folio)) return false;
  // doSetPmd takes the reference over; the lock is held only here
  folioGet(m, folio, 'fault handler');
  if (doSetPmd(m, fault, folio) === 0) return true;
  folioPut(m, folio, 'fault handler');
  return false;
};

/**
 * Maps what is cached around the fault.
 *
 * Kernel: `mm/filemap.c: filemap_map_pages`
 *
 * @param start - first page of the file
 * @param last - last page of the file, inclusive
 * @returns VM_FAULT_NOPAGE: the faulting page is among them; 0: it is not; VM_FAULT_OOM
 */
const filemapMapPages = atomic(
  'filemap_map_pages',
  (m, fault: FileFault, file: number, start: number, last: number): number => {
    const { vma, pgoff, vpn, pmdRow } = fault;
    const map = m.journal.mapById(m.files.get(file).pages);
    let ret = 0;
    for (const index of map.keysBetween(start, Math.min(last + 1, m.files.get(file).npages))) {
      const page = map.get(index) ?? NO_PFN;
      const folio = compoundHead(m, page);
      if (testFlags(m, folio, PG_locked | PG_readahead) || !testFlags(m, folio, PG_uptodate)) continue;
      if (m.entries.get(pmdRow) === 0 && filemapMapPmd(m, fault, folio)) return VM_FAULT_NOPAGE;
      if (!pteAlloc(m, pmdRow)) return VM_FAULT_OOM;
      const at = vpn + index - pgoff;
      const row = pteOffset(m, pmdRow, at);
      if (m.entries.get(row) !== 0) continue;
      if (index === pgoff) ret = VM_FAULT_NOPAGE;
      folioGet(m, page, 'page table entry');
      setFilePte(m, vma, row, page, false);
    }
    return ret;
  },
);

function* vmOpsFault(m: Machine, fault: FileFault, file: number): Sleeps<Faulted> {
  if (m.files.get(file).kind === 'shmem') return yield* shmemFault(m, fault, file);
  return yield* filemapFault(m, fault, file);
}

/** Kernel: `mm/memory.c: do_set_pte`, for a page that stays in the cache */
const setFilePte = (m: Machine, vma: Vma, row: EntryRow, page: Pfn, write: boolean): void => {
  const bits = write ? maybeMkwrite(vmPageProt(vma) | PTE_DIRTY, vma) : vmPageProt(vma);
  m.addRss(vma.mm, mmCounter(m, page), 1);
  pageAddFileRmap(m, page, vma);
  m.entries.set(row, mkEntry(page, bits));
};

// --- faults ----------------------------------------------------------------------------------------------------------

const NOT_MAPPED = VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY;

/**
 * Maps the prepared page, if the entry is still empty; its reference becomes that of the mapping.
 *
 * Kernel: `mm/memory.c: finish_fault`
 *
 * @param cowPage - copy for a private mapping; NO_PFN: the cached page itself is mapped
 */
export const finishFault = atomic('finish_fault', (m, fault: FileFault, page: Pfn, cowPage: Pfn): number => {
  const { vma, vpn, pmdRow, flags } = fault;
  const mapped = cowPage === NO_PFN ? page : cowPage;
  if (m.entries.get(pmdRow) === 0 && pageCompound(m, mapped)) {
    const ret = doSetPmd(m, fault, mapped);
    if (ret !== VM_FAULT_FALLBACK) return ret;
  }
  if (!pteAlloc(m, pmdRow)) return VM_FAULT_OOM;
  const row = pteOffset(m, pmdRow, vpn);
  if (m.entries.get(row) !== 0) return VM_FAULT_NOPAGE;
  const write = (flags & FAULT_FLAG_WRITE) !== 0;
  if (cowPage === NO_PFN) {
    moveReference(m, page, 'fault handler', 'page table entry');
    setFilePte(m, vma, row, page, write);
    return 0;
  }
  m.addRss(vma.mm, RSS_ANON, 1);
  pageAddNewAnonRmap(m, cowPage, vma, vpn);
  lruCacheAddInactiveOrUnevictable(m, cowPage, vma);
  moveReference(m, cowPage, 'allocation', 'page table entry');
  m.entries.set(row, mkEntry(cowPage, maybeMkwrite(vmPageProt(vma) | PTE_DIRTY, vma)));
  return 0;
});

/** Kernel: `mm/memory.c: do_fault_around` */
const doFaultAround = (m: Machine, fault: FileFault, file: number): number => {
  const { vma, vpn, pgoff } = fault;
  const from = Math.max(vpn - (vpn % FAULT_AROUND_PAGES), vma.vmStart);
  const start = pgoff - (vpn - from);
  const endOfTable = start - (from % PTRS_PER_TABLE) + PTRS_PER_TABLE - 1;
  const endOfVma = vma.vmEnd - vma.vmStart + vma.vmPgoff - 1;
  return filemapMapPages(
    m,
    fault,
    file,
    start,
    Math.min(endOfTable, endOfVma, start + FAULT_AROUND_PAGES - 1),
  );
};

/**
 * Read of a page that is not mapped: what is cached around it is mapped as well.
 *
 * Kernel: `mm/memory.c: do_read_fault`
 */
const doReadFault = sleepable('do_read_fault', function* (m, fault: FileFault, file: number): Sleeps<number> {
  const around = doFaultAround(m, fault, file);
  if (around !== 0) return around;
  const { ret, page } = yield* vmOpsFault(m, fault, file);
  if ((ret & NOT_MAPPED) !== 0) return ret;
  const finished = ret | finishFault(m, fault, page, NO_PFN);
  unlockPage(m, compoundHead(m, page));
  if ((finished & NOT_MAPPED) !== 0) putPage(m, page, 'fault handler');
  return finished;
});

/**
 * Write to a private mapping: the process gets a copy at once.
 *
 * Kernel: `mm/memory.c: do_cow_fault`
 */
const doCowFault = sleepable('do_cow_fault', function* (m, fault: FileFault, file: number): Sleeps<number> {
  const vma = anonVmaPrepare(m, fault.vma);
  const cowPage = allocPage(m, GFP_HIGHUSER_MOVABLE);
  if (cowPage === NO_PFN) return VM_FAULT_OOM;
  const { ret, page } = yield* vmOpsFault(m, fault, file);
  if ((ret & NOT_MAPPED) !== 0) {
    folioPut(m, cowPage, 'allocation');
    return ret;
  }
  copyHighpage(m, cowPage, page);
  setFlags(m, cowPage, PG_uptodate);
  const finished = ret | finishFault(m, { ...fault, vma }, page, cowPage);
  unlockPage(m, compoundHead(m, page));
  putPage(m, page, 'fault handler');
  if ((finished & NOT_MAPPED) !== 0) folioPut(m, cowPage, 'allocation');
  return finished;
});

/**
 * After a page of a shared mapping became writable: it is dirty from now on. The caller's lock on it ends here.
 *
 * Kernel: `mm/memory.c: fault_dirty_shared_page`
 *
 * @param pageMkwrite - the file hears of first writes
 * @returns VM_FAULT_COMPLETED if mmap_lock was dropped to balance dirty pages; else 0
 */
export const faultDirtySharedPage = (m: Machine, page: Pfn, flags: number, pageMkwrite: boolean): number => {
  const folio = compoundHead(m, page);
  const dirtied = !testFlags(m, folio, PG_dirty);
  setPageDirty(m, folio);
  const mapped = m.pages.mapping.get(folio) !== 0;
  unlockPage(m, folio);
  return (dirtied || pageMkwrite) && mapped && maybeUnlockMmapForIo(flags) ? VM_FAULT_COMPLETED : 0;
};

/**
 * Write to a shared mapping: the cached page itself is mapped, writable.
 *
 * Kernel: `mm/memory.c: do_shared_fault`, `mm/filemap.c: filemap_page_mkwrite`
 */
const doSharedFault = sleepable(
  'do_shared_fault',
  function* (m, fault: FileFault, file: number): Sleeps<number> {
    const { ret, page } = yield* vmOpsFault(m, fault, file);
    if ((ret & NOT_MAPPED) !== 0) return ret;
    const pageMkwrite = m.files.get(file).kind === 'file';
    if (pageMkwrite) setPageDirty(m, page);
    const finished = ret | finishFault(m, fault, page, NO_PFN);
    if ((finished & NOT_MAPPED) !== 0) {
      unlockPage(m, compoundHead(m, page));
      putPage(m, page, 'fault handler');
      return finished;
    }
    return finished | faultDirtySharedPage(m, page, fault.flags, pageMkwrite);
  },
);

/**
 * Fault on an empty entry of a file mapping or of shared memory.
 *
 * Kernel: `mm/memory.c: do_fault`
 */
export const doFault = sleepable(
  'do_fault',
  function* (m, vma: Vma, vpn: Vpn, flags: number, pmdRow: EntryRow): Sleeps<number> {
    bugOn(vma.file === 0, 'do_fault: area without a file');
    // a special file whose pages were all there at mmap has no fault handler
    if (m.files.get(vma.file).kind === 'device') return VM_FAULT_SIGBUS;
    const fault: FileFault = { vma, vpn, pgoff: linearPageIndex(vma, vpn), flags, pmdRow };
    if (vmaIsDax(m, vma)) return daxFault(m, fault);
    if ((flags & FAULT_FLAG_WRITE) === 0) return yield* doReadFault(m, fault, vma.file);
    if ((vma.vmFlags & VM_SHARED) === 0) return yield* doCowFault(m, fault, vma.file);
    return yield* doSharedFault(m, fault, vma.file);
  },
);
