// kfd_svm.c: the ioctl. A process says where ranges of its address space should be and which GPUs may reach them.

import { type KfdProcess, type SvmRange, UNDEFINED_LOCATION } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { SVM_FLAGS, type SvmFlagName } from '../../uapi/device-model.ts';
import { EADDRINUSE, EFAULT, EINVAL, ENOMEM } from '../../uapi/errno.ts';
import { MIGRATE_TRIGGERS } from '../../uapi/smi-events.ts';
import { NO_PFN, type Vpn } from '../../uapi/units.ts';
import { VM_IO, VM_MIXEDMAP, VM_PFNMAP } from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import {
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteUnlock,
  mutexLock,
  mutexUnlock,
} from '../sched/locks.ts';
import { findVma } from '../mm/vma.ts';
import { maxSvmRangePages, sameHive, svmGpus } from './amdgpu-device.ts';
import { svmRangeListLockAndFlushWork } from './amdgpu-deferred.ts';
import { svmRangeValidateAndMap } from './amdgpu-map.ts';
import { gpuById, svmMigrateToVram, svmMigrateVramToRam } from './amdgpu-migrate.ts';
import {
  kfdLookupProcessByMm,
  migrateMutex,
  processInfoLock,
  svmRangesOf,
  svmsLock,
} from './amdgpu-process.ts';
import {
  rangePages,
  svmRangeAddToSvms,
  svmRangeClone,
  svmRangeFree,
  svmRangeNew,
  svmRangeRemove,
  svmRangeSplit,
} from './amdgpu-range.ts';
import { userptrIn } from './amdgpu-userptr.ts';
import { KFD_MEM_LIMIT, KFD_MEM_USED } from '../../machine/scalars.ts';

/** struct kfd_ioctl_svm_attribute. A GPU that is not known is -2. */
export type SvmAttr =
  | { readonly type: 'PREFERRED_LOC' | 'PREFETCH_LOC'; readonly loc: number }
  | { readonly type: 'ACCESS' | 'ACCESS_IN_PLACE' | 'NO_ACCESS'; readonly gpu: number }
  | { readonly type: 'SET_FLAGS' | 'CLR_FLAGS'; readonly flags: number }
  | { readonly type: 'GRANULARITY'; readonly value: number };

/** KFD_IOCTL_SVM_FLAG_* together. Ours: bits of names. */
export const svmFlagBits = (names: readonly SvmFlagName[]): number =>
  names.reduce((bits, name) => bits | SVM_FLAGS[name], 0);

/** The GPU that an attribute names and that cannot have ranges; undefined: it may be. */
const unfitGpu = (m: Machine, attr: SvmAttr): number | undefined => {
  const unfit = (id: number): number | undefined =>
    svmGpus(m).some((gpu) => gpu.id === id) ? undefined : id;
  switch (attr.type) {
    case 'PREFERRED_LOC':
      return attr.loc === 0 || attr.loc === UNDEFINED_LOCATION ? undefined : unfit(attr.loc);
    case 'PREFETCH_LOC':
      return attr.loc === 0 ? undefined : unfit(attr.loc);
    case 'ACCESS':
    case 'ACCESS_IN_PLACE':
    case 'NO_ACCESS':
      return unfit(attr.gpu);
    case 'SET_FLAGS':
    case 'CLR_FLAGS':
    case 'GRANULARITY':
      return undefined;
  }
};

/** Refuses GPUs that do not exist or have no registered memory. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_check_attr` */
const svmRangeCheckAttr = atomic('svm_range_check_attr', (m, attrs: readonly SvmAttr[]): number => {
  for (const attr of attrs) {
    const gpu = unfitGpu(m, attr);
    if (gpu === undefined) continue;
    m.trace.decide('svm.refused-gpu', gpu);
    return -EINVAL;
  }
  return 0;
});

/** Whether the addresses lie in areas of ordinary memory. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_is_valid` */
export const svmRangeIsValid = atomic(
  'svm_range_is_valid',
  (m, start: Vpn, npages: number, mm: number): number => {
    const process = kfdLookupProcessByMm(m, mm);
    for (let vpn = start; vpn < start + npages; ) {
      const vma = findVma(m, m.mms.get(mm), vpn);
      if (vma === undefined || vpn < vma.vmStart) {
        m.trace.decide('svm.refused-hole', vpn);
        return -EFAULT;
      }
      if ((vma.vmFlags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP)) !== 0) {
        m.trace.decide('svm.refused-device-area', vpn);
        return -EFAULT;
      }
      vpn = vma.vmEnd;
    }
    const taken = process && userptrIn(m, process.id, start, start + npages - 1);
    if (taken === undefined) return 0;
    m.trace.decide('svm.refused-in-use', taken.start, taken.npages);
    return -EADDRINUSE;
  },
);

const isSame = (range: SvmRange, attr: SvmAttr): boolean => {
  switch (attr.type) {
    case 'PREFERRED_LOC':
      return range.preferredLoc === attr.loc;
    case 'PREFETCH_LOC':
      return false; // a prefetch is done each time
    case 'ACCESS':
      return range.access.includes(attr.gpu);
    case 'ACCESS_IN_PLACE':
      return range.accessInPlace.includes(attr.gpu);
    case 'NO_ACCESS':
      return !range.access.includes(attr.gpu) && !range.accessInPlace.includes(attr.gpu);
    case 'SET_FLAGS':
      return (range.flags & attr.flags) === attr.flags;
    case 'CLR_FLAGS':
      return (range.flags & attr.flags) === 0;
    case 'GRANULARITY':
      return range.granularity === attr.value;
  }
};

const without = (gpus: readonly number[], gpu: number): readonly number[] =>
  gpus.filter((other) => other !== gpu);

/** What an attribute changes, and whether the GPUs have to be mapped again for it. Kernel: svm_range_apply_attrs. */
const applied = (range: SvmRange, attr: SvmAttr): { change: Partial<SvmRange>; remap: boolean } => {
  switch (attr.type) {
    case 'PREFERRED_LOC':
      return { change: { preferredLoc: attr.loc }, remap: false };
    case 'PREFETCH_LOC':
      return { change: { prefetchLoc: attr.loc }, remap: false };
    case 'GRANULARITY':
      return { change: { granularity: Math.min(attr.value, 0x3f) }, remap: false };
    case 'SET_FLAGS':
      return { change: { flags: range.flags | attr.flags }, remap: true };
    case 'CLR_FLAGS':
      return { change: { flags: range.flags & ~attr.flags }, remap: true };
    case 'ACCESS':
    case 'ACCESS_IN_PLACE':
    case 'NO_ACCESS': {
      const access = without(range.access, attr.gpu);
      const accessInPlace = without(range.accessInPlace, attr.gpu);
      return {
        change: {
          access: attr.type === 'ACCESS' ? [...access, attr.gpu] : access,
          accessInPlace: attr.type === 'ACCESS_IN_PLACE' ? [...accessInPlace, attr.gpu] : accessInPlace,
        },
        remap: true,
      };
    }
  }
};

/** What was put into the kernel's lists last stands first in them, and is done first. */
interface Plan {
  /** Ranges that get the attributes. */
  readonly update: number[];
  /** Parts of ranges that are cut. */
  readonly insert: number[];
  /** Ranges where none was. */
  readonly fresh: number[];
  /** Ranges that parts replace. */
  readonly remove: number[];
}

/** Covers a gap with ranges of at most the largest size, each aligned to it. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_split_new` */
const coverGap = (m: Machine, process: KfdProcess, start: Vpn, last: Vpn, plan: Plan): boolean => {
  const max = maxSvmRangePages(m);
  for (let vpn = start; vpn <= last; ) {
    const end = Math.min(last, Math.floor((vpn + max) / max) * max - 1);
    const id = svmRangeNew(m, vpn, end, process, true);
    if (id === 0) {
      m.trace.decide('svm.refused-limit', vpn, end - vpn + 1);
      return false;
    }
    plan.fresh.push(id);
    plan.update.push(id);
    vpn = end + 1;
  }
  return true;
};

/** A range that is to change in part only: a copy of it, cut. The range itself stays until all has succeeded. */
const cutCopy = (m: Machine, old: SvmRange, start: Vpn, last: Vpn, plan: Plan): void => {
  const copy = svmRangeClone(m, old.id);
  plan.remove.push(old.id);
  plan.insert.push(copy);
  plan.update.push(copy);
  if (old.start < start) plan.insert.push(svmRangeSplit(m, start, old.last, copy));
  const now = m.svmRanges.get(copy);
  if (old.last > last) plan.insert.push(svmRangeSplit(m, now.start, last, copy));
};

/**
 * Which ranges there will be: equal ones stay, others get the attributes, partly overlapping ones are cut, gaps are
 * filled. Nothing that others can see changes.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_add`
 */
const svmRangeAdd = atomic(
  'svm_range_add',
  (m, start: Vpn, npages: number, process: KfdProcess, attrs: readonly SvmAttr[], plan: Plan): number => {
    const last = start + npages - 1;
    let from = start;
    for (const range of svmRangesOf(m, process.id)) {
      if (range.last < start || range.start > last) continue;
      if (attrs.every((attr) => isSame(range, attr))) {
        // nothing to do
      } else if (range.start < start || range.last > last) {
        cutCopy(m, range, start, last, plan);
      } else {
        plan.update.push(range.id);
      }
      if (range.start > from && !coverGap(m, process, from, range.start - 1, plan)) return -ENOMEM;
      from = Math.min(range.last, last) + 1;
    }
    return from <= last && !coverGap(m, process, from, last, plan) ? -ENOMEM : 0;
  },
);

/** The plan failed: what was made for it goes. */
const dropPlan = (m: Machine, { insert, fresh }: Plan): void => {
  for (const id of insert) svmRangeFree(m, id, false);
  for (const id of fresh) svmRangeFree(m, id, true);
};

/** The prefetch goes to system memory if a GPU that may reach the range is not in the hive of its place. */
const svmRangeBestPrefetchLocation = atomic(
  'svm_range_best_prefetch_location',
  (m, rangeId: number): number => {
    const { prefetchLoc, process, access, accessInPlace } = m.svmRanges.get(rangeId);
    if (prefetchLoc <= 0) return prefetchLoc;
    const place = gpuById(m, prefetchLoc);
    if (place === undefined) return 0;
    const { xnack } = m.kfdProcesses.get(process);
    const others = xnack ? accessInPlace : [...access, ...accessInPlace];
    const reachable = svmGpus(m).every((gpu) => !others.includes(gpu.id) || sameHive(gpu, place));
    return reachable ? prefetchLoc : 0;
  },
);

/** Returns whether the range moved, or -errno. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_trigger_migration` */
const svmRangeTriggerMigration = sleepable(
  'svm_range_trigger_migration',
  function* (m, rangeId: number, mm: number): Sleeps<number> {
    const best = svmRangeBestPrefetchLocation(m, rangeId);
    const { actualLoc, start } = m.svmRanges.get(rangeId);
    if (best === UNDEFINED_LOCATION) return 0;
    if (best === actualLoc) {
      m.trace.decide('svm.already-there', start, best);
      return 0;
    }
    m.trace.decide('svm.prefetch', start, best);
    const ret =
      best === 0
        ? yield* svmMigrateVramToRam(m, rangeId, MIGRATE_TRIGGERS.indexOf('PREFETCH'), mm, NO_PFN)
        : yield* svmMigrateToVram(m, rangeId, best, mm, 'PREFETCH');
    return ret === 0 ? 1 : ret;
  },
);

/** Moves and maps the ranges that were changed. A failure leaves what was done before it. */
function* moveAndMap(m: Machine, update: readonly number[], mm: number, remap: boolean): Sleeps<number> {
  for (const id of update.toReversed()) {
    yield* mutexLock(m, migrateMutex(id));
    let ret = yield* svmRangeTriggerMigration(m, id, mm);
    const moved = ret > 0;
    const { process, flags, mappedToGpu } = m.svmRanges.get(id);
    const stops = !m.kfdProcesses.get(process).xnack || (flags & SVM_FLAGS.GPU_ALWAYS_MAPPED) !== 0;
    // with stopped queues the restore work maps what was mapped before
    const restoreMaps = moved && stops && mappedToGpu;
    if (ret >= 0) ret = !restoreMaps && (moved || remap) ? yield* svmRangeValidateAndMap(m, id, 0, mm) : 0;
    mutexUnlock(m, migrateMutex(id));
    if (ret < 0) return ret;
  }
  return 0;
}

const commit = (m: Machine, plan: Plan, attrs: readonly SvmAttr[], mm: number): boolean => {
  let remap = false;
  for (const id of [...plan.fresh.toReversed(), ...plan.insert.toReversed()]) svmRangeAddToSvms(m, id, mm);
  for (const id of plan.update.toReversed()) {
    for (const attr of attrs) {
      const { change, remap: again } = applied(m.svmRanges.get(id), attr);
      m.svmRanges.update(id, change);
      remap ||= again;
    }
  }
  for (const id of plan.remove.toReversed()) {
    svmRangeRemove(m, id, mm);
    svmRangeFree(m, id, false);
  }
  return remap;
};

/**
 * Gives attributes to a range of addresses, then moves and maps as they say.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_set_attr`
 *
 * @returns 0; -EINVAL an unknown GPU; -EFAULT addresses without memory; -ENOMEM over a limit, or no VRAM
 */
export const svmRangeSetAttr = sleepable(
  'svm_range_set_attr',
  function* (m, start: Vpn, npages: number, process: number, attrs: readonly SvmAttr[]): Sleeps<number> {
    const refused = svmRangeCheckAttr(m, attrs);
    if (refused !== 0) return refused;
    const { mm } = m.kfdProcesses.get(process);
    yield* mutexLock(m, processInfoLock(process));
    yield* svmRangeListLockAndFlushWork(m, process, mm);
    let ret = svmRangeIsValid(m, start, npages, mm);
    const plan: Plan = { update: [], insert: [], fresh: [], remove: [] };
    if (ret === 0) {
      yield* mutexLock(m, svmsLock(process));
      ret = svmRangeAdd(m, start, npages, m.kfdProcesses.get(process), attrs, plan);
      if (ret !== 0) {
        dropPlan(m, plan);
        mutexUnlock(m, svmsLock(process));
      }
    }
    if (ret !== 0) {
      mmapWriteUnlock(m, mm);
      mutexUnlock(m, processInfoLock(process));
      return ret;
    }
    const remap = commit(m, plan, attrs, mm);
    mmapWriteDowngrade(m, mm);
    ret = yield* moveAndMap(m, plan.update, mm, remap);
    mutexUnlock(m, svmsLock(process));
    mmapReadUnlock(m, mm);
    mutexUnlock(m, processInfoLock(process));
    return ret;
  },
);

/**
 * Whether faults of the GPU are repaired from now on. Without, all ranges count against the limit of system memory.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_switch_xnack_reserve_mem`
 * Simplified: allowed also while the process has queues.
 *
 * @returns 0, or -ENOMEM
 */
export const svmRangeSwitchXnack = atomic(
  'svm_range_switch_xnack_reserve_mem',
  (m, process: number, enabled: boolean): number => {
    if (m.kfdProcesses.get(process).xnack === enabled) return 0;
    const pages = svmRangesOf(m, process).reduce((sum, range) => sum + rangePages(range), 0);
    const used = m.scalars.get(KFD_MEM_USED) + (enabled ? -pages : pages);
    if (!enabled && used > m.scalars.get(KFD_MEM_LIMIT)) return -ENOMEM;
    m.scalars.set(KFD_MEM_USED, used);
    m.kfdProcesses.update(process, { xnack: enabled });
    return 0;
  },
);
