// Runs a big step again for one page or entry and keeps of its events what the page's life and its "why" are told from.

import type { StepRecord } from '../../core/index.ts';
import { compoundHead } from '../../core/kernel/mm/page-ref.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { followed, type PageDetail } from '../../core/scenario/detail.ts';
import type { EventLog, LogEvent } from '../../core/trace/log.ts';
import { type DecisionId, DECISIONS, EventKind } from '../../core/uapi/events.ts';
import type { Position } from '../protocol.ts';
import type { Run } from '../run.ts';
import { type EntryChange, KeptEvents, type Retold, type Subject } from './chapters.ts';
import { isPageChange, walkRows } from './entry-story.ts';
import { concernsPage } from './inspection.ts';
import { EXPLAINS } from './origin.ts';
import { rowOffsetOf, rowPfn } from './rows.ts';
import { sceneAt } from './scene.ts';

/** Events that are looked at between two questions whether the slice may go on. */
const EVENTS_A_LOOK = 4096;

interface Address {
  readonly process: string;
  readonly vpn: number;
}

/** Where a target is mapped at a position. */
const addressesAt = (run: Run, position: Position, subject: Subject): Address[] => {
  if (subject.kind === 'pte') return [subject];
  return sceneAt(run, position).places.areas.flatMap(({ mm, rows }) =>
    rows.flatMap((row) => {
      const offset = rowOffsetOf(row, subject.pfn);
      return offset < 0 ? [] : [{ process: mm.name, vpn: row.vpn + offset }];
    }),
  );
};

/** Frames that a step could be about when it is about the target: its own, and those that its addresses have. */
const framesAt = (
  run: Run,
  position: Position,
  subject: Subject,
  addresses: readonly Address[],
): number[] => {
  const { m, places } = sceneAt(run, position);
  const own = subject.kind === 'page' ? [subject.pfn, compoundHead(m, subject.pfn)] : [];
  return addresses.reduce((frames, { process, vpn }) => {
    const row = places.rowAt(process, vpn)?.row;
    const pfn = row === undefined || row.special ? -1 : rowPfn(row, vpn - row.vpn);
    return pfn < 0 ? frames : [...frames, pfn];
  }, own);
};

/** Addresses and frames to follow through a step. */
export function* numbersOf(
  run: Run,
  { begin, end }: StepRecord,
  subject: Subject,
  mayGoOn: () => boolean,
): Generator<void, Set<number>, void> {
  const after = addressesAt(run, end, subject);
  if (!mayGoOn()) yield;
  const addresses = [...addressesAt(run, begin, subject), ...after];
  const before = framesAt(run, begin, subject, addresses);
  if (!mayGoOn()) yield;
  return new Set([...addresses.map(({ vpn }) => vpn), ...before, ...framesAt(run, end, subject, addresses)]);
}

/** Marks the calls around an event. */
const markAround = (log: EventLog, index: number, marked: Uint8Array): void => {
  for (let at = log.parentAt(index); at >= 0 && marked[at] === 0; at = log.parentAt(at)) marked[at] = 1;
};

/** The events that were chosen, and the calls around them, as a log of its own. @returns where each of them is there */
const keep = (
  log: EventLog,
  chosen: readonly number[],
): { readonly events: KeptEvents; readonly places: ReadonlyMap<number, number> } => {
  const marked = new Uint8Array(log.length);
  for (const index of chosen) markAround(log, index, marked);
  for (const index of chosen) marked[index] = 1;
  const places = new Map<number, number>();
  const events: LogEvent[] = [];
  for (let i = marked.indexOf(1); i >= 0; i = marked.indexOf(1, i + 1)) {
    const event = log.at(i);
    places.set(i, events.length);
    events.push({ ...event, index: events.length, parent: places.get(event.parent) ?? -1 });
  }
  return { events: new KeptEvents(events), places };
};

/** What in a step says where the frame was taken, and from where its page came. */
interface Takings {
  /** Calls in which it was taken: 1 at the index of each. */
  readonly around: Uint8Array;
  /** Frames that the page came from. */
  readonly sources: ReadonlySet<number>;
}

function* takingsOf(
  log: EventLog,
  pfn: number,
  heads: ReadonlySet<number>,
  mayGoOn: () => boolean,
): Generator<void, Takings, void> {
  const around = new Uint8Array(log.length);
  const sources = new Set<number>();
  for (let i = 0; i < log.length; i++) {
    if (i % EVENTS_A_LOOK === 0 && !mayGoOn()) yield;
    const kind = log.kindAt(i);
    if (kind === EventKind.REF && log.oldAt(i) === 0 && heads.has(log.rowAt(i))) markAround(log, i, around);
    else if (kind === EventKind.DECISION && log.oldAt(i) === pfn && EXPLAINS.has(decisionOf(log, i)))
      sources.add(log.rowAt(i));
  }
  return { around, sources };
}

const decisionOf = (log: EventLog, index: number): DecisionId => DECISIONS[log.idAt(index)] ?? 'wake';

/** Events from which the history of a frame and its "why" are told, by index. */
function* eventsOf(
  m: Machine,
  pfn: number,
  heads: ReadonlySet<number>,
  mayGoOn: () => boolean,
): Generator<void, number[], void> {
  const { log } = m.journal;
  const { around, sources } = yield* takingsOf(log, pfn, heads, mayGoOn);
  const isWanted = (i: number): boolean => {
    switch (log.kindAt(i)) {
      case EventKind.TASK:
        return true;
      case EventKind.REF:
        return heads.has(log.rowAt(i));
      case EventKind.DECISION:
        if (!EXPLAINS.has(decisionOf(log, i))) break;
        if (sources.has(log.rowAt(i)) || sources.has(log.oldAt(i)) || around[log.parentAt(i)] === 1)
          return true;
        break;
      default:
    }
    return concernsPage(m, log, i, pfn);
  };
  const wanted: number[] = [];
  for (let i = 0; i < log.length; i++) {
    if (i % EVENTS_A_LOOK === 0 && !mayGoOn()) yield;
    if (isWanted(i)) wanted.push(i);
  }
  return wanted;
}

/** Changes of the entry of an address, by index in the log of the step. The machine goes through the step for it. */
function* changesOf(
  { sim }: PageDetail,
  pgd: number,
  vpn: number,
  mayGoOn: () => boolean,
): Generator<void, EntryChange[], void> {
  const { machine } = sim;
  const { journal, entries } = machine;
  const { log } = journal;
  const found: EntryChange[] = [];
  for (let i = 0; i < log.length; i++) {
    if (i % EVENTS_A_LOOK === 0 && !mayGoOn()) yield;
    if (log.kindAt(i) !== EventKind.COLUMN || log.idAt(i) !== entries.id) continue;
    const row = log.rowAt(i);
    const index = row % 512;
    if (![0, 1, 2, 3].some((level) => Math.floor(vpn / 512 ** level) % 512 === index)) continue;
    // the tables that lead there may have come without events of their own
    sim.seek(i);
    const level = walkRows(machine, pgd, vpn).indexOf(row);
    if (level >= 0 && isPageChange(level, log.oldAt(i), log.nowAt(i))) found.push({ index: i, level });
    if (!mayGoOn()) yield;
  }
  sim.seek(log.length);
  return found;
}

/** In slices, each of which gives the pages worked on so far. */
export function* retell(
  run: Run,
  record: StepRecord,
  subject: Subject,
  mayGoOn: () => boolean,
): Generator<number, Retold, void> {
  const looking = numbersOf(run, record, subject, mayGoOn);
  let looked = looking.next();
  for (; looked.done !== true; looked = looking.next()) yield 0;
  const numbers = looked.value;
  const pages = followed(run.sim, record, () => numbers, mayGoOn);
  let slice = pages.next();
  let pagesSoFar = 0;
  for (; slice.done !== true; slice = pages.next()) {
    pagesSoFar = slice.value;
    yield pagesSoFar;
  }
  const detail = slice.value;
  const { machine } = detail.sim;
  const { log } = machine.journal;
  if (subject.kind === 'page') {
    const slices = eventsOf(machine, subject.pfn, numbers, mayGoOn);
    let chosen = slices.next();
    for (; chosen.done !== true; chosen = slices.next()) yield pagesSoFar;
    return { events: keep(log, chosen.value).events, changes: [], rows: undefined };
  }
  const slices = changesOf(detail, subject.mm.pgd, subject.vpn, mayGoOn);
  let found = slices.next();
  for (; found.done !== true; found = slices.next()) yield pagesSoFar;
  const { events, places } = keep(
    log,
    found.value.map(({ index }) => index),
  );
  const alive = machine.mms.find(subject.mm.id)?.alive === true;
  return {
    events,
    changes: found.value.map(({ index, level }) => ({ level, index: places.get(index) ?? -1 })),
    rows: alive ? walkRows(machine, subject.mm.pgd, subject.vpn) : undefined,
  };
}
