// mm/memory.c: faults on file-backed and shared memory: read, copy on write, shared.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { __GFP_MOVABLE, GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PG_dirty, PG_uptodate } from '../../uapi/page-flags.ts';
import { mkEntry, PTE_DIRTY } from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, type Pfn, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_WRITE,
  VM_FAULT_COMPLETED,
  VM_FAULT_ERROR,
  VM_FAULT_FALLBACK,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_SHARED,
} from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { unlockPage } from '../sched/locks.ts';
import { daxFault } from './dax.ts';
import { doSetPmd } from './huge-file.ts';
import { allocPageMaySleep } from './page-alloc.ts';
import { compoundHead, copyHighpage, moveReference, pageCompound, setFlags, testFlags } from './page-ref.ts';
import { pteAlloc, pteOffset } from './page-table.ts';
import { pageAddNewAnonRmap } from './rmap.ts';
import { anonVmaPrepare } from './anon-vma.ts';
import { folioPut, lruCacheAddInactiveOrUnevictable, putPage, setPageDirty } from './swap.ts';
import { linearPageIndex, maybeMkwrite, vmaIsDax, vmPageProt } from './vma.ts';
import { type FileFault, maybeUnlockMmapForIo } from './readahead.ts';
import { FAULT_AROUND_PAGES, filemapMapPages, setFilePte, vmOpsFault } from './filemap.ts';

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
  const cowPage = yield* allocPageMaySleep(m, GFP_HIGHUSER_MOVABLE);
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
