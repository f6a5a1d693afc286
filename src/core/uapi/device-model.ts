// What a kind of GPU is, as data: sizes, link, and what its driver does where drivers may differ. The driver's code
// reads it and knows no vendor.

import type { LinkName } from './cost-model.ts';
import { GIB_PAGES, mibToPages } from './units.ts';

export const DEVICE_MODELS = ['mi250x-gcd', 'generic-accelerator'] as const;
export type DeviceModelName = (typeof DEVICE_MODELS)[number];

/** Order in which buffer objects are taken away when VRAM is short. */
export type EvictionOrder = 'least recently used' | 'largest first';

export interface DeviceModel {
  readonly name: DeviceModelName;
  readonly title: string;
  /** Memory of one device where the machine does not say otherwise. */
  readonly vramPages: number;
  /** Row of the cost model for its way to the CPU when it is coherent, and when it is not. */
  readonly coherentLink: LinkName;
  readonly privateLink: LinkName;
  /** Devices that share a package, counted from the first; row for the way between them, and to others. */
  readonly devicesPerPackage: number;
  readonly packageLink: LinkName;
  readonly peerLink: LinkName;
  /** Whether all its devices in a machine form one hive. */
  readonly oneHive: boolean;
  /** A new range is at most 1/32 of the VRAM, between these; a power of two. */
  readonly minRangePages: number;
  readonly maxRangePages: number;
  /** log2 of the pages that come home on one CPU fault. */
  readonly granularity: number;
  /** Pages of one copy of the DMA engine. */
  readonly copyChunkPages: number;
  readonly evictionOrder: EvictionOrder;
  /** Whether memory that comes back may land in ZONE_MOVABLE or CMA. */
  readonly migratesToMovable: boolean;
  /** Pages that are not for buffer objects of users. */
  readonly reservedPages: number;
}

/**
 * Sizes and policy of drm/amdkfd in v6.1 (machine-and-drivers.md §3.3, §3.4, §4.1). The second model is invented: it
 * only shows that nothing depends on the first.
 */
export const DEVICE_MODEL: Readonly<Record<DeviceModelName, DeviceModel>> = {
  'mi250x-gcd': {
    name: 'mi250x-gcd',
    title: 'AMD MI250X, one of its two GPUs',
    vramPages: 64 * GIB_PAGES,
    coherentLink: 'if.cpu_gpu',
    privateLink: 'pcie4x16',
    devicesPerPackage: 2,
    packageLink: 'if.gcd_pair',
    peerLink: 'if.gcd_remote',
    oneHive: true,
    minRangePages: 512,
    maxRangePages: GIB_PAGES,
    granularity: 9,
    copyChunkPages: 512,
    evictionOrder: 'least recently used',
    migratesToMovable: false,
    reservedPages: mibToPages(8),
  },
  'generic-accelerator': {
    name: 'generic-accelerator',
    title: 'Generic accelerator',
    vramPages: 96 * GIB_PAGES,
    coherentLink: 'generic.coherent',
    privateLink: 'pcie3x16',
    devicesPerPackage: 1,
    packageLink: 'pcie3x16',
    peerLink: 'pcie3x16',
    oneHive: false,
    minRangePages: 16,
    maxRangePages: mibToPages(32),
    granularity: 4,
    copyChunkPages: 16,
    evictionOrder: 'largest first',
    migratesToMovable: true,
    reservedPages: 0,
  },
};

/** Largest new range of a device, in pages. Kernel: svm_range_set_max_pages. */
export const maxRangePages = (
  { minRangePages: min, maxRangePages: max }: DeviceModel,
  vramPages: number,
): number => 2 ** Math.floor(Math.log2(Math.min(max, Math.max(min, Math.floor(vramPages / 32)))));

/** KFD_IOCTL_SVM_FLAG_*, spelled as in include/uapi/linux/kfd_ioctl.h. */
export const SVM_FLAGS = {
  HOST_ACCESS: 0x1,
  COHERENT: 0x2,
  HIVE_LOCAL: 0x4,
  GPU_RO: 0x8,
  GPU_EXEC: 0x10,
  GPU_READ_MOSTLY: 0x20,
  GPU_ALWAYS_MAPPED: 0x40,
} as const;
export type SvmFlagName = keyof typeof SVM_FLAGS;
