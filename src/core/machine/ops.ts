// Interfaces through which mm/ calls drivers, and what it knows of the running task.

import type { KernelDefect } from '../uapi/defects.ts';
import type { Pfn, Vpn } from '../uapi/units.ts';
import type { Vma } from './entities.ts';
import type { Machine } from './machine.ts';

/** A point at which a task may sleep, and what it waits for. */
export type Wait =
  | { readonly kind: 'page-lock'; readonly pfn: Pfn }
  /** Waits until the migrated page is unlocked, without holding a reference. */
  | { readonly kind: 'migration-entry'; readonly pfn: Pfn }
  | { readonly kind: 'mmap-lock'; readonly mm: number; readonly free: () => boolean }
  /** An interval of the mm is being invalidated. */
  | { readonly kind: 'invalidation'; readonly mm: number; readonly free: () => boolean }
  | { readonly kind: 'mutex'; readonly name: string; readonly free: () => boolean }
  /** A fence is to be signalled; `expire` is called when nothing else can run any more, as after a time-out. */
  | {
      readonly kind: 'fence';
      readonly free: () => boolean;
      readonly expire?: () => void;
      /** What it is if the fence is never signalled. */
      readonly defect?: KernelDefect;
    }
  /** Something that others do: `what` for a message, should it never come. */
  | { readonly kind: 'event'; readonly what: string; readonly free: () => boolean }
  | SpinWait
  /** Could sleep here, need not: another task may run in between. */
  /**
   * `stays`: nobody else runs in between, the task only lets go of the worker. `midway`: in a phase over many pages,
   * whose next phase comes back to each of them.
   */
  | { readonly kind: 'resched'; readonly where: string; readonly stays?: true; readonly midway?: true };

/** Does not sleep: does the same again and again, without any effect, until others change something. */
export interface SpinWait {
  readonly kind: 'spin';
  readonly what: string;
  readonly free: () => boolean;
  readonly defect: KernelDefect;
  /** Address that is accessed. */
  readonly vpn: Vpn;
  /** The event that begins the function which lets it go round. */
  readonly span: number;
}

/** What a function that may sleep returns; call it with `yield*`. */
export type Sleeps<T> = Generator<Wait, T, void>;

/** Work for a kernel thread. Delayed work begins when nothing else runs, unless tasks are interleaved. */
export interface PendingWork {
  readonly delayed: boolean;
  readonly run: () => Sleeps<void>;
}

/** The thread of a node that is awake: kswapd. */
export interface Kswapd {
  readonly work: PendingWork;
  /** Highest zone that somebody has asked of it; its position in ZONE_NAMES. */
  highestZoneidx: number;
}

/** `current`, as far as mechanisms look at it. */
export interface CurrentTask {
  readonly id: number;
  readonly mm: number;
  readonly cpu: number;
  /** PF_MEMALLOC_PIN: allocations of this task must be long-term pinnable. */
  memallocPin: boolean;
  /** PF_MEMALLOC: the task reclaims memory; what it allocates must not lead to reclaim again. */
  memalloc: boolean;
  /** SIGKILL is pending: loops in the kernel end with -EINTR. Nothing in a scenario sets it before a step ends. */
  readonly fatalSignalPending?: boolean;
}

export interface MmuNotifierRange {
  readonly event: MmuNotifierEvent;
  readonly mm: number;
  readonly start: Vpn;
  readonly end: Vpn;
  /** pgmap owner for MIGRATE and EXCLUSIVE; 0: none. */
  readonly owner: number;
}

export type MmuNotifierEvent =
  | 'UNMAP'
  | 'CLEAR'
  | 'PROTECTION_VMA'
  | 'PROTECTION_PAGE'
  | 'SOFT_DIRTY'
  | 'RELEASE'
  | 'MIGRATE'
  | 'EXCLUSIVE';

/** struct mmu_interval_notifier: its callback, and the interval that it watches; without one the whole address space. */
export interface MmuIntervalNotifierOps {
  readonly interval?: { readonly start: Vpn; readonly end: Vpn };
  /** The same, where it changes while the notifier lives. */
  readonly intervalOf?: (m: Machine) => { readonly start: Vpn; readonly end: Vpn };
  invalidate(m: Machine, subscription: number, range: MmuNotifierRange): boolean;
  /** The same for each page of a range by itself, in order; absent: `invalidate` is called for each. */
  invalidatePages?(m: Machine, subscription: number, range: MmuNotifierRange): void;
}

/** struct vm_fault, as far as a driver sees it. */
export interface VmFault {
  readonly vma: Vma;
  readonly vpn: Vpn;
  readonly page: Pfn;
}

/** struct dev_pagemap_ops. */
export interface DevPagemapOps {
  readonly pageFree?: (m: Machine, pfn: Pfn) => void;
  /** The same for the first `n` frames of an array, in order; absent: `pageFree` is called for each. */
  readonly pagesFree?: (m: Machine, pfns: Float64Array, n: number) => void;
  readonly migrateToRam?: (m: Machine, vmf: VmFault) => Sleeps<number>;
  /**
   * The same for faults on the pages up to `end`, one after another; absent: `migrateToRam` is called for each.
   * Returns how many pages have moved; 0: the next one is for `migrateToRam`.
   */
  readonly migrateManyToRam?: (m: Machine, vmf: VmFault, end: Vpn) => number;
  /** The page that holds a page's bytes; absent: itself. */
  readonly bytesOf?: (m: Machine, pfn: Pfn) => Pfn;
}
