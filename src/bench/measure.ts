// Clocks, heaps and percentiles of the benchmark.

import type { Busy } from './in-page.ts';
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
  /** Time of the processor, garbage collection included. */
  readonly cpuMs: number;
  readonly value: T;
}

export const timed = <T>(work: () => T): Timed<T> => {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const value = work();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000, value };
};

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

/** The browser reports tasks from 50 ms on; below that, the longest gap between two beats of a timer says it. Milliseconds. */
export const longestMsOf = ({ longestTaskMs, longestGapMs }: Busy): number =>
  longestTaskMs > 0 ? longestTaskMs : Math.min(50, longestGapMs);
