// Machines as the reference lays them out (machine-and-drivers.md §1.1, §1.3 to §1.7; scene 6 of the
// catalogue), and its constants (§7).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { EFI_MEMORY_SP } from '../core/kernel/mm/e820.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { DEVICE_MODEL } from '../core/uapi/device-model.ts';
import { GUP_PIN_COUNTING_BIAS } from '../core/uapi/gup-flags.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { DEFAULT_GPU } from '../core/uapi/scenario.ts';
import { nodeDistance } from '../core/uapi/topology.ts';
import { GIB_PAGES, mibToPages, PAGE_SIZE_BYTES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import { framesOf } from './checked-run.ts';

/** sizeof(struct page) on x86-64. */
const STRUCT_PAGE_BYTES = 64;
const A = { proc: 'A', vma: 'buf' } as const;
const area = (pages: number, vma = 'buf'): Step => ({
  op: 'mmap',
  proc: 'A',
  vma,
  pages,
  prot: 'rw',
  kind: 'anon-private',
});

describe('machines (§1.3 to §1.5)', () => {
  const rows = (preset: 'lab-node' | 'frontier' | 'teaching' | 'guest') => {
    const { machine: m } = createSimulation(parseScenario({ machine: preset, devices: [], steps: [] }));
    return zoneInfo(m);
  };

  test('lab node: zones of RAM, 134,217,728 pages in all; the hole below 4 GiB is spanned and not present (§1.3)', () => {
    expect(
      rows('lab-node').map(({ node, name, spanned, present }) => [node, name, spanned, present]),
    ).toEqual([
      [0, 'DMA', 4096, 4096],
      [0, 'DMA32', 1_044_480, 520_192],
      [0, 'Normal', 33_030_144, 33_030_144],
      [1, 'Normal', 33_554_432, 33_554_432],
      [2, 'Normal', 33_554_432, 33_554_432],
      [3, 'Normal', 33_554_432, 33_554_432],
    ]);
    expect(rows('lab-node').reduce((sum, { present }) => sum + present, 0)).toBe(134_217_728);
  });

  test('lab node: GPU i begins at 1 TiB + i * 64 GiB, in section 8192 + 512 i, one for each NUMA node (§1.3)', () => {
    const { devices } = machinePreset(
      'lab-node',
      [0, 1, 2, 3].map((id) => ({ id, kind: 'coherent' as const })),
    );
    expect(devices.map(({ start, pages, node }) => [start / PAGES_PER_SECTION, pages, node])).toEqual(
      [0, 1, 2, 3].map((i) => [8192 + 512 * i, 16_777_216, i]),
    );
    expect(devices[0]?.start).toBe(0x1000_0000);
  });

  test('Frontier node: the same RAM and eight GCDs to 1.5 TiB; pair by pair on the nodes 3, 1, 0, 2 (§1.4)', () => {
    const { devices } = machinePreset(
      'frontier',
      Array.from({ length: 8 }, (_, id) => ({ id, kind: 'coherent' as const })),
    );
    expect(devices.map(({ node }) => node)).toEqual([3, 3, 1, 1, 0, 0, 2, 2]);
    expect((devices[7]?.start ?? 0) + (devices[7]?.pages ?? 0)).toBe(1536 * GIB_PAGES);
    const shapes = (preset: 'frontier' | 'lab-node'): unknown[] =>
      rows(preset).map(({ node, name, spanned, present }) => [node, name, spanned, present]);
    expect(shapes('frontier')).toEqual(shapes('lab-node'));
  });

  test('lab node: RAM ends at 514 GiB, frame 0x8080000; 12 GiB of struct pages for 768 GiB (§1.3)', () => {
    const { ranges } = machinePreset('lab-node', []);
    expect(Math.max(...ranges.map(({ end }) => end))).toBe(0x808_0000);
    expect(Math.max(...ranges.map(({ end }) => end))).toBe(514 * GIB_PAGES);
    expect((768 * GIB_PAGES * STRUCT_PAGE_BYTES) / 2 ** 30).toBe(12);
  });

  test.each([
    // the test driver's VRAM, and what is not soft reserved, have their struct pages from boot on
    ['lab-node', undefined, [3, 3, 3, 3]],
    ['lab-node', DEFAULT_GPU, [2, 2, 2, 2]],
    ['lab-node', { ...DEFAULT_GPU, softReserve: false }, [3, 3, 3, 3]],
    ['frontier', undefined, [4, 4, 4, 4]],
    ['frontier', DEFAULT_GPU, [2, 2, 2, 2]],
  ] as const)(
    '%s (%#): struct pages "are allocated from the same node" (§1.7), in GiB',
    (preset, gpu, gib) => {
      const { ranges } = machinePreset(preset, undefined, gpu);
      // a driver takes those of soft-reserved memory when it registers it
      const kinds = gpu === undefined ? ['ram', 'soft-reserved'] : ['ram'];
      const pagesOf = (some: typeof ranges): number =>
        some.reduce((sum, { start, end }) => sum + end - start, 0);
      for (const [node, each] of gib.entries()) {
        const own = ranges.filter((range) => range.node === node && kinds.includes(range.kind));
        const memmap = pagesOf(own.filter(({ reserved }) => reserved?.startsWith('struct pages') === true));
        expect([memmap / GIB_PAGES, memmap * PAGE_SIZE_BYTES]).toEqual([
          each,
          pagesOf(own) * STRUCT_PAGE_BYTES,
        ]);
      }
    },
  );

  test('Frontier node: "Device spans 134,217,728 in 4 zones (one per node, 33,554,432 pages each = 2 GCDs)" (§1.4)', () => {
    const { machine: m } = createSimulation(
      parseScenario({
        machine: 'frontier',
        gpu: {},
        devices: Array.from({ length: 8 }, (_, id) => ({ id, kind: 'coherent' })),
        steps: [],
      }),
    );
    const spans = zoneInfo(m).filter(({ name }) => name === 'Device');
    spans.sort((a, b) => a.node - b.node);
    expect(spans.map(({ node, spanned, present }) => [node, spanned, present])).toEqual(
      [0, 1, 2, 3].map((node) => [node, 33_554_432, 0]),
    );
    // 8 GiB for 512 GiB of HBM, and as much for the RAM itself: 3.1 % of 512 GiB
    const memmap = m.pgmaps.values().flatMap(({ memmap: blocks }) => blocks.map(({ order }) => 2 ** order));
    expect(memmap.reduce((sum, pages) => sum + pages, 0)).toBe(8 * GIB_PAGES);
  });

  test('the allocator falls back by distance: 10 to itself, 12 to all others (§1.6)', () => {
    expect([nodeDistance(0, 0), nodeDistance(0, 1), nodeDistance(3, 0)]).toEqual([10, 12, 12]);
  });

  test('teaching machine: 64 MiB with Normal, CMA and Movable, and devices of 4096 frames; 24,576 in all (§1.5)', () => {
    const zones = rows('teaching');
    expect(zones.map(({ name }) => name)).toEqual(['Normal', 'Movable']);
    const { devices, ranges } = machinePreset('teaching', [
      { id: 0, kind: 'coherent' },
      { id: 1, kind: 'coherent' },
    ]);
    expect(devices.map(({ pages }) => pages)).toEqual([4096, 4096]);
    expect(ranges.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(24_576);
    expect(ranges.some(({ cma }) => cma === true)).toBe(true);
  });

  test('guest of the recordings: a device is one chunk of 256 MiB; the highest frame goes out first, the last freed next (§1.5)', () => {
    const sim = createSimulation(
      parseScenario({
        devices: [{ id: 0, kind: 'coherent' }],
        steps: [
          area(2),
          { op: 'write', ...A, value: 1 },
          { op: 'migrate_to_dev', ...A, device: 0 },
          { op: 'munmap', ...A, page: 0, count: 1 },
          area(1, 'more'),
          { op: 'write', proc: 'A', vma: 'more', value: 1 },
          { op: 'migrate_to_dev', proc: 'A', vma: 'more', device: 0 },
        ].map((step) => ({ step })),
      }),
    );
    sim.runAll();
    const { start = 0, pages = 0 } = sim.machine.config.devices[0] ?? {};
    expect(pages).toBe(mibToPages(256));
    const run = { sim, records: sim.steps, violations: [] };
    const top = start + pages - 1;
    expect([framesOf(run)[1], framesOf(run, 'A', 'more')[0]]).toEqual([top - 1, top]);
  });
});

test('constants (§7, §1.2)', () => {
  const { copyChunkPages, granularity, reservedPages } = DEVICE_MODEL['mi250x-gcd'];
  expect({
    page: PAGE_SIZE_BYTES,
    structPage: STRUCT_PAGE_BYTES,
    section: PAGES_PER_SECTION,
    pin: GUP_PIN_COUNTING_BIAS,
    specialPurpose: EFI_MEMORY_SP,
    chunk: copyChunkPages,
    granularity,
    reserved: reservedPages * PAGE_SIZE_BYTES,
  }).toEqual({
    page: 4096,
    structPage: 64,
    section: 32_768,
    pin: 1024,
    specialPurpose: 0x40000,
    chunk: 512,
    granularity: 9,
    reserved: 8 * 2 ** 20,
  });
  // "its struct pages fill exactly 2 MiB", "64/4096 = 1.5625 % of every managed or registered byte"
  expect(PAGES_PER_SECTION * STRUCT_PAGE_BYTES).toBe(2 ** 21);
  expect(STRUCT_PAGE_BYTES / PAGE_SIZE_BYTES).toBe(0.015625);
});
