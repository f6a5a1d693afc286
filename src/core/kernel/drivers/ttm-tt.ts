// ttm_pool.c, ttm_tt.c: system memory for the bytes of buffer objects. All of it together should stay below half of the
// machine's memory; a file of shared memory takes the bytes of objects that have to give theirs up.

import type { Machine } from '../../machine/machine.ts';
import { TTM_PAGES_ALLOCATED } from '../../machine/scalars.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { __GFP_RETRY_MAYFAIL, GFP_HIGHUSER, GFP_KERNEL } from '../../uapi/gfp.ts';
import { NO_PFN, type Pfns, PTRS_PER_TABLE } from '../../uapi/units.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { needsBigStepForObject } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGo, letGoMidway } from '../sched/locks.ts';
import { allocPagesBulk, freePagesBulk } from '../mm/buddy-bulk.ts';
import { allocPageMaySleep, freePages } from '../mm/page-alloc.ts';
import { copyHighpage, folioRefAdd, moveReference } from '../mm/page-ref.ts';
import { changeAlike, holdPages, inChunks, inOneRange, unfollowed } from '../mm/plain-pages.ts';
import { newShmem, shmemEvictInode, shmemReadMappingPage } from '../mm/shmem.ts';
import { folioMarkAccessed, putPage, setPageDirty } from '../mm/swap.ts';
import { filemapGetFolio } from '../mm/filemap.ts';
import type { TtmOperationCtx } from './ttm-device.ts';

/** Half of the system memory, or what ttm.pages_limit says. Kernel: `drivers/gpu/drm/ttm/ttm_device.c: ttm_global_init`, `ttm_tt.c: ttm_tt_mgr_init` */
export const ttmPagesLimit = (m: Machine): number =>
  m.config.gpu?.pagesLimit ??
  Math.floor(m.zones.reduce((sum, { managedPages }) => sum + managedPages, 0) / 2);

/** Pages that objects have, and those that they are about to get. Ours: the kernel's atomic counter of this name. */
export const ttmPagesAllocated = (m: Machine): number => m.scalars.get(TTM_PAGES_ALLOCATED);

/** Ours: atomic_long_add on ttm_pages_allocated. */
export const addTtmPages = (m: Machine, by: number): void => {
  m.scalars.set(TTM_PAGES_ALLOCATED, ttmPagesAllocated(m) + by);
};

const frames = new Float64Array(PTRS_PER_TABLE);

/** The next pages for an object in a big step, as so many single requests would get them. Returns how many; 0: ask for one. */
const takeMany = (m: Machine, gfp: number, pages: Float64Array, got: number): number => {
  if (!inChunks(m)) return 0;
  const n = allocPagesBulk(m, gfp, Math.min(pages.length - got, PTRS_PER_TABLE), frames);
  holdPages(m, frames, n, 'driver', 1);
  pages.set(frames.subarray(0, n), got);
  return n;
};

/** Gives the pages of an object from one on back in a big step. Returns how many; 0: the next one by itself. */
const giveMany = (m: Machine, pages: Pfns, from: number): number => {
  if (!inChunks(m)) return 0;
  const { refcount, mapping, lruNext } = m.pages;
  let most = 0;
  for (; most < PTRS_PER_TABLE && from + most < pages.length; most++) {
    const pfn = pages[from + most];
    if (refcount.get(pfn) !== 1 || mapping.get(pfn) !== 0 || lruNext.get(pfn) !== 0) break;
    frames[most] = pfn;
  }
  const n = inOneRange(
    m,
    frames,
    unfollowed(m, most, (numbers, i) => numbers.has(frames[i])),
  );
  if (most === 0 || n === 0) return 0;
  changeAlike(refcount, frames, n, () => 0);
  holdPages(m, frames, n, 'driver', -1);
  freePagesBulk(m, frames, n);
  return n;
};

/**
 * Pages for the bytes of an object.
 *
 * Kernel: `drivers/gpu/drm/ttm/ttm_pool.c: ttm_pool_alloc`
 * Simplified: page by page, and no pages are kept for the next one.
 *
 * @returns undefined: there is not enough memory
 */
export function* ttmPoolAlloc(
  m: Machine,
  npages: number,
  { gfpRetryMayfail }: TtmOperationCtx,
): Sleeps<Pfns | undefined> {
  needsBigStepForObject(m, npages);
  const pages = new Float64Array(npages);
  let got = 0;
  const gfp = gfpRetryMayfail ? GFP_HIGHUSER | __GFP_RETRY_MAYFAIL : GFP_HIGHUSER;
  while (got < npages) {
    const many = takeMany(m, gfp, pages, got);
    if (many > 0) {
      got += many;
      yield* letGo(m, 'ttm_tt_populate', many);
      continue;
    }
    const pfn = yield* allocPageMaySleep(m, gfp);
    if (pfn === NO_PFN) {
      yield* ttmPoolFree(m, pages.subarray(0, got));
      return undefined;
    }
    moveReference(m, pfn, 'allocation', 'driver');
    pages[got++] = pfn;
    yield* letGoMidway(m, 'ttm_tt_populate', got);
  }
  return pages;
}

/** Kernel: `drivers/gpu/drm/ttm/ttm_pool.c: ttm_pool_free` */
function* ttmPoolFree(m: Machine, pages: Pfns): Sleeps<void> {
  for (let at = 0; at < pages.length; ) {
    const many = giveMany(m, pages, at);
    if (many === 0) {
      folioRefAdd(m, pages[at], -1, 'driver');
      freePages(m, pages[at], 0);
    }
    at += Math.max(1, many);
    if (many > 0) yield* letGo(m, 'ttm_bo_put', many);
    else yield* letGoMidway(m, 'ttm_bo_put', at);
  }
}

/** The object has no system memory any more. Kernel: `drivers/gpu/drm/ttm/ttm_tt.c: ttm_tt_unpopulate` */
export function* ttmTtUnpopulate(m: Machine, id: number): Sleeps<void> {
  const { ttPages, npages } = m.ttmBos.get(id);
  if (ttPages.length === 0) return;
  needsBigStepForObject(m, npages);
  yield* ttmPoolFree(m, ttPages);
  addTtmPages(m, -npages);
  m.ttmBos.update(id, { ttPages: [] });
}

/** The swap storage is given up. Kernel: `fs/file_table.c: fput` */
export function* fputSwapStorage(m: Machine, id: number): Sleeps<void> {
  const { swapStorage } = m.ttmBos.get(id);
  if (swapStorage === 0) return;
  yield* shmemEvictInode(m, swapStorage);
  m.ttmBos.update(id, { swapStorage: 0 });
}

/** The bytes go to a file of shared memory, page by page. Returns 0, or -ENOMEM. Kernel: `drivers/gpu/drm/ttm/ttm_tt.c: ttm_tt_swapout` */
export const ttmTtSwapout = sleepable('ttm_tt_swapout', function* (m, id: number): Sleeps<number> {
  const { ttPages, npages, gpu } = m.ttmBos.get(id);
  const file = newShmem(m, npages);
  for (let i = 0; i < npages; i++) {
    const page = yield* shmemReadMappingPage(m, file, i, GFP_KERNEL);
    if (page === NO_PFN) {
      yield* shmemEvictInode(m, file);
      return -ENOMEM;
    }
    copyHighpage(m, page, ttPages[i]);
    setPageDirty(m, page);
    folioMarkAccessed(m, page);
    putPage(m, page, 'fault handler');
    yield* letGoMidway(m, 'ttm_tt_swapout', i);
  }
  yield* ttmTtUnpopulate(m, id);
  m.ttmBos.update(id, { swapStorage: file });
  m.trace.decide('ttm.swapped-out', npages, gpu);
  return 0;
});

/** The bytes come back from the file of shared memory. Kernel: `drivers/gpu/drm/ttm/ttm_tt.c: ttm_tt_swapin` */
export const ttmTtSwapin = sleepable('ttm_tt_swapin', function* (m, id: number): Sleeps<void> {
  const { ttPages, npages, gpu, swapStorage } = m.ttmBos.get(id);
  for (const [i, page] of ttPages.entries()) {
    copyHighpage(m, page, filemapGetFolio(m, swapStorage, i));
    yield* letGoMidway(m, 'ttm_tt_swapin', i);
  }
  yield* fputSwapStorage(m, id);
  m.trace.decide('ttm.swapped-in', npages, gpu);
});
