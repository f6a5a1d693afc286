// The longest time for which a big step does not let go of the worker.

import { createSimulation } from '../core/index.ts';
import { atMost, type Figure, figure } from './figures.ts';
import { pinHome } from './scenarios.ts';

const PAGES = 2 ** 20;
const ROUNDS = 3;
/** What the worker lets a slice last before it looks at its messages; see sim.worker.ts. */
const SLICE_MS = 8;

/** Times between two places where a step could stop. */
const pieces = (): number[] => {
  const sim = pinHome(PAGES);
  const times: number[] = [];
  for (const { step } of [
    ...sim.scenario.steps,
    { step: { op: 'unpin', proc: 'A', handle: 'h1' } as const },
  ]) {
    let last = performance.now();
    const slices = sim.runStepInSlices(step, () => {
      const now = performance.now();
      times.push(now - last);
      last = performance.now();
      return true;
    });
    while (slices.next().done !== true);
    times.push(performance.now() - last);
  }
  return times;
};

/**
 * The same pieces come in the same order in every round; of each the fastest counts, so that what others do on the
 * machine does not.
 */
export const blocks = (): Figure[] => {
  createSimulation(pinHome(16).scenario).runAll();
  const rounds = Array.from({ length: ROUNDS }, pieces);
  const [first = []] = rounds;
  const longest = first.reduce(
    (most, _, i) => Math.max(most, Math.min(...rounds.map((times) => times[i] ?? Number.POSITIVE_INFINITY))),
    0,
  );
  return [figure('worker_longest_block_ms', SLICE_MS + longest, 'ms', atMost(50))];
};
