import { expect, it } from 'vitest';
import { Journal } from './journal.ts';
import { MAP_ROWS } from './number-map.ts';

it('drops the keys of any range, a whole address space included, and no other', () => {
  const journal = new Journal();
  const map = journal.map('test');
  const keys = [0, 5, MAP_ROWS - 1, MAP_ROWS, 3 * MAP_ROWS + 7, 2 ** 35];
  for (const key of keys) map.set(key, 2 * key);
  journal.beginBulk();
  map.dropRun(5, MAP_ROWS - 5);
  expect(map.keys()).toEqual([0, MAP_ROWS, 3 * MAP_ROWS + 7, 2 ** 35]);
  map.dropRun(MAP_ROWS + 1, 2 ** 34);
  expect(map.keys()).toEqual([0, MAP_ROWS, 2 ** 35]);
  map.dropRun(0, 2 ** 36);
  expect([map.size, map.column.sectionCount]).toEqual([0, 0]);
  journal.endBulk();
});
