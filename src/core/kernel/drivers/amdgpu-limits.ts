// amdgpu_amdkfd_gpuvm.c: what objects of compute may have together. It is asked before one is made; ranges of shared
// virtual memory have no part in the VRAM of it, so that an object which passes may take VRAM from them.

import type { Machine } from '../../machine/machine.ts';
import { KFD_MEM_LIMIT, KFD_MEM_USED, KFD_SYSTEM_PAGES } from '../../machine/scalars.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { atomic } from '../sched/kernel-function.ts';
import { deviceFuncs } from './ttm-device.ts';

/** VRAM of all objects of compute on a GPU, whose ever they are, wherever their bytes are now. */
const vramUsed = (m: Machine, gpu: number): number =>
  m.ttmBos
    .values()
    .filter((bo) => bo.gpu === gpu && bo.kind === 'kfd' && !bo.deleted)
    .reduce((sum, { npages }) => sum + npages, 0);

/**
 * VRAM that is kept for page tables: 1/16384 of all memory, of the system and of all GPUs, or what the device keeps back
 * anyway where that is more. A VRAM made for teaching keeps nothing.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c: ESTIMATE_PT_SIZE`
 */
const pagesForTables = (m: Machine, gpu: number): number => {
  const { reservedPages } = deviceFuncs(m, gpu);
  if (reservedPages === 0) return 0;
  const vram = m.gpus.values().reduce((sum, { gone, vramPages }) => sum + (gone ? 0 : vramPages), 0);
  return Math.max(Math.floor((m.scalars.get(KFD_SYSTEM_PAGES) + vram) / 2 ** 14), reservedPages);
};

/**
 * Whether an object of compute may be made. One in VRAM counts against the VRAM of its GPU for as long as it lives; a
 * user pointer counts against the system memory that KFD may use.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c: amdgpu_amdkfd_reserve_mem_limit`
 *
 * @returns 0, or -ENOMEM
 */
export const amdgpuAmdkfdReserveMemLimit = atomic(
  'amdgpu_amdkfd_reserve_mem_limit',
  (m, gpu: number, npages: number, kind: 'kfd' | 'userptr'): number => {
    if (kind === 'userptr') {
      const used = m.scalars.get(KFD_MEM_USED) + npages;
      if (used > m.scalars.get(KFD_MEM_LIMIT)) {
        m.trace.decide('kfd.refused-system', npages, gpu);
        return -ENOMEM;
      }
      m.scalars.set(KFD_MEM_USED, used);
      return 0;
    }
    const { vramPages } = m.gpus.get(gpu);
    if (vramUsed(m, gpu) + npages <= vramPages - pagesForTables(m, gpu)) return 0;
    m.trace.decide('kfd.refused-vram', npages, gpu);
    return -ENOMEM;
  },
);

/** A user pointer is gone. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c: amdgpu_amdkfd_unreserve_mem_limit` */
export const amdgpuAmdkfdUnreserveMemLimit = (m: Machine, npages: number): void => {
  m.scalars.set(KFD_MEM_USED, m.scalars.get(KFD_MEM_USED) - npages);
};
