// A section in few numbers, where it is a few straight lines: what most sections are that big steps leave behind.

import type { Elements } from './column.ts';

/**
 * Lines of a packed section, three numbers each: first row, its value, and the difference from row to row. With a
 * stride of 2 first those of the even rows, then those of the odd ones, whose rows are counted on.
 */
export type Packed = { readonly lines: Float64Array; readonly stride: 1 | 2 };

/** Rows for each of which a line must stand at least, or packing is not worth it. */
const ROWS_PER_LINE = 32;
const scratch = new Float64Array(3 * 1024);

/** The first row that is not as expected. A function of its own, or a compiler leaves it whenever a line ends. */
const endOfLine = (
  elements: Elements,
  from: number,
  stride: number,
  expectedAt: number,
  step: number,
): number => {
  const rows = elements.length;
  let row = from;
  for (let expected = expectedAt; row < rows && elements[row] === expected; row += stride) expected += step;
  return row;
};

/**
 * Writes the lines of every `stride`-th row to `scratch`.
 *
 * @param base - what the first row is counted as
 * @param n - numbers that are there already
 * @returns how many numbers there are now; -1: more than `most`
 */
const linesOf = (
  elements: Elements,
  first: number,
  stride: number,
  base: number,
  n: number,
  most: number,
): number => {
  const rows = elements.length;
  let end = n;
  for (let row = first; row < rows; end += 3) {
    if (end >= most) return -1;
    const value = elements[row];
    const step = row + stride < rows ? elements[row + stride] - value : 0;
    scratch[end] = base + (row - first) / stride;
    scratch[end + 1] = value;
    scratch[end + 2] = step;
    row = endOfLine(elements, row + stride, stride, value + step, step);
  }
  return end;
};

/** undefined: it has too many lines. */
export const pack = (elements: Elements): Packed | undefined => {
  const rows = elements.length;
  const most = Math.min(3 * 1023, Math.max(4, rows / ROWS_PER_LINE) * 3);
  const plain = linesOf(elements, 0, 1, 0, 0, most);
  if (plain >= 0) return { lines: scratch.slice(0, plain), stride: 1 };
  // freed blocks keep the links of every other page
  const even = linesOf(elements, 0, 2, 0, 0, most);
  const both = even < 0 ? -1 : linesOf(elements, 1, 2, Math.ceil(rows / 2), even, most);
  return both < 0 ? undefined : { lines: scratch.slice(0, both), stride: 2 };
};

/** Writes what was packed into an array of the same length. */
export const unpack = ({ lines, stride }: Packed, into: Elements): void => {
  const rows = into.length;
  const odd = Math.ceil(rows / 2);
  for (let at = 0; at < lines.length; at += 3) {
    const from = lines[at];
    const to = at + 3 < lines.length ? lines[at + 3] : rows;
    const first = lines[at + 1];
    const step = lines[at + 2];
    if (stride === 1 && step === 0) {
      into.fill(first, from, to);
      continue;
    }
    let value = first;
    for (let row = from; row < to; row++, value += step)
      into[stride === 1 ? row : row < odd ? row * 2 : (row - odd) * 2 + 1] = value;
  }
};

/** Neighbouring rows that differ by the same step, within one section. */
export interface Progression {
  readonly value: number;
  readonly step: number;
  /** Rows, the first one included; never more than were asked for. There may be more behind them. */
  readonly n: number;
}

/** The rows from one on, as elements hold them. @param most - at least 1, all in this section */
export const progressionOf = (elements: Elements, row: number, most: number): Progression => {
  const value = elements[row];
  if (most === 1) return { value, step: 0, n: 1 };
  const step = elements[row + 1] - value;
  let n = 2;
  while (n < most && elements[row + n] === value + step * n) n++;
  return { value, step, n };
};

/** The same of a packed section of `rows` rows, which stays packed. */
export const progressionOfPacked = (
  { lines, stride }: Packed,
  rows: number,
  row: number,
  most: number,
): Progression => {
  const at = stride === 1 ? row : row % 2 === 0 ? row / 2 : Math.ceil(rows / 2) + (row - 1) / 2;
  let low = 0;
  let high = lines.length / 3 - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (lines[3 * middle] <= at) low = middle;
    else high = middle - 1;
  }
  const from = lines[3 * low];
  const step = lines[3 * low + 2];
  const value = lines[3 * low + 1] + step * (at - from);
  if (stride === 2) return { value, step: 0, n: 1 };
  const end = low + 1 < lines.length / 3 ? lines[3 * low + 3] : rows;
  return { value, step, n: Math.min(most, end - at) };
};
