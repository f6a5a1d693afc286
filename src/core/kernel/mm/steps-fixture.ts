// Steps on the area `buf` of process A, for tests of what system calls do to areas.

import { createSimulation, parseScenario, type Simulation } from '../../index.ts';

/** Runs steps on the default machine. */
export const run = (...steps: readonly object[]): Simulation => {
  const sim = createSimulation(parseScenario({ devices: [], steps: steps.map((step) => ({ step })) }));
  sim.runAll();
  return sim;
};

export const mmap = (pages: number, kind = 'anon-private'): object => ({
  op: 'mmap',
  proc: 'A',
  vma: 'buf',
  pages,
  prot: 'rw',
  kind,
});

export const on = (op: string, page: number, count: number, more: object = {}): object => ({
  op,
  proc: 'A',
  vma: 'buf',
  page,
  count,
  ...more,
});

export const advise = (page: number, count: number, advice: string): object =>
  on('madvise', page, count, { advice });
