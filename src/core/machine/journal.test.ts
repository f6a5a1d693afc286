import { expect, it } from 'vitest';
import { EventKind } from '../uapi/events.ts';
import { Journal } from './journal.ts';
import { Pool } from './pool.ts';

it('undoes and redoes columns, maps and cells to the same values', () => {
  const journal = new Journal();
  const column = journal.column('c', 'u32');
  const map = journal.map('m');
  const pool = new Pool<{ id: number; name: string }>(journal, 'thing');
  column.set(2 ** 33, 7);
  map.set(5, 50);
  const id = pool.add((made) => ({ id: made, name: 'first' }));
  journal.commit();
  const then = journal.position;
  column.set(2 ** 33, 8);
  map.delete(5);
  pool.update(id, { name: 'second' });
  journal.commit();
  journal.seek(then);
  expect([column.get(2 ** 33), map.get(5), pool.get(id).name]).toEqual([7, 50, 'first']);
  journal.seek(0);
  expect([column.get(2 ** 33), map.size, pool.ids()]).toEqual([0, 0, []]);
  journal.seek(journal.log.length);
  expect([column.get(2 ** 33), map.has(5), pool.get(id).name]).toEqual([8, false, 'second']);
});

it('records who holds a reference with every change of a count', () => {
  const journal = new Journal();
  const refcounts = journal.refcountColumn('refs');
  journal.setRefcount(9, 3, 4);
  expect(refcounts.get(9)).toBe(3);
  expect(journal.log.at(0)).toMatchObject({ kind: EventKind.REF, id: 4, row: 9, old: 0, now: 3 });
});

it('leaves nothing behind when a step is taken back', () => {
  const journal = new Journal();
  const column = journal.column('c', 'i32');
  column.set(1, 1);
  journal.commit();
  const mark = journal.mark();
  column.set(1, -2);
  journal.rollback(mark);
  expect([column.get(1), journal.log.length]).toEqual([1, mark.position]);
});

it('writes no event when a value stays', () => {
  const journal = new Journal();
  const column = journal.column('c', 'f64');
  column.set(3, 0);
  expect(journal.log.length).toBe(0);
});

it('finds every position again over many keyframes', () => {
  const journal = new Journal();
  const column = journal.column('c', 'u32');
  const map = journal.map('m');
  const seen = new Map<number, string>();
  const picture = (): string =>
    [0, 1, 40_000, 90_001].map((row) => column.get(row)).join() + [...map.keys()].join();
  for (let i = 0; i < 600_000; i++) {
    if (i % 1000 === 0) map.set(i % 7000, i);
    column.set(i % 3 === 0 ? (i * 7) % 100_000 : i % 2, i + 1);
    if (i % 50_000 === 0) seen.set(journal.log.length, picture());
  }
  journal.commit();
  const positions = [...seen.keys()];
  for (const at of [11, 0, 7, 3, 10, 1, 9, 2, 8]) {
    const position = positions[at];
    if (position === undefined) throw new Error('no such position');
    journal.seek(position);
    expect(picture()).toBe(seen.get(position));
  }
  expect(journal.bytes().historyBytes).toBeLessThan(80 * 2 ** 20);
});
