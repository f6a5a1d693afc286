// kfd_svm.c: ranges of shared virtual memory as objects: made, split, found, inserted and removed.

import { type KfdProcess, type SvmRange, type SvmWork, UNDEFINED_LOCATION } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import { KFD_MEM_LIMIT, KFD_MEM_USED } from '../../machine/scalars.ts';
import { SVM_FLAGS } from '../../uapi/device-model.ts';
import type { Vpn } from '../../uapi/units.ts';
import { warn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { mmuIntervalNotifierInsert, mmuIntervalNotifierRemove } from '../mm/mmu-notifier.ts';
import { hooksOf, modelOf, svmGpus } from './amdgpu-device.ts';
import { svmBoRef, svmRangeBoUnref } from './amdgpu-bo.ts';
import { firstRangeIn, svmRangeListOf } from './amdgpu-process.ts';

/** Subscriptions of ranges, apart from those of the test driver. */
export const RANGE_SUBSCRIPTIONS = 131072;

/** Ours: struct svm_range, npages. */
export const rangePages = ({ start, last }: SvmRange): number => last - start + 1;

const bookMemory = (m: Machine, by: number): boolean => {
  const used = m.scalars.get(KFD_MEM_USED) + by;
  if (by > 0 && used > m.scalars.get(KFD_MEM_LIMIT)) return false;
  m.scalars.set(KFD_MEM_USED, used);
  return true;
};

/** What holds where nobody has said anything. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_set_default_attributes` */
export const svmRangeSetDefaultAttributes = (
  m: Machine,
): Pick<SvmRange, 'flags' | 'preferredLoc' | 'prefetchLoc' | 'granularity'> => ({
  flags: SVM_FLAGS.HOST_ACCESS | SVM_FLAGS.COHERENT,
  preferredLoc: UNDEFINED_LOCATION,
  prefetchLoc: UNDEFINED_LOCATION,
  granularity: Math.min(...svmGpus(m).map((gpu) => modelOf(gpu).granularity)),
});

/**
 * A range with the default attributes. With XNACK off it counts in full against the limit of system memory.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_new`
 *
 * @param updateMemUsage - it covers addresses that no range covered before
 * @returns its id; 0: over the limit
 */
export const svmRangeNew = atomic(
  'svm_range_new',
  (m, start: Vpn, last: Vpn, process: KfdProcess, updateMemUsage: boolean): number => {
    if (!process.xnack && updateMemUsage && !bookMemory(m, last - start + 1)) {
      warn(m, 'svm.mem-limit', last - start + 1);
      return 0;
    }
    const gpus = svmGpus(m);
    return m.svmRanges.add(
      (id): SvmRange => ({
        id,
        process: process.id,
        start,
        last,
        notifierStart: -1,
        notifierLast: -1,
        listed: 0,
        ...svmRangeSetDefaultAttributes(m),
        actualLoc: 0,
        access: process.xnack ? gpus.map((gpu) => gpu.id) : [],
        accessInPlace: [],
        mappedToGpu: false,
        validatedOnce: false,
        invalid: 0,
        validateTimestamp: -1,
        svmBo: 0,
        ttmRes: false,
        offset: 0,
        children: [],
        work: 'NULL',
      }),
    );
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_free` */
export const svmRangeFree = atomic('svm_range_free', (m, id: number, updateMemUsage: boolean): void => {
  const range = m.svmRanges.get(id);
  svmRangeVramNodeFree(m, id);
  if (updateMemUsage && !m.kfdProcesses.get(range.process).xnack) bookMemory(m, -rangePages(range));
  const { svmBo } = m.svmRanges.get(id);
  // a buffer object that outlives its range must not find it again
  const bo = m.svmBos.find(svmBo);
  if (bo !== undefined) m.svmBos.update(svmBo, { ranges: bo.ranges.filter((other) => other !== id) });
  m.svmRanges.set(id, undefined);
});

/** The range gives its part of a buffer object up. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_vram_node_free` */
export const svmRangeVramNodeFree = atomic('svm_range_vram_node_free', (m, id: number): void => {
  const { ttmRes, svmBo } = m.svmRanges.get(id);
  if (!ttmRes) return;
  m.svmRanges.update(id, { ttmRes: false });
  svmRangeBoUnref(m, svmBo);
});

const joinBo = (m: Machine, svmBo: number, range: number): void => {
  svmBoRef(m, svmBo);
  m.svmBos.update(svmBo, { ranges: [range, ...m.svmBos.get(svmBo).ranges] });
};

/** Copies what a part of a range has of the whole. Kernel: svm_range_split_adjust, svm_range_clone. */
const inherit = (old: SvmRange): Partial<SvmRange> => ({
  flags: old.flags,
  preferredLoc: old.preferredLoc,
  prefetchLoc: old.prefetchLoc,
  actualLoc: old.actualLoc,
  granularity: old.granularity,
  mappedToGpu: old.mappedToGpu,
  access: old.access,
  accessInPlace: old.accessInPlace,
});

/**
 * Cuts a range in two. It keeps [start, last], which is its beginning or its end; the other part is a new range, which
 * nothing knows yet. Both share the buffer object.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_split`
 *
 * @returns the new range
 */
export const svmRangeSplit = atomic('svm_range_split', (m, start: Vpn, last: Vpn, id: number): number => {
  const old = m.svmRanges.get(id);
  const atEnd = old.start === start;
  const process = m.kfdProcesses.get(old.process);
  const created = atEnd
    ? svmRangeNew(m, last + 1, old.last, process, false)
    : svmRangeNew(m, old.start, start - 1, process, false);
  const part = m.svmRanges.get(created);
  m.trace.decide('svm.range-split', part.start, rangePages(part));
  if (old.actualLoc !== 0 && old.ttmRes) {
    const kept = last - start + 1;
    joinBo(m, old.svmBo, created);
    m.svmRanges.update(created, {
      svmBo: old.svmBo,
      ttmRes: true,
      offset: atEnd ? old.offset + kept : old.offset,
    });
    if (!atEnd) m.svmRanges.update(id, { offset: old.offset + rangePages(part) });
  }
  m.svmRanges.update(id, { start, last });
  m.svmRanges.update(created, inherit(old));
  return created;
});

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_clone` */
export const svmRangeClone = atomic('svm_range_clone', (m, id: number): number => {
  const old = m.svmRanges.get(id);
  const created = svmRangeNew(m, old.start, old.last, m.kfdProcesses.get(old.process), false);
  // Simplified: a range without a reference of its own passes none on; the kernel takes one that nobody drops
  if (old.svmBo !== 0 && old.ttmRes) {
    joinBo(m, old.svmBo, created);
    m.svmRanges.update(created, { svmBo: old.svmBo, ttmRes: true, offset: old.offset });
  }
  m.svmRanges.update(created, inherit(old));
  return created;
});

/** A part of a range waits for deferred work to be inserted or removed. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_add_child` */
export const svmRangeAddChild = (m: Machine, parent: number, child: number, work: SvmWork): void => {
  m.svmRanges.update(child, { work });
  m.svmRanges.update(parent, { children: [...m.svmRanges.get(parent).children, child] });
};

/**
 * The range at an address: one of the list, or a part of one that is not yet in the list.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_from_addr`
 *
 * @returns the range and the one in the list that it belongs to
 */
export const svmRangeFromAddr = (
  m: Machine,
  process: number,
  vpn: Vpn,
): { readonly range: SvmRange; readonly parent: SvmRange } | undefined => {
  const parent = firstRangeIn(m, process, vpn, vpn);
  if (parent === undefined) return undefined;
  const covers = (range: SvmRange): boolean => range.start <= vpn && vpn <= range.last;
  if (covers(parent)) return { range: parent, parent };
  const range = parent.children.map((id) => m.svmRanges.get(id)).find(covers);
  return range === undefined ? undefined : { range, parent };
};

/** The callback of a range's notifier; its interval is what the range was when it was inserted. */
const subscribe = (m: Machine, id: number): void => {
  m.notifierOps.set(RANGE_SUBSCRIPTIONS + id, {
    intervalOf: (machine) => {
      const range = machine.svmRanges.find(id);
      return { start: range?.notifierStart ?? 0, end: (range?.notifierLast ?? -1) + 1 };
    },
    invalidate: (machine, _subscription, range) => hooksOf(machine).invalidate(machine, id, range),
    invalidatePages: (machine, _subscription, range) => hooksOf(machine).invalidatePages(machine, id, range),
  });
};

/** Inserts a range in the list, the tree and the notifier. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_add_to_svms, svm_range_add_notifier_locked` */
export const svmRangeAddToSvms = (m: Machine, id: number, mm: number): void => {
  const { start, last, process } = m.svmRanges.get(id);
  const listed = 1 + (svmRangeListOf(m, process).at(-1)?.listed ?? 0);
  m.svmRanges.update(id, { notifierStart: start, notifierLast: last, listed, work: 'NULL' });
  m.trace.decide('svm.range-created', start, last - start + 1);
  subscribe(m, id);
  mmuIntervalNotifierInsert(m, mm, RANGE_SUBSCRIPTIONS + id);
};

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_unlink, svm_range_remove_notifier` */
export const svmRangeRemove = (m: Machine, id: number, mm: number): void => {
  const { start, last, notifierStart } = m.svmRanges.get(id);
  if (notifierStart < 0) return;
  m.trace.decide('svm.range-removed', start, last - start + 1);
  mmuIntervalNotifierRemove(m, mm, RANGE_SUBSCRIPTIONS + id);
  m.svmRanges.update(id, { notifierStart: -1, notifierLast: -1, listed: 0 });
};

/** The tree and the notifier follow a range that was cut. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_update_notifier_and_interval_tree` */
export const svmRangeUpdateNotifier = (m: Machine, id: number, mm: number): void => {
  const { start, last, notifierStart, notifierLast } = m.svmRanges.get(id);
  if (start === notifierStart && last === notifierLast) return;
  mmuIntervalNotifierRemove(m, mm, RANGE_SUBSCRIPTIONS + id);
  m.svmRanges.update(id, { notifierStart: start, notifierLast: last });
  mmuIntervalNotifierInsert(m, mm, RANGE_SUBSCRIPTIONS + id);
};
