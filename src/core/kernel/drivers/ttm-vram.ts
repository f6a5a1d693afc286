// amdgpu_vram_mgr.c, ttm_resource.c: VRAM as a resource that buffer objects get pieces of, and the lists by which they
// lose them again.

import type { Block, TtmBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import { ENOSPC } from '../../uapi/errno.ts';
import { atomic } from '../sched/kernel-function.ts';
import { allocBlocks, freeBlock } from './ttm-buddy.ts';
import { deviceFuncs, vramManager } from './ttm-device.ts';

const blockPages = (blocks: readonly Block[]): number =>
  blocks.reduce((sum, { order }) => sum + 2 ** order, 0);

/** Pages of VRAM that objects have. Kernel: `drivers/gpu/drm/ttm/ttm_resource.c: ttm_resource_manager_usage` */
export const usedVramPages = (m: Machine, gpu: number): number =>
  m.ttmBos
    .values()
    .reduce((sum, bo) => sum + (bo.gpu === gpu && bo.memType === 'vram' ? blockPages(bo.blocks) : 0), 0);

/** Objects whose bytes need not be kept go first. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_object.c: amdgpu_bo_create` */
const priority = ({ discardable }: TtmBo): number => (discardable ? 0 : 1);

/**
 * An object is the one used last of those of its priority; the lists of the priorities stand one behind the other.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_resource.c: ttm_resource_move_to_lru_tail, ttm_resource_manager_first`
 */
export const atLruTail = (m: Machine, lru: readonly number[], id: number): readonly number[] => {
  const others = lru.filter((other) => other !== id);
  const mine = priority(m.ttmBos.get(id));
  const behind = others.findIndex((other) => priority(m.ttmBos.get(other)) > mine);
  return behind < 0 ? [...others, id] : others.toSpliced(behind, 0, id);
};

/** An object gets VRAM, or -ENOSPC. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_vram_mgr.c: amdgpu_vram_mgr_new` */
export const vramMgrNew = atomic('amdgpu_vram_mgr_new', (m, bo: TtmBo): number => {
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
  const ttLru = man.ttLru.filter((id) => id !== bo.id);
  m.vramManagers.update(man.id, { free: found.free, lru: atLruTail(m, man.lru, bo.id), ttLru });
  const placed = m.ttmBos.update(bo.id, { memType: 'vram', blocks: found.blocks });
  m.trace.decide('ttm.allocated', bo.npages, bo.gpu);
  funcs.allocated(m, placed);
  return 0;
});

/** Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_vram_mgr.c: amdgpu_vram_mgr_del` */
export const vramMgrDel = atomic('amdgpu_vram_mgr_del', (m, bo: TtmBo): void => {
  const man = vramManager(m, bo.gpu);
  m.vramManagers.update(man.id, {
    free: bo.blocks.reduce(freeBlock, man.free),
    lru: man.lru.filter((id) => id !== bo.id),
  });
});
