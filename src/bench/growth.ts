// How the figures grow with the work: exponents of a power law, fitted over all sizes. 1 is linear, 0 constant.

import { atMost, type Figure, figure } from './figures.ts';
import { median, percentile, settledBytes, timed } from './measure.ts';
import { manyEvents, pinHome, runSteps } from './scenarios.ts';
import { seekTimes } from './time-travel.ts';

/** Slope of log(value) over log(size), by least squares. */
export const exponent = (points: readonly (readonly [size: number, value: number])[]): number => {
  const logs = points.map(([size, value]) => [Math.log(size), Math.log(value)] as const);
  const mean = (at: 0 | 1): number => logs.reduce((sum, point) => sum + point[at], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const over = logs.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return over / logs.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
};

/** Linear, with room for noise: a factor of 2 over three orders of magnitude. */
const LINEAR = 1.1;
/** Logarithmic plus a constant: over four orders of magnitude less than any root that matters. */
const NEARLY_CONSTANT = 0.5;

const pagesGrowth = (): Figure[] => {
  const times: [number, number][] = [];
  const bytes: [number, number][] = [];
  for (let shift = 12; shift <= 20; shift += 2) {
    const pages = 2 ** shift;
    const rounds = Array.from({ length: shift < 18 ? 5 : 3 }, () => {
      const sim = pinHome(pages);
      runSteps(sim, 0, 2);
      const before = settledBytes();
      const { cpuMs } = timed(() => runSteps(sim, 2, 4));
      return { cpuMs, bytes: settledBytes() - before };
    });
    times.push([pages, median(rounds.map(({ cpuMs }) => cpuMs))]);
    bytes.push([pages, median(rounds.map((round) => round.bytes))]);
  }
  const detail: [number, number][] = [];
  for (let shift = 10; shift <= 14; shift += 2) {
    const sim = pinHome(2 ** shift, { bigStepPages: Number.POSITIVE_INFINITY });
    runSteps(sim, 0, 2);
    detail.push([2 ** shift, timed(() => runSteps(sim, 2, 4)).cpuMs]);
  }
  return [
    figure('growth_pages_time_exponent', exponent(times), 'of pages', atMost(LINEAR)),
    figure('growth_pages_bytes_exponent', exponent(bytes), 'of pages', atMost(LINEAR)),
    figure('growth_pages_detail_time_exponent', exponent(detail), 'of pages', atMost(LINEAR)),
  ];
};

const eventsGrowth = (): Figure[] => {
  const times: [number, number][] = [];
  const bytes: [number, number][] = [];
  for (let events = 1000; events <= 1_000_000; events *= 10) {
    const sim = manyEvents(events);
    const seeks = seekTimes((position) => sim.seek(position), sim.length, 100);
    times.push([sim.length, percentile(seeks, 0.95)]);
    bytes.push([sim.length, sim.machine.journal.bytes().historyBytes]);
  }
  return [
    figure('growth_events_seek_p95_1k_ms', times[0]?.[1] ?? Number.NaN, 'ms'),
    figure('growth_events_seek_p95_1m_ms', times.at(-1)?.[1] ?? Number.NaN, 'ms'),
    // below a keyframe's distance a seek replays all that there is: only behind it does growth say anything
    figure('growth_events_seek_exponent', exponent(times.slice(-2)), 'of events', atMost(NEARLY_CONSTANT)),
    figure('growth_events_bytes_exponent', exponent(bytes), 'of events', atMost(LINEAR)),
  ];
};

export const growth = (): Figure[] => [...pagesGrowth(), ...eventsGrowth()];
