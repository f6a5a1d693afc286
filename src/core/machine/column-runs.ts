// Neighbouring rows of a column, upwards or downwards, as arrays; for big steps. What is packed stays so wherever the
// rows are straight lines, as those of pages that went one way together mostly are.

import type { Column } from './column.ts';

/** How many numbers from `at` on go up or down evenly. */
const lineLength = (values: Float64Array, at: number, n: number): number => {
  const step = n > 1 ? values[at + 1] - values[at] : 0;
  let length = Math.min(n, 2);
  for (let expected = values[at + 1] + step; length < n && values[at + length] === expected; expected += step)
    length++;
  return length;
};

/**
 * Writes rows from one on.
 *
 * @param down - whether the rows go down
 * @param values - of the rows, `n` from index `at` on. All rows lie in one section
 */
export const writeRun = (
  column: Column,
  first: number,
  down: boolean,
  values: Float64Array,
  at: number,
  n: number,
): void => {
  if (column.unpacked(first) === undefined && lineLength(values, at, n) === n) {
    const step = n > 1 ? values[at + 1] - values[at] : 0;
    if (down) column.writeLine(first - n + 1, n, values[at + n - 1], -step);
    else column.writeLine(first, n, values[at], step);
    return;
  }
  const elements = column.writableRows(down ? first - n + 1 : first, n);
  let row = first % elements.length;
  if (down) for (let i = at; i < at + n; i++) elements[row--] = values[i];
  else for (let i = at; i < at + n; i++) elements[row++] = values[i];
};

/** Reads `n` rows of one section from one on into `into`, from index `at` on. @param down - whether the rows go down */
export const readRun = (
  column: Column,
  first: number,
  down: boolean,
  into: Float64Array,
  at: number,
  n: number,
): void => {
  const elements = column.unpacked(first);
  if (elements !== undefined) {
    let row = first % elements.length;
    if (down) for (let i = at; i < at + n; i++) into[i] = elements[row--];
    else for (let i = at; i < at + n; i++) into[i] = elements[row++];
    return;
  }
  for (let done = 0; done < n; ) {
    const {
      value,
      step,
      n: length,
    } = column.progression(down ? first - n + 1 + done : first + done, n - done);
    if (step === 0) {
      if (down) into.fill(value, at + n - done - length, at + n - done);
      else into.fill(value, at + done, at + done + length);
    } else if (down) {
      for (let i = 0; i < length; i++) into[at + n - 1 - done - i] = value + step * i;
    } else {
      for (let i = 0; i < length; i++) into[at + done + i] = value + step * i;
    }
    done += length;
  }
};

/** How many of `n` neighbouring rows from one on are `value`, `value + step`, …; nothing is unpacked. */
export const matchingRows = (
  column: Column,
  first: number,
  n: number,
  value: number,
  step: number,
): number => {
  let done = 0;
  while (done < n) {
    const line = column.progression(first + done, n - done);
    if (line.value !== value + step * done) return done;
    if (line.step !== step && line.n > 1) return done + 1;
    done += line.n;
  }
  return n;
};

/** How many of `n` neighbouring rows from one on hold words that pass; nothing is unpacked. */
export const passingRows = (
  column: Column,
  first: number,
  n: number,
  passes: (word: number) => boolean,
): number => {
  let done = 0;
  while (done < n) {
    const line = column.progression(first + done, n - done);
    if (!passes(line.value)) return done;
    done += line.step === 0 ? line.n : 1;
  }
  return n;
};

/** Writes to `n` neighbouring rows of one section from one on what becomes of their words. */
export const changeRows = (
  column: Column,
  first: number,
  n: number,
  becomes: (word: number) => number,
): void => {
  for (let done = 0; done < n; ) {
    const line = column.progression(first + done, n - done);
    const length = line.step === 0 ? line.n : 1;
    const word = becomes(line.value);
    if (word !== line.value) column.writeLine(first + done, length, word, 0);
    done += length;
  }
};
