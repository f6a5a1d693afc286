// What a step returned may be a list of a million pages. It is read once, in parts; the page gets its beginning, and
// what it takes to see whether two lists are the same.

import type { StepResult } from '../../core/index.ts';

/** Lists up to here are sent as they are. */
const MAX_LISTED = 64;
/** Items that are read before a pause. */
const ITEMS_A_PART = 65_536;

/** A list that is too long to be sent. */
interface LongList {
  /** Its beginning. */
  readonly first: readonly (string | number)[];
  readonly length: number;
  /** The same for equal lists. */
  readonly digest: number;
}

interface ReadList {
  readonly brief: LongList;
  /** Different words of it, in order of appearance. */
  readonly words: readonly string[];
}

type List = readonly (string | number)[];

const lists = new WeakMap<List, ReadList>();

/** Number of an item for the digest; words are numbered as they come. */
const numberOf = (item: string | number, words: Map<string, number>): number => {
  if (typeof item === 'number') return item % 2 ** 31;
  const known = words.get(item);
  if (known !== undefined) return known;
  let hash = 7;
  for (let i = 0; i < item.length; i++) hash = (Math.imul(hash, 31) + item.charCodeAt(i)) | 0;
  words.set(item, hash);
  return hash;
};

function* readList(list: List): Generator<void, ReadList, void> {
  const words = new Map<string, number>();
  let digest = 7;
  for (let i = 0; i < list.length; i++) {
    digest = (Math.imul(digest, 31) + numberOf(list[i] ?? 0, words)) | 0;
    if (i % ITEMS_A_PART === ITEMS_A_PART - 1) yield;
  }
  const brief = { first: list.slice(0, MAX_LISTED), length: list.length, digest: digest >>> 0 };
  return { brief, words: [...words.keys()] };
}

const finish = <R>(parts: Generator<void, R, void>): R => {
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
  }
};

const readOf = (list: List): ReadList => {
  const known = lists.get(list) ?? finish(readList(list));
  lists.set(list, known);
  return known;
};

const isList = (part: unknown): part is List => Array.isArray(part) && typeof part[0] !== 'object';

/** Reads the long lists of a result in parts, for those who ask later. */
export function* readResult(result: StepResult): Generator<void, void, void> {
  for (const part of Object.values(result))
    if (isList(part) && part.length > MAX_LISTED) lists.set(part, yield* readList(part));
  for (const inner of result.results ?? []) yield* readResult(inner);
}

/** A result for the page: long lists are there as their beginning, length and digest. */
export const briefResult = (result: StepResult): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(result)
      .map(([name, part]: readonly [string, unknown]) => [
        name,
        isList(part) && part.length > MAX_LISTED ? readOf(part).brief : part,
      ])
      .concat(result.results === undefined ? [] : [['results', result.results.map(briefResult)]]),
  );

/** The different words of a list, in order of appearance. */
export const wordsOf = (list: readonly string[]): readonly string[] => readOf(list).words;
