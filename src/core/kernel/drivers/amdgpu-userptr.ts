// amdgpu_mn.c, amdgpu_amdkfd_gpuvm.c: memory of a process as a buffer object of compute. Nothing is pinned: a notifier says
// when the pages change; then all queues stop, and a millisecond later a kernel thread looks the pages up again.

import type { UserptrBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EADDRINUSE, EFAULT } from '../../uapi/errno.ts';
import type { Vpn } from '../../uapi/units.ts';
import { VM_WRITE } from '../../uapi/vm-flags.ts';
import { hmmPfnToPage } from '../mm/hmm.ts';
import {
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from '../mm/mmu-notifier.ts';
import { findVma } from '../mm/vma.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { mmapReadLock, mmapReadUnlock, mutexLock, mutexUnlock, scheduleWork } from '../sched/locks.ts';
import { amdgpuHmmRangeGetPages, GPU_PTE_READ, GPU_PTE_WRITE } from './amdgpu-map.ts';
import { amdgpuAmdkfdReserveMemLimit, amdgpuAmdkfdUnreserveMemLimit } from './amdgpu-limits.ts';
import {
  firstRangeIn,
  gpuPageTable,
  kgd2kfdQuiesceMm,
  kgd2kfdResumeMm,
  processInfoLock,
} from './amdgpu-process.ts';
import { kfdSmiEventQueueRestoreRescheduled } from './amdgpu-smi.ts';

/** Subscriptions of these objects, apart from those of ranges. */
const USERPTR_SUBSCRIPTIONS = 262144;
/** Attempts of a restore in one step; the kernel tries every millisecond. */
const MAX_ATTEMPTS = 3;

/** The user pointer of a process that overlaps a stretch; undefined: none. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_check_vm_userptr` */
export const userptrIn = (m: Machine, process: number, start: Vpn, last: Vpn): UserptrBo | undefined =>
  m.userptrs
    .values()
    .find((bo) => bo.process === process && bo.start <= last && start < bo.start + bo.npages);

const dropEntries = (m: Machine, { process, gpu, start, npages }: UserptrBo): void => {
  const table = gpuPageTable(m, m.kfdProcesses.get(process).mm, gpu);
  if (table === undefined) return;
  const pt = m.journal.mapById(table.pt);
  for (const vpn of pt.keysBetween(start, start + npages)) pt.delete(vpn);
};

/** Looks the pages up, faulting them in, and maps them on the GPU. Memory that is gone has no entries. Returns 0 or -errno. */
function* mapUserPages(m: Machine, id: number): Sleeps<number> {
  const bo = m.userptrs.get(id);
  const process = m.kfdProcesses.get(bo.process);
  yield* mmapReadLock(m, process.mm);
  const vma = findVma(m, m.mms.get(process.mm), bo.start);
  const covered = vma !== undefined && vma.vmStart <= bo.start && bo.start + bo.npages <= vma.vmEnd;
  const readonly = vma !== undefined && (vma.vmFlags & VM_WRITE) === 0;
  const subscription = USERPTR_SUBSCRIPTIONS + id;
  const found = covered
    ? yield* amdgpuHmmRangeGetPages(m, bo.start, bo.npages, process, subscription, readonly, 0)
    : -EFAULT;
  mmapReadUnlock(m, process.mm);
  if (typeof found === 'number') {
    dropEntries(m, bo);
    return found;
  }
  const table = gpuPageTable(m, process.mm, bo.gpu);
  if (table === undefined || mmuIntervalReadRetry(m, subscription, found.notifierSeq)) return 0;
  const pt = m.journal.mapById(table.pt);
  const tag = readonly ? GPU_PTE_READ : GPU_PTE_WRITE;
  found.hmmPfns.forEach((word, i) => pt.set(bo.start + i, hmmPfnToPage(word) * 4 + tag));
  m.trace.decide('svm.mapped', bo.gpu, bo.start, bo.npages);
  return 0;
}

const restoreUserptrWorker = sleepable(
  'amdgpu_amdkfd_restore_userptr_worker',
  function* (m, process: number, attempt: number): Sleeps<void> {
    const evicted = m.kfdProcesses.find(process)?.evictedUserptrs ?? 0;
    if (evicted === 0 || !m.mms.get(m.kfdProcesses.get(process).mm).alive) return;
    yield* mutexLock(m, processInfoLock(process));
    for (const { id, process: owner, invalid } of m.userptrs.values()) {
      if (owner !== process || invalid === 0) continue;
      // pages that are gone count as done: the GPU will meet a fault there
      yield* mapUserPages(m, id);
      if (m.userptrs.find(id)?.invalid === invalid) m.userptrs.update(id, { invalid: 0 });
    }
    const again = (m.kfdProcesses.find(process)?.evictedUserptrs ?? 0) !== evicted;
    if (!again) {
      m.kfdProcesses.update(process, { evictedUserptrs: 0 });
      kgd2kfdResumeMm(m, process);
    }
    mutexUnlock(m, processInfoLock(process));
    if (!again || m.kfdProcesses.find(process) === undefined) return;
    scheduleRestore(m, process, attempt + 1);
    kfdSmiEventQueueRestoreRescheduled(m);
  },
);

/** In 1 ms: AMDGPU_USERPTR_RESTORE_DELAY_MS. */
const scheduleRestore = (m: Machine, process: number, attempt: number): void => {
  if (attempt > MAX_ATTEMPTS) return;
  scheduleWork(
    m,
    function* () {
      yield* restoreUserptrWorker(m, process, attempt);
    },
    true,
  );
};

/** Restores that did not come to an end are tried again. Ours: when a step begins. */
export const rescheduleUserptrRestores = (m: Machine): void => {
  for (const { id, evictedUserptrs } of m.kfdProcesses.values())
    if (evictedUserptrs > 0) scheduleRestore(m, id, 1);
};

const evictUserptr = atomic('amdgpu_amdkfd_evict_userptr', (m, id: number): void => {
  const bo = m.userptrs.get(id);
  m.userptrs.update(id, { invalid: bo.invalid + 1 });
  const { evictedUserptrs } = m.kfdProcesses.get(bo.process);
  m.kfdProcesses.update(bo.process, { evictedUserptrs: evictedUserptrs + 1 });
  if (evictedUserptrs > 0) return;
  kgd2kfdQuiesceMm(m, bo.process, 'USERPTR');
  scheduleRestore(m, bo.process, 1);
});

const invalidateHsa = atomic('amdgpu_mn_invalidate_hsa', (m, id: number, { mm, event }: MmuNotifierRange) => {
  mmuIntervalSetSeq(m, mm, USERPTR_SUBSCRIPTIONS + id);
  if (event !== 'RELEASE') evictUserptr(m, id);
  return true;
});

const register = atomic('amdgpu_mn_register', (m, id: number, mm: number): void => {
  m.notifierOps.set(USERPTR_SUBSCRIPTIONS + id, {
    intervalOf: (machine) => {
      const bo = machine.userptrs.find(id);
      return { start: bo?.start ?? 0, end: (bo?.start ?? 0) + (bo?.npages ?? 0) };
    },
    invalidate: (machine, _subscription, range) => invalidateHsa(machine, id, range),
    invalidatePages: (machine, _subscription, range) => {
      for (let vpn = range.start; vpn < range.end; vpn++)
        invalidateHsa(machine, id, { ...range, start: vpn, end: vpn + 1 });
    },
  });
  mmuIntervalNotifierInsert(m, mm, USERPTR_SUBSCRIPTIONS + id);
});

/**
 * A process hands memory that it has to a GPU as a buffer object.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c: init_user_pages`,
 * `drivers/gpu/drm/amd/amdkfd/kfd_chardev.c: kfd_ioctl_alloc_memory_of_gpu`
 * Simplified: it is mapped at its own address at once.
 *
 * @returns 0; -EADDRINUSE a range or another one is there; -EFAULT no memory of one area; -ENOMEM over the limit
 */
export const initUserPages = sleepable(
  'init_user_pages',
  function* (m, request: Omit<UserptrBo, 'id' | 'invalid'>): Sleeps<number> {
    const { process, start, npages } = request;
    const last = start + npages - 1;
    if (firstRangeIn(m, process, start, last) ?? userptrIn(m, process, start, last)) return -EADDRINUSE;
    const refused = amdgpuAmdkfdReserveMemLimit(m, request.gpu, npages, 'userptr');
    if (refused !== 0) return refused;
    const { mm } = m.kfdProcesses.get(process);
    yield* mutexLock(m, processInfoLock(process));
    const id = m.userptrs.add((boId): UserptrBo => ({ ...request, id: boId, invalid: 0 }));
    register(m, id, mm);
    const ret = yield* mapUserPages(m, id);
    mutexUnlock(m, processInfoLock(process));
    if (ret !== 0) freeUserptr(m, id);
    return ret;
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_mn.c: amdgpu_mn_unregister` */
export const freeUserptr = atomic('amdgpu_mn_unregister', (m, id: number): void => {
  const bo = m.userptrs.get(id);
  mmuIntervalNotifierRemove(m, m.kfdProcesses.get(bo.process).mm, USERPTR_SUBSCRIPTIONS + id);
  dropEntries(m, bo);
  m.userptrs.set(id, undefined);
  amdgpuAmdkfdUnreserveMemLimit(m, bo.npages);
});
