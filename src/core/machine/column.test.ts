import { expect, it } from 'vitest';
import { type Column, SECTION_ROWS } from './column.ts';
import { Journal } from './journal.ts';
import { pack, type Progression, unpack } from './packed.ts';

/** More sections than a column keeps as arrays. */
const SECTIONS = 700;

/** Writes each section as one straight line, in batches of a big step. */
const fill = (journal: Journal, column: Column, from: number): void => {
  journal.beginBulk();
  for (let no = 0; no < SECTIONS; no++) {
    const elements = column.writableRows(no * SECTION_ROWS, SECTION_ROWS);
    for (let i = 0; i < SECTION_ROWS; i++) elements[i] = from + no * SECTION_ROWS + i;
    journal.trace.decide('migrate.moved');
    if (no % 16 === 15) journal.checkpoint();
  }
  journal.endBulk();
};

it('keeps what big steps wrote packed, and reads, writes and goes back as if it were not', () => {
  const journal = new Journal();
  const column = journal.column('test', 'f64');
  fill(journal, column, 1);
  const first = journal.position;
  const { stateBytes } = journal.bytes();
  expect(stateBytes).toBeLessThan((SECTIONS * SECTION_ROWS * 8) / 1.3);
  expect(column.get(5)).toBe(6);
  expect(column.sectionNumbers()).toHaveLength(SECTIONS);
  fill(journal, column, 1001);
  for (const row of [0, 4095, 4096, 12_345, SECTIONS * SECTION_ROWS - 1])
    expect(column.get(row)).toBe(row + 1001);
  const last = journal.position;
  journal.seek(first);
  for (let row = 0; row < SECTIONS * SECTION_ROWS; row += 1009) expect(column.get(row)).toBe(row + 1);
  journal.seek(last);
  for (let row = 0; row < SECTIONS * SECTION_ROWS; row += 1013) expect(column.get(row)).toBe(row + 1001);
  column.set(7, 3);
  expect([column.get(6), column.get(7), column.get(8)]).toEqual([1007, 3, 1009]);
  journal.commit();
  journal.seek(last);
  expect(column.get(7)).toBe(1008);
});

it('writes lines as single rows would, in sections that are whole or not, shared or not', () => {
  const lines: readonly (readonly [first: number, n: number, value: number, step: number])[] = [
    [100, 3 * SECTION_ROWS, 7, 2],
    [SECTION_ROWS, 2 * SECTION_ROWS, 5, 0],
    [2 * SECTION_ROWS + 9, 50, 1, 1],
    [SECTION_ROWS - 3, SECTION_ROWS + 6, 0, 0],
    [0, 4 * SECTION_ROWS, 4096, 4096],
  ];
  const journals = [new Journal(), new Journal()] as const;
  const [packed, single] = journals.map((journal) => journal.column('test', 'f64'));
  const positions: number[] = [];
  for (const journal of journals) journal.beginBulk();
  for (const [first, n, value, step] of lines) {
    packed?.writeLine(first, n, value, step);
    for (let i = 0; i < n; i++) single?.poke(first + i, value + i * step);
    for (const journal of journals) {
      journal.trace.decide('migrate.moved');
      journal.checkpoint();
    }
    positions.push(journals[0].position);
  }
  for (const journal of journals) journal.endBulk();
  for (const position of [...positions, positions[1] ?? 0, positions[3] ?? 0, positions[0] ?? 0]) {
    for (const journal of journals) journal.seek(position);
    for (let row = 0; row < 5 * SECTION_ROWS; row += 7)
      expect([row, packed?.peek(row)]).toEqual([row, single?.peek(row)]);
    for (let row = 3; row < 5 * SECTION_ROWS; row += 4001) expect(packed?.get(row)).toBe(single?.get(row));
  }
  expect(packed?.isConstant(SECTION_ROWS, 100, 5)).toBe(false);
});

it('takes over packed sections of another machine without writing them', () => {
  const theirs = new Journal();
  const column = theirs.column('test', 'f64');
  fill(theirs, column, 1);
  const ours = new Journal();
  const copy = ours.column('test', 'f64');
  ours.adopt(theirs, theirs.mark());
  copy.set(3, 77);
  expect([copy.get(3), copy.get(4), column.get(3)]).toEqual([77, 5, 4]);
});

it('packs links of which every other one was cleared', () => {
  const links = Float64Array.from({ length: 4096 }, (_, i) => (i % 2 === 0 ? 0 : i + 9));
  const packed = pack(links);
  expect(packed?.lines).toHaveLength(6);
  const back = new Float64Array(4096).fill(5);
  if (packed !== undefined) unpack(packed, back);
  expect(back).toEqual(links);
});

it('tells neighbours that go up evenly, of a section that rests as of any other', () => {
  const journal = new Journal();
  const column = journal.column('test', 'f64');
  fill(journal, column, 1);
  const walk = (from: number, npages: number): Progression[] => {
    const found: Progression[] = [];
    for (let row = from; row < from + npages; ) {
      const next = column.progression(row, from + npages - row);
      found.push(next);
      row += next.n;
    }
    return found;
  };
  // the first sections rest, the last ones do not
  for (const from of [10, 699 * SECTION_ROWS - 500]) {
    const values = walk(from, 1000).flatMap(({ value, step, n }) =>
      Array.from({ length: n }, (_, i) => value + i * step),
    );
    expect(values).toEqual(Array.from({ length: 1000 }, (_, i) => from + i + 1));
  }
  expect(walk(10, 1000)).toHaveLength(1);
  expect(column.progression(5000 * SECTION_ROWS + 7, 9)).toEqual({ value: 0, step: 0, n: 9 });
});

it('reads links of which every other one was cleared one by one where they rest', () => {
  const links = Float64Array.from({ length: 4096 }, (_, i) => (i % 2 === 0 ? 0 : i + 9));
  const journal = new Journal();
  const column = journal.column('links', 'f64');
  journal.beginBulk();
  column.writableRows(0, SECTION_ROWS).set(links);
  journal.trace.decide('migrate.moved');
  journal.checkpoint();
  column.writableRows(0, SECTION_ROWS)[0] = 5;
  journal.trace.decide('migrate.moved');
  journal.checkpoint();
  journal.endBulk();
  journal.seek(journal.position - 1);
  for (const row of [1, 2, 3, 4094, 4095]) expect(column.peek(row)).toBe(links[row]);
});
