import { expect, it } from 'vitest';
import { ALL_PATCHES, DEFAULT_KERNEL, type PatchNumber } from './config.ts';
import {
  checkPatches,
  missingPatches,
  PATCHES,
  PatchSetError,
  parsePatches,
  patchesText,
  presentName,
  spelling,
} from './patches.ts';

it('lists the 14 patches in order', () => {
  expect(PATCHES.map(({ number }) => number)).toEqual(ALL_PATCHES);
});

it('reads sets as people write them', () => {
  expect(parsePatches('all')).toEqual(ALL_PATCHES);
  expect(parsePatches('none')).toEqual([]);
  expect(parsePatches('2-4, 1')).toEqual([1, 2, 3, 4]);
  expect(() => parsePatches('15')).toThrow(PatchSetError);
});

it('refuses what cannot be built, and names what is missing', () => {
  expect(() => checkPatches([5])).toThrow(/patch 5 .* without patch 3/);
  expect(() => checkPatches([2, 3, 6])).not.toThrow();
  const without = (gone: PatchNumber): PatchNumber[] => ALL_PATCHES.filter((number) => number !== gone);
  const buildable = ALL_PATCHES.filter((number) => {
    try {
      checkPatches(without(number));
      return true;
    } catch {
      return false;
    }
  });
  expect(buildable).toEqual([1, 4, 6, 7, 10, 12, 13, 14]);
});

it('writes sets so that they can be read again', () => {
  for (const text of ['all', 'none', '1-5,7-14', '2-3,6', '1,4', '2-14'])
    expect(patchesText(parsePatches(text))).toBe(text);
});

it('names everything that a set lacks', () => {
  expect(missingPatches([4, 7, 9]).map(({ patch, missing }) => [patch.number, missing.number])).toEqual([
    [7, 3],
    [7, 5],
    [9, 8],
  ]);
});

it('spells the predicate as the configured kernel does', () => {
  expect(spelling(DEFAULT_KERNEL, 'is_longterm_pinnable_page')).toBe('is_longterm_pinnable_page');
  expect(spelling({ ...DEFAULT_KERNEL, patches: [] }, 'is_longterm_pinnable_page')).toBe('is_pinnable_page');
  expect(spelling({ ...DEFAULT_KERNEL, patches: [] }, 'handle_mm_fault')).toBe('handle_mm_fault');
  const before = { ...DEFAULT_KERNEL, patches: parsePatches('2-14') };
  expect(spelling(before, 'asks `is_longterm_pinnable_page`, then folio_is_longterm_pinnable.')).toBe(
    'asks `is_pinnable_page`, then folio_is_pinnable.',
  );
  expect(presentName('folio_is_pinnable')).toBe('folio_is_longterm_pinnable');
  expect(presentName('put_page')).toBe('put_page');
});
