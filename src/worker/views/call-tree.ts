// The calls of one step as a tree. A long step has a million calls, so only what is open is read.

import type { EventLog } from '../../core/trace/log.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import type { Position } from '../protocol.ts';
import type { CallRow, CallTreeView } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { callArguments, type Namer } from './messages.ts';
import { sceneAt } from './scene.ts';
import { resultText } from './results.ts';
import { innermost } from './spans.ts';
import { namerOf } from './whose.ts';

/** Most rows that are listed, and most children of one call around the one that runs. */
const MAX_ROWS = 600;
const MAX_CHILDREN = 60;

/** Calls directly below an event that begins one, or below a step: first events of each. */
const childrenOf = (run: Run, log: EventLog, parent: number, begin: Position, end: Position): number[] => {
  const children: number[] = [];
  for (let i = begin; i < end; ) {
    if (log.kindAt(i) !== EventKind.SPAN_BEGIN) {
      i++;
      continue;
    }
    if (log.parentAt(i) === parent) {
      children.push(i);
      i = Math.max(i + 1, run.spans.endOf(i, end));
    } else i++;
  }
  return children;
};

/** The children to list: all, or those around the running one. */
const around = (
  children: readonly number[],
  running: ReadonlySet<number>,
  position: Position,
): readonly number[] => {
  if (children.length <= MAX_CHILDREN) return children;
  const found = children.findIndex((child) => running.has(child));
  const next = children.findIndex((child) => child >= position);
  const at = found >= 0 ? found : next >= 0 ? next : children.length - 1;
  const first = Math.max(0, Math.min(at - MAX_CHILDREN / 2, children.length - MAX_CHILDREN));
  return children.slice(first, first + MAX_CHILDREN);
};

class TreeReader {
  readonly rows: CallRow[] = [];
  private readonly run: Run;
  private readonly namer: Namer;
  private readonly position: Position;
  private readonly open: ReadonlySet<Position>;
  private readonly running: ReadonlySet<number>;

  /**
   * @param open - positions behind the beginnings of calls that are unfolded
   * @param running - events that begin the calls on the stack
   */
  constructor(
    run: Run,
    position: Position,
    namer: Namer,
    open: ReadonlySet<Position>,
    running: ReadonlySet<number>,
  ) {
    this.run = run;
    this.namer = namer;
    this.position = position;
    this.open = open;
    this.running = running;
  }

  private get log(): EventLog {
    return this.run.sim.machine.journal.log;
  }

  read(parent: number, begin: Position, end: Position, depth: number): void {
    const children = childrenOf(this.run, this.log, parent, begin, end);
    const listed = around(children, this.running, this.position);
    const before = listed.length === 0 ? 0 : children.indexOf(listed[0] ?? -1);
    if (before > 0) this.rows.push({ kind: 'more', depth, count: before });
    for (const child of listed) {
      if (this.rows.length >= MAX_ROWS) return;
      this.call(child, end, depth);
    }
    const after = children.length - before - listed.length;
    if (after > 0) this.rows.push({ kind: 'more', depth, count: after });
  }

  private call(begin: number, limit: Position, depth: number): void {
    const { log, run, namer, position } = this;
    const end = run.spans.endOf(begin, limit);
    const fn = KERNEL_FUNCTIONS[log.idAt(begin)];
    if (fn === undefined) return;
    const hasCalls = childrenOf(run, log, begin, begin + 1, end).length > 0;
    const isRunning = this.running.has(begin);
    const isOpen = hasCalls && (isRunning || this.open.has(begin + 1));
    this.rows.push({
      kind: 'call',
      fn: spelling(namer.m.kernel, fn.name),
      file: fn.file,
      depth,
      begin: begin + 1,
      end,
      args: callArguments(namerOf(namer, begin), fn.name, [
        log.rowAt(begin),
        log.oldAt(begin),
        log.nowAt(begin),
      ])
        .map(({ value }) => value)
        .join(', '),
      result: position >= end ? resultText(fn.name, log.rowAt(end - 1)) : '',
      hasCalls,
      isOpen,
      state: isRunning ? 'running' : position >= end ? 'past' : 'to-come',
    });
    if (isOpen) this.read(begin, begin + 1, end, depth + 1);
  }
}

/**
 * The calls of the step at a position; what runs is always open.
 *
 * @param open - positions behind the beginnings of calls that somebody has unfolded
 */
export const callTreeAt = (run: Run, position: Position, open: readonly Position[]): CallTreeView => {
  const { log } = run.sim.machine.journal;
  const { index } = run.stepAt(position);
  const step = run.sim.steps[index];
  if (step === undefined) return { step: -1, rows: [] };
  const running = new Set<number>();
  for (let at = innermost(log, position); at >= 0; at = log.parentAt(at)) running.add(at);
  const { namer } = sceneAt(run, position);
  const reader = new TreeReader(run, position, namer, new Set(open), running);
  reader.read(-1, step.begin, step.end, 0);
  return { step: index, rows: reader.rows };
};
