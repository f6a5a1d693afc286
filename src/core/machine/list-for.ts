// Lists of one thing a page.

/**
 * A list with room for `length` items, to be filled from its beginning; what is left of it is cut off by its `length`.
 *
 * Ours: a list that grows by itself is copied as a whole again and again, some tens of ms each time with a million items.
 */
export const listFor = <T>(length: number): T[] => {
  const list: T[] = [];
  list.length = length;
  return list;
};
