import { expect, it } from 'vitest';
import { runSoup } from './soup.ts';

// `npm run soup` runs 100,000 operations with another seed; a stage of `npm test` runs a fourth of them
const OPTIONS = { ops: 400, seed: 7 };

it.each(['on', 'off'] as const)(
  'holds its invariants under a stress soup with the series %s',
  (series) => {
    const outcome = runSoup({ ...OPTIONS, series });
    expect(outcome.problems).toEqual([]);
    expect(outcome.succeeded).toBeGreaterThan(OPTIONS.ops / 2);
  },
  120_000,
);

it('gives the same results for the same seed', () => {
  const once = runSoup({ ...OPTIONS, ops: 200, series: 'on' });
  expect(runSoup({ ...OPTIONS, ops: 200, series: 'on' }).hash).toBe(once.hash);
}, 120_000);
