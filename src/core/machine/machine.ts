// All state of a simulated machine, in one place. Mechanisms reach it through small helpers named as the
// kernel's inline functions; every write goes through the journal.

import type { Trace } from '../trace/trace.ts';
import type { KernelConfig, MachineConfig, MemoryRange } from '../uapi/config.ts';
import { type VmstatCounter, vmstatIndex } from '../uapi/events.ts';
import type { Pfn } from '../uapi/units.ts';
import type {
  AddressSpace,
  AnonVma,
  DevPagemap,
  Dmirror,
  DmirrorDevice,
  Mm,
  PinHandle,
  Vma,
  Zone,
  ZoneRegion,
} from './entities.ts';
import { BLOCK_ROWS, type Column } from './column.ts';
import type {
  EvictionFence,
  Gpu,
  KfdProcess,
  SvmBo,
  SvmRange,
  UserptrBo,
  TtmBo,
  VramManager,
} from './gpu.ts';
import { Journal, type Mark } from './journal.ts';
import type { NumberMap } from './number-map.ts';
import type {
  CurrentTask,
  DevPagemapOps,
  Kswapd,
  MmuIntervalNotifierOps,
  PendingWork,
  SpinWait,
} from './ops.ts';
import { type Cell, Pool } from './pool.ts';

/** struct page as columns. Rows are page frame numbers; an absent row is a free frame of the page allocator. */
export interface PageColumns {
  readonly flags: Column;
  /** _refcount; written only with the name of a holder. */
  readonly refcount: Column;
  /** Page-table entries that map it: the kernel's _mapcount + 1. On a tail page: mappings by PTE. */
  readonly mapcount: Column;
  /** 0 none; anon_vma id * 2 + 1; address_space id * 2. */
  readonly mapping: Column;
  /** Page offset in the mapping. */
  readonly index: Column;
  /** First eight bytes of the page as a number. */
  readonly content: Column;
  /** page->private: buddy order, or 1 if the file system attached buffers. */
  readonly private: Column;
  /** Links of the one list a page can be on; pfn + 1, 0: none. */
  readonly lruNext: Column;
  readonly lruPrev: Column;
  /** ZONE_DEVICE: the driver's own word; test_hmm keeps its free list and the backing page here (pfn + 1). */
  readonly zoneDeviceData: Column;
  /** Tail page: distance to its head; 0: not a tail. */
  readonly tailOffset: Column;
  /** Head: order of the folio. */
  readonly order: Column;
  readonly compoundMapcount: Column;
  readonly compoundPincount: Column;
  readonly mlockCount: Column;
}

/** Rows of a section where a few are written again and again. */
const FEW_ROWS = 64;

export class Machine {
  readonly journal = new Journal();
  readonly trace: Trace = this.journal.trace;
  readonly pages: PageColumns;
  /** Page-table entries of all tables; row = table pfn * 512 + index. */
  readonly entries: Column;
  readonly vmstat: Column;
  /** Numbers with a fixed place, see scalars.ts. */
  readonly scalars: Column;
  /** Resident pages: row = mm id * 4 + RSS_ANON, RSS_FILE or RSS_SHMEM. */
  readonly rss: Column;
  /** Per-CPU batches: row = cpu * 64 + batch * 16 + slot; slot 15 holds the count. */
  readonly batches: Column;
  /** Migratetype of a pageblock + 1; 0: as the range says. Row = pfn / 512. */
  readonly pageblocks: Column;
  /** Slots of the swap device: entries that name one, and whether the swap cache has it. Row = slot. */
  readonly swapMap: Column;
  /** What is written there: first eight bytes of the page as a number. */
  readonly swapContent: Column;
  /** Slot to the page that has it. */
  readonly swapCache: NumberMap;
  /** KSM: process * 2^36 + vpn to the merged page that was mapped there. */
  readonly ksmItems: NumberMap;
  /** The anon_vma that a place of KSM holds, by the same key. */
  readonly ksmAnchors: NumberMap;
  /** Partly unmapped huge pages that reclaim may split, the first in line by the smallest key. */
  readonly deferredSplit: NumberMap;
  /** Row of a huge PMD entry to the page table deposited for it. */
  readonly deposits: NumberMap;

  readonly mms: Pool<Mm>;
  readonly vmas: Pool<Vma>;
  readonly anonVmas: Pool<AnonVma>;
  readonly files: Pool<AddressSpace>;
  readonly handles: Pool<PinHandle>;
  readonly pgmaps: Pool<DevPagemap>;
  readonly devices: Pool<DmirrorDevice>;
  /** Page tables of devices, one for each process that a device knows. */
  readonly dmirrors: Pool<Dmirror>;
  readonly gpus: Pool<Gpu>;
  readonly vramManagers: Pool<VramManager>;
  readonly ttmBos: Pool<TtmBo>;
  readonly fences: Pool<EvictionFence>;
  readonly svmBos: Pool<SvmBo>;
  readonly kfdProcesses: Pool<KfdProcess>;
  readonly svmRanges: Pool<SvmRange>;
  readonly userptrs: Pool<UserptrBo>;
  /** Pins of the scenario by name, in order of creation. */
  readonly handleNames: Cell<readonly (readonly [string, number])[]>;

  readonly zones: readonly Zone[];
  readonly regions: readonly ZoneRegion[];

  /** Callbacks of drivers; fixed once the driver has registered. */
  readonly pagemapOps = new Map<number, DevPagemapOps>();
  readonly notifierOps = new Map<number, MmuIntervalNotifierOps>();

  /** The running task; ephemeral, between events only. */
  current: CurrentTask = { id: 0, mm: 0, cpu: 0, memallocPin: false, memalloc: false };
  /** Nothing happens between the sleeping points of the running task. Ephemeral. */
  isAlone = false;
  /** The fault that was served last changed nothing, and what its repetition would wait for. Ephemeral. */
  fruitlessFault: SpinWait | undefined;
  /** Threads of a process that are in the kernel; 0: kernel threads that have begun and are not done. Ephemeral. */
  threadsInKernel: (mm: number) => number = () => 0;
  /** Process that fork is making; no task has it yet. Ephemeral. */
  newMm = 0;
  /** Holders of each process's mmap_lock: readers, or -1 for one writer. Ephemeral: nobody holds it at rest. */
  readonly mmapLocks = new Map<number, number>();
  /** Work that a kernel thread is to do, queued since the scheduler last looked. Ephemeral. */
  works: PendingWork[] = [];
  /** Lets a kernel thread get on in the midst of the running task; set while tasks are scheduled. */
  runMeanwhile: ((work: PendingWork) => boolean) | undefined;
  /** The kernel thread that sees a process off which was killed for its memory. Ephemeral. */
  oomReaper: PendingWork | undefined;
  /** The kernel threads that reclaim memory just now, by their node. Ephemeral. */
  readonly kswapds = new Map<number, Kswapd>();
  /** A process that is killed has fewer pages, and reclaim takes fewer, or the step has to be a big one. Ephemeral. */
  mostInDetail = Number.POSITIVE_INFINITY;
  /** Processes on the GPUs whose own mapping work runs, with its task. Ephemeral: none runs at rest. */
  readonly faultingTasks = new Map<number, number>();
  /** Mutexes that are held, by name. Ephemeral: none is held at rest. */
  readonly mutexes = new Set<string>();
  /** The zero page's frame; set at boot. */
  zeroPfn: Pfn = -1;

  private lastRange: MemoryRange | undefined;

  constructor(
    readonly config: MachineConfig,
    readonly kernel: KernelConfig,
  ) {
    const j = this.journal;
    this.pages = {
      flags: j.column('flags', 'u32'),
      refcount: j.refcountColumn('_refcount'),
      mapcount: j.column('_mapcount', 'i32'),
      mapping: j.column('mapping', 'i32'),
      index: j.column('index', 'f64'),
      content: j.column('content', 'f64'),
      private: j.column('private', 'i32'),
      lruNext: j.column('lru.next', 'f64'),
      lruPrev: j.column('lru.prev', 'f64'),
      zoneDeviceData: j.column('zone_device_data', 'f64'),
      tailOffset: j.column('compound_head', 'i32'),
      order: j.column('compound_order', 'i32'),
      compoundMapcount: j.column('compound_mapcount', 'i32'),
      compoundPincount: j.column('compound_pincount', 'i32'),
      mlockCount: j.column('mlock_count', 'i32'),
    };
    this.entries = j.column('page-table entry', 'f64');
    this.vmstat = j.column('vmstat', 'f64', FEW_ROWS);
    this.scalars = j.column('scalar', 'f64', FEW_ROWS);
    this.rss = j.column('rss', 'i32', FEW_ROWS);
    this.batches = j.column('per-CPU batch', 'f64', FEW_ROWS);
    this.pageblocks = j.column('pageblock migratetype', 'i32', BLOCK_ROWS);
    this.deposits = j.map('deposited page tables');
    this.swapMap = j.column('swap_map', 'i32');
    this.swapContent = j.column('swap content', 'f64');
    this.swapCache = j.map('swap cache');
    this.ksmItems = j.map('KSM items');
    this.ksmAnchors = j.map('KSM anchors');
    this.mms = new Pool(j, 'process');
    this.vmas = new Pool(j, 'vma');
    this.anonVmas = new Pool(j, 'anon_vma');
    this.files = new Pool(j, 'address_space');
    this.handles = new Pool(j, 'handle');
    this.pgmaps = new Pool(j, 'dev_pagemap');
    this.devices = new Pool(j, 'device');
    this.dmirrors = new Pool(j, 'dmirror');
    this.gpus = new Pool(j, 'GPU');
    this.vramManagers = new Pool(j, 'VRAM manager');
    this.ttmBos = new Pool(j, 'buffer object');
    this.fences = new Pool(j, 'fence');
    this.svmBos = new Pool(j, 'svm_range_bo');
    this.kfdProcesses = new Pool(j, 'kfd_process');
    this.svmRanges = new Pool(j, 'svm_range');
    this.deferredSplit = j.map('deferred split queue');
    this.userptrs = new Pool(j, 'user pointer');
    this.handleNames = j.cell();
    this.zones = zonesOf(config);
    this.regions = this.zones.flatMap((zone) => zone.regions);
  }

  /** Takes over the state of another machine of the same kind, which stands before one of its steps. */
  adopt(other: Machine, mark: Mark): void {
    this.journal.adopt(other.journal, mark);
    this.mms.adopt(other.mms);
    this.vmas.adopt(other.vmas);
    this.anonVmas.adopt(other.anonVmas);
    this.files.adopt(other.files);
    this.handles.adopt(other.handles);
    this.pgmaps.adopt(other.pgmaps);
    this.devices.adopt(other.devices);
    this.dmirrors.adopt(other.dmirrors);
    this.gpus.adopt(other.gpus);
    this.vramManagers.adopt(other.vramManagers);
    this.ttmBos.adopt(other.ttmBos);
    this.fences.adopt(other.fences);
    this.svmBos.adopt(other.svmBos);
    this.kfdProcesses.adopt(other.kfdProcesses);
    this.svmRanges.adopt(other.svmRanges);
    this.userptrs.adopt(other.userptrs);
    for (const [id, ops] of other.pagemapOps) this.pagemapOps.set(id, ops);
    for (const [id, ops] of other.notifierOps) this.notifierOps.set(id, ops);
    this.zeroPfn = other.zeroPfn;
  }

  /** The firmware range of a frame; undefined in a hole, where only invented private memory can be. */
  rangeOf(pfn: Pfn): MemoryRange | undefined {
    const last = this.lastRange;
    if (last !== undefined && pfn >= last.start && pfn < last.end) return last;
    const { ranges } = this.config;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle].end <= pfn) low = middle + 1;
      else high = middle;
    }
    const found = low < ranges.length && ranges[low].start <= pfn ? ranges[low] : undefined;
    if (found !== undefined) this.lastRange = found;
    return found;
  }

  countVmEvent(counter: VmstatCounter, by = 1): void {
    const row = vmstatIndex(counter);
    this.vmstat.set(row, this.vmstat.get(row) + by);
  }

  addRss(mm: number, member: number, by: number): void {
    const row = mm * 4 + member;
    this.rss.set(row, this.rss.get(row) + by);
  }
}

export const RSS_FILE = 0;
export const RSS_ANON = 1;
/** MM_SWAPENTS: entries that name a slot of the swap device. */
export const RSS_SWAP = 2;
export const RSS_SHMEM = 3;

const zonesOf = (config: MachineConfig): Zone[] => {
  const zones: {
    id: number;
    node: number;
    name: Zone['name'];
    regions: ZoneRegion[];
    managedPages: number;
  }[] = [];
  let regionId = 0;
  for (const range of config.ranges) {
    if (range.kind !== 'ram' || range.zone === undefined || range.reserved !== undefined) continue;
    let zone = zones.find((z) => z.node === range.node && z.name === range.zone);
    if (zone === undefined) {
      zone = { id: zones.length, node: range.node, name: range.zone, regions: [], managedPages: 0 };
      zones.push(zone);
    }
    zone.regions.push({ id: regionId++, start: range.start, end: range.end, cma: range.cma === true });
    zone.managedPages += range.end - range.start;
  }
  return zones;
};
