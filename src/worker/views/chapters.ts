// The log of a run step by step, as far as it is about one page or entry. A big step left counts; what it did stands in
// the events that were kept when it was run again, once that has been done.

import type { StepRecord } from '../../core/index.ts';
import type { EventLog, LogEvent } from '../../core/trace/log.ts';
import { EventKind } from '../../core/uapi/events.ts';
import type { Position, Selection } from '../protocol.ts';
import type { Run } from '../run.ts';
import { FIRST_TASK } from './beats.ts';
import { sceneAt } from './scene.ts';

/** What is read of a log. */
export type Events = Pick<
  EventLog,
  'kindAt' | 'idAt' | 'parentAt' | 'rowAt' | 'oldAt' | 'nowAt' | 'at' | 'length'
>;

/** Some events of a log, with those around them. */
export class KeptEvents implements Events {
  private readonly events: readonly LogEvent[];

  /** @param events - `parent` is an index among these */
  constructor(events: readonly LogEvent[]) {
    this.events = events;
  }

  get length(): number {
    return this.events.length;
  }

  at(index: number): LogEvent {
    const event = this.events[index];
    if (event === undefined) throw new RangeError(`no event ${index} of ${this.length}`);
    return event;
  }

  kindAt = (index: number): EventKind => this.at(index).kind;
  idAt = (index: number): number => this.at(index).id;
  parentAt = (index: number): number => this.at(index).parent;
  rowAt = (index: number): number => this.at(index).row;
  oldAt = (index: number): number => this.at(index).old;
  nowAt = (index: number): number => this.at(index).now;
}

/** An event that changed the entry of an address, and the level at which it stood. */
export interface EntryChange {
  readonly index: number;
  readonly level: number;
}

/** What a big step did about a page or an entry. */
export interface Retold {
  readonly events: Events;
  /** Of an entry: those of the events that changed it. */
  readonly changes: readonly EntryChange[];
  /** Of an entry: its rows behind the step, by level, -1 where there is no table; undefined: its process is gone. */
  readonly rows: readonly number[] | undefined;
}

/** A step, or the part of it before some position. */
export interface Chapter {
  readonly record: StepRecord;
  readonly log: Events;
  /** Indices of its events in `log`. */
  readonly begin: number;
  readonly end: number;
  /** `counts`: a big step that has not been run again for this. */
  readonly told: 'log' | 'again' | 'counts';
  readonly retold: Retold | undefined;
}

/** Targets of which what was found is kept; the one asked for longest ago goes first. */
const MAX_TARGETS = 16;

/** What running big steps again has told, by page or entry and by step. */
export class Stories {
  private readonly byTarget = new Map<string, Map<number, Retold>>();

  of(key: string): ReadonlyMap<number, Retold> {
    const found = this.byTarget.get(key);
    if (found === undefined) return NOTHING;
    this.byTarget.delete(key);
    this.byTarget.set(key, found);
    return found;
  }

  keep(key: string, step: number, retold: Retold): void {
    const known = this.byTarget.get(key);
    if (known === undefined) this.byTarget.set(key, new Map([[step, retold]]));
    else known.set(step, retold);
    for (const oldest of this.byTarget.keys()) {
      if (this.byTarget.size <= MAX_TARGETS) break;
      this.byTarget.delete(oldest);
    }
  }
}
const NOTHING: ReadonlyMap<number, Retold> = new Map();

/** Whose life is told, and by which name that is kept. */
export type Subject =
  | { readonly kind: 'page'; readonly key: string; readonly pfn: number }
  | {
      readonly kind: 'pte';
      readonly key: string;
      readonly process: string;
      readonly vpn: number;
      readonly mm: { readonly id: number; readonly pgd: number };
    };

/** @returns undefined: nothing that has a life of its own, or its process does not live at the position */
export const subjectOf = (run: Run, position: Position, target: Selection): Subject | undefined => {
  if (target.kind === 'page') return { kind: 'page', key: `page ${target.pfn}`, pfn: target.pfn };
  if (target.kind !== 'pte') return undefined;
  const { process, vpn } = target;
  const mm = sceneAt(run, position).places.areas.find((where) => where.mm.name === process)?.mm;
  if (mm?.alive !== true) return undefined;
  return { kind: 'pte', key: `pte ${mm.id} ${vpn}`, process, vpn, mm: { id: mm.id, pgd: mm.pgd } };
};

/** The steps that have begun before a position, in order. */
export const chaptersOf = (run: Run, position: Position, key: string): Chapter[] => {
  const { log } = run.sim.machine.journal;
  const stories = run.stories.of(key);
  const chapters: Chapter[] = [];
  for (const record of run.sim.steps) {
    if (record.begin >= position) break;
    const retold = record.isBig ? stories.get(record.index) : undefined;
    if (retold !== undefined) {
      const { events } = retold;
      chapters.push({ record, log: events, begin: 0, end: events.length, told: 'again', retold });
      continue;
    }
    const [begin, end] = [record.begin, Math.min(record.end, position)];
    chapters.push({ record, log, begin, end, told: record.isBig ? 'counts' : 'log', retold });
  }
  return chapters;
};

/** Big steps that would have to be run again to tell the life of a page up to a position, or of an entry in all of the run. */
export const untoldSteps = (run: Run, position: Position, subject: Subject | undefined): StepRecord[] => {
  if (subject === undefined) return [];
  const until = subject.kind === 'pte' ? Number.POSITIVE_INFINITY : position;
  return chaptersOf(run, until, subject.key)
    .filter(({ told }) => told === 'counts')
    .map(({ record }) => record);
};

/** Position behind an event of a chapter. */
export const positionIn = ({ told, record }: Chapter, index: number): Position =>
  told === 'again' ? record.end : index + 1;

/** The process that an event of a chapter belongs to: the step's, or that of the task among several. */
export const processIn = ({ record: { step }, log, begin }: Chapter, index: number): string => {
  if (step.op !== 'concurrent') return step.proc;
  let task = FIRST_TASK;
  for (let i = index; i >= begin; i--) {
    if (log.kindAt(i) !== EventKind.TASK) continue;
    task = log.idAt(i);
    break;
  }
  return step.steps[task - FIRST_TASK]?.proc ?? step.proc;
};
