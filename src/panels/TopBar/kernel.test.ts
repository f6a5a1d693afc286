import { describe, expect, test } from 'vitest';
import { ALL_PATCHES, DEFAULT_KERNEL, type PatchNumber } from '../../core/uapi/config.ts';
import { buildablePatches, checkPatches, parsePatches, patchesText } from '../../core/uapi/patches.ts';
import { builtInEntries } from '../../store/catalogue.ts';
import {
  completed,
  kconfigObjections,
  objections,
  patchRows,
  presets,
  SEE_OF_REASON,
  SEE_OF_SWITCH,
  toggled,
  without,
} from './kernel.ts';

const set = (...numbers: PatchNumber[]): readonly PatchNumber[] => numbers;

describe('a set that cannot be built', () => {
  test('names each missing patch once, with those that want it', () => {
    expect(objections(parsePatches('1-14').filter((number) => number !== 3))).toEqual([
      expect.stringMatching(/^Patches 5, 6, 7 and 10 cannot be built without patch 3, .*coherent type/),
    ]);
    expect(objections(set(5, 9))).toHaveLength(2);
    expect(objections(parsePatches('1-5,7-14'))).toEqual([]);
  });

  test('says so at the patch', () => {
    const rows = patchRows(set(7), []);
    expect(rows.filter(({ lacks }) => lacks !== '').map(({ number, lacks }) => [number, lacks])).toEqual([
      [7, 'cannot be built without 3 and 5'],
    ]);
  });

  test.each(ALL_PATCHES.flatMap((a) => ALL_PATCHES.map((b) => [a, b] as const)))(
    'can be put right both ways: %i and %i toggled',
    (a, b) => {
      const broken = toggled(toggled(ALL_PATCHES, a), b);
      expect(() => checkPatches(buildablePatches(broken))).not.toThrow();
      expect(() => checkPatches(completed(broken))).not.toThrow();
      expect(buildablePatches(broken).every((number) => broken.includes(number))).toBe(true);
      expect(broken.every((number) => completed(broken).includes(number))).toBe(true);
    },
  );
});

test('the presets are all, none, and each patch of which a scene shows the want; all can be built', () => {
  const found = presets(parsePatches('1-5,7-14'), builtInEntries);
  expect(found.map(({ label, patches }) => [label, patchesText(patches)])).toEqual([
    ['All 14', 'all'],
    ['None', 'none'],
    ['Without 3', '1-2,4,8-9,11-14'],
    ['Without 4', '1-3,5-14'],
    ['Without 5', '1-4,6,8-9,11-14'],
    ['Without 6', '1-5,7-14'],
    ['Without 7', '1-6,8-14'],
    ['Without 10', '1-9,11-14'],
  ]);
  expect(found.filter(({ isChosen }) => isChosen).map(({ label }) => label)).toEqual(['Without 6']);
  for (const { patches } of found) expect(() => checkPatches(patches)).not.toThrow();
});

test('each patch says what goes wrong without it, and leads to where one sees it', () => {
  const rows = patchRows(ALL_PATCHES, builtInEntries);
  expect(rows.map(({ without: text }) => text).filter((text) => text.length < 20)).toEqual([]);
  expect(rows.find(({ number }) => number === 2)?.without).toMatch(/only moved declarations/);
  expect(rows.filter(({ see }) => see !== undefined).map(({ number }) => number)).toEqual([
    1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14,
  ]);
  const names = new Set(builtInEntries.map(({ name }) => name));
  for (const { see, withIt } of rows)
    for (const shown of [see, withIt]) if (shown !== undefined) expect(names).toContain(shown.scenario);
  // those that change behaviour have the same steps on both kernels
  expect(rows.filter(({ withIt }) => withIt !== undefined).map(({ number }) => number)).toEqual([
    3, 4, 5, 6, 7, 10,
  ]);
  const absent = rows.filter(({ number }) => [8, 9, 11, 12, 13, 14].includes(number));
  for (const { without: text } of absent) expect(text).toMatch(/`[\w.-]+`/);
});

test('each switch and each reason of is_longterm_pinnable_page leads to a scene', () => {
  const names = new Set(builtInEntries.map(({ name }) => name));
  for (const { scenario } of [...Object.values(SEE_OF_SWITCH), ...Object.values(SEE_OF_REASON)])
    expect(names).toContain(scenario);
});

test('taking a patch out takes out what is built on it', () => {
  expect(patchesText(without(ALL_PATCHES, 8))).toBe('1-7');
  expect(patchesText(completed(set(13)))).toBe('8,11,13');
});

test('what Kconfig would not offer is said, and only then', () => {
  expect(kconfigObjections(DEFAULT_KERNEL)).toEqual([]);
  expect(kconfigObjections({ ...DEFAULT_KERNEL, CONFIG_CMA: false })).toEqual([]);
  expect(kconfigObjections({ ...DEFAULT_KERNEL, CONFIG_MIGRATION: false })).toHaveLength(1);
  expect(kconfigObjections({ ...DEFAULT_KERNEL, CONFIG_DEVICE_PRIVATE: false })).toHaveLength(1);
});
