// ttm_device.c, ttm_bo.c: when all objects together would have more than half of the system memory, the one that came
// first gives its pages up. Where none can, TTM goes beyond its limit.

import type { TtmBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EBUSY, ENOMEM, ENOSPC } from '../../uapi/errno.ts';
import { sleepable } from '../sched/kernel-function.ts';
import {
  evictSwapoutAllowable,
  resvName,
  type TtmOperationCtx,
  ttmBoWait,
  vramManager,
} from './ttm-device.ts';
import { dmaResvUnlock } from './ttm-release.ts';
import {
  addTtmPages,
  ttmPagesAllocated,
  ttmPagesLimit,
  ttmPoolAlloc,
  ttmTtSwapin,
  ttmTtSwapout,
} from './ttm-tt.ts';

const ttmBoSwapout = sleepable('ttm_bo_swapout', function* (m, { id }: TtmBo): Sleeps<number> {
  m.mutexes.add(resvName(id));
  m.ttmBos.update(id, { memType: 'system' });
  let ret = yield* ttmBoWait(m, m.ttmBos.get(id));
  if (ret === 0) ret = yield* ttmTtSwapout(m, id);
  // not to the end of a list: it has nothing to give any more
  yield* dmaResvUnlock(m, id);
  return ret === -EBUSY ? -ENOSPC : ret;
});

const canSwapout = (m: Machine, bo: TtmBo | undefined, mm: number): bo is TtmBo =>
  bo !== undefined && bo.ttPages.length > 0 && bo.swapStorage === 0 && evictSwapoutAllowable(m, bo, mm);

/**
 * The first object that can gives its pages up.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_device.c: ttm_global_swapout`
 * Simplified: devices in their order, not the one that gave something last at the end.
 *
 * @returns pages; 0 there is none; -ENOMEM no memory for the file that takes the bytes; -ENOSPC it was busy for too long
 */
const ttmGlobalSwapout = sleepable('ttm_global_swapout', function* (m, mm: number): Sleeps<number> {
  for (const { ttLru } of m.vramManagers.values())
    for (const id of ttLru) {
      const bo = m.ttmBos.find(id);
      if (!canSwapout(m, bo, mm)) continue;
      const ret = yield* ttmBoSwapout(m, bo);
      return ret === 0 ? bo.npages : ret;
    }
  return 0;
});

/**
 * System memory for an object that is reserved; bytes that were swapped out come back.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_tt.c: ttm_tt_populate`
 *
 * @returns 0; -ENOMEM there is no memory, for it or for what should make room for it
 */
export const ttmTtPopulate = sleepable(
  'ttm_tt_populate',
  function* (m, id: number, ctx: TtmOperationCtx): Sleeps<number> {
    const { npages, ttPages, swapStorage, gpu } = m.ttmBos.get(id);
    if (ttPages.length > 0) return 0;
    addTtmPages(m, npages);
    while (ttmPagesAllocated(m) > ttmPagesLimit(m)) {
      m.trace.decide('ttm.over-limit', npages, gpu);
      const swapped = yield* ttmGlobalSwapout(m, ctx.mm);
      if (swapped === 0) break;
      if (swapped > 0) continue;
      addTtmPages(m, -npages);
      return swapped;
    }
    const pages = yield* ttmPoolAlloc(m, npages, ctx);
    if (pages === undefined) {
      addTtmPages(m, -npages);
      return -ENOMEM;
    }
    m.ttmBos.update(id, { ttPages: pages });
    if (swapStorage !== 0) yield* ttmTtSwapin(m, id);
    return 0;
  },
);

/** The object's place is system memory from now on; it has its pages there. Ours: ttm_resource_alloc of TTM_PL_TT. */
export const enterTt = (m: Machine, id: number): void => {
  const man = vramManager(m, m.ttmBos.get(id).gpu);
  m.vramManagers.update(man.id, { ttLru: [...man.ttLru.filter((other) => other !== id), id] });
  m.ttmBos.update(id, { memType: 'tt', blocks: [] });
};
