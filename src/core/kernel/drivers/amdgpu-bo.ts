// kfd_svm.c: svm_range_bo, the bridge between pages and buffer objects. Every page in use in it holds a reference, and
// so does every range that lives in it; with the last one VRAM is given back.

import type { EvictionFence, Gpu, SvmBo, SvmRange } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { svmBoKrefRow } from '../../machine/scalars.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { atOnce, scheduleWork } from '../sched/locks.ts';
import { ttmBoInit } from './ttm.ts';
import { ttmBoPut } from './ttm-release.ts';

/** Kernel: `include/linux/kref.h: kref_read` */
export const svmBoKref = (m: Machine, svmBo: number): number => m.scalars.get(svmBoKrefRow(svmBo));

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.h: svm_range_bo_ref` */
export const svmBoRef = (m: Machine, svmBo: number): void => {
  m.scalars.set(svmBoKrefRow(svmBo), svmBoKref(m, svmBo) + 1);
};

/** Kernel: `include/linux/dma-fence.h: dma_fence_signal` */
export const signalFence = (m: Machine, fence: number): void => {
  if (m.fences.get(fence).signaled) return;
  m.fences.update(fence, { signaled: true });
  m.trace.decide('ttm.fence-signaled', fence);
};

const svmRangeBoRelease = atomic('svm_range_bo_release', (m, id: number): void => {
  const { ranges, fence, bo } = m.svmBos.get(id);
  for (const range of ranges) m.svmRanges.update(range, { svmBo: 0 });
  signalFence(m, fence);
  // its bytes are thrown away with its VRAM: nothing here takes long
  atOnce(function* () {
    yield* ttmBoPut(m, bo);
  });
  m.svmBos.set(id, undefined);
});

const putRef = (m: Machine, id: number): boolean => {
  m.scalars.set(svmBoKrefRow(id), svmBoKref(m, id) - 1);
  return svmBoKref(m, id) === 0;
};

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_bo_unref` */
export const svmRangeBoUnref = (m: Machine, id: number): void => {
  if (putRef(m, id)) svmRangeBoRelease(m, id);
};

/** From where nothing may sleep: a kernel thread does the rest. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_bo_unref_async` */
export const svmRangeBoUnrefAsync = (m: Machine, id: number): void => {
  if (putRef(m, id)) releaseSvmBoAsync(m, id);
};

/** Ours: the last reference of a buffer object is gone, and nothing may sleep here. */
export const releaseSvmBoAsync = (m: Machine, id: number): void => {
  scheduleWork(m, function* () {
    yield { kind: 'resched', where: 'svm_range_bo_wq_release' };
    svmRangeBoRelease(m, id);
  });
};

/** Whether the range can use the buffer object that it had. Sleeps: until one that is being evicted or freed is gone. */
const svmRangeValidateSvmBo = sleepable(
  'svm_range_validate_svm_bo',
  function* (m, gpu: Gpu, rangeId: number): Sleeps<boolean> {
    const range = m.svmRanges.get(rangeId);
    if (range.svmBo === 0) return false;
    if (range.ttmRes) return true;
    const svmBo = m.svmBos.find(range.svmBo);
    bugOn(svmBo === undefined, 'svm_bo_ref_unless_zero: the svm_range_bo was freed', 'svm.bo-freed');
    if (svmBo !== undefined && svmBoKref(m, svmBo.id) > 0) {
      if (m.ttmBos.get(svmBo.bo).gpu !== gpu.id) {
        leaveBo(m, svmBo, rangeId);
        return false;
      }
      if (!svmBo.evicting) {
        svmBoRef(m, svmBo.id);
        m.svmRanges.update(rangeId, { ttmRes: true });
        return true;
      }
      const { fence } = svmBo;
      const free = (): boolean => m.fences.get(fence).signaled;
      while (!free()) yield { kind: 'fence', free, defect: 'svm.fence-under-mutex' };
    }
    // the kernel spins until a release that runs elsewhere has taken the range off its list
    const free = (): boolean => m.svmRanges.get(rangeId).svmBo === 0 || released(m, rangeId);
    while (!free()) yield { kind: 'event', what: 'the release of an svm_range_bo', free };
    const left = m.svmBos.find(m.svmRanges.get(rangeId).svmBo);
    if (left !== undefined) leaveBo(m, left, rangeId);
    return false;
  },
);

/** Whether a range was taken off the list of its buffer object. */
const released = (m: Machine, rangeId: number): boolean => {
  const svmBo = m.svmBos.find(m.svmRanges.get(rangeId).svmBo);
  return svmBo === undefined || !svmBo.ranges.includes(rangeId);
};

/** The range does not belong to the buffer object any more. */
const leaveBo = (m: Machine, svmBo: SvmBo, rangeId: number): void => {
  m.svmBos.update(svmBo.id, { ranges: svmBo.ranges.filter((other) => other !== rangeId) });
  m.svmRanges.update(rangeId, { svmBo: 0 });
};

/**
 * VRAM for the whole range: the old buffer object if it still lives, else a new one, zeroed, which may be thrown away
 * without saving its bytes once its fence is signalled.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_vram_node_new`
 *
 * @returns 0, or -ENOMEM: there is no VRAM, and nobody could be evicted
 */
export const svmRangeVramNodeNew = sleepable(
  'svm_range_vram_node_new',
  function* (m, gpu: Gpu, rangeId: number): Sleeps<number> {
    if (yield* svmRangeValidateSvmBo(m, gpu, rangeId)) return 0;
    const range: SvmRange = m.svmRanges.get(rangeId);
    const { mm } = m.kfdProcesses.get(range.process);
    const bo = yield* ttmBoInit(m, {
      gpu: gpu.id,
      name: '',
      kind: 'svm',
      mm,
      npages: range.last - range.start + 1,
      discardable: true,
      pin: false,
      maySpill: false,
    });
    if (bo < 0) {
      m.svmRanges.update(rangeId, { ttmRes: false });
      return bo;
    }
    const svmBo = m.svmBos.add((id): SvmBo => ({ id, bo, fence: 0, ranges: [rangeId], evicting: false }));
    const fence = m.fences.add((id): EvictionFence => ({ id, mm, svmBo, signaled: false, enabled: false }));
    m.svmBos.update(svmBo, { fence });
    m.ttmBos.update(bo, { fence });
    m.scalars.set(svmBoKrefRow(svmBo), 1);
    m.svmRanges.update(rangeId, { svmBo, ttmRes: true, offset: 0 });
    return 0;
  },
);
