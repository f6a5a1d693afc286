// What the panels know of one position: the answer to a moment request.

import type { EntryKind } from '../core/uapi/pte.ts';
import type { Provenance } from '../core/uapi/events.ts';
import { type Message, type Position, type RunId } from './protocol.ts';

export interface Moment {
  readonly runId: RunId;
  readonly position: Position;
  /** Index of the step that runs or has just run; -1 before step 0. */
  readonly step: number;
  /** Whether the step is still running at this position. */
  readonly inStep: boolean;
  readonly caption: Message;
  readonly why: Message;
  /** How often this step has stopped at this kind of beat; the first is 1. A repeat needs less time to read. */
  readonly occurrence: number;
  /** Outermost first. */
  readonly stack: readonly StackFrame[];
  /** At the end of a step that never ends: its tasks. */
  readonly standing?: readonly StandingView[];
  readonly event: EventView | undefined;
  readonly processes: readonly ProcessView[];
  readonly devices: readonly DeviceView[];
  readonly handles: readonly HandleView[];
  /** Frames that some shown entry, handle or move refers to. */
  readonly frames: readonly FrameView[];
  /** Frames under a long-term pin, whether they are among `frames` or not. */
  readonly longtermPinnedPages: number;
  /** Pages under way: taken from `src`, to arrive at `dst` (-1: no destination yet). */
  readonly moves: readonly MoveView[];
  readonly residence: readonly ResidenceCount[];
  /** The same where the step began. */
  readonly residenceBefore: readonly ResidenceCount[];
  readonly vmstat: Readonly<Record<string, number>>;
}

/** A task that never goes on. */
export interface StandingView {
  readonly task: number;
  /** Process; empty: a kernel thread. */
  readonly process: string;
  readonly how: 'circle' | 'sleep' | 'stop';
  /** What it waits for, in the kernel's words; a circle: the page that it accesses; a stop: the defect. */
  readonly what: string;
  /** Outermost first; of a circle: its last round. */
  readonly stack: readonly StackFrame[];
}

export interface StackFrame {
  readonly fn: string;
  readonly file: string;
  readonly begin: Position;
  readonly args: readonly { readonly name: string; readonly value: string }[];
}

export interface EventView {
  readonly index: number;
  readonly kind: string;
  readonly provenance: Provenance;
  readonly text: Message;
}

export interface ProcessView {
  readonly name: string;
  readonly alive: boolean;
  readonly areas: readonly AreaView[];
}

export interface AreaView {
  readonly name: string;
  readonly kind: string;
  readonly startVpn: number;
  readonly npages: number;
  readonly vmas: readonly VmaView[];
  /** One row a page; an area of more than 64 pages comes in runs of equal pages. */
  readonly rows: readonly PteRow[];
}

export interface VmaView {
  readonly startVpn: number;
  readonly npages: number;
  readonly prot: string;
  readonly flags: readonly string[];
}

export interface PteRow {
  readonly vpn: number;
  /** Page index in the area. */
  readonly index: number;
  /** Pages that this row stands for. */
  readonly npages: number;
  /** Table indices PGD, PUD, PMD, PTE. */
  readonly path: readonly [number, number, number, number];
  /** Frames of the PUD, PMD and PTE table on the way; -1 where there is none. */
  readonly tables: readonly [number, number, number];
  /** `pud`: a gigantic page of 1 GiB. */
  readonly level: 'pte' | 'pmd' | 'pud' | 'none';
  readonly entry: EntryKind;
  /** 64 bits, `0x8000000012345067`. */
  readonly raw: string;
  readonly writable: boolean;
  readonly dirty: boolean;
  readonly young: boolean;
  readonly special: boolean;
  /** Frame it refers to; -1: none. */
  readonly pfn: number;
  /** How the frame changes from page to page of the row: 1, -1 (devices hand out downwards) or 0. */
  readonly pfnStep: number;
  /** First eight bytes of the page as the owner would read them; undefined where there is no page. */
  readonly value: number | undefined;
  /** Mirror entries in devices' page tables for this page. */
  readonly mirrors: readonly MirrorView[];
}

/** What a device's page table has for the pages of a row. */
export interface MirrorView {
  readonly device: number;
  readonly access: 'r' | 'w' | 'x';
  /** Frame for the first page. */
  readonly pfn: number;
  /** For every page, the frame that the CPU's entry refers to. */
  readonly isSame: boolean;
}

export interface DeviceView {
  readonly id: number;
  readonly kind: 'coherent' | 'private';
  readonly usedPages: number;
  /** Pages of its VRAM that buffer objects have; undefined: its driver gives out single pages. */
  readonly heldPages: number | undefined;
  readonly freePages: number;
  /** Its page tables, of the processes that have opened it; what they hold stands in the rows of the areas. */
  readonly tables: readonly { readonly process: string; readonly isEmpty: boolean }[];
}

export interface HandleView {
  readonly name: string;
  readonly process: string;
  readonly call: string;
  readonly flags: readonly string[];
  readonly longterm: boolean;
  readonly pin: boolean;
  /** Name of its first page, 'buf+0'. */
  readonly first: string;
  readonly pfns: readonly number[];
}

/** Where a page lives; the only thing that colours stand for. */
export type Residence = 'system' | 'coherent' | 'private' | 'movable' | 'free' | 'reserved';

export interface FrameView {
  readonly pfn: number;
  readonly residence: Residence;
  readonly kind: string;
  readonly node: number;
  readonly zone: string;
  readonly device: number;
  readonly refcount: number;
  readonly mapcount: number;
  readonly pins: number;
  readonly longtermPinned: boolean;
  readonly longtermPinnable: boolean;
  readonly flags: readonly string[];
  readonly locked: boolean;
  /** 'buf+2'; 'A buf+2, B buf+2' where there are several processes; '' nobody. A page on its way has its owner. */
  readonly owner: string;
}

export interface MoveView {
  readonly src: number;
  readonly dst: number;
  /** `awaited`: a frame stands ready for its copy, as `migrate_pages` takes it first, and the page is still mapped. */
  readonly phase: 'awaited' | 'unmapped' | 'allocated' | 'copied' | 'mapped' | 'failed';
  /** Decision that kept a page that failed where it is; '' otherwise. It is listed to the end of its step. */
  readonly because: string;
}

export interface ResidenceCount {
  /** 'system', or 'device 0' */
  readonly place: string;
  readonly residence: Residence;
  readonly pages: number;
}
