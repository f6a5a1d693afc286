// How long a run would take: the trace, counted, times the figures of a cost model. Deterministic; nothing is measured.

import type { Gpu } from '../machine/gpu.ts';
import type { Machine } from '../machine/machine.ts';
import type { CostModel, LinkName, OpName } from '../uapi/cost-model.ts';
import { DEVICE_MODEL, type DeviceModel } from '../uapi/device-model.ts';
import { ACCESS_KINDS, type AccessKind, type Accesses } from '../uapi/accesses.ts';
import { type DecisionId, DECISIONS, EventKind } from '../uapi/events.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName, kernelFunctionId } from '../uapi/source-refs.ts';
import { PAGE_SIZE_BYTES } from '../uapi/units.ts';

/** What time is spent on. */
export const COST_KINDS = [
  'faults',
  'migration',
  'copies by DMA',
  'copies by CPU',
  'TLB shootdowns',
  'faults of the GPU',
  'stopped queues',
  'pins',
  'access by CPU',
  'access by GPU',
  'waiting for VRAM',
] as const;
export type CostKind = (typeof COST_KINDS)[number];

/** A stretch of the timeline, and who does it: stretches of different lanes could run at once. */
export interface Stretch {
  readonly begin: number;
  readonly end: number;
  readonly lane: string;
  /** Accesses to pages that the step's results tell of. */
  readonly accesses: Accesses;
}

export interface PinCosts {
  /** Pages that long-term pins moved to system memory. */
  readonly pagesMoved: number;
  /** What the moves took, copies included. */
  readonly movingNs: number;
  /** Pages that long-term pins left in VRAM; none in a real kernel. */
  readonly pagesLeft: number;
  /** Evictions that ended after TTM's 15 s. */
  readonly failedEvictions: number;
  /** Pages whose VRAM was given to somebody else while they were in use; none in a real kernel. */
  readonly pagesAliased: number;
}

export interface CostReport {
  readonly nsByKind: Readonly<Record<CostKind, number>>;
  /** One thing after the other. */
  readonly serialNs: number;
  /** Lanes at once, each in its own order; not below what the memory of the socket needs for all that passes it. */
  readonly overlappedNs: number;
  readonly bytesByLink: Readonly<Partial<Record<LinkName, number>>>;
  readonly ddrBytes: number;
  readonly accesses: Readonly<Record<AccessKind, number>>;
  readonly pin: PinCosts;
  readonly nsByLane: Readonly<Record<string, number>>;
}

class Counter {
  readonly nsByKind = new Map<CostKind, number>();
  readonly nsByLane = new Map<string, number>();
  readonly bytesByLink = new Map<LinkName, number>();
  readonly accesses = new Map<AccessKind, number>();
  ddrBytes = 0;
  lane = '';

  constructor(private readonly model: CostModel) {}

  op(kind: CostKind, name: OpName, times = 1): void {
    this.ns(kind, this.model.ops[name].value * times);
  }

  ns(kind: CostKind, ns: number): void {
    this.nsByKind.set(kind, (this.nsByKind.get(kind) ?? 0) + ns);
    this.nsByLane.set(this.lane, (this.nsByLane.get(this.lane) ?? 0) + ns);
  }

  /** Bytes over a link, at the rate of the slower of the link and the memory behind it. Returns the time. */
  bytes(link: LinkName, bytes: number, passesDdr: boolean): number {
    const { links, efficiency } = this.model;
    this.bytesByLink.set(link, (this.bytesByLink.get(link) ?? 0) + bytes);
    if (passesDdr) this.ddrBytes += bytes;
    const rate = passesDdr ? Math.min(links[link].value, links['ddr.socket'].value) : links[link].value;
    return (bytes / (efficiency.value * rate)) * 1e9;
  }
}

/** Functions whose entry decides how a copy is done, innermost first. */
const COPIERS: readonly KernelFunctionName[] = [
  'svm_migrate_copy_memory_gart',
  'amdgpu_bo_move',
  'migrate_device_coherent_page',
];

const MINOR: ReadonlySet<DecisionId> = new Set(['fault.none.read', 'fault.none.write', 'fault.zero-page']);

/** Numbers of a decision. */
interface Numbers {
  readonly row: number;
  readonly old: number;
  readonly now: number;
}
const UNKNOWN: Numbers = { row: Number.NaN, old: Number.NaN, now: Number.NaN };

/** What the events of a big step add up to. */
interface Sums {
  dmaChunks: number;
  coherentPages: number;
  moved: number;
  copies: number;
}

class Reader {
  private readonly counter: Counter;
  /** As they are at the end; a GPU that has lost its driver is not among them. */
  private readonly gpus: readonly Gpu[];
  private readonly ids = new Map(COPIERS.map((name) => [kernelFunctionId(name), name]));
  /** Open spans of COPIERS. */
  private readonly open: KernelFunctionName[] = [];
  private pagesMoved = 0;
  private movingNs = 0;
  private readonly pagesLeft = new Set<number>();
  /** Those of big steps, which do not say which pages. */
  private pagesLeftUnnamed = 0;
  private failedEvictions = 0;
  private readonly pagesAliased = new Set<number>();

  constructor(
    private readonly m: Machine,
    private readonly model: CostModel,
  ) {
    this.counter = new Counter(model);
    this.gpus = m.gpus.values();
  }

  read({ begin, end, lane, accesses }: Stretch): void {
    const { log } = this.m.journal;
    this.counter.lane = lane;
    const sums: Sums = { dmaChunks: 0, coherentPages: 0, moved: 0, copies: 0 };
    for (let i = begin; i < end; i++) {
      switch (log.kindAt(i)) {
        case EventKind.SPAN_BEGIN: {
          const fn = log.idAt(i);
          if (this.ids.has(fn)) this.open.push(KERNEL_FUNCTIONS[fn].name);
          this.enter(KERNEL_FUNCTIONS[fn].name, 1);
          break;
        }
        case EventKind.SPAN_END:
          if (this.ids.get(log.idAt(i)) === this.open.at(-1)) this.open.pop();
          break;
        case EventKind.DECISION:
          this.decide(DECISIONS[log.idAt(i)], log.at(i));
          break;
        // a big step tells only how often
        case EventKind.CALLS:
          this.enter(KERNEL_FUNCTIONS[log.idAt(i)].name, log.rowAt(i), sums);
          break;
        case EventKind.DECISIONS:
          this.decideMany(DECISIONS[log.idAt(i)], log.rowAt(i), sums);
          break;
        default:
          break;
      }
    }
    this.settle(sums);
    for (const kind of ACCESS_KINDS) this.access(kind, accesses[kind] ?? 0);
  }

  report(): CostReport {
    const { nsByKind, nsByLane, bytesByLink, ddrBytes, accesses } = this.counter;
    const serialNs = [...nsByKind.values()].reduce((sum, ns) => sum + ns, 0);
    const { links, efficiency } = this.model;
    const ddrNs = (ddrBytes / (efficiency.value * links['ddr.socket'].value)) * 1e9;
    const byKind = COST_KINDS.map((kind) => [kind, nsByKind.get(kind) ?? 0] as const);
    const byAccess = ACCESS_KINDS.map((kind) => [kind, accesses.get(kind) ?? 0] as const);
    return {
      nsByKind: Object.fromEntries(byKind) as Record<CostKind, number>,
      serialNs,
      overlappedNs: Math.max(ddrNs, ...nsByLane.values()),
      bytesByLink: Object.fromEntries(bytesByLink),
      ddrBytes,
      accesses: Object.fromEntries(byAccess) as Record<AccessKind, number>,
      pin: {
        pagesMoved: this.pagesMoved,
        movingNs: this.movingNs,
        pagesLeft: this.pagesLeft.size + this.pagesLeftUnnamed,
        failedEvictions: this.failedEvictions,
        pagesAliased: this.pagesAliased.size,
      },
      nsByLane: Object.fromEntries(nsByLane),
    };
  }

  /** The link between a GPU and the CPU. */
  private link(gpuId: number): LinkName {
    const gpu = this.gpus.find(({ id }) => id === gpuId);
    const spec = DEVICE_MODEL[gpu?.model ?? 'mi250x-gcd'];
    return (gpu?.connectedToCpu ?? true) ? spec.coherentLink : spec.privateLink;
  }

  /** The links between GPUs: of one package, and of different ones. */
  private peerLinks(): Pick<DeviceModel, 'packageLink' | 'peerLink'> {
    return DEVICE_MODEL[this.gpus.at(0)?.model ?? 'mi250x-gcd'];
  }

  /**
   * A function is called.
   *
   * Simplified: one flush for each page table that a migration walks. v6.1 flushes one of which an entry changed, and has
   * flushed each exclusive page of it before (ptep_clear_flush).
   */
  private enter(name: KernelFunctionName, times: number, sums?: Sums): void {
    const { counter } = this;
    switch (name) {
      case 'svm_migrate_copy_memory_gart':
      case 'amdgpu_bo_move':
        counter.op('copies by DMA', 'sdma.chunk.setup', times);
        if (sums !== undefined) sums.dmaChunks += times;
        break;
      case 'migrate_device_coherent_page':
        this.pagesMoved += times;
        this.movingNs += this.model.ops['gup.longterm.migrate'].value * times;
        counter.op('pins', 'gup.longterm.migrate', times);
        if (sums !== undefined) sums.coherentPages += times;
        break;
      case 'svm_migrate_to_ram':
        counter.op('faults', 'fault.private.to_ram', times);
        break;
      case 'migrate_vma_collect_pmd':
        counter.op('TLB shootdowns', 'tlb.shootdown', times);
        break;
      case 'follow_page_mask':
        counter.op('pins', 'gup.slow', times);
        break;
      default:
        break;
    }
  }

  /** Decisions of which only the number is known. */
  private decideMany(id: DecisionId, times: number, sums: Sums): void {
    switch (id) {
      case 'migrate.moved':
        sums.moved += times;
        return;
      case 'copy.page':
        sums.copies += times;
        return;
      default:
        this.decide(id, UNKNOWN, times);
        return;
    }
  }

  /**
   * What a big step's numbers add up to: each page that a long-term pin moved was copied by the CPU; what else was copied
   * went by DMA if that was used at all.
   */
  private settle({ dmaChunks, coherentPages, moved, copies }: Sums): void {
    const { counter } = this;
    counter.op('migration', 'migrate.page.cpu', Math.max(0, moved - coherentPages));
    const link = this.link(this.gpus.at(0)?.id ?? 0);
    const byPin = Math.min(copies, coherentPages);
    if (byPin > 0) {
      const ns = counter.bytes(link, byPin * PAGE_SIZE_BYTES, true);
      counter.ns('copies by CPU', ns);
      this.movingNs += ns;
    }
    const others = copies - byPin;
    if (others === 0) return;
    const bytes = others * PAGE_SIZE_BYTES;
    if (dmaChunks > 0) counter.ns('copies by DMA', counter.bytes(link, bytes, true));
    else counter.ns('copies by CPU', counter.bytes('ddr.numa', bytes, true));
  }

  private decide(id: DecisionId, { row: a, old: b, now: c }: Numbers, times = 1): void {
    const { counter } = this;
    if (MINOR.has(id)) counter.op('faults', 'fault.minor', times);
    switch (id) {
      case 'fault.wp.copy':
      case 'fault.unshare.copy':
        counter.op('faults', 'fault.cow', times);
        break;
      case 'copy.page':
        this.copy(a, b);
        break;
      case 'migrate.moved':
        if (this.open.at(-1) !== 'migrate_device_coherent_page') counter.op('migration', 'migrate.page.cpu');
        break;
      case 'gup.fast.grabbed':
        counter.op('pins', 'gup.fast', (Number.isNaN(c) ? 1 : c) * times);
        break;
      case 'longterm.policy-off':
        if (Number.isNaN(a)) this.pagesLeftUnnamed += times;
        else this.pagesLeft.add(a);
        break;
      case 'svm.unmapped':
        counter.op('TLB shootdowns', 'gpu.tlb.flush', times);
        break;
      case 'gpu.fault':
        counter.op('faults of the GPU', 'gpu.retry_fault', times);
        break;
      case 'svm.queues-stopped':
        counter.op('stopped queues', 'queue.quiesce', times);
        counter.op('stopped queues', 'svm.restore.delay', times);
        break;
      case 'svm.queues-resumed':
        counter.op('stopped queues', 'queue.resume', times);
        break;
      case 'ttm.aliased':
        this.pagesAliased.add(a);
        break;
      case 'kfd.process-evicted':
        counter.op('stopped queues', 'queue.quiesce', times);
        counter.op('stopped queues', 'kfd.restore.delay', times);
        break;
      case 'kfd.process-restored':
        counter.op('stopped queues', 'queue.resume', times);
        break;
      case 'ttm.timed-out':
        this.failedEvictions += times;
        counter.op('waiting for VRAM', 'ttm.wait', times);
        break;
      default:
        break;
    }
  }

  /** Bytes of one page: by the DMA engine over the GPU's link, or by the CPU. */
  private copy(from: number, to: number): void {
    const device = this.gpuOf(from) ?? this.gpuOf(to);
    const copier = this.open.at(-1);
    if (copier === 'svm_migrate_copy_memory_gart' || copier === 'amdgpu_bo_move') {
      const ns = this.counter.bytes(this.link(device ?? 0), PAGE_SIZE_BYTES, true);
      this.counter.ns('copies by DMA', ns);
      return;
    }
    const ns = this.counter.bytes(
      device === undefined ? 'ddr.numa' : this.link(device),
      PAGE_SIZE_BYTES,
      true,
    );
    this.counter.ns('copies by CPU', ns);
    if (copier === 'migrate_device_coherent_page') this.movingNs += ns;
  }

  private gpuOf(pfn: number): number | undefined {
    return this.gpus.find(({ vramStart, vramPages }) => pfn >= vramStart && pfn < vramStart + vramPages)?.id;
  }

  /**
   * Accesses to pages, by who and where.
   *
   * Simplified: to a CPU memory of another node costs what memory of its own costs.
   */
  private access(kind: AccessKind, by: number): void {
    if (by === 0) return;
    const { counter } = this;
    counter.accesses.set(kind, (counter.accesses.get(kind) ?? 0) + by);
    // an access of a step is the first one to its page there, which no TLB remembers
    if (kind === 'cpu system' || kind === 'cpu device') counter.op('access by CPU', 'pt.walk', by);
    switch (kind) {
      case 'cpu system':
        counter.op('access by CPU', 'cpu.load.ddr', by);
        return;
      case 'cpu device':
        counter.op('access by CPU', 'cpu.load.hbm.coherent', by);
        return;
      case 'gpu local':
        this.stream(by, 'hbm', 'gpu.load.hbm', false);
        return;
      case 'gpu system':
        this.stream(by, this.link(this.gpus.at(0)?.id ?? 0), 'gpu.load.ddr', true);
        return;
      case 'gpu package':
        this.stream(by, this.peerLinks().packageLink, 'gpu.load.ddr', false);
        return;
      case 'gpu peer':
        this.stream(by, this.peerLinks().peerLink, 'gpu.load.ddr', false);
        return;
    }
  }

  /** Accesses of a GPU: their latencies overlap, their bytes do not. */
  private stream(accesses: number, link: LinkName, latency: OpName, passesDdr: boolean): void {
    const { ops } = this.model;
    const bytes = accesses * ops['gpu.access.bytes'].value;
    const ns = this.counter.bytes(link, bytes, passesDdr);
    this.counter.ns('access by GPU', ns + (accesses * ops[latency].value) / ops['gpu.inFlight'].value);
  }
}

/**
 * What stretches of a run cost.
 *
 * Simplified: a step's work is one lane; a copy does not overlap with the CPU work of its own migration.
 */
export const costsOf = (m: Machine, stretches: readonly Stretch[], model: CostModel): CostReport => {
  const reader = new Reader(m, model);
  for (const stretch of stretches) reader.read(stretch);
  return reader.report();
};

/** What migration on a long-term pin cost, against a world in which the pages had stayed. */
export interface PinQuestion {
  readonly pagesMoved: number;
  /** The moves themselves. */
  readonly movingNs: number;
  /** What the GPUs then spent more on their accesses, over the link; below 0: less. */
  readonly farAccessNs: number;
  /** In the other world: pages of VRAM that could not be taken away, evictions that failed, and what that took. */
  readonly pagesHeld: number;
  readonly failedEvictions: number;
  readonly waitingNs: number;
  /** Pages that two owners wrote to. */
  readonly pagesAliased: number;
}

/** Ours: the question of the series, of two runs of the same steps. */
export const pinQuestion = (real: CostReport, staying: CostReport): PinQuestion => ({
  pagesMoved: real.pin.pagesMoved,
  movingNs: real.pin.movingNs,
  farAccessNs: real.nsByKind['access by GPU'] - staying.nsByKind['access by GPU'],
  pagesHeld: staying.pin.pagesLeft,
  failedEvictions: staying.pin.failedEvictions,
  waitingNs: staying.nsByKind['waiting for VRAM'],
  pagesAliased: staying.pin.pagesAliased,
});
