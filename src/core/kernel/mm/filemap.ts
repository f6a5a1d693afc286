// mm/filemap.c: the page cache and the vm_ops of a regular file.
// There is one file: 64 pages on ext2, page k begins with the number 9000 + k; nothing of it is cached at first.
// Files that a scenario makes come on top; they are in the cache from the start.

import type { AddressSpace, Vma } from '../../machine/entities.ts';
import { type Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { __GFP_MOVABLE, GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import {
  PG_dirty,
  PG_locked,
  PG_private,
  PG_readahead,
  PG_referenced,
  PG_uptodate,
} from '../../uapi/page-flags.ts';
import { mkEntry, PTE_DIRTY } from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, type Pfn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_TRIED,
  VM_FAULT_LOCKED,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
} from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, lockPage, unlockPage } from '../sched/locks.ts';
import { mmCounter } from './fault.ts';
import { doSetPmd } from './huge-file.ts';
import { allocPageMaySleep } from './page-alloc.ts';
import { compoundHead, folioGet, folioTestLarge, moveReference, setFlags, testFlags } from './page-ref.ts';
import { pteAlloc, pteOffset } from './page-table.ts';
import { pageAddFileRmap } from './rmap.ts';
import { shmemFault } from './shmem.ts';
import { folioAddLru, folioMarkAccessed, folioPut, putPage } from './swap.ts';
import { maybeMkwrite, vmPageProt } from './vma.ts';
import { type Faulted, type FileFault, doAsyncMmapReadahead, doSyncMmapReadahead } from './readahead.ts';

/** Pages of the one file. */
export const FILE_PAGES = 64;
/** First number in page 0 of the file. */
const FILE_FIRST_VALUE = 9000;
/** Pages of which ext2 keeps the block numbers in the inode; those behind need the indirect block. */
export const DIRECT_BLOCKS = 12;
/** Pages that a fault maps around itself. Kernel: mm/memory.c: fault_around_bytes */
export const FAULT_AROUND_PAGES = 16;
/** Readahead window in pages (128 KiB). Kernel: include/linux/pagemap.h: VM_READAHEAD_PAGES */
export const RA_PAGES = 32;

const FILE_NAME = 'file';
export const BLOCK_DEVICE_NAME = 'block device';

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

/**
 * The file of that name, made where it does not exist yet: `npages` pages, the first begins with `firstValue`.
 *
 * Ours: a scenario names its files.
 */
export const namedFile = (m: Machine, name: string, npages: number, firstValue: number): number =>
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
export function* createScenarioFile(
  m: Machine,
  name: string,
  npages: number,
  firstValue: number,
): Sleeps<number> {
  const file = newAddressSpace(m, 'file', `${FILE_NAME} ${name}`, npages, firstValue);
  for (let index = 0; index < npages; index++) {
    const page = yield* allocPageMaySleep(m, GFP_HIGHUSER_MOVABLE);
    if (page === NO_PFN) return -ENOMEM;
    moveReference(m, page, 'allocation', 'page cache');
    filemapAddFolio(m, file, index, page);
    folioGet(m, page, 'buffer heads');
    m.pages.private.set(page, 1);
    m.pages.content.set(page, firstValue + index);
    setFlags(m, page, PG_uptodate | PG_dirty | PG_private | PG_referenced);
    yield* letGo(m, 'generic_perform_write', 1);
  }
  return 0;
}

/**
 * What pread finds in a file of the scenario, page by page, up to its end.
 *
 * Kernel: `mm/filemap.c: filemap_read`
 * Simplified: a page that was dropped from the cache is not read in again, only its number is known.
 */
export function* readScenarioFile(m: Machine, file: number, start: number, npages: number): Sleeps<number[]> {
  const { npages: size, firstValue } = m.files.get(file);
  const values: number[] = [];
  for (let index = start; index < Math.min(start + npages, size); index++) {
    const page = filemapGetFolio(m, file, index);
    if (page !== NO_PFN) folioMarkAccessed(m, page);
    values.push(page === NO_PFN ? firstValue + index : m.pages.content.get(page));
    yield* letGo(m, 'filemap_read', 1);
  }
  return values;
}

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
export const filemapMapPages = atomic(
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

/**
 * `vma->vm_ops->fault` of a mapped file.
 *
 * Kernel: `mm/filemap.c: filemap_fault`, `mm/shmem.c: shmem_fault`
 */
export function* vmOpsFault(m: Machine, fault: FileFault, file: number): Sleeps<Faulted> {
  if (m.files.get(file).kind === 'shmem') return yield* shmemFault(m, fault, file);
  return yield* filemapFault(m, fault, file);
}

/** Kernel: `mm/memory.c: do_set_pte`, for a page that stays in the cache */
export const setFilePte = (m: Machine, vma: Vma, row: EntryRow, page: Pfn, write: boolean): void => {
  const bits = write ? maybeMkwrite(vmPageProt(vma) | PTE_DIRTY, vma) : vmPageProt(vma);
  m.addRss(vma.mm, mmCounter(m, page), 1);
  pageAddFileRmap(m, page, vma);
  m.entries.set(row, mkEntry(page, bits));
};
