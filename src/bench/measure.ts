// Clocks, heaps and percentiles of the benchmark.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Bytes in use after a full collection: objects and array buffers. */
export const settledBytes = (): number => {
  if (typeof collect === 'function') for (let i = 0; i < 3; i++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

export interface Timed<T> {
  readonly ms: number;
  readonly value: T;
}

export const timed = <T>(work: () => T): Timed<T> => {
  const start = performance.now();
  const value = work();
  return { ms: performance.now() - start, value };
};

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

/** One line of the result; `bound` is null where nothing is promised. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bound: string | null;
  readonly ok: boolean;
}

export const figure = (
  name: string,
  value: number,
  unit: string,
  bound: string | null = null,
  ok = true,
): Figure => ({
  name,
  value: Number(value.toPrecision(4)),
  unit,
  bound,
  ok,
});
