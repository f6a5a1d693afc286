// English. The only door to the catalogue: a message id with parameters becomes a sentence.

import { DEFAULT_KERNEL, type KernelConfig } from '../core/uapi/config.ts';
import { presentName, spelling } from '../core/uapi/patches.ts';
import type { KernelFunctionName } from '../core/uapi/source-refs.ts';
import { captions, whys } from './en/captions.ts';
import { type ContrastWords, contrasts } from './en/compare.ts';
import { events } from './en/events.ts';
import { functions } from './en/functions.ts';
import { glossary, type Term, type TermId } from './en/glossary.ts';
import { gupPath } from './en/gup-path.ts';
import type { Params, Sentences } from './en/phrases.ts';
import { kernelSentences } from './en/kernel.ts';
import { problems } from './en/problems.ts';

export {
  followPageReadings,
  kconfigNotes,
  kernelWords,
  listed,
  patchRoles,
  pinnableReasons,
  type PinnableReason,
  selftestVerdict,
  unquoted,
  withoutPatch,
  withoutSwitch,
} from './en/kernel.ts';
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

const ENGLISH: Sentences = { ...captions, ...whys, ...events, ...problems, ...kernelSentences, ...gupPath };

/** Whether there are words for an id; asked by tests. */
export const hasWords = (id: string): boolean => ENGLISH[id] !== undefined;

const sentence = ({ id, params }: Message): string => {
  const found = ENGLISH[id];
  if (found === undefined) return id;
  return typeof found === 'string' ? found : found(params);
};

const isFunction = (name: string): name is KernelFunctionName => Object.hasOwn(functions, name);

/** The words for a run, with the names that its kernel has. */
export interface Words {
  /** Text of the catalogue in pieces; kernel words stand between backticks there. */
  readonly textPieces: (text: string) => Piece[];
  /** The sentence in pieces. */
  readonly pieces: (message: Message) => Piece[];
  /** The sentence as plain text: for the live region, titles, exports. */
  readonly say: (message: Message) => string;
  /** What a kernel function does, in one line with backticks; '' for one that is not traced. */
  readonly aboutFunction: (name: string) => string;
}

/** The catalogue as a kernel spells it: one of the series' patches renamed functions. */
export const wordsFor = (kernel: KernelConfig): Words => {
  const spell = (text: string): string => spelling(kernel, text);
  const textPieces = (text: string): Piece[] =>
    spell(text)
      .split('`')
      .map((part, index): Piece => ({ kind: index % 2 === 0 ? 'text' : 'code', text: part }))
      .filter((piece) => piece.text !== '');
  return {
    textPieces,
    pieces: (message) => textPieces(sentence(message)),
    say: (message) => spell(sentence(message)).replaceAll('`', ''),
    aboutFunction: (name) => {
      const now = presentName(name);
      return isFunction(now) ? spell(functions[now]) : '';
    },
  };
};

/** Words for what belongs to no run, as the present kernel spells them. */
export const { textPieces, pieces, say, aboutFunction } = wordsFor(DEFAULT_KERNEL);

/** A term for newcomers. */
export const explain = (id: TermId): Term => glossary[id];

/** What a run can be compared with, by the contrast's name. */
export const contrastWords = (contrast: string): ContrastWords =>
  contrasts[contrast] ?? { label: contrast, about: '' };
