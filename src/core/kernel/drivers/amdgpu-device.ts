// A GPU's driver starts and stops: its memory becomes frames of the system, and VRAM gets its manager.

import type { DmirrorDevice } from '../../machine/entities.ts';
import type { Gpu, TtmBo } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { DevPagemapOps, MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FRESH,
  deviceRow,
  KFD_MEM_LIMIT,
  KFD_SYSTEM_PAGES,
  KFD_MEM_USED,
} from '../../machine/scalars.ts';
import type { DeviceConfig } from '../../uapi/config.ts';
import {
  DEVICE_MODEL,
  type DeviceModel,
  type DeviceModelName,
  maxRangePages,
} from '../../uapi/device-model.ts';
import { EINVAL } from '../../uapi/errno.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { PAGE_SIZE_BYTES, PAGEBLOCK_NR_PAGES, type Pfn } from '../../uapi/units.ts';
import { needsBigStep, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { onProcessRelease, type ProcessRelease } from '../mm/exit.ts';
import { devmMemremapPagesRelease, memremapPages } from '../mm/memremap.ts';
import { getFreeMemRegion } from '../mm/resource.ts';
import { zoneInfo } from '../mm/zoneinfo.ts';
import { kfdForgetGpu } from './amdgpu-process.ts';
import { type TtmDeviceFuncs, ttmAdopt, ttmDeviceInit, vramManager } from './ttm-device.ts';
import { wholeVram } from './ttm-buddy.ts';

/** Owners of memory: a hive's number above all ids of devices. */
const HIVE_OWNER_BASE = 1000;

/** Ours: the data that the driver's code reads instead of knowing a vendor. */
export const modelOf = (gpu: Gpu): DeviceModel => DEVICE_MODEL[gpu.model];

/** Who owns a GPU's pages: its hive, or itself. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.h: SVM_ADEV_PGMAP_OWNER` */
export const pgmapOwner = ({ id, hive }: Gpu): number => (hive === 0 ? id : HIVE_OWNER_BASE + hive);

/** Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_xgmi.h: amdgpu_xgmi_same_hive` */
export const sameHive = (a: Gpu, b: Gpu): boolean =>
  a === b || a.id === b.id || (a.hive !== 0 && a.hive === b.hive);

/** Ours: which package of the machine a GPU is in, as the topology counts them. */
export const packageOf = (m: Machine, gpu: Gpu): number => {
  const { configId } = m.devices.get(gpu.id);
  const index = m.config.devices.findIndex(({ id }) => id === configId);
  return Math.floor(index / modelOf(gpu).devicesPerPackage);
};

/** Ours: GPUs whose memory is registered, so that ranges can live there (KFD_IS_SVM_API_SUPPORTED). */
export const svmGpus = (m: Machine): Gpu[] =>
  m.gpus.values().filter(({ pgmap, gone }) => pgmap !== 0 && !gone);

/** Largest new range: what the smallest GPU allows. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_set_max_pages` */
export const maxSvmRangePages = (m: Machine): number =>
  Math.min(...svmGpus(m).map((gpu) => maxRangePages(modelOf(gpu), gpu.vramPages)));

/** What the parts of the driver give to the one that starts it. */
export interface AmdgpuHooks {
  readonly pagemapOps: DevPagemapOps;
  /** The CPU's page tables are about to change under a range. */
  readonly invalidate: (m: Machine, rangeId: number, range: MmuNotifierRange) => boolean;
  /** The same for each page by itself, in order. */
  readonly invalidatePages: (m: Machine, rangeId: number, range: MmuNotifierRange) => void;
  readonly processRelease: ProcessRelease;
  readonly ttm: Pick<
    TtmDeviceFuncs,
    'evictionValuable' | 'evictFlags' | 'enableSignaling' | 'boMove' | 'allocated'
  >;
}

const HOOKS = new WeakMap<Machine, AmdgpuHooks>();

/** Ours: joins the files of the driver, which call each other, without a cycle of imports. */
export const amdgpuInit = (m: Machine, hooks: AmdgpuHooks): void => {
  HOOKS.set(m, hooks);
  onProcessRelease(m, hooks.processRelease);
};

/** Ours: a machine that stands where another one stood has the same driver. */
export const adoptAmdgpu = (m: Machine, from: Machine): void => {
  const hooks = HOOKS.get(from);
  if (hooks === undefined) return;
  amdgpuInit(m, hooks);
  ttmAdopt(m, from);
};

/** Ours: the other parts of the driver. */
export const hooksOf = (m: Machine): AmdgpuHooks => {
  const hooks = HOOKS.get(m);
  if (hooks === undefined) throw new Error('the GPU driver was not loaded');
  return hooks;
};

/** Where the firmware says that a GPU's memory is. */
export interface Aperture {
  readonly start: Pfn;
  readonly pages: number;
}

/** What is registered: all of VRAM, in whole pieces of 2 MiB. Kernel: svm_migrate_init. */
const registeredPages = ({ pages }: Aperture): number =>
  Math.ceil(pages / PAGEBLOCK_NR_PAGES) * PAGEBLOCK_NR_PAGES;

/**
 * Registers all of VRAM: coherent at its real place when the CPU can reach it, else private at a place where nothing
 * is. Fails without harm: the GPU works, but knows no shared virtual memory.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_init`
 * Simplified: private memory is VRAM in whole pieces of 2 MiB, not rounded up to a whole section.
 *
 * @returns id of the pgmap, or -errno
 */
const svmMigrateInit = atomic('svm_migrate_init', (m, gpu: Gpu, aperture: Aperture): number => {
  // patch 7 taught the driver the coherent type; before it all memory was private
  const coherent = gpu.connectedToCpu && hasPatch(m.kernel, 7);
  const size = registeredPages(aperture);
  const start = coherent ? aperture.start : getFreeMemRegion(m, size);
  if (start < 0) return start;
  const pgmap = memremapPages(m, {
    type: coherent ? 'MEMORY_DEVICE_COHERENT' : 'MEMORY_DEVICE_PRIVATE',
    start,
    // a coherent aperture is taken as the firmware gives it
    end: start + (coherent ? aperture.pages : size),
    node: gpu.node,
    owner: pgmapOwner(gpu),
    device: gpu.id,
    ops: hooksOf(m).pagemapOps,
    populate: true,
  });
  if (pgmap < 0) {
    warn(m, 'kfd.register-failed');
    return pgmap;
  }
  warn(m, 'kfd.registered', Math.floor((size * PAGE_SIZE_BYTES) / 2 ** 20));
  return pgmap;
});

const evictionOrder =
  ({ evictionOrder: order }: DeviceModel): TtmDeviceFuncs['evictionOrder'] =>
  (_m, lru: readonly TtmBo[]) =>
    order === 'largest first' ? lru.toSorted((a, b) => b.npages - a.npages) : lru;

/**
 * Limit of system memory that KFD may use: 15/16 of what is free now, which is also what it reckons page tables by.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c: amdgpu_amdkfd_gpuvm_init_mem_limits`
 */
const initMemLimits = (m: Machine): void => {
  if (m.scalars.get(KFD_MEM_LIMIT) !== 0) return;
  const free = zoneInfo(m).reduce((sum, zone) => sum + zone.free, 0);
  m.scalars.set(KFD_MEM_LIMIT, free - Math.floor(free / 16));
  m.scalars.set(KFD_SYSTEM_PAGES, free);
};

/**
 * The driver finds a GPU.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_device.c: amdgpu_device_init`
 *
 * @param aperture - where its memory is; it may be wrong
 * @returns 0, or what svm_migrate_init said: the GPU is there all the same
 */
export const amdgpuProbe = atomic(
  'amdgpu_device_init',
  (m, config: DeviceConfig, model: DeviceModelName, aperture: Aperture): number => {
    const spec = DEVICE_MODEL[model];
    if (aperture.pages === 0) return -EINVAL;
    initMemLimits(m);
    const id = m.devices.add(
      (deviceId): DmirrorDevice => ({
        id: deviceId,
        configId: config.id,
        kind: config.kind,
        pgmap: 0,
        olderPgmaps: [],
      }),
    );
    m.gpus.add(
      (gpuId): Gpu => ({
        id: gpuId,
        model,
        hive: m.config.gpu?.hives?.[gpuId - 1] ?? (spec.oneHive ? 1 : 0),
        connectedToCpu: config.kind === 'coherent',
        node: config.node,
        vramStart: aperture.start,
        vramPages: aperture.pages,
        pgmap: 0,
        gone: false,
      }),
    );
    m.vramManagers.add((managerId) => ({
      id: managerId,
      gpu: id,
      free: wholeVram(aperture.pages),
      lru: [],
      ttLru: [],
    }));
    // a small VRAM, made for teaching, keeps nothing back
    const reservedPages = aperture.pages > spec.reservedPages * 4 ? spec.reservedPages : 0;
    ttmDeviceInit(m, id, {
      ...hooksOf(m).ttm,
      evictionOrder: evictionOrder(spec),
      reservedPages,
      minOrder: Math.log2(spec.copyChunkPages),
    });
    const pgmap = svmMigrateInit(m, m.gpus.get(id), aperture);
    if (pgmap < 0) return pgmap;
    m.devices.update(id, { pgmap });
    const { start, end } = m.pgmaps.get(pgmap);
    m.gpus.update(id, { pgmap, vramStart: start });
    m.scalars.set(deviceRow(id, DEVICE_FRESH), end - start);
    // the struct pages of VRAM are system memory that KFD has used
    m.scalars.set(KFD_MEM_USED, m.scalars.get(KFD_MEM_USED) + registeredPages(aperture) / 64);
    return 0;
  },
);

/**
 * The driver lets go of a GPU. Sleeps: until the last page in its memory is free; nobody is asked to give one up.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c: amdgpu_pci_remove`
 */
export const amdgpuRemove = sleepable('amdgpu_pci_remove', function* (m, gpuId: number): Sleeps<number> {
  // what the struct pages of all that was ever handed out say goes with them
  needsBigStep(m, m.scalars.get(deviceRow(gpuId, DEVICE_CALLOC)));
  const { pgmap } = m.gpus.update(gpuId, { gone: true });
  if (pgmap !== 0) {
    yield* devmMemremapPagesRelease(m, pgmap);
    m.gpus.update(gpuId, { pgmap: 0 });
    m.devices.update(gpuId, { pgmap: 0 });
    for (const field of [DEVICE_FRESH, DEVICE_CALLOC, DEVICE_CFREE])
      m.scalars.set(deviceRow(gpuId, field), 0);
  }
  // what ranges and clients still have is given back by their own work
  const free = (): boolean => !m.ttmBos.values().some(({ gpu }) => gpu === gpuId);
  while (!free()) yield { kind: 'event', what: 'the last buffer object', free };
  kfdForgetGpu(m, gpuId);
  m.vramManagers.set(vramManager(m, gpuId).id, undefined);
  m.devices.set(gpuId, undefined);
  m.gpus.set(gpuId, undefined);
  return 0;
});
