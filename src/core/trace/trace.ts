// Writes what is not a state change: spans of kernel functions, decisions, log messages, task switches.

import { type DecisionId, decisionIndex, EventKind } from '../uapi/events.ts';
import { type KernelFunctionName, kernelFunctionId } from '../uapi/source-refs.ts';
import type { EventLog } from './log.ts';
import type { Tally } from './tally.ts';

/** An argument or result of a kernel function as the trace keeps it: a number, or something with a numeric id. */
export type Traceable = unknown;

const toNumber = (value: Traceable): number => {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'number')
    return value.id;
  return Number.NaN;
};

/** A page that somebody wants to follow: its address and the frames that it had. */
export interface Watch {
  readonly numbers: Set<number>;
  /** A function is called about it, or a chunk would have it among its pages. */
  readonly meet: () => void;
  /** Pages could be done in chunks again, if it is not about the page any more. True: they are. */
  readonly rest: () => boolean;
}

const MIGRATE_MAPPING = kernelFunctionId('folio_migrate_mapping');
const ADD_NEW = kernelFunctionId('page_add_new_anon_rmap');

const look = ({ numbers, meet }: Watch, fnId: number, a: Traceable, b: Traceable, c: Traceable): void => {
  const has = (value: Traceable): boolean => typeof value === 'number' && numbers.has(value);
  if (!has(a) && !has(b) && !has(c)) return;
  meet();
  // the page's next frame is the first argument of both
  const isNext = (fnId === MIGRATE_MAPPING && has(b)) || (fnId === ADD_NEW && has(c));
  if (isNext && typeof a === 'number') numbers.add(a);
};

/** A call that began while calls are only counted. */
interface PendingCall {
  readonly fnId: number;
  readonly args: readonly [Traceable, Traceable, Traceable];
  /** As `current` was before. */
  readonly parent: number;
  /** Index of its SPAN_BEGIN, once that has been written; -1: not yet. */
  written: number;
}

export class Trace {
  /**
   * Index of the SPAN_BEGIN of the innermost open span of the running task; -1 outside. While calls are counted for a
   * watch, less than that: a pending call.
   */
  current = -1;
  /** While a big step runs: counts what would be an event each. */
  tally: Tally | undefined;
  /** Calls that run, and are written down when what they do is about what is watched; by `current` within them. */
  private readonly pending = new Map<number, PendingCall>();
  private lastPending = -1;
  private pendingTask: readonly [task: number, cpu: number, before: number] | undefined;

  /** Looked for among the arguments of functions; undefined: nothing is. */
  watch: Watch | undefined;

  constructor(readonly log: EventLog) {}

  begin(fnId: number, a: Traceable, b: Traceable, c: Traceable): void {
    if (this.watch !== undefined) look(this.watch, fnId, a, b, c);
    if (this.tally !== undefined) {
      this.tally.calls[fnId]++;
      if (this.watch !== undefined) {
        this.lastPending -= 1;
        this.pending.set(this.lastPending, { fnId, args: [a, b, c], parent: this.current, written: -1 });
        this.current = this.lastPending;
      }
      return;
    }
    this.current = this.log.append(
      EventKind.SPAN_BEGIN,
      fnId,
      this.current,
      toNumber(a),
      toNumber(b),
      toNumber(c),
    );
  }

  end(fnId: number, result: Traceable): void {
    if (this.tally !== undefined) {
      if (this.watch !== undefined) this.endCounted();
      return;
    }
    // what began while calls were only counted has no beginning here
    if (this.current < 0) return;
    const begin = this.current;
    this.log.append(EventKind.SPAN_END, fnId, begin, toNumber(result), begin, Number.NaN);
    this.current = this.log.parentAt(begin);
  }

  /** A call ends while calls are only counted. One that was written down has no end then. */
  private endCounted(): void {
    const ended = this.pending.get(this.current);
    this.pending.delete(this.current);
    this.current = ended?.parent ?? (this.current < 0 ? -1 : this.log.parentAt(this.current));
  }

  /** Calls are events again: those that run already are written down, from the outermost in. */
  goOn(current: number): void {
    this.current = this.tally === undefined ? this.written(current) : current;
    if (this.tally !== undefined || this.pendingTask === undefined) return;
    const [task, cpu, before] = this.pendingTask;
    this.pendingTask = undefined;
    this.taskSwitch(task, cpu, before);
  }

  /** @returns index of the SPAN_BEGIN */
  private written(current: number): number {
    const call = this.pending.get(current);
    if (call === undefined) return Math.max(-1, current);
    if (call.written < 0) {
      const parent = this.written(call.parent);
      const [a, b, c] = call.args;
      call.written = this.log.append(
        EventKind.SPAN_BEGIN,
        call.fnId,
        parent,
        toNumber(a),
        toNumber(b),
        toNumber(c),
      );
    }
    return call.written;
  }

  /** A function of which only the entry matters: a leaf without state changes of its own. */
  leaf(name: KernelFunctionName, a?: Traceable, b?: Traceable, c?: Traceable): void {
    const id = kernelFunctionId(name);
    this.begin(id, a, b, c);
    this.end(id, undefined);
  }

  /** Records the condition that decided a branch, where it is taken. */
  decide(id: DecisionId, a = Number.NaN, b = Number.NaN, c = Number.NaN): void {
    if (this.tally !== undefined) {
      this.tally.decisions[decisionIndex(id)]++;
      if (id === 'migrate.moved' && a >= 0) this.tally.addMoved(a, b);
      return;
    }
    this.log.append(EventKind.DECISION, decisionIndex(id), this.current, a, b, c);
  }

  step(stepIndex: number): number {
    this.current = -1;
    return this.log.append(EventKind.STEP, stepIndex, -1, Number.NaN, Number.NaN, Number.NaN);
  }

  taskSwitch(task: number, cpu: number, before: number): void {
    if (this.tally !== undefined) {
      if (this.watch !== undefined) this.pendingTask = [task, cpu, before];
      return;
    }
    this.log.append(EventKind.TASK, task, this.current, cpu, before, Number.NaN);
  }

  /** A line of the kernel log: a WARN or a message the kernel would print. */
  kernelLog(messageId: number, a = Number.NaN, b = Number.NaN): void {
    this.log.append(EventKind.LOG, messageId, this.current, a, b, Number.NaN);
  }
}
