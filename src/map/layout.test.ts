import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MachineInfo, RangeInfo } from '../store/views.ts';
import { LEVELS, layOutBanks, layOutWhole, pfnAt, placeOf, unitsWithin } from './layout.ts';

const range = (
  kind: RangeInfo['kind'],
  start: number,
  npages: number,
  more: Partial<RangeInfo> = {},
): RangeInfo => ({
  id: `${kind} ${start}`,
  start,
  npages,
  kind,
  node: 0,
  zone: kind === 'ram' ? 'Normal' : 'Device',
  cma: false,
  reserved: '',
  device: kind === 'ram' ? -1 : 0,
  ...more,
});

const machine = (...ranges: RangeInfo[]): MachineInfo => ({
  preset: 'guest',
  title: 'drawn',
  cpus: 1,
  totalPages: ranges.reduce((sum, { npages }) => sum + npages, 0),
  distances: [10],
  links: [],
  ranges,
});

const guest = machine(
  range('ram', 0, 0x40000),
  range('coherent', 0x50000, 0x10000, { device: 0 }),
  range('coherent', 0x40000, 0x10000, { device: 1 }),
  range('ram', 0x60000, 0x20000),
);
const teaching = machine(
  range('ram', 2 ** 20, 16384),
  range('coherent', 2 ** 21, 4096),
  range('private', 2 ** 34 - 4096, 4096, { device: 1 }),
);
const labNode = machine(range('ram', 0, 2 ** 25), range('ram', 2 ** 25, 2 ** 25, { node: 1 }));

describe('banks', () => {
  test('RAM of a node is one bank, each device has its own, holes belong to nobody', () => {
    expect(layOutBanks(guest).map(({ id, kind, npages }) => [id, kind, npages])).toEqual([
      ['node 0', 'system', 0x60000],
      ['device 0', 'coherent', 0x10000],
      ['device 1', 'coherent', 0x10000],
    ]);
  });

  test('memory of another driver has a map of its own behind those of VRAM', () => {
    const withDax = machine(
      range('ram', 0, 0x4000),
      range('fsdax', 0x30000, 1024, { device: 1 }),
      range('coherent', 0x20000, 4096),
    );
    expect(layOutBanks(withDax).map(({ id, kind }) => [id, kind])).toEqual([
      ['node 0', 'system'],
      ['device 0', 'coherent'],
      ['device 1', 'fsdax'],
    ]);
  });

  test('a bank is some times wider than high, as its window is, whatever its size', () => {
    for (const bank of [guest, teaching, labNode].flatMap(layOutBanks)) {
      expect(bank.width / bank.height).toBeGreaterThan(2.5);
      expect(bank.width / bank.height).toBeLessThan(5);
    }
  });
});

describe('all memory in one', () => {
  test('has a plot for each bank, one below the other, with room for its name', () => {
    for (const drawn of [guest, teaching, labNode]) {
      const whole = layOutWhole(drawn);
      expect(whole.plots.map(({ npages }) => npages)).toEqual(layOutBanks(drawn).map(({ npages }) => npages));
      let bottom = 0;
      for (const { y, height } of whole.plots) {
        expect(y - bottom).toBeGreaterThan(0.045 * whole.height);
        bottom = y + height;
      }
      expect(bottom).toBeLessThanOrEqual(whole.height + 1e-6);
    }
  });
});

describe('places', () => {
  test('the pages of a pageblock lie in rows of 32', () => {
    const [system] = layOutBanks(guest);
    if (system === undefined) throw new Error('no bank');
    expect(placeOf(system, 0)).toEqual({ x: 0, y: 0 });
    expect(placeOf(system, 33)).toEqual({ x: 1, y: 1 });
    expect(placeOf(system, 0x50000)).toBeUndefined();
  });

  test('the frame at the place of a frame is that frame', () => {
    const machines = [guest, teaching, labNode];
    for (const bank of [...machines.flatMap(layOutBanks), ...machines.map(layOutWhole)]) {
      const frame = fc
        .tuple(fc.constantFrom(...bank.ranges), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
        .map(([{ start, npages }, part]) => start + Math.floor(part * npages));
      fc.assert(
        fc.property(frame, (pfn) => {
          const place = placeOf(bank, pfn);
          return place !== undefined && pfnAt(bank, { x: place.x + 0.5, y: place.y + 0.5 }) === pfn;
        }),
      );
    }
  });

  test('gaps and the outside hold no frame', () => {
    const [system] = layOutBanks(guest);
    if (system === undefined) throw new Error('no bank');
    expect(pfnAt(system, { x: 32.3, y: 1 })).toBeUndefined();
    expect(pfnAt(system, { x: -1, y: 1 })).toBeUndefined();
    expect(pfnAt(system, { x: 1, y: system.height + 1 })).toBeUndefined();
    expect(pfnAt(system, { x: system.width + 1, y: 1 })).toBeUndefined();
  });
});

describe('units within a rectangle', () => {
  test('a window inside one pageblock needs that pageblock alone', () => {
    const [system] = layOutBanks(guest);
    if (system === undefined) throw new Error('no bank');
    expect(unitsWithin(system, { x: 33, y: 1, width: 10, height: 8 }, 512)).toEqual([512]);
  });

  test('the whole bank is all its sections', () => {
    const [system] = layOutBanks(guest);
    if (system === undefined) throw new Error('no bank');
    const whole = { x: 0, y: 0, width: system.width, height: system.height };
    expect(unitsWithin(system, whole, LEVELS.section.pagesPerCell)).toHaveLength(12);
    expect(unitsWithin(system, whole, LEVELS.pageblock.pagesPerCell)).toHaveLength(768);
  });
});
