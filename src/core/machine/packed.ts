// A section in few numbers, where it is a few straight lines: what most sections are that big steps leave behind.

import type { Elements } from './column.ts';

/** Lines of a packed section, three numbers each: first row, its value, and the difference from row to row. */
export type Packed = { readonly lines: Float64Array };

/** Rows for each of which a line must stand at least, or packing is not worth it. */
const ROWS_PER_LINE = 32;
const scratch = new Float64Array(3 * 1024);

/** undefined: it has too many lines. */
export const pack = (elements: Elements): Packed | undefined => {
  const rows = elements.length;
  const most = Math.min(3 * 1023, Math.max(4, rows / ROWS_PER_LINE) * 3);
  let n = 0;
  for (let from = 0; from < rows; n += 3) {
    if (n >= most) return undefined;
    const first = elements[from];
    const step = from + 1 < rows ? elements[from + 1] - first : 0;
    let to = from + 1;
    while (to < rows && elements[to] === first + step * (to - from)) to++;
    scratch[n] = from;
    scratch[n + 1] = first;
    scratch[n + 2] = step;
    from = to;
  }
  return { lines: scratch.slice(0, n) };
};

/** Writes what was packed into an array of the same length. */
export const unpack = ({ lines }: Packed, into: Elements): void => {
  for (let at = 0; at < lines.length; at += 3) {
    const from = lines[at];
    const to = at + 3 < lines.length ? lines[at + 3] : into.length;
    const first = lines[at + 1];
    const step = lines[at + 2];
    if (step === 0) into.fill(first, from, to);
    else for (let row = from; row < to; row++) into[row] = first + step * (row - from);
  }
};
