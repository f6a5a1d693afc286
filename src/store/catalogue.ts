// What the picker lists: the scenes made by hand, the recordings in families, the kernel's own tests.

import * as v from 'valibot';
import { SCENE_GROUPS, SCENES } from '../scenarios/index.ts';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { scenarioTitle } from '../words/index.ts';
import type { CatalogueEntry } from './scenario.ts';

const indexSchema = v.array(
  v.object({
    name: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/)),
    title: v.string(),
    boot: v.string(),
    devices: v.array(v.object({ id: v.number(), kind: v.string() })),
    steps: v.number(),
  }),
);

const RANDOM = 'Random programs';
const OTHERS = 'Basics';

/** Families of recordings by their names; the first match counts. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^r\d+$/, RANDOM],
  [/longterm|pin-mixed|pin-same|movable|cma/, 'Long-term pins'],
  [/pin|get-blocks/, 'Pins and references'],
  [/^coherent/, 'Device-coherent memory'],
  [/^private/, 'Device-private memory'],
  [/thp|hugetlb|collapse/, 'Huge pages'],
];

const familyOf = (name: string): string => FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? OTHERS;
const FAMILY_ORDER = [...FAMILIES.slice(1).map(([, family]) => family), OTHERS, RANDOM];

const sceneEntries: readonly CatalogueEntry[] = SCENE_GROUPS.flatMap(({ group, scenes }) =>
  scenes.map(({ name, title, about, scenario }) => ({
    name,
    title: scenarioTitle(name, title),
    about,
    source: 'scene',
    group,
    boot: scenario.boot,
    devices: scenario.devices,
    steps: scenario.steps.length,
  })),
);

const VARIANT_GROUPS = { private: 'Private devices', coherent: 'Coherent devices' } as const;

const selftestEntries: readonly CatalogueEntry[] = Object.entries(VARIANT_GROUPS).flatMap(
  ([variant, group]) =>
    SELFTESTS.filter((selftest) => selftest.variant === variant).map(({ name, title, fixture, test }) => ({
      name,
      title,
      about: `A test of the kernel's own suite, hmm-tests.c: ${fixture}.${test}, with ${variant} devices.`,
      source: 'selftest',
      group,
      boot: 'default',
      devices: [],
      steps: undefined,
    })),
);

/** Without the recordings, which are on the list of a file. */
export const builtInEntries: readonly CatalogueEntry[] = [...sceneEntries, ...selftestEntries];

/** What an entry without a recording runs; undefined: there is none of that name. */
export const builtInScenario = async (name: string): Promise<unknown> =>
  SCENES.find((scene) => scene.name === name)?.scenario ??
  (await SELFTESTS.find((selftest) => selftest.name === name)?.scenario());

/** @throws when the index is not one */
export const readCatalogue = (index: unknown): CatalogueEntry[] => {
  const recordings = v.parse(indexSchema, index).map(
    (entry): CatalogueEntry => ({
      ...entry,
      title: scenarioTitle(entry.name, entry.title),
      about: entry.title,
      source: 'recording',
      group: familyOf(entry.name),
    }),
  );
  const order = (entry: CatalogueEntry): number => FAMILY_ORDER.indexOf(entry.group);
  return [...sceneEntries, ...recordings.toSorted((a, b) => order(a) - order(b)), ...selftestEntries];
};
