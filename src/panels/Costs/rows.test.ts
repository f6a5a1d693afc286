// Costs as texts and bars; figures of reference machine-and-drivers.md §5.

import { expect, test } from 'vitest';
import { DEFAULT_COSTS, withOverrides } from '../../core/uapi/cost-model.ts';
import type { CostTotals, PinQuestion } from '../../store/views.ts';
import { movingAnswer, stayingAnswer } from '../../words/index.ts';
import { figureRows, parseFigure, refusedFigure } from './figure-rows.ts';
import { answerOf, formatNs, groupedNs, kindRows, linkRows, stackedBars } from './rows.ts';

const totals = (nsByKind: Record<string, number>): CostTotals => ({
  nsByKind,
  serialNs: 0,
  overlappedNs: 0,
  bytesByLink: { 'if.cpu_gpu': 2 ** 21, hbm: 0 },
  ddrBytes: 4096,
  accesses: {},
  pin: { pagesMoved: 0, movingNs: 0, pagesLeft: 0, failedEvictions: 0, pagesAliased: 0 },
});

test('times are said in the unit that fits', () => {
  expect([58_254, 1.91e9, 350, 832_000, -2500].map(formatNs)).toEqual([
    '58.3 µs',
    '1.91 s',
    '350 ns',
    '832 µs',
    '-2.5 µs',
  ]);
});

test('every kind of cost is in one group, but the wait for VRAM', () => {
  const total = totals({ 'copies by DMA': 5, migration: 7, faults: 2, 'waiting for VRAM': 15e9 });
  expect(groupedNs(total)).toEqual({ access: 0, faults: 2, migration: 12, tlb: 0, pins: 0, queues: 0 });
  expect(kindRows(total).map(({ kind }) => kind)).toEqual([
    'waiting for VRAM',
    'migration',
    'copies by DMA',
    'faults',
  ]);
});

test('bars share a scale, and their parts lie end to end', () => {
  const bars = stackedBars(
    [
      { key: 'a', total: totals({ faults: 30, migration: 70 }) },
      { key: 'b', total: totals({ faults: 50 }) },
    ],
    200,
  );
  expect(bars.map(({ key, end, ns }) => [key, end, ns])).toEqual([
    ['a', 200, 100],
    ['b', 100, 50],
  ]);
  const [faults, migration] = [bars[0]?.parts[1], bars[0]?.parts[2]];
  expect([faults?.x, faults?.width, migration?.x, migration?.width]).toEqual([0, 60, 60, 140]);
});

test('links that carried nothing are not listed', () => {
  expect(linkRows(totals({})).map(({ link, bytes }) => [link, bytes])).toEqual([
    ['if.cpu_gpu', '2 MiB'],
    ['ddr', '4 KiB'],
  ]);
});

test('every figure has a name, a source and a unit that it can be typed in', () => {
  const rows = figureRows(withOverrides(DEFAULT_COSTS, { ops: { 'fault.minor': 250 } }));
  expect(rows).toHaveLength(
    Object.keys(DEFAULT_COSTS.links).length + Object.keys(DEFAULT_COSTS.ops).length + 1,
  );
  expect(rows.filter(({ name, key }) => name === key)).toEqual([]);
  expect(rows.find(({ key }) => key === 'fault.minor')?.figure.class).toBe('measured');
  const link = rows.find(({ key }) => key === 'if.cpu_gpu');
  expect([link?.value, link?.unit]).toEqual([36, 'GB/s']);
  const [part] = rows.filter(({ id }) => id.kind === 'efficiency');
  if (link === undefined || part === undefined) throw new Error('no such figure');
  expect(parseFigure('40', link)).toBe(40e9);
  for (const text of ['', 'x', '-1', '0', 'Infinity']) expect(parseFigure(text, link)).toBeUndefined();
  // no part of a rate is more than the rate
  expect([parseFigure('1', part), parseFigure('5', part)]).toEqual([1, undefined]);
  expect(refusedFigure(part)).toBe('Write a number above 0, at most 1. It stays at 0.7.');
});

const question: PinQuestion = {
  pagesMoved: 8,
  movingNs: 31_000,
  farAccessNs: 12_000,
  pagesHeld: 8,
  failedEvictions: 0,
  waitingNs: 0,
  pagesAliased: 0,
};

test("the series' question is answered in words", () => {
  expect(movingAnswer(answerOf(question))).toMatch(
    /^Moving 8 pages home before they were pinned took 31 µs\. .*12 µs more/,
  );
  expect(movingAnswer(answerOf({ ...question, pagesMoved: 0 }))).toMatch(/cost nothing/);
  expect(movingAnswer(answerOf({ ...question, pagesMoved: 1 }))).toMatch(
    /^Moving one page home before it was pinned/,
  );
  expect(stayingAnswer('intent', answerOf(question))).toMatch(/would have cost nothing here/);
  const failed = answerOf({ ...question, failedEvictions: 1, waitingNs: 15e9 });
  expect(stayingAnswer('intent', failed)).toMatch(/One eviction could not end: 15 s/);
  expect(stayingAnswer('as-coded', answerOf({ ...question, pagesAliased: 1 }))).toMatch(/two owners/);
});
