import { expect, test } from 'vitest';
import { machinePreset } from '../core/uapi/presets.ts';
import { PAGE_LONGTERM, PAGE_MAPPED, PAGE_MIGRATING, PAGE_PINNED, SHADES } from '../store/views.ts';
import { mapsText, parseMaps } from '../store/maps.ts';
import { machineInfo } from '../worker/run-info.ts';
import { inkOn, looksOf, shadeOfRange, STATE_COLORING } from './coloring.ts';
import { stateStandsOut } from './skin.ts';

const machine = machineInfo(machinePreset('lab-node'), new Set([0, 1, 2, 3]));
const processes = ['A', 'B', 'C'];

test('the looks of a mode differ in shade, name and sign, and fit the shades that there are', () => {
  for (const mode of ['owner', 'age', 'refcount', 'node', 'type'] as const) {
    const looks = looksOf({ mode, processes }, machine);
    expect(looks.length).toBeGreaterThan(1);
    for (const key of ['shade', 'id', 'glyph', 'color'] as const)
      expect(new Set(looks.map((look) => look[key])).size).toBe(looks.length);
    for (const { shade } of looks) expect(shade).toBeLessThan(SHADES);
  }
});

test('a legend has the machine in it: its nodes with their distance, its processes', () => {
  expect(looksOf({ mode: 'node', processes }, machine).map(({ label }) => label)).toContain(
    'node 1, distance 12',
  );
  expect(looksOf({ mode: 'owner', processes }, machine).map(({ label }) => label)).toEqual(
    expect.arrayContaining(['A', 'B', 'C', 'several processes']),
  );
});

test('CMA is a migratetype, a node is known without a page', () => {
  const range = { kind: 'ram', node: 2, cma: true, reserved: '' } as const;
  expect(shadeOfRange('type', range)).not.toBe(shadeOfRange('type', { ...range, cma: false }));
  expect(shadeOfRange('node', range)).toBe(3);
});

test('of the states those stand out that are chosen', () => {
  const pinned = PAGE_MAPPED | PAGE_PINNED;
  const only = (...entries: string[]) => ({ ...STATE_COLORING, only: entries });
  expect(stateStandsOut(only(), 'system', pinned)).toBe(true);
  expect(stateStandsOut(only('coherent'), 'system', pinned)).toBe(false);
  expect(stateStandsOut(only('coherent'), 'coherent', pinned)).toBe(true);
  expect(stateStandsOut(only('pin'), 'system', pinned)).toBe(true);
  expect(stateStandsOut(only('pin'), 'system', pinned | PAGE_LONGTERM)).toBe(false);
  expect(stateStandsOut(only('pin', 'longterm'), 'system', pinned | PAGE_LONGTERM)).toBe(true);
  expect(stateStandsOut(only('moving'), 'private', PAGE_MAPPED | PAGE_MIGRATING)).toBe(true);
  expect(stateStandsOut(only('free'), 'private', 0)).toBe(true);
});

test('letters can be read on light and on dark', () => {
  expect(inkOn('#0a2f54')).toBe('#ffffff');
  expect(inkOn('#c3d7e8')).toBe('#000000');
});

test('a link says the mode and what stands out, and nothing of the usual one', () => {
  for (const maps of [
    { mode: 'refcount', only: [], whole: false },
    { mode: 'state', only: ['coherent', 'pin'], whole: false },
    { mode: 'state', only: [], whole: true },
    { mode: 'owner', only: ['nobody'], whole: true },
  ] as const) {
    expect(parseMaps(mapsText(maps) ?? '')).toEqual(maps);
  }
  expect(mapsText({ mode: 'state', only: [], whole: false })).toBeUndefined();
  expect(['colour', 'owner:A B', 'state:a:b', 'whole,', 'wholesale'].map(parseMaps)).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
});
