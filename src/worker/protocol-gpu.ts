// What panels ask about machines with GPUs: the physical address space, VRAM and who has it, ranges of shared virtual
// memory, and what a run would cost.

import type { EvictionStation } from '../core/uapi/eviction.ts';
import type { RegistrationStage } from '../core/uapi/registration.ts';
import type { EntryKind } from '../core/uapi/pte.ts';
import type { Position, RunId } from './protocol.ts';
import type { Residence } from './protocol-moment.ts';
import type { CostModel, CostOverrides, LinkName } from '../core/uapi/cost-model.ts';

/** A driver's attempt to register VRAM. */
export interface RegistrationView {
  readonly device: number;
  /** -1: while the machine came up. */
  readonly step: number;
  readonly isPrivate: boolean;
  readonly stages: readonly {
    readonly stage: RegistrationStage;
    readonly state: 'passed' | 'failed' | 'pending' | 'not-reached';
  }[];
  readonly outcome: 'running' | 'registered' | 'refused';
  /** Frames that the driver asks for; absent: not known yet, or refused before. */
  readonly asked?: { readonly start: number; readonly npages: number };
  /** Absent: nothing was refused. */
  readonly refusal?: {
    readonly errno: string;
    /** Id of the message that the kernel prints, without `log.` */
    readonly message: string;
  };
  /** System pages for its struct pages; absent: not taken yet. */
  readonly memmapPages?: number;
}

/** /proc/iomem and how the machine came to it, at a position. */
export interface IomemView {
  /** As root reads it; '' before the kernel has its map. */
  readonly text: string;
  readonly efi: readonly {
    readonly start: number;
    readonly npages: number;
    readonly type: string;
    /** EFI_MEMORY_SP */
    readonly specialPurpose: boolean;
  }[];
  readonly e820: readonly { readonly start: number; readonly npages: number; readonly type: string }[];
  /** Stages of a boot in steps that are done; all 4 where the machine was not booted in steps. */
  readonly stagesDone: number;
  /** The machine boots in steps of the scenario. */
  readonly coldBoot: boolean;
  /** false: `efi=nosoftreserve` */
  readonly softReserve: boolean;
  /** Pages of the page allocator; 0 before it has any. */
  readonly managedPages: number;
  readonly freePages: number;
  /** ZONE_DEVICE of each node that has one, in pages; none of them is present. */
  readonly deviceZones: readonly { readonly node: number; readonly spanned: number }[];
  readonly registrations: readonly RegistrationView[];
  readonly pgmaps: readonly {
    readonly device: number;
    readonly type: string;
    readonly start: number;
    readonly npages: number;
    readonly node: number;
    /** System pages for its struct pages. */
    readonly memmapPages: number;
    readonly linearMap: boolean;
    readonly pagesInUse: number;
    /** The driver wants to go and waits for the pages in use. */
    readonly leaving: boolean;
  }[];
}

export interface GpuBoView {
  readonly id: number;
  readonly device: number;
  /** '' for the driver's own. */
  readonly name: string;
  readonly kind: 'svm' | 'kfd' | 'gem';
  readonly process: string;
  readonly npages: number;
  readonly place: 'vram' | 'tt' | 'system';
  readonly pinned: boolean;
  readonly fence: 'none' | 'waiting' | 'armed' | 'signaled';
  /** Frames of VRAM. */
  readonly blocks: readonly { readonly start: number; readonly npages: number }[];
  /** Of an object of ranges: pages of processes in it. */
  readonly pagesInUse: number;
  /** It has no place yet: TTM looks for VRAM for it. */
  readonly seeking: boolean;
  /** A file of shared memory has its bytes: TTM was to have less of the system memory. */
  readonly swapped: boolean;
  /** The driver is bringing its pages home, so that it can go. */
  readonly evicting: boolean;
  /** Pages in its VRAM that somebody holds by a handle; what blocks its eviction, or is overwritten by its owner. */
  readonly held: readonly {
    readonly pfn: number;
    /** `A buf+5` */
    readonly page: string;
    readonly handle: string;
    readonly process: string;
    readonly pin: boolean;
    readonly longterm: boolean;
  }[];
}

/** A page of a range in the CPU's table and in those of the GPUs; or a run of alike pages. */
export interface SvmPageRow {
  readonly vpn: number;
  /** `buf+3` */
  readonly name: string;
  readonly npages: number;
  readonly entry: EntryKind;
  readonly writable: boolean;
  /** Frame of the CPU's entry; -1: none. `device`: whose VRAM; -1: system memory. */
  readonly cpu: { readonly pfn: number; readonly place: Residence | ''; readonly device: number };
  /** One for each GPU; pfn -1: no entry, the GPU would fault. */
  readonly gpus: readonly { readonly device: number; readonly pfn: number; readonly write: boolean }[];
  /** This VRAM belongs to somebody else by now. */
  readonly aliased: boolean;
}

/** What the DMA engines have copied in the step so far. */
export interface GpuCopies {
  readonly chunks: number;
  readonly toVram: number;
  readonly toSystem: number;
}

export interface SvmRangeView {
  readonly process: string;
  /** `buf+0`; `A buf+0` where there are several processes. */
  readonly first: string;
  readonly startVpn: number;
  readonly npages: number;
  /** `system`, `undefined`, or a device. */
  readonly preferred: string;
  readonly prefetched: string;
  readonly actual: string;
  readonly granularity: number;
  readonly flags: readonly string[];
  readonly access: readonly number[];
  readonly accessInPlace: readonly number[];
  readonly mapped: boolean;
  /** Invalidations that the GPUs' tables do not show yet. */
  readonly invalid: number;
  readonly bo: number;
  readonly boOffset: number;
  /** Where its pages really are: pages by place. */
  readonly places: readonly { readonly place: string; readonly pages: number }[];
  /** Pages that its notifier watches; undefined: not inserted yet. They follow the range by deferred work. */
  readonly notifier: { readonly startVpn: number; readonly npages: number } | undefined;
  /** Deferred work that is due; '' none. */
  readonly work: string;
  readonly rows: readonly SvmPageRow[];
  /** Rows behind those listed. */
  readonly moreRows: number;
}

/** VRAM and ranges at a position. */
/** Memory of a process that is a buffer object of compute; it stays where it is. */
export interface UserptrView {
  readonly id: number;
  readonly name: string;
  readonly process: string;
  readonly device: number;
  /** `buf+0`; `A buf+0` where there are several processes. */
  readonly first: string;
  readonly npages: number;
  /** Pages that the GPU has entries for. */
  readonly mapped: number;
  /** Invalidations since its pages were looked up. */
  readonly invalid: number;
}

/** Who holds pages that were to move and stayed. */
export interface HoldersView {
  readonly stayed: number;
  /** Its name if it is one; else ''. */
  readonly stayedPage: string;
  /** Names of handles, with commas between. */
  readonly pinnedBy: string;
  readonly heldBy: string;
}

export interface EvictionView {
  readonly stations: readonly {
    readonly station: EvictionStation;
    /** Pages that it is about; 0 or a number of no meaning where it is about none. */
    readonly npages: number;
    /** Of pages that could not leave; undefined where none had to stay. */
    readonly holders: HoldersView | undefined;
    /** Behind it. */
    readonly position: Position;
    readonly isDone: boolean;
  }[];
  /** Stations behind those listed. */
  readonly more: number;
}

export interface GpuStateView {
  readonly eviction: EvictionView;
  /** The machine's devices are GPUs with a driver; false: the test driver's, of which nothing stands here. */
  readonly hasDriver: boolean;
  readonly gpus: readonly {
    readonly device: number;
    readonly model: string;
    readonly coherent: boolean;
    readonly hive: number;
    readonly vramStart: number;
    readonly vramPages: number;
    /** Its memory is registered: ranges can live there. */
    readonly registered: boolean;
    readonly freePages: number;
    /** Objects in VRAM in the order in which they are evicted. */
    readonly lru: readonly number[];
  }[];
  readonly bos: readonly GpuBoView[];
  readonly processes: readonly {
    readonly name: string;
    readonly xnack: boolean;
    readonly queues: 'run' | 'stopped' | 'dead';
    /** Ranges that an invalidation hit; the kernel thread that maps them again is due. */
    readonly evictedRanges: number;
    readonly restoreScheduled: boolean;
    /** Invalidations of its user pointers since they were looked up. */
    readonly evictedUserptrs: number;
    /** Its objects of compute were evicted, and are to come back in 100 ms. */
    readonly restoreDue: boolean;
    readonly counters: readonly {
      readonly device: number;
      readonly faults: number;
      readonly pagesIn: number;
      readonly pagesOut: number;
    }[];
  }[];
  readonly userptrs: readonly UserptrView[];
  readonly ranges: readonly SvmRangeView[];
  readonly copies: GpuCopies;
}

export interface CostTotals {
  readonly nsByKind: Readonly<Record<string, number>>;
  readonly serialNs: number;
  readonly overlappedNs: number;
  readonly bytesByLink: Readonly<Partial<Record<LinkName, number>>>;
  readonly ddrBytes: number;
  /** `gpu local`, `cpu device` … */
  readonly accesses: Readonly<Record<string, number>>;
  readonly pin: {
    readonly pagesMoved: number;
    readonly movingNs: number;
    readonly pagesLeft: number;
    readonly failedEvictions: number;
    readonly pagesAliased: number;
  };
}

/** What the run took up to its end, under a cost model; two runs of the same steps can be set side by side. */
export interface CostsView {
  readonly model: CostModel;
  readonly total: CostTotals;
  readonly steps: readonly (CostTotals & { readonly step: number })[];
  /** Where another run was named, in which long-term pins stay in VRAM. */
  readonly question?: PinQuestion;
}

/** What migration on a long-term pin cost, and what staying would have. */
export interface PinQuestion {
  readonly pagesMoved: number;
  readonly movingNs: number;
  /** What the GPUs spent more on reaching the moved pages; below 0: less. */
  readonly farAccessNs: number;
  readonly pagesHeld: number;
  readonly failedEvictions: number;
  readonly waitingNs: number;
  readonly pagesAliased: number;
}

/** Questions about GPUs by name, as PanelViews has them. */
export interface GpuViews {
  readonly iomem: { readonly ask: object; readonly answer: IomemView };
  readonly gpu: { readonly ask: object; readonly answer: GpuStateView };
  /** `overrides`: figures that somebody put in place of the model's own; `staying`: a run in which pins stay in VRAM. */
  readonly costs: {
    readonly ask: { readonly overrides?: CostOverrides; readonly staying?: RunId };
    readonly answer: CostsView;
  };
}
