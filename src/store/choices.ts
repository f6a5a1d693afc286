// What somebody chose in single panels: how a table is unfolded, of whom, and in which words. The palette chooses, too.

import * as v from 'valibot';
import type { Grain, Message } from '../worker/protocol.ts';
import { type TableBelow, WALK_LEVELS } from '../worker/protocol-views.ts';
import { type Context, type Environment, update } from './context.ts';
import { writeSaved } from './saved.ts';

/** Levels of the page-table tree: with LA57 there are five. */
export type WalkLevels = '4' | '5';

/** How much of the run the timeline shows. */
export const EXTENTS = ['run', 'step'] as const;
export type Extent = (typeof EXTENTS)[number];

/** How the page-table tree is read. */
export interface WalkChoices {
  readonly walkLevels: WalkLevels;
  /** Entries of the tree as 64-bit words. */
  readonly walkRaw: boolean;
}

/** The same with whose tree it is, which no next visit knows: as a link says it. */
export interface WalkInLink extends WalkChoices {
  /** Process of the page-table tree; undefined: the first. */
  readonly walkProcess?: string | undefined;
}

/** Found again at the next visit. */
interface KeptChoices extends WalkChoices {
  /** By what the buttons of the playback go. */
  readonly grain: Grain;
  /** How much the timeline shows; undefined: what suits the length of the run. */
  readonly extent?: Extent | undefined;
  /** Maps and timeline as text, instead of as pictures. */
  readonly asText: boolean;
}

export interface ChoicesSlice extends KeptChoices {
  /** Process of the page-table tree; undefined: the first. */
  readonly walkProcess: string | undefined;
  /** Tables of the tree that are unfolded beside the way, the last opened at the end. */
  readonly walkOpen: readonly TableBelow[];
  /** Child of the pair that Fork shows; undefined: the last. */
  readonly forkChild: string | undefined;
  /** The table whose signs are explained: `tree`, or `A buf`; '' for none. */
  readonly signsOf: string;
  /** Maps that somebody opened or closed, by bank; the others are open if the run is about them. */
  readonly banks: Readonly<Record<string, boolean>>;
  /** The sentence whose reason somebody asked for, where it is hidden; undefined: none. */
  readonly askedFor: Message | undefined;
}

export interface ChoicesActions {
  readonly choose: (choices: Partial<ChoicesSlice>) => void;
}

/** On a first visit. */
export const usualChoices = {
  walkLevels: '4',
  walkRaw: false,
  grain: 'beat',
  extent: undefined,
  asText: false,
} as const satisfies KeptChoices;
const usual: KeptChoices = usualChoices;

/** How the page-table tree is read, as a link says it: `5`, `4,words`, `4,of:B`; undefined: as usual. */
export const walkText = ({ walkLevels, walkRaw, walkProcess }: WalkInLink): string | undefined => {
  const of = walkProcess === undefined ? '' : `,of:${walkProcess}`;
  const text = `${walkLevels}${walkRaw ? ',words' : ''}${of}`;
  return text === usual.walkLevels ? undefined : text;
};

export const MAX_WALK_CHARS = 80;

export const parseWalk = (text: string): WalkInLink | undefined => {
  const found = /^([45])(,words)?(?:,of:([\w.-]{1,64}))?$/.exec(text);
  return found === null
    ? undefined
    : {
        walkLevels: found[1] === '5' ? '5' : '4',
        walkRaw: found[2] !== undefined,
        ...(found[3] === undefined ? {} : { walkProcess: found[3] }),
      };
};

/** In which form a link gives maps and timeline. */
export const formText = (asText: boolean): string => (asText ? 'text' : 'pictures');

export const parseForm = (text: string): boolean | undefined =>
  [true, false].find((asText) => formText(asText) === text);

const GRAINS = ['beat', 'event', 'function', 'step'] as const satisfies readonly Grain[];

export const parseGrain = (text: string): Grain | undefined => GRAINS.find((grain) => grain === text);

export const parseExtent = (text: string): Extent | undefined => EXTENTS.find((each) => each === text);

const isSameTable = (a: TableBelow, b: TableBelow): boolean =>
  a.process === b.process && a.level === b.level && a.vpn === b.vpn;

/** Whether a table of the tree is unfolded. */
export const isUnfolded = (open: readonly TableBelow[], table: TableBelow): boolean =>
  open.some((each) => isSameTable(each, table));

/** As many as the worker answers. */
const MAX_OPEN = 24;

const BRANCH = /^([\w-][\w.-]{0,63}):(pgd|pud|pmd):(0x[\da-f]{1,10})$/i;

/** Unfolded tables as a link says them: `A:pmd:0x7f0000000`, by process, level and first page of the entry. */
export const branchesText = (open: readonly TableBelow[]): string =>
  open.map(({ process, level, vpn }) => `${process}:${level}:0x${vpn.toString(16)}`).join();

export const MAX_BRANCHES_CHARS = 2000;

export const parseBranches = (text: string): readonly TableBelow[] | undefined => {
  const all = text.split(',').map((part): TableBelow | undefined => {
    const [, process, name, vpn] = BRANCH.exec(part) ?? [];
    const level = WALK_LEVELS.find((each) => each === name?.toLowerCase());
    return process === undefined || level === undefined ? undefined : { process, level, vpn: Number(vpn) };
  });
  const read = all.filter((table) => table !== undefined);
  return read.length < all.length || read.length > MAX_OPEN ? undefined : read;
};

/** With a table unfolded, or folded if it was; of very many the first one folds. */
export const withFolded = (open: readonly TableBelow[], table: TableBelow): readonly TableBelow[] => {
  const others = open.filter((each) => !isSameTable(each, table));
  return others.length < open.length ? others : [...others, table].slice(-MAX_OPEN);
};

const savedSchema = v.object({
  walkLevels: v.fallback(v.picklist(['4', '5']), usual.walkLevels),
  walkRaw: v.fallback(v.boolean(), usual.walkRaw),
  grain: v.fallback(v.picklist(GRAINS), usual.grain),
  extent: v.fallback(v.optional(v.picklist(EXTENTS)), undefined),
  asText: v.fallback(v.boolean(), usual.asText),
});

/** Choices of an earlier visit; what cannot be read counts as not chosen. */
export const readChoices = (environment: Environment): ChoicesSlice => {
  const others = {
    walkProcess: undefined,
    walkOpen: [],
    forkChild: undefined,
    signsOf: '',
    banks: {},
    askedFor: undefined,
  };
  try {
    const saved = v.safeParse(
      v.object({ choices: savedSchema }),
      JSON.parse(environment.readSetting() ?? '{}'),
    );
    return {
      ...usual,
      ...(saved.success ? saved.output.choices : {}),
      ...others,
    };
  } catch {
    return { ...usual, ...others };
  }
};

export const choicesActions = (context: Context): ChoicesActions => ({
  choose: (choices) => {
    update(context, 'choices', choices);
    writeSaved(context);
  },
});
