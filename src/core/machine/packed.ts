// A section in few numbers, where it is a few straight lines: what most sections are that big steps leave behind.

import type { Elements } from './elements.ts';

/**
 * Lines of a packed section, three numbers each: first row, its value, and the difference from row to row. With a
 * stride of 2 first those of the even rows, then those of the odd ones, whose rows are counted on.
 */
export type Packed = { readonly lines: readonly number[]; readonly stride: 1 | 2 };

/** Rows for each of which a line must stand at least, or packing is not worth it. */
const ROWS_PER_LINE = 32;
/** A plain array of doubles: what is sliced off it is one too, and made in a fraction of the time of a small typed array. */
const scratch: number[] = Array.from({ length: 3 * 1024 }, () => 0.5);

/** Numbers that the lines of a section may take. */
const mostOf = (rows: number): number => Math.min(3 * 1023, Math.max(4, rows / ROWS_PER_LINE) * 3);

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
  const most = mostOf(rows);
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

/**
 * Adds a line of `n` rows to `scratch`, or to its last line where it goes on there.
 *
 * @param end - numbers that are there already
 * @returns how many there are now
 */
const addLine = (end: number, from: number, n: number, value: number, step: number): number => {
  if (end > 0) {
    const length = from - scratch[end - 3];
    const lastStep = scratch[end - 1];
    const difference = value - scratch[end - 2];
    if (difference === lastStep * length && (n === 1 || step === lastStep)) return end;
    if (length === 1 && (n === 1 || difference === step)) {
      scratch[end - 1] = difference;
      return end;
    }
  }
  scratch[end] = from;
  scratch[end + 1] = value;
  scratch[end + 2] = step;
  return end + 3;
};

const BLANK: Packed = { lines: [0, 0, 0], stride: 1 };

/**
 * A section in which some rows are one line instead, without unpacking it.
 *
 * @param packed - undefined: all its rows are 0
 * @returns undefined: it would have too many lines
 */
export const withLine = (
  packed: Packed | undefined,
  rows: number,
  row: number,
  n: number,
  value: number,
  step: number,
): Packed | undefined => {
  const { lines, stride } = packed ?? BLANK;
  const most = mostOf(rows);
  if (stride === 2) return undefined;
  const next = row + n;
  let end = 0;
  let at = 0;
  for (; at < lines.length && lines[at] < row; at += 3) {
    const to = at + 3 < lines.length ? Math.min(row, lines[at + 3]) : row;
    end = addLine(end, lines[at], to - lines[at], lines[at + 1], lines[at + 2]);
  }
  end = addLine(end, row, n, value, step);
  for (at = Math.max(0, at - 3); at < lines.length; at += 3) {
    const to = at + 3 < lines.length ? lines[at + 3] : rows;
    if (to <= next) continue;
    const from = Math.max(next, lines[at]);
    end = addLine(end, from, to - from, lines[at + 1] + lines[at + 2] * (from - lines[at]), lines[at + 2]);
  }
  return end > most ? undefined : { lines: scratch.slice(0, end), stride: 1 };
};

/** Which line of a packed section a row is on, counted as in `lines`. */
const lineOf = (lines: readonly number[], at: number): number => {
  let low = 0;
  let high = lines.length / 3 - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (lines[3 * middle] <= at) low = middle;
    else high = middle - 1;
  }
  return 3 * low;
};

const packedRow = (stride: 1 | 2, rows: number, row: number): number => {
  if (stride === 1) return row;
  return row % 2 === 0 ? row / 2 : Math.ceil(rows / 2) + (row - 1) / 2;
};

/** One row of a packed section of `rows` rows. */
export const packedValue = ({ lines, stride }: Packed, rows: number, row: number): number => {
  const at = packedRow(stride, rows, row);
  const line = lineOf(lines, at);
  return lines[line + 1] + lines[line + 2] * (at - lines[line]);
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
  const at = packedRow(stride, rows, row);
  const line = lineOf(lines, at);
  const step = lines[line + 2];
  const value = lines[line + 1] + step * (at - lines[line]);
  if (stride === 2) return { value, step: 0, n: 1 };
  const end = line + 3 < lines.length ? lines[line + 3] : rows;
  return { value, step, n: Math.min(most, end - at) };
};
