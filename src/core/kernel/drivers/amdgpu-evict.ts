// Somebody needs VRAM: TTM waits for a fence, the fence wakes a kernel thread, and the thread brings the pages home.

import { SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import type { TtmBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { needsBigStepForObject, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import {
  letGoMidway,
  mmapReadLock,
  mmapReadUnlock,
  mutexLock,
  mutexUnlock,
  scheduleWork,
} from '../sched/locks.ts';
import { MIGRATE_TRIGGERS } from '../../uapi/smi-events.ts';
import { NO_PFN, type Pfn } from '../../uapi/units.ts';
import { copyHighpage, isZoneDevicePage } from '../mm/page-ref.ts';
import { inChunks, unfollowed } from '../mm/plain-pages.ts';
import { signalFence, svmBoKref, svmBoRef, svmRangeBoUnref } from './amdgpu-bo.ts';
import { svmMigrateVramToRam } from './amdgpu-migrate.ts';
import { scheduleEvictAndRestoreProcess } from './amdgpu-kfd-evict.ts';
import { kfdLookupProcessByMm, migrateMutex } from './amdgpu-process.ts';
import type { TtmDeviceFuncs } from './ttm-device.ts';

const TTM_EVICTION = MIGRATE_TRIGGERS.indexOf('TTM_EVICTION');

/** Brings one range home, in up to three attempts. */
function* evictRange(m: Machine, rangeId: number, mm: number): Sleeps<number> {
  yield* mutexLock(m, migrateMutex(rangeId));
  let ret = 0;
  for (let retries = 3; retries > 0 && ret === 0; retries--) {
    if (m.svmRanges.find(rangeId) === undefined) break;
    ret = yield* svmMigrateVramToRam(m, rangeId, TTM_EVICTION, mm, NO_PFN);
    if (m.svmRanges.get(rangeId).actualLoc === 0) break;
  }
  const range = m.svmRanges.find(rangeId);
  if (ret === 0 && range !== undefined && range.actualLoc !== 0) warn(m, 'svm.eviction-failed', range.start);
  if (range?.actualLoc === 0) m.svmRanges.update(rangeId, { svmBo: 0 });
  mutexUnlock(m, migrateMutex(rangeId));
  return ret;
}

/**
 * Whether the fence may be signalled. The kernel does it always, also when pages were left behind. In the world
 * `intent` of longtermPolicy VRAM that is in use is not given away.
 */
const mayGiveAway = (m: Machine, svmBo: number): boolean => {
  if (m.kernel.longtermPolicy !== 'intent') return true;
  // beside the worker's own: pages, and ranges that are not home
  const others = svmBoKref(m, svmBo) - 1;
  const ranges = m.svmRanges.values().filter((range) => range.svmBo === svmBo && range.ttmRes).length;
  if (others > 0) m.trace.decide('svm.vram-in-use', others - ranges);
  return others === 0;
};

const svmRangeEvictSvmBoWorker = sleepable(
  'svm_range_evict_svm_bo_worker',
  function* (m, svmBo: number): Sleeps<void> {
    const { fence } = m.svmBos.get(svmBo);
    const { mm } = m.fences.get(fence);
    if (!m.mms.get(mm).alive) {
      svmRangeBoUnref(m, svmBo);
      return;
    }
    yield* mmapReadLock(m, mm);
    let ret = 0;
    const stayed: number[] = [];
    for (;;) {
      const [rangeId, ...rest] = m.svmBos.get(svmBo).ranges;
      if (rangeId === undefined || ret !== 0) break;
      m.svmBos.update(svmBo, { ranges: rest });
      ret = yield* evictRange(m, rangeId, mm);
      if (m.svmRanges.find(rangeId)?.svmBo === svmBo) stayed.push(rangeId);
    }
    mmapReadUnlock(m, mm);
    if (mayGiveAway(m, svmBo)) {
      signalFence(m, fence);
      if (ret === 0 && svmBoKref(m, svmBo) !== 1) warn(m, 'svm.not-last-reference', svmBoKref(m, svmBo) - 1);
    } else {
      // the object stays as it was, and can be asked for again
      m.fences.update(fence, { enabled: false });
      m.svmBos.update(svmBo, { ranges: [...stayed, ...m.svmBos.get(svmBo).ranges], evicting: false });
    }
    svmRangeBoUnref(m, svmBo);
  },
);

const svmRangeScheduleEvictSvmBo = atomic('svm_range_schedule_evict_svm_bo', (m, svmBo: number): void => {
  if (svmBoKref(m, svmBo) === 0) return;
  svmBoRef(m, svmBo);
  m.svmBos.update(svmBo, { evicting: true });
  scheduleWork(m, function* () {
    yield* svmRangeEvictSvmBoWorker(m, svmBo);
  });
});

/**
 * Somebody waits for a fence. That of a range's buffer object wakes the thread that empties it; that of a process stops
 * all its queues, and then its objects may go.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_fence.c: amdkfd_fence_enable_signaling`
 */
const amdkfdFenceEnableSignaling = atomic('amdkfd_fence_enable_signaling', (m, fence: number): void => {
  const { signaled, enabled, svmBo, mm } = m.fences.get(fence);
  if (signaled || enabled) return;
  m.fences.update(fence, { enabled: true });
  if (svmBo !== 0) {
    svmRangeScheduleEvictSvmBo(m, svmBo);
    return;
  }
  const process = kfdLookupProcessByMm(m, mm);
  // without it the process ends, which signals the fence
  if (process !== undefined) scheduleEvictAndRestoreProcess(m, process.id);
});

/** A process needs all its compute objects to run, so it may not evict its own; ranges may over-commit VRAM. */
const amdgpuTtmBoEvictionValuable = atomic(
  'amdgpu_ttm_bo_eviction_valuable',
  (_m, { kind, mm: owner }: TtmBo, mm: number): boolean => !(kind === 'kfd' && owner === mm),
);

const amdgpuEvictFlags = atomic('amdgpu_evict_flags', (_m, { discardable }: TtmBo) =>
  discardable ? ('discard' as const) : ('tt' as const),
);

/** The DMA engine copies an object's bytes. */
const amdgpuBoMove = sleepable(
  'amdgpu_bo_move',
  function* (m, { gpu, blocks, ttPages }: TtmBo, to: 'tt' | 'vram'): Sleeps<void> {
    const { vramStart } = m.gpus.get(gpu);
    let done = 0;
    for (const { start, order } of blocks) {
      const n = Math.min(2 ** order, ttPages.length - done);
      for (let i = 0; i < n; i++) {
        const [vram, system] = [vramStart + start + i, ttPages[done + i]];
        if (to === 'tt') copyHighpage(m, system, vram);
        else copyHighpage(m, vram, system);
        yield* letGoMidway(m, 'amdgpu_bo_move', i);
      }
      done += n;
    }
  },
);

/** Clears neighbouring pages of VRAM. */
const clearFree = (m: Machine, first: Pfn, n: number): void => {
  const { content } = m.pages;
  if (inChunks(m) && unfollowed(m, n, (numbers, i) => numbers.has(first + i)) === n) {
    content.writeLine(first, n, 0, 0);
    return;
  }
  for (let pfn = first; pfn < first + n; pfn++) if (content.get(pfn) !== 0) content.set(pfn, 0);
};

/** VRAM that a page of a process still is, though somebody else has got it now. */
const noteAliases = (m: Machine, bo: TtmBo): void => {
  const { vramStart } = m.gpus.get(bo.gpu);
  const { refcount, content } = m.pages;
  for (const { start, order } of bo.blocks) {
    const end = vramStart + start + 2 ** order;
    for (let pfn = vramStart + start; pfn < end; ) {
      const n = Math.min(end - pfn, SECTION_ROWS - (pfn & SECTION_MASK));
      if (!refcount.isConstant(pfn, n, 0))
        for (let at = pfn; at < pfn + n; at++)
          if (refcount.get(at) > 0 && isZoneDevicePage(m, at)) m.trace.decide('ttm.aliased', at, bo.gpu);
      // AMDGPU_GEM_CREATE_VRAM_CLEARED
      if (!content.isConstant(pfn, n, 0)) {
        needsBigStepForObject(m, bo.npages);
        clearFree(m, pfn, n);
      }
      pfn += n;
    }
  }
};

/** What TTM asks the driver. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_ttm.c: amdgpu_bo_driver` */
export const amdgpuBoDriver: Pick<
  TtmDeviceFuncs,
  'evictionValuable' | 'evictFlags' | 'enableSignaling' | 'boMove' | 'allocated'
> = {
  evictionValuable: amdgpuTtmBoEvictionValuable,
  evictFlags: amdgpuEvictFlags,
  enableSignaling: amdkfdFenceEnableSignaling,
  boMove: amdgpuBoMove,
  allocated: noteAliases,
};
