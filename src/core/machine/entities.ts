// The handfuls: processes, areas, reverse-map anchors, files, pins, devices. Immutable values in journalled cells.

import type { DeviceKind, ZoneName } from '../uapi/config.ts';
import type { Pfn, Pfns, Vpn } from '../uapi/units.ts';
import type { Block } from './gpu.ts';

/** struct mm_struct, with the process that owns it. */
export interface Mm {
  readonly id: number;
  /** Name of the process in the scenario. */
  readonly name: string;
  readonly pgd: Pfn;
  /** Ids of its VMAs, by ascending address. */
  readonly vmas: readonly number[];
  /** MMF_HAS_PINNED: set by the first FOLL_PIN call, never cleared. */
  readonly hasPinned: boolean;
  /** mm->def_flags and the like are not modelled. Odd while fork copies the page tables. */
  readonly writeProtectSeq: number;
  /** Ids of the interval notifiers of this mm, in order of registration; empty: no subscriptions at all. */
  readonly subscriptions: readonly number[];
  /** A notifier was registered once: notifier calls stay even if the interval tree is empty. */
  readonly hasNotifierSubscriptions: boolean;
  /** Areas of the scenario, in order of creation; they stay listed after munmap. */
  readonly areas: readonly Area[];
  readonly alive: boolean;
  /** start_brk and brk: first page of the heap, and the one behind it; absent: it has none. */
  readonly heap?: { readonly startBrk: Vpn; readonly brk: Vpn };
  /** start_stack: page in which the stack began; absent: it has none. */
  readonly startStack?: Vpn;
  /** The OOM killer chose it: it is to die and may use memory that is kept back. */
  readonly oomVictim: boolean;
  /** MMF_OOM_SKIP: nothing more can be got from it. */
  readonly oomSkip: boolean;
}

export type AreaKind = 'anon-private' | 'anon-shared' | 'file-private' | 'file-shared' | 'hugetlb' | 'device';

/** A named area of the scenario: where mmap put it. What the kernel sees inside are VMAs. */
export interface Area {
  readonly name: string;
  readonly start: Vpn;
  readonly npages: number;
  readonly kind: AreaKind;
}

/** struct vm_area_struct. */
export interface Vma {
  readonly id: number;
  readonly mm: number;
  readonly vmStart: Vpn;
  readonly vmEnd: Vpn;
  readonly vmFlags: number;
  /** Offset of the first page in the mapping; for anonymous memory the vpn at which it was created. */
  readonly vmPgoff: number;
  /** anon_vma id; 0: none yet. */
  readonly anonVma: number;
  /** anon_vma_chain: ids of the anon_vmas whose trees hold this VMA, newest first as in the kernel's list. */
  readonly anonVmaChain: readonly number[];
  /** address_space id; 0: anonymous. */
  readonly file: number;
  /** hugetlb, private: map of the reservations that are used up, by huge page; 0 or absent: it has none. */
  readonly hugetlbResv?: number;
  /** HPAGE_RESV_UNMAPPED: a page was taken away for the process that had reserved it; no new one may take its place. */
  readonly hugetlbUnmapped?: boolean;
}

/** struct anon_vma: the anchor of an anonymous reverse map. */
export interface AnonVma {
  readonly id: number;
  readonly root: number;
  /** Own id for a root. */
  readonly parent: number;
  /** VMAs in the interval tree, in the order in which a walk visits them. */
  readonly tree: readonly number[];
  readonly numChildren: number;
  readonly numActiveVmas: number;
}

/** struct address_space of a file, of shared anonymous memory, of a hugetlb mapping or of a device's special file. */
export interface AddressSpace {
  readonly id: number;
  readonly name: string;
  readonly kind: 'file' | 'shmem' | 'hugetlb' | 'device' | 'secretmem' | 'fsdax' | 'devdax';
  readonly npages: number;
  /** What page 0 begins with on the disk; page k with k more. */
  readonly firstValue: number;
  /** Journalled map: page index to pfn. */
  readonly pages: number;
  /** VMAs that map it, in order of insertion (i_mmap). */
  readonly iMmap: readonly number[];
  /** hugetlb: pages of 2^hugeOrder. */
  readonly hugeOrder?: number;
  /** hugetlb, shared: map of the huge pages that were reserved or allocated for it. */
  readonly hugetlbResv?: number;
  /** DAX: frame of page 0; the pages are device memory, and not in the page cache. */
  readonly daxStart?: Pfn;
}

export type GupCall =
  | 'get_user_pages'
  | 'get_user_pages_remote'
  | 'get_user_pages_unlocked'
  | 'get_user_pages_fast'
  | 'get_user_pages_fast_only'
  | 'pin_user_pages'
  | 'pin_user_pages_remote'
  | 'pin_user_pages_unlocked'
  | 'pin_user_pages_fast'
  | 'pin_user_pages_fast_only';

/** What one GUP call of the scenario got and has not yet given back. */
export interface PinHandle {
  readonly id: number;
  readonly name: string;
  readonly mm: number;
  readonly call: GupCall;
  readonly gupFlags: number;
  readonly start: Vpn;
  /** One frame per page, in address order. */
  readonly pages: Pfns;
}

export type MemoryType =
  | 'MEMORY_DEVICE_PRIVATE'
  | 'MEMORY_DEVICE_COHERENT'
  | 'MEMORY_DEVICE_FS_DAX'
  | 'MEMORY_DEVICE_GENERIC'
  | 'MEMORY_DEVICE_PCI_P2PDMA';

/** struct dev_pagemap. */
export interface DevPagemap {
  readonly id: number;
  readonly type: MemoryType;
  readonly start: Pfn;
  readonly end: Pfn;
  readonly node: number;
  /** Identity of the driver or device group; 0: none. */
  readonly owner: number;
  /** Its device in Machine.devices; 0: none. */
  readonly device: number;
  /** The kernel can reach it by its linear map; not so for private memory. */
  readonly linearMap: boolean;
  readonly pgprot: 'PAGE_KERNEL' | 'noncached' | 'decrypted';
  /** System memory taken for its struct pages; empty where the machine reserved it at boot. */
  readonly memmap: readonly Block[];
}

/** struct dmirror_device of the test driver. Its counters are scalars. */
export interface DmirrorDevice {
  readonly id: number;
  /** Id in the scenario. */
  readonly configId: number;
  readonly kind: DeviceKind;
  /** Its newest chunk; 0: given up, the next allocation makes a new one. */
  readonly pgmap: number;
  /** Chunks it had before it grew, all of their pages handed out once; only private devices grow. */
  readonly olderPgmaps: readonly number[];
}

/** struct dmirror: one process's open file on one device, with the device's page table for it. */
export interface Dmirror {
  readonly id: number;
  readonly mm: number;
  readonly device: number;
  /** Journalled map: vpn to `pfn * 4 + tag`. */
  readonly pt: number;
}

/** A zone of one node, with what the page allocator may hand out of it. */
export interface Zone {
  /** Index in Machine.zones; row of its scalars. */
  readonly id: number;
  readonly node: number;
  readonly name: ZoneName;
  readonly regions: readonly ZoneRegion[];
  readonly managedPages: number;
}

export interface ZoneRegion {
  /** Index over all zones; row of its scalars. */
  readonly id: number;
  readonly start: Pfn;
  readonly end: Pfn;
  readonly cma: boolean;
}
