// What the palette offers, and what of it fits what was typed.

import { MODE_WORDS } from '../../map/coloring.ts';
import { PAGES } from '../../pages/list.ts';
import { type Contrast, CONTRASTS } from '../../store/compare.ts';
import { type Command, keyGroups, type OwnKeys } from '../../store/keys.ts';
import { type Preset, PRESETS } from '../../store/layout.ts';
import type { CatalogueEntry } from '../../store/scenario.ts';
import type { Theme } from '../../store/settings.ts';
import { MAP_MODES, type MapMode, type Selection } from '../../store/views.ts';
import { contrastTitle, contrastWords } from '../../words/index.ts';
import { isQuestion, sought, soughtWords } from '../../words/sought.ts';
import type { PanelEntry } from '../frame/panels.ts';
import { PRESET_WORDS } from '../frame/presets.ts';
import type { Surface } from './act.ts';
import { COMMANDS_CALLED, PANELS_CALLED } from './called.ts';
import type { Target } from './targets.ts';

export type Deed =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'panel'; readonly panel: PanelEntry }
  | { readonly kind: 'preset'; readonly preset: Preset }
  | { readonly kind: 'page'; readonly page: string; readonly section: string }
  | { readonly kind: 'scenario'; readonly name: string }
  | { readonly kind: 'select'; readonly selection: Selection }
  | { readonly kind: 'dialog'; readonly dialog: string }
  | { readonly kind: 'act'; readonly act: (surface: Surface) => void }
  | { readonly kind: 'theme'; readonly theme: Theme }
  | { readonly kind: 'color'; readonly mode: MapMode }
  /** undefined: with nothing any more. */
  | { readonly kind: 'compare'; readonly contrast: Contrast | undefined };

export interface PaletteEntry {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly detail: string;
  /** What it is found by besides. */
  readonly also?: string;
  /** Other names, each as good as the title. */
  readonly called?: readonly string[];
  /** As the help sheet writes them. */
  readonly keys: readonly string[];
  readonly deed: Deed;
}

/** Actions that make no sense from a list, and the palette itself. */
const NOT_LISTED: ReadonlySet<Command> = new Set(['jump', 'escape', 'palette']);

export const actionEntries = (own: OwnKeys): PaletteEntry[] => {
  const seen = new Set<Command>(NOT_LISTED);
  return keyGroups(own).flatMap(({ title: group, bindings }) =>
    bindings.flatMap(({ command, does, shown }) => {
      if (seen.has(command)) return [];
      seen.add(command);
      return [
        {
          id: `do ${command}`,
          group: 'Actions',
          title: does,
          detail: group,
          called: COMMANDS_CALLED[command] ?? [],
          keys: shown,
          deed: { kind: 'command', command } as const,
        },
      ];
    }),
  );
};

const DIALOGS: readonly (readonly [dialog: string, title: string])[] = [
  ['kernel', 'Kernel: patches and configuration'],
  ['agreement', 'Does this run agree with the recorded kernel?'],
  ['pages', 'Pages to read'],
];

const THEMES: Readonly<Record<Theme, string>> = {
  light: 'Theme: light',
  dark: 'Theme: dark',
  system: 'Theme: as the system has it',
};
const THEME_IDS: readonly Theme[] = ['light', 'dark', 'system'];

const choice = (id: string, title: string, detail: string, deed: Deed): PaletteEntry => ({
  id,
  group: 'Choices',
  title,
  detail,
  keys: [],
  deed,
});

/** What has no key of its own: dialogs, themes, what the maps' colours say, and what a run is compared with. */
export const choiceEntries = (): PaletteEntry[] => [
  ...DIALOGS.map(([dialog, title]) => choice(`dialog ${dialog}`, title, '', { kind: 'dialog', dialog })),
  ...THEME_IDS.map((theme) => choice(`theme ${theme}`, THEMES[theme], '', { kind: 'theme', theme })),
  ...MAP_MODES.map((mode) =>
    choice(`color ${mode}`, `Colour the maps by ${MODE_WORDS[mode].label}`, MODE_WORDS[mode].about, {
      kind: 'color',
      mode,
    }),
  ),
  ...CONTRASTS.map((contrast) =>
    choice(
      `compare ${contrast}`,
      `Compare with: ${contrastTitle(contrastWords(contrast))}`,
      contrastWords(contrast).about,
      {
        kind: 'compare',
        contrast,
      },
    ),
  ),
  choice('compare none', 'Stop comparing', '', { kind: 'compare', contrast: undefined }),
];

export const placeEntries = (panels: readonly PanelEntry[]): PaletteEntry[] => [
  ...panels.map(
    (panel): PaletteEntry => ({
      id: `panel ${panel.id}`,
      group: 'Panels',
      title: panel.title,
      detail: 'show this panel',
      called: PANELS_CALLED[panel.id] ?? [],
      keys: [],
      deed: { kind: 'panel', panel },
    }),
  ),
  ...PRESETS.map(
    (preset): PaletteEntry => ({
      id: `preset ${preset}`,
      group: 'Layouts',
      title: PRESET_WORDS[preset].title,
      detail: PRESET_WORDS[preset].about,
      keys: [],
      deed: { kind: 'preset', preset },
    }),
  ),
  ...PAGES.map(
    ({ id, title, about }): PaletteEntry => ({
      id: `page ${id}`,
      group: 'Pages to read',
      title,
      detail: about,
      keys: [],
      deed: { kind: 'page', page: id, section: '' },
    }),
  ),
];

export const scenarioEntries = (entries: readonly CatalogueEntry[]): PaletteEntry[] =>
  entries.map(
    ({ name, title, about, group }): PaletteEntry => ({
      id: `scenario ${name}`,
      group: 'Scenarios',
      title,
      detail: name === title ? group : name,
      also: `${name} ${group} ${about}`,
      keys: [],
      deed: { kind: 'scenario', name },
    }),
  );

export const targetEntries = (targets: readonly Target[]): PaletteEntry[] =>
  targets.map(
    ({ title, detail, selection }): PaletteEntry => ({
      id: `select ${JSON.stringify(selection)}`,
      group: 'Go to',
      title,
      detail,
      keys: [],
      deed: { kind: 'select', selection },
    }),
  );

/** Words of the glossary; each opens it there. */
export const termEntries = (
  terms: readonly { readonly id: string; readonly term: string; readonly text: string }[],
): PaletteEntry[] =>
  terms.map(
    ({ id, term, text }): PaletteEntry => ({
      id: `term ${id}`,
      group: 'Glossary',
      title: term,
      detail: text,
      keys: [],
      deed: { kind: 'page', page: 'glossary', section: `term-${id}` },
    }),
  );

const nameOf = ({ title, deed, called = [] }: PaletteEntry): string =>
  [title, ...(deed.kind === 'scenario' ? [deed.name] : []), ...called].join(' ');
const textOf = ({ detail, also = '' }: PaletteEntry): string => `${detail} ${also}`;

/** How well a name fits; the less the better. */
const rankOf = (name: string, text: string, words: readonly string[]): number => {
  const [first = ''] = words;
  if (name === text) return 0;
  if (name.startsWith(text)) return 1;
  const hasAll = words.every((word) => name.includes(word));
  return (hasAll ? 2 : 4) + (name.startsWith(first) ? 0 : 1);
};
const rank = ({ title, called = [] }: PaletteEntry, text: string, words: readonly string[]): number =>
  Math.min(...[title, ...called].map((name) => rankOf(name.toLowerCase(), text, words)));
const SAID_IN_FULL = 1;
const HAS_ALL = 3;

/** Groups that answer a question; to do something or to change the kernel is no answer. */
const ANSWERS: readonly string[] = ['Scenarios', 'Glossary'];
/** Asks for a word of the glossary before a scene. */
const ASKS_FOR_A_WORD = /^\s*what (?:is|are) /i;

/** Whether a text is rather a question than a part of a name; the fewest names are that long. */
const asks = (text: string, ranks: readonly number[]): boolean =>
  isQuestion(text)
    ? !ranks.some((own) => own <= SAID_IN_FULL)
    : text.split(/\s+/).length > 2 && !ranks.some((own) => own <= HAS_ALL);

/**
 * Entries that fit what was typed. Better ones stand first within each group, and the group with the best one stands first,
 * unless something is asked: then those that answer do. No more than `limit` a group.
 */
export const matching = (entries: readonly PaletteEntry[], text: string, limit: number): PaletteEntry[] => {
  const words = soughtWords(text);
  const typed = text.trim().toLowerCase();
  const groups = [...new Set(entries.map(({ group }) => group))];
  const hits = sought(entries, text, nameOf, textOf).map(({ thing: entry, score }) => ({
    entry,
    score,
    rank: rank(entry, typed, words),
  }));
  const isAsked = asks(
    typed,
    hits.map(({ rank: own }) => own),
  );
  const found = hits.map(({ entry, score, rank: own }) => ({ entry, score, fit: isAsked ? -score : own }));
  const best = new Map<string, number>();
  for (const { entry, fit } of found) best.set(entry.group, Math.min(fit, best.get(entry.group) ?? fit));
  const answers = (group: string): number => {
    if (!isAsked || !ANSWERS.includes(group)) return 2;
    return ASKS_FOR_A_WORD.test(text) && group === 'Glossary' ? 0 : 1;
  };
  const inOrder = (a: string, b: string): number =>
    answers(a) - answers(b) ||
    (best.get(a) ?? 0) - (best.get(b) ?? 0) ||
    groups.indexOf(a) - groups.indexOf(b);
  const counts = new Map<string, number>();
  return found
    .toSorted((a, b) => inOrder(a.entry.group, b.entry.group) || a.fit - b.fit || b.score - a.score)
    .map(({ entry }) => entry)
    .filter(({ group }) => {
      const count = (counts.get(group) ?? 0) + 1;
      counts.set(group, count);
      return count <= limit;
    });
};

/** What one does and opens most: their names in full are meant before anything that a text can be read as. */
const NAMED_FIRST: readonly string[] = ['Actions', 'Panels'];

/** What a text is by itself before what is only found by it, but for actions and panels that are called just so. */
export const ordered = (
  text: string,
  byItself: readonly PaletteEntry[],
  found: readonly PaletteEntry[],
): PaletteEntry[] => {
  const typed = text.trim().toLowerCase();
  const named = found.find(
    ({ group, title, called = [] }) =>
      NAMED_FIRST.includes(group) && [title, ...called].some((name) => name.toLowerCase() === typed),
  );
  const isFirst = ({ group }: PaletteEntry): boolean => group === named?.group;
  return [...found.filter(isFirst), ...byItself, ...found.filter((entry) => !isFirst(entry))];
};
