// How the figures grow with the work: exponents of a power law, fitted over all sizes. 1 is linear, 0 constant.

import { atMost, type Figure, figure, type Measured, type Series } from './figures.ts';
import { median, settledBytes, timed } from './measure.ts';
import { pinHome, runSteps } from './scenarios.ts';

type Points = (readonly [size: number, value: number])[];

/** Slope of log(value) over log(size), by least squares. */
export const exponent = (points: readonly (readonly [size: number, value: number])[]): number => {
  const logs = points.map(([size, value]) => [Math.log(size), Math.log(value)] as const);
  const mean = (at: 0 | 1): number => logs.reduce((sum, point) => sum + point[at], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const over = logs.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return over / logs.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
};

/** Linear, with room for noise: a factor of 2 over three orders of magnitude. */
export const LINEAR = 1.1;

/** Both big steps over `pages` pages, time and bytes behind the steps before them. */
const measureAt = (
  pages: number,
  bigStepPages: number,
): { readonly cpuMs: number; readonly bytes: number } => {
  const sim = pinHome(pages, { bigStepPages });
  runSteps(sim, 0, 2);
  const before = settledBytes();
  const { cpuMs } = timed(() => runSteps(sim, 2, 4));
  return { cpuMs, bytes: settledBytes() - before };
};

/** @param rounds - how often a size is measured, of which the median counts */
const over = (
  shifts: readonly number[],
  bigStepPages: number,
  rounds: (shift: number) => number,
): { readonly times: Points; readonly bytes: Points } => {
  // what runs for the first time is compiled
  measureAt(2 ** 12, bigStepPages);
  const times: Points = [];
  const bytes: Points = [];
  for (const shift of shifts) {
    const found = Array.from({ length: rounds(shift) }, () => measureAt(2 ** shift, bigStepPages));
    times.push([2 ** shift, median(found.map(({ cpuMs }) => cpuMs))]);
    bytes.push([2 ** shift, median(found.map((one) => one.bytes))]);
  }
  return { times, bytes };
};

const figureOf = (name: string, points: Points): Figure =>
  figure(name, exponent(points), 'of pages', atMost(LINEAR));

export const growth = (): Measured => {
  // as big steps whatever their size, so that all points are of one kind
  const big = over([10, 12, 14, 16, 18, 20], 0, (shift) => (shift < 16 ? 7 : 3));
  const detail = over([10, 11, 12, 13, 14, 15], Number.POSITIVE_INFINITY, () => 3);
  const series: Series[] = [
    { name: 'growth_pages_time', x: 'pages', y: 'ms', points: big.times },
    { name: 'growth_pages_bytes', x: 'pages', y: 'bytes', points: big.bytes },
    { name: 'growth_pages_detail_time', x: 'pages', y: 'ms', points: detail.times },
    { name: 'growth_pages_detail_bytes', x: 'pages', y: 'bytes', points: detail.bytes },
  ];
  return {
    figures: [
      figureOf('growth_pages_time_exponent', big.times),
      figureOf('growth_pages_bytes_exponent', big.bytes),
      figureOf('growth_pages_detail_time_exponent', detail.times),
      figureOf('growth_pages_detail_bytes_exponent', detail.bytes),
    ],
    series,
  };
};
