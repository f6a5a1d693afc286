// What is wrong with something from outside, and what to write instead; where it is wrong is said beside it.

import type { BaseIssue } from 'valibot';

/** More values than these are not listed: the nearest ones help more. */
const LISTED = 12;
const NEAREST = 3;

/** What JSON calls a kind of value, and how it is written. */
const KINDS: Readonly<Record<string, string>> = {
  Array: 'a list, `[ … ]`',
  Object: 'an object, `{ … }`',
  string: 'a text in quotes',
  number: 'a number',
  boolean: '`true` or `false`',
};

/** `("a" | "b") | number` as its parts; values keep their quotes. */
const partsOf = (expected: string): string[] => expected.replaceAll(/[()]/g, '').split(' | ');

const unquoted = (value: string): string => value.replaceAll('"', '');

/** A text without any letter is written as JSON writes it. */
const inWords = (part: string): string => KINDS[part] ?? `\`${unquoted(part) || '""'}\``;

const either = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;

/** How many letters of the shorter one have to go, come or change, at most: for the small lists of a vocabulary. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const letter of a) {
    const above = row;
    row = [(above[0] ?? 0) + 1];
    for (let i = 1; i <= b.length; i++) {
      const change = (above[i - 1] ?? 0) + (b[i - 1] === letter ? 0 : 1);
      row.push(Math.min(change, (above[i] ?? 0) + 1, (row[i - 1] ?? 0) + 1));
    }
  }
  return row.at(-1) ?? 0;
};

/** What may stand there; of many values those that look most like what does. */
const wanted = (expected: string, received: string): string => {
  const parts = partsOf(expected);
  if (parts.length <= LISTED) return either(parts.map(inWords));
  const far = (part: string): number =>
    unquoted(part).includes(unquoted(received)) && received !== '' ? 0 : distance(part, received);
  const near = parts.toSorted((a, b) => far(a) - far(b)).slice(0, NEAREST);
  return `${either(near.map(inWords))}, or another of ${parts.length} names`;
};

/** What to do about the most frequent slips. */
const hint = (expected: string, received: string): string => {
  if (!received.startsWith('"')) return '';
  if (expected === 'Array') return `. Put it into brackets: \`[${received}]\``;
  const text = unquoted(received);
  const isBare =
    (expected === 'number' && /^-?\d+$/.test(text)) ||
    (expected === 'boolean' && /^(true|false)$/.test(text));
  return isBare ? `. Leave out the quotes: \`${text}\`` : '';
};

/** Where a list or a number belongs, what stands there is told by its kind, too. */
const found = (expected: string, received: string): string =>
  received.startsWith('"') && partsOf(expected).some((part) => part in KINDS)
    ? `the text ${inWords(received)}`
    : inWords(received);

const missing = (key: string, expected: string): string =>
  unquoted(expected) === key
    ? `the field \`${key}\` is missing. Add it`
    : `the field \`${key}\` is missing. Write ${wanted(expected, '')}`;

/** Ours: an issue of the schema in words, as the middle of a sentence. */
export const issueText = ({ type, expected, received, message, path }: BaseIssue<unknown>): string => {
  const key = path?.at(-1)?.key;
  const name = typeof key === 'string' ? key : unquoted(received);
  if (expected === 'never') return `there is no field \`${name}\` here. Take it out, or look how it is spelt`;
  if (received === 'undefined') return missing(name, expected ?? name);
  switch (type) {
    case 'max_value':
      return `${inWords(received)} is too much; the most is ${(expected ?? '').replace('<=', '')}`;
    case 'min_value':
      return `${inWords(received)} is too little; the least is ${(expected ?? '').replace('>=', '')}`;
    case 'integer':
      return `${inWords(received)} is not a whole number`;
    default:
      if (expected === null || type === 'check' || type === 'regex') return `write ${message}`;
      return `here is ${found(expected, received)}. Write ${wanted(expected, received)}${hint(expected, received)}`;
  }
};
