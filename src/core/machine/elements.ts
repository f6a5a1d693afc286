// The arrays that sections of columns are made of.

export type ElementType = 'i32' | 'u32' | 'f64';
export type Elements = Int32Array | Uint32Array | Float64Array;

export const newElements = (type: ElementType, rows: number): Elements => {
  if (type === 'i32') return new Int32Array(rows);
  if (type === 'u32') return new Uint32Array(rows);
  return new Float64Array(rows);
};

/** What an array of a type would hold of a number. */
export const asElement = (type: ElementType, value: number): number => {
  if (type === 'i32') return value | 0;
  return type === 'u32' ? value >>> 0 : value;
};

/** Zeros to read, at least as many as a section has. */
export const zerosOf = (type: ElementType): Elements => ZEROS[type];

/** Whether all elements are 0. Those that are not mostly show at the ends. */
export const isBlank = (elements: Elements): boolean => {
  const rows = elements.length;
  if (elements[0] !== 0 || elements[rows - 1] !== 0) return false;
  for (let row = 1; row < rows; row++) if (elements[row] !== 0) return false;
  return true;
};

/** Rows of the largest sections. */
const MOST_ROWS = 4096;
const ZEROS: Readonly<Record<ElementType, Elements>> = {
  i32: new Int32Array(MOST_ROWS),
  u32: new Uint32Array(MOST_ROWS),
  f64: new Float64Array(MOST_ROWS),
};
