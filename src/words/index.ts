// English. The only door to the catalogue: a message id with parameters becomes a sentence.

import type { KernelFunctionName } from '../core/uapi/source-refs.ts';
import { captions, whys } from './en/captions.ts';
import { events } from './en/events.ts';
import { functions } from './en/functions.ts';
import { glossary, type Term, type TermId } from './en/glossary.ts';
import type { Params, Sentences } from './en/phrases.ts';
import { problems } from './en/problems.ts';

export type { Term, TermId } from './en/glossary.ts';

/** As the worker and the store send it. */
export interface Message {
  readonly id: string;
  readonly params: Params;
}

/** A piece of a sentence: prose, or a kernel word to be set in the mono face. */
export interface Piece {
  readonly kind: 'text' | 'code';
  readonly text: string;
}

const ENGLISH: Sentences = { ...captions, ...whys, ...events, ...problems };

/** Whether there are words for an id; asked by tests. */
export const hasWords = (id: string): boolean => ENGLISH[id] !== undefined;

const sentence = ({ id, params }: Message): string => {
  const found = ENGLISH[id];
  if (found === undefined) return id;
  return typeof found === 'string' ? found : found(params);
};

/** Text of the catalogue in pieces; kernel words stand between backticks there. */
export const textPieces = (text: string): Piece[] =>
  text
    .split('`')
    .map((part, index): Piece => ({ kind: index % 2 === 0 ? 'text' : 'code', text: part }))
    .filter((piece) => piece.text !== '');

/** The sentence in pieces. */
export const pieces = (message: Message): Piece[] => textPieces(sentence(message));

/** The sentence as plain text: for the live region, titles, exports. */
export const say = (message: Message): string => sentence(message).replaceAll('`', '');

const isFunction = (name: string): name is KernelFunctionName => Object.hasOwn(functions, name);

/** What a kernel function does, in one line with backticks; '' for one that is not traced. */
export const aboutFunction = (name: string): string => (isFunction(name) ? functions[name] : '');

/** A term for newcomers. */
export const explain = (id: TermId): Term => glossary[id];
