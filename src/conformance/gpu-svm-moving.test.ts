// Ranges move: to VRAM, home, from GPU to GPU, and by a touch of the CPU (machine-and-drivers.md §3.2, §3.4 to §3.7, §3.9,
// §4.3, §4.5, §7; scenes 8 and 10 of the catalogue),
// run with the invariants watching.

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { svmBoKref } from '../core/kernel/drivers/amdgpu-bo.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  deviceRow,
  KFD_PAGE_IN,
  KFD_PAGE_OUT,
  kfdCounterRow,
} from '../core/machine/scalars.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { GPU_SVM_SCENES } from '../scenarios/gpu-svm.ts';
import { type CheckedRun, decisionsOf, gpuScenario, resultTexts, runChecked } from './checked-run.ts';
import { map, attr, prefetch, access, places, ranges, last, firstRange, sizes } from './svm-fixture.ts';

describe('moving (§3.4 to §3.7)', { timeout: 60_000 }, () => {
  test('to VRAM: holes and the zero page become pages of VRAM; a pinned page stays and is not counted', () => {
    const run = runChecked(
      gpuScenario([
        { op: 'mmap', proc: 'A', vma: 'buf', pages: 6, prot: 'rw', kind: 'anon-private' },
        { op: 'read', proc: 'A', vma: 'buf', page: 1, count: 1 },
        { op: 'write', proc: 'A', vma: 'buf', page: 2, count: 4, value: 100 },
        {
          op: 'gup',
          proc: 'A',
          vma: 'buf',
          page: 3,
          count: 1,
          call: 'pin_user_pages',
          flags: ['FOLL_WRITE'],
          as: 'h',
        },
        prefetch(0),
        { op: 'read', proc: 'A', vma: 'buf' },
      ]),
    );
    expect(places(run)).toBe('111011');
    expect(last(run).result.values).toEqual([0, 0, 102, 103, 104, 105]);
    expect(firstRange(run)?.actualLoc).toBe(1);
    expect(run.violations).toEqual([]);
  });

  test('the pages of a range lie one after the other in its buffer object', () => {
    const run = runChecked(gpuScenario([...map(8), prefetch(1)]));
    const { machine: m } = run.sim;
    const mm = m.mms.get(1);
    const start = mm.areas[0]?.start ?? 0;
    const first = mappedFrame(m, mm, start);
    expect(Array.from({ length: 8 }, (_, i) => mappedFrame(m, mm, start + i) - first)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  test('to system memory: never movable or CMA memory, so a later long-term pin moves nothing (§2.1, X10)', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        prefetch(0),
        prefetch('system'),
        {
          op: 'gup',
          proc: 'A',
          vma: 'buf',
          call: 'pin_user_pages_fast',
          flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
          as: 'h',
        },
      ]),
    );
    expect(decisionsOf(run, last(run), 'longterm.pin-becomes-reference')).toEqual([]);
    const { machine: m } = run.sim;
    for (const pfn of m.handles.values()[0]?.pages ?? []) {
      expect(m.rangeOf(pfn)).toMatchObject({ zone: 'Normal' });
      expect(m.rangeOf(pfn)?.cma).toBeFalsy();
    }
    expect(run.violations).toEqual([]);
  });

  test('from GPU to GPU through system memory, with two copies of each page', () => {
    const run = runChecked(gpuScenario([...map(4), prefetch(0), prefetch(1)]));
    expect(decisionsOf(run, last(run), 'copy.page')).toHaveLength(8);
    expect(places(run)).toBe('2222');
    const { scalars } = run.sim.machine;
    expect([KFD_PAGE_IN, KFD_PAGE_OUT].map((counter) => scalars.get(kfdCounterRow(1, 1, counter)))).toEqual([
      4, 4,
    ]);
    expect(run.violations).toEqual([]);
  });

  test('from hive to hive the same way; a GPU outside of the hive gets no entries of VRAM (§3.7, §3.10)', () => {
    const run = runChecked(gpuScenario([...map(4), prefetch(0), prefetch(1)], { gpu: { hives: [1, 2] } }));
    const { machine: m } = run.sim;
    expect(m.pgmaps.values().map(({ owner }) => owner)).toEqual([1001, 1002]);
    expect(decisionsOf(run, last(run), 'copy.page')).toHaveLength(8);
    expect(places(run)).toBe('2222');
    // mapped on its owner only
    expect(m.dmirrors.values().map(({ pt }) => m.journal.mapById(pt).size)).toEqual([0, 4]);
    expect(run.violations).toEqual([]);
  });

  test('a prefetch to a GPU goes to system memory if another hive is to reach the range (§3.10)', () => {
    const steps = [...map(4), attr([access(1, 'ACCESS_IN_PLACE')]), prefetch(0)];
    const at = (hives: number[]): string => places(runChecked(gpuScenario(steps, { gpu: { hives } })));
    expect([at([1, 1]), at([1, 2])]).toEqual(['1111', '0000']);
    // with XNACK off all that may reach it have to
    const both = [...map(4), attr([access(1)]), prefetch(0)];
    const reached = (xnack: boolean): string =>
      places(runChecked(gpuScenario(both, { gpu: { hives: [1, 2], xnack } })));
    expect([reached(true), reached(false)]).toEqual(['1111', '0000']);
  });

  test('a page with one plain reference is copied and left behind in three attempts: -EDEADLK (§3.6, §3.7, §5.4)', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        prefetch(0),
        { op: 'gup', proc: 'A', vma: 'buf', page: 1, count: 1, call: 'get_user_pages', flags: [], as: 'h' },
        prefetch(1),
      ]),
    );
    expect(resultTexts(run.records).at(-1)).toBe('EDEADLK');
    expect(decisionsOf(run, last(run), 'svm.pages-left')).toHaveLength(3);
    expect(places(run)).toBe('0100');
    expect(run.violations).toEqual([]);
  });

  test('a long-term pin takes one page out of a range, and the range still counts as being in VRAM (§4.5, X11)', () => {
    const scene = GPU_SVM_SCENES.find(({ name }) => name === 'svm-sticky')?.scenario;
    // the pin, its end, and the same prefetch once more
    const run = runChecked({ ...structuredClone(scene), steps: scene?.steps.slice(0, 6) });
    expect(decisionsOf(run, last(run), 'svm.')).toEqual(['svm.already-there']);
    expect(places(run)).toBe('1101');
    expect(firstRange(run)?.actualLoc).toBe(1);
    expect(run.violations).toEqual([]);
  });
});

describe('the CPU (§3.9)', { timeout: 60_000 }, () => {
  test('reads and writes coherent VRAM without a fault and moves nothing', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        prefetch(0),
        { op: 'write', proc: 'A', vma: 'buf', value: 900 },
        { op: 'read', proc: 'A', vma: 'buf' },
      ]),
    );
    expect(run.records.slice(3).map(({ vmstat }) => vmstat['pgfault'] ?? 0)).toEqual([0, 0]);
    expect(places(run)).toBe('1111');
    expect(run.violations).toEqual([]);
  });

  test('takes the 2 MiB around a private page home, and the range is cut', () => {
    const run = runChecked(
      gpuScenario(
        [
          ...map(2048),
          attr([{ type: 'GRANULARITY', value: 5 }]),
          prefetch(0, { count: 64 }),
          { op: 'read', proc: 'A', vma: 'buf', page: 33, count: 1 },
        ],
        { kind: 'private', devices: 1 },
      ),
    );
    expect(last(run).result.values).toEqual([133]);
    expect(
      ranges(run)
        .slice(0, 2)
        .map(({ start, last: end, actualLoc }) => [end - start + 1, actualLoc]),
    ).toEqual([
      [32, 1],
      [32, 0],
    ]);
    expect(run.violations).toEqual([]);
  });
});

test('two processors that fault on one private page at once both get it (do_swap_page takes a reference for each)', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const done = runChecked(
      gpuScenario(
        [
          ...map(6),
          prefetch(0),
          {
            op: 'concurrent',
            proc: 'A',
            seed,
            steps: [
              {
                op: 'svm_attr',
                proc: 'A',
                vma: 'buf',
                page: 0,
                count: 2,
                attrs: [{ type: 'PREFETCH_LOC', loc: 'system' }],
              },
              { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 5 },
              { op: 'write', proc: 'A', vma: 'buf', page: 4, count: 2, value: 200 },
            ],
          },
        ],
        { kind: 'private' },
      ),
    );
    expect(last(done).result.results?.map(({ ret }) => ret)).toEqual([0, 5, 2]);
    expect(done.violations).toEqual([]);
  }
});

/** A reference of get_user_pages, or a pin, on one page. */
const hold = (page: number, as: string, flags: 'pin' | 'get' = 'get', vma = 'buf'): Step =>
  flags === 'pin'
    ? { op: 'gup', proc: 'A', vma, page, count: 1, call: 'pin_user_pages', flags: ['FOLL_WRITE'], as }
    : { op: 'gup', proc: 'A', vma, page, count: 1, call: 'get_user_pages', flags: [], as };

describe('RAM to VRAM in detail (§3.4)', { timeout: 60_000 }, () => {
  test('"create a BO of the whole range size", zeroed: slots without a page are free again afterwards', () => {
    const run = runChecked(gpuScenario([...map(4), hold(1, 'h', 'pin'), prefetch(0)]));
    const { machine: m } = run.sim;
    expect(m.ttmBos.values().map(({ kind, npages, discardable }) => [kind, npages, discardable])).toEqual([
      ['svm', 4, true],
    ]);
    expect(places(run)).toBe('1011');
    // three pages in use and the range: the fourth slot was prepared, and given back at finalize
    expect(svmBoKref(m, 1)).toBe(1 + 3);
    expect([DEVICE_CALLOC, DEVICE_CFREE].map((count) => m.scalars.get(deviceRow(1, count)))).toEqual([4, 1]);
  });

  test('"none → free the BO": where nothing can be collected the range stays in RAM, and the call says 0', () => {
    const run = runChecked(gpuScenario([...map(2), hold(0, 'h', 'pin'), hold(1, 'i', 'pin'), prefetch(0)]));
    expect([places(run), resultTexts(run.records).at(-1), firstRange(run)?.actualLoc]).toEqual([
      '00',
      '0',
      0,
    ]);
    expect(run.sim.machine.ttmBos.values()).toEqual([]);
  });

  test('"file-backed pages are collected but refused at the metadata stage": they stay, and the range counts as moved', () => {
    const run = runChecked(
      gpuScenario([
        { op: 'mmap', proc: 'A', vma: 'buf', pages: 2, prot: 'rw', kind: 'file-private' },
        { op: 'read', proc: 'A', vma: 'buf' },
        prefetch(0),
      ]),
    );
    expect([places(run), firstRange(run)?.actualLoc]).toEqual(['00', 1]);
    // that stage comes behind the copy (§3.6)
    expect(run.sim.callTotals(last(run)).get('svm_migrate_copy_memory_gart')).toBe(1);
    expect(run.violations).toEqual([]);
  });

  test('"chunks of ≤ 512 pages (2 MiB)", one copy each', () => {
    const run = runChecked(gpuScenario([...map(1024), prefetch(0)], { machine: 'lab-node', devices: 1 }));
    // the area may lie over a border of two ranges, each of which is a copy of its own
    const moved = ranges(run).map(({ start, last: end }) => Math.ceil((end - start + 1) / 512));
    const totals = run.sim.callTotals(last(run));
    expect(totals.get('svm_migrate_copy_memory_gart')).toBe(moved.reduce((sum, n) => sum + n, 0));
    expect(places(run)).toBe('1'.repeat(1024));
  });

  test('"source and destination stay locked with migration entries until finalize": a reader waits in between', () => {
    const read: Step = { op: 'read', proc: 'A', vma: 'buf', page: 1, count: 1 };
    const slept = [1, 2, 3, 4, 5, 6, 7, 8].filter((seed) => {
      const both: Step = {
        op: 'concurrent',
        proc: 'A',
        seed,
        steps: [prefetch(0) as SimpleStep, read as SimpleStep],
      };
      const run = runChecked(gpuScenario([...map(2), both]));
      expect(last(run).result.results?.[1]).toMatchObject({ ret: 1, values: [101] });
      return decisionsOf(run, last(run), 'sleep.migration-entry').length > 0;
    });
    expect(slept.length).toBeGreaterThan(0);
  });
});

describe('VRAM to RAM: which pages cannot move, and which of them are counted (§3.6)', {
  timeout: 60_000,
}, () => {
  /** In which stages before that of the metadata a page turned out not to move. */
  const stops = (run: CheckedRun): string[] =>
    decisionsOf(run, last(run), 'migrate.').flatMap((id) => {
      if (id === 'migrate.not-selected') return ['collect'];
      return id === 'migrate.check-page.extra-references' ? ['unmap'] : [];
    });

  test.each<[string, Step[], string, number, number]>([
    ['a pinned page: stops at collect, "entry 0", not counted', [hold(1, 'h', 'pin')], '0100', 0, 0],
    ['two more references: stops at unmap, not counted', [hold(1, 'h'), hold(1, 'i')], '0100', 0, 0],
    ['one more reference: stops at metadata, counted', [hold(1, 'h')], '0100', 1, 1],
  ])('%s', (name, holds, where, actual, left) => {
    const run = runChecked(gpuScenario([...map(4), prefetch(0), ...holds, prefetch('system')]));
    expect([places(run), firstRange(run)?.actualLoc]).toEqual([where, actual]);
    expect(decisionsOf(run, last(run), 'svm.pages-left')).toHaveLength(left);
    expect(stops(run)).toEqual(['collect', 'unmap'].filter((stage) => name.includes(`stops at ${stage}`)));
    expect(run.violations).toEqual([]);
  });

  test.each<[string, Step[], string]>([
    ['a system page with one more reference: stops at unmap', [hold(1, 'h')], '1011'],
    ['a pinned system page: stops at collect', [hold(1, 'h', 'pin')], '1011'],
  ])('to VRAM: %s', (name, holds, where) => {
    const run = runChecked(gpuScenario([...map(4), ...holds, prefetch(0)]));
    expect([places(run), firstRange(run)?.actualLoc]).toEqual([where, 1]);
    expect(stops(run)).toEqual([name.split(' ').at(-1)]);
    expect(run.violations).toEqual([]);
  });
});

test('§3.9: a touch of a child’s brings the shared private pages home for both', () => {
  const run = runChecked(
    gpuScenario(
      [
        ...map(4),
        prefetch(0),
        { op: 'fork', proc: 'A', child: 'B' },
        { op: 'read', proc: 'B', vma: 'buf', page: 0, count: 1 },
      ],
      { kind: 'private' },
    ),
  );
  expect(last(run).result.values).toEqual([100]);
  expect([places(run), places(run, 'B')]).toEqual(['0000', '0000']);
  expect(run.violations).toEqual([]);
});

describe('no memory for the way home (§2.2, §3.5)', { timeout: 60_000 }, () => {
  test('a victim in its own move: "whole vma chunk fails with −ENOMEM, no page of the chunk moves"', () => {
    const boot = runChecked(gpuScenario([], { devices: 1 })).sim.machine;
    const free = zoneInfo(boot).reduce((sum, zone) => sum + zone.free, 0);
    const LEFT = 1600;
    const others = Array.from({ length: 4 }, (_, i): Step[] => [
      { op: 'fork', proc: 'B', child: `C${i}` },
      ...map(Math.floor((free - LEFT) / 4), 'mine', `C${i}`),
    ]);
    const run = runChecked(
      gpuScenario(
        [
          ...map(3900),
          prefetch(0),
          { op: 'fork', proc: 'A', child: 'B' },
          { op: 'munmap', proc: 'B', vma: 'buf' },
          ...others.flat(),
          // A is the largest, and all that it has is in VRAM: its end frees nothing for its own move
          prefetch('system'),
        ],
        { devices: 1 },
      ),
    );
    const { machine: m } = run.sim;
    expect(resultTexts(run.records).at(-1)).toBe('SIGKILL');
    expect(
      m.mms
        .values()
        .filter(({ alive }) => !alive)
        .map(({ name }) => name),
    ).toEqual(['A']);
    const moved = decisionsOf(run, last(run), 'migrate.moved').length;
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(3900);
    // whole ranges, each of which is one chunk
    run.sim.seek(last(run).begin);
    const sums = sizes(run)
      .toReversed()
      .map((_, i, all) => all.slice(0, i + 1).reduce((sum, n) => sum + n, 0));
    expect(sums).toContain(moved);
    expect(decisionsOf(run, last(run), 'copy.page').length).toBeGreaterThanOrEqual(moved);
    expect(run.violations).toEqual([]);
  });
});
