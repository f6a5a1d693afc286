// mm/mlock.c, the side of the areas: mlock and munlock of a range. The page side is in mlock.ts.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EAGAIN, EFAULT, ENOMEM } from '../../uapi/errno.ts';
import { entryPfn, ptePresent } from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Vpn } from '../../uapi/units.ts';
import { VM_IO, VM_LOCKED, VM_PFNMAP, VM_SPECIAL } from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo } from '../sched/locks.ts';
import { populateVmaPageRange } from './gup-populate.ts';
import { isHugePmd, isHugeZeroPmd } from './huge-memory.ts';
import { mlockFolio, munlockPage } from './mlock.ts';
import { changeVmaFlags } from './mmap.ts';
import { isNonLruPage, vmNormalPage } from './normal-page.ts';
import { compoundHead, pageCompound } from './page-ref.ts';
import { PMD_PAGES, pmdOffset, pteOffset } from './page-table.ts';
import { lruAddDrain } from './swap.ts';
import { findVma, isVmHugetlbPage, vmaIsDax, vmaIsSecretmem } from './vma.ts';

/** Kernel: `mm/mlock.c: mlock_folio, munlock_page`, as the area says. */
const mlockOrMunlock = (m: Machine, vma: Vma, page: number): void => {
  if ((vma.vmFlags & VM_LOCKED) !== 0) mlockFolio(m, compoundHead(m, page));
  else munlockPage(m, page);
};

/**
 * Brings the mapped pages under one PMD entry in line with the area's VM_LOCKED. Device pages are on no LRU list and
 * stay as they are; pages of a huge page count only when it is mapped whole.
 *
 * Kernel: `mm/mlock.c: mlock_pte_range`
 */
const mlockPteRange = atomic(
  'mlock_pte_range',
  (m, vma: Vma, start: Vpn, end: Vpn, pmdRow: EntryRow): void => {
    const pmd = m.entries.get(pmdRow);
    if (isHugePmd(pmd)) {
      if (ptePresent(pmd) && !isHugeZeroPmd(m, pmd)) mlockOrMunlock(m, vma, entryPfn(pmd));
      return;
    }
    for (let vpn = start; vpn < end; vpn++) {
      const entry = m.entries.get(pteOffset(m, pmdRow, vpn));
      if (!ptePresent(entry)) continue;
      const page = vmNormalPage(m, vma, vpn, entry);
      if (page === NO_PFN || isNonLruPage(m, page) || pageCompound(m, page)) continue;
      mlockOrMunlock(m, vma, page);
    }
  },
);

/**
 * Kernel: `mm/mlock.c: mlock_vma_pages_range`
 * Simplified: VM_IO is not set for the time of the walk; nothing else looks at the area meanwhile.
 */
function* mlockVmaPagesRange(m: Machine, vma: Vma, start: Vpn, end: Vpn): Sleeps<void> {
  lruAddDrain(m);
  const mm = m.mms.get(vma.mm);
  let next: Vpn;
  for (let vpn = start; vpn < end; vpn = next) {
    next = Math.min(end, vpn - (vpn % PMD_PAGES) + PMD_PAGES);
    const pmdRow = pmdOffset(m, mm, vpn);
    if (pmdRow === NO_ROW || m.entries.get(pmdRow) === 0) continue;
    mlockPteRange(m, vma, vpn, next, pmdRow);
    yield* letGo(m, 'mlock_pte_range', next - vpn);
  }
  lruAddDrain(m);
}

/** Kernel: `mm/mlock.c: mlock_fixup`. Simplified: no limit on locked memory. */
function* mlockFixup(m: Machine, old: Vma, start: Vpn, end: Vpn, vmFlags: number): Sleeps<number> {
  if (vmFlags === old.vmFlags || (old.vmFlags & VM_SPECIAL) !== 0) return 0;
  // the pages of these are not on the LRU lists, or locked from the start
  if (isVmHugetlbPage(old) || vmaIsDax(m, old) || vmaIsSecretmem(m, old)) return 0;
  const vma = changeVmaFlags(m, old, start, end, vmFlags);
  if (typeof vma === 'number') return vma;
  yield* mlockVmaPagesRange(m, vma, start, end);
  return 0;
}

/**
 * Sets or clears VM_LOCKED in all areas of a range, up to the first hole.
 *
 * Kernel: `mm/mlock.c: apply_vma_lock_flags`
 *
 * @param flags - VM_LOCKED or 0
 * @returns 0, or -ENOMEM: there is a hole
 */
const applyVmaLockFlags = sleepable(
  'apply_vma_lock_flags',
  function* (m, mm: Mm, start: Vpn, end: Vpn, flags: number): Sleeps<number> {
    for (let vpn = start; vpn < end; ) {
      const vma = findVma(m, m.mms.get(mm.id), vpn);
      if (vma === undefined || vma.vmStart > vpn) return -ENOMEM;
      const last = Math.min(vma.vmEnd, end);
      const err = yield* mlockFixup(m, vma, vpn, last, (vma.vmFlags & ~VM_LOCKED) | flags);
      if (err !== 0) return err;
      vpn = last;
    }
    return 0;
  },
);

/** Makes the pages of a range present, area by area. Kernel: `mm/gup.c: __mm_populate` */
function* mmPopulate(m: Machine, mm: Mm, start: Vpn, end: Vpn): Sleeps<number> {
  for (let vpn = start; vpn < end; ) {
    const vma = findVma(m, m.mms.get(mm.id), vpn);
    if (vma === undefined || vma.vmStart >= end) return 0;
    const last = Math.min(end, vma.vmEnd);
    if ((vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) {
      vpn = last;
      continue;
    }
    vpn = Math.max(vpn, vma.vmStart);
    // a fault that dropped mmap_lock ends the call early: the loop goes on where it stopped
    const done = yield* populateVmaPageRange(m, vma, vpn, last, true);
    if (done < 0) return done;
    vpn += done;
  }
  return 0;
}

/** Kernel: `mm/mlock.c: __mlock_posix_error_return` */
const mlockPosixError = (err: number): number => {
  if (err === -EFAULT) return -ENOMEM;
  return err === -ENOMEM ? -EAGAIN : err;
};

/**
 * mlock(2): the areas become VM_LOCKED, the pages they have count as mlocked, and the missing ones are faulted in.
 *
 * Kernel: `mm/mlock.c: do_mlock`
 * Sleeps: page faults.
 *
 * @returns 0; -ENOMEM, a hole, or memory without any permission; -EAGAIN, a fault found no memory
 */
export function* doMlock(m: Machine, mm: Mm, start: Vpn, npages: number): Sleeps<number> {
  const err = yield* applyVmaLockFlags(m, mm, start, start + npages, VM_LOCKED);
  if (err !== 0) return err;
  return mlockPosixError(yield* mmPopulate(m, mm, start, start + npages));
}

/**
 * munlock(2). Pages that left for a device keep PG_mlocked.
 *
 * Kernel: `mm/mlock.c: munlock`
 *
 * @returns 0, or -ENOMEM: there is a hole
 */
export function* doMunlock(m: Machine, mm: Mm, start: Vpn, npages: number): Sleeps<number> {
  return yield* applyVmaLockFlags(m, mm, start, start + npages, 0);
}
