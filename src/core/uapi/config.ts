// What kind of machine and which kernel a run has.

import type { DeviceModelName } from './device-model.ts';
import type { Pfn } from './units.ts';

export type ZoneName = 'DMA' | 'DMA32' | 'Normal' | 'Movable' | 'Device';
/** Zones in index order (include/linux/mmzone.h: enum zone_type on x86-64). */
export const ZONE_NAMES: readonly ZoneName[] = ['DMA', 'DMA32', 'Normal', 'Movable', 'Device'];

/** Property of a pageblock, numbered as in include/linux/mmzone.h: enum migratetype. */
export const MIGRATE_UNMOVABLE = 0;
export const MIGRATE_MOVABLE = 1;
export const MIGRATE_RECLAIMABLE = 2;
export const MIGRATE_HIGHATOMIC = 3;
export const MIGRATE_CMA = 4;
export const MIGRATE_ISOLATE = 5;

export type MemoryKind = 'ram' | 'soft-reserved' | 'mmio';

/** One physical range as the firmware and the kernel know it. Half open. */
export interface MemoryRange {
  readonly start: Pfn;
  readonly end: Pfn;
  readonly kind: MemoryKind;
  readonly node: number;
  /** Zone of RAM; undefined for what is no RAM. */
  readonly zone?: ZoneName;
  /** RAM: pageblocks of this range are CMA. */
  readonly cma?: boolean;
  /** RAM that the kernel uses itself and never hands out (image, struct pages). */
  readonly reserved?: string;
  /** Soft reserved: name of the device whose memory this is. */
  readonly device?: string;
}

export type DeviceKind = 'coherent' | 'private';

/** A device whose driver registers memory. Ids are those of the scenario. */
export interface DeviceConfig {
  readonly id: number;
  readonly kind: DeviceKind;
  readonly pages: number;
  /** First page of the range it registers; the kernel invents one for private memory. */
  readonly start: Pfn;
  readonly node: number;
}

/** Memory of other drivers: files that programs map (fsdax, devdax), or a BAR that only devices reach (p2pdma). */
export const MAPPED_MEMORY_KINDS = ['fsdax', 'devdax', 'p2pdma'] as const;
export type MappedMemoryKind = (typeof MAPPED_MEMORY_KINDS)[number];

/** Memory that another driver than the test driver registers while the machine comes up. */
export interface MappedMemoryConfig {
  /** Among the devices of the scenario. */
  readonly id: number;
  readonly kind: MappedMemoryKind;
  readonly pages: number;
  readonly start: Pfn;
  readonly node: number;
}

export type MachinePresetName =
  | 'guest'
  | 'guest-movable'
  | 'guest-cma'
  | 'teaching'
  | 'lab-node'
  | 'frontier';

/** A machine whose devices are GPUs with a real driver: ranges of shared virtual memory, buffer objects. */
export interface GpuSetup {
  readonly model: DeviceModelName;
  /** Processes begin with XNACK: a GPU fault can be repaired and the access repeated. */
  readonly xnack: boolean;
  /** The scenario boots the machine and loads the driver by steps of its own. */
  readonly coldBoot: boolean;
  /** CONFIG_EFI_SOFT_RESERVE, and no `efi=nosoftreserve`: the kernel honours EFI_MEMORY_SP. */
  readonly softReserve: boolean;
  /** Hive of each device, 0: in none; absent: as its model has it. */
  readonly hives?: readonly number[] | undefined;
  /** A step that meets a fault of Linux itself ends where Linux would stand; nothing can follow it. */
  readonly standstill?: true | undefined;
  /** The parameter ttm.pages_limit: pages of system memory that TTM should not exceed; absent: half of it. */
  readonly pagesLimit?: number | undefined;
}

export interface MachineConfig {
  readonly preset: MachinePresetName;
  readonly title: string;
  readonly cpus: number;
  readonly ranges: readonly MemoryRange[];
  readonly devices: readonly DeviceConfig[];
  /** Absent: there is none. */
  readonly mappedMemory?: readonly MappedMemoryConfig[];
  /** Huge pages of 2 MiB in the pool. */
  readonly hugetlbPages: number;
  /** nr_overcommit_hugepages: pages of 2 MiB that the pool may take beyond its size; absent: none. */
  readonly hugetlbOvercommit?: number;
  /** First frames of the gigantic pages of 1 GiB that were set aside at boot. */
  readonly gigantic: readonly Pfn[];
  /** Pages of the swap device; 0: there is none. */
  readonly swapPages: number;
  /** Absent: the devices belong to the kernel's test driver, as in the recordings. */
  readonly gpu?: GpuSetup;
}

/** The 14 patches of the series "Add MEMORY_DEVICE_COHERENT", by number. */
export type PatchNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14;
export const ALL_PATCHES: readonly PatchNumber[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

/**
 * How callers of follow_page turn a device page away. `v6.1` drops the reference that the lookup took; `v6.0`, as the
 * series was merged, forgot to; `FOLL_LRU` is the flag of earlier postings, proposed, not merged: the lookup itself
 * says -EEXIST and takes no reference.
 */
export const FOLLOW_PAGE_READINGS = ['v6.1', 'v6.0', 'FOLL_LRU'] as const;
export type FollowPageReading = (typeof FOLLOW_PAGE_READINGS)[number];

/**
 * How a long-term pin looks for pages that may not stay. `v6.1` collects them first and moves them afterwards; `v6.0`,
 * as the series was merged, moves each coherent page as soon as its one loop meets it.
 */
export const LONGTERM_CHECKS = ['v6.1', 'v6.0'] as const;
export type LongtermCheck = (typeof LONGTERM_CHECKS)[number];

/** Switches of the kernel's configuration that the simulation asks for. */
export const KERNEL_SWITCHES = [
  'CONFIG_MIGRATION',
  'CONFIG_CMA',
  'CONFIG_DEVICE_PRIVATE',
  'CONFIG_TRANSPARENT_HUGEPAGE',
] as const;
export type KernelSwitch = (typeof KERNEL_SWITCHES)[number];

/**
 * What a long-term pin does with a coherent page. `on` is the kernel. The others never shipped: GUP leaves the page
 * where it is, and an eviction that meets it either cannot end (`intent`), or goes as the code of v6.1 would make it go,
 * which does not notice the page (`as-coded`).
 */
export const LONGTERM_POLICIES = ['on', 'intent', 'as-coded'] as const;
export type LongtermPolicy = (typeof LONGTERM_POLICIES)[number];

export interface KernelConfig extends Readonly<Record<KernelSwitch, boolean>> {
  readonly version: '6.1.192';
  readonly patches: readonly PatchNumber[];
  readonly followPage: FollowPageReading;
  readonly longtermCheck: LongtermCheck;
  readonly longtermPolicy: LongtermPolicy;
}

export const DEFAULT_KERNEL: KernelConfig = {
  version: '6.1.192',
  patches: ALL_PATCHES,
  CONFIG_MIGRATION: true,
  CONFIG_CMA: true,
  CONFIG_DEVICE_PRIVATE: true,
  CONFIG_TRANSPARENT_HUGEPAGE: true,
  followPage: 'v6.1',
  longtermCheck: 'v6.1',
  longtermPolicy: 'on',
};
