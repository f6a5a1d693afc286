import { describe, expect, test } from 'vitest';
import type { RangeInfo, Tile } from '../store/views.ts';
import { MAP_STATES } from '../store/views.ts';
import { cellsInView, indexMoment, pageCell } from './cells.ts';
import { fitBank, levelOf } from './camera.ts';
import { lookOf, partsOf } from './color.ts';
import { cellText, cellWords, linesOf, mapRows, scaleOf, zoneCaption } from './describe.ts';
import { drawFrame, drawMoment, drawRow, drawRows } from './fixture.ts';
import { nextFrame, startFrame } from './hit-test.ts';
import { layOutBanks } from './layout.ts';
import { countsIn, tilesFor } from './tiles.ts';

const range = (kind: RangeInfo['kind'], start: number, npages: number): RangeInfo => ({
  id: kind,
  start,
  npages,
  kind,
  node: 0,
  zone: kind === 'ram' ? 'Normal' : 'Device',
  cma: false,
  reserved: '',
  device: kind === 'ram' ? -1 : 0,
});
const [system, vram, dax] = layOutBanks({
  preset: 'teaching',
  title: 'drawn',
  cpus: 1,
  totalPages: 2048,
  distances: [10],
  links: [],
  ranges: [
    range('ram', 0, 1024),
    range('coherent', 4096, 1024),
    { ...range('fsdax', 8192, 1024), device: 1 },
  ],
});
if (system === undefined || vram === undefined || dax === undefined)
  throw new Error('three banks were drawn');

/** A tile of single pages: free, but for what is said. */
const tile = (start: number, cells: number, said: Record<number, (typeof MAP_STATES)[number]>): Tile => {
  const counts = new Uint32Array(cells * MAP_STATES.length);
  for (const [pfn, channel] of Object.entries(said))
    counts[(Number(pfn) - start) * MAP_STATES.length + MAP_STATES.indexOf(channel)] = 1;
  return { start, cells, pagesPerCell: 1, counts, shades: undefined, orders: new Int8Array(cells).fill(-1) };
};

describe('a page in words', () => {
  test('says where it lives, whose it is, and what is on it', () => {
    const frame = drawFrame(4099, {
      residence: 'coherent',
      owner: 'buf+2',
      pins: 1,
      longtermPinned: true,
      locked: true,
      flags: ['dirty', 'anon_exclusive'],
    });
    const cell = pageCell(vram, 4099, indexMoment(drawMoment({ frames: [frame] })), countsIn([]));
    expect(cell && cellText(cell)).toBe(
      'pfn 0x1003 · buf+2 · device-coherent memory · 1 long-term pin · locked · dirty · AnonExclusive',
    );
  });

  test('a page of another driver is not said to be reserved', () => {
    const frame = drawFrame(8192, { residence: 'reserved', kind: 'fsdax', owner: 'buf+0' });
    const cell = pageCell(dax, 8192, indexMoment(drawMoment({ frames: [frame] })), countsIn([]));
    expect(cell && cellText(cell)).toBe('pfn 0x2000 · buf+0 · memory of another driver');
  });

  test('a page on its way names both ends; the new one is a copy once the bytes are there', () => {
    const wordsAt = (phase: 'allocated' | 'copied') => {
      const frames = [drawFrame(4099, { residence: 'coherent' }), drawFrame(17)];
      const index = indexMoment(drawMoment({ frames, moves: [{ src: 4099, dst: 17, phase, because: '' }] }));
      return [
        [vram, 4099],
        [system, 17],
      ].map(([bank, pfn]) => {
        const cell = pageCell(bank as typeof vram, pfn as number, index, countsIn([]));
        return cell === undefined ? '' : cellWords(cell)[1];
      });
    };
    expect(wordsAt('allocated')).toEqual(['on its way to 0x11', 'destination of 0x1003']);
    expect(wordsAt('copied')).toEqual(['on its way to 0x11', 'copy of 0x1003']);
  });

  test('without an answer of the worker nothing is claimed', () => {
    const cell = pageCell(system, 5, indexMoment(drawMoment({})), countsIn([]));
    expect(cell && cellWords(cell)).toEqual(['not known yet']);
  });
});

describe('the text twin', () => {
  const camera = { k: 20, x: 0, y: 0 };
  const size = { width: 640, height: 320 };

  test('has a row for each page of a process, and one for neighbours that are alike', () => {
    const moment = drawMoment({
      frames: [drawFrame(2, { owner: 'buf+0' }), drawFrame(3, { owner: 'buf+1' })],
    });
    const tiles = [tile(0, 512, { 0: 'kernel', 1: 'kernel' })];
    const rows = mapRows(cellsInView(system, camera, size, moment, countsIn(tiles)));
    expect(rows.map(({ start, npages, owner, state }) => `${start}+${npages} ${owner} ${state}`)).toEqual([
      '0+2  in use by the kernel',
      '2+1 buf+0 system memory',
      '3+1 buf+1 system memory',
      '4+508  free',
    ]);
  });

  test('a long area of which only the ends are listed is one row, whichever way its frames run', () => {
    const moment = drawRows([drawRow({ npages: 100, pfn: 4195, pfnStep: -1 })]);
    const rows = mapRows(cellsInView(vram, camera, size, moment, countsIn([tile(4096, 512, {})])));
    expect(rows.map(({ start, npages, owner, state }) => `${start}+${npages} ${owner} ${state}`)).toEqual([
      '4096+100 buf+99 … buf+0 device-coherent memory',
      '4196+412  free',
    ]);
  });
});

test('above a map stands the zone in its middle, or how many there are where all of them are in sight', () => {
  const [two] = layOutBanks({
    preset: 'teaching',
    title: 'drawn',
    cpus: 1,
    totalPages: 2048,
    distances: [10],
    links: [],
    ranges: [range('ram', 0, 1024), { ...range('ram', 1024, 1024), id: 'movable', zone: 'Movable' }],
  });
  if (two === undefined) throw new Error('no bank');
  const size = { width: 1200, height: 300 };
  const camera = fitBank(two, size);
  const captionAt = (at: typeof camera) =>
    zoneCaption({ bank: two, camera: at, size, following: false, loupes: [] });
  expect(levelOf(camera)).toBe('page');
  expect(captionAt(camera)).toBe('2 zones');
  expect(captionAt({ ...camera, k: camera.k * 4 })).toBe('zone Normal');
  // pages of three pixels have no lines between them: what one sees are pageblocks
  const viewAt = (k: number) => ({ bank: two, camera: { ...camera, k }, size, following: false, loupes: [] });
  expect([2, 3, 4].map((k) => linesOf(viewAt(k)).size)).toEqual(['2 MiB', '2 MiB', '4 KiB']);
  expect(scaleOf(viewAt(3)).unit).toBe('page');
});

describe('cells', () => {
  test('a pageblock is told in parts that add up to one', () => {
    const counts = new Uint32Array(MAP_STATES.length);
    counts[MAP_STATES.indexOf('mapped')] = 100;
    counts[MAP_STATES.indexOf('kernel')] = 30;
    counts[MAP_STATES.indexOf('other')] = 70;
    const tiles = [
      { start: 0, cells: 1, pagesPerCell: 512, counts, shades: undefined, orders: new Int8Array(0) },
    ];
    const view = [
      system,
      { k: 1, x: 0, y: 0 },
      { width: 32, height: 16 },
      drawMoment({}),
      countsIn(tiles),
    ] as const;
    const [cell] = cellsInView(...view);
    const parts = cell && partsOf(cell);
    expect(parts).toMatchObject({ mapped: 100 / 512, kernel: 30 / 512, other: 70 / 512, reserved: 0 });
    expect(Object.values(parts ?? {}).reduce((sum, part) => sum + part, 0)).toBeCloseTo(1);
    expect(cell && cellWords(cell)).toEqual(['100 of 512 mapped', '14 % in use, not mapped', '6 % kernel']);
  });

  test('every residence has its own form, so that hue is never the only sign', () => {
    const forms = (['system', 'coherent', 'private', 'movable'] as const).map((residence) => {
      const cell = pageCell(
        system,
        1,
        indexMoment(drawMoment({ frames: [drawFrame(1, { residence })] })),
        countsIn([]),
      );
      return cell && [lookOf(cell).form, lookOf(cell).glyph].join(' ');
    });
    expect(forms).toEqual(['plain S', 'notch C', 'double P', 'dotted M']);
  });
});

describe('tiles', () => {
  test('a window asks for whole pageblocks, neighbours in one', () => {
    expect(tilesFor(system, { k: 20, x: 0, y: 0 }, { width: 600, height: 300 })).toEqual([
      { start: 0, cells: 512, pagesPerCell: 1 },
    ]);
    expect(tilesFor(system, { k: 1, x: 0, y: 0 }, { width: 600, height: 300 })).toEqual([
      { start: 0, cells: 2, pagesPerCell: 512 },
    ]);
  });

  test('counts are found in the tile that covers them', () => {
    const countsOf = countsIn([tile(512, 4, { 514: 'mapped' })]);
    expect(countsOf(514, 1)?.mapped).toBe(1);
    expect(countsOf(513, 1)?.mapped).toBe(0);
    expect(countsOf(516, 1)).toBeUndefined();
    expect(countsOf(514, 512)).toBeUndefined();
  });
});

describe('keys on a map', () => {
  test('arrows go to the neighbour, across the gap between pageblocks, and stop at the edge', () => {
    expect(nextFrame(system, 33, 'ArrowRight')).toBe(34);
    expect(nextFrame(system, 33, 'ArrowUp')).toBe(1);
    expect(nextFrame(system, 0, 'ArrowLeft')).toBeUndefined();
    expect(nextFrame(system, 33, 'Enter')).toBeUndefined();
    const overGap = [nextFrame(system, 31, 'ArrowRight'), nextFrame(system, 480, 'ArrowDown')];
    expect(overGap).toContain(512);
  });

  test('the first arrow lands on a page that the moment shows', () => {
    const moment = drawMoment({ frames: [drawFrame(4100), drawFrame(7)] });
    expect(startFrame(system, undefined, moment)).toBe(7);
    expect(startFrame(vram, 7, moment)).toBe(4100);
    expect(startFrame(vram, 4200, moment)).toBe(4200);
    expect(startFrame(system, undefined, drawMoment({}))).toBe(0);
  });
});
