// kfd_process: a process on the GPUs, with a page table on each of them.

import type { Dmirror } from '../../machine/entities.ts';
import { type Gpu, type KfdProcess, type SvmRange, UNDEFINED_LOCATION } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import { GPU_CLOCK, kfdCounterRow } from '../../machine/scalars.ts';
import type { QueueEvictionTrigger } from '../../uapi/smi-events.ts';
import type { Vpn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';
import { kfdSmiEventQueueEviction, kfdSmiEventQueueRestore } from './amdgpu-smi.ts';

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_lookup_process_by_mm` */
export const kfdLookupProcessByMm = (m: Machine, mm: number): KfdProcess | undefined =>
  m.kfdProcesses.values().find((process) => process.mm === mm);

/**
 * A process opens /dev/kfd: each GPU gets a page table for it.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_create_process`
 */
export const kfdCreateProcess = atomic('kfd_create_process', (m, mm: number): KfdProcess => {
  // it has a notifier of its own for the end of the process
  m.mms.update(mm, { hasNotifierSubscriptions: true });
  for (const { id: device } of m.gpus.values()) {
    const pt = m.journal.map('GPU page table').id;
    m.dmirrors.add((id): Dmirror => ({ id, mm, device, pt }));
  }
  const id = m.kfdProcesses.add(
    (processId): KfdProcess => ({
      id: processId,
      mm,
      xnack: m.config.gpu?.xnack ?? true,
      evictedRanges: 0,
      queuesStopped: false,
      queueEvictions: 0,
      evictionFence: 0,
      restoreDue: false,
      evictedUserptrs: 0,
      drainPagefaults: 0,
      restoreScheduled: false,
      deferred: [],
      dead: false,
    }),
  );
  return m.kfdProcesses.get(id);
});

/** A process's page table on a GPU. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_process_device_from_gpuidx` */
export const gpuPageTable = (m: Machine, mm: number, gpu: number): Dmirror | undefined =>
  m.dmirrors.values().find((table) => table.mm === mm && table.device === gpu);

/**
 * A GPU is gone, so no process has a page table on it any more, and no range names it.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_device.c: kgd2kfd_device_exit`
 * Simplified: v6.1 leaves the number of the GPU in the ranges of processes that live on.
 */
export const kfdForgetGpu = (m: Machine, gpu: number): void => {
  for (const table of m.dmirrors.values()) {
    if (table.device !== gpu) continue;
    const pt = m.journal.mapById(table.pt);
    for (const vpn of pt.keys()) pt.delete(vpn);
    m.dmirrors.set(table.id, undefined);
  }
  const others = (gpus: readonly number[]): number[] => gpus.filter((id) => id !== gpu);
  for (const { id, access, accessInPlace, preferredLoc, prefetchLoc, actualLoc } of m.svmRanges.values())
    m.svmRanges.update(id, {
      access: others(access),
      accessInPlace: others(accessInPlace),
      preferredLoc: preferredLoc === gpu ? UNDEFINED_LOCATION : preferredLoc,
      prefetchLoc: prefetchLoc === gpu ? UNDEFINED_LOCATION : prefetchLoc,
      actualLoc: actualLoc === gpu ? 0 : actualLoc,
    });
};

/** Ranges of a process that are in its tree, by address. Ours: struct svm_range_list, objects. */
export const svmRangesOf = (m: Machine, process: number): SvmRange[] =>
  m.svmRanges
    .values()
    .filter((range) => range.process === process && range.notifierStart >= 0)
    .sort((a, b) => a.notifierStart - b.notifierStart);

/** The same ranges in the order in which they were inserted. Ours: struct svm_range_list, list. */
export const svmRangeListOf = (m: Machine, process: number): SvmRange[] =>
  m.svmRanges
    .values()
    .filter((range) => range.process === process && range.listed > 0)
    .sort((a, b) => a.listed - b.listed);

/** All ranges of a process, also those that wait to be inserted. Ours: for those who look from outside. */
export const allSvmRangesOf = (m: Machine, process: number): SvmRange[] =>
  m.svmRanges
    .values()
    .filter((range) => range.process === process)
    .sort((a, b) => a.start - b.start);

/** Kernel: `include/linux/interval_tree_generic.h: interval_tree_iter_first` */
export const firstRangeIn = (m: Machine, process: number, start: Vpn, last: Vpn): SvmRange | undefined =>
  svmRangesOf(m, process).find((range) => range.notifierStart <= last && range.notifierLast >= start);

/** Ours: one way to add to the counters that KFD shows for a process on a GPU. */
export const countKfd = (m: Machine, process: number, gpu: Gpu, counter: number, by: number): void => {
  const row = kfdCounterRow(process, gpu.id, counter);
  m.scalars.set(row, m.scalars.get(row) + by);
};

/** Time as faults see it, in ticks of 2 ms. Kernel: `include/linux/timekeeping.h: ktime_get_boottime` */
export const gpuClock = (m: Machine): number => m.scalars.get(GPU_CLOCK);

/** Time goes on: a fault that comes now is none of those that were repaired before. Ours: 2 ms pass. */
export const tickGpuClock = (m: Machine): void => {
  if (m.config.gpu !== undefined) m.scalars.set(GPU_CLOCK, gpuClock(m) + 1);
};

/** One reason more for the queues to stand still. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_process_evict_queues` */
export const kfdProcessEvictQueues = atomic(
  'kfd_process_evict_queues',
  (m, process: number, trigger: QueueEvictionTrigger): void => {
    kfdSmiEventQueueEviction(m, trigger);
    const queueEvictions = m.kfdProcesses.get(process).queueEvictions + 1;
    m.kfdProcesses.update(process, { queueEvictions, queuesStopped: true });
  },
);

/** One reason less. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_process_restore_queues` */
export const kfdProcessRestoreQueues = atomic('kfd_process_restore_queues', (m, process: number): void => {
  kfdSmiEventQueueRestore(m);
  const queueEvictions = m.kfdProcesses.get(process).queueEvictions - 1;
  m.kfdProcesses.update(process, { queueEvictions, queuesStopped: queueEvictions > 0 });
});

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_device.c: kgd2kfd_quiesce_mm` */
export const kgd2kfdQuiesceMm = atomic(
  'kgd2kfd_quiesce_mm',
  (m, process: number, trigger: QueueEvictionTrigger): void => {
    kfdProcessEvictQueues(m, process, trigger);
    m.trace.decide('svm.queues-stopped', m.kfdProcesses.get(process).mm);
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_device.c: kgd2kfd_resume_mm` */
export const kgd2kfdResumeMm = atomic('kgd2kfd_resume_mm', (m, process: number): void => {
  kfdProcessRestoreQueues(m, process);
  m.trace.decide('svm.queues-resumed', m.kfdProcesses.get(process).mm);
});

/** Ours: the name of a range's mutex for moving and mapping it. */
export const migrateMutex = (range: number): string => `migrate_mutex of range ${range}`;
/** Ours: the name of the mutex over a process's ranges. */
export const svmsLock = (process: number): string => `svms lock of process ${process}`;
/** Ours: the name of the mutex over what a process has on the GPUs. */
export const processInfoLock = (process: number): string => `process_info lock of process ${process}`;

/** Ours: struct svm_range_list, faulting_task. A page fault of the mapping work itself moves nothing. */
export const setFaultingTask = (m: Machine, process: number, faulting: boolean): void => {
  if (faulting) m.faultingTasks.set(process, m.current.id);
  else m.faultingTasks.delete(process);
};

/** Ours: whether the running task maps ranges of the process. */
export const isFaultingTask = (m: Machine, process: number): boolean =>
  m.faultingTasks.get(process) === m.current.id;
