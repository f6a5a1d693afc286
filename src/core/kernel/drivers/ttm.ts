// drivers/gpu/drm/ttm: buffer objects, where they are, and who has to go when VRAM is short. It knows nothing of page
// tables: a page of a process is to it a part of some object.

import type { BoKind, TtmBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EBUSY, ENOENT, ENOMEM, ENOSPC } from '../../uapi/errno.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, mutexLock } from '../sched/locks.ts';
import {
  deviceFuncs,
  evictSwapoutAllowable,
  resvName,
  type TtmOperationCtx,
  ttmBoWait,
  vramManager,
} from './ttm-device.ts';
import { ttmBoUnreserve } from './ttm-release.ts';
import { enterTt, ttmTtPopulate } from './ttm-swap.ts';
import { ttmTtUnpopulate } from './ttm-tt.ts';
import { vramMgrDel, vramMgrNew } from './ttm-vram.ts';

// --- eviction -------------------------------------------------------------------------------------------------------

/** The bytes are thrown away; the object stays. Kernel: `drivers/gpu/drm/ttm/ttm_bo_util.c: ttm_bo_pipeline_gutting` */
const ttmBoPipelineGutting = atomic('ttm_bo_pipeline_gutting', (m, id: number): void => {
  const bo = m.ttmBos.get(id);
  vramMgrDel(m, bo);
  m.ttmBos.update(id, { memType: 'system', blocks: [] });
  m.trace.decide('ttm.gutted', bo.npages, bo.gpu);
});

/**
 * The object goes to system memory: first there is memory for it, then its fence is waited for, then the bytes move.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_handle_move_mem`, `drivers/gpu/drm/amd/amdgpu/amdgpu_ttm.c: amdgpu_move_blit`
 */
function* moveToTt(m: Machine, id: number, ctx: TtmOperationCtx): Sleeps<number> {
  const populated = yield* ttmTtPopulate(m, id, ctx);
  if (populated !== 0) return populated;
  const ret = yield* ttmBoWait(m, m.ttmBos.get(id));
  if (ret !== 0) {
    yield* ttmTtUnpopulate(m, id);
    return ret;
  }
  const bo = m.ttmBos.get(id);
  yield* deviceFuncs(m, bo.gpu).boMove(m, bo, 'tt');
  vramMgrDel(m, bo);
  enterTt(m, id);
  m.trace.decide('ttm.moved-to-tt', bo.npages, bo.gpu);
  return 0;
}

const ttmBoEvict = sleepable('ttm_bo_evict', function* (m, bo: TtmBo, ctx: TtmOperationCtx): Sleeps<number> {
  if (deviceFuncs(m, bo.gpu).evictFlags(m, bo) === 'tt') return yield* moveToTt(m, bo.id, ctx);
  const ret = yield* ttmBoWait(m, bo);
  if (ret === 0) ttmBoPipelineGutting(m, bo.id);
  return ret;
});

/**
 * Takes away the first object that may go.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_mem_evict_first`
 * Simplified: one that all others have reserved is not waited for.
 *
 * @returns 0; -EBUSY nothing may go, or it did not go in time; -ENOMEM no system memory to move it to
 */
const ttmMemEvictFirst = sleepable(
  'ttm_mem_evict_first',
  function* (m, gpu: number, mm: number, ctx: TtmOperationCtx): Sleeps<number> {
    const lru = vramManager(m, gpu).lru.map((id) => m.ttmBos.get(id));
    const victim = deviceFuncs(m, gpu)
      .evictionOrder(m, lru)
      .find((bo) => evictSwapoutAllowable(m, bo, mm));
    if (victim === undefined) return -EBUSY;
    m.trace.decide('ttm.victim', victim.npages, gpu);
    m.mutexes.add(resvName(victim.id));
    const ret = yield* ttmBoEvict(m, victim, ctx);
    yield* ttmBoUnreserve(m, victim.id);
    return ret;
  },
);

const ttmBoMemForceSpace = sleepable(
  'ttm_bo_mem_force_space',
  function* (m, bo: TtmBo, ctx: TtmOperationCtx): Sleeps<number> {
    for (;;) {
      // its owner may have let go of it meanwhile
      if (m.ttmBos.get(bo.id).deleted) return -ENOENT;
      const ret = vramMgrNew(m, bo);
      if (ret !== -ENOSPC) return ret;
      const evicted = yield* ttmMemEvictFirst(m, bo.gpu, bo.mm, ctx);
      if (evicted !== 0) return evicted;
      yield* condResched(m, 'ttm_bo_mem_force_space');
    }
  },
);

/**
 * Finds memory for an object: free VRAM, or VRAM that others have. One of graphics then asks again, for VRAM that is
 * free or else for system memory.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_mem_space`, `drivers/gpu/drm/amd/amdgpu/amdgpu_gem.c: amdgpu_gem_create_ioctl`
 * Simplified: the object is not made anew for the second attempt; TTM_PL_TT has no limit of its own. Half of the
 * system memory, as in amdgpu_ttm_init, is TTM's limit for all devices together, too.
 */
const ttmBoMemSpace = sleepable(
  'ttm_bo_mem_space',
  function* (m, bo: TtmBo, maySpill: boolean, ctx: TtmOperationCtx): Sleeps<number> {
    const ret = yield* ttmBoMemForceSpace(m, bo, ctx);
    if (ret === 0) return 0;
    if (!maySpill) return ret === -EBUSY ? -ENOMEM : ret;
    if (vramMgrNew(m, bo) === 0) return 0;
    const populated = yield* ttmTtPopulate(m, bo.id, ctx);
    if (populated !== 0) return populated;
    enterTt(m, bo.id);
    m.trace.decide('ttm.spilled', bo.npages, bo.gpu);
    return 0;
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
      swapStorage: 0,
      deleted: false,
    }),
  );
  m.mutexes.add(resvName(id));
  // rather no object than a process killed for it
  const ret = yield* ttmBoMemSpace(m, m.ttmBos.get(id), maySpill, { mm, gfpRetryMayfail: true });
  yield* ttmBoUnreserve(m, id);
  if (ret === 0) return id;
  m.ttmBos.set(id, undefined);
  return ret;
});

/** What was swapped out comes back for the way to VRAM. Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_bounce_temp_buffer` */
function* bounceTempBuffer(m: Machine, id: number, ctx: TtmOperationCtx): Sleeps<number> {
  if (m.ttmBos.get(id).swapStorage === 0) return 0;
  const ret = yield* ttmTtPopulate(m, id, ctx);
  if (ret === 0) return 0;
  vramMgrDel(m, m.ttmBos.get(id));
  enterTt(m, id);
  m.ttmBos.update(id, { memType: 'system' });
  return ret;
}

/** An object goes back to VRAM; another one may have to leave for it. Returns 0 or -errno. */
function* validateInVram(m: Machine, id: number, ctx: TtmOperationCtx): Sleeps<number> {
  const space = yield* ttmBoMemForceSpace(m, m.ttmBos.get(id), ctx);
  const ret = space === 0 ? yield* bounceTempBuffer(m, id, ctx) : space;
  if (ret !== 0) return ret;
  const bo = m.ttmBos.get(id);
  if (bo.ttPages.length > 0) {
    yield* deviceFuncs(m, bo.gpu).boMove(m, bo, 'vram');
    yield* ttmTtUnpopulate(m, id);
    m.trace.decide('ttm.moved-to-vram', bo.npages, bo.gpu);
  }
  return 0;
}

/** An object is in system memory, with its bytes. Returns 0 or -errno. */
function* validateInTt(m: Machine, id: number, ctx: TtmOperationCtx): Sleeps<number> {
  if (m.ttmBos.get(id).memType === 'tt') return 0;
  const ret = yield* ttmTtPopulate(m, id, ctx);
  if (ret === 0) enterTt(m, id);
  return ret;
}

/**
 * An object is to have its bytes where the GPU can reach them. Sleeps: until nobody else has it reserved, and until
 * there is room.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_validate`
 *
 * @returns 0, also when it is there or has gone; -EBUSY, -ENOMEM
 */
export const ttmBoValidate = sleepable(
  'ttm_bo_validate',
  function* (m, id: number, place: 'vram' | 'tt', ctx: TtmOperationCtx): Sleeps<number> {
    yield* mutexLock(m, resvName(id));
    const bo = m.ttmBos.find(id);
    let ret = 0;
    if (bo !== undefined && bo.memType !== 'vram')
      ret = place === 'vram' ? yield* validateInVram(m, id, ctx) : yield* validateInTt(m, id, ctx);
    // one that is gone needs no place
    if (bo === undefined || m.ttmBos.get(id).deleted) ret = 0;
    yield* ttmBoUnreserve(m, id);
    return ret;
  },
);

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

/** Pages of an object, counted from its start, with which a block of VRAM begins. Ours: where amdgpu_res_next takes the next block. */
export const firstPagesOfBlocks = ({ blocks }: TtmBo): ReadonlySet<number> => {
  const firsts = new Set<number>();
  let before = 0;
  for (const { order } of blocks) {
    firsts.add(before);
    before += 2 ** order;
  }
  return firsts;
};
