// kfd_svm.c: what a notifier may not do itself: insert, cut and remove ranges. A kernel thread does it, with mmap_lock.

import type { SvmWork } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { mmapWriteLock, mmapWriteUnlock, mutexLock, mutexUnlock, scheduleWork } from '../sched/locks.ts';
import { svmRangeAddToSvms, svmRangeFree, svmRangeRemove, svmRangeUpdateNotifier } from './amdgpu-range.ts';
import { migrateMutex, svmsLock } from './amdgpu-process.ts';

const workName = (process: number): string => `deferred work of process ${process}`;

const svmRangeHandleListOp = atomic('svm_range_handle_list_op', (m, id: number, mm: number): void => {
  const { work } = m.svmRanges.get(id);
  switch (work) {
    case 'NULL':
      return;
    case 'UNMAP':
      svmRangeRemove(m, id, mm);
      svmRangeFree(m, id, true);
      return;
    case 'UPDATE_NOTIFIER':
    case 'UPDATE_NOTIFIER_AND_MAP':
      svmRangeUpdateNotifier(m, id, mm);
      m.svmRanges.update(id, { work: 'NULL' });
      return;
    case 'ADD':
    case 'ADD_AND_MAP':
      svmRangeAddToSvms(m, id, mm);
      return;
  }
});

/** Stray GPU faults on memory that is gone are let through first. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_drain_retry_fault` */
const drainRetryFault = (m: Machine, process: number): void => {
  m.kfdProcesses.update(process, { drainPagefaults: 0 });
};

const takeFirst = (m: Machine, process: number): number => {
  const [first, ...rest] = m.kfdProcesses.get(process).deferred;
  m.kfdProcesses.update(process, { deferred: rest });
  return first;
};

const svmRangeDeferredListWork = sleepable(
  'svm_range_deferred_list_work',
  function* (m, process: number, mm: number): Sleeps<void> {
    while ((m.kfdProcesses.find(process)?.deferred.length ?? 0) > 0) {
      yield* mmapWriteLock(m, mm);
      if (m.kfdProcesses.get(process).drainPagefaults > 0) {
        mmapWriteUnlock(m, mm);
        drainRetryFault(m, process);
        continue;
      }
      const range = takeFirst(m, process);
      yield* mutexLock(m, svmsLock(process));
      yield* mutexLock(m, migrateMutex(range));
      for (const child of m.svmRanges.get(range).children) {
        const { children } = m.svmRanges.get(range);
        m.svmRanges.update(range, { children: children.filter((other) => other !== child) });
        svmRangeHandleListOp(m, child, mm);
      }
      mutexUnlock(m, migrateMutex(range));
      svmRangeHandleListOp(m, range, mm);
      mutexUnlock(m, svmsLock(process));
      mmapWriteUnlock(m, mm);
    }
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_add_list_work` */
export const svmRangeAddListWork = (m: Machine, id: number, work: SvmWork): void => {
  const range = m.svmRanges.get(id);
  const process = m.kfdProcesses.get(range.process);
  if (process.deferred.includes(id)) {
    if (work !== 'NULL' && range.work !== 'UNMAP') m.svmRanges.update(id, { work });
    return;
  }
  if (!m.mms.get(process.mm).alive) return;
  m.svmRanges.update(id, { work });
  m.kfdProcesses.update(process.id, { deferred: [...process.deferred, id] });
};

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: schedule_deferred_list_work` */
export const scheduleDeferredListWork = (m: Machine, process: number, mm: number): void => {
  scheduleWork(m, function* () {
    // one at a time, as a work item runs
    yield* mutexLock(m, workName(process));
    yield* svmRangeDeferredListWork(m, process, mm);
    mutexUnlock(m, workName(process));
  });
};

const deferredDone = (m: Machine, process: number): boolean =>
  (m.kfdProcesses.find(process)?.deferred.length ?? 0) === 0 && !m.mutexes.has(workName(process));

/** Sleeps: until no deferred work is left. Kernel: `kernel/workqueue.c: flush_work` */
export function* flushDeferredListWork(m: Machine, process: number): Sleeps<void> {
  const free = (): boolean => deferredDone(m, process);
  while (!free()) yield { kind: 'event', what: workName(process), free };
}

/**
 * Takes mmap_lock for writing when no deferred work is left. Sleeps: until it is done.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_list_lock_and_flush_work`
 */
export function* svmRangeListLockAndFlushWork(m: Machine, process: number, mm: number): Sleeps<void> {
  for (;;) {
    yield* flushDeferredListWork(m, process);
    yield* mmapWriteLock(m, mm);
    if ((m.kfdProcesses.find(process)?.deferred.length ?? 0) === 0) return;
    mmapWriteUnlock(m, mm);
  }
}
