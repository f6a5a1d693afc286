// Looks for the next event at which a breakpoint stops: in the log, and in big steps, which left counts, by running them
// again.

import { followed, wholeInDetail } from '../../core/scenario/detail.ts';
import type { Simulation, StepRecord } from '../../core/index.ts';
import { EventKind } from '../../core/uapi/events.ts';
import type { Message, Position } from '../protocol.ts';
import type { Breakpoint, Hit, PageRef, Search } from '../protocol-debug.ts';
import { Run } from '../run.ts';
import { placeNow, type Timeline, testOf } from './break-tests.ts';
import type { Subject } from './chapters.ts';
import { eventText } from './events.ts';
import { numbersOf } from './retell.ts';
import { sceneAt } from './scene.ts';

/** Events that are looked at between two questions whether the slice may go on. */
const EVENTS_A_LOOK = 4096;
/** Of a big step with so many calls all events can be had at once: four a call, 32 bytes each. */
const MOST_CALLS_IN_DETAIL = 1_000_000;

/** Pages that a big step which runs again has worked on, and its index. */
export interface SearchPart {
  readonly step: number;
  readonly pages: number;
}

interface Found {
  /** Of the event, in its log. */
  readonly index: number;
  readonly breakpoint: number;
}

/** Looks at the events from `from` to before `to`, or back from `from` to `to`. */
function* scan(
  timeline: Timeline,
  breakpoints: readonly Breakpoint[],
  from: number,
  to: number,
  direction: 1 | -1,
  mayGoOn: () => boolean,
): Generator<void, Found | undefined, void> {
  const { log } = timeline.machine.journal;
  const tests = breakpoints.map((breakpoint) => testOf(timeline, breakpoint, direction));
  const start = direction === 1 ? from : from + 1;
  if ((to - from) * direction <= 0) return undefined;
  for (const test of tests) test.restart(start);
  for (let i = from; i !== to; i += direction) {
    const kind = log.kindAt(i);
    const breakpoint = tests.findIndex((test) => test.isHit(i, kind));
    if (breakpoint >= 0) return { index: i, breakpoint };
    if (i % EVENTS_A_LOOK === 0 && !mayGoOn()) yield;
  }
  return undefined;
}

/** The page or place that a breakpoint names; `any`: it is about all; undefined: about no page. */
const pageOf = (breakpoint: Breakpoint): PageRef | 'any' | undefined => {
  switch (breakpoint.kind) {
    case 'function':
    case 'log':
      return undefined;
    case 'page':
      return breakpoint.of;
    case 'field':
    case 'pte':
      return breakpoint.of ?? 'any';
  }
};

/** As the stories of pages know it; undefined: nobody has that place before or behind the step. */
const subjectOf = (run: Run, { begin, end }: StepRecord, of: PageRef): Subject | undefined => {
  if ('pfn' in of) return { kind: 'page', key: '', pfn: of.pfn };
  for (const position of [begin, end]) {
    run.seek(position);
    const found = placeNow(run.sim.machine, of);
    if (found === undefined) continue;
    const { mm, vpn } = found;
    return { kind: 'pte', key: '', process: mm.name, vpn, mm: { id: mm.id, pgd: mm.pgd } };
  }
  return undefined;
};

/** What a slice of running something again gives, as parts of a search. */
function* parts<R>(step: number, slices: Generator<number, R, void>): Generator<SearchPart, R, void> {
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
    yield { step, pages: slice.value };
  }
}

function* quiet<R>(at: () => SearchPart, slices: Generator<void, R, void>): Generator<SearchPart, R, void> {
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
    yield at();
  }
}

const textOf = (run: Run, position: Position, index: number): Message => {
  const { namer, tables } = sceneAt(run, position);
  return eventText(namer, tables, run.sim.machine.journal.log.at(index));
};

const timelineOf = (sim: Simulation): Timeline => ({
  machine: sim.machine,
  seek: (position) => {
    if (sim.machine.journal.position !== position) sim.seek(position);
  },
});

const callsIn = (sim: Simulation, record: StepRecord): number =>
  [...sim.callTotals(record).values()].reduce((sum, times) => sum + times, 0);

/** What a big step can show of itself when it runs again for some breakpoints. */
interface Again {
  readonly hit: Hit | undefined;
  /** Some are about any page, and it has too many. */
  readonly isUnseen: boolean;
}

/** Runs a big step again for those of the breakpoints that are about pages, and looks through what it did. */
function* searchAgain(
  run: Run,
  record: StepRecord,
  breakpoints: readonly Breakpoint[],
  direction: 1 | -1,
  mayGoOn: () => boolean,
): Generator<SearchPart, Again, void> {
  const { index: step, end } = record;
  const about = breakpoints.map(pageOf);
  const wantsAll = about.includes('any');
  const isWhole = wantsAll && callsIn(run.sim, record) <= MOST_CALLS_IN_DETAIL;
  const isUnseen = wantsAll && !isWhole;
  const asked = about.flatMap((of, at) => (of === undefined || (of === 'any' && !isWhole) ? [] : [at]));
  const numbers = new Set<number>();
  if (!isWhole) {
    for (const at of asked) {
      const of = about[at];
      const subject = of === undefined || of === 'any' ? undefined : subjectOf(run, record, of);
      if (subject === undefined) continue;
      const found = yield* quiet(() => ({ step, pages: 0 }), numbersOf(run, record, subject, mayGoOn));
      for (const number of found) numbers.add(number);
    }
    if (numbers.size === 0) return { hit: undefined, isUnseen };
  }
  const sim = isWhole
    ? yield* parts(step, wholeInDetail(run.sim, record, mayGoOn))
    : (yield* parts(
        step,
        followed(run.sim, record, () => numbers, mayGoOn),
      )).sim;
  const { length } = sim.machine.journal.log;
  const [from, to] = direction === 1 ? [0, length] : [length - 1, -1];
  const wanted = asked.flatMap((at) => breakpoints[at] ?? []);
  const found = yield* quiet(
    () => ({ step, pages: 0 }),
    scan(timelineOf(sim), wanted, from, to, direction, mayGoOn),
  );
  if (found === undefined) return { hit: undefined, isUnseen };
  const text = textOf(new Run('again', sim), found.index + 1, found.index);
  const breakpoint = asked[found.breakpoint] ?? 0;
  return { hit: { position: end, breakpoint, inside: { step, text } }, isUnseen };
}

/** Of what happens inside of a big step its log only has these: what is about pages is looked for by running it again. */
const isInLog = (breakpoint: Breakpoint): boolean => pageOf(breakpoint) === undefined;

/** Part of a timeline: a big step, or what is between two of them. */
interface Part {
  readonly begin: Position;
  readonly end: Position;
  readonly record: StepRecord | undefined;
}

const partsOf = (run: Run): Part[] => {
  const found: Part[] = [];
  let begin = run.sim.bootEnd;
  const add = (end: Position, record: StepRecord | undefined): void => {
    if (end > begin) found.push({ begin, end, record });
    begin = end;
  };
  for (const record of run.sim.steps) {
    if (!record.isBig) continue;
    add(record.begin, undefined);
    add(record.end, record);
  }
  add(run.sim.length, undefined);
  return found;
};

/** A call that a big step only counts: how often stands in the log. */
const counted = (run: Run, { record }: Part, { index, breakpoint }: Found): Hit => {
  const position = index + 1;
  const isCount = run.sim.machine.journal.log.kindAt(index) === EventKind.CALLS;
  if (record === undefined || !isCount) return { position, breakpoint };
  return { position, breakpoint, inside: { step: record.index, text: textOf(run, position, index) } };
};

/**
 * The next position behind an event at which one of the breakpoints stops, in slices.
 *
 * @param from - the event that led here is the one before it, and does not count
 */
export function* search(
  run: Run,
  breakpoints: readonly Breakpoint[],
  from: Position,
  direction: 1 | -1,
  mayGoOn: () => boolean,
): Generator<SearchPart, Search, void> {
  const timeline = timelineOf(run.sim);
  const unseen: number[] = [];
  const wantsPages = !breakpoints.every(isInLog);
  const way = partsOf(run);
  if (direction === -1) way.reverse();
  for (const part of way) {
    const { begin, end, record } = part;
    if (direction === 1 ? end <= from : begin >= from) continue;
    // an event at i leads to position i + 1
    const [first, last] =
      direction === 1 ? [Math.max(begin, from), end] : [Math.min(end - 1, from - 2), begin - 1];
    const at = (): SearchPart => ({ step: run.stepAt(first).index, pages: 0 });
    // those that are not looked for keep their place, and find nothing
    const inLog = record === undefined ? breakpoints : breakpoints.map((one) => (isInLog(one) ? one : NEVER));
    const again =
      record !== undefined && wantsPages && (direction === 1 || end < from)
        ? yield* searchAgain(run, record, breakpoints, direction, mayGoOn)
        : undefined;
    if (again?.isUnseen === true && record !== undefined) unseen.push(record.index);
    if (direction === -1 && again?.hit !== undefined) return { hit: again.hit, unseen };
    const found = yield* quiet(at, scan(timeline, inLog, first, last, direction, mayGoOn));
    if (found !== undefined) return { hit: counted(run, part, found), unseen };
    if (again?.hit !== undefined) return { hit: again.hit, unseen };
  }
  return { hit: undefined, unseen };
}
const NEVER: Breakpoint = { kind: 'function', fn: '' };
