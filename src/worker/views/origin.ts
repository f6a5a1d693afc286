// Why a page is in its frame: the decision of the trace that put it there.

import { compoundHead } from '../../core/kernel/mm/page-ref.ts';
import { type DecisionId, DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { TELLING_CALLS } from '../../core/uapi/origins.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import type { Position } from '../protocol.ts';
import type { PageOrigin } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { whyOf } from './captions.ts';
import { type Chapter, chaptersOf, type Events, positionIn, processIn, subjectOf } from './chapters.ts';
import { eventText } from './events.ts';
import type { Scene } from './scene.ts';

/** Decisions from which a page moves, is copied or is made; the more telling first. */
const CAUSES: readonly (readonly DecisionId[])[] = [
  ['pinnable.coherent', 'pinnable.movable', 'pinnable.cma', 'pinnable.isolate'],
  ['fault.device-private', 'fork.early-copy', 'fault.zero-page', 'fault.none.write'],
  ['fault.wp.copy', 'fault.unshare.copy'],
  ['migrate.selected', 'migrate.hole', 'migrate.zero-page'],
];
/**
 * Decisions that name a frame and where its page goes; those of migration first: the bytes that the test driver copies
 * lie in a page of system memory that stands for the private one.
 */
const TRAVELS: readonly (readonly DecisionId[])[] = [['migrate.destination', 'migrate.moved'], ['copy.page']];
/** Decisions about an address at which there was no page to come from. */
const HOLES: ReadonlySet<DecisionId> = new Set(['migrate.hole', 'migrate.zero-page']);
const TELLING: ReadonlySet<string> = new Set(TELLING_CALLS);

const decisionAt = (log: Events, index: number): DecisionId | undefined =>
  log.kindAt(index) === EventKind.DECISION ? DECISIONS[log.idAt(index)] : undefined;

/** The event that took the frame into use last; -1: in use since boot, or in none that was told page by page. */
const allocationOf = (log: Events, head: number, from: Position, before: Position): number => {
  for (let i = before - 1; i >= from; i--) {
    if (log.kindAt(i) === EventKind.REF && log.rowAt(i) === head && log.oldAt(i) === 0) return i;
  }
  return -1;
};

/** The frame that the page came from; -1: it was made here. */
const sourceOf = (log: Events, pfn: number, from: number, before: number): number => {
  for (const ids of TRAVELS) {
    for (let i = from; i < before; i++) {
      const decision = decisionAt(log, i);
      if (decision !== undefined && ids.includes(decision) && log.oldAt(i) === pfn && log.rowAt(i) >= 0)
        return log.rowAt(i);
    }
  }
  return -1;
};

const functionAt = (log: Events, span: number): string => KERNEL_FUNCTIONS[log.idAt(span)]?.name ?? '';

const ancestorsOf = (log: Events, index: number): number[] => {
  const above: number[] = [];
  for (let at = log.parentAt(index); at >= 0; at = log.parentAt(at)) above.push(at);
  return above;
};

interface Taken {
  /** -1: the page was made here. */
  readonly source: number;
  readonly begin: number;
  /** The event that took the frame. */
  readonly at: number;
  /** Addresses that the page is mapped at. */
  readonly vpns: ReadonlySet<number>;
}

const causeOf = (log: Events, { source, begin, at, vpns }: Taken): number => {
  const above = new Set(ancestorsOf(log, at));
  const concerns = (i: number, decision: DecisionId): boolean => {
    if (source >= 0) return log.rowAt(i) === source || log.oldAt(i) === source;
    return HOLES.has(decision) ? vpns.has(log.rowAt(i)) : above.has(log.parentAt(i));
  };
  for (const ids of CAUSES) {
    for (let i = at - 1; i >= begin; i--) {
      const decision = decisionAt(log, i);
      if (decision !== undefined && ids.includes(decision) && concerns(i, decision)) return i;
    }
  }
  return -1;
};

/** Decisions that may say why a page is where it is. */
export const EXPLAINS: ReadonlySet<DecisionId> = new Set([...CAUSES.flat(), ...TRAVELS.flat()]);

/** Where a page's frame was taken into use last. */
interface Allocation {
  readonly chapter: Chapter;
  /** The event in the chapter's log. */
  readonly at: number;
}

/** Whether a frame was in use at another position. */
const wasInUse = (run: Run, position: Position, head: number): boolean => {
  const { position: here } = run.sim.machine.journal;
  run.seek(position);
  const inUse = run.sim.machine.pages.refcount.get(head) > 0;
  run.seek(here);
  return inUse;
};

/** @returns `untold`: in a step that left counts, if it was no other one before; undefined: at boot */
const findAllocation = (
  run: Run,
  position: Position,
  head: number,
  chapters: readonly Chapter[],
): Allocation | 'untold' | undefined => {
  for (const chapter of chapters.toReversed()) {
    const { record, told, log, begin, end } = chapter;
    // a frame that is in use in the midst of a big step, and was before it, has not been taken in it yet
    if (record.isBig && position < record.end && wasInUse(run, record.begin, head)) continue;
    if (told === 'counts') return 'untold';
    const at = allocationOf(log, head, begin, end);
    if (at >= 0) return { chapter, at };
  }
  return undefined;
};

/** @returns undefined: the frame is free, or was never handed out; `untold`: its step has to be run again for that */
export const originOf = (
  run: Run,
  position: Position,
  scene: Scene,
  pfn: number,
  vpns: ReadonlySet<number>,
): PageOrigin | 'untold' | undefined => {
  const { m } = scene;
  const head = compoundHead(m, pfn);
  const subject = subjectOf(run, position, { kind: 'page', pfn });
  if (subject === undefined || m.pages.refcount.get(head) === 0) return undefined;
  const found = findAllocation(run, position, head, chaptersOf(run, position, subject.key));
  if (found === undefined || found === 'untold') return found;
  const { chapter, at } = found;
  const { log, begin, end, told } = chapter;
  const source = sourceOf(log, pfn, at, end);
  const cause = causeOf(log, { source, begin, at, vpns });
  const tasks = run.tasksAt(chapter.record.end);
  const namer = { ...scene.namer, process: processIn(chapter, at), tasks };
  const spans = ancestorsOf(log, at);
  // the innermost one: a fault may split a huge page first
  const telling = cause < 0 ? spans.find((span) => TELLING.has(functionAt(log, span))) : undefined;
  const text =
    telling !== undefined
      ? { id: `origin.${functionAt(log, telling)}`, params: {} }
      : cause < 0
        ? undefined
        : eventText(namer, scene.tables, log.at(cause));
  return {
    position: positionIn(chapter, at),
    step: chapter.record.index,
    retold: told === 'again',
    source,
    calls: spans.toReversed().flatMap((span) => {
      const fn = KERNEL_FUNCTIONS[log.idAt(span)]?.name;
      return fn === undefined ? [] : [{ fn: spelling(m.kernel, fn), begin: positionIn(chapter, span) }];
    }),
    cause:
      text === undefined
        ? undefined
        : { position: positionIn(chapter, telling ?? cause), text, why: whyOf(text) },
  };
};
