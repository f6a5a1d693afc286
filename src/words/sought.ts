// What somebody looks for, of what they typed: a question is as good as a list of names.

/** Words of a question that say nothing of its matter. */
const SMALL = new Set(
  'a after also an and any are at be before by can could did do does else ever for from had happen happened happens has have how i if in is it its just me my of on or our should so still that the their then there they this to too was we were what when where which who whose why will with would you your'.split(
    ' ',
  ),
);

const ASKS =
  /\?\s*$|^\s*(?:could|how|if|should|wh\w+|will|would)\s+\S|(?:^|\s)(?:are|can|cannot|did|do|does|is|was|were)\s+\S/i;
const ASKS_FOR_A_DEED = /^\s*(?:how (?:(?:can|do|could) (?:i|one|we|you)|to)|where (?:can|do|is|are))\b/i;

/** Whether a text asks something, and not only names what is to be done. */
export const isQuestion = (text: string): boolean => ASKS.test(text) && !ASKS_FOR_A_DEED.test(text);

/** What is said in more than one way, as one word. */
const NO_ROOM = /\b(?:r[au]n(?:s|ning)? out(?: of)?|no (?:more )?(?:room|space)|used up|exhausted)\b/g;

/** What the field says instead of a word of a question. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  block: ['cannot', 'forbid', 'prevent'],
  die: ['ends', 'exit'],
  exit: ['ends'],
  full: ['exhaustion', 'is short', 'runs short'],
  mov: ['home', 'migrate'],
  prevent: ['block', 'cannot', 'forbid'],
  registr: ['register'],
};

/** The words to look for, in small letters; small words only where there are no others. */
export const soughtWords = (text: string): string[] => {
  const words = text
    .toLowerCase()
    .replace(NO_ROOM, ' full ')
    .split(/\s+/)
    .map((word) => word.replace(/^["“'(]+|["”')?!.,;]+$/g, ''))
    .filter((word) => word !== '');
  const telling = words.filter((word) => !SMALL.has(word));
  return telling.length === 0 ? words : telling;
};

const ENDING = '(?:(?:at)?(?:e|es|ed|ing|er|ers|ion|ions)|s)';
const ENDS = new RegExp(`^([a-z]*?[aeiouy][a-z]+?)${ENDING}$`);

/** What forms of a word have in common: `mov` of `moves`, `evict` of `eviction`, `pin` of `pinned`. */
const stemOf = (word: string): string => {
  const [, stem = word] = word.length < 4 || word.endsWith('ss') ? [] : (ENDS.exec(word) ?? []);
  return stem.length < 3 ? word : stem.replace(/([bdgmnprt])\1$/, '$1');
};

/** A text in which `FOLL_PIN`, `foll-pin` and `foll pin` are the same. */
const even = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, ' ');

/** Finds a word in one of its forms, its beginning, or it in the middle of another: in this order the better. */
const patternsOf = (word: string): readonly RegExp[] => {
  const source = (text: string): string => even(text).replaceAll(/[^a-z0-9 ]/g, '\\$&');
  const stem = source(stemOf(word));
  return [
    new RegExp(`(?<![a-z0-9])${stem}(?:${stem.slice(-1)}?${ENDING})?(?![a-z0-9])`),
    new RegExp(`(?<![a-z0-9])${stem.length < LONG ? source(word) : stem}`),
    new RegExp(source(word)),
  ];
};
/** Letters of a stem that is no other word's beginning by chance. */
const LONG = 5;
const FITS = [1, 0.5, 0.1];
const NAME_COUNTS = 2;
/** Of the best score. */
const KEPT = 0.4;

export interface Found<T> {
  readonly thing: T;
  /** The more the better: rare words tell more, and so do those of a name. */
  readonly score: number;
}

/**
 * What has all words of a text; where nothing has, or where it is a question, also what has those that tell most. A part in the
 * middle of a word counts where the word begins nowhere.
 */
export const sought = <T>(
  things: readonly T[],
  text: string,
  nameOf: (thing: T) => string,
  textOf: (thing: T) => string,
): Found<T>[] => {
  const names = things.map((thing) => even(nameOf(thing)));
  const texts = things.map((thing) => even(textOf(thing)));
  const fitsOf = (word: string): number[] => {
    const patterns = patternsOf(word);
    const stem = even(stemOf(word));
    // all patterns begin with the stem, and most texts do not have it
    const fits = (found: string): number =>
      found.includes(stem) ? (FITS[patterns.findIndex((pattern) => pattern.test(found))] ?? 0) : 0;
    return things.map((_, index) =>
      Math.max(NAME_COUNTS * fits(names[index] ?? ''), fits(texts[index] ?? '')),
    );
  };
  const [, , MIDDLE = 0] = FITS;
  const isAny = (fit: number): boolean => fit > 0;
  const words = soughtWords(text);
  const byWord = words.map((word) => {
    const fits = fitsOf(word);
    const begins = fits.map((fit) => (fit > NAME_COUNTS * MIDDLE ? fit : 0));
    return begins.some(isAny) ? begins : fits;
  });
  const hasAll = things.map((_, index) => byWord.every((fits) => isAny(fits[index] ?? 0)));
  const isWhole = !isQuestion(text) && hasAll.includes(true);
  const weighed = isWhole
    ? byWord
    : byWord.map((fits, at) => {
        const all = (SYNONYMS[stemOf(words[at] ?? '')] ?? []).map(fitsOf);
        return fits.map((fit, index) => Math.max(fit, ...all.map((own) => own[index] ?? 0)));
      });
  const weights = weighed.map((fits) => Math.log(1 + things.length / Math.max(1, fits.filter(isAny).length)));
  const found = things.map((thing, index) => {
    const own = weighed.map((fits) => fits[index] ?? 0);
    const sum = own.reduce((so, fit, at) => so + fit * (weights[at] ?? 0), 0);
    const share = own.filter(isAny).length / words.length;
    return { thing, hasAll: hasAll[index] === true, score: sum * (1 + share) };
  });
  const best = Math.max(0, ...found.map(({ score }) => score));
  return words.length === 0
    ? found
    : found.filter((each) => (isWhole ? each.hasAll : each.score > 0 && each.score >= KEPT * best));
};
