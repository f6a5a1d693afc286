import { expect, it } from 'vitest';
import { EventKind } from '../uapi/events.ts';
import { Journal, Pool } from './journal.ts';

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
  const before = journal.log.length;
  column.set(1, -2);
  journal.rollback(before);
  expect([column.get(1), journal.log.length]).toEqual([1, before]);
});

it('writes no event when a value stays', () => {
  const journal = new Journal();
  const column = journal.column('c', 'f64');
  column.set(3, 0);
  expect(journal.log.length).toBe(0);
});
