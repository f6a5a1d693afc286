import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  atLeast,
  atMost,
  compareFigures,
  figure,
  figureTable,
  readFigures,
  thisMachine,
  writeResult,
} from './figures.ts';

describe('a figure', () => {
  test('keeps its bound, or does not', () => {
    expect(figure('a', 50, 'ms', atMost(50)).ok).toBe(true);
    expect(figure('a', 50.1, 'ms', atMost(50)).ok).toBe(false);
    expect(figure('a', 25, '/s', atLeast(25)).ok).toBe(true);
    expect(figure('a', 24, '/s', atLeast(25)).ok).toBe(false);
    expect(figure('a', 1e9, 'ms').ok).toBe(true);
  });

  test('that could not be measured keeps no bound', () => {
    expect(figure('a', Number.NaN, 'ms', atMost(50)).ok).toBe(false);
    expect(figure('a', Number.NaN, '/s', atLeast(1)).ok).toBe(false);
  });

  test('says so in the table', () => {
    const table = figureTable([figure('fast_ms', 3, 'ms', atMost(2)), figure('size', 1234, 'bytes')]);
    expect(table.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
      'fast_ms 3 ms ≤ 2 MISSED',
      'size 1,234 bytes',
    ]);
  });
});

test('a comparison says what got worse, whichever way is better, and leaves noise out', () => {
  const earlier = [
    figure('a_ms', 10, 'ms'),
    figure('b_per_s', 60, '/s', atLeast(25)),
    figure('c_ms', 10, 'ms'),
    figure('gone', 1, 'ms'),
  ];
  const now = [
    figure('a_ms', 20, 'ms'),
    figure('b_per_s', 30, '/s', atLeast(25)),
    figure('c_ms', 11, 'ms'),
    figure('new', 1, 'ms'),
  ];
  expect(compareFigures(earlier, now)).toEqual([
    'a_ms got worse by a factor of 2.00: 10 before, 20 ms now.',
    'b_per_s got worse by a factor of 2.00: 60 before, 30 /s now.',
  ]);
  expect(compareFigures(now, earlier)).toEqual([
    'a_ms got better by a factor of 2.00: 20 before, 10 ms now.',
    'b_per_s got better by a factor of 2.00: 30 before, 60 /s now.',
  ]);
  expect(compareFigures(earlier, [figure('a_ms', Number.NaN, 'ms')])).toEqual([
    'a_ms could not be measured: 10 ms before.',
  ]);
});

test('a result is read as it was written', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'figures-')), 'result.json');
  const figures = [figure('a', 1, 'ms', atMost(2)), figure('b', 2, '/s')];
  writeResult(file, { bench: 'node', machine: thisMachine(), versions: { node: process.version }, figures });
  expect(readFigures(file)).toEqual(figures);
});
