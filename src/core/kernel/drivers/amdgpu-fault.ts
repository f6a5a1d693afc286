// kfd_svm.c: a GPU met an address for which its page table has no fit entry, and waits for an answer.

import type { Vma } from '../../machine/entities.ts';
import type { Gpu, KfdProcess, SvmRange } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { KFD_FAULTS } from '../../machine/scalars.ts';
import { EACCES, EAGAIN, EFAULT, EPERM } from '../../uapi/errno.ts';
import { MIGRATE_TRIGGERS } from '../../uapi/smi-events.ts';
import { NO_PFN, type Vpn } from '../../uapi/units.ts';
import { VM_READ, VM_WRITE } from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteLock,
  mutexLock,
  mutexUnlock,
} from '../sched/locks.ts';
import { findVma } from '../mm/vma.ts';
import { sameHive } from './amdgpu-device.ts';
import { svmRangeValidateAndMap } from './amdgpu-map.ts';
import { gpuById, svmMigrateToVram, svmMigrateVramToRam } from './amdgpu-migrate.ts';
import { countKfd, gpuClock, migrateMutex, svmRangesOf, svmsLock } from './amdgpu-process.ts';
import { kfdSmiEventPageFaultEnd, kfdSmiEventPageFaultStart } from './amdgpu-smi.ts';
import { userptrIn } from './amdgpu-userptr.ts';
import { svmRangeAddToSvms, svmRangeFromAddr, svmRangeNew } from './amdgpu-range.ts';

const PAGEFAULT_GPU = MIGRATE_TRIGGERS.indexOf('PAGEFAULT_GPU');
/** Pages of the block that a range made by a fault covers at most: 2 MiB. */
const BLOCK_PAGES = 512;

/**
 * Where a range should be after a fault of a GPU.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_best_restore_location`
 *
 * @returns 0 system memory, a GPU, or -1: this GPU may not have it
 */
export const svmRangeBestRestoreLocation = atomic(
  'svm_range_best_restore_location',
  (m, rangeId: number, gpu: Gpu): number => {
    const { preferredLoc, access, accessInPlace, actualLoc } = m.svmRanges.get(rangeId);
    if (preferredLoc === gpu.id || preferredLoc === 0) return preferredLoc;
    const preferred = preferredLoc > 0 ? gpuById(m, preferredLoc) : undefined;
    if (preferred !== undefined && sameHive(gpu, preferred)) return preferredLoc;
    if (access.includes(gpu.id)) return gpu.id;
    if (!accessInPlace.includes(gpu.id)) return -1;
    const owner = actualLoc === 0 ? undefined : gpuById(m, actualLoc);
    return owner !== undefined && sameHive(gpu, owner) ? actualLoc : 0;
  },
);

/**
 * Whether an area is heap or stack; one that only borders on the heap counts, too.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_get_range_boundaries`
 */
const isHeapStack = (m: Machine, { mm, vmStart, vmEnd }: Vma): boolean => {
  const { heap, startStack } = m.mms.get(mm);
  if (heap !== undefined && vmStart <= heap.brk && vmEnd >= heap.startBrk) return true;
  return startStack !== undefined && vmStart <= startStack && vmEnd >= startStack;
};

/**
 * A range where none was registered: the aligned 2 MiB around the address, as far as its area and its neighbours let it.
 * That of heap or stack is to stay in system memory.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_create_unregistered_range`
 * Simplified: of buffer objects only user pointers are mapped by address.
 *
 * @returns its id; 0: no area, or over the limit of memory
 */
const svmRangeCreateUnregisteredRange = atomic(
  'svm_range_create_unregistered_range',
  (m, vpn: Vpn, process: KfdProcess): number => {
    const vma = findVma(m, m.mms.get(process.mm), vpn);
    if (vma === undefined || vpn < vma.vmStart) return 0;
    const block = vpn - (vpn % BLOCK_PAGES);
    let start = Math.max(vma.vmStart, block);
    let last = Math.min(vma.vmEnd, block + BLOCK_PAGES) - 1;
    for (const other of svmRangesOf(m, process.id)) {
      if (other.notifierLast < vpn) start = Math.max(start, other.notifierLast + 1);
      else last = Math.min(last, other.notifierStart - 1);
    }
    const taken = userptrIn(m, process.id, start, last);
    if (taken !== undefined) {
      // its memory is no range's; beside it one page is
      if (taken.start <= vpn && vpn < taken.start + taken.npages) return 0;
      start = vpn;
      last = vpn;
    }
    const id = svmRangeNew(m, start, last, process, true);
    if (id === 0) return 0;
    if (isHeapStack(m, vma)) {
      m.svmRanges.update(id, { preferredLoc: 0 });
      m.trace.decide('svm.heap-or-stack', start, last - start + 1);
    }
    svmRangeAddToSvms(m, id, process.mm);
    return id;
  },
);

/** Whether the fault has to wait for deferred work on the range. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_skip_recover` */
const skipRecover = (m: Machine, range: SvmRange): boolean => {
  const { deferred } = m.kfdProcesses.get(range.process);
  // a part that is to be inserted hangs in its parent's child_list by a child_list of its own, which so is not empty
  const linked = range.children.length > 0 || range.listed === 0;
  if (!deferred.includes(range.id) && !linked) return false;
  return range.work === 'UNMAP' || range.work === 'ADD' || range.work === 'ADD_AND_MAP';
};

/** The range at the address, with mmap_lock for reading and the svms lock held; made if there is none. -EFAULT: cannot be. */
function* lockAndFind(m: Machine, vpn: Vpn, process: KfdProcess): Sleeps<number> {
  yield* mmapReadLock(m, process.mm);
  yield* mutexLock(m, svmsLock(process.id));
  const found = svmRangeFromAddr(m, process.id, vpn);
  if (found !== undefined) return found.range.id;
  // a new range needs mmap_lock for writing
  mutexUnlock(m, svmsLock(process.id));
  mmapReadUnlock(m, process.mm);
  yield* mmapWriteLock(m, process.mm);
  yield* mutexLock(m, svmsLock(process.id));
  const again = svmRangeFromAddr(m, process.id, vpn);
  const id = again?.range.id ?? svmRangeCreateUnregisteredRange(m, vpn, m.kfdProcesses.get(process.id));
  mmapWriteDowngrade(m, process.mm);
  return id === 0 ? -EFAULT : id;
}

/** The range goes to where it should be. VRAM that is full is no error: then the range stays in system memory. */
function* moveToBest(m: Machine, rangeId: number, best: number, mm: number, vpn: Vpn): Sleeps<number> {
  const { actualLoc } = m.svmRanges.get(rangeId);
  if (best === actualLoc) return 0;
  if (best === 0) return yield* svmMigrateVramToRam(m, rangeId, PAGEFAULT_GPU, mm, NO_PFN);
  const ret = yield* svmMigrateToVram(m, rangeId, best, mm, 'PAGEFAULT_GPU');
  if (ret === 0) return 0;
  m.trace.decide('svm.fall-back', vpn, ret);
  if (m.svmRanges.get(rangeId).actualLoc === 0) return 0;
  return yield* svmMigrateVramToRam(m, rangeId, PAGEFAULT_GPU, mm, NO_PFN);
}

/** With all locks held. Returns 0, also when the fault is dropped to be met again; -errno: the GPU may not. */
function* restoreRange(
  m: Machine,
  vpn: Vpn,
  process: KfdProcess,
  rangeId: number,
  gpu: Gpu,
  write: boolean,
): Sleeps<number> {
  const raised = gpuClock(m);
  const range = m.svmRanges.get(rangeId);
  if (skipRecover(m, range)) return 0;
  if (raised <= range.validateTimestamp) {
    m.trace.decide('gpu.fault-dropped', vpn, gpu.id);
    return 0;
  }
  const vma = findVma(m, m.mms.get(process.mm), vpn);
  if (vma === undefined || vpn < vma.vmStart) return 0;
  const wanted = VM_READ | (write ? VM_WRITE : 0);
  if ((vma.vmFlags & wanted) !== wanted) return -EPERM;
  const best = svmRangeBestRestoreLocation(m, rangeId, gpu);
  if (best === -1) return -EACCES;
  m.trace.decide('svm.best-location', vpn, best);
  kfdSmiEventPageFaultStart(m, gpu.id, vpn, write);
  const migrates = best !== m.svmRanges.get(rangeId).actualLoc;
  const moved = yield* moveToBest(m, rangeId, best, process.mm, vpn);
  // of one that does not end well nobody is told the end
  if (moved !== 0) return moved;
  const ret = yield* svmRangeValidateAndMap(m, rangeId, gpu.id, process.mm);
  kfdSmiEventPageFaultEnd(m, gpu.id, vpn, migrates);
  return ret;
}

/**
 * Repairs a fault of a GPU: the whole range goes to where it should be, and the GPU gets its entries.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_restore_pages`
 *
 * @returns 0: the GPU tries again; -errno: the fault is final
 */
export const svmRangeRestorePages = sleepable(
  'svm_range_restore_pages',
  function* (m, vpn: Vpn, write: boolean, gpuId: number, process: number): Sleeps<number> {
    const gpu = m.gpus.get(gpuId);
    const known = m.kfdProcesses.get(process);
    // KFD_IS_SVM_API_SUPPORTED
    if (gpu.pgmap === 0) return -EFAULT;
    if (known.drainPagefaults > 0) return 0;
    if (!known.xnack) return -EFAULT;
    if (!m.mms.get(known.mm).alive) return 0;
    const rangeId = yield* lockAndFind(m, vpn, known);
    let ret = Math.min(rangeId, 0);
    if (rangeId > 0) {
      yield* mutexLock(m, migrateMutex(rangeId));
      ret = yield* restoreRange(m, vpn, known, rangeId, gpu, write);
      mutexUnlock(m, migrateMutex(rangeId));
    }
    mutexUnlock(m, svmsLock(process));
    mmapReadUnlock(m, known.mm);
    countKfd(m, process, gpu, KFD_FAULTS, 1);
    return ret === -EAGAIN ? 0 : ret;
  },
);
