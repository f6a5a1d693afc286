import { expect, test } from 'vitest';
import type { ComparedSide, RunInfo } from '../../store/views.ts';
import { pageRows, residenceText, sideText, stepRows } from './rows.ts';

const READ = { op: 'read', proc: 'A', vma: 'buf', page: 5, count: 1 };
/** Only what the comparison looks at. */
const runWith = (result: Record<string, unknown>): RunInfo => {
  const steps = [{ index: 0, step: READ, result, begin: 0, end: 1 }];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { steps } as unknown as RunInfo;
};

test('results that are the same in a word say in what they differ', () => {
  const here = runWith({ ret: 1, values: [105], accesses: { 'cpu system': 1 } });
  const there = runWith({ ret: 1, values: [105], accesses: { 'cpu device': 1 } });
  expect(stepRows(here, [there])).toEqual([
    {
      index: 0,
      command: 'read buf+5',
      here: 'returned 1; the CPU accessed system memory once',
      others: ['returned 1; the CPU accessed VRAM once'],
    },
  ]);
  const [row] = stepRows(runWith({ ret: 1, accesses: {} }), [
    runWith({ ret: 1, accesses: { 'gpu local': 2, 'gpu peer': 3 } }),
  ]);
  expect(row).toMatchObject({
    here: 'returned 1; nobody accessed memory',
    others: ['returned 1; the GPU accessed its own VRAM twice, the GPU accessed VRAM of another 3 times'],
  });
});

test('a list that was too long to be sent is shown by its beginning', () => {
  const list = (digest: number) => ({ ret: 0, values: { first: [1, 2], length: 70, digest } });
  const rows = stepRows(runWith(list(16)), [runWith(list(17))]);
  expect(rows[0]?.here).toBe('returned 0; values: 1 2 (70 items, digest 0x10)');
  expect(rows[0]?.others).toEqual(['returned 0; values: 1 2 (70 items, digest 0x11)']);
});

test('an error needs no more words, and the same result no row', () => {
  const here = runWith({ ret: 1, values: [105] });
  const failed = runWith({ ret: -1, errno: 'ENOMEM' });
  expect(stepRows(here, [failed])[0]?.others).toEqual(['−1 ENOMEM']);
  expect(stepRows(here, [here])).toEqual([]);
  // a row that one of several worlds needs says of the others that nothing is different there
  expect(stepRows(here, [here, failed])).toEqual([
    { index: 0, command: 'read buf+5', here: '1', others: [undefined, '−1 ENOMEM'] },
  ]);
});

test('references are counted where nothing else differs', () => {
  const side = (device: number, refcount: number): ComparedSide => ({
    entry: 'present',
    residence: 'coherent',
    device,
    pins: 0,
    refcount,
    value: 7,
  });
  expect(sideText(side(0, 1), [side(0, 2)])).toBe('1 reference, value 7');
  expect(sideText(side(0, 2), [undefined, side(0, 1)])).toBe('2 references, value 7');
  expect(sideText(side(0, 1), [side(1, 2)])).toBe('value 7');
});

test('a page that differs in several worlds has one row', () => {
  const side = (device: number, pins = 0): ComparedSide => ({
    entry: 'present',
    residence: device < 0 ? 'system' : 'coherent',
    device,
    pins,
    refcount: 1 + pins * 1024,
    value: 100,
  });
  const rows = pageRows([
    { pages: [{ name: 'A buf+1', sides: [side(-1), side(0)] }] },
    {
      pages: [
        { name: 'A buf+0', sides: [side(-1), side(1)] },
        { name: 'A buf+1', sides: [side(-1), side(0, 1)] },
      ],
    },
  ]);
  expect(rows).toEqual([
    { name: 'A buf+1', here: side(-1), others: [side(0), side(0, 1)] },
    { name: 'A buf+0', here: side(-1), others: [undefined, side(1)] },
  ]);
});

test('pages of ZONE_MOVABLE are counted by themselves', () => {
  const system = { place: 'system', residence: 'system', pages: 2 } as const;
  expect(residenceText([system, { place: 'system', residence: 'movable', pages: 1 }])).toBe(
    'system: 2 pages · ZONE_MOVABLE: 1 page',
  );
  expect(residenceText([])).toBe('no pages');
});
