// The frames of a handle as runs of neighbours: a handle may hold a million, and is asked about single ones.

import type { Pfns } from '../../core/uapi/units.ts';

/** Neighbouring frames, in ascending order. */
export interface FrameRun {
  readonly first: number;
  npages: number;
}

/** Frames, each as often as it was given. */
export class FrameRuns {
  /** By their first frames. */
  readonly runs: readonly FrameRun[];
  /** Behind the last frame of all runs up to each. */
  private readonly ends: Float64Array;

  constructor(pfns: Pfns) {
    this.runs = join(pfns).toSorted((a, b) => a.first - b.first);
    this.ends = new Float64Array(this.runs.length);
    let end = 0;
    this.runs.forEach(({ first, npages }, i) => {
      end = Math.max(end, first + npages);
      this.ends[i] = end;
    });
  }

  has(pfn: number): boolean {
    return (this.ends[this.before(pfn + 1) - 1] ?? 0) > pfn;
  }

  /** How many of the given frames lie in a range. */
  countIn(start: number, end: number): number {
    let count = 0;
    for (let i = this.before(end) - 1; i >= 0 && (this.ends[i] ?? 0) > start; i--) {
      const { first, npages } = this.runs[i] ?? { first: 0, npages: 0 };
      count += Math.max(0, Math.min(end, first + npages) - Math.max(start, first));
    }
    return count;
  }

  /** How many runs begin before a frame. */
  private before(pfn: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.runs[middle]?.first ?? 0) < pfn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many frames several handles hold together, each counted once. */
export const distinctFrames = (held: readonly FrameRuns[]): number => {
  let [count, end] = [0, 0];
  for (const { first, npages } of held.flatMap(({ runs }) => runs).toSorted((a, b) => a.first - b.first)) {
    count += Math.max(0, first + npages - Math.max(first, end));
    end = Math.max(end, first + npages);
  }
  return count;
};

const join = (pfns: Pfns): FrameRun[] => {
  const runs: FrameRun[] = [];
  for (let at = 0; at < pfns.length; ) {
    const first = pfns[at] ?? 0;
    const step = (pfns[at + 1] ?? first) - first;
    let npages = 1;
    if (step === 1 || step === -1) while (pfns[at + npages] === first + step * npages) npages++;
    runs.push({ first: step === -1 ? first - npages + 1 : first, npages });
    at += npages;
  }
  return runs;
};

const known = new WeakMap<Pfns, FrameRuns>();

/** The runs of an array that nobody changes, made once. */
export const frameRuns = (pfns: Pfns): FrameRuns => {
  let runs = known.get(pfns);
  if (runs === undefined) {
    runs = new FrameRuns(pfns);
    known.set(pfns, runs);
  }
  return runs;
};
