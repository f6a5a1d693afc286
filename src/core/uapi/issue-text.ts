// What is wrong with something from outside, in a plain clause; where it is wrong is said beside it.

import type { BaseIssue } from 'valibot';

/** `("a" | "b") | number` as `a, b or number` */
const choices = (expected: string): string => {
  const words = expected.replaceAll(/[()"]/g, '').split(' | ');
  const last = words.pop() ?? '';
  return words.length === 0 ? last : `${words.join(', ')} or ${last}`;
};

const plain = (received: string): string => received.replaceAll('"', '');

/** Ours: an issue of the schema in words. */
export const issueText = ({ type, expected, received, message, path }: BaseIssue<unknown>): string => {
  const key = path?.at(-1)?.key;
  if (expected === 'never')
    return `there is no field ${typeof key === 'string' ? key : plain(received)} here`;
  if (received === 'undefined') return `it is missing: it should be ${choices(expected ?? 'there')}`;
  switch (type) {
    case 'max_value':
      return `${plain(received)} is too much: at most ${(expected ?? '').replace('<=', '')}`;
    case 'min_value':
      return `${plain(received)} is too little: at least ${(expected ?? '').replace('>=', '')}`;
    default:
      return expected === null || type === 'check' || type === 'regex'
        ? message
        : `${plain(received)} stands where ${choices(expected)} should`;
  }
};
