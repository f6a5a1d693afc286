// drivers/gpu/drm/ttm: buffer objects, where they are, and who has to go when VRAM is short. It knows nothing of page
// tables: a page of a process is to it a part of some object.

import type { Block, BoKind, TtmBo, VramManager } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EBUSY, ENOENT, ENOMEM, ENOSPC } from '../../uapi/errno.ts';
import { __GFP_HIGHMEM, GFP_USER } from '../../uapi/gfp.ts';
import { NO_PFN } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, mutexLock, mutexUnlock } from '../sched/locks.ts';
import { allocPage, freePages } from '../mm/page-alloc.ts';
import { folioRefAdd, moveReference } from '../mm/page-ref.ts';
import { allocBlocks, freeBlock } from './ttm-buddy.ts';

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
  readonly move: (m: Machine, bo: TtmBo, to: 'tt' | 'vram') => void;
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

const deviceFuncs = (m: Machine, gpu: number): TtmDeviceFuncs => {
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

// --- resources ------------------------------------------------------------------------------------------------------

const blockPages = (blocks: readonly Block[]): number =>
  blocks.reduce((sum, { order }) => sum + 2 ** order, 0);

const vramMgrNew = atomic('amdgpu_vram_mgr_new', (m, bo: TtmBo): number => {
  const man = vramManager(m, bo.gpu);
  const funcs = deviceFuncs(m, bo.gpu);
  const { vramPages } = m.gpus.get(bo.gpu);
  // ttm_resource_init has counted the new one already
  const used = usedVramPages(m, bo.gpu) + bo.npages;
  const found =
    used > vramPages - funcs.reservedPages ? undefined : allocBlocks(man.free, bo.npages, funcs.minOrder);
  if (found === undefined) {
    m.trace.decide('ttm.no-space', bo.npages, bo.gpu);
    return -ENOSPC;
  }
  m.vramManagers.update(man.id, { free: found.free, lru: [...man.lru, bo.id] });
  const placed = m.ttmBos.update(bo.id, { memType: 'vram', blocks: found.blocks });
  m.trace.decide('ttm.allocated', bo.npages, bo.gpu);
  funcs.allocated(m, placed);
  return 0;
});

const vramMgrDel = atomic('amdgpu_vram_mgr_del', (m, bo: TtmBo): void => {
  const man = vramManager(m, bo.gpu);
  m.vramManagers.update(man.id, {
    free: bo.blocks.reduce(freeBlock, man.free),
    lru: man.lru.filter((id) => id !== bo.id),
  });
});

/** Pages of VRAM that objects have. Kernel: `drivers/gpu/drm/ttm/ttm_resource.c: ttm_resource_manager_usage` */
export const usedVramPages = (m: Machine, gpu: number): number =>
  m.ttmBos
    .values()
    .reduce((sum, bo) => sum + (bo.gpu === gpu && bo.memType === 'vram' ? blockPages(bo.blocks) : 0), 0);

/** System memory for an object's bytes. Kernel: `drivers/gpu/drm/ttm/ttm_pool.c: ttm_pool_alloc`. Simplified: page by page. */
const ttmTtPopulate = (m: Machine, npages: number): readonly Block[] | undefined => {
  const pages: Block[] = [];
  while (pages.length < npages) {
    const pfn = allocPage(m, GFP_USER | __GFP_HIGHMEM);
    if (pfn === NO_PFN) {
      freeTtPages(m, pages);
      return undefined;
    }
    moveReference(m, pfn, 'allocation', 'driver');
    pages.push({ start: pfn, order: 0 });
  }
  return pages;
};

const freeTtPages = (m: Machine, pages: readonly Block[]): void => {
  for (const { start, order } of pages) {
    folioRefAdd(m, start, -1, 'driver');
    freePages(m, start, order);
  }
};

// --- eviction -------------------------------------------------------------------------------------------------------

/** TTM gives up after 15 seconds. Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_wait` */
const ttmBoWait = sleepable('ttm_bo_wait', function* (m, bo: TtmBo): Sleeps<number> {
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

/** The bytes are thrown away; the object stays. Kernel: `drivers/gpu/drm/ttm/ttm_bo_util.c: ttm_bo_pipeline_gutting` */
const ttmBoPipelineGutting = atomic('ttm_bo_pipeline_gutting', (m, id: number): void => {
  const bo = m.ttmBos.get(id);
  vramMgrDel(m, bo);
  m.ttmBos.update(id, { memType: 'system', blocks: [] });
  m.trace.decide('ttm.gutted', bo.npages, bo.gpu);
});

const moveToTt = (m: Machine, bo: TtmBo): number => {
  const ttPages = ttmTtPopulate(m, bo.npages);
  if (ttPages === undefined) return -ENOMEM;
  m.ttmBos.update(bo.id, { ttPages });
  deviceFuncs(m, bo.gpu).move(m, m.ttmBos.get(bo.id), 'tt');
  vramMgrDel(m, bo);
  m.ttmBos.update(bo.id, { memType: 'tt', blocks: [] });
  m.trace.decide('ttm.moved-to-tt', bo.npages, bo.gpu);
  return 0;
};

const ttmBoEvict = sleepable('ttm_bo_evict', function* (m, bo: TtmBo): Sleeps<number> {
  const where = deviceFuncs(m, bo.gpu).evictFlags(m, bo);
  const ret = yield* ttmBoWait(m, bo);
  if (ret !== 0) return ret;
  // its owner may have let go of it meanwhile
  if (m.ttmBos.find(bo.id)?.memType !== 'vram') return 0;
  if (where === 'tt') return moveToTt(m, m.ttmBos.get(bo.id));
  ttmBoPipelineGutting(m, bo.id);
  return 0;
});

/** Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_evict_swapout_allowable` */
const evictAllowable = (m: Machine, bo: TtmBo, mm: number): boolean => {
  if (bo.pinCount > 0) {
    m.trace.decide('ttm.skipped-pinned', bo.npages, bo.gpu);
    return false;
  }
  if (m.mutexes.has(resvName(bo.id))) return false;
  return deviceFuncs(m, bo.gpu).evictionValuable(m, bo, mm);
};

const resvName = (bo: number): string => `resv ${bo}`;

/**
 * Takes away the first object that may go.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_mem_evict_first`
 *
 * @returns 0; -EBUSY nothing may go, or it did not go in time; -ENOMEM no system memory to move it to
 */
const ttmMemEvictFirst = sleepable(
  'ttm_mem_evict_first',
  function* (m, gpu: number, mm: number): Sleeps<number> {
    const lru = vramManager(m, gpu).lru.map((id) => m.ttmBos.get(id));
    const victim = deviceFuncs(m, gpu)
      .evictionOrder(m, lru)
      .find((bo) => evictAllowable(m, bo, mm));
    if (victim === undefined) return -EBUSY;
    m.trace.decide('ttm.victim', victim.npages, gpu);
    m.mutexes.add(resvName(victim.id));
    const ret = yield* ttmBoEvict(m, victim);
    m.mutexes.delete(resvName(victim.id));
    if (ret !== 0 && m.ttmBos.find(victim.id)?.memType === 'vram') moveToLruTail(m, victim.id);
    return ret;
  },
);

/** Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_move_to_lru_tail` */
const moveToLruTail = (m: Machine, id: number): void => {
  const man = vramManager(m, m.ttmBos.get(id).gpu);
  m.vramManagers.update(man.id, { lru: [...man.lru.filter((other) => other !== id), id] });
};

const ttmBoMemForceSpace = sleepable('ttm_bo_mem_force_space', function* (m, bo: TtmBo): Sleeps<number> {
  for (;;) {
    // its owner may have let go of it meanwhile
    if (m.ttmBos.find(bo.id) === undefined) return -ENOENT;
    const ret = vramMgrNew(m, bo);
    if (ret !== -ENOSPC) return ret;
    const evicted = yield* ttmMemEvictFirst(m, bo.gpu, bo.mm);
    if (evicted !== 0) return evicted;
    yield* condResched(m, 'ttm_bo_mem_force_space');
  }
});

/**
 * Finds memory for an object: free VRAM, VRAM that others have, or system memory where the object may be there.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_mem_space`
 */
const ttmBoMemSpace = sleepable(
  'ttm_bo_mem_space',
  function* (m, bo: TtmBo, maySpill: boolean): Sleeps<number> {
    const ret = yield* ttmBoMemForceSpace(m, bo);
    if (ret === 0) return 0;
    if (ret === -EBUSY && maySpill) {
      const ttPages = ttmTtPopulate(m, bo.npages);
      if (ttPages !== undefined) {
        m.ttmBos.update(bo.id, { memType: 'tt', ttPages });
        m.trace.decide('ttm.spilled', bo.npages, bo.gpu);
        return 0;
      }
    }
    return -ENOMEM;
  },
);

// --- objects --------------------------------------------------------------------------------------------------------

export interface BoRequest {
  readonly gpu: number;
  readonly name: string;
  readonly kind: BoKind;
  readonly mm: number;
  readonly npages: number;
  readonly discardable: boolean;
  readonly pin: boolean;
  /** Whether it may lie in system memory where there is no VRAM. */
  readonly maySpill: boolean;
}

/**
 * Makes a buffer object and finds it a place.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_init_reserved, ttm_bo_validate`
 *
 * @returns its id, or -ENOMEM
 */
export const ttmBoInit = sleepable('ttm_bo_validate', function* (m, request: BoRequest): Sleeps<number> {
  const { gpu, name, kind, mm, npages, discardable, pin, maySpill } = request;
  const id = m.ttmBos.add(
    (boId): TtmBo => ({
      id: boId,
      gpu,
      name,
      kind,
      mm,
      npages,
      memType: 'system',
      blocks: [],
      ttPages: [],
      discardable,
      pinCount: pin ? 1 : 0,
      fence: 0,
    }),
  );
  m.mutexes.add(resvName(id));
  const ret = yield* ttmBoMemSpace(m, m.ttmBos.get(id), maySpill);
  m.mutexes.delete(resvName(id));
  if (ret === 0) return id;
  m.ttmBos.set(id, undefined);
  return ret;
});

/**
 * An object goes back to VRAM. Sleeps: until nobody else has it reserved, and until there is room.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_validate`
 *
 * @returns 0, also when it is there or has gone; -EBUSY, -ENOMEM
 */
export const ttmBoMoveToVram = sleepable('ttm_bo_validate', function* (m, id: number): Sleeps<number> {
  const name = resvName(id);
  yield* mutexLock(m, name);
  const bo = m.ttmBos.find(id);
  let ret = bo === undefined || bo.memType === 'vram' ? 0 : yield* ttmBoMemForceSpace(m, bo);
  const moved = m.ttmBos.find(id);
  if (moved === undefined) ret = 0;
  else if (ret === 0 && moved.ttPages.length > 0) {
    deviceFuncs(m, moved.gpu).move(m, moved, 'vram');
    freeTtPages(m, moved.ttPages);
    m.ttmBos.update(id, { ttPages: [] });
    m.trace.decide('ttm.moved-to-vram', moved.npages, moved.gpu);
  }
  mutexUnlock(m, name);
  return ret;
});

/** The last reference is gone. Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_put` */
export const ttmBoPut = atomic('ttm_bo_put', (m, id: number): void => {
  const bo = m.ttmBos.get(id);
  if (bo.memType === 'vram') vramMgrDel(m, bo);
  freeTtPages(m, bo.ttPages);
  m.ttmBos.set(id, undefined);
  m.trace.decide('ttm.freed', bo.npages, bo.gpu);
});

/** Page of VRAM, counted from its start, that is page `index` of an object. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_res_cursor.h: amdgpu_res_next` */
export const boVramPage = (bo: TtmBo, index: number): number => {
  let before = 0;
  for (const { start, order } of bo.blocks) {
    if (index < before + 2 ** order) return start + index - before;
    before += 2 ** order;
  }
  bugOn(true, 'amdgpu_res_next: behind the end of the buffer object');
  return -1;
};
