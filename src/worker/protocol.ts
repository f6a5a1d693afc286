// The whole boundary between the page and the simulation worker. Plain data only; bulk as typed arrays.
// Every request has an id and the run it is about; the answer repeats both, so stale answers are dropped.

import type { MapMode } from './protocol-map.ts';
import type { KernelConfig, MachinePresetName, MappedMemoryKind, PatchNumber } from '../core/uapi/config.ts';
import type { LinkName } from '../core/uapi/cost-model.ts';
import type { Provenance } from '../core/uapi/events.ts';
import type { Breakpoint, Search } from './protocol-debug.ts';
import type { DetailAnswer, DetailRequest, RetellAnswer, RetellRequest } from './protocol-detail.ts';
import type { MemoryTypesAnswer, MemoryTypesRequest } from './protocol-memory-types.ts';
import type { Viewed, ViewRequest } from './protocol-views.ts';
import { type Moment } from './protocol-moment.ts';

/** A run: one scenario on one machine under one kernel configuration. Two runs can be open at once. */
export type RunId = string;

/** A position in the timeline: how many events have happened. 0 is before boot; `bootEnd` before step 0. */
export type Position = number;

export type Grain = 'event' | 'function' | 'step' | 'beat';

/**
 * How a debugger moves besides. `over`: to the next call that is not below the running one; `out`: to the end of the
 * running call; `breakpoint`: to the next event that a breakpoint is about. `gist`: as `beat`, without the phases that a
 * reader can do without.
 */
export type Motion = Grain | 'over' | 'out' | 'breakpoint' | 'gist';

// --- requests ------------------------------------------------------------------------------------------------

/** Sent to load a scenario and run it to its end. Answered by `opened`, or `failed` with nothing changed. */
export interface OpenRequest {
  readonly kind: 'open';
  readonly id: number;
  readonly runId: RunId;
  /** A scenario file or a recording, parsed from JSON but not yet checked. */
  readonly scenario: unknown;
  /** Overrides the machine that the scenario asks for. */
  readonly machine?: MachinePresetName;
  /**
   * Overrides parts of the kernel that the scenario asks for. On such a kernel a step may be impossible that follows
   * from one that now fails: the run ends there, and `leftOut` says what was not run.
   */
  readonly kernel?: Partial<KernelConfig>;
  /** Steps to run behind those of the scenario, as AppendRequests would; a failure names `added[2]`. */
  readonly added?: readonly unknown[];
}

/** Sent when the user adds a step at the end of a run. Answered by `opened` or `failed`. */
export interface AppendRequest {
  readonly kind: 'append';
  readonly id: number;
  readonly runId: RunId;
  readonly step: unknown;
}

/** What the panels show at one position. Answered by `moment`. */
export interface MomentRequest {
  readonly kind: 'moment';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
}

/** The next or previous stop of a grain. Answered by `navigated`; for `breakpoint` after `progress`. */
export interface NavigateRequest {
  readonly kind: 'navigate';
  readonly id: number;
  readonly runId: RunId;
  readonly from: Position;
  readonly grain: Motion;
  readonly direction: 1 | -1;
  /** For `breakpoint`. */
  readonly breakpoints?: readonly Breakpoint[];
}

/** Cells of memory maps. Answered by `tiles`. */
export interface TilesRequest {
  readonly kind: 'tiles';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  readonly tiles: readonly TileRequest[];
  readonly mode: MapMode;
}
/** `cells` cells from `start` on, each standing for `pagesPerCell` frames (a power of two). */
export interface TileRequest {
  readonly start: number;
  readonly cells: number;
  readonly pagesPerCell: number;
}

/** Everything about one thing. Answered by `inspected`. */
export interface InspectRequest {
  readonly kind: 'inspect';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  readonly target: Selection;
}

/** Spans for the timeline between two positions, at most `limit` of them. Answered by `spans`. */
export interface SpansRequest {
  readonly kind: 'spans';
  readonly id: number;
  readonly runId: RunId;
  readonly from: Position;
  readonly to: Position;
  readonly limit: number;
}

/** Sent when a run is no longer shown. Not answered. */
export interface CloseRequest {
  readonly kind: 'close';
  readonly runId: RunId;
}

/**
 * Sent when somebody does not want to wait for what takes long. Not answered; that request is, by `failed`, and
 * nothing of it was done.
 */
export interface CancelRequest {
  readonly kind: 'cancel';
  /** Id of the request. */
  readonly request: number;
}

export type ToWorker =
  | OpenRequest
  | AppendRequest
  | MomentRequest
  | NavigateRequest
  | TilesRequest
  | InspectRequest
  | SpansRequest
  | MemoryTypesRequest
  | DetailRequest
  | RetellRequest
  | ViewRequest
  | CancelRequest
  | CloseRequest;

// --- what can be selected -------------------------------------------------------------------------------------

export type Selection =
  | { readonly kind: 'page'; readonly pfn: number }
  | { readonly kind: 'pte'; readonly process: string; readonly vpn: number }
  | { readonly kind: 'vma'; readonly process: string; readonly vpn: number }
  | { readonly kind: 'handle'; readonly name: string };

// --- answers --------------------------------------------------------------------------------------------------

/** Words are in a catalogue; the core and the worker send ids and parameters. */
export interface Message {
  readonly id: string;
  readonly params: Readonly<Record<string, string | number>>;
}

export interface Opened {
  readonly kind: 'opened';
  readonly id: number;
  readonly runId: RunId;
  readonly run: RunInfo;
}

export interface RunInfo {
  readonly name: string;
  readonly title: string;
  readonly source: 'recording' | 'scene' | 'selftest';
  readonly machine: MachineInfo;
  readonly kernel: KernelConfig;
  /** What the scenario asks for, without overrides. */
  readonly ownKernel: KernelConfig;
  readonly steps: readonly StepInfo[];
  readonly bootEnd: Position;
  /** Length of the timeline. */
  readonly length: Position;
  /** A tree of branches; one, until somebody acts in the past. */
  readonly branches: readonly { readonly id: number; readonly parent: number; readonly forkStep: number }[];
  /** Steps of the scenario, and added ones, that were not run; the first says why. */
  readonly leftOut: readonly LeftOutStep[];
  readonly agreement: Agreement;
  /** The verdict on one of the kernel's own tests; undefined for any other scenario. */
  readonly selftest: SelftestReport | undefined;
  /** What the kernel prints in this run, in order; the first of them where there are very many. */
  readonly kernelLog: readonly KernelLogLine[];
}

/** A line of the kernel log. */
export interface KernelLogLine {
  /** Behind the event that prints it. */
  readonly position: Position;
  readonly step: number;
  /** Function that prints it, and its file; '' where no traced function is on the stack. */
  readonly fn: string;
  readonly file: string;
  /** With a stack trace, a plain line, or one of ours that says where the simulation departs from the kernel. */
  readonly kind: 'WARN' | 'printk' | 'simulation';
  readonly text: Message;
  /** Of a WARN: the lines that dmesg begins with. What is not simulated stands there as `?`. */
  readonly dmesg: readonly string[];
  /** A WARN of the kind that the kernel prints once, and has printed before. */
  readonly again: boolean;
}

export interface LeftOutStep {
  readonly step: Readonly<Record<string, unknown>>;
  /** Why it could not be run; '' for a step that only comes behind such a one, or behind the end of a test. */
  readonly reason: string;
}

/** What one of the kernel's own tests asserts, and what of it is so here. */
export interface SelftestReport {
  readonly test: string;
  readonly fixture: string;
  readonly variant: 'private' | 'coherent';
  readonly ok: boolean;
  /** Assertions before the first that does not hold. */
  readonly held: number;
  readonly assertions: readonly AssertionInfo[];
  /** Patches that the kernel lacks, and without which the driver has no coherent device. */
  readonly missingPatches: readonly PatchNumber[];
  /** The patch that brought the test, if the kernel lacks it: `hmm-tests` has no such test then. */
  readonly absentPatch: PatchNumber | undefined;
}
export interface AssertionInfo {
  readonly step: number;
  /** `ret`, `perms[2]`, `place of A buf+0..3` */
  readonly what: string;
  readonly expected: string;
  /** '' where it was not reached. */
  readonly found: string;
  readonly state: 'holds' | 'differs' | 'not-reached';
}

export interface MachineInfo {
  readonly preset: MachinePresetName;
  readonly title: string;
  readonly cpus: number;
  readonly totalPages: number;
  /** Physical ranges by address; what the maps lay out. */
  readonly ranges: readonly RangeInfo[];
  /** node_distance of each node from node 0, by its number. */
  readonly distances: readonly number[];
  /** What lies between a device and the CPU (-1), or another device; none for devices of the kernel's test driver. */
  readonly links: readonly { readonly from: number; readonly to: number; readonly link: LinkName }[];
}
export interface RangeInfo {
  readonly id: string;
  readonly start: number;
  readonly npages: number;
  readonly kind: 'ram' | 'coherent' | 'private' | MappedMemoryKind | 'mmio';
  readonly node: number;
  /** 'DMA32', 'Normal', 'Movable', 'Device' … */
  readonly zone: string;
  readonly cma: boolean;
  /** Why the kernel never hands it out; empty if it does. */
  readonly reserved: string;
  /** Device id, or -1. */
  readonly device: number;
}

export interface StepInfo {
  readonly index: number;
  /** The step as the scenario has it. */
  readonly step: Readonly<Record<string, unknown>>;
  /** Position before its first event and after its last. */
  readonly begin: Position;
  readonly end: Position;
  /** What the call returned, in the vocabulary of the recordings; of a long list its beginning, see step-results.ts. */
  readonly result: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  /** It left counts instead of events: what it did about a page comes from running it again. */
  readonly isBig: boolean;
}

/**
 * How the run compares with the recorded kernel: results, counters and state decide; the order of calls is told apart.
 * On another machine, or under another configuration, than the recorded one nothing was recorded.
 */
export interface Agreement {
  readonly kind: 'agrees' | 'differs' | 'nothing-recorded';
  readonly kernel: string;
  /** Why nothing was recorded. */
  readonly reason?: Message;
  readonly stepsAgree: number;
  readonly stepsTotal: number;
  readonly callOrderAgree: number;
  readonly callOrderTotal: number;
  readonly differences: readonly Difference[];
  /** First call that differs, of each step whose order of calls differs. */
  readonly callDifferences: readonly Difference[];
}
export interface Difference {
  readonly step: number;
  /** `state.frames.f3.refcount`, `calls[7]` */
  readonly path: string;
  readonly kernel: string;
  readonly ours: string;
}

export interface MomentAnswer {
  readonly kind: 'moment';
  readonly id: number;
  readonly runId: RunId;
  readonly moment: Moment;
}

export interface Navigated {
  readonly kind: 'navigated';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  /** For `breakpoint`: what stopped it, and what could not be seen on the way. */
  readonly search?: Search;
}

export interface TilesAnswer {
  readonly kind: 'tiles';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  readonly tiles: readonly Tile[];
}
/** Per cell: how many of its frames are in each of MAP_STATES. */
export interface Tile {
  readonly start: number;
  readonly cells: number;
  readonly pagesPerCell: number;
  /** `cells * MAP_STATES.length` counts; transferred. */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** `cells * SHADES` counts in modes that need them; undefined: the ranges say it. */
  readonly shades: Uint32Array<ArrayBuffer> | undefined;
  /** Of single pages, the order of the free block that each is in; -1: in none. Empty where cells are larger. */
  readonly orders: Int8Array<ArrayBuffer>;
}

export interface Inspected {
  readonly kind: 'inspected';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  readonly target: Selection;
  readonly inspection: Inspection;
}

export interface Inspection {
  readonly title: string;
  readonly fields: readonly {
    readonly name: string;
    readonly value: string;
    readonly was?: string;
    readonly help?: string;
  }[];
  /** Who holds references, and how many; sums up to `_refcount`. Only for a page. */
  readonly holders: readonly { readonly holder: string; readonly amount: number; readonly detail: string }[];
  readonly history: readonly HistoryEntry[];
  /** Big steps of which the history only knows that they were, until they have been run again for this. */
  readonly untold: readonly number[];
}
export interface HistoryEntry {
  /** Of an event of a big step, which has no positions of its own: the end of the step. */
  readonly position: Position;
  readonly step: number;
  /** Known from running a big step again. */
  readonly retold: boolean;
  readonly text: Message;
  readonly provenance: Provenance;
}

export interface SpansAnswer {
  readonly kind: 'spans';
  readonly id: number;
  readonly runId: RunId;
  readonly from: Position;
  readonly to: Position;
  /** Outer spans first; when there are more than `limit`, the shortest are left out. */
  readonly spans: readonly SpanView[];
  readonly marks: readonly Mark[];
}
/** A point on the timeline where playback stops, or where something went wrong. */
export interface Mark {
  readonly position: Position;
  readonly kind: 'beat' | 'failure' | 'warning';
  readonly text: Message;
}
export interface SpanView {
  readonly fn: string;
  readonly lane: 'task' | 'kernel' | 'driver' | 'device';
  /** Which task of the step; 1 unless several run at once. Spans of one task and lane nest. */
  readonly task: number;
  readonly depth: number;
  readonly begin: Position;
  readonly end: Position;
  readonly label: string;
}

/** A request could not be served; the last good state stays. */
export interface Failed {
  readonly kind: 'failed';
  readonly id: number;
  readonly runId: RunId;
  /** 'steps[3].count' */
  readonly place: string;
  readonly message: Message;
}

/** Comes now and then while an `open`, `append`, `detail`, `retell` or a search takes long; its answer still comes. */
export interface Progress {
  readonly kind: 'progress';
  readonly id: number;
  readonly runId: RunId;
  /** Index of the step that runs, and how many there are. */
  readonly step: number;
  readonly steps: number;
  /** Pages that this step has worked on so far; one that it comes back to counts again. */
  readonly pages: number;
}

export type FromWorker =
  | Progress
  | Opened
  | MomentAnswer
  | Navigated
  | TilesAnswer
  | Inspected
  | SpansAnswer
  | Viewed
  | MemoryTypesAnswer
  | DetailAnswer
  | RetellAnswer
  | Failed;
