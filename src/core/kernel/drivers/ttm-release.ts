// ttm_bo.c: the end of a buffer object. One that somebody has reserved just now goes when it is let go of.

import type { TtmBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { resvName, vramManager } from './ttm-device.ts';
import { fputSwapStorage, ttmTtUnpopulate } from './ttm-tt.ts';
import { atLruTail, vramMgrDel } from './ttm-vram.ts';

/** Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_cleanup_memtype_use` */
function* cleanupMemtypeUse(m: Machine, id: number): Sleeps<void> {
  const bo = m.ttmBos.get(id);
  if (bo.memType === 'vram') vramMgrDel(m, bo);
  yield* ttmTtUnpopulate(m, id);
  yield* fputSwapStorage(m, id);
  leaveTtLru(m, id);
  m.ttmBos.set(id, undefined);
  m.trace.decide('ttm.freed', bo.npages, bo.gpu);
}

/** The object is not in system memory any more. Ours: ttm_resource_free of a resource of TTM_PL_TT or TTM_PL_SYSTEM. */
export const leaveTtLru = (m: Machine, id: number): void => {
  const man = vramManager(m, m.ttmBos.get(id).gpu);
  if (man.ttLru.includes(id))
    m.vramManagers.update(man.id, { ttLru: man.ttLru.filter((other) => other !== id) });
};

/** The last reference is gone. Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_put, ttm_bo_release` */
export const ttmBoPut = sleepable('ttm_bo_put', function* (m, id: number): Sleeps<void> {
  // it stays on its list for those who look for something to evict, and goes when it is not reserved any more
  if (m.mutexes.has(resvName(id))) m.ttmBos.update(id, { deleted: true, name: '' });
  else yield* cleanupMemtypeUse(m, id);
});

/** Kernel: `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_move_to_lru_tail` */
const moveToLruTail = (m: Machine, { id, gpu, memType }: TtmBo): void => {
  const man = vramManager(m, gpu);
  const { lru, ttLru } = man;
  if (memType === 'vram' && atLruTail(m, lru, id).at(lru.indexOf(id)) !== id)
    m.vramManagers.update(man.id, { lru: atLruTail(m, lru, id) });
  else if (memType === 'tt' && ttLru.at(-1) !== id)
    m.vramManagers.update(man.id, { ttLru: [...ttLru.filter((other) => other !== id), id] });
};

/**
 * Lets go of an object that was used, looked at or could not be evicted: it is the one that goes last now.
 *
 * Kernel: `include/drm/ttm/ttm_bo_driver.h: ttm_bo_unreserve`
 */
export function* ttmBoUnreserve(m: Machine, id: number): Sleeps<void> {
  const bo = m.ttmBos.find(id);
  if (bo?.deleted === false) moveToLruTail(m, bo);
  yield* dmaResvUnlock(m, id);
}

/**
 * Others may reserve an object; one whose last reference went meanwhile goes now.
 *
 * Kernel: `include/linux/dma-resv.h: dma_resv_unlock`, `drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_delayed_delete`
 */
export function* dmaResvUnlock(m: Machine, id: number): Sleeps<void> {
  m.mutexes.delete(resvName(id));
  if (m.ttmBos.find(id)?.deleted === true) yield* cleanupMemtypeUse(m, id);
}
