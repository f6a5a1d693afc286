import { expect, it } from 'vitest';
import { ZONE_NR_FREE, zoneRow } from '../../machine/scalars.ts';
import { bootMachine } from '../../scenario/boot.ts';
import { DEFAULT_KERNEL, MIGRATE_MOVABLE, MIGRATE_UNMOVABLE, type ZoneName } from '../../uapi/config.ts';
import { __GFP_DIRECT_RECLAIM, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from '../../uapi/gfp.ts';
import { machinePreset } from '../../uapi/presets.ts';
import { NO_PFN } from '../../uapi/units.ts';
import { allocPage, allocPages, freePages } from './page-alloc.ts';
import { folioRefAdd, pageblockMigratetype } from './page-ref.ts';
import { bootWatermarks, minFreeKbytes, setupPerZoneWmarks, zoneWatermarks } from './watermarks.ts';
import { zoneInfo } from './zoneinfo.ts';
import { fallbackOrders, zonelist } from './zonelists.ts';

const zone = (node: number, name: ZoneName, managedPages: number) => ({ node, name, managedPages });

/** The lab node of the cover letter: DMA, DMA32 and Normal on node 0, Normal on the others. */
const LAB = [
  zone(0, 'DMA', 4_096),
  zone(0, 'DMA32', 520_192),
  zone(0, 'Normal', 33_030_144),
  zone(1, 'Normal', 33_554_432),
  zone(2, 'Normal', 33_554_432),
  zone(3, 'Normal', 33_554_432),
];

it('computes the watermarks of the reference (machine-and-drivers.md §2.2): a node of 512 GiB', () => {
  const pages = LAB.reduce((sum, { managedPages }) => sum + managedPages, 0);
  const kbytes = minFreeKbytes(pages * 4);
  expect(Math.abs(kbytes - 92_681)).toBeLessThan(100);
  const marks = setupPerZoneWmarks(LAB, 92_681);
  const of = (i: number) => [marks[i].min, marks[i].low, marks[i].high];
  expect(of(1)).toEqual([89, 609, 1129]);
  expect(of(2)).toEqual([5701, 38_731, 71_761]);
  for (const i of [3, 4, 5]) expect(of(i)).toEqual([5792, 39_346, 72_900]);
});

it('raises them for huge pages to eleven pageblocks a zone', () => {
  const marks = bootWatermarks(LAB, true);
  const min = marks.reduce((sum, mark) => sum + mark.min, 0);
  expect(min).toBeGreaterThan(33_792 - 6);
  expect(min).toBeLessThanOrEqual(33_792);
});

// machine-and-drivers.md §2.2
it('keeps at least 128 kB and at most 256 MiB free, for huge pages at most 5 % of low memory', () => {
  expect([minFreeKbytes(1000), minFreeKbytes(1025), minFreeKbytes(2 ** 33)]).toEqual([128, 128, 262_144]);
  expect(minFreeKbytes(2000)).toBe(178);
  const marks = bootWatermarks([zone(0, 'Movable', 4096), zone(0, 'Normal', 12_288)], true);
  // 12,288 pages above their first high watermark, which is 247; a twentieth of that
  expect(marks.map(({ min }) => min)).toEqual([150, 451]);
  expect(marks.map(({ lowmemReserve }) => lowmemReserve[3])).toEqual([0, 4096 / 32]);
});

it('computes the watermarks of the reference: two zones of 16 and 48 MiB', () => {
  const marks = bootWatermarks([zone(0, 'Movable', 4096), zone(0, 'Normal', 12_288)], false);
  expect(minFreeKbytes(65_536)).toBe(1024);
  const scaled = setupPerZoneWmarks([zone(0, 'Movable', 4096), zone(0, 'Normal', 12_288)], 1024);
  expect(scaled.map(({ min, low, high }) => [min, low, high])).toEqual([
    [64, 80, 96],
    [192, 240, 288],
  ]);
  expect(marks).toHaveLength(2);
});

it('protects lower zones from requests that higher ones could serve', () => {
  const [dma, dma32, normal] = setupPerZoneWmarks(LAB, 92_681);
  expect(dma.lowmemReserve.slice(0, 3)).toEqual([
    0,
    Math.floor(520_192 / 256),
    Math.floor((520_192 + 33_030_144) / 256),
  ]);
  expect(dma32.lowmemReserve[2]).toBe(Math.floor(33_030_144 / 256));
  expect(normal.lowmemReserve[2]).toBe(0);
});

it('falls back to the next node first, and begins the lists of equal nodes with different ones', () => {
  const orders = fallbackOrders([0, 1, 2, 3]);
  expect(orders.get(0)).toEqual([0, 1, 2, 3]);
  expect(orders.get(1)?.[1]).toBe(2);
  expect(orders.get(3)?.[0]).toBe(3);
  const ring = [
    [10, 16, 32, 16],
    [16, 10, 16, 32],
    [32, 16, 10, 16],
    [16, 32, 16, 10],
  ];
  const byDistance = fallbackOrders([0, 1, 2, 3], (from, to) => ring[from][to]);
  expect(byDistance.get(1)).toEqual([1, 2, 0, 3]);
});

it('lists no ZONE_DEVICE, which spans frames and has none (machine-and-drivers.md §2.1)', () => {
  const m = bootMachine(machinePreset('lab-node'), DEFAULT_KERNEL);
  for (const node of [0, 1, 2, 3]) {
    const names = zonelist(m, GFP_HIGHUSER_MOVABLE, node).map(({ name }) => name);
    expect(names).not.toContain('Device');
    expect(names.slice(-2)).toEqual(node === 0 ? ['Normal', 'Normal'] : names.slice(-2));
  }
  const device = zoneInfo(m).filter(({ name }) => name === 'Device');
  expect(device).toHaveLength(4);
  for (const { spanned, present, managed, watermarks } of device) {
    expect([spanned > 0, present, managed, watermarks.min, watermarks.high]).toEqual([true, 0, 0, 0, 0]);
  }
});

it('counts free blocks by order and type, those included that nobody has touched', () => {
  const m = bootMachine(machinePreset('teaching'), DEFAULT_KERNEL);
  const total = () =>
    zoneInfo(m).map(({ blocks }) => blocks.flat().reduce((sum, count, i) => sum + count * 2 ** (i % 11), 0));
  const free = () => zoneInfo(m).map((info) => info.free);
  expect(total()).toEqual(free());
  const page = allocPage(m, GFP_KERNEL);
  expect(total()).toEqual(free());
  folioRefAdd(m, page, -1, 'allocation');
  freePages(m, page, 0);
  expect(total()).toEqual(free());
});

it('stops at the min watermark when the request may not reclaim', () => {
  const m = bootMachine(machinePreset('teaching'), DEFAULT_KERNEL);
  while (allocPage(m, GFP_HIGHUSER_MOVABLE & ~__GFP_DIRECT_RECLAIM) !== NO_PFN);
  for (const each of m.zones) {
    const { min, lowmemReserve } = zoneWatermarks(m, each);
    expect(m.scalars.get(zoneRow(each.id, ZONE_NR_FREE))).toBe(min + lowmemReserve[3]);
  }
});

it('lets an unmovable request take a whole pageblock, and a movable one only a page (machine-and-drivers.md §2.2)', () => {
  const m = bootMachine(machinePreset('guest'), DEFAULT_KERNEL);
  const unmovable = allocPage(m, GFP_KERNEL);
  expect(pageblockMigratetype(m, unmovable)).toBe(MIGRATE_UNMOVABLE);
  const movable = allocPage(m, GFP_HIGHUSER_MOVABLE);
  expect(pageblockMigratetype(m, movable)).toBe(MIGRATE_MOVABLE);
  expect(allocPages(m, GFP_HIGHUSER_MOVABLE, 9) % 512).toBe(0);
});
