import { expect, test } from 'vitest';
import { isUnfolded, withFolded } from './choices.ts';

const table = (vpn: number, process = 'A') => ({ process, level: 'pmd' as const, vpn });

test('tables unfold beside each other, and fold again one by one', () => {
  const both = withFolded(withFolded([], table(0)), table(512));
  expect(both).toEqual([table(0), table(512)]);
  expect(isUnfolded(both, table(512))).toBe(true);
  expect(isUnfolded(both, table(512, 'B'))).toBe(false);
  expect(isUnfolded(both, { ...table(512), level: 'pud' })).toBe(false);
  expect(withFolded(both, table(0))).toEqual([table(512)]);
});

test('of very many, the first that was unfolded folds', () => {
  let open = withFolded([], table(0));
  for (let i = 1; i < 30; i++) open = withFolded(open, table(512 * i));
  expect(open).toHaveLength(24);
  expect(isUnfolded(open, table(0))).toBe(false);
  expect(isUnfolded(open, table(512 * 29))).toBe(true);
});
