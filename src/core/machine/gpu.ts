// What a GPU driver keeps: devices, buffer objects and their fences, processes on the GPU, ranges of shared virtual
// memory. Immutable values in journalled cells, as the other handfuls. A place is 0 for system memory, else a GPU's id.

import type { DeviceModelName } from '../uapi/device-model.ts';
import type { Pfn, Pfns, Vpn } from '../uapi/units.ts';

/** A power of two of pages: of VRAM, or of system memory. */
export interface Block {
  readonly start: Pfn;
  readonly order: number;
}

/** struct amdgpu_device, as far as memory is concerned. Its id is that of its entry in Machine.devices. */
export interface Gpu {
  readonly id: number;
  readonly model: DeviceModelName;
  /** GPUs of one hive know each other's pages; 0: in none. */
  readonly hive: number;
  /** gmc.xgmi.connected_to_cpu: the CPU can address its memory, cached and coherent. */
  readonly connectedToCpu: boolean;
  readonly node: number;
  /** First frame of its memory: the aperture, or for private memory the range that was invented. */
  readonly vramStart: Pfn;
  readonly vramPages: number;
  /** Its registered memory; 0: none, so it knows no shared virtual memory. */
  readonly pgmap: number;
  /** The driver is being unbound: nothing new is allocated. */
  readonly gone: boolean;
}

/** struct ttm_resource_manager of a GPU's VRAM, with its drm_buddy. */
export interface VramManager {
  readonly id: number;
  readonly gpu: number;
  /** `free[order]`: first pages of the free blocks, counted from the start of VRAM, ascending. */
  readonly free: readonly (readonly number[])[];
  /** Buffer objects in VRAM: the first is evicted first. */
  readonly lru: readonly number[];
  /** Those in system memory: the first is swapped out first; those that are stay listed. */
  readonly ttLru: readonly number[];
}

export type BoKind = 'svm' | 'kfd' | 'gem';
/** Where the bytes of a buffer object are; system: nowhere, they were thrown away, or they were swapped out. */
export type TtmPlace = 'vram' | 'tt' | 'system';

/** struct ttm_buffer_object, with what amdgpu adds to it. */
export interface TtmBo {
  readonly id: number;
  readonly gpu: number;
  /** Name in the scenario; '' for the driver's own. */
  readonly name: string;
  readonly kind: BoKind;
  /** Process for which it was made. */
  readonly mm: number;
  readonly npages: number;
  readonly memType: TtmPlace;
  /** In VRAM, in the order of the object's pages; `start` counts from the start of VRAM. */
  readonly blocks: readonly Block[];
  /** In system memory: the frames that TTM allocated for it, in the order of its pages. Nobody writes to it any more. */
  readonly ttPages: Pfns;
  /** AMDGPU_GEM_CREATE_DISCARDABLE: its bytes need not be kept. */
  readonly discardable: boolean;
  /** TTM's own pin, for scanout: nothing of get_user_pages. */
  readonly pinCount: number;
  /** Fence that must be signalled before it may be taken away; 0: none. */
  readonly fence: number;
  /** File of shared memory that has its bytes, as they were swapped out; 0: none. */
  readonly swapStorage: number;
  /** Its last reference is gone; it goes when nobody has it reserved. */
  readonly deleted: boolean;
}

/** struct amdgpu_amdkfd_fence: signalled when the memory may be taken away. */
export interface EvictionFence {
  readonly id: number;
  readonly mm: number;
  /** svm_range_bo; 0: the fence of a process. */
  readonly svmBo: number;
  readonly signaled: boolean;
  /** Somebody waits, so the driver has been told to make room. */
  readonly enabled: boolean;
}

/** struct svm_range_bo: one buffer object, and the ranges that live in it. Its kref is a scalar. */
export interface SvmBo {
  readonly id: number;
  readonly bo: number;
  readonly fence: number;
  /** Newest first, as in the kernel's list. */
  readonly ranges: readonly number[];
  readonly evicting: boolean;
}

/** struct kfd_process with its svm_range_list. */
export interface KfdProcess {
  readonly id: number;
  readonly mm: number;
  /** A GPU fault can be repaired and the access repeated. */
  readonly xnack: boolean;
  /** Ranges that an invalidation hit while they were mapped; above 0 the queues do not run. */
  readonly evictedRanges: number;
  readonly queuesStopped: boolean;
  /** Reasons for which they are stopped; they run again when none is left. */
  readonly queueEvictions: number;
  /** Fence of its compute objects; 0: it has none yet. */
  readonly evictionFence: number;
  /** Invalidations of its user pointers since they were looked up; above 0 the queues do not run. */
  readonly evictedUserptrs: number;
  /** Its compute objects are to come back to VRAM, in 100 ms. */
  readonly restoreDue: boolean;
  /** munmaps whose stray GPU faults are still to be drained. */
  readonly drainPagefaults: number;
  /** The delayed work that maps again and restarts the queues is due. */
  readonly restoreScheduled: boolean;
  /** Ranges with deferred work, in order. */
  readonly deferred: readonly number[];
  /** The GPU met a fault that nobody could repair: its queue is dead. */
  readonly dead: boolean;
}

/** struct kgd_mem of a user pointer: memory of a process as a buffer object of compute. */
export interface UserptrBo {
  readonly id: number;
  readonly process: number;
  readonly gpu: number;
  /** Name in the scenario. */
  readonly name: string;
  readonly start: Vpn;
  readonly npages: number;
  /** Invalidations since its pages were looked up. */
  readonly invalid: number;
}

export type SvmWork =
  | 'NULL'
  | 'UNMAP'
  | 'UPDATE_NOTIFIER'
  | 'UPDATE_NOTIFIER_AND_MAP'
  | 'ADD'
  | 'ADD_AND_MAP';

/** struct svm_range. */
export interface SvmRange {
  readonly id: number;
  readonly process: number;
  readonly start: Vpn;
  /** Inclusive. */
  readonly last: Vpn;
  /** What the interval tree and the notifier know of it; they follow by deferred work. -1: not inserted. */
  readonly notifierStart: Vpn;
  readonly notifierLast: Vpn;
  /** Place in the list of the process, which grows at its end; 0: not in it. */
  readonly listed: number;
  readonly flags: number;
  /** UNDEFINED_LOCATION, 0 or a GPU. */
  readonly preferredLoc: number;
  readonly prefetchLoc: number;
  /** Of the range, not of its pages: single pages can be elsewhere. */
  readonly actualLoc: number;
  /** log2 of the pages that one CPU fault moves. */
  readonly granularity: number;
  /** GPUs that may have it, and those that may reach it where it is. */
  readonly access: readonly number[];
  readonly accessInPlace: readonly number[];
  readonly mappedToGpu: boolean;
  readonly validatedOnce: boolean;
  readonly invalid: number;
  /** Time of the last mapping, in ticks of the GPU's clock; -1: never. */
  readonly validateTimestamp: number;
  /** svm_range_bo; 0: none. */
  readonly svmBo: number;
  /** Whether it holds a reference on its svm_bo, as the kernel's pointer to the resource says. */
  readonly ttmRes: boolean;
  /** First page of the buffer object that is its own. */
  readonly offset: number;
  /** Ranges that were split off and are not yet in the tree. */
  readonly children: readonly number[];
  readonly work: SvmWork;
}

/** KFD_IOCTL_SVM_LOCATION_UNDEFINED */
export const UNDEFINED_LOCATION = -1;
