// English. The only door to the catalogue: a message id with parameters becomes a sentence.

import { DEFAULT_KERNEL, type KernelConfig } from '../core/uapi/config.ts';
import { presentName, spelling } from '../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName } from '../core/uapi/source-refs.ts';
import { captions, whys } from './en/captions.ts';
import { type ContrastWords, contrasts } from './en/compare.ts';
import { events } from './en/events.ts';
import { functions } from './en/functions.ts';
import { splitAtTerms, TERM_IDS, type TermGroup, type TermId, termOfWord } from './en/terms.ts';
import { gupPath } from './en/gup-path.ts';
import type { Params, Sentences } from './en/phrases.ts';
import { kernelSentences } from './en/kernel.ts';
import { problems } from './en/problems.ts';

export {
  costGroups,
  costsWords,
  figureClasses,
  figureNames,
  movingAnswer,
  shortAnswer,
  stayingAnswer,
  worldWords,
} from './en/costs.ts';
export { evictionPanel, evictionStations, gpuPanel, svmAttributes } from './en/gpu-panel.ts';
export { iomemWords, refusals, registrationStages } from './en/iomem.ts';
export {
  followPageReadings,
  kconfigNotes,
  kernelWords,
  listed,
  longtermChecks,
  longtermPolicies,
  patchRoles,
  pinnableReasons,
  type PinnableReason,
  selftestVerdict,
  unquoted,
  withoutPatch,
  withoutSwitch,
} from './en/kernel.ts';
export type { TermGroup, TermId } from './en/terms.ts';
export { stayedBecause } from './en/maps.ts';
export { parameterWords, shareWords } from './en/share.ts';
export { standingSentence, standingTask } from './en/standing.ts';
export { scenarioTitle } from './en/recordings.ts';
export { homecoming, welcome } from './en/welcome.ts';

/** As the worker and the store send it. */
export interface Message {
  readonly id: string;
  readonly params: Params;
}

/** A piece of a sentence: prose, or a kernel word to be set in the mono face. */
export interface Piece {
  readonly kind: 'text' | 'code';
  readonly text: string;
  /** Under which `loadTerm` explains it. */
  readonly term?: string;
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

const FUNCTION_PREFIX = 'fn:';

const fileOf = (name: string): string | undefined =>
  KERNEL_FUNCTIONS.find((each) => each.name === presentName(name))?.file;

/** The name under which `loadTerm` explains a word of the kernel; undefined if it does not. */
export const termOf = (word: string): string | undefined => {
  const term = termOfWord(word);
  if (term !== undefined) return term;
  return isFunction(presentName(word)) ? `${FUNCTION_PREFIX}${word}` : undefined;
};

const codePiece = (text: string): Piece => {
  const term = termOf(text);
  return term === undefined ? { kind: 'code', text } : { kind: 'code', text, term };
};

const prosePieces = (text: string): Piece[] =>
  splitAtTerms(text).map(({ text: part, id }) =>
    id === undefined ? { kind: 'text', text: part } : { kind: 'text', text: part, term: id },
  );

/** Of a term that comes again, the first place explains it. */
const explainedOnce = (all: readonly Piece[]): Piece[] => {
  const seen = new Set<string>();
  return all.map((piece) => {
    const { kind, text, term } = piece;
    if (term === undefined || kind === 'code' || !seen.has(term)) {
      if (term !== undefined) seen.add(term);
      return piece;
    }
    return { kind, text };
  });
};

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
    explainedOnce(
      spell(text)
        .split('`')
        .flatMap((part, index) => (index % 2 === 0 ? prosePieces(part) : [codePiece(part)]))
        .filter((piece) => piece.text !== ''),
    );
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

/** What a tip says of a term. */
export interface TermText {
  readonly term: string;
  /** With backticks. */
  readonly text: string;
  /** Where the kernel has it; undefined for a word of ours. */
  readonly source: string | undefined;
}

const isTermId = (id: string): id is TermId => TERM_IDS.some((each) => each === id);

/** The explanation of a term, or of a kernel function (`fn:try_grab_page`); undefined if there is none. */
export const loadTerm = async (id: string): Promise<TermText | undefined> => {
  if (isTermId(id)) return (await import('./en/glossary.ts')).glossary[id];
  const name = id.replace(FUNCTION_PREFIX, '');
  const text = aboutFunction(name);
  return text === '' ? undefined : { term: name, text, source: fileOf(name) };
};

export interface GlossaryEntry extends TermText {
  readonly id: TermId;
  readonly group: TermGroup;
}

/** All terms, in the order of the glossary. */
export const loadGlossary = async (): Promise<GlossaryEntry[]> => {
  const { glossary } = await import('./en/glossary.ts');
  return TERM_IDS.map((id) => ({ id, ...glossary[id] }));
};

/** All kernel functions that the trace can name, each with its file. */
export const functionEntries = (): TermText[] =>
  KERNEL_FUNCTIONS.map(({ name, file }) => ({ term: name, text: functions[name], source: file }));

/** What a run can be compared with, by the contrast's name. */
export const contrastWords = (contrast: string): ContrastWords =>
  contrasts[contrast] ?? { label: contrast, about: '' };

/** `without patch 6: long-term pins migrate` */
export const contrastTitle = ({ label, subject }: ContrastWords): string =>
  subject === undefined ? label : `${label}: ${subject}`;
