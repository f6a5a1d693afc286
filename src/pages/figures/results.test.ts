import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { atMost, figure, thisMachine } from '../../bench/figures.ts';
import { FIGURE_SECTIONS } from './about.ts';
import { FILES, parseResult } from './results.ts';

const result = {
  bench: 'browser',
  machine: thisMachine(),
  versions: { node: process.version },
  figures: [figure('map_frame_p95_ms', 12, 'ms', atMost(33)), figure('migrating_ms', Number.NaN, 'ms')],
  series: [{ name: 'svg_zoom_frame_ms', x: 'cells', y: 'ms', points: [[1000, 10]] }],
};

/** As it comes out of a file. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('reads what a benchmark writes, also a figure that could not be measured', () => {
  const read = parseResult(written(result));
  expect(read?.figures.map(({ name, value, ok }) => [name, value, ok])).toEqual([
    ['map_frame_p95_ms', 12, true],
    ['migrating_ms', null, true],
  ]);
  expect(read?.series[0]?.points).toEqual([[1000, 10]]);
  expect(parseResult(written({ ...result, series: undefined }))?.series).toEqual([]);
});

test('refuses what is no result', () => {
  expect(parseResult(undefined)).toBeUndefined();
  expect(parseResult({ figures: [] })).toBeUndefined();
  expect(parseResult(written({ ...result, figures: [{ name: 'a' }] }))).toBeUndefined();
});

test('a figure stands in one section, and every one that was measured has its words', () => {
  const names = FIGURE_SECTIONS.flatMap(({ figures }) => Object.keys(figures));
  expect(new Set(names).size).toBe(names.length);
  for (const file of Object.values(FILES)) {
    const url = new URL(`../../../public/${file}`, import.meta.url);
    if (!existsSync(url)) continue;
    const read = parseResult(JSON.parse(readFileSync(url, 'utf8')));
    expect(read?.figures.map(({ name }) => name).filter((name) => !names.includes(name))).toEqual([]);
  }
});
