// What somebody looks for, of what they typed: a question is as good as a list of names.

/** Words of a question that say nothing of its matter. */
const SMALL = new Set(
  'a after an and are be before by can could did do does else for from had has have how i if in is it its me my of on or should so that the then there this to was were what when where which who whose why will with would you'.split(
    ' ',
  ),
);

/** Forms of one word that a part of it finds: `blocks` and `block`. */
const stem = (word: string): string =>
  /^[a-z]{4,}s$/.test(word) && !word.endsWith('ss') ? word.slice(0, -1) : word;

/** The words to look for, in small letters; small words only where there are no others. */
export const soughtWords = (text: string): string[] => {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .map((word) => word.replace(/^["“'(]+|["”')?!.,;]+$/g, ''))
    .filter((word) => word !== '');
  const telling = words.filter((word) => !SMALL.has(word));
  return (telling.length === 0 ? words : telling).map(stem);
};

/** Of what was found for each word: what has all of them, else what has the most. None without any. */
export const withMost = <T>(
  things: readonly T[],
  words: readonly string[],
  textOf: (thing: T) => string,
): T[] => {
  const counted = things.map((thing) => {
    const text = textOf(thing);
    return { thing, count: words.filter((word) => text.includes(word)).length };
  });
  const most = Math.max(0, ...counted.map(({ count }) => count));
  if (words.length > 0 && most === 0) return [];
  return counted.filter(({ count }) => count === most).map(({ thing }) => thing);
};
