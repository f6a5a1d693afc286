// One open run: the simulation, and what is read off its log once so that questions about any position are quick.

import type { Simulation, StepRecord } from '../core/index.ts';
import type { EventLog } from '../core/trace/log.ts';
import { EventKind } from '../core/uapi/events.ts';
import type { Motion, Position, RunId } from './protocol.ts';
import type { Moment, ResidenceCount } from './protocol-moment.ts';
import { BeatIndex, FIRST_TASK } from './views/beats.ts';
import { Stories } from './views/chapters.ts';
import { MoveIndex } from './views/moves.ts';
import { Pyramid } from './views/pyramid.ts';
import type { Scene } from './views/scene.ts';
import { Shades } from './views/shades.ts';
import { TrafficIndex } from './views/traffic.ts';
import { readResult } from './views/step-results.ts';
import { innermost, SpanIndex } from './views/spans.ts';

const MAX_LOG_LINES = 1000;
/** Events of a step that are read before a pause. */
const EVENTS_A_PART = 8192;

export interface StepPlace {
  /** Index of the step that runs or has just run; -1 before step 0. */
  readonly index: number;
  readonly begin: Position;
  readonly running: boolean;
}

export class Run {
  readonly id: RunId;
  readonly sim: Simulation;
  readonly spans = new SpanIndex();
  readonly moves: MoveIndex;
  readonly beats: BeatIndex;
  readonly pyramid: Pyramid;
  readonly traffic: TrafficIndex;
  readonly shades: Shades;
  /** What big steps did about single pages, as far as somebody has asked. */
  readonly stories = new Stories();
  /** Where pages lived between two steps, by the position there. */
  readonly residenceAt = new Map<Position, readonly ResidenceCount[]>();
  /** What several questions about one position are answered from. */
  lastScene: { readonly position: Position; readonly scene: Scene } | undefined;
  /** A scene of which a part has been read. */
  reading: { readonly position: Position; readonly parts: Generator<void, Scene, void> } | undefined;
  /** Asked for again and again while a long step runs: the machine need not leave the step for it. */
  lastMoment: Moment | undefined;
  /** Events that print a line of the kernel log; at most MAX_LOG_LINES. */
  readonly logEvents: number[] = [];
  private indexed: Position;
  private indexedSteps = 0;
  /** Where the steps begin that are just being read; undefined: all have been. */
  private unread: Position | undefined;

  constructor(id: RunId, sim: Simulation) {
    this.id = id;
    this.sim = sim;
    const { entries, pages } = sim.machine;
    this.moves = new MoveIndex(entries.id, pages.zoneDeviceData.id);
    this.beats = new BeatIndex(sim.bootEnd, entries.id);
    this.pyramid = new Pyramid(sim.machine);
    this.traffic = new TrafficIndex(sim.machine.config);
    this.shades = new Shades(this);
    this.indexed = sim.bootEnd;
  }

  /** Reads the steps that have run since the last time. */
  indexNewSteps(): void {
    const parts = this.indexInParts();
    while (parts.next().done !== true);
  }

  /** The same with pauses. Positions of a step can be shown when all of it has been read. */
  *indexInParts(): Generator<void, void, void> {
    const { log } = this.sim.machine.journal;
    for (const { index, begin, end, result } of this.sim.steps.slice(this.indexedSteps)) {
      this.unread = begin;
      this.beats.beginStep(index, log, begin);
      while (this.indexed < end) {
        this.index(log, this.indexed++);
        if (this.indexed % EVENTS_A_PART === 0) yield;
      }
      yield* readResult(result);
      this.beats.endStep(index, end);
      this.moves.endStep(end);
      this.indexedSteps = index + 1;
    }
    this.unread = undefined;
  }

  private index(log: EventLog, index: number): void {
    switch (log.kindAt(index)) {
      case EventKind.SPAN_BEGIN:
      case EventKind.SPAN_END:
        this.spans.feed(log, index);
        this.beats.feed(log, index);
        return;
      case EventKind.COLUMN:
        // most events are writes to columns that tell nothing about a page's way
        if (!this.moves.reads(log.idAt(index))) return;
        this.moves.feed(log, index);
        this.beats.feed(log, index);
        return;
      case EventKind.PAGES:
        this.traffic.feed(log, index);
        return;
      case EventKind.DECISION:
        this.traffic.feed(log, index);
        this.moves.feed(log, index);
        this.beats.feed(log, index);
        return;
      case EventKind.LOG:
        if (this.logEvents.length < MAX_LOG_LINES) this.logEvents.push(index);
        this.beats.feed(log, index);
        return;
      case EventKind.STEP:
      case EventKind.TASK:
        this.spans.feed(log, index);
        this.beats.feed(log, index);
        return;
      default:
    }
  }

  seek(position: Position): void {
    if (this.sim.machine.journal.position !== position) this.sim.seek(position);
  }

  /** Positions that can be shown: from the end of boot to the end of the log. */
  clamp(position: Position): Position {
    return Math.max(this.sim.bootEnd, Math.min(Math.trunc(position), this.unread ?? this.sim.length));
  }

  stepAt(position: Position): StepPlace {
    const { steps } = this.sim;
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((steps[middle]?.begin ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    const step: StepRecord | undefined = steps[low - 1];
    if (step === undefined) return { index: -1, begin: this.sim.bootEnd, running: false };
    return { index: step.index, begin: step.begin, running: position < step.end };
  }

  /** The process that runs at a position: the step's, or that of the task among several. */
  processAt(position: Position): string {
    const { index, begin } = this.stepAt(position);
    const step = this.sim.steps[index]?.step;
    if (step === undefined) return '';
    if (step.op !== 'concurrent') return step.proc;
    return step.steps[this.taskAt(begin, position) - FIRST_TASK]?.proc ?? step.proc;
  }

  /** What each of the tasks of a step does, where several run at once: `B read buf`. */
  tasksAt(position: Position): readonly string[] {
    const step = this.sim.steps[this.stepAt(position).index]?.step;
    if (step?.op !== 'concurrent') return [];
    return step.steps.map(
      (simple) => `${simple.proc} ${simple.op}${'vma' in simple ? ` ${simple.vma}` : ''}`,
    );
  }

  private taskAt(begin: Position, position: Position): number {
    const { log } = this.sim.machine.journal;
    for (let i = position - 1; i >= begin; i--) if (log.kindAt(i) === EventKind.TASK) return log.idAt(i);
    return FIRST_TASK;
  }

  /** The next stop of a grain; the end of the timeline if there is none. */
  stop(from: Position, grain: Exclude<Motion, 'breakpoint'>, direction: 1 | -1): Position {
    return this.clamp(
      this.stopOf(from, grain, direction) ?? (direction === 1 ? this.sim.length : this.sim.bootEnd),
    );
  }

  /** The next call that is not below the one that runs: behind its end, or the next one in its caller. */
  private over(from: Position): Position | undefined {
    const at = innermost(this.sim.machine.journal.log, from);
    return this.spans.nextBegin(at < 0 ? from : this.spans.endOf(at, this.sim.length), 1);
  }

  /** The call before the one that runs, not below it: its brother, or its caller. */
  private overBack(from: Position): Position | undefined {
    const { log } = this.sim.machine.journal;
    const at = innermost(log, from);
    if (at < 0) return this.spans.nextBegin(from, -1);
    if (from > at + 1) return at + 1;
    let before = this.spans.nextBegin(at + 1, -1);
    const parent = log.parentAt(at);
    while (before !== undefined && before - 1 !== parent && log.parentAt(before - 1) !== parent) {
      const above = log.parentAt(before - 1);
      if (above < 0) break;
      before = above + 1;
    }
    return before;
  }

  /** Behind the end of the call that runs; back: where it was entered. */
  private out(from: Position, direction: 1 | -1): Position | undefined {
    const at = innermost(this.sim.machine.journal.log, from);
    if (at < 0) return this.stopOf(from, 'step', direction);
    if (direction === 1) return this.spans.endOf(at, this.sim.length);
    return from > at + 1 ? at + 1 : this.sim.machine.journal.log.parentAt(at) + 1 || undefined;
  }

  private stopOf(
    from: Position,
    grain: Exclude<Motion, 'breakpoint'>,
    direction: 1 | -1,
  ): Position | undefined {
    switch (grain) {
      case 'event':
        return from + direction;
      case 'function':
        return this.spans.nextBegin(from, direction);
      case 'over':
        return direction === 1 ? this.over(from) : this.overBack(from);
      case 'out':
        return this.out(from, direction);
      case 'beat':
        return this.beats.next(from, direction)?.position;
      case 'gist':
        return this.beats.nextOfGist(from, direction)?.position;
      case 'step': {
        const edges = [this.sim.bootEnd, ...this.sim.steps.map(({ end }) => end)];
        return direction === 1 ? edges.find((edge) => edge > from) : edges.findLast((edge) => edge < from);
      }
    }
  }
}
