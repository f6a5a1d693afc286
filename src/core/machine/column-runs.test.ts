import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BLOCK_ROWS, SECTION_ROWS } from './column.ts';
import { changeRows, matchingRows, passingRows, readRun, writeRun } from './column-runs.ts';
import { Journal } from './journal.ts';
import { packedValue, progressionOfPacked, withLine } from './packed.ts';

const ROWS = 2 * SECTION_ROWS;

/** A stretch within one section, mostly with ends where pages of a chunk have them. */
const stretch = fc
  .record({
    section: fc.integer({ min: 0, max: 1 }),
    at: fc.oneof(
      fc.integer({ min: 0, max: 7 }).map((k) => k * BLOCK_ROWS),
      fc.nat(SECTION_ROWS - 1),
    ),
    n: fc.oneof(fc.constantFrom(1, 2, 511, 512, SECTION_ROWS), fc.integer({ min: 1, max: 40 })),
  })
  .map(({ section, at, n }) => ({
    first: section * SECTION_ROWS + at,
    n: Math.min(n, SECTION_ROWS - at),
  }));

const operation = fc.oneof(
  fc.record({
    op: fc.constant('line' as const),
    where: stretch,
    value: fc.nat(5),
    step: fc.integer({ min: -1, max: 2 }),
  }),
  fc.record({
    op: fc.constant('run' as const),
    where: stretch,
    down: fc.boolean(),
    values: fc.oneof(
      fc.record({ value: fc.nat(3), step: fc.constantFrom(0, 1, -1, 4096) }).map(
        ({ value, step }) =>
          (i: number) =>
            value + step * i,
      ),
      fc.constantFrom(
        (i: number) => i % 3,
        (i: number) => (i < 5 ? 1 : 2),
      ),
    ),
  }),
  fc.record({ op: fc.constant('poke' as const), where: stretch, value: fc.nat(5) }),
  fc.record({ op: fc.constant('change' as const), where: stretch, bit: fc.constantFrom(1, 2, 8) }),
  fc.record({ op: fc.constant('keyframe' as const) }),
);

it('does what plain arrays would, and comes back to each keyframe', () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 40 }), fc.boolean(), (operations, touches) => {
      const journal = new Journal();
      const column = journal.column('test', 'f64');
      const model = new Float64Array(ROWS);
      const kept: { position: number; rows: Float64Array }[] = [];
      let before = model.slice();
      const changed = (): ReadonlySet<number> => {
        const blocks = new Set<number>();
        model.forEach((value, row) => {
          if (value !== before[row]) blocks.add(Math.floor(row / BLOCK_ROWS));
        });
        return blocks;
      };
      if (touches) column.takeTouched();
      journal.beginBulk();
      for (const one of operations) {
        if (one.op === 'keyframe') {
          journal.trace.decide('migrate.moved');
          journal.checkpoint();
          kept.push({ position: journal.position, rows: model.slice() });
          continue;
        }
        const { first, n } = one.where;
        if (one.op === 'line') {
          column.writeLine(first, n, one.value, one.step);
          for (let i = 0; i < n; i++) model[first + i] = one.value + one.step * i;
        } else if (one.op === 'run') {
          const values = Float64Array.from({ length: n + 2 }, (_, i) => one.values(i - 2));
          writeRun(column, one.down ? first + n - 1 : first, one.down, values, 2, n);
          for (let i = 0; i < n; i++) model[one.down ? first + n - 1 - i : first + i] = one.values(i);
        } else if (one.op === 'poke') {
          column.poke(first, one.value);
          model[first] = one.value;
        } else {
          changeRows(column, first, n, (word) => word ^ one.bit);
          for (let i = 0; i < n; i++) model[first + i] ^= one.bit;
        }
        if (touches) {
          const told = column.takeTouched();
          for (const block of changed()) expect(told).toContain(block);
          before = model.slice();
        }
        const into = new Float64Array(n);
        readRun(column, first + n - 1, true, into, 0, n);
        expect(into.reverse()).toEqual(model.subarray(first, first + n));
        readRun(column, first, false, into, 0, n);
        expect(into).toEqual(model.subarray(first, first + n));
        const start = model[first] ?? 0;
        const differs = model.subarray(first, first + n).findIndex((value, i) => value !== start + i);
        expect(matchingRows(column, first, n, start, 1)).toBe(differs < 0 ? n : differs);
        const odd = model.subarray(first, first + n).findIndex((value) => value % 2 === 1);
        expect(passingRows(column, first, n, (word) => word % 2 !== 1)).toBe(odd < 0 ? n : odd);
      }
      for (let row = 0; row < ROWS; row++)
        if (column.get(row) !== model[row]) expect([row, column.get(row)]).toEqual([row, model[row]]);
      journal.trace.decide('migrate.moved');
      journal.endBulk();
      for (const { position, rows } of kept.reverse()) {
        journal.seek(position);
        for (let row = 0; row < ROWS; row++)
          if (column.peek(row) !== rows[row]) expect([row, column.peek(row)]).toEqual([row, rows[row]]);
      }
    }),
    { numRuns: 50 },
  );
});

it('leaves what big steps write as lines packed: pages that went one by one between them, too', () => {
  const journal = new Journal();
  const column = journal.column('test', 'u32');
  journal.beginBulk();
  for (let at = 0; at < SECTION_ROWS; at += BLOCK_ROWS) {
    column.set(at, 7);
    column.writeLine(at + 1, BLOCK_ROWS - 1, 7, 0);
  }
  expect(column.unpacked(0)).toBeUndefined();
  expect([column.get(0), column.get(SECTION_ROWS - 1)]).toEqual([7, 7]);
  column.set(9, -1);
  expect([column.get(9), column.peek(9)]).toEqual([2 ** 32 - 1, 2 ** 32 - 1]);
  // every other row, and it is an array
  for (let row = 0; row < SECTION_ROWS; row += 2) column.set(row, 3);
  expect(column.unpacked(0)?.subarray(0, 4)).toEqual(Uint32Array.of(3, 7, 3, 7));
  journal.endBulk();
});

it('joins lines that go on', () => {
  const whole = [0, 1024, 2048, 3072].reduce<ReturnType<typeof withLine>>(
    (packed, row) => withLine(packed, SECTION_ROWS, row, 1024, 5 + row, 1),
    undefined,
  );
  expect(whole?.lines).toEqual([0, 5, 1]);
  const cut = withLine(whole, SECTION_ROWS, 100, 50, 0, 0);
  expect(cut?.lines).toEqual([0, 5, 1, 100, 0, 0, 150, 155, 1]);
  expect(
    cut === undefined ? [] : [99, 100, 149, 150].map((row) => packedValue(cut, SECTION_ROWS, row)),
  ).toEqual([104, 0, 0, 155]);
  expect(cut === undefined ? undefined : progressionOfPacked(cut, SECTION_ROWS, 120, 500)).toEqual({
    value: 0,
    step: 0,
    n: 30,
  });
  expect(withLine(cut, SECTION_ROWS, 100, 50, 105, 1)?.lines).toEqual([0, 5, 1]);
});
