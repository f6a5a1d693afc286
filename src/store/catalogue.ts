// What the picker lists: the hand-made scenes, then the recordings in groups.

import * as v from 'valibot';
import { SCENES } from '../scenarios/index.ts';
import type { CatalogueEntry } from './scenario.ts';

/** Relative to the page, so that the app works below any path. */
export const RECORDINGS_PATH = 'recordings/';

const indexSchema = v.array(
  v.object({
    name: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/)),
    title: v.string(),
    boot: v.string(),
    devices: v.array(v.object({ id: v.number(), kind: v.string() })),
    steps: v.number(),
  }),
);

/** First match counts. */
const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/longterm|pin-mixed|pin-same|movable|cma/, 'Long-term pins'],
  [/pin|get-blocks/, 'Pins and references'],
  [/^coherent/, 'Device-coherent memory'],
  [/^private/, 'Device-private memory'],
  [/thp|hugetlb|collapse/, 'Huge pages'],
];

const groupOf = (name: string): string => GROUPS.find(([pattern]) => pattern.test(name))?.[1] ?? 'Basics';
const GROUP_ORDER = ['Scenes', ...GROUPS.map(([, group]) => group), 'Basics'];

export const sceneEntries: readonly CatalogueEntry[] = SCENES.map((scene) => ({
  name: scene.name,
  title: scene.title,
  about: scene.about,
  source: 'scene',
  group: 'Scenes',
  boot: scene.scenario.boot,
  devices: scene.scenario.devices,
  steps: scene.scenario.steps.length,
}));

/** @throws when the index is not one */
export const readCatalogue = (index: unknown): CatalogueEntry[] => {
  const recordings = v
    .parse(indexSchema, index)
    .map(
      (entry): CatalogueEntry => ({ ...entry, about: '', source: 'recording', group: groupOf(entry.name) }),
    );
  const order = (entry: CatalogueEntry): number => GROUP_ORDER.indexOf(entry.group);
  return [...sceneEntries, ...recordings].toSorted((a, b) => order(a) - order(b));
};
