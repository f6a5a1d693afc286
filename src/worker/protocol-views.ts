// What single panels ask about a position beyond the moment that all share. A panel that is not shown asks nothing.

import type { DumpedPage } from './protocol-dump.ts';
import type { EntryKind } from '../core/uapi/pte.ts';
import type { GpuViews } from './protocol-gpu.ts';
import type { CompareView } from './protocol-compare.ts';
import type { Message, Position, RunId } from './protocol.ts';
import type { PteRow, Residence } from './protocol-moment.ts';

/** Every view by name: what is asked, and what is answered. A new panel adds a line here and one in views/panels.ts. */
export interface PanelViews extends GpuViews {
  readonly 'gup-path': { readonly ask: object; readonly answer: GupPathView };
  /** The same scenario on another kernel, or with other devices: `other` is its run. */
  /** `beside`: a third run, in step with the two. */
  readonly compare: {
    readonly ask: { readonly other: RunId; readonly beside?: RunId };
    readonly answer: CompareView & { readonly beside?: CompareView };
  };
  /** What has moved from where to where, up to the position. */
  readonly traffic: { readonly ask: object; readonly answer: TrafficView };
  /** The walk to an address of a process; without one, to the first page of its first area. `open`: tables beside it. */
  readonly 'page-walk': {
    readonly ask: {
      readonly process?: string | undefined;
      readonly vpn?: number | undefined;
      readonly open?: readonly TableBelow[];
    };
    readonly answer: PageWalkView;
  };
  /** A page in the inspector, besides its fields. */
  readonly 'page-detail': { readonly ask: { readonly pfn: number }; readonly answer: PageDetailView };
  /** A handle in the inspector. */
  readonly 'pin-detail': { readonly ask: { readonly name: string }; readonly answer: PinDetailView };
  /** The last fork, or the one that made `child`. */
  readonly fork: { readonly ask: { readonly child?: string | undefined }; readonly answer: ForkView };
  /** The firmware's map of memory, and the zones. */
  readonly zones: { readonly ask: object; readonly answer: ZonesView };
  /** `open`: where calls begin that are unfolded. */
  readonly 'call-tree': {
    readonly ask: { readonly open: readonly Position[] };
    readonly answer: CallTreeView;
  };
}
export type ViewName = keyof PanelViews;

/** A question: `{ view: 'gup-path' }` with what that view wants to know besides. */
export type ViewQuery<N extends ViewName = ViewName> = {
  [K in N]: { readonly view: K } & PanelViews[K]['ask'];
}[N];

/** The answer to a question of the same name. */
export type ViewResult<N extends ViewName = ViewName> = {
  [K in N]: { readonly view: K; readonly data: PanelViews[K]['answer'] };
}[N];

/** Answered by `viewed`. */
export interface ViewRequest {
  readonly kind: 'view';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  readonly query: ViewQuery;
}

export interface Viewed {
  readonly kind: 'viewed';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  readonly result: ViewResult;
}

// --- gup-path -------------------------------------------------------------------------------------------------------

/** Stations on the way of one GUP call. */
export const GUP_STATIONS = [
  'call',
  'fast',
  'slow',
  'follow',
  'fault',
  'check',
  'collect',
  'migrate',
  'done',
] as const;
export type GupStation = (typeof GUP_STATIONS)[number];

/** A way from one station to another; `retry` leads back from migrate to slow. */
export const GUP_BRANCHES = [
  'asked',
  'grabbed',
  'refused',
  'looked-up',
  'not-there',
  'faulted',
  'found',
  'short-pin',
  'all-pinnable',
  'unpinnable',
  'to-migrate',
  'retry',
  'gave-up',
] as const;
export type GupBranch = (typeof GUP_BRANCHES)[number];

export interface GupStationView {
  readonly station: GupStation;
  /** `unused`: not reached up to here; `here`: the call is in it now. */
  readonly state: 'unused' | 'passed' | 'here' | 'failed';
  /** What happened there, with live values. */
  readonly facts: readonly Message[];
  /** Where it was reached last; -1: never. */
  readonly position: Position;
}

export interface GupBranchView {
  readonly branch: GupBranch;
  /** How many pages, or passes for `asked` and `retry`, went this way; 0: none. */
  readonly count: number;
}

/** The last call of GUP that began up to a position, as far as it has come there. */
export interface GupPathView {
  /** undefined: no step has asked for pages up to here. */
  readonly call: GupCallView | undefined;
  readonly stations: readonly GupStationView[];
  readonly branches: readonly GupBranchView[];
}

export interface GupCallView {
  /** `pin_user_pages_fast` */
  readonly fn: string;
  readonly step: number;
  readonly process: string;
  /** `buf+0` */
  readonly first: string;
  readonly npages: number;
  readonly flags: readonly string[];
  readonly longterm: boolean;
  /** What it returned; undefined while it runs. */
  readonly result: number | undefined;
  readonly begin: Position;
  readonly end: Position;
}

// --- call-tree ------------------------------------------------------------------------------------------------------

/** The calls of the step at the cursor. */
export interface CallTreeView {
  /** -1: before step 0. */
  readonly step: number;
  /** Each call is followed by those below it, if it is open. */
  readonly rows: readonly CallRow[];
}

export type CallRow =
  | {
      readonly kind: 'call';
      readonly fn: string;
      readonly file: string;
      readonly depth: number;
      /** Position behind its first event, and behind its last. */
      readonly begin: Position;
      readonly end: Position;
      readonly args: string;
      /** What it returned; '' nothing, or not yet. */
      readonly result: string;
      readonly hasCalls: boolean;
      readonly isOpen: boolean;
      readonly state: 'past' | 'running' | 'to-come';
    }
  /** Calls that are not listed. */
  | { readonly kind: 'more'; readonly depth: number; readonly count: number };

// --- page-walk ------------------------------------------------------------------------------------------------------

/** The tables from the PGD down to one address, each with all entries that are not empty. */
export interface PageWalkView {
  /** undefined: no process lives that has an area. */
  readonly target: WalkTarget | undefined;
  /** Processes that could be walked instead. */
  readonly processes: readonly string[];
  readonly levels: readonly WalkLevel[];
  /** Tables beside the way that were asked for, as far as they are there. */
  readonly branches: readonly WalkBranch[];
  /** What devices have for the same address. */
  readonly mirrors: readonly {
    readonly device: number;
    readonly access: 'r' | 'w' | 'x';
    readonly pfn: number;
  }[];
}

export interface WalkTarget {
  readonly process: string;
  readonly vpn: number;
  /** `buf+2`; '' outside of all areas. */
  readonly name: string;
}

export const WALK_LEVELS = ['pgd', 'pud', 'pmd', 'pte'] as const;

/** The table that an entry of a process's page table leads to. */
export interface TableBelow {
  readonly process: string;
  /** Level of the entry. */
  readonly level: WalkLevel['level'];
  /** First virtual page that the entry covers. */
  readonly vpn: number;
}

export interface WalkBranch extends TableBelow {
  readonly table: WalkLevel;
}

export interface WalkLevel {
  readonly level: (typeof WALK_LEVELS)[number];
  /** Frame of the table; -1: the walk ends above. */
  readonly table: number;
  /** The address's index in this table; -1: the table is not on its way. */
  readonly index: number;
  /** Entries that are not empty, by index; at most 64 around the address's, or the first. */
  readonly entries: readonly WalkEntry[];
  /** How many entries are not empty. */
  readonly used: number;
}

export interface WalkEntry {
  readonly index: number;
  /** First virtual page that it covers. */
  readonly vpn: number;
  /** `table`: leads to the next level. */
  readonly kind: 'table' | EntryKind;
  /** A leaf above the PTE level. */
  readonly huge: boolean;
  /** Frame that it refers to; -1: none. */
  readonly pfn: number;
  readonly raw: string;
  readonly writable: boolean;
  readonly dirty: boolean;
  readonly young: boolean;
  /** Where the page lives; undefined: a table, or nothing. */
  readonly residence: Residence | undefined;
  /** `buf+2` */
  readonly name: string;
  /** Processes whose entries refer to the same frame, besides this one. */
  readonly sharedWith: readonly string[];
}

// --- compare --------------------------------------------------------------------------------------------------------

/** Two runs of one scenario at the same moment of the same step. */

// --- traffic --------------------------------------------------------------------------------------------------------

export interface TrafficView {
  /** Banks of memory between which pages have moved, or could. */
  readonly places: readonly TrafficPlace[];
  readonly flows: readonly TrafficFlow[];
  /** Pages that moved in each step so far, to a device and to system memory. */
  readonly steps: readonly { readonly step: number; readonly toDevice: number; readonly toSystem: number }[];
}

export interface TrafficPlace {
  /** Index in `places`, which flows use. */
  readonly id: number;
  /** NUMA node of system memory, or the device's number in the scenario. */
  readonly number: number;
  readonly kind: 'system' | 'coherent' | 'private';
}

export interface TrafficFlow {
  readonly from: number;
  readonly to: number;
  readonly pages: number;
  /** Of these, in the step at the cursor. */
  readonly pagesInStep: number;
}

// --- page-detail ----------------------------------------------------------------------------------------------------

export interface PageDetailView {
  readonly pfn: number;
  readonly dump: DumpedPage;
  /** Whose memory it is; undefined: no device's. `start` and `end` are frames, the last one excluded. */
  readonly pgmap:
    | { readonly type: string; readonly start: number; readonly end: number; readonly device: number }
    | undefined;
  readonly mappings: readonly ReverseMapping[];
  /** Mappings behind those listed. */
  readonly more: number;
  /** undefined: not in use, in use since boot, or not known yet. */
  readonly origin: PageOrigin | undefined;
  /** The answer lies in a big step that has not been run again for this page. */
  readonly isOriginUntold: boolean;
  /** Where there is no origin: why the frame is free, or in use without anybody having taken it in this run. */
  readonly standing: Standing | undefined;
}

export interface Standing {
  readonly text: Message;
  readonly why: Message;
  readonly isFree: boolean;
  /** What gave it back last, if that stands in the log. */
  readonly freed: { readonly position: Position; readonly step: number; readonly fn: string } | undefined;
}

/** An entry that refers to a page. */
export interface ReverseMapping {
  readonly process: string;
  readonly vpn: number;
  /** `buf+2` */
  readonly name: string;
  readonly entry: EntryKind;
  readonly level: PteRow['level'];
  readonly writable: boolean;
}

/** How a page came into its frame. */
export interface PageOrigin {
  /** Behind the event that took the frame into use; of a big step its end, and so are the others. */
  readonly position: Position;
  readonly step: number;
  /** Known from running a big step again. */
  readonly retold: boolean;
  /** Frame that the page came from; -1: it was made here. */
  readonly source: number;
  /** Calls in which that happened, the outermost first. */
  readonly calls: readonly { readonly fn: string; readonly begin: Position }[];
  /** What was decided before; undefined: nothing that the trace tells. */
  readonly cause: { readonly position: Position; readonly text: Message; readonly why: Message } | undefined;
}

// --- pin-detail -----------------------------------------------------------------------------------------------------

export interface PinDetailView {
  readonly name: string;
  /** undefined: nobody holds it at this position. */
  readonly held: HeldHandle | undefined;
}

export interface HeldHandle {
  readonly process: string;
  readonly call: string;
  readonly pin: boolean;
  readonly longterm: boolean;
  /** The first of its pages. */
  readonly pages: readonly HeldPage[];
  /** How many it has, each counted once. */
  readonly npages: number;
  /** A later step that drops it; -1: none does. */
  readonly droppedIn: number;
  /** The step that drops it. */
  readonly drop: { readonly op: 'unpin' | 'put'; readonly proc: string; readonly handle: string };
}

/**
 * `eviction`: reclaim keeps it. `migration`: it cannot leave its frame. `reuse`: a write copies it, though nobody else
 * may map it. `sharing`: fork copies it at once.
 */
export type PinBlock = 'eviction' | 'migration' | 'reuse' | 'sharing';

export interface HeldPage {
  readonly pfn: number;
  /** `buf+2`; '' nobody maps it. */
  readonly name: string;
  readonly residence: Residence;
  readonly refcount: number;
  readonly blocks: readonly PinBlock[];
  /** Other handles on the same page. */
  readonly others: readonly string[];
  /** The handle has its last references: without it the page is freed. */
  readonly isLast: boolean;
}

// --- fork -----------------------------------------------------------------------------------------------------------

export interface ForkView {
  /** Forks of which both processes live. */
  readonly pairs: readonly { readonly parent: string; readonly child: string }[];
  /** '' no process lives. */
  readonly parent: string;
  /** '' nobody has forked. */
  readonly child: string;
  /** MMF_HAS_PINNED of the parent. */
  readonly hasPinned: boolean;
  readonly areas: readonly ForkArea[];
}

export interface ForkArea {
  readonly name: string;
  readonly kind: string;
  readonly pages: readonly {
    readonly index: number;
    readonly vpn: number;
    readonly parent: ForkSide | undefined;
    readonly child: ForkSide | undefined;
    /** Both entries refer to one frame. */
    readonly shared: boolean;
  }[];
  /** Pages behind those listed. */
  readonly more: number;
}

/**
 * What a write meets. `writes`: a writable entry. `exclusive`, `reuse`: made writable in place. `shared`: a shared
 * mapping, which has no copies. `fresh`: a new page, zeroed. `home`: it leaves the device first.
 */
export type WriteOutcome =
  | 'denied'
  | 'fresh'
  | 'writes'
  | 'exclusive'
  | 'reuse'
  | 'copy'
  | 'shared'
  | 'home'
  | 'taken-back'
  | 'waits'
  | 'fault';

/** `nothing`: the child's entry stays empty. `left-out`: the child has no such area. */
export type ForkOutcome = 'share' | 'early-copy' | 'nothing' | 'left-out';

export interface ForkSide {
  readonly entry: EntryKind;
  readonly pfn: number;
  readonly residence: Residence | undefined;
  readonly writable: boolean;
  /** AnonExclusive */
  readonly exclusive: boolean;
  readonly mapcount: number;
  readonly pins: number;
  /** What the next write of this process does. */
  readonly onWrite: WriteOutcome;
  /** What a fork of this process does with it. */
  readonly atFork: ForkOutcome;
}

// --- zones ----------------------------------------------------------------------------------------------------------

export interface ZonesView {
  /** By address. */
  readonly firmware: readonly FirmwareRange[];
  readonly zones: readonly ZoneView[];
}

/** Frames from `start` to before `end`. */
export interface FirmwareRange {
  readonly start: number;
  readonly end: number;
  readonly kind: 'ram' | 'soft-reserved' | 'mmio' | 'private';
  /** `System RAM` */
  readonly name: string;
  readonly node: number;
  /** Zone, device, or who keeps it. */
  readonly about: string;
  readonly cma: boolean;
}

/** A zone of a node; amounts in pages. */
export interface ZoneView {
  readonly node: number;
  readonly name: string;
  readonly spanned: number;
  readonly managed: number;
  readonly free: number;
  readonly min: number;
  readonly low: number;
  readonly high: number;
  /** Free blocks by order, of each migratetype that has some. */
  readonly blocks: readonly { readonly type: string; readonly counts: readonly number[] }[];
}
