import { expect, test } from 'vitest';
import type { RunInfo } from '../../store/views.ts';
import { stepDifferences } from './rows.ts';

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
  expect(stepDifferences(here, there)).toEqual([
    {
      index: 0,
      command: 'read buf+5',
      here: '1; accesses: cpu system 1',
      there: '1; accesses: cpu device 1',
    },
  ]);
});

test('an error needs no more words, and the same result no row', () => {
  const here = runWith({ ret: 1, values: [105] });
  expect(stepDifferences(here, runWith({ ret: -1, errno: 'ENOMEM' }))[0]?.there).toBe('−1 ENOMEM');
  expect(stepDifferences(here, here)).toEqual([]);
});
