// mm/mprotect.c: new access permissions for a range, in the areas and in every entry that exists.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EACCES, ENOMEM } from '../../uapi/errno.ts';
import { PG_anon_exclusive, PG_dirty } from '../../uapi/page-flags.ts';
import {
  type Entry,
  entryBits,
  entryPfn,
  isWritableDeviceExclusiveEntry,
  isWritableDevicePrivateEntry,
  isWritableMigrationEntry,
  mkEntry,
  mkSwapEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  pteDevmap,
  pteMkdevmap,
  PTE_UFFD_WP,
  PTE_USER,
  pteDirty,
  pteProtnone,
  ptePresent,
  pteWrite,
  SWP_DEVICE_EXCLUSIVE_READ,
  SWP_DEVICE_READ,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  setBits,
  swapDirty,
  swapYoung,
} from '../../uapi/pte.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_PFN, NO_ROW, type Vpn } from '../../uapi/units.ts';
import { isCowMapping, VM_ACCESS_FLAGS, VM_LOCKED, VM_SHARED, VM_WRITE } from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo } from '../sched/locks.ts';
import { populateVmaPageRange } from './gup-populate.ts';
import { changeHugePmd, isHugePmd } from './huge-memory.ts';
import { splitHugePmd } from './huge-split.ts';
import { hugetlbChangeProtection } from './hugetlb.ts';
import { changeVmaFlags, vmaWantsWritenotify } from './mmap.ts';
import { type MmuGather, tlbFinishMmu, tlbGatherMmu, tlbRemoveTlbEntry } from './mmu-gather.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { isNonLruPage, vmNormalPage } from './normal-page.ts';
import { localNode } from './page-alloc.ts';
import { folioIsFileLru, pageAnon, pageCount, pageToNid, testFlags } from './page-ref.ts';
import { PMD_PAGES, PUD_PAGES, pmdOffset, pteOffset } from './page-table.ts';
import { findVma, isVmHugetlbPage, vmPageProt } from './vma.ts';

/** Bits that a change of protection leaves alone. Kernel: arch/x86/include/asm/pgtable_types.h: _PAGE_CHG_MASK */
const CHG_MASK = PTE_ACCESSED | PTE_DIRTY | PTE_SPECIAL | PTE_SOFT_DIRTY | PTE_UFFD_WP;

/** Kernel: `arch/x86/include/asm/pgtable.h: pte_modify` */
const pteModify = (entry: Entry, newprot: number): Entry => {
  const changed = mkEntry(entryPfn(entry), (entryBits(entry) & CHG_MASK) | (newprot & ~CHG_MASK));
  return pteDevmap(entry) ? pteMkdevmap(changed) : changed;
};

/** Whether a processor could go on using what the old entry allowed. Kernel: `arch/x86/include/asm/tlbflush.h: pte_needs_flush` */
const pteNeedsFlush = (before: Entry, after: Entry): boolean => {
  if ((before & PTE_PRESENT) === 0) return false;
  const diff = entryBits(before) ^ entryBits(after);
  const cleared = diff & entryBits(before) & (PTE_DIRTY | PTE_PRESENT);
  return cleared !== 0 || (diff & (PTE_RW | PTE_USER | PTE_PROTNONE)) !== 0;
};

/** What an area's entries may be from now on. Kernel: `mm/mmap.c: vma_set_page_prot` */
const newProtection = (m: Machine, vma: Vma): number =>
  vmaWantsWritenotify(m, vma) ? vmPageProt(vma) & ~PTE_RW : vmPageProt(vma);

/**
 * Whether an entry of a writable area can be made writable here, so that no fault is needed.
 *
 * Kernel: `mm/mprotect.c: can_change_pte_writable`
 */
const canChangePteWritable = (m: Machine, vma: Vma, vpn: Vpn, entry: Entry): boolean => {
  if (pteProtnone(entry) || !pteDirty(entry)) return false;
  if ((vma.vmFlags & VM_SHARED) !== 0) return true;
  const page = vmNormalPage(m, vma, vpn, entry);
  return page !== NO_PFN && pageAnon(m, page) && testFlags(m, page, PG_anon_exclusive);
};

/** The variant of a special entry without write permission. */
const withoutWrite = (m: Machine, entry: Entry): Entry => {
  const page = entryPfn(entry);
  if (isWritableMigrationEntry(entry)) {
    const type = pageAnon(m, page) ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
    return mkSwapEntry(type, page, swapYoung(entry), swapDirty(entry));
  }
  if (isWritableDevicePrivateEntry(entry)) return mkSwapEntry(SWP_DEVICE_READ, page);
  if (isWritableDeviceExclusiveEntry(entry)) return mkSwapEntry(SWP_DEVICE_EXCLUSIVE_READ, page);
  return entry;
};

interface Change {
  readonly newprot: number;
  /** Private writable area, or one that wants to hear of writes: look at each entry. */
  readonly tryChangeWritable: boolean;
  /** MM_CP_PROT_NUMA: only to see who uses the pages; counts the entries that were armed. */
  readonly numa?: { armed: number };
}

/**
 * Entries that tell nothing by a hinting fault: of device pages, of shared copies, of pages that are local already.
 *
 * Kernel: `mm/mprotect.c: change_pte_range`, the part for MM_CP_PROT_NUMA
 */
const skipsHinting = (m: Machine, vma: Vma, vpn: Vpn, entry: Entry): boolean => {
  if (pteProtnone(entry)) return true;
  const page = vmNormalPage(m, vma, vpn, entry);
  if (page === NO_PFN || isNonLruPage(m, page)) return true;
  if (isCowMapping(vma.vmFlags) && pageCount(m, page) !== 1) return true;
  if (folioIsFileLru(m, page) && testFlags(m, page, PG_dirty)) return true;
  return (vma.vmFlags & VM_SHARED) === 0 && pageToNid(m, page) === localNode(m);
};

/** Kernel: `mm/mprotect.c: change_pte_range`. Simplified: no userfaultfd. */
const changePteRange = atomic(
  'change_pte_range',
  (m, vma: Vma, start: Vpn, end: Vpn, pmdRow: EntryRow, tlb: MmuGather, change: Change): void => {
    for (let vpn = start; vpn < end; vpn++) {
      const row = pteOffset(m, pmdRow, vpn);
      const before = m.entries.get(row);
      if (before === 0) continue;
      if (!ptePresent(before)) {
        m.entries.set(row, withoutWrite(m, before));
        continue;
      }
      let after = pteModify(before, change.newprot);
      if (change.numa !== undefined) {
        if (skipsHinting(m, vma, vpn, before)) continue;
        // pte_savedwrite: the entry remembers that it was writable
        if (pteWrite(before)) after = setBits(after, PTE_RW);
        change.numa.armed++;
      }
      if (change.tryChangeWritable && !pteWrite(after) && canChangePteWritable(m, vma, vpn, after)) {
        after = setBits(after, PTE_RW);
      }
      m.entries.set(row, after);
      if (pteNeedsFlush(before, after)) tlbRemoveTlbEntry(m, tlb, vpn);
    }
  },
);

/** A huge entry in the way. Returns whether it was changed as a whole; otherwise small entries follow. */
const changeHugeEntry = (
  m: Machine,
  tlb: MmuGather,
  vma: Vma,
  pmdRow: EntryRow,
  start: Vpn,
  end: Vpn,
): boolean => {
  if (end - start !== HPAGE_PMD_NR) {
    splitHugePmd(m, vma, pmdRow, start, false);
    return false;
  }
  const { pages, flush } = changeHugePmd(m, vma, pmdRow, start, vma.vmFlags);
  if (flush) tlbRemoveTlbEntry(m, tlb, start, HPAGE_PMD_NR);
  return pages > 0;
};

/** One notifier bracket for each GiB in which there is a page table. Kernel: `mm/mprotect.c: change_pmd_range` */
function* changePmdRange(
  m: Machine,
  tlb: MmuGather,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  change: Change,
): Sleeps<void> {
  const mm = m.mms.get(vma.mm);
  let range: MmuNotifierRange | undefined;
  let next: Vpn;
  for (let vpn = start; vpn < end; vpn = next) {
    next = Math.min(end, vpn - (vpn % PMD_PAGES) + PMD_PAGES);
    const pmdRow = pmdOffset(m, mm, vpn);
    if (pmdRow === NO_ROW || m.entries.get(pmdRow) === 0) continue;
    if (range === undefined) {
      range = { event: 'PROTECTION_VMA', mm: vma.mm, start: vpn, end, owner: 0 };
      mmuNotifierInvalidateRangeStart(m, range);
    }
    // Simplified: huge pages are not hinted
    if (change.numa !== undefined && isHugePmd(m.entries.get(pmdRow))) continue;
    if (isHugePmd(m.entries.get(pmdRow)) && changeHugeEntry(m, tlb, vma, pmdRow, vpn, next)) continue;
    // a huge entry of a file is not split but gone
    if (m.entries.get(pmdRow) === 0) continue;
    changePteRange(m, vma, vpn, next, pmdRow, tlb, change);
    yield* letGo(m, 'change_pte_range', next - vpn);
  }
  if (range !== undefined) mmuNotifierInvalidateRangeEnd(m, range);
}

/**
 * Gives all entries of a range the area's new protection.
 *
 * Kernel: `mm/mprotect.c: change_protection`
 */
const changeProtection = sleepable(
  'change_protection',
  function* (m, vma: Vma, start: Vpn, end: Vpn, tlb: MmuGather, change: Change): Sleeps<void> {
    if (isVmHugetlbPage(vma)) {
      hugetlbChangeProtection(m, vma, start, end, vma.vmFlags);
      return;
    }
    let next: Vpn;
    for (let vpn = start; vpn < end; vpn = next) {
      next = Math.min(end, vpn - (vpn % PUD_PAGES) + PUD_PAGES);
      yield* changePmdRange(m, tlb, vma, vpn, next, change);
    }
  },
);

/**
 * Takes the access from the entries of a range, for hinting faults.
 *
 * Kernel: `mm/mempolicy.c: change_prot_numa`
 *
 * @returns entries that were changed
 */
export function* changeProtNuma(m: Machine, vma: Vma, start: Vpn, end: Vpn): Sleeps<number> {
  const numa = { armed: 0 };
  const tlb = tlbGatherMmu(m, vma.mm);
  yield* changeProtection(m, vma, start, end, tlb, {
    newprot: PTE_PROTNONE | PTE_ACCESSED,
    tryChangeWritable: false,
    numa,
  });
  tlbFinishMmu(m, tlb);
  return numa.armed;
}

/**
 * New flags for a range inside one area, which is cut or joined as needed.
 *
 * Kernel: `mm/mprotect.c: mprotect_fixup`
 * Simplified: no commit accounting.
 *
 * @returns 0, or -errno
 */
const mprotectFixup = sleepable(
  'mprotect_fixup',
  function* (m, old: Vma, start: Vpn, end: Vpn, vmFlags: number, tlb: MmuGather): Sleeps<number> {
    if (vmFlags === old.vmFlags) return 0;
    const vma = changeVmaFlags(m, old, start, end, vmFlags);
    if (typeof vma === 'number') return vma;
    const tryChangeWritable =
      (vmFlags & VM_SHARED) !== 0 ? vmaWantsWritenotify(m, vma) : (vmFlags & VM_WRITE) !== 0;
    yield* changeProtection(m, vma, start, end, tlb, { newprot: newProtection(m, vma), tryChangeWritable });
    // locked memory that becomes writable gets its own copies now, not at the first write
    const wasLocked = (old.vmFlags & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED;
    if (wasLocked && (vmFlags & VM_WRITE) !== 0) yield* populateVmaPageRange(m, vma, start, end, false);
    return 0;
  },
);

/**
 * mprotect(2). Everything before a hole is changed, nothing behind it.
 *
 * Kernel: `mm/mprotect.c: do_mprotect_pkey`
 * Sleeps: page faults of locked memory.
 *
 * @param prot - VM_READ, VM_WRITE, VM_EXEC; 0: PROT_NONE
 * @returns 0; -ENOMEM, a hole; -EACCES, the mapping does not allow it; -EINVAL, a huge page would be cut
 */
export function* doMprotect(m: Machine, mm: Mm, start: Vpn, npages: number, prot: number): Sleeps<number> {
  const end = start + npages;
  if (npages === 0) return 0;
  let vma = findVma(m, m.mms.get(mm.id), start);
  if (vma === undefined || vma.vmStart > start) return -ENOMEM;
  const tlb = tlbGatherMmu(m, mm.id);
  let error = 0;
  for (let vpn = start; ; ) {
    const vmFlags = (vma.vmFlags & ~VM_ACCESS_FLAGS) | prot;
    if ((vmFlags & ~(vmFlags >> 4) & VM_ACCESS_FLAGS) !== 0) {
      error = -EACCES;
      break;
    }
    const last = Math.min(vma.vmEnd, end);
    error = yield* mprotectFixup(m, vma, vpn, last, vmFlags, tlb);
    if (error !== 0) break;
    vpn = last;
    if (vpn >= end) break;
    vma = findVma(m, m.mms.get(mm.id), vpn);
    if (vma === undefined || vma.vmStart > vpn) {
      error = -ENOMEM;
      break;
    }
  }
  tlbFinishMmu(m, tlb);
  return error;
}
