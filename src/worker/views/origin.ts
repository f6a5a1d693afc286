// Why a page is in its frame: the decision of the trace that put it there.

import { compoundHead } from '../../core/kernel/mm/page-ref.ts';
import type { EventLog } from '../../core/trace/log.ts';
import { type DecisionId, DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import type { Position } from '../protocol.ts';
import type { PageOrigin } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { whyOf } from './captions.ts';
import { eventText } from './events.ts';
import type { Scene } from './scene.ts';

/** Decisions from which a page moves, is copied or is made; the more telling first. */
const CAUSES: readonly (readonly DecisionId[])[] = [
  ['pinnable.coherent', 'pinnable.movable', 'pinnable.cma', 'pinnable.isolate'],
  ['fault.device-private', 'fork.early-copy', 'fault.zero-page', 'fault.none.write'],
  ['fault.wp.copy', 'fault.unshare.copy'],
  ['migrate.selected', 'migrate.hole', 'migrate.zero-page'],
];
/** Decisions that name a frame and where its page goes. */
const TRAVELS: ReadonlySet<DecisionId> = new Set(['migrate.destination', 'migrate.moved', 'copy.page']);

const decisionAt = (log: EventLog, index: number): DecisionId | undefined =>
  log.kindAt(index) === EventKind.DECISION ? DECISIONS[log.idAt(index)] : undefined;

/** The event that took the frame into use last; -1: in use since boot, or in none that was told page by page. */
const allocationOf = (log: EventLog, head: number, from: Position, before: Position): number => {
  for (let i = before - 1; i >= from; i--) {
    if (log.kindAt(i) === EventKind.REF && log.rowAt(i) === head && log.oldAt(i) === 0) return i;
  }
  return -1;
};

/** The frame that the page came from; -1: it was made here. */
const sourceOf = (log: EventLog, pfn: number, from: number, before: number): number => {
  for (let i = from; i < before; i++) {
    const decision = decisionAt(log, i);
    if (decision !== undefined && TRAVELS.has(decision) && log.oldAt(i) === pfn && log.rowAt(i) >= 0)
      return log.rowAt(i);
  }
  return -1;
};

const ancestorsOf = (log: EventLog, index: number): number[] => {
  const above: number[] = [];
  for (let at = log.parentAt(index); at >= 0; at = log.parentAt(at)) above.push(at);
  return above;
};

const causeOf = (log: EventLog, source: number, begin: number, at: number): number => {
  const above = new Set(ancestorsOf(log, at));
  const concerns = (i: number): boolean =>
    source >= 0 ? log.rowAt(i) === source || log.oldAt(i) === source : above.has(log.parentAt(i));
  for (const ids of CAUSES) {
    for (let i = at - 1; i >= begin; i--) {
      const decision = decisionAt(log, i);
      if (decision !== undefined && ids.includes(decision) && concerns(i)) return i;
    }
  }
  return -1;
};

/** @returns undefined: the frame is free, was never handed out, or its step was told in bulk */
export const originOf = (run: Run, position: Position, scene: Scene, pfn: number): PageOrigin | undefined => {
  const { m } = scene;
  const { log } = m.journal;
  const head = compoundHead(m, pfn);
  if (m.pages.refcount.get(head) === 0) return undefined;
  const at = allocationOf(log, head, run.sim.bootEnd, position);
  if (at < 0) return undefined;
  const { index: step, begin } = run.stepAt(at + 1);
  const source = sourceOf(log, pfn, at, Math.min(position, run.sim.steps[step]?.end ?? position));
  const cause = causeOf(log, source, begin, at);
  const namer = { ...scene.namer, process: run.processAt(at + 1), tasks: run.tasksAt(at + 1) };
  const text = cause < 0 ? undefined : eventText(namer, scene.tables, log.at(cause));
  return {
    position: at + 1,
    step,
    source,
    calls: ancestorsOf(log, at)
      .toReversed()
      .flatMap((span) => {
        const fn = KERNEL_FUNCTIONS[log.idAt(span)]?.name;
        return fn === undefined ? [] : [{ fn: spelling(m.kernel, fn), begin: span + 1 }];
      }),
    cause: text === undefined ? undefined : { position: cause + 1, text, why: whyOf(text) },
  };
};
