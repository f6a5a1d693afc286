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

/** Whether all elements are 0. Those that are not mostly show at the ends. */
export const isBlank = (elements: Elements): boolean => {
  const rows = elements.length;
  if (elements[0] !== 0 || elements[rows - 1] !== 0) return false;
  for (let row = 1; row < rows; row++) if (elements[row] !== 0) return false;
  return true;
};
