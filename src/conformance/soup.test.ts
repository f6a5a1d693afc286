import { expect, it } from 'vitest';
import { ALL_PATCHES } from '../core/uapi/config.ts';
import { runSoup } from './soup.ts';

// `npm run soup` runs 100,000 operations with another seed, and is a stage of `npm test`
const OPTIONS = { ops: 400, seed: 7 };

it.each([
  ['with the series', ALL_PATCHES],
  ['without it', []],
] as const)(
  'holds its invariants under a stress soup %s',
  (_, patches) => {
    const outcome = runSoup({ ...OPTIONS, patches });
    expect(outcome.problems).toEqual([]);
    expect(outcome.succeeded).toBeGreaterThan(OPTIONS.ops / 2);
  },
  120_000,
);

it('gives the same results for the same seed', () => {
  const once = runSoup({ ...OPTIONS, ops: 200, patches: ALL_PATCHES });
  expect(runSoup({ ...OPTIONS, ops: 200, patches: ALL_PATCHES }).hash).toBe(once.hash);
}, 60_000);
