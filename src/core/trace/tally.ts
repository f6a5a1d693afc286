// What a big step leaves in the trace instead of an event for everything: how often each function was called and each
// decision taken, and what became of the pages, run by run.

import { DECISIONS, EventKind, type PageOutcome, packPages } from '../uapi/events.ts';
import { KERNEL_FUNCTIONS } from '../uapi/source-refs.ts';
import type { EventLog } from './log.ts';

/** Pages with neighbouring addresses that went the same way. */
interface PageRun {
  readonly outcome: PageOutcome;
  readonly vpn: number;
  readonly from: number;
  readonly to: number;
  /** How the frame changes from page to page: 1, -1 or 0. */
  fromStep: number;
  toStep: number;
  npages: number;
}

/** Most pages of one run: the field of its length. */
const MAX_RUN = 2 ** 16;

export class Tally {
  readonly calls = new Float64Array(KERNEL_FUNCTIONS.length);
  readonly decisions = new Float64Array(DECISIONS.length);
  /** Pages worked on, roughly: what the size of a batch is measured in. */
  pages = 0;
  private pagesBefore = 0;
  private runs: PageRun[] = [];

  /** A run of pages with one outcome; joins the run before if it goes on there. */
  addPages(
    outcome: PageOutcome,
    vpn: number,
    from: number,
    fromStep: number,
    to: number,
    toStep: number,
    npages: number,
  ): void {
    const last = this.runs.at(-1);
    const goesOn =
      last !== undefined &&
      last.outcome === outcome &&
      last.vpn + last.npages === vpn &&
      last.npages + npages <= MAX_RUN &&
      last.fromStep === fromStep &&
      last.toStep === toStep &&
      last.from + last.npages * fromStep === from &&
      last.to + last.npages * toStep === to;
    if (goesOn) last.npages += npages;
    else this.runs.push({ outcome, vpn, from, to, fromStep, toStep, npages });
  }

  /**
   * One page more that a mechanism moved, page after page; joins the run before as a neighbour of its last page. Its
   * address is not known here: NaN.
   */
  addMoved(from: number, to: number): void {
    this.pages += 1;
    const last = this.runs.at(-1);
    if (last !== undefined && Number.isNaN(last.vpn) && last.npages < MAX_RUN) {
      const fromStep = from - last.from - (last.npages - 1) * last.fromStep;
      const toStep = to - last.to - (last.npages - 1) * last.toStep;
      const goesOn =
        last.npages === 1
          ? Math.abs(fromStep) === 1 && Math.abs(toStep) === 1
          : fromStep === last.fromStep && toStep === last.toStep;
      if (goesOn) {
        Object.assign(last, { fromStep, toStep, npages: last.npages + 1 });
        return;
      }
    }
    this.runs.push({ outcome: 'migrated', vpn: Number.NaN, from, to, fromStep: 0, toStep: 0, npages: 1 });
  }

  /** Writes what was counted as events, and begins anew. */
  flush(log: EventLog): void {
    for (const { outcome, vpn, from, to, fromStep, toStep, npages } of this.runs)
      log.append(EventKind.PAGES, packPages({ outcome, fromStep, toStep, npages }), -1, vpn, from, to);
    this.calls.forEach((count, id) => {
      if (count > 0) log.append(EventKind.CALLS, id, -1, count, Number.NaN, Number.NaN);
    });
    this.decisions.forEach((count, id) => {
      if (count > 0) log.append(EventKind.DECISIONS, id, -1, count, Number.NaN, Number.NaN);
    });
    this.runs = [];
    this.calls.fill(0);
    this.decisions.fill(0);
    this.pagesBefore += this.pages;
    this.pages = 0;
  }

  /** Pages of all batches. */
  get pagesSoFar(): number {
    return this.pagesBefore + this.pages;
  }
}
