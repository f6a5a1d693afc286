// kfd_svm.c: what happens on the GPUs when the CPU's page tables change.

import type { SvmRange } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierEvent, MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { SVM_FLAGS } from '../../uapi/device-model.ts';
import { EAGAIN } from '../../uapi/errno.ts';
import type { UnmapTrigger } from '../../uapi/smi-events.ts';
import type { Vpn } from '../../uapi/units.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { mmapWriteUnlock, mutexLock, mutexUnlock, scheduleWork } from '../sched/locks.ts';
import { mmuIntervalSetSeq } from '../mm/mmu-notifier.ts';
import {
  scheduleDeferredListWork,
  svmRangeAddListWork,
  svmRangeListLockAndFlushWork,
} from './amdgpu-deferred.ts';
import { svmRangeUnmapFromGpus, svmRangeValidateAndMap } from './amdgpu-map.ts';
import {
  kgd2kfdQuiesceMm,
  kgd2kfdResumeMm,
  migrateMutex,
  processInfoLock,
  svmRangeListOf,
  svmsLock,
} from './amdgpu-process.ts';
import { RANGE_SUBSCRIPTIONS, svmRangeAddChild, svmRangeSplit } from './amdgpu-range.ts';
import { kfdSmiEventQueueRestoreRescheduled } from './amdgpu-smi.ts';

/** Failed attempts in one step after which a restore waits for the next one; the kernel tries every millisecond. */
const MAX_ATTEMPTS = 3;

/** Maps what invalidations hit. Returns 0: all is clean; else it has to be done again. */
function* restoreRanges(m: Machine, process: number, mm: number, evicted: number): Sleeps<number> {
  for (const { id, invalid } of svmRangeListOf(m, process)) {
    if (invalid === 0) continue;
    yield* mutexLock(m, migrateMutex(id));
    const ret = yield* svmRangeValidateAndMap(m, id, 0, mm);
    mutexUnlock(m, migrateMutex(id));
    if (ret !== 0) return ret;
    if (m.svmRanges.get(id).invalid !== invalid) return -EAGAIN;
    m.svmRanges.update(id, { invalid: 0 });
  }
  return m.kfdProcesses.get(process).evictedRanges === evicted ? 0 : -EAGAIN;
}

/**
 * With XNACK off, a millisecond after the queues were stopped: maps again what has changed, then lets them run. What
 * changed meanwhile makes it begin anew.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_restore_work`
 */
const svmRangeRestoreWork = sleepable(
  'svm_range_restore_work',
  function* (m, process: number, mm: number, attempt: number): Sleeps<void> {
    if ((m.kfdProcesses.find(process)?.evictedRanges ?? 0) === 0 || !m.mms.get(mm).alive) return;
    m.kfdProcesses.update(process, { restoreScheduled: false });
    yield* mutexLock(m, processInfoLock(process));
    yield* svmRangeListLockAndFlushWork(m, process, mm);
    yield* mutexLock(m, svmsLock(process));
    const { evictedRanges } = m.kfdProcesses.get(process);
    const ret = yield* restoreRanges(m, process, mm, evictedRanges);
    if (ret === 0) {
      m.kfdProcesses.update(process, { evictedRanges: 0 });
      kgd2kfdResumeMm(m, process);
    }
    mutexUnlock(m, svmsLock(process));
    mmapWriteUnlock(m, mm);
    mutexUnlock(m, processInfoLock(process));
    if (ret === 0) return;
    m.trace.decide('svm.restore-again', ret);
    scheduleRestore(m, process, mm, ret === -EAGAIN ? attempt : attempt + 1);
    kfdSmiEventQueueRestoreRescheduled(m);
  },
);

const scheduleRestore = (m: Machine, process: number, mm: number, attempt: number): void => {
  m.kfdProcesses.update(process, { restoreScheduled: true });
  if (attempt > MAX_ATTEMPTS) return;
  const run = function* (): Sleeps<void> {
    yield* svmRangeRestoreWork(m, process, mm, attempt);
  };
  scheduleWork(m, run, true);
};

/** Restores that failed are tried again. Ours: when a step begins. */
export const rescheduleRestores = (m: Machine): void => {
  for (const { id, mm, restoreScheduled } of m.kfdProcesses.values())
    if (restoreScheduled) scheduleRestore(m, id, mm, 1);
};

const overlap = (range: SvmRange, start: Vpn, last: Vpn): readonly [Vpn, Vpn] | undefined => {
  const from = Math.max(start, range.start);
  const to = Math.min(last, range.last);
  return from <= to ? [from, to] : undefined;
};

const childrenOf = (m: Machine, range: SvmRange): SvmRange[] =>
  range.children.map((id) => m.svmRanges.get(id));

/** XNACK off: no entry is touched. All queues of the process stop, and a restore is scheduled. */
const stopQueues = (m: Machine, range: SvmRange, start: Vpn, last: Vpn): void => {
  let mapped = range.mappedToGpu;
  for (const child of childrenOf(m, range)) {
    if (!child.mappedToGpu) continue;
    mapped = true;
    if (overlap(child, start, last) !== undefined)
      m.svmRanges.update(child.id, { invalid: child.invalid + 1 });
  }
  if (!mapped) return;
  if (overlap(range, start, last) !== undefined) m.svmRanges.update(range.id, { invalid: range.invalid + 1 });
  const process = m.kfdProcesses.get(range.process);
  m.kfdProcesses.update(process.id, { evictedRanges: process.evictedRanges + 1 });
  if (process.evictedRanges > 0) return;
  kgd2kfdQuiesceMm(m, process.id, 'SVM');
  scheduleRestore(m, process.id, process.mm, 1);
};

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_evict`, its choice of a trigger */
const unmapTrigger = (event: MmuNotifierEvent): UnmapTrigger =>
  event === 'MIGRATE' ? 'MMU_NOTIFY_MIGRATE' : 'MMU_NOTIFY';

const svmRangeEvict = atomic(
  'svm_range_evict',
  (m, start: Vpn, last: Vpn, rangeId: number, trigger: UnmapTrigger): void => {
    const range = m.svmRanges.get(rangeId);
    const { xnack } = m.kfdProcesses.get(range.process);
    if (!xnack || (range.flags & SVM_FLAGS.GPU_ALWAYS_MAPPED) !== 0) {
      stopQueues(m, range, start, last);
      return;
    }
    for (const part of [...childrenOf(m, range), range]) {
      const common = overlap(part, start, last);
      if (common !== undefined) svmRangeUnmapFromGpus(m, common[0], common[1], part.id, trigger);
    }
  },
);

/** Cuts what was unmapped out of a range; the parts wait for deferred work. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_unmap_split` */
const unmapSplit = (m: Machine, parent: number, id: number, start: Vpn, last: Vpn): void => {
  const range = m.svmRanges.get(id);
  if (range.work === 'UNMAP' || overlap(range, start, last) === undefined) return;
  let tail = id;
  let head = id;
  if (start > range.start) tail = svmRangeSplit(m, range.start, start - 1, id);
  const behind = m.svmRanges.get(tail);
  if (last < behind.last) head = svmRangeSplit(m, last + 1, behind.last, tail);
  if (head !== id && tail !== id) {
    svmRangeAddChild(m, parent, head, 'UNMAP');
    svmRangeAddChild(m, parent, tail, 'ADD');
  } else if (tail !== id) {
    svmRangeAddChild(m, parent, tail, 'UNMAP');
  } else if (head !== id) {
    svmRangeAddChild(m, parent, head, 'UNMAP');
  } else if (parent !== id) {
    m.svmRanges.update(id, { work: 'UNMAP' });
  }
};

const svmRangeUnmapFromCpu = atomic(
  'svm_range_unmap_from_cpu',
  (m, start: Vpn, last: Vpn, rangeId: number): void => {
    const range = m.svmRanges.get(rangeId);
    const process = m.kfdProcesses.get(range.process);
    m.kfdProcesses.update(process.id, { drainPagefaults: process.drainPagefaults + 1 });
    const whole = start <= range.start && last >= range.last;
    for (const part of [...childrenOf(m, range), range]) {
      const common = overlap(part, start, last);
      if (common !== undefined) svmRangeUnmapFromGpus(m, common[0], common[1], part.id, 'UNMAP_FROM_CPU');
      unmapSplit(m, rangeId, part.id, start, last);
    }
    svmRangeAddListWork(m, rangeId, whole ? 'UNMAP' : 'UPDATE_NOTIFIER');
    scheduleDeferredListWork(m, process.id, process.mm);
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_cpu_invalidate_pagetables` */
export const svmRangeCpuInvalidatePagetables = atomic(
  'svm_range_cpu_invalidate_pagetables',
  (m, start: Vpn, end: Vpn, rangeId: number, event: MmuNotifierRange): boolean => {
    if (event.event === 'RELEASE') return true;
    const { notifierStart, notifierLast } = m.svmRanges.get(rangeId);
    const from = Math.max(notifierStart, start);
    const to = Math.min(notifierLast, end - 1);
    mmuIntervalSetSeq(m, event.mm, RANGE_SUBSCRIPTIONS + rangeId);
    if (event.event === 'UNMAP') svmRangeUnmapFromCpu(m, from, to, rangeId);
    else svmRangeEvict(m, from, to, rangeId, unmapTrigger(event.event));
    return true;
  },
);
