// Statements of machine-and-drivers.md on which the work of GPUs rests and that no other test of GPUs cites: the layouts of
// the machines (§1.3 to §1.5), what the allocator, the LRU and every subsystem do with pages in VRAM (§2.2 to §2.4), timers
// (§5.4), which memory is the default (§5.6), and who pins (§6.1 to §6.3).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { isZoneDevicePage, pageZone } from '../core/kernel/mm/page-ref.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { RSS_ANON } from '../core/machine/machine.ts';
import { WORLDS } from '../core/scenario/worlds.ts';
import { DEFAULT_OPS } from '../core/uapi/cost-model.ts';
import { vmstatIndex } from '../core/uapi/events.ts';
import { PG_lru } from '../core/uapi/page-flags.ts';
import { PINNERS, type Pinner } from '../core/uapi/pinners.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { entryKind } from '../core/uapi/pte.ts';
import { GIB_PAGES, mibToPages, PAGES_PER_SECTION, type Pfn } from '../core/uapi/units.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { type CheckedRun, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';

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

describe('who pins, and how (§6.1 to §6.3)', { timeout: 60_000 }, () => {
  const BIAS = 1024;
  /** As the tables of the reference have them: the call, the place of a page afterwards, what the reference count grows by. */
  const TABLE: readonly [Pinner, string, 'D' | 'S', number][] = [
    [PINNERS.rdma, 'pin_user_pages_fast', 'S', BIAS],
    [PINNERS.ioUring, 'pin_user_pages', 'S', BIAS],
    [PINNERS.vfio, 'pin_user_pages_remote', 'S', BIAS],
    [PINNERS.v4l2, 'pin_user_pages_fast', 'S', BIAS],
    [PINNERS.processVm, 'pin_user_pages_remote', 'D', BIAS],
    [PINNERS.oDirect, 'get_user_pages_fast', 'D', 1],
  ];
  const take = ({ call, flags }: Pinner): Step => ({ op: 'gup', ...A, call, flags: [...flags], as: 'held' });

  test('each subsystem of the scenes is in the tables', () => {
    expect(TABLE.map(([pinner]) => pinner).toSorted(byName)).toEqual(Object.values(PINNERS).toSorted(byName));
  });

  test.each(TABLE.map((row) => [row[0].name, ...row] as const))('%s', (_name, pinner, call, place, refs) => {
    const done = runChecked(gpuScenario([...inVram(2), take(pinner)]));
    expect(pinner.call).toBe(call);
    expect(places(done)).toBe(place.repeat(2));
    const { machine: m } = done.sim;
    // one for the mapping
    expect(frames(done).map((pfn) => m.pages.refcount.get(pfn))).toEqual([1 + refs, 1 + refs]);
    if (place === 'S')
      expect(frames(done).map((pfn) => pageZone(m, pfn)?.name)).toEqual(['Normal', 'Normal']);
    expect(done.violations).toEqual([]);
  });
});

const byName = (a: Pinner, b: Pinner): number => a.name.localeCompare(b.name);
