// Statements of machine-and-drivers.md about memory on which the work of GPUs rests and that no other test cites: the
// registration of the types (§1.1), what lies where (§1.3), which zone serves whom (§2.1), and what a page in VRAM is to
// the rest of mm (§2.2, §2.4, §3.5, §4.4; X5).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation, type Step } from '../core/index.ts';
import { HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE, hmmPfnToPage, hmmRangeFault } from '../core/kernel/mm/hmm.ts';
import { memoryFailureDevPagemap } from '../core/kernel/mm/memory-failure.ts';
import { folioIsLongtermPinnable } from '../core/kernel/mm/normal-page.ts';
import { pageblockMigratetype, pageZone } from '../core/kernel/mm/page-ref.ts';
import { pmdOffset } from '../core/kernel/mm/page-table.ts';
import type { Machine } from '../core/machine/machine.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE, MIGRATE_MOVABLE, MIGRATE_UNMOVABLE } from '../core/uapi/config.ts';
import { EBUSY } from '../core/uapi/errno.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { PAGEBLOCK_NR_PAGES, type Pfn, PTRS_PER_TABLE } from '../core/uapi/units.ts';
import { decisionsOf, framesOf, gpuScenario, runChecked } from './checked-run.ts';
import { access, attr, last, map, places, prefetch } from './svm-fixture.ts';

const A = { proc: 'A', vma: 'buf' } as const;
const run = (scenario: object): Simulation => {
  const sim = createSimulation(parseScenario({ machine: 'teaching', ...scenario }));
  sim.runAll();
  return sim;
};

describe('registration (§1.1)', { timeout: 60_000 }, () => {
  test('"refcount after init": 0, 0 and 1; "all registered pageblocks get migratetype MOVABLE"', () => {
    const { machine: m } = run({
      devices: [
        { id: 0, kind: 'private' },
        { id: 1, kind: 'coherent' },
        { id: 2, kind: 'devdax' },
      ],
      steps: [],
    });
    const found = m.pgmaps
      .values()
      .map(({ type, start, end }) => [
        type,
        ...[start, end - 1].flatMap((pfn) => [m.pages.refcount.get(pfn), pageblockMigratetype(m, pfn)]),
      ]);
    expect(found).toHaveLength(3);
    expect(found).toEqual(
      expect.arrayContaining([
        ['MEMORY_DEVICE_COHERENT', 0, MIGRATE_MOVABLE, 0, MIGRATE_MOVABLE],
        ['MEMORY_DEVICE_GENERIC', 1, MIGRATE_MOVABLE, 1, MIGRATE_MOVABLE],
        ['MEMORY_DEVICE_PRIVATE', 0, MIGRATE_MOVABLE, 0, MIGRATE_MOVABLE],
      ]),
    );
  });

  test('"kernel direct map": coherent has one, private has none, and neither CPU entry is like the other', () => {
    const entries = (['coherent', 'private'] as const).map((kind) => {
      const done = runChecked(gpuScenario([...map(1), prefetch(0)], { kind, devices: 1 }));
      return places(done);
    });
    // mappedFrame follows present entries only
    expect(entries).toEqual(['1', '.']);
  });
});

describe('the lab and Frontier nodes (§1.3, §1.4)', () => {
  test('nothing lies in the HyperTransport hole, 0xFD_0000_0000 to 0xFF_FFFF_FFFF', () => {
    for (const preset of ['lab-node', 'frontier'] as const) {
      const { ranges, devices } = machinePreset(preset);
      const held = [...ranges, ...devices.map(({ start, pages }) => ({ start, end: start + pages }))];
      const hole = { start: 0xfd_0000_0000 / 4096, end: 0x100_0000_0000 / 4096 };
      expect(held.filter(({ start, end }) => start < hole.end && end > hole.start)).toEqual([]);
      expect(devices.map(({ start }) => start)[0]).toBe(hole.end);
    }
  });
});

describe('which zone an allocation asks for (§2.1)', { timeout: 60_000 }, () => {
  const pin: Step = {
    op: 'gup',
    ...A,
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
    as: 'h',
  };
  const area: Step = { op: 'mmap', ...A, pages: 2, prot: 'rw', kind: 'anon-private' };
  const write: Step = { op: 'write', ...A, value: 1 };
  const toDevice: Step = { op: 'migrate_to_dev', ...A, device: 0 };
  test.each<[string, Step[], string]>([
    ['new anonymous page: Movable', [area, write], 'Movable'],
    ['COW copy: Movable', [area, write, { op: 'fork', proc: 'A', child: 'B' }, write], 'Movable'],
    ['the same "while the task is inside a long-term GUP": Normal', [area, pin], 'Normal'],
    ['target of long-term-pin migration of an LRU page: Normal', [area, write, pin], 'Normal'],
    ['target of long-term-pin migration of a D page: Normal', [area, write, toDevice, pin], 'Normal'],
    [
      'test driver, device to RAM: Movable',
      [area, write, toDevice, { op: 'migrate_to_sys', ...A, device: 0 }],
      'Movable',
    ],
    [
      'test driver, chunk removal: Movable',
      [area, write, toDevice, { op: 'dev_evict', proc: 'A', device: 0 }],
      'Movable',
    ],
    ['mbind: Movable', [area, write, { op: 'mbind', ...A, node: 0 }], 'Movable'],
    [
      'THP: Movable',
      [{ ...area, pages: 512, align: '2M' } as Step, { op: 'madvise', ...A, advice: 'HUGEPAGE' }, write],
      'Movable',
    ],
  ])('%s', (_, steps, zone) => {
    const sim = run({ devices: [{ id: 0, kind: 'coherent' }], steps: steps.map((step) => ({ step })) });
    const done = { sim, records: sim.steps, violations: [] };
    const { machine: m } = sim;
    expect(new Set(framesOf(done).map((pfn) => pageZone(m, pfn)?.name))).toEqual(new Set([zone]));
    // "page tables, kernel objects: GFP_KERNEL", Normal and UNMOVABLE, inside a long-term GUP and outside
    const pmdRow = pmdOffset(m, m.mms.get(1), m.mms.get(1).areas[0]?.start ?? 0);
    const table = Math.floor(pmdRow / PTRS_PER_TABLE);
    expect([pageZone(m, table)?.name, pageblockMigratetype(m, table)]).toEqual(['Normal', MIGRATE_UNMOVABLE]);
  });

  test('driver, VRAM to RAM: "GFP_HIGHUSER", Normal', () => {
    const done = runChecked(gpuScenario([...map(2), prefetch(0), prefetch('system')]));
    expect(framesOf(done).map((pfn) => pageZone(done.sim.machine, pfn)?.name)).toEqual(['Normal', 'Normal']);
  });
});

describe('what subsystems do with a page in VRAM (§2.4)', { timeout: 60_000 }, () => {
  const inVram = (pages: number): Step[] => [...map(pages), prefetch(0)];

  test('HMM: "a present PTE: reported valid without calling any driver", whoever asks', () => {
    const done = runChecked(gpuScenario(inVram(2), { devices: 1 }));
    const { machine: m } = done.sim;
    const frames = framesOf(done);
    const start = m.vmas.values()[0]?.vmStart ?? 0;
    const hmmPfns = [0, 0];
    const asked = { mm: 1, subscription: 0, notifierSeq: 0, start, end: start + 2, devPrivateOwner: 999 };
    const walk = hmmRangeFault(m, start, start + 2, {
      ...asked,
      hmmPfns,
      defaultFlags: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
    });
    expect(walk.next()).toEqual({ done: true, value: 0 });
    expect(hmmPfns.map(hmmPfnToPage)).toEqual(frames);
    expect(framesOf(done)).toEqual(frames);
  });

  test('THP: "the huge page is split first; D pages are always order 0"', () => {
    const done = runChecked(
      gpuScenario(
        [
          { op: 'mmap', ...A, pages: 512, prot: 'rw', kind: 'anon-private', align: '2M' },
          { op: 'madvise', ...A, advice: 'HUGEPAGE' },
          { op: 'write', ...A, value: 1 },
          attr([access(0)]),
          prefetch(0),
        ],
        { devices: 1 },
      ),
    );
    expect(places(done)).toBe('1'.repeat(512));
    expect(decisionsOf(done, last(done), 'thp.').length).toBeGreaterThan(0);
    expect(done.violations).toEqual([]);
  });

  test('exit: "last put → driver page_free"; the address is taken again by the next one', () => {
    const done = runChecked(
      gpuScenario([...inVram(2), { op: 'fork', proc: 'A', child: 'B' }, { op: 'exit', proc: 'A' }], {
        devices: 1,
      }),
    );
    const { machine: m } = done.sim;
    // the child still has them; they are not free before it has gone
    expect(places(done, 'B')).toBe('11');
    done.sim.runStep({ op: 'exit', proc: 'B' });
    const [pgmap] = m.pgmaps.values();
    expect(m.pages.refcount.get((pgmap?.end ?? 0) - 1)).toBe(0);
    expect(m.ttmBos.values()).toEqual([]);
  });

  test('memory failure: the source refuses anonymous memory of a device before it looks at the type: -EBUSY, where the table has -ENXIO', () => {
    const done = runChecked(gpuScenario(inVram(1), { devices: 1 }));
    expect(memoryFailureDevPagemap(done.sim.machine, framesOf(done)[0] ?? -1)).toEqual({
      ret: -EBUSY,
      killed: [],
    });
  });
});

describe('is_longterm_pinnable_page, "check order in v6.1.192" (§4.4)', () => {
  const frames = (m: Machine): Record<string, Pfn> => {
    const first = (zone: string, cma: boolean): Pfn =>
      m.config.ranges.find(
        (range) => range.zone === zone && (range.cma ?? false) === cma && range.reserved === undefined,
      )?.start ?? -1;
    return {
      normal: first('Normal', false),
      movable: first('Movable', false),
      cma: first('Normal', true),
      device: m.pgmaps.values()[0]?.start ?? -1,
      zero: m.zeroPfn,
    };
  };
  const answers = (config: object = {}): Record<string, boolean> => {
    const { machine: m } = run({ devices: [{ id: 0, kind: 'coherent' }], config, steps: [] });
    return Object.fromEntries(
      Object.entries(frames(m)).map(([name, pfn]) => [name, folioIsLongtermPinnable(m, pfn)]),
    );
  };

  test('CMA: no; zero page: yes; D: no; else "not in ZONE_MOVABLE"', () => {
    expect(answers()).toEqual({ normal: true, movable: false, cma: false, device: false, zero: true });
  });

  test('"CMA or ISOLATE pageblock → false" comes first: the zero page is refused, too, where it lies in one (scene 29)', () => {
    const { machine: m } = run({ devices: [], steps: [] });
    const answersIn = (migratetype: number): boolean => {
      m.pageblocks.set(Math.floor(m.zeroPfn / PAGEBLOCK_NR_PAGES), migratetype + 1);
      return folioIsLongtermPinnable(m, m.zeroPfn);
    };
    expect([MIGRATE_CMA, MIGRATE_ISOLATE, MIGRATE_MOVABLE].map(answersIn)).toEqual([false, false, true]);
  });

  test('"Without CONFIG_MIGRATION: always true"', () => {
    expect(answers({ CONFIG_MIGRATION: false })).toEqual({
      normal: true,
      movable: true,
      cma: true,
      device: true,
      zero: true,
    });
  });
});
