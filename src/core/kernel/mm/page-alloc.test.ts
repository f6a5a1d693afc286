// The buddy allocator, and how little of a large machine is there before it is touched (machine-and-drivers.md §1.2, §1.4, §2.2).

import { expect, it } from 'vitest';
import { bootMachine } from '../../scenario/boot.ts';
import { DEFAULT_KERNEL, type MachinePresetName, MIGRATE_CMA } from '../../uapi/config.ts';
import { GFP_HIGHUSER_MOVABLE, GFP_USER } from '../../uapi/gfp.ts';
import { machinePreset } from '../../uapi/presets.ts';
import { allocPage, allocPages, freePages } from './page-alloc.ts';
import { folioRefAdd, pageblockMigratetype } from './page-ref.ts';

const boot = (preset: MachinePresetName) => bootMachine(machinePreset(preset), DEFAULT_KERNEL);

it('opens 768 GiB without touching more than a few sections', () => {
  const m = boot('lab-node');
  expect(m.journal.bytes().stateBytes).toBeLessThan(8 * 2 ** 20);
  expect(m.zones.reduce((sum, zone) => sum + zone.managedPages, 0)).toBeGreaterThan(490 * 262144);
});

it('takes movable pages from ZONE_MOVABLE, and the pages that a long-term pin will hold from elsewhere', () => {
  const m = boot('guest-movable');
  expect(m.rangeOf(allocPage(m, GFP_HIGHUSER_MOVABLE))?.zone).toBe('Movable');
  m.current.memallocPin = true;
  expect(m.rangeOf(allocPage(m, GFP_HIGHUSER_MOVABLE))?.zone).toBe('DMA32');
});

it('prefers CMA for movable pages while most free memory is CMA, never for others', () => {
  const m = boot('guest-cma');
  expect(pageblockMigratetype(m, allocPage(m, GFP_HIGHUSER_MOVABLE))).toBe(MIGRATE_CMA);
  expect(pageblockMigratetype(m, allocPage(m, GFP_USER))).not.toBe(MIGRATE_CMA);
});

it('splits a block of 4 MiB down and merges it again', () => {
  const m = boot('teaching');
  const first = allocPages(m, GFP_HIGHUSER_MOVABLE, 10);
  folioRefAdd(m, first, -1, 'allocation');
  freePages(m, first, 10);
  const pages = Array.from({ length: 1024 }, () => allocPage(m, GFP_HIGHUSER_MOVABLE));
  expect(new Set(pages).size).toBe(1024);
  expect(Math.max(...pages) - Math.min(...pages)).toBe(1023);
  for (const page of pages) {
    folioRefAdd(m, page, -1, 'allocation');
    freePages(m, page, 0);
  }
  expect(allocPages(m, GFP_HIGHUSER_MOVABLE, 10)).toBe(first);
});
