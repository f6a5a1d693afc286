// Tables of machine-and-drivers.md: how large the machines are and where their parts lie (§1.2 to §1.5, §7), and how long
// their bytes take at peak (§5.2, §5.3).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { backingPage } from '../core/kernel/drivers/test-hmm-dmirror.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { memremapPages } from '../core/kernel/mm/memremap.ts';
import { pageblockMigratetype, pagePgmap } from '../core/kernel/mm/page-ref.ts';
import { MIGRATE_MOVABLE, MIGRATE_UNMOVABLE } from '../core/uapi/config.ts';
import { DEFAULT_COSTS, DEFAULT_LINKS } from '../core/uapi/cost-model.ts';
import { DEVICE_MODEL } from '../core/uapi/device-model.ts';
import { ENOMEM } from '../core/uapi/errno.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { GIB_PAGES, mibToPages, PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';

const coherent = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, kind: 'coherent' as const }));
const simulate = (scenario: object) => {
  const sim = createSimulation(parseScenario({ devices: [], steps: [], ...scenario }));
  sim.runAll();
  return sim;
};

describe('sizes in pages of 4 KiB, in 64 KiB, 2 MiB and 128 MiB, and as struct pages (§1.2 to §1.5)', () => {
  const PAGE = 4096;
  /** bytes, 4 KiB, 64 KiB, 2 MiB, sections, bytes of struct pages. */
  const row = (pages: number): number[] => [
    pages * PAGE,
    pages,
    pages / 16,
    pages / PAGEBLOCK_NR_PAGES,
    pages / PAGES_PER_SECTION,
    pages * 64,
  ];
  const MIB = 2 ** 20;
  const GIB = 2 ** 30;
  test.each<['lab-node' | 'frontier', number, number[][]]>([
    [
      'lab-node',
      4,
      [
        [549_755_813_888, 134_217_728, 8_388_608, 262_144, 4096, 8 * GIB],
        [68_719_476_736, 16_777_216, 1_048_576, 32_768, 512, GIB],
        [274_877_906_944, 67_108_864, 4_194_304, 131_072, 2048, 4 * GIB],
        [824_633_720_832, 201_326_592, 12_582_912, 393_216, 6144, 12 * GIB],
      ],
    ],
    [
      'frontier',
      8,
      [
        [549_755_813_888, 134_217_728, 8_388_608, 262_144, 4096, 8 * GIB],
        [68_719_476_736, 16_777_216, 1_048_576, 32_768, 512, GIB],
        [549_755_813_888, 134_217_728, 8_388_608, 262_144, 4096, 8 * GIB],
        [1_099_511_627_776, 268_435_456, 16_777_216, 524_288, 8192, 16 * GIB],
      ],
    ],
  ])('%s with %i GPUs', (preset, count, table) => {
    const { ranges, devices } = machinePreset(preset, coherent(count));
    const system = ranges
      .filter(({ kind }) => kind === 'ram')
      .reduce((pages, { start, end }) => pages + end - start, 0);
    const [first] = devices;
    const vram = devices.reduce((sum, { pages }) => sum + pages, 0);
    expect([system, first?.pages ?? 0, vram, system + vram].map(row)).toEqual(table);
  });

  test.each<['teaching' | 'guest', number[][]]>([
    [
      'teaching',
      [
        [16_777_216, 4096, 256, 8, 0.125, 256 * 1024],
        [33_554_432, 8192, 512, 16, 0.25, 512 * 1024],
      ],
    ],
    [
      'guest',
      [
        [268_435_456, 65_536, 4096, 128, 2, 4 * MIB],
        [536_870_912, 131_072, 8192, 256, 4, 8 * MIB],
      ],
    ],
  ])('%s: each device, and both', (preset, table) => {
    const { devices } = machinePreset(preset, coherent(2));
    const pages = devices.map((device) => device.pages);
    expect([pages[0] ?? 0, (pages[0] ?? 0) + (pages[1] ?? 0)].map(row)).toEqual(table);
  });

  test('teaching machine: 64 MiB of RAM in 32 pageblocks, with the devices 48; Normal below Movable, CMA in between (§1.5)', () => {
    const { ranges } = machinePreset('teaching', coherent(2));
    expect(ranges.reduce((sum, { start, end }) => sum + end - start, 0) / PAGEBLOCK_NR_PAGES).toBe(48);
    const system = ranges.filter(({ kind }) => kind === 'ram');
    expect(system.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(mibToPages(64));
    expect(system.map(({ zone, cma = false }) => [zone, cma])).toEqual([
      ['Normal', false],
      ['Normal', false],
      ['Normal', true],
      ['Movable', false],
    ]);
    expect(system[0]?.start).toBe(4 * GIB_PAGES);
  });

  test('"Several pagemaps may share one section": two pagemaps in one section of the teaching machine', () => {
    const { machine: m } = simulate({ machine: 'teaching', gpu: {}, devices: coherent(2) });
    const sections = m.pgmaps.values().map(({ start }) => Math.floor(start / PAGES_PER_SECTION));
    expect(sections).toHaveLength(2);
    expect(new Set(sections).size).toBe(1);
  });
});

describe('the lab node (§1.3, §7)', () => {
  test('zones: DMA 4,096, DMA32 520,192, Normal 133,693,440; Device spans 67,108,864 and has nothing present', () => {
    const { machine: m } = simulate({ machine: 'lab-node', gpu: {}, devices: coherent(4) });
    const zones = zoneInfo(m);
    const present = (name: string): number =>
      zones.filter((zone) => zone.name === name).reduce((sum, zone) => sum + zone.present, 0);
    expect(['DMA', 'DMA32', 'Normal', 'Movable', 'Device'].map(present)).toEqual([
      4096, 520_192, 133_693_440, 0, 0,
    ]);
    const spans = zones.filter(({ name }) => name === 'Device').map(({ spanned }) => spanned);
    expect(spans.reduce((sum, pages) => sum + pages, 0)).toBe(67_108_864);
  });

  test('presets: ram, hole, gpuBase, gpuStride, gpuSize, gpuNode', () => {
    const { ranges, devices } = machinePreset('lab-node', coherent(4));
    const edges = (kind: string): number[] => {
      const own = ranges.filter((range) => range.kind === kind);
      return [Math.min(...own.map(({ start }) => start)), Math.max(...own.map(({ end }) => end))];
    };
    expect(edges('ram').map((pfn) => pfn * 4096)).toEqual([0, 0x80_8000_0000]);
    expect(edges('mmio').map((pfn) => pfn * 4096)).toEqual([0x8000_0000, 0x1_0000_0000]);
    expect(devices.map(({ start, pages, node }) => [start * 4096, pages, node])).toEqual(
      [0, 1, 2, 3].map((i) => [0x100_0000_0000 + i * 0x10_0000_0000, 64 * GIB_PAGES, i]),
    );
  });
});

describe('the test driver’s memory (§1.5)', () => {
  const A = { proc: 'A', vma: 'buf' } as const;
  const write: Step[] = [
    { op: 'mmap', ...A, pages: 2, prot: 'rw', kind: 'anon-private' },
    { op: 'write', ...A, value: 7 },
    { op: 'migrate_to_dev', ...A, device: 0 },
  ];

  test('"minors 0 and 1 private, 2 and 3 coherent": minor 2 uses `spm_addr_dev1`, minor 3 `spm_addr_dev0`: the other way round', () => {
    const { devices } = machinePreset('guest');
    expect(devices.map(({ kind }) => kind).toSorted()).toEqual([
      'coherent',
      'coherent',
      'private',
      'private',
    ]);
    const [minor2, minor3] = devices.filter(({ kind }) => kind === 'coherent');
    expect((minor2?.start ?? 0) - (minor3?.start ?? 0)).toBe(mibToPages(256));
  });

  test('"A coherent test device has room for one chunk only": a second one "would … fail on the overlap check"', () => {
    const { machine: m } = simulate({ devices: coherent(1) });
    const [pgmap] = m.pgmaps.values();
    if (pgmap === undefined) throw new Error('nothing is registered');
    const { type, start, end, node, owner } = pgmap;
    expect(memremapPages(m, { type, start, end, node, owner, ops: { pageFree: () => undefined } })).toBe(
      -ENOMEM,
    );
  });

  test('"A private test device … stores the bytes in a hidden system page …; a coherent one stores them in the page itself"', () => {
    const held = (kind: 'coherent' | 'private') => {
      const sim = simulate({ devices: [{ id: 0, kind }], steps: write.map((step) => ({ step })) });
      const { machine: m } = sim;
      const [pgmap] = m.pgmaps.values();
      const first = (pgmap?.end ?? 0) - 1;
      const bytes = backingPage(m, first);
      const migratetype = pageblockMigratetype(m, bytes);
      return { inPage: m.pages.content.get(bytes), inSystem: pagePgmap(m, bytes) === undefined, migratetype };
    };
    // "allocated with GFP_HIGHUSER": not movable
    expect(held('private')).toEqual({ inPage: 7, inSystem: true, migratetype: MIGRATE_UNMOVABLE });
    expect(held('coherent')).toEqual({ inPage: 7, inSystem: false, migratetype: MIGRATE_MOVABLE });
  });
});

describe('transfer times at peak, without overheads (§5.2)', () => {
  const rates = [
    DEFAULT_LINKS['if.cpu_gpu'],
    DEFAULT_LINKS.pcie4x16,
    DEFAULT_LINKS['ddr.socket'],
    DEFAULT_LINKS.hbm,
  ];
  /** Seconds over 36 GB/s, 31.5 GB/s, 204.8 GB/s and 1.6 TB/s. */
  test.each<[string, number, number[]]>([
    ['a line of 64 bytes', 64, [1.8e-9, 2e-9, 0.31e-9, 0.04e-9]],
    ['4 KiB', 4096, [114e-9, 130e-9, 20e-9, 2.6e-9]],
    ['64 KiB', 2 ** 16, [1.82e-6, 2.08e-6, 320e-9, 41e-9]],
    ['2 MiB', 2 ** 21, [58.3e-6, 66.6e-6, 10.2e-6, 1.31e-6]],
    ['1 GiB', 2 ** 30, [29.8e-3, 34.1e-3, 5.24e-3, 0.67e-3]],
    ['64 GiB', 2 ** 36, [1.91, 2.18, 0.336, 42.9e-3]],
  ])('%s', (_, bytes, seconds) => {
    const derived = rates.map(({ value }) => bytes / value);
    derived.forEach((each, i) => expect(Math.abs(each / (seconds[i] ?? 0) - 1)).toBeLessThan(0.03));
  });

  test('in parallel: "4 links, 144 GB/s < DDR", 1.91 s; with 8 "link-bound 1.91 s, DDR-bound 2.68 s", 8 x 56 GiB "1.67 s vs 2.35 s"', () => {
    const { links } = DEFAULT_COSTS;
    const seconds = (gpus: number, gib: number): number[] => [
      (gib * 2 ** 30) / links['if.cpu_gpu'].value,
      (gpus * gib * 2 ** 30) / links['ddr.socket'].value,
    ];
    const rounded = (numbers: number[]): number[] => numbers.map((n) => Math.round(n * 100) / 100);
    expect(rounded(seconds(4, 64))).toEqual([1.91, 1.34]);
    expect(rounded(seconds(8, 64))).toEqual([1.91, 2.68]);
    expect(rounded(seconds(8, 56))).toEqual([1.67, 2.35]);
  });

  test('64 GiB are 16.8 million pages of CPU work, "25 s single-threaded vs 1.9 s of copy", in 32,768 chunks, 0.33 s (§5.3)', () => {
    const { vramPages, copyChunkPages } = DEVICE_MODEL['mi250x-gcd'];
    const { ops } = DEFAULT_COSTS;
    expect(vramPages).toBe(16_777_216);
    expect((vramPages * ops['migrate.page.cpu'].value) / 1e9).toBeCloseTo(25.2, 1);
    expect(vramPages / copyChunkPages).toBe(32_768);
    expect(((vramPages / copyChunkPages) * ops['sdma.chunk.setup'].value) / 1e9).toBeCloseTo(0.33, 2);
  });
});
