// What a big step does to the holders of references: net amounts, run by run, at the end of each batch of pages.
// Detailed steps have an event for every change instead.

import type { EventLog } from '../trace/log.ts';
import { EventKind, HOLDER_KINDS } from '../uapi/events.ts';
import type { Pfn } from '../uapi/units.ts';

const ROWS = 4096;
/** Arrays that are kept for the next batch: as many as one of pages that go one by one needs, and a few. */
const SPARE_ARRAYS = 64;
/** Numbers of a run: holder, first page, pages, amount of each. */
const FIELDS = 4;

/** Amounts that single pages gain and lose within a batch, by holder. */
type Pending = Map<number, Int32Array>;

/** Runs that take effect at a position of the timeline. */
interface Batch {
  readonly position: number;
  readonly runs: readonly number[];
}

/**
 * What one event does to the holders of the page that it is about, if anything.
 *
 * @param sign - 1: the event happens; -1: it is taken back
 */
export const addHolderEvent = (log: EventLog, index: number, amounts: number[], sign: 1 | -1): void => {
  const kind = log.kindAt(index);
  if (kind === EventKind.REF) {
    amounts[log.idAt(index)] += sign * (log.nowAt(index) - log.oldAt(index));
  } else if (kind === EventKind.HOLDER) {
    const amount = sign * log.nowAt(index);
    amounts[log.oldAt(index)] -= amount;
    amounts[log.idAt(index)] += amount;
  }
};

export class HolderRuns {
  private readonly batches: Batch[] = [];
  private readonly pending: Pending[] = HOLDER_KINDS.map(() => new Map());
  /** Arrays of zeros that the batch before has left. */
  private readonly spare: Int32Array[] = [];
  private runs: number[] = [];
  /** Where the last run of each holder begins in `runs`, of losses and of gains. */
  private readonly last = HOLDER_KINDS.flatMap(() => [-1, -1]);

  /** A page's references of one holder change. */
  add(holder: number, folio: Pfn, by: number): void {
    const no = Math.floor(folio / ROWS);
    let amounts = this.pending[holder].get(no);
    if (amounts === undefined) {
      amounts = this.spare.pop() ?? new Int32Array(ROWS);
      this.pending[holder].set(no, amounts);
    }
    amounts[folio % ROWS] += by;
  }

  /** The same for neighbouring pages; joins the holder's run before if it goes on there. */
  addRun(holder: number, first: Pfn, npages: number, by: number): void {
    const { runs } = this;
    const slot = holder * 2 + (by > 0 ? 1 : 0);
    const at = this.last[slot];
    if (at >= 0 && runs[at + 3] === by) {
      if (runs[at + 1] + runs[at + 2] === first) {
        runs[at + 2] += npages;
        return;
      }
      if (first + npages === runs[at + 1]) {
        runs[at + 1] = first;
        runs[at + 2] += npages;
        return;
      }
    }
    this.last[slot] = runs.length;
    runs.push(holder, first, npages, by);
  }

  /** Ends a batch: what was added takes effect at `position`. */
  flush(position: number): void {
    this.pending.forEach((sections, holder) => {
      const numbers = [...sections.keys()].sort((a, b) => a - b);
      for (const no of numbers) this.flushSection(holder, no * ROWS, sections.get(no));
      sections.clear();
    });
    if (this.runs.length > 0) this.batches.push({ position, runs: this.runs });
    this.startRuns();
  }

  /** Forgets what takes effect after `position`, and what is pending. */
  forgetAfter(position: number): void {
    while ((this.batches.at(-1)?.position ?? 0) > position) this.batches.pop();
    for (const sections of this.pending) sections.clear();
    this.startRuns();
  }

  /** Whether there was no big step. */
  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  /** Adds what took effect up to a position. @param amounts - by holder */
  addTo(folio: Pfn, position: number, amounts: number[]): void {
    for (const batch of this.batches) {
      if (batch.position > position) return;
      const { runs } = batch;
      for (let at = 0; at < runs.length; at += FIELDS) {
        const from = folio - runs[at + 1];
        if (from >= 0 && from < runs[at + 2]) amounts[runs[at]] += runs[at + 3];
      }
    }
  }

  bytes(): number {
    return this.batches.reduce((sum, { runs }) => sum + runs.length * 8, 0);
  }

  private startRuns(): void {
    this.runs = [];
    this.last.fill(-1);
  }

  private flushSection(holder: number, base: Pfn, amounts: Int32Array | undefined): void {
    if (amounts === undefined) return;
    for (let from = 0; from < ROWS; ) {
      const by = amounts[from];
      const to = endOfRun(amounts, from + 1, by);
      if (by !== 0) this.addRun(holder, base + from, to - from, by);
      from = to;
    }
    if (this.spare.length < SPARE_ARRAYS) this.spare.push(amounts.fill(0));
  }
}

/** The first row with another amount. A function of its own, or a compiler leaves it whenever a run ends. */
const endOfRun = (amounts: Int32Array, from: number, by: number): number => {
  let row = from;
  while (row < ROWS && amounts[row] === by) row++;
  return row;
};
