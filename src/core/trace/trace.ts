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

export class Trace {
  /** Index of the SPAN_BEGIN of the innermost open span of the running task; -1 outside. */
  current = -1;
  /** While a big step runs: counts what would be an event each. */
  tally: Tally | undefined;

  /** Looked for among the arguments of functions; undefined: nothing is. */
  watch: Watch | undefined;

  constructor(readonly log: EventLog) {}

  begin(fnId: number, a: Traceable, b: Traceable, c: Traceable): void {
    if (this.watch !== undefined) look(this.watch, fnId, a, b, c);
    if (this.tally !== undefined) {
      this.tally.calls[fnId]++;
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
    // what began while calls were only counted has no beginning here
    if (this.tally !== undefined || this.current < 0) return;
    const begin = this.current;
    this.log.append(EventKind.SPAN_END, fnId, begin, toNumber(result), begin, Number.NaN);
    this.current = this.log.parentAt(begin);
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
    if (this.tally !== undefined) return;
    this.log.append(EventKind.TASK, task, this.current, cpu, before, Number.NaN);
  }

  /** A line of the kernel log: a WARN or a message the kernel would print. */
  kernelLog(messageId: number, a = Number.NaN, b = Number.NaN): void {
    this.log.append(EventKind.LOG, messageId, this.current, a, b, Number.NaN);
  }
}
