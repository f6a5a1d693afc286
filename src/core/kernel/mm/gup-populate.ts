// mm/gup.c: what walks without references: a page for a core dump, and faults ahead of use.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EINVAL } from '../../uapi/errno.ts';
import {
  FOLL_DUMP,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_HWPOISON,
  FOLL_TOUCH,
  FOLL_WRITE,
} from '../../uapi/gup-flags.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_IO, VM_PFNMAP, VM_READ, VM_SHARED, VM_WRITE } from '../../uapi/vm-flags.ts';
import { mmapReadLock, mmapReadUnlock } from '../sched/locks.ts';
import { lruAddDrain } from './swap.ts';
import { vmaIsAccessible } from './vma.ts';
import { type GupWalk, getUserPagesLocked, getUserPagesWalk } from './gup-walk.ts';

// --- without references -------------------------------------------------------------------------------------------

/**
 * A page for a core dump: never the zero page, and no fault where nothing was ever written.
 *
 * Kernel: `mm/gup.c: get_dump_page`
 */
export function* getDumpPage(m: Machine, vpn: Vpn, mm: number): Sleeps<Pfn> {
  yield* mmapReadLock(m, mm);
  const flags = FOLL_FORCE | FOLL_DUMP | FOLL_GET;
  const { pages } = yield* getUserPagesLocked(m, mm, vpn, 1, flags, { locked: true });
  mmapReadUnlock(m, mm);
  return pages.length === 1 ? pages[0] : NO_PFN;
}

/**
 * Makes the pages of one VMA present, as mlock wants them; takes no references.
 *
 * Kernel: `mm/gup.c: populate_vma_page_range`
 *
 * @param mayUnlock - a fault may drop mmap_lock; the call then ends early
 * @returns pages handled, or -errno
 */
export function* populateVmaPageRange(
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  mayUnlock: boolean,
): Sleeps<number> {
  let flags = FOLL_TOUCH;
  if ((vma.vmFlags & (VM_WRITE | VM_SHARED)) === VM_WRITE) flags |= FOLL_WRITE;
  if (vmaIsAccessible(vma)) flags |= FOLL_FORCE;
  const walk: GupWalk = yield* getUserPagesWalk(m, start, end - start, flags, vma.mm, mayUnlock);
  lruAddDrain(m);
  return walk.id;
}

/**
 * Faults the pages of one VMA in for reading or writing, as an access would; takes no references.
 *
 * Kernel: `mm/gup.c: faultin_vma_page_range`
 * Simplified: keeps mmap_lock.
 *
 * @returns pages handled, or -errno; -EINVAL, the area does not permit the access
 */
export function* faultinVmaPageRange(
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  write: boolean,
): Sleeps<number> {
  const permitted = write ? (vma.vmFlags & VM_WRITE) !== 0 : (vma.vmFlags & VM_READ) !== 0;
  if (!permitted || (vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) return -EINVAL;
  const flags = FOLL_TOUCH | FOLL_HWPOISON | (write ? FOLL_WRITE : 0);
  const walk: GupWalk = yield* getUserPagesWalk(m, start, end - start, flags, vma.mm, false);
  lruAddDrain(m);
  return walk.id;
}
