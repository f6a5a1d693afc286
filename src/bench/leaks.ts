// Memory that does not come back: after a thousand runs, after machines that were opened and dropped, after a million
// seeks.

import { atMost, type Figure, figure } from './figures.ts';
import { settledBytes } from './measure.ts';
import { pinHome } from './scenarios.ts';
import { sequence } from './time-travel.ts';

const RUNS = 1000;
const MACHINES = 200;
const SEEKS = 1_000_000;
/** What may be left over: compiled code, and what the collector does not return. A leak of 4 kB a run is over it. */
const MAX_LEFT_BYTES = 4 * 2 ** 20;

const leftAfter = (work: () => void, times: number): number => {
  // what the first times leave is code and caches
  for (let i = 0; i < Math.ceil(times / 20); i++) work();
  const before = settledBytes();
  for (let i = 0; i < times; i++) work();
  return settledBytes() - before;
};

export const leaks = (): Figure[] => {
  const run = (): void => pinHome(64).runAll();
  const open = (): void => void pinHome(16).machine;
  const sim = pinHome(16);
  sim.runAll();
  // over keyframes and into big steps, where sections are put back
  const big = pinHome(8192);
  big.runAll();
  const seekAll = (): void => {
    for (const place of sequence(sim.length, 990)) sim.seek(place);
    for (const place of sequence(big.length, 10)) big.seek(place);
  };
  const refused = (): void => {
    try {
      sim.runStep({ op: 'munmap', proc: 'A', vma: 'nothing' });
    } catch {
      // an area that is not there: the step is taken back
    }
  };
  return [
    figure('left_after_1000_runs_bytes', leftAfter(run, RUNS), 'bytes', atMost(MAX_LEFT_BYTES)),
    figure('left_after_machines_bytes', leftAfter(open, MACHINES), 'bytes', atMost(MAX_LEFT_BYTES)),
    figure('left_after_1m_seeks_bytes', leftAfter(seekAll, SEEKS / 1000), 'bytes', atMost(MAX_LEFT_BYTES)),
    figure('left_after_refused_steps_bytes', leftAfter(refused, RUNS), 'bytes', atMost(MAX_LEFT_BYTES)),
  ];
};
