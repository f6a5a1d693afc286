// Searches for breakpoints without a worker, for tests.

import type { Breakpoint, Hit, Search } from '../protocol-debug.ts';
import type { Run } from '../run.ts';
import { search } from './breakpoints.ts';

export const searchOf = (
  run: Run,
  breakpoints: readonly Breakpoint[],
  from: number,
  direction: 1 | -1,
): Search => {
  // each slice is as short as it can be
  const slices = search(run, breakpoints, from, direction, () => false);
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
    // what others ask meanwhile leaves the machine elsewhere
    run.seek(run.sim.bootEnd);
  }
};

export const hitOf = (run: Run, breakpoint: Breakpoint, from: number, direction: 1 | -1): Hit | undefined =>
  searchOf(run, [breakpoint], from, direction).hit;

/** All stops of a run over everything. */
export const hitsOf = (run: Run, breakpoint: Breakpoint, direction: 1 | -1): number[] => {
  const found: number[] = [];
  let at = direction === 1 ? run.sim.bootEnd : run.sim.length + 1;
  for (;;) {
    const hit = hitOf(run, breakpoint, at, direction);
    if (hit === undefined) return found;
    found.push(hit.position);
    at = hit.position;
  }
};
