// drivers/gpu/drm/ttm: what all parts of TTM share. The devices and what their drivers decide, the reservation of a
// buffer object, and the wait for its fence.

import type { TtmBo, VramManager } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EBUSY } from '../../uapi/errno.ts';
import { sleepable } from '../sched/kernel-function.ts';

/** struct ttm_device_funcs: what the driver of the device decides. */
export interface TtmDeviceFuncs {
  /** Whether this object may be taken away for the one who asks. */
  readonly evictionValuable: (m: Machine, bo: TtmBo, mm: number) => boolean;
  /** Where it goes: its bytes are thrown away, or kept in system memory. */
  readonly evictFlags: (m: Machine, bo: TtmBo) => 'discard' | 'tt';
  /** Objects in the order in which they are tried. */
  readonly evictionOrder: (m: Machine, lru: readonly TtmBo[]) => readonly TtmBo[];
  /** Tells who owns a fence that somebody waits for it. */
  readonly enableSignaling: (m: Machine, fence: number) => void;
  /** An object's bytes go from the one place to the other; it has both. */
  readonly boMove: (m: Machine, bo: TtmBo, to: 'tt' | 'vram') => Sleeps<void>;
  /** The object's part of VRAM is its own from now on. */
  readonly allocated: (m: Machine, bo: TtmBo) => void;
  /** VRAM that is not for objects, in pages. */
  readonly reservedPages: number;
  /** Blocks are not smaller than this where the object is not. */
  readonly minOrder: number;
}

/** Callbacks by GPU; fixed once its driver has started. */
const funcsOf = new WeakMap<Machine, Map<number, TtmDeviceFuncs>>();

/** Kernel: `drivers/gpu/drm/ttm/ttm_device.c: ttm_device_init` */
export const ttmDeviceInit = (m: Machine, gpu: number, funcs: TtmDeviceFuncs): void => {
  const known = funcsOf.get(m) ?? new Map<number, TtmDeviceFuncs>();
  known.set(gpu, funcs);
  funcsOf.set(m, known);
};

/** Ours: a machine that stands where another one stood has the same devices. */
export const ttmAdopt = (m: Machine, from: Machine): void => {
  funcsOf.set(m, new Map(funcsOf.get(from)));
};

/** Ours: the callbacks of a device. */
export const deviceFuncs = (m: Machine, gpu: number): TtmDeviceFuncs => {
  const funcs = funcsOf.get(m)?.get(gpu);
  if (funcs === undefined) throw new Error(`GPU ${gpu} has no memory manager`);
  return funcs;
};

/** Kernel: `drivers/gpu/drm/ttm/ttm_device.h: ttm_manager_type` */
export const vramManager = (m: Machine, gpu: number): VramManager => {
  const man = m.vramManagers.values().find((candidate) => candidate.gpu === gpu);
  if (man === undefined) throw new Error(`GPU ${gpu} has no VRAM manager`);
  return man;
};

/** struct ttm_operation_ctx: how an operation on buffer objects may go about it. */
export interface TtmOperationCtx {
  /** Process whose operation it is; 0: a kernel thread's own. */
  readonly mm: number;
  /** Rather fail than let a process be killed for system memory. */
  readonly gfpRetryMayfail: boolean;
}

/** Ours: the name of the mutex in an object's dma_resv. */
export const resvName = (bo: number): string => `resv ${bo}`;

/** TTM gives up after 15 seconds. Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_wait` */
export const ttmBoWait = sleepable('ttm_bo_wait', function* (m, bo: TtmBo): Sleeps<number> {
  const signaled = (): boolean => bo.fence === 0 || m.fences.find(bo.fence)?.signaled !== false;
  if (signaled()) return 0;
  m.trace.decide('ttm.waits-for-fence', bo.npages, bo.gpu);
  deviceFuncs(m, bo.gpu).enableSignaling(m, bo.fence);
  let expired = false;
  const free = (): boolean => signaled() || expired;
  const expire = (): void => {
    expired = true;
  };
  while (!free()) yield { kind: 'fence', free, expire };
  if (signaled()) return 0;
  m.trace.decide('ttm.timed-out', bo.npages, bo.gpu);
  return -EBUSY;
});

/**
 * Whether an object may be taken away for somebody now.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_evict_swapout_allowable`
 */
export const evictSwapoutAllowable = (m: Machine, bo: TtmBo, mm: number): boolean => {
  if (bo.pinCount > 0) {
    m.trace.decide('ttm.skipped-pinned', bo.npages, bo.gpu);
    return false;
  }
  if (m.mutexes.has(resvName(bo.id))) return false;
  return deviceFuncs(m, bo.gpu).evictionValuable(m, bo, mm);
};
