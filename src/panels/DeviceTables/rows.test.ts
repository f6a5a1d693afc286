import { expect, test } from 'vitest';
import { mirrorRuns } from './rows.ts';

test('a long device table is told in runs, whether frames go up or down', () => {
  const down = Array.from({ length: 100 }, (_, i) => ({ vpn: 1000 + i, access: 'w' as const, pfn: 500 - i }));
  const other = { vpn: 1100, access: 'r' as const, pfn: 400 };
  expect(mirrorRuns([...down, other])).toEqual([
    { first: down[0], npages: 100, step: -1 },
    { first: other, npages: 1, step: 0 },
  ]);
});

test('a short one has a row for each page', () => {
  const rows = Array.from({ length: 4 }, (_, i) => ({ vpn: i, access: 'w' as const, pfn: i }));
  expect(mirrorRuns(rows)).toHaveLength(4);
});
