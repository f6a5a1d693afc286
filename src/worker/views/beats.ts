// The stops of playback: a position behind each event that is worth a sentence.

import type { EventLog } from '../../core/trace/log.ts';
import { type DecisionId, DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { FOLL_GET, FOLL_PIN } from '../../core/uapi/gup-flags.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName, kernelFunctionId } from '../../core/uapi/source-refs.ts';
import { FAULT_FLAG_WRITE, VM_FAULT_FALLBACK } from '../../core/uapi/vm-flags.ts';
import type { Position } from '../protocol.ts';
import { enclosing } from './spans.ts';

/** Beats that are no decision of the kernel, with what their numbers mean. See messages.ts. */
export const BEAT_ARGUMENTS = {
  boot: [],
  'step.begin': ['step'],
  'step.end': ['step'],
  'task.runs': ['task', 'cpu'],
  'gup.fast.taken': ['vpn', 'count', 'flags'],
  'gup.slow.taken': ['vpn', 'count', 'flags'],
  'gup.slow.taken-again': ['vpn', 'count', 'flags'],
  'gup.slow.gave-up': ['vpn', 'errno'],
  'longterm.pin-dropped': ['page'],
  'page.unmapped': ['page'],
  'page.flags-moved': ['page', 'dst'],
  'page.home': ['page', 'dst'],
  /** Pages taken, and addresses where nothing or the zero page was. */
  'driver.collected': ['count', 'of'],
  'driver.unmapped': ['count', 'failed'],
  /** Pages copied, the device, and pages taken of it. */
  'driver.copied-to-device': ['count', 'device', 'of'],
  'driver.copied-to-system': ['count'],
  'driver.moved': ['count'],
  'driver.finalized': ['count', 'failed'],
  'fault.huge': ['vpn', 'write'],
  'fault.hugetlb': ['vpn'],
  'fault.file': ['vpn'],
  'fault.served': ['vpn'],
  'device.read': ['vpn', 'count'],
  'device.wrote': ['vpn', 'count'],
  'device.mapped': ['vpn', 'count'],
  'device.exclusive': ['vpn', 'count'],
  'device.snapshot': ['vpn', 'count'],
  'fork.copied': [],
} as const;
export type OwnBeatId = keyof typeof BEAT_ARGUMENTS;

export type BeatId = OwnBeatId | DecisionId | 'kernel-log';

export interface Beat {
  readonly position: Position;
  readonly id: BeatId;
  readonly args: readonly number[];
  /** How often the step has stopped at this kind; the first is 1. */
  readonly occurrence: number;
}

/** Decisions that playback passes over: a beat of the mechanism around them tells the same. It stops at all others. */
const PASSED_OVER: ReadonlySet<DecisionId> = new Set([
  'fault.none.read',
  'fault.none.write',
  'fault.zero-page',
  'fault.wp.exclusive',
  'fault.wp.reuse',
  'fault.wp.copy',
  'fault.unshare.copy',
  'fault.unshare.reuse',
  'gup.fast.grabbed',
  'gup.slow.needs-fault',
  'pinnable.cma',
  'pinnable.isolate',
  'pinnable.zero-page',
  'pinnable.coherent',
  'pinnable.movable',
  'pinnable.ordinary',
  'longterm.unpinnable-count',
  'longterm.pin-becomes-reference',
  'migrate.selected',
  'migrate.not-selected',
  'migrate.hole',
  'migrate.zero-page',
  'migrate.maybe-pinned',
  'migrate.expected-count',
  'migrate.destination',
  'migrate.moved',
  'migrate.restored',
  'fork.share',
  'fork.private-entry',
  'device.free',
  'device.allocated',
  'notifier.own-migration-ignored',
  'notifier.invalidated',
  'hmm.needs-fault',
  'copy.page',
  'zero.page',
  'lru.drained',
  'gpu.fault-dropped',
  // what moves, stops or goes tells it itself
  ...DECISIONS.filter((id) => id.startsWith('smi.')),
]);

/** Decisions that explain a fault; the stop is at the fault's end, when the entry stands. */
const FAULT_OUTCOMES: ReadonlySet<DecisionId> = new Set<DecisionId>([
  'fault.none.read',
  'fault.none.write',
  'fault.zero-page',
  'fault.wp.exclusive',
  'fault.wp.reuse',
  'fault.wp.copy',
  'fault.unshare.copy',
  'fault.unshare.reuse',
]);

/** Worth telling of the first page only: faults, and phases of a move; what came of the other pages is always told. */
const TOLD_ONCE: ReadonlySet<string> = new Set<BeatId>([
  'longterm.pin-dropped',
  'page.unmapped',
  'copy.page',
  ...FAULT_OUTCOMES,
]);

const isOfGist = ({ id, occurrence }: Beat): boolean =>
  !TOLD_LATER.has(id) && (occurrence === 1 || !TOLD_ONCE.has(id));

/** Decisions at which playback stops when one page moves by itself, not in a driver's batch. */
const SINGLE_MOVE_BEATS: ReadonlySet<string> = new Set<DecisionId>([
  'migrate.destination',
  'copy.page',
  'migrate.restored',
]);

/** Phases of a page's move that the sentence behind them tells, too. */
const TOLD_LATER: ReadonlySet<BeatId> = new Set<BeatId>([
  'migrate.destination',
  'page.flags-moved',
  'longterm.second-pass',
]);
const ids = (...names: KernelFunctionName[]): ReadonlySet<number> => new Set(names.map(kernelFunctionId));
const COHERENT_MOVE = ids('migrate_device_coherent_page');
const SINGLE_MOVE = ids('migrate_device_coherent_page', 'migrate_pages');
const FAULTS = ids('handle_mm_fault');
const LRU_MOVE = ids('migrate_pages');
/** Where pins are dropped on the way home: the second function is what 6.0 had instead of the first. */
const MOVE_LOOP = ids('migrate_longterm_unpinnable_pages', 'check_and_migrate_movable_pages');
const LONGTERM = ids('__gup_longterm_locked');
const DRIVER_FINALIZE = ids('migrate_vma_finalize', 'migrate_device_coherent_page');
const DRIVER_READ = ids('dmirror_read');
const DRIVER_WRITE = ids('dmirror_write');

/** How often a step stops at the same kind of beat before it skips to the last one. */
const SAME_BEATS = 6;
/** The same for the phases of a driver's batches, of which each moves up to 64 pages. */
const SAME_BATCHES = 2;

/** What a driver's batch has done so far. */
interface Batch {
  /** Pages taken for the move. */
  selected: number;
  /** Addresses where nothing, or the zero page, was mapped. */
  holes: number;
  /** Pages that the driver took for the copies. */
  allocated: number;
  /** Pages whose mapping and flags have moved. */
  carried: number;
  restored: number;
  copied: number;
  moved: number;
  device: number;
}
const emptyBatch = (): Batch => ({
  selected: 0,
  holes: 0,
  allocated: 0,
  carried: 0,
  restored: 0,
  copied: 0,
  moved: 0,
  device: 0,
});

/** What is known of a running task; tasks that run at once each have their own. */
interface TaskState {
  batch: Batch;
  faultOutcome: { readonly id: BeatId; readonly args: readonly number[] } | undefined;
  /** A page that may be pinned: its entry is clear now and is put back next. */
  maybePinned: readonly number[] | undefined;
  lastMoved: readonly number[];
  /** Event that begins the __gup_longterm_locked which is in its second pass; -1: none. */
  secondPassIn: number;
}
const newTask = (): TaskState => ({
  batch: emptyBatch(),
  faultOutcome: undefined,
  maybePinned: undefined,
  lastMoved: [],
  secondPassIn: -1,
});

export class BeatIndex {
  readonly beats: Beat[] = [];
  private task = newTask();
  private tasks = new Map<number, TaskState>();
  /** Beats of the running step by id; those beyond SAME_BEATS are held back until a later one takes their place. */
  private counts = new Map<BeatId, number>();
  private heldBack = new Map<BeatId, Beat>();

  private readonly entriesId: number;

  constructor(bootEnd: Position, entriesColumn: number) {
    this.entriesId = entriesColumn;
    this.beats.push({ position: bootEnd, id: 'boot', args: [], occurrence: 1 });
  }

  beginStep(step: number, log: EventLog, begin: Position): void {
    this.counts = new Map();
    this.heldBack = new Map();
    this.tasks = new Map();
    this.task = this.taskNumbered(FIRST_TASK);
    const first = begin < log.length && log.kindAt(begin) === EventKind.STEP ? begin + 1 : begin;
    this.beats.push({ position: first, id: 'step.begin', args: [step], occurrence: 1 });
  }

  private taskNumbered(id: number): TaskState {
    const task = this.tasks.get(id) ?? newTask();
    this.tasks.set(id, task);
    return task;
  }

  endStep(step: number, end: Position): void {
    for (const beat of this.heldBack.values()) this.insert(beat);
    this.insert({ position: end, id: 'step.end', args: [step], occurrence: 1 });
  }

  feed(log: EventLog, index: number): void {
    switch (log.kindAt(index)) {
      case EventKind.DECISION:
        this.decided(log, index);
        return;
      case EventKind.SPAN_BEGIN:
        if (log.idAt(index) === SETUP) this.task.batch = emptyBatch();
        if (log.idAt(index) === FAULT) this.task.faultOutcome = undefined;
        return;
      case EventKind.SPAN_END:
        this.ended(log, index);
        return;
      case EventKind.COLUMN:
        if (this.task.maybePinned !== undefined && log.idAt(index) === this.entriesId) {
          this.add(index, 'migrate.maybe-pinned', ...this.task.maybePinned);
          this.task.maybePinned = undefined;
        }
        return;
      case EventKind.TASK:
        this.task = this.taskNumbered(log.idAt(index));
        this.add(index, 'task.runs', log.idAt(index), log.rowAt(index));
        return;
      case EventKind.LOG:
        this.logged(index, log.idAt(index), log.rowAt(index), log.oldAt(index));
        return;
      default:
    }
  }

  /** The beat at or before a position. */
  at(position: Position): Beat | undefined {
    return this.beats[this.firstBehind(position) - 1];
  }

  next(position: Position, direction: 1 | -1): Beat | undefined {
    if (direction === 1) return this.beats[this.firstBehind(position)];
    return this.beats[this.firstBehind(position - 1) - 1];
  }

  /** The next beat without which the story cannot be understood. */
  nextOfGist(position: Position, direction: 1 | -1): Beat | undefined {
    let beat = this.next(position, direction);
    while (beat !== undefined && !isOfGist(beat)) beat = this.next(beat.position, direction);
    return beat;
  }

  between(from: Position, to: Position): readonly Beat[] {
    return this.beats.slice(this.firstBehind(from - 1), this.firstBehind(to));
  }

  private firstBehind(position: Position): number {
    let low = 0;
    let high = this.beats.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.beats[middle]?.position ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** A line of the kernel's log; one that says the same as the line before, with nothing told in between, is no stop. */
  private logged(index: number, ...line: number[]): void {
    const last = this.beats.at(-1);
    const isSame = last?.id === 'kernel-log' && last.args.every((arg, i) => arg === line[i]);
    if (!isSame) this.add(index, 'kernel-log', ...line);
  }

  private add(index: number, id: BeatId, ...args: number[]): void {
    const count = (this.counts.get(id) ?? 0) + 1;
    this.counts.set(id, count);
    const beat = { position: index + 1, id, args, occurrence: count };
    if (count > (id.startsWith('driver.') ? SAME_BATCHES : SAME_BEATS)) this.heldBack.set(id, beat);
    else this.insert(beat);
  }

  /** Keeps the order of positions; a beat at the same position takes the place of the earlier one. */
  private insert(beat: Beat): void {
    const at = this.firstBehind(beat.position);
    const same = this.beats[at - 1]?.position === beat.position;
    this.beats.splice(same ? at - 1 : at, same ? 1 : 0, beat);
  }

  private decided(log: EventLog, index: number): void {
    const id = DECISIONS[log.idAt(index)];
    if (id === undefined) return;
    const args = [log.rowAt(index), log.oldAt(index), log.nowAt(index)];
    const [a = 0, b = 0, c = 0] = args;
    this.countInBatch(id, a, b);
    if (id === 'migrate.maybe-pinned') this.task.maybePinned = args;
    if (id === 'migrate.moved' && a >= 0) this.task.lastMoved = args;
    if (id === 'longterm.second-pass') this.task.secondPassIn = enclosing(log, index, LONGTERM);
    if (FAULT_OUTCOMES.has(id)) this.task.faultOutcome = { id, args };
    else if (!PASSED_OVER.has(id)) this.add(index, id, ...args);
    else if (id === 'migrate.expected-count' && b !== c) this.add(index, id, ...args);
    else if (id === 'longterm.unpinnable-count' && a > 0) this.add(index, id, ...args);
    else if (SINGLE_MOVE_BEATS.has(id) && enclosing(log, index, SINGLE_MOVE) >= 0)
      this.add(index, id, ...args);
    else if (id === 'migrate.moved' && enclosing(log, index, LRU_MOVE) >= 0) this.add(index, id, ...args);
    else if (id === 'device.free' && enclosing(log, index, DRIVER_FINALIZE) < 0) this.add(index, id, ...args);
  }

  private countInBatch(id: DecisionId, first: number, second: number): void {
    const { batch } = this.task;
    switch (id) {
      case 'migrate.selected':
        batch.selected++;
        return;
      case 'migrate.hole':
      case 'migrate.zero-page':
        batch.holes++;
        return;
      case 'migrate.restored':
        batch.restored++;
        return;
      case 'device.allocated':
        batch.allocated++;
        batch.device = second;
        return;
      case 'copy.page':
        batch.copied++;
        return;
      case 'migrate.moved':
        batch.moved++;
        // a page that was put into a hole has no source
        if (first < 0) batch.carried++;
        return;
      default:
    }
  }

  private ended(log: EventLog, index: number): void {
    const begin = log.oldAt(index);
    const result = log.rowAt(index);
    const a = log.rowAt(begin);
    const b = log.oldAt(begin);
    const c = log.nowAt(begin);
    const { batch } = this.task;
    const isWorking = batch.selected + batch.holes > 0;
    switch (KERNEL_FUNCTIONS[log.idAt(index)]?.name) {
      case 'lockless_pages_from_mm':
        if (result > 0) this.add(index, 'gup.fast.taken', a, result, c);
        return;
      case '__get_user_pages':
        this.walked(log, index, a, result, c);
        return;
      case 'gup_put_folio':
        if (enclosing(log, begin, MOVE_LOOP) === log.parentAt(begin) && log.parentAt(begin) >= 0) {
          this.add(index, 'longterm.pin-dropped', a);
        }
        return;
      case 'migrate_device_unmap': {
        const move = enclosing(log, begin, COHERENT_MOVE);
        if (move >= 0 && result > 0) this.add(index, 'page.unmapped', log.rowAt(move));
        return;
      }
      case 'folio_migrate_flags':
        batch.carried++;
        if (enclosing(log, begin, SINGLE_MOVE) >= 0) this.add(index, 'page.flags-moved', b, a);
        return;
      case 'migrate_device_finalize':
        if (enclosing(log, begin, COHERENT_MOVE) >= 0 && this.task.lastMoved.length > 0) {
          this.add(index, 'page.home', ...this.task.lastMoved);
          this.task.lastMoved = [];
        }
        return;
      case 'migrate_vma_collect':
        this.add(index, 'driver.collected', batch.selected, batch.holes);
        return;
      case 'migrate_vma_unmap':
        if (batch.selected > 0)
          this.add(index, 'driver.unmapped', batch.selected - batch.restored, batch.restored);
        return;
      case 'dmirror_migrate_alloc_and_copy':
        if (isWorking)
          this.add(index, 'driver.copied-to-device', batch.copied, batch.device, batch.allocated);
        return;
      case 'dmirror_devmem_fault_alloc_and_copy':
        if (isWorking) this.add(index, 'driver.copied-to-system', batch.copied);
        return;
      case 'migrate_vma_pages':
        if (isWorking) this.add(index, 'driver.moved', batch.carried);
        return;
      case 'migrate_vma_finalize':
        if (isWorking) this.add(index, 'driver.finalized', batch.moved, batch.restored);
        return;
      case 'do_huge_pmd_anonymous_page':
        if ((result & VM_FAULT_FALLBACK) === 0) this.outcomeOfFault(log, begin, 'fault.huge');
        return;
      case 'hugetlb_fault':
        this.outcomeOfFault(log, begin, 'fault.hugetlb');
        return;
      case 'do_fault':
        this.outcomeOfFault(log, begin, 'fault.file');
        return;
      case 'handle_mm_fault':
        this.faulted(index, b);
        return;
      case 'dmirror_do_read':
        if (enclosing(log, begin, DRIVER_READ) >= 0 && result === 0) this.add(index, 'device.read', a, b - a);
        return;
      case 'dmirror_do_write':
        if (enclosing(log, begin, DRIVER_WRITE) >= 0 && result === 0)
          this.add(index, 'device.wrote', a, b - a);
        return;
      case 'dmirror_range_fault':
        if (result === 0) this.add(index, 'device.mapped', a, b - a);
        return;
      case 'dmirror_atomic_map':
        this.add(index, 'device.exclusive', a, result);
        return;
      case 'dmirror_range_snapshot':
        if (result === 0) this.add(index, 'device.snapshot', a, b - a);
        return;
      case 'copy_page_range':
        this.add(index, 'fork.copied');
        return;
      default:
    }
  }

  private walked(log: EventLog, index: number, vpn: number, result: number, flags: number): void {
    if ((flags & (FOLL_PIN | FOLL_GET)) === 0) return;
    if (result < 0) this.add(index, 'gup.slow.gave-up', vpn, result);
    else if (result > 0) {
      const again =
        this.task.secondPassIn >= 0 && enclosing(log, log.oldAt(index), LONGTERM) === this.task.secondPassIn;
      this.add(index, again ? 'gup.slow.taken-again' : 'gup.slow.taken', vpn, result, flags);
    }
  }

  private outcomeOfFault(log: EventLog, begin: number, id: OwnBeatId): void {
    const fault = enclosing(log, begin, FAULTS);
    if (fault < 0 || this.task.faultOutcome !== undefined) return;
    this.task.faultOutcome = { id, args: [log.oldAt(fault), log.nowAt(fault) & FAULT_FLAG_WRITE] };
  }

  private faulted(index: number, vpn: number): void {
    const outcome = this.task.faultOutcome;
    this.task.faultOutcome = undefined;
    if (outcome === undefined) this.add(index, 'fault.served', vpn);
    else this.add(index, outcome.id, ...outcome.args);
  }
}

/** The task that runs when a step begins. */
export const FIRST_TASK = 1;
const SETUP = kernelFunctionId('migrate_vma_setup');
const FAULT = kernelFunctionId('handle_mm_fault');
