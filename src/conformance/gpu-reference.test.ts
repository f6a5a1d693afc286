// Statements of machine-and-drivers.md on which the work of GPUs rests and that no other test of GPUs cites: the layouts of
// the machines (§1.3 to §1.5), what the allocator, the LRU and every subsystem do with pages in VRAM (§2.1 to §2.4), timers
// (§5.4), which memory is the default (§5.6), and constants (§7).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { isZoneDevicePage, pagePgmap, pageZone } from '../core/kernel/mm/page-ref.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { RSS_ANON } from '../core/machine/machine.ts';
import { WORLDS } from '../core/scenario/worlds.ts';
import { DEFAULT_OPS } from '../core/uapi/cost-model.ts';
import { vmstatIndex } from '../core/uapi/events.ts';
import { PG_lru } from '../core/uapi/page-flags.ts';
import { DEVICE_MODEL } from '../core/uapi/device-model.ts';
import { GUP_PIN_COUNTING_BIAS } from '../core/uapi/gup-flags.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { nodeDistance } from '../core/uapi/topology.ts';
import { EFI_MEMORY_SP } from '../core/kernel/mm/e820.ts';
import { entryKind } from '../core/uapi/pte.ts';
import { GIB_PAGES, mibToPages, PAGE_SIZE_BYTES, PAGES_PER_SECTION, type Pfn } from '../core/uapi/units.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { type CheckedRun, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';

/** sizeof(struct page) on x86-64. */
const STRUCT_PAGE_BYTES = 64;
const A = { proc: 'A', vma: 'buf' } as const;
const area = (pages: number, proc = 'A', vma = 'buf'): Step => ({
  op: 'mmap',
  proc,
  vma,
  pages,
  prot: 'rw',
  kind: 'anon-private',
});
const prefetch: Step = { op: 'svm_attr', ...A, attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] };
const inVram = (pages: number): Step[] => [area(pages), { op: 'write', ...A, value: 100 }, prefetch];

const frames = ({ sim: { machine: m } }: CheckedRun, proc = 'A', vma = 'buf'): Pfn[] => {
  const mm = m.mms.values().find(({ name }) => name === proc);
  const found = mm?.areas.find(({ name }) => name === vma);
  if (mm === undefined || found === undefined) return [];
  return Array.from({ length: found.npages }, (_, i) => mappedFrame(m, mm, found.start + i));
};
/** `D` device, `S` system, `.` no page. */
const places = (run: CheckedRun, proc = 'A'): string =>
  frames(run, proc)
    .map((pfn) => (pfn < 0 ? '.' : isZoneDevicePage(run.sim.machine, pfn) ? 'D' : 'S'))
    .join('');
const count = ({ sim }: CheckedRun, counter: Parameters<typeof vmstatIndex>[0]): number =>
  sim.machine.vmstat.get(vmstatIndex(counter));

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
          area(1, 'A', 'more'),
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
    expect([frames(run)[1], frames(run, 'A', 'more')[0]]).toEqual([top - 1, top]);
  });
});

describe('which zone a page is asked for (§2.1)', { timeout: 60_000 }, () => {
  test('a long-term pin takes a D page to "the caller’s policy/CPU node, not the GPU’s node"', () => {
    const devices = [0, 1, 2, 3].map((id) => ({ id, kind: 'coherent' as const }));
    const scenario = parseScenario({
      machine: 'lab-node',
      gpu: {},
      devices,
      steps: [
        area(2),
        { op: 'write', ...A, value: 100 } as Step,
        { op: 'svm_attr', ...A, attrs: [{ type: 'PREFETCH_LOC', loc: 3 }] } as Step,
        {
          op: 'gup',
          ...A,
          call: 'pin_user_pages_fast',
          flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
          as: 'h',
        } as Step,
      ].map((step) => ({ step })),
    });
    const done = runChecked(scenario);
    const { machine: m } = done.sim;
    expect(m.pgmaps.values()[3]?.node).toBe(3);
    done.sim.seek(stepOf(done, 2).end);
    expect(frames(done).map((pfn) => pagePgmap(m, pfn)?.node)).toEqual([3, 3]);
    done.sim.seek(done.sim.length);
    expect(frames(done).map((pfn) => [m.rangeOf(pfn)?.node, pageZone(m, pfn)?.name])).toEqual([
      [0, 'Normal'],
      [0, 'Normal'],
    ]);
    expect(done.violations).toEqual([]);
  });
});

describe('allocator and OOM killer (§2.2)', { timeout: 60_000 }, () => {
  test('pages in VRAM count in the RSS of a victim, and its death frees them for the driver, not for others (X4)', () => {
    const { machine: boot } = runChecked(gpuScenario([], { devices: 1 })).sim;
    const free = zoneInfo(boot).reduce((sum, zone) => sum + zone.free, 0);
    const done = runChecked(
      gpuScenario(
        [
          ...inVram(3900),
          { op: 'fork', proc: 'A', child: 'B' },
          { op: 'munmap', proc: 'B', vma: 'buf' },
          // less than A has, and more than the machine
          ...[0, 1, 2, 3].flatMap((i): Step[] => [
            { op: 'fork', proc: 'B', child: `C${i}` },
            area(3800, `C${i}`, 'mine'),
            { op: 'write', proc: `C${i}`, vma: 'mine', value: 1 },
          ]),
        ],
        { devices: 1 },
      ),
    );
    const { machine: m } = done.sim;
    expect(3 * 3800).toBeLessThan(free);
    expect(
      m.mms
        .values()
        .filter(({ alive }) => !alive)
        .map(({ name }) => name)[0],
    ).toBe('A');
    // it had nothing in system memory, so others had to die, too
    expect(count(done, 'oom_kill')).toBe(2);
    expect(
      m.pgmaps
        .values()
        .flatMap(({ start, end }) => [m.pages.refcount.get(start), m.pages.refcount.get(end - 1)]),
    ).toEqual([0, 0]);
    expect(done.violations).toEqual([]);
  });
});

describe('LRU and reclaim (§2.3)', () => {
  test('a page in VRAM is on no list and is not paged out; once it was evicted it can be', () => {
    const scenario = gpuScenario(
      [
        ...inVram(4),
        { op: 'madvise', ...A, advice: 'PAGEOUT' },
        { op: 'fork', proc: 'A', child: 'B' },
        { op: 'munmap', proc: 'B', vma: 'buf' },
        { op: 'bo_alloc', proc: 'B', device: 0, bo: 'all', pages: 4096, kind: 'gem' },
        { op: 'madvise', ...A, advice: 'PAGEOUT' },
      ],
      { devices: 1, swap: 64 },
    );
    const done = runChecked(scenario);
    const { machine: m } = done.sim;
    const mm = m.mms.get(1);
    const kinds = [0, 1, 2, 3].map((i) =>
      entryKind(m.entries.get(walkPte(m, mm, (mm.areas[0]?.start ?? 0) + i))),
    );
    expect(kinds).toEqual(['swap', 'swap', 'swap', 'swap']);
    done.sim.seek(stepOf(done, 3).end);
    expect(places(done)).toBe('DDDD');
    for (const pfn of frames(done)) expect(m.pages.flags.get(pfn) & PG_lru).toBe(0);
    expect(done.violations).toEqual([]);
  });
});

describe('what subsystems do with a page in VRAM (§2.4)', { timeout: 60_000 }, () => {
  const advise = (advice: 'COLD' | 'PAGEOUT' | 'FREE' | 'DONTNEED' | 'MERGEABLE' | 'COLLAPSE'): Step => ({
    op: 'madvise',
    ...A,
    advice,
  });
  test.each<[string, Step[], string, string]>([
    ['a read by the CPU', [{ op: 'read', ...A }], 'DDDD', '4'],
    [
      'a write by the CPU, the page exclusive: reused in place',
      [{ op: 'write', ...A, value: 7 }],
      'DDDD',
      '4',
    ],
    [
      'mprotect to read-only and back',
      [
        { op: 'mprotect', ...A, prot: 'r' },
        { op: 'mprotect', ...A, prot: 'rw' },
      ],
      'DDDD',
      '0',
    ],
    [
      'NUMA hinting',
      [
        { op: 'numa_scan', ...A },
        { op: 'read', ...A },
      ],
      'DDDD',
      '4',
    ],
    ['mbind with MPOL_MF_MOVE', [{ op: 'mbind', ...A, node: 2 }], 'DDDD', '0'],
    ['move_pages', [{ op: 'move_pages', ...A, node: 2 }], 'DDDD', '0'],
    ['KSM', [{ op: 'write', ...A, value: 1 }, advise('MERGEABLE'), { op: 'ksm_scan', ...A }], 'DDDD', '0'],
    ['mlock', [{ op: 'mlock', ...A }], 'DDDD', '0'],
    ['MADV_COLD', [advise('COLD')], 'DDDD', '0'],
    ['MADV_PAGEOUT', [advise('PAGEOUT')], 'DDDD', '0'],
    ['MADV_FREE', [advise('FREE')], 'DDDD', '0'],
    ['MADV_DONTNEED', [advise('DONTNEED')], '....', '0'],
    ['MADV_COLLAPSE', [advise('COLLAPSE')], 'DDDD', 'EINVAL'],
  ])('%s', (_name, steps, expected, result) => {
    const done = runChecked(gpuScenario([...inVram(4), ...steps], { machine: 'lab-node', devices: 1 }));
    expect([places(done), resultTexts(done.records).at(-1)]).toEqual([expected, result]);
    expect(done.violations).toEqual([]);
  });

  test('move_pages says -ENOENT of each, moving or asking', () => {
    for (const node of [{ node: 2 }, {}]) {
      const done = runChecked(
        gpuScenario([...inVram(2), { op: 'move_pages', ...A, ...node }], { machine: 'lab-node', devices: 1 }),
      );
      expect(stepOf(done, -1).result.nodes).toEqual(['ENOENT', 'ENOENT']);
    }
  });

  test('fork shares it read-only; the next write makes a copy in system memory, and the other one keeps VRAM', () => {
    const fork: Step[] = [...inVram(4), { op: 'fork', proc: 'A', child: 'B' }];
    const shared = runChecked(gpuScenario(fork));
    expect([places(shared), places(shared, 'B')]).toEqual(['DDDD', 'DDDD']);
    expect(frames(shared, 'B')).toEqual(frames(shared));
    const written = runChecked(gpuScenario([...fork, { op: 'write', ...A, value: 9 }]));
    expect([places(written), places(written, 'B')]).toEqual(['SSSS', 'DDDD']);
    expect([...shared.violations, ...written.violations]).toEqual([]);
  });

  test('it counts in RssAnon; munmap gives it to the driver, and free system memory stays as it is', () => {
    const done = runChecked(gpuScenario([...inVram(4), { op: 'munmap', ...A }], { devices: 1 }));
    const { machine: m } = done.sim;
    const free = (): number => zoneInfo(m).reduce((sum, zone) => sum + zone.free, 0);
    const [before, after] = [stepOf(done, 2).end, stepOf(done, 3).end].map((position) => {
      done.sim.seek(position);
      return [m.rss.get(4 + RSS_ANON), m.ttmBos.values().length] as const;
    });
    expect([before, after]).toEqual([
      [4, 1],
      [0, 0],
    ]);
    done.sim.seek(stepOf(done, 2).end);
    const tables = free();
    done.sim.seek(stepOf(done, 3).end);
    // the page table of the area goes, too
    expect(free() - tables).toBeLessThan(4);
  });
});

describe('timers that are real (§5.4)', () => {
  test('1 ms until ranges and user pointers are mapped again, 100 ms until objects come back, 15 s for a fence', () => {
    expect(
      (['svm.restore.delay', 'kfd.restore.delay', 'ttm.wait'] as const).map((id) => DEFAULT_OPS[id]),
    ).toMatchObject([
      { value: 1e6, class: 'kernel' },
      { value: 1e8, class: 'kernel' },
      { value: 15e9, class: 'kernel' },
    ]);
  });
});

describe('deployed behaviour and this path (§5.6)', () => {
  test('coherent memory is the default, private memory stands beside it', () => {
    expect(WORLDS.slice(0, 2)).toEqual(['coherent', 'private']);
  });

  test('migrate on touch by the CPU is what private memory does; a coherent page stays', () => {
    const touch: Step = { op: 'read', ...A, page: 0, count: 1 };
    const results = (['coherent', 'private'] as const).map((kind) => {
      const done = runChecked(gpuScenario([...inVram(4), touch], { kind }));
      return places(done);
    });
    expect(results).toEqual(['DDDD', 'SSSS']);
  });

  test('with HSA_XNACK=0 a GPU’s access to plain memory is a fatal fault', () => {
    const done = runChecked(
      gpuScenario([area(1), { op: 'write', ...A, value: 1 }, { op: 'gpu_read', ...A, device: 0 }], {
        gpu: { xnack: false },
      }),
    );
    expect(resultTexts(done.records).at(-1)).toBe('EFAULT');
    expect(done.sim.machine.kfdProcesses.values()[0]?.dead).toBe(true);
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
