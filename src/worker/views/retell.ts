// Runs a big step again for one page or entry and keeps of its events what the page's life and its "why" are told from.

import type { StepRecord } from '../../core/index.ts';
import { compoundHead } from '../../core/kernel/mm/page-ref.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { followed, type PageDetail } from '../../core/scenario/detail.ts';
import type { LogEvent } from '../../core/trace/log.ts';
import { DECISIONS, EventKind } from '../../core/uapi/events.ts';
import type { Position, Selection } from '../protocol.ts';
import type { Run } from '../run.ts';
import { type EntryChange, KeptEvents, type Retold } from './chapters.ts';
import { isPageChange, walkRows } from './entry-story.ts';
import { concernsPage } from './inspection.ts';
import { EXPLAINS } from './origin.ts';
import { rowOffsetOf, rowPfn } from './rows.ts';
import { sceneAt } from './scene.ts';

/** Events that are looked at between two questions whether the slice may go on. */
const EVENTS_A_LOOK = 4096;

export type PageTarget = Extract<Selection, { readonly kind: 'page' | 'pte' }>;

/** A process as a target names it. */
interface Owner {
  readonly id: number;
  readonly pgd: number;
}

interface Address {
  readonly process: string;
  readonly vpn: number;
}

/** Where a target is mapped at a position. */
const addressesAt = (run: Run, position: Position, target: PageTarget): Address[] => {
  if (target.kind === 'pte') return [target];
  return sceneAt(run, position).places.areas.flatMap(({ mm, rows }) =>
    rows.flatMap((row) => {
      const offset = rowOffsetOf(row, target.pfn);
      return offset < 0 ? [] : [{ process: mm.name, vpn: row.vpn + offset }];
    }),
  );
};

/** Frames that a step could be about when it is about the target: its own, and those that its addresses have. */
const framesAt = (
  run: Run,
  position: Position,
  target: PageTarget,
  addresses: readonly Address[],
): number[] => {
  const { m, places } = sceneAt(run, position);
  const own = target.kind === 'page' ? [target.pfn, compoundHead(m, target.pfn)] : [];
  return addresses.reduce((frames, { process, vpn }) => {
    const row = places.rowAt(process, vpn)?.row;
    const pfn = row === undefined || row.special ? -1 : rowPfn(row, vpn - row.vpn);
    return pfn < 0 ? frames : [...frames, pfn];
  }, own);
};

/** Addresses and frames to follow through a step. */
function* numbersOf(
  run: Run,
  { begin, end }: StepRecord,
  target: PageTarget,
  mayGoOn: () => boolean,
): Generator<void, Set<number>, void> {
  const after = addressesAt(run, end, target);
  if (!mayGoOn()) yield;
  const addresses = [...addressesAt(run, begin, target), ...after];
  const before = framesAt(run, begin, target, addresses);
  if (!mayGoOn()) yield;
  return new Set([...addresses.map(({ vpn }) => vpn), ...before, ...framesAt(run, end, target, addresses)]);
}

/** The events that were chosen, and the calls around them, as a log of its own. @returns where each of them is there */
const keep = (
  { machine: { journal } }: PageDetail['sim'],
  chosen: Uint8Array,
): { readonly events: KeptEvents; readonly places: ReadonlyMap<number, number> } => {
  const { log } = journal;
  chosen.forEach((is, i) => {
    if (is === 0) return;
    for (let at = log.parentAt(i); at >= 0 && chosen[at] === 0; at = log.parentAt(at)) chosen[at] = 1;
  });
  const places = new Map<number, number>();
  const events: LogEvent[] = [];
  chosen.forEach((is, i) => {
    if (is === 0) return;
    const event = log.at(i);
    places.set(i, events.length);
    events.push({ ...event, index: events.length, parent: places.get(event.parent) ?? -1 });
  });
  return { events: new KeptEvents(events), places };
};

/** What of a step the history of a frame and its "why" are told from. */
const isWanted = (m: Machine, index: number, target: PageTarget, heads: ReadonlySet<number>): boolean => {
  const { log } = m.journal;
  switch (log.kindAt(index)) {
    case EventKind.TASK:
      return true;
    case EventKind.DECISION:
      if (EXPLAINS.has(DECISIONS[log.idAt(index)] ?? 'wake')) return true;
      break;
    case EventKind.REF:
      if (log.oldAt(index) === 0 && heads.has(log.rowAt(index))) return true;
      break;
    default:
  }
  return target.kind === 'page' && concernsPage(m, log, index, target.pfn);
};

/** Changes of the entry of an address, by index in the log of the step. The machine goes through the step for it. */
function* changesOf(
  { sim }: PageDetail,
  { pgd }: Owner,
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

/**
 * In slices, each of which gives the pages worked on so far.
 *
 * @param owner - of an entry
 */
export function* retell(
  run: Run,
  record: StepRecord,
  target: PageTarget,
  owner: Owner | undefined,
  mayGoOn: () => boolean,
): Generator<number, Retold, void> {
  const looking = numbersOf(run, record, target, mayGoOn);
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
  const { length } = machine.journal.log;
  const chosen = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    if (i % EVENTS_A_LOOK === 0 && !mayGoOn()) yield pagesSoFar;
    if (isWanted(machine, i, target, numbers)) chosen[i] = 1;
  }
  if (target.kind === 'page' || owner === undefined)
    return { events: keep(detail.sim, chosen).events, changes: [], rows: undefined };
  const slices = changesOf(detail, owner, target.vpn, mayGoOn);
  let found = slices.next();
  for (; found.done !== true; found = slices.next()) yield pagesSoFar;
  for (const { index } of found.value) chosen[index] = 1;
  const { events, places } = keep(detail.sim, chosen);
  const alive = machine.mms.find(owner.id)?.alive === true;
  return {
    events,
    changes: found.value.map(({ index, level }) => ({ level, index: places.get(index) ?? -1 })),
    rows: alive ? walkRows(machine, owner.pgd, target.vpn) : undefined,
  };
}
