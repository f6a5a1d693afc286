// Other users of VRAM: buffer objects of graphics and of compute that are not ranges of shared virtual memory.

import { SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import type { BoKind } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import type { Pfn, Pfns } from '../../uapi/units.ts';
import { inChunks, unfollowed } from '../mm/plain-pages.ts';
import { needsBigStepForObject } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGo, letGoMidway } from '../sched/locks.ts';
import { processFence } from './amdgpu-kfd-evict.ts';
import { amdgpuAmdkfdReserveMemLimit } from './amdgpu-limits.ts';
import { kfdCreateProcess, kfdLookupProcessByMm } from './amdgpu-process.ts';
import { ttmBoInit, ttmBoValidate } from './ttm.ts';
import { ttmBoPut } from './ttm-release.ts';

export interface ClientBo {
  readonly gpu: number;
  readonly name: string;
  readonly kind: Exclude<BoKind, 'svm'>;
  readonly mm: number;
  readonly npages: number;
  readonly pin: boolean;
}

/**
 * A process asks for VRAM. An object of graphics may lie in system memory instead; one of compute may not, and has a
 * fence that stops its process before it is taken away.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_object.c: amdgpu_bo_create`, `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c:
 * amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu`
 *
 * @returns its id, or -ENOMEM
 */
export const amdgpuBoCreate = sleepable('amdgpu_bo_create', function* (m, request: ClientBo): Sleeps<number> {
  if (request.kind === 'kfd') {
    const refused = amdgpuAmdkfdReserveMemLimit(m, request.gpu, request.npages, 'kfd');
    if (refused !== 0) return refused;
  }
  const bo = yield* ttmBoInit(m, { ...request, discardable: false, maySpill: request.kind === 'gem' });
  if (bo < 0 || request.kind !== 'kfd') return bo;
  const process = kfdLookupProcessByMm(m, request.mm) ?? kfdCreateProcess(m, request.mm);
  m.ttmBos.update(bo, { fence: processFence(m, process.id) });
  return bo;
});

/** Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_object.c: amdgpu_bo_unref` */
export const amdgpuBoUnref = sleepable('amdgpu_bo_unref', function* (m, bo: number): Sleeps<void> {
  yield* ttmBoPut(m, bo);
});

/**
 * An object that a command of the GPU is to use has its bytes where the GPU can reach them.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_cs.c: amdgpu_cs_bo_validate`
 * Simplified: only one that was swapped out moves, and only to system memory, as when the allowance for moves is used up.
 *
 * @returns 0, or -ENOMEM
 */
export function* amdgpuCsBoValidate(m: Machine, bo: number): Sleeps<number> {
  const { memType, mm } = m.ttmBos.get(bo);
  return memType === 'system' ? yield* ttmBoValidate(m, bo, 'tt', { mm, gfpRetryMayfail: false }) : 0;
}

interface Stretch {
  readonly start: Pfn;
  npages: number;
}

/** Frames that follow one another, taken together. */
const stretchesOf = (pages: Pfns): readonly Stretch[] => {
  const stretches: Stretch[] = [];
  let last: Stretch | undefined;
  for (const pfn of pages) {
    if (last !== undefined && pfn === last.start + last.npages) last.npages++;
    else stretches.push((last = { start: pfn, npages: 1 }));
  }
  return stretches;
};

/** Where the bytes of an object are, in order; swapped out: nowhere. Ours: struct amdgpu_res_cursor. */
const stretchesOfBo = (m: Machine, id: number): readonly Stretch[] => {
  const bo = m.ttmBos.get(id);
  if (bo.memType !== 'vram') return stretchesOf(bo.ttPages);
  const { vramStart } = m.gpus.get(bo.gpu);
  return bo.blocks.map(({ start, order }) => ({ start: vramStart + start, npages: 2 ** order }));
};

/** The same in a big step, section by section. */
function* fillMany(m: Machine, start: Pfn, end: Pfn, value: number): Sleeps<void> {
  for (let pfn = start; pfn < end; ) {
    const room = Math.min(end - pfn, SECTION_ROWS - (pfn & SECTION_MASK));
    const n = unfollowed(m, room, (numbers, i) => numbers.has(pfn + i));
    if (n > 0) m.pages.content.writeLine(pfn, n, value, 0);
    else m.pages.content.set(pfn, value);
    pfn += Math.max(1, n);
    yield* letGo(m, 'amdgpu_fill_buffer', Math.max(1, n));
  }
}

/** The GPU fills an object with a number. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_ttm.c: amdgpu_fill_buffer` */
export const amdgpuFillBuffer = sleepable(
  'amdgpu_fill_buffer',
  function* (m, bo: number, value: number): Sleeps<void> {
    needsBigStepForObject(m, m.ttmBos.get(bo).npages);
    for (const { start, npages } of stretchesOfBo(m, bo)) {
      if (inChunks(m)) {
        yield* fillMany(m, start, start + npages, value);
        continue;
      }
      for (let pfn = start; pfn < start + npages; pfn++) {
        if (m.pages.content.get(pfn) !== value) m.pages.content.set(pfn, value);
        yield* letGoMidway(m, 'amdgpu_fill_buffer', pfn);
      }
    }
  },
);
