// kfd_process.c, amdgpu_amdkfd_gpuvm.c: a compute object of a process is to leave VRAM. All its queues stop, its fence is
// signalled, and 100 ms later a kernel thread brings all its objects back, from whomever, and lets the queues run.

import type { EvictionFence, TtmBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { mutexLock, mutexUnlock, scheduleWork } from '../sched/locks.ts';
import { signalFence } from './amdgpu-bo.ts';
import { kfdProcessEvictQueues, kfdProcessRestoreQueues, processInfoLock } from './amdgpu-process.ts';
import { ttmBoValidate } from './ttm.ts';

/**
 * Restores of a process in one step, after which the next one waits for the next step. Two processes that do not fit
 * together take VRAM from each other every 100 ms, for as long as they run.
 */
const MAX_RESTORES = 2;

const restoresDone = new WeakMap<Machine, Map<number, number>>();

const computeObjects = (m: Machine, mm: number): TtmBo[] =>
  m.ttmBos.values().filter((bo) => bo.kind === 'kfd' && bo.mm === mm);

/** The fence that all compute objects of a process share; made with the first one. Ours: struct amdkfd_process_info, eviction_fence. */
export const processFence = (m: Machine, process: number): number => {
  const { evictionFence, mm } = m.kfdProcesses.get(process);
  if (evictionFence !== 0) return evictionFence;
  const fence = m.fences.add((id): EvictionFence => ({ id, mm, svmBo: 0, signaled: false, enabled: false }));
  m.kfdProcesses.update(process, { evictionFence: fence });
  return fence;
};

/**
 * All compute objects go back to VRAM, for which others may have to leave, or where that fails to system memory. Then they
 * get a new fence.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c: amdgpu_amdkfd_gpuvm_restore_process_bos`
 * Simplified: objects are reserved one after the other, not all before the first is moved.
 *
 * @returns 0, or -errno of the object that finds no place: it is tried again in 100 ms
 */
const restoreProcessBos = sleepable(
  'amdgpu_amdkfd_gpuvm_restore_process_bos',
  function* (m, process: number): Sleeps<number> {
    const { mm } = m.kfdProcesses.get(process);
    yield* mutexLock(m, processInfoLock(process));
    let ret = 0;
    // for a kernel thread processes may be killed; the process's own objects are all reserved
    const ctx = { mm, gfpRetryMayfail: false };
    for (const { id } of computeObjects(m, mm)) {
      ret = yield* ttmBoValidate(m, id, 'vram', ctx);
      // the GPU can use it in system memory, too
      if (ret !== 0) ret = yield* ttmBoValidate(m, id, 'tt', ctx);
      if (ret !== 0) break;
    }
    if (ret === 0 && m.kfdProcesses.find(process) !== undefined) {
      m.kfdProcesses.update(process, { evictionFence: 0 });
      const fence = processFence(m, process);
      for (const { id } of computeObjects(m, mm)) m.ttmBos.update(id, { fence });
    }
    mutexUnlock(m, processInfoLock(process));
    return ret;
  },
);

const restoreProcessWorker = sleepable(
  'restore_process_worker',
  function* (m, process: number): Sleeps<void> {
    const known = m.kfdProcesses.find(process);
    if (known?.restoreDue !== true) return;
    m.kfdProcesses.update(process, { restoreDue: false });
    const ret = yield* restoreProcessBos(m, process);
    if (m.kfdProcesses.find(process) === undefined) return;
    if (ret !== 0) {
      m.trace.decide('kfd.restore-failed', ret);
      scheduleRestoreProcess(m, process);
      return;
    }
    kfdProcessRestoreQueues(m, process);
    m.trace.decide('kfd.process-restored', known.mm);
  },
);

/** In 100 ms (PROCESS_RESTORE_TIME_MS, PROCESS_BACK_OFF_TIME_MS). */
const scheduleRestoreProcess = (m: Machine, process: number): void => {
  m.kfdProcesses.update(process, { restoreDue: true });
  const done = restoresDone.get(m) ?? new Map<number, number>();
  restoresDone.set(m, done);
  const times = done.get(process) ?? 0;
  if (times >= MAX_RESTORES) return;
  done.set(process, times + 1);
  scheduleWork(
    m,
    function* () {
      yield* restoreProcessWorker(m, process);
    },
    true,
  );
};

/** Processes that are still to be restored are tried again. Ours: when a step begins. */
export const rescheduleProcessRestores = (m: Machine): void => {
  restoresDone.delete(m);
  for (const { id, restoreDue } of m.kfdProcesses.values()) if (restoreDue) scheduleRestoreProcess(m, id);
};

const evictProcessWorker = sleepable('evict_process_worker', function* (m, process: number): Sleeps<void> {
  yield { kind: 'resched', where: 'evict_process_worker' };
  const known = m.kfdProcesses.find(process);
  if (known === undefined) return;
  kfdProcessEvictQueues(m, process, 'TTM');
  m.trace.decide('kfd.process-evicted', known.mm);
  signalFence(m, known.evictionFence);
  scheduleRestoreProcess(m, process);
});

/**
 * Somebody waits for the fence of a process's compute objects.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_device.c: kgd2kfd_schedule_evict_and_restore_process`
 * Simplified: a process that was restored just now is evicted at once, not after PROCESS_ACTIVE_TIME_MS.
 */
export const scheduleEvictAndRestoreProcess = atomic(
  'kgd2kfd_schedule_evict_and_restore_process',
  (m, process: number): void => {
    scheduleWork(m, function* () {
      yield* evictProcessWorker(m, process);
    });
  },
);
