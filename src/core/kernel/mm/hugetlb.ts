// mm/hugetlb.c: huge pages from a pool that was set aside at boot. They are anonymous here (private mappings), mapped
// by PMD or PUD entries, on no LRU list, never split and never swapped; an empty pool means SIGBUS.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { ENOMEM, ENOSPC } from '../../uapi/errno.ts';
import { PG_anon_exclusive, PG_uptodate } from '../../uapi/page-flags.ts';
import {
  clearBits,
  type Entry,
  entryBits,
  entryPfn,
  isMigrationEntry,
  mkEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PSE,
  PTE_RW,
  pteDirty,
  ptePresent,
  pteWrite,
  setBits,
} from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  isCowMapping,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_MAYSHARE,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGo, migrationEntryWait, trylockPage, unlockPage } from '../sched/locks.ts';
import { filemapGetFolio } from './filemap.ts';
import { pageTryDupHugeRmap } from './huge-memory.ts';
import { hstateVma, hugePageStart, hugePteAlloc, hugePteOffset, setHpageMigratable } from './hugetlb-pool.ts';
import { allocHugePage, ownsReservations } from './hugetlb-resv.ts';
import {
  type MmuGather,
  tlbFinishMmu,
  tlbFlushMmu,
  tlbFlushMmuTlbonly,
  tlbGatherMmu,
  tlbRemovePage,
  tlbRemoveTlbEntry,
} from './mmu-gather.ts';
import {
  mmuNotifierInvalidateRange,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import { folioCopy, folioGet, moveReference, setFlags, testFlags } from './page-ref.ts';
import { pageMoveAnonRmap, pageRemoveRmap } from './rmap.ts';
import { anonVmaPrepare } from './anon-vma.ts';
import { folioPut, setPageDirty } from './swap.ts';
import { linearPageIndex, vmPageProt } from './vma.ts';

// --- faults ---------------------------------------------------------------------------------------------------

/** Kernel: `mm/hugetlb.c: make_huge_pte` */
const makeHugePte = (vma: Vma, page: Pfn, writable: boolean): Entry => {
  const bits = (vmPageProt(vma) & ~PTE_RW) | PTE_PSE | PTE_ACCESSED;
  return mkEntry(page, writable ? bits | PTE_RW | PTE_DIRTY : bits);
};

/** Kernel: `mm/hugetlb.c: set_huge_ptep_writable` */
const setHugePtepWritable = (m: Machine, row: EntryRow): void =>
  m.entries.set(row, setBits(m.entries.get(row), PTE_RW | PTE_DIRTY));

/** Kernel: `mm/rmap.c: hugepage_add_new_anon_rmap` */
const hugepageAddNewAnonRmap = (m: Machine, page: Pfn, vma: Vma, vpn: Vpn): void => {
  m.pages.compoundMapcount.set(page, 1);
  m.pages.compoundPincount.set(page, 0);
  m.pages.mapping.set(page, m.vmas.get(vma.id).anonVma * 2 + 1);
  m.pages.index.set(page, linearPageIndex(vma, vpn));
  setFlags(m, page, PG_anon_exclusive);
};

/** Kernel: `mm/memory.c: copy_user_huge_page, copy_user_gigantic_page` */
const copyHugePage = (m: Machine, to: Pfn, from: Pfn): void => {
  folioCopy(m, to, from);
  setFlags(m, to, PG_uptodate);
};

/**
 * The process that reserved a page finds none for its copy: its children lose the page, and the right to a new one.
 *
 * Kernel: `mm/hugetlb.c: unmap_ref_private`
 */
const unmapRefPrivate = (m: Machine, vma: Vma, page: Pfn, start: Vpn): void => {
  const pgoff = linearPageIndex(vma, start);
  const { npages } = hstateVma(m, vma);
  for (const id of m.files.get(vma.file).iMmap) {
    const other = m.vmas.get(id);
    const covers = pgoff >= other.vmPgoff && pgoff < other.vmPgoff + (other.vmEnd - other.vmStart);
    if (id === vma.id || !covers || ownsReservations(other)) continue;
    const tlb = tlbGatherMmu(m, other.mm);
    unmapHugepageRange(m, tlb, other, start, start + npages, page);
    tlbFinishMmu(m, tlb);
  }
};

/** A page for the copy; NO_PFN: there is none, or none is needed any more. */
const pageForCopy = (m: Machine, area: Vma, vpn: Vpn, oldPage: Pfn): Pfn => {
  const owner = ownsReservations(area);
  const page = allocHugePage(m, area, vpn, owner);
  if (page === NO_PFN && owner) unmapRefPrivate(m, area, oldPage, hugePageStart(hstateVma(m, area), vpn));
  return page;
};

/**
 * Write to a read-only entry, or a pin that must not share: taken over by the only mapper, copied otherwise.
 * The caller holds the page locked, with a reference.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_wp`
 * Simplified: an owner of reservations whose children keep the page mapped elsewhere ends with SIGBUS; the kernel would
 *   try for ever.
 */
const hugetlbWp = (m: Machine, area: Vma, vpn: Vpn, row: EntryRow, flags: number): number => {
  const unshare = (flags & FAULT_FLAG_UNSHARE) !== 0;
  if (!unshare && (area.vmFlags & VM_WRITE) === 0) return VM_FAULT_SIGSEGV;
  if ((area.vmFlags & VM_MAYSHARE) !== 0) {
    if (!unshare) setHugePtepWritable(m, row);
    return 0;
  }
  const oldPage = entryPfn(m.entries.get(row));
  const mapped = (): number => m.pages.compoundMapcount.get(oldPage);
  const newPage = mapped() === 1 ? NO_PFN : pageForCopy(m, area, vpn, oldPage);
  if (newPage === NO_PFN) {
    if (mapped() !== 1) return VM_FAULT_SIGBUS;
    if (!testFlags(m, oldPage, PG_anon_exclusive)) pageMoveAnonRmap(m, oldPage, area);
    if (!unshare) setHugePtepWritable(m, row);
    return 0;
  }
  const vma = anonVmaPrepare(m, area);
  m.trace.decide(unshare ? 'fault.unshare.copy' : 'fault.wp.copy', vpn, oldPage, mapped());
  copyHugePage(m, newPage, oldPage);
  const h = hstateVma(m, vma);
  const start = hugePageStart(h, vpn);
  const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start, end: start + h.npages, owner: 0 };
  mmuNotifierInvalidateRangeStart(m, range);
  m.entries.set(row, 0);
  mmuNotifierInvalidateRange(m, vma.mm, range.start, range.end);
  pageRemoveRmap(m, oldPage, vma, true);
  hugepageAddNewAnonRmap(m, newPage, vma, start);
  moveReference(m, newPage, 'allocation', 'page table entry');
  m.entries.set(row, makeHugePte(vma, newPage, !unshare));
  setHpageMigratable(m, newPage);
  mmuNotifierInvalidateRangeEnd(m, range);
  folioPut(m, oldPage, 'page table entry');
  return 0;
};

/** A zeroed page from the pool, with the reference of its allocation. */
const freshHugePage = (m: Machine, area: Vma, vpn: Vpn): Pfn => {
  const page = allocHugePage(m, area, vpn);
  if (page === NO_PFN) return NO_PFN;
  const { npages } = hstateVma(m, area);
  for (let i = 0; i < npages; i++) m.pages.content.set(page + i, 0);
  setFlags(m, page, PG_uptodate);
  return page;
};

/** A page of a shared mapping: that of the cache, or a fresh one, which is in the cache from now on, dirty. */
const mapShared = (m: Machine, vma: Vma, vpn: Vpn, row: EntryRow): number => {
  const index = linearPageIndex(vma, hugePageStart(hstateVma(m, vma), vpn));
  let page = filemapGetFolio(m, vma.file, index);
  if (page === NO_PFN) {
    page = freshHugePage(m, vma, vpn);
    if (page === NO_PFN) return VM_FAULT_SIGBUS;
    hugetlbAddToPageCache(m, page, vma.file, index);
    moveReference(m, page, 'allocation', 'page table entry');
    setHpageMigratable(m, page);
  } else {
    folioGet(m, page, 'page table entry');
  }
  m.pages.compoundMapcount.set(page, m.pages.compoundMapcount.get(page) + 1);
  m.entries.set(row, makeHugePte(vma, page, (vma.vmFlags & VM_WRITE) !== 0));
  return 0;
};

/** Kernel: `mm/hugetlb.c: hugetlb_add_to_page_cache` */
const hugetlbAddToPageCache = (m: Machine, page: Pfn, file: number, index: number): void => {
  folioGet(m, page, 'page cache');
  m.pages.mapping.set(page, file * 2);
  m.pages.index.set(page, index);
  m.journal.mapById(m.files.get(file).pages).set(index, page);
  setPageDirty(m, page);
};

/**
 * First touch: a zeroed page from the pool, also for a read; in a shared mapping that of the file, if it has one.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_no_page`
 * Simplified: nobody waits for the lock of a page of the cache; page tables of shared mappings of a whole GiB are not
 *   shared (huge_pmd_share).
 */
const hugetlbNoPage = (m: Machine, area: Vma, vpn: Vpn, row: EntryRow, flags: number): number => {
  // a zeroed page would look like lost data
  if (area.hugetlbUnmapped === true) return VM_FAULT_SIGBUS;
  if ((area.vmFlags & VM_MAYSHARE) !== 0) return mapShared(m, area, vpn, row);
  const h = hstateVma(m, area);
  const page = freshHugePage(m, area, vpn);
  if (page === NO_PFN) return VM_FAULT_SIGBUS;
  const vma = anonVmaPrepare(m, area);
  hugepageAddNewAnonRmap(m, page, vma, hugePageStart(h, vpn));
  moveReference(m, page, 'allocation', 'page table entry');
  m.entries.set(row, makeHugePte(vma, page, false));
  setHpageMigratable(m, page);
  return (flags & FAULT_FLAG_WRITE) !== 0 ? hugetlbWp(m, vma, vpn, row, flags) : 0;
};

/** A sufficient entry, or one to be made writable. */
const hugetlbPresent = (m: Machine, vma: Vma, vpn: Vpn, row: EntryRow, flags: number): number => {
  const entry = m.entries.get(row);
  const page = entryPfn(entry);
  const write = (flags & FAULT_FLAG_WRITE) !== 0;
  if ((flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0 && !pteWrite(entry)) {
    folioGet(m, page, 'fault handler');
    const ret = hugetlbWp(m, vma, vpn, row, flags);
    unlockPage(m, page);
    folioPut(m, page, 'fault handler');
    return ret;
  }
  // x86 writes the entry back only for a write fault
  if (write) m.entries.set(row, setBits(entry, PTE_ACCESSED | PTE_DIRTY));
  unlockPage(m, page);
  return 0;
};

/**
 * Fault on a hugetlb area.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_fault`
 *
 * @returns 0; VM_FAULT_SIGBUS: the pool is empty; VM_FAULT_OOM
 */
export const hugetlbFault = sleepable(
  'hugetlb_fault',
  function* (m, vma: Vma, vpn: Vpn, flags: number): Sleeps<number> {
    const row = hugePteAlloc(m, m.mms.get(vma.mm), vpn, hstateVma(m, vma));
    if (row === NO_ROW) return VM_FAULT_OOM;
    const entry = m.entries.get(row);
    if (entry === 0) return hugetlbNoPage(m, vma, vpn, row, flags);
    if (isMigrationEntry(entry)) {
      yield* migrationEntryWait(m, entryPfn(entry));
      return 0;
    }
    if (!trylockPage(m, entryPfn(entry))) {
      yield { kind: 'page-lock', pfn: entryPfn(entry) };
      return 0;
    }
    return hugetlbPresent(m, vma, vpn, row, flags);
  },
);

// --- unmap, fork, mprotect, mremap --------------------------------------------------------------------------------

/**
 * Unmaps whole huge pages, in a notifier bracket of its own.
 *
 * Kernel: `mm/hugetlb.c: __unmap_hugepage_range`
 *
 * @param refPage - only this page, and the area is to know that it lost it
 */
export const unmapHugepageRange = (
  m: Machine,
  tlb: MmuGather,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  refPage?: Pfn,
): void => {
  const range: MmuNotifierRange = { event: 'UNMAP', mm: vma.mm, start, end, owner: 0 };
  const h = hstateVma(m, vma);
  mmuNotifierInvalidateRangeStart(m, range);
  for (let vpn = start; vpn < end; vpn += h.npages) {
    const row = hugePteOffset(m, m.mms.get(vma.mm), vpn, h);
    const entry = row === NO_ROW ? 0 : m.entries.get(row);
    if (entry === 0) continue;
    const page = entryPfn(entry);
    if (refPage !== undefined && ptePresent(entry)) {
      if (page !== refPage) continue;
      m.vmas.update(vma.id, { hugetlbUnmapped: true });
    }
    m.entries.set(row, 0);
    if (!ptePresent(entry)) continue;
    tlbRemoveTlbEntry(m, tlb, vpn, h.npages);
    if (pteDirty(entry)) setPageDirty(m, page);
    pageRemoveRmap(m, page, vma, true);
    if (tlbRemovePage(m, tlb, page)) tlbFlushMmu(m, tlb);
  }
  mmuNotifierInvalidateRangeEnd(m, range);
};

/** A pinned page is copied for the child at once. Kernel: `mm/hugetlb.c: hugetlb_install_page` */
const installCopy = (m: Machine, dstVma: Vma, vpn: Vpn, dstRow: EntryRow, page: Pfn): number => {
  const copy = allocHugePage(m, dstVma, vpn, true);
  if (copy === NO_PFN) return -ENOSPC;
  m.trace.decide('fork.early-copy', vpn, page);
  copyHugePage(m, copy, page);
  hugepageAddNewAnonRmap(m, copy, dstVma, vpn);
  moveReference(m, copy, 'allocation', 'page table entry');
  m.entries.set(dstRow, makeHugePte(dstVma, copy, true));
  setHpageMigratable(m, copy);
  return 0;
};

const copyHugetlbEntry = (
  m: Machine,
  srcMm: Mm,
  dstVma: Vma,
  vpn: Vpn,
  src: EntryRow,
  dst: EntryRow,
): number => {
  const entry = m.entries.get(src);
  if (entry === 0) return 0;
  const page = entryPfn(entry);
  if (!pageTryDupHugeRmap(m, page, srcMm)) return installCopy(m, dstVma, vpn, dst, page);
  m.trace.decide('fork.share', vpn, page);
  folioGet(m, page, 'page table entry');
  m.entries.set(src, clearBits(entry, PTE_RW));
  m.entries.set(dst, clearBits(entry, PTE_RW));
  return 0;
};

/**
 * fork: the child shares the pages, read-only; the entries keep their accessed and dirty bits. Pinned ones are copied.
 *
 * Kernel: `mm/hugetlb.c: copy_hugetlb_page_range`
 *
 * @returns 0; -ENOMEM; -ENOSPC: no page in the pool for the copy of a pinned one
 */
export function* copyHugetlbPageRange(
  m: Machine,
  dstMm: Mm,
  srcMm: Mm,
  dstVma: Vma,
  srcVma: Vma,
): Sleeps<number> {
  const range: MmuNotifierRange = {
    event: 'CLEAR',
    mm: srcMm.id,
    start: srcVma.vmStart,
    end: srcVma.vmEnd,
    owner: 0,
  };
  bugOn(!isCowMapping(srcVma.vmFlags), 'copy_hugetlb_page_range: not a private mapping');
  const bumpSeq = (): void => {
    m.mms.update(srcMm.id, { writeProtectSeq: m.mms.get(srcMm.id).writeProtectSeq + 1 });
  };
  mmuNotifierInvalidateRangeStart(m, range);
  bumpSeq();
  const h = hstateVma(m, srcVma);
  let ret = 0;
  for (let vpn = srcVma.vmStart; vpn < srcVma.vmEnd && ret === 0; vpn += h.npages) {
    const src = hugePteOffset(m, srcMm, vpn, h);
    if (src === NO_ROW) continue;
    const dst = hugePteAlloc(m, dstMm, vpn, h);
    ret = dst === NO_ROW ? -ENOMEM : copyHugetlbEntry(m, srcMm, dstVma, vpn, src, dst);
    yield* letGo(m, 'copy_hugetlb_page_range', h.npages);
  }
  bumpSeq();
  mmuNotifierInvalidateRangeEnd(m, range);
  return ret;
}

/**
 * mprotect: entries become read-only or PROT_NONE here; write permission returns with the next write fault.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_change_protection`
 *
 * @returns pages changed
 */
export const hugetlbChangeProtection = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  newVmFlags: number,
): number => {
  const range: MmuNotifierRange = { event: 'PROTECTION_VMA', mm: vma.mm, start, end, owner: 0 };
  const prot = vmPageProt({ ...vma, vmFlags: newVmFlags }) & ~PTE_ACCESSED;
  const tlb = tlbGatherMmu(m, vma.mm);
  const h = hstateVma(m, vma);
  let pages = 0;
  mmuNotifierInvalidateRangeStart(m, range);
  for (let vpn = start; vpn < end; vpn += h.npages) {
    const row = hugePteOffset(m, m.mms.get(vma.mm), vpn, h);
    const entry = row === NO_ROW ? 0 : m.entries.get(row);
    if (!ptePresent(entry)) continue;
    const kept = entryBits(entry) & (PTE_ACCESSED | PTE_DIRTY | PTE_PSE);
    m.entries.set(row, mkEntry(entryPfn(entry), kept | prot));
    tlbRemoveTlbEntry(m, tlb, vpn, h.npages);
    pages += h.npages;
  }
  tlbFlushMmuTlbonly(m, tlb);
  mmuNotifierInvalidateRangeEnd(m, range);
  tlbFinishMmu(m, tlb, true); // inside that of mprotect
  return pages;
};

/**
 * mremap: the entries move to their new place.
 *
 * Kernel: `mm/hugetlb.c: move_hugetlb_page_tables`
 *
 * @returns pages moved
 */
export const moveHugetlbPageTables = (m: Machine, vma: Vma, from: Vpn, to: Vpn, npages: number): number => {
  const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start: from, end: from + npages, owner: 0 };
  const tlb = tlbGatherMmu(m, vma.mm);
  mmuNotifierInvalidateRangeStart(m, range);
  const h = hstateVma(m, vma);
  let moved = 0;
  for (; moved < npages; moved += h.npages) {
    const src = hugePteOffset(m, m.mms.get(vma.mm), from + moved, h);
    const entry = src === NO_ROW ? 0 : m.entries.get(src);
    if (entry === 0) continue;
    const dst = hugePteAlloc(m, m.mms.get(vma.mm), to + moved, h);
    if (dst === NO_ROW) break;
    m.entries.set(src, 0);
    m.entries.set(dst, entry);
    tlbRemoveTlbEntry(m, tlb, from + moved, h.npages);
  }
  tlbFlushMmuTlbonly(m, tlb);
  mmuNotifierInvalidateRangeEnd(m, range);
  return moved;
};
