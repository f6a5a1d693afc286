// Which step changed a page last. Made when somebody asks: a bit a page for each step, read off the log once.

import type { EventLog } from '../../core/trace/log.ts';
import type { StepRecord } from '../../core/index.ts';
import { EventKind, unpackPages } from '../../core/uapi/events.ts';
import { PAGES_PER_SECTION } from '../../core/uapi/units.ts';
import { AGE_BEFORE, AGE_NOW, AGE_OLD, AGE_RECENT, NO_SHADE } from '../protocol-map.ts';

/** By section: 1 where a page was changed. */
type Changed = Map<number, Uint8Array>;

/** By how many steps lie between. */
export const ageShade = (stepsAgo: number): number =>
  stepsAgo === 0 ? AGE_NOW : stepsAgo === 1 ? AGE_BEFORE : stepsAgo <= 3 ? AGE_RECENT : AGE_OLD;

const mark = (changed: Changed, pfn: number): void => {
  const at = pfn % PAGES_PER_SECTION;
  const no = (pfn - at) / PAGES_PER_SECTION;
  const section = changed.get(no) ?? new Uint8Array(PAGES_PER_SECTION);
  changed.set(no, section);
  section[at] = 1;
};

const markRun = (changed: Changed, first: number, step: number, npages: number): void => {
  if (first < 0) return;
  for (let page = 0; page < npages; page++) mark(changed, first + page * step);
};

export class PageAges {
  private readonly log: EventLog;
  private readonly columns: ReadonlySet<number>;
  private readonly steps: Changed[] = [];
  /** The step that is being read, and up to where. */
  private part: { readonly begin: number; end: number; changed: Changed } = {
    begin: -1,
    end: -1,
    changed: new Map(),
  };

  /** @param columns - ids of the columns of struct page */
  constructor(log: EventLog, columns: ReadonlySet<number>) {
    this.log = log;
    this.columns = columns;
  }

  /**
   * How long ago each page was changed, seen from a position.
   *
   * @param step - index of the step that runs there or has just run; -1 before step 0
   */
  at(
    records: readonly StepRecord[],
    step: number,
    position: number,
  ): (no: number, shades: Uint8Array) => void {
    for (let i = this.steps.length; i < step; i++) {
      const record = records[i];
      const changed: Changed = new Map();
      if (record !== undefined) this.read(record.begin, record.end, changed);
      this.steps.push(changed);
    }
    const begin = records[step]?.begin ?? position;
    const now = this.readPart(begin, position);
    return (no, shades) => {
      shades.fill(NO_SHADE);
      for (let i = 0; i < step; i++) paint(this.steps[i]?.get(no), ageShade(step - i), shades);
      paint(now.get(no), AGE_NOW, shades);
    };
  }

  private readPart(begin: number, end: number): Changed {
    if (this.part.begin !== begin || this.part.end > end)
      this.part = { begin, end: begin, changed: new Map() };
    this.read(this.part.end, end, this.part.changed);
    this.part.end = end;
    return this.part.changed;
  }

  private read(from: number, to: number, changed: Changed): void {
    const { log } = this;
    for (let index = from; index < to; index++) {
      const kind = log.kindAt(index);
      if (kind === EventKind.REF) mark(changed, log.rowAt(index));
      else if (kind === EventKind.COLUMN) {
        if (this.columns.has(log.idAt(index))) mark(changed, log.rowAt(index));
      } else if (kind === EventKind.PAGES) {
        const { fromStep, toStep, npages } = unpackPages(log.idAt(index));
        markRun(changed, log.oldAt(index), fromStep, npages);
        markRun(changed, log.nowAt(index), toStep, npages);
      }
    }
  }
}

const paint = (changed: Uint8Array | undefined, shade: number, shades: Uint8Array): void => {
  if (changed === undefined) return;
  for (let at = 0; at < changed.length; at++) if (changed[at] === 1) shades[at] = shade;
};
