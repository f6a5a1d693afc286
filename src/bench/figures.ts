// What a benchmark found: figures with their bounds, the machine they were found on, and how they compare with an
// earlier result. Both benchmarks (Node and browser) print and write them in this one form.

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** On which side of its bound a figure should lie; without a bound, which side is the better one. */
export type Direction = '≤' | '≥';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** null where nothing is promised. */
  readonly bound: number | null;
  readonly direction: Direction;
  /** Whether it keeps its bound; true where there is none. */
  readonly ok: boolean;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
}

/** How a measurement grows with the work; what the app draws its plots from. */
export interface Series {
  readonly name: string;
  /** What grows: `pages`. */
  readonly x: string;
  /** Unit of what is measured: `ms`. */
  readonly y: string;
  readonly points: readonly (readonly [size: number, value: number])[];
}

/** What a part of a benchmark found. */
export interface Measured {
  readonly figures: readonly Figure[];
  readonly series: readonly Series[];
}

/** One run of a benchmark, as its JSON file holds it. */
export interface BenchResult {
  readonly bench: 'node' | 'browser';
  readonly machine: Machine;
  /** `{ node: 'v20.20.2', chromium: '156…' }` */
  readonly versions: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
  readonly series?: readonly Series[];
}

/** What a figure promises: `atMost(50)`. */
export interface Promised {
  readonly bound: number | null;
  readonly direction: Direction;
}
export const atMost = (bound: number): Promised => ({ bound, direction: '≤' });
export const atLeast = (bound: number): Promised => ({ bound, direction: '≥' });
/** Nothing is promised, less is better. */
export const LESS: Promised = { bound: null, direction: '≤' };
/** Nothing is promised, more is better. */
export const MORE: Promised = { bound: null, direction: '≥' };

export const figure = (name: string, value: number, unit: string, promised: Promised = LESS): Figure => {
  const { bound, direction } = promised;
  // a figure that could not be measured is NaN, and keeps no bound
  const keeps = bound === null || (direction === '≤' ? value <= bound : value >= bound);
  return { name, value: Number(value.toPrecision(4)), unit, bound, direction, ok: keeps };
};

export const thisMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryBytes: totalmem(),
  platform: `${process.platform} ${process.arch}`,
});

const number = (value: number): string => value.toLocaleString('en-US', { maximumSignificantDigits: 4 });

/** One line a figure: name, value, unit, and its bound if it has one. */
export const figureTable = (figures: readonly Figure[]): string => {
  const width = Math.max(...figures.map(({ name }) => name.length));
  return figures
    .map(({ name, value, unit, bound, direction, ok }) => {
      const promise = bound === null ? '' : `  ${direction} ${number(bound)}  ${ok ? 'ok' : 'MISSED'}`;
      return `${name.padEnd(width)}  ${number(value).padStart(14)} ${unit}${promise}`;
    })
    .join('\n');
};

/** Changes up to this factor are the noise of a shared machine. */
const NOISE = 1.25;

/** In words, what got worse or better since an earlier result; a figure that only one of them has is not compared. */
export const compareFigures = (earlier: readonly Figure[], now: readonly Figure[]): string[] => {
  const was = new Map(earlier.map((one) => [one.name, one]));
  return now.flatMap(({ name, value, unit, direction }) => {
    const before = was.get(name)?.value;
    if (before === undefined || before <= 0 || value <= 0) return [];
    if (!Number.isFinite(value)) return [`${name} could not be measured: ${number(before)} ${unit} before.`];
    const change = value / before;
    if (change < NOISE && change > 1 / NOISE) return [];
    const isWorse = direction === '≤' ? change > 1 : change < 1;
    const factor = change > 1 ? change : 1 / change;
    return [
      `${name} got ${isWorse ? 'worse' : 'better'} by a factor of ${factor.toFixed(2)}: ` +
        `${number(before)} before, ${number(value)} ${unit} now.`,
    ];
  });
};

const isFigure = (value: unknown): value is Figure =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  typeof value.name === 'string' &&
  'value' in value &&
  typeof value.value === 'number';

/** The figures of a result that was written earlier. @throws Error when the file holds none */
export const readFigures = (file: string): readonly Figure[] => {
  const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const figures: unknown = typeof read === 'object' && read !== null && 'figures' in read && read.figures;
  if (!Array.isArray(figures)) throw new Error(`${file} holds no figures`);
  return figures.filter(isFigure);
};

export const writeResult = (file: string, result: BenchResult): void => {
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
};
