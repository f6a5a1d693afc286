// Ranges of shared virtual memory: what the reference says in machine-and-drivers.md §3, run with the invariants watching.

import { describe, expect, test } from 'vitest';
import type { Step, StepRecord } from '../core/index.ts';
import { allSvmRangesOf } from '../core/kernel/drivers/amdgpu-process.ts';
import type { SvmRange } from '../core/machine/gpu.ts';
import { KFD_MEM_LIMIT, KFD_PAGE_IN, KFD_PAGE_OUT, kfdCounterRow } from '../core/machine/scalars.ts';
import type { SvmAttribute } from '../core/uapi/scenario.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { pagePgmap } from '../core/kernel/mm/page-ref.ts';
import { type CheckedRun, decisionsOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';

const map = (pages: number, vma = 'buf', proc = 'A'): Step[] => [
  { op: 'mmap', proc, vma, pages, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc, vma, value: 100 },
];
const attr = (
  attrs: SvmAttribute[],
  extra: Partial<{ page: number; count: number; vma: string }> = {},
): Step => ({
  op: 'svm_attr',
  proc: 'A',
  vma: 'buf',
  ...extra,
  attrs,
});
const prefetch = (loc: number | 'system', extra = {}): Step => attr([{ type: 'PREFETCH_LOC', loc }], extra);
const access = (
  device: number,
  type: 'ACCESS' | 'ACCESS_IN_PLACE' | 'NO_ACCESS' = 'ACCESS',
): SvmAttribute => ({
  type,
  device,
});
const gpuWrite = (device: number, page = 0, count = 1): Step => ({
  op: 'gpu_write',
  proc: 'A',
  vma: 'buf',
  page,
  count,
  device,
  value: 500,
});

/** `0` system memory, `1` GPU 0, `2` GPU 1, of each page of an area; `.` where nothing is mapped. */
const places = ({ sim: { machine: m } }: CheckedRun, proc = 'A', vma = 'buf'): string => {
  const mm = m.mms.values().find(({ name }) => name === proc);
  const area = mm?.areas.find(({ name }) => name === vma);
  if (mm === undefined || area === undefined) return '?';
  return Array.from({ length: area.npages }, (_, i) => {
    const pfn = mappedFrame(m, mm, area.start + i);
    return pfn < 0 ? '.' : String(pagePgmap(m, pfn)?.device ?? 0);
  }).join('');
};
const ranges = ({ sim: { machine: m } }: CheckedRun): SvmRange[] =>
  m.kfdProcesses.values().flatMap(({ id }) => allSvmRangesOf(m, id));
const sizes = (run: CheckedRun): number[] => ranges(run).map(({ start, last }) => last - start + 1);
const last = (run: CheckedRun): StepRecord => stepOf(run, -1);
const firstRange = (run: CheckedRun): SvmRange | undefined => ranges(run)[0];

describe('attributes and ranges (§3.2, §3.3)', { timeout: 60_000 }, () => {
  test('a new range is at most 1/32 of VRAM, at least 2 MiB, aligned to its own size', () => {
    const run = runChecked(gpuScenario([...map(1200), attr([access(0)])]));
    expect(sizes(run)).toEqual([512, 512, 176]);
    expect(run.violations).toEqual([]);
  });

  test('64 GiB of VRAM give ranges of 1 GiB', () => {
    const steps: Step[] = [
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 2 ** 19, prot: 'rw', kind: 'anon-private' },
      attr([{ type: 'PREFERRED_LOC', loc: 0 }]),
    ];
    expect(sizes(runChecked(gpuScenario(steps, { machine: 'lab-node' })))).toEqual([262144, 262144]);
  });

  test('a range that changes in part is cut; equal attributes change nothing', () => {
    const run = runChecked(
      gpuScenario([
        ...map(16),
        attr([{ type: 'GRANULARITY', value: 9 }]),
        attr([{ type: 'PREFERRED_LOC', loc: 1 }], { page: 4, count: 4 }),
        attr([{ type: 'PREFERRED_LOC', loc: 1 }], { page: 4, count: 4 }),
      ]),
    );
    expect(sizes(run)).toEqual([4, 4, 8]);
    expect(ranges(run).map(({ preferredLoc }) => preferredLoc)).toEqual([-1, 2, -1]);
    expect(decisionsOf(run, last(run), 'svm.range')).toEqual([]);
    expect(run.violations).toEqual([]);
  });

  test('both parts of a range that is cut share the buffer object', () => {
    const run = runChecked(
      gpuScenario([...map(8), prefetch(0), attr([{ type: 'GRANULARITY', value: 3 }], { page: 2, count: 2 })]),
    );
    expect(ranges(run).map(({ svmBo, offset, actualLoc }) => [svmBo, offset, actualLoc])).toEqual([
      [1, 0, 1],
      [1, 2, 1],
      [1, 4, 1],
    ]);
    expect(run.violations).toEqual([]);
  });

  test.each<[string, Step, string]>([
    ['a GPU that is not there', attr([access(7)]), 'EINVAL'],
    ['PREFETCH_LOC undefined', attr([{ type: 'PREFETCH_LOC', loc: 'undefined' }]), 'EINVAL'],
    ['addresses without an area', prefetch(0, { page: 4, count: 8 }), 'EFAULT'],
    ['PREFERRED_LOC undefined', attr([{ type: 'PREFERRED_LOC', loc: 'undefined' }]), '0'],
  ])('%s: %#', (_, step, expected) => {
    const run = runChecked(gpuScenario([...map(8), step]));
    expect(resultTexts(run.records).at(-1)).toBe(expected);
    if (expected !== '0') expect(ranges(run)).toEqual([]);
  });

  test('with XNACK off ranges count against the limit of system memory, with XNACK on they do not (§3.11)', () => {
    const steps: Step[] = [
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 16384, prot: 'rw', kind: 'anon-private' },
      { op: 'set_xnack', proc: 'A', enabled: false },
      attr([{ type: 'GRANULARITY', value: 8 }]),
      { op: 'set_xnack', proc: 'A', enabled: true },
      attr([{ type: 'GRANULARITY', value: 8 }]),
      { op: 'set_xnack', proc: 'A', enabled: false },
    ];
    const run = runChecked(gpuScenario(steps, { devices: 1 }));
    expect(run.sim.machine.scalars.get(KFD_MEM_LIMIT)).toBeLessThan(16384);
    expect(resultTexts(run.records).slice(2)).toEqual(['ENOMEM', '0', '0', 'ENOMEM']);
    expect(run.violations).toEqual([]);
  });
});

describe('what is refused (§3.2), with a sentence for each', { timeout: 60_000 }, () => {
  test.each<[string, Step[], string, string]>([
    ['a GPU that the machine does not have', [...map(4), prefetch(7)], 'EINVAL', 'svm.refused-gpu'],
    [
      'undefined as the place of a prefetch',
      [...map(4), attr([{ type: 'PREFETCH_LOC', loc: 'undefined' }])],
      'EINVAL',
      'svm.refused-gpu',
    ],
    [
      'addresses without an area',
      [...map(8), { op: 'munmap', proc: 'A', vma: 'buf', page: 4, count: 2 }, prefetch(0)],
      'EFAULT',
      'svm.refused-hole',
    ],
  ])('%s', (_, steps, errno, sentence) => {
    const run = runChecked(gpuScenario(steps));
    expect(resultTexts(run.records).at(-1)).toBe(errno);
    expect(decisionsOf(run, last(run), 'svm.refused')).toEqual([sentence]);
    expect(ranges(run)).toEqual([]);
    expect(run.violations).toEqual([]);
  });
});

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
  });

  test('a page with one plain reference is copied and left behind in three attempts: -EDEADLK (§3.6, §3.7)', () => {
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
    const run = runChecked(
      gpuScenario([
        ...map(4),
        prefetch(0),
        {
          op: 'gup',
          proc: 'A',
          vma: 'buf',
          page: 2,
          count: 1,
          call: 'pin_user_pages_fast',
          flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
          as: 'h',
        },
        { op: 'unpin', proc: 'A', handle: 'h' },
        prefetch(0),
      ]),
    );
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

describe('faults of the GPU with XNACK on (§3.8)', { timeout: 60_000 }, () => {
  test('one access moves the whole range, not the page', () => {
    const run = runChecked(
      gpuScenario([...map(64), attr([{ type: 'GRANULARITY', value: 9 }]), gpuWrite(0, 7)]),
    );
    expect(places(run)).toBe('1'.repeat(64));
    expect(last(run).result).toMatchObject({ ret: 0, faults: 1 });
    expect(run.violations).toEqual([]);
  });

  test('where no range was, one is made for the aligned 2 MiB, clipped to the area', () => {
    const run = runChecked(gpuScenario([...map(700), gpuWrite(0, 600)]));
    expect(sizes(run)).toEqual([188]);
    expect(run.violations).toEqual([]);
  });

  type Row = readonly [
    preferred: number | 'system' | 'undefined',
    access: SvmAttribute['type'],
    found: number,
    at: string,
  ];
  /** The table of svm_range_best_restore_location; GPU 0 faults; `found`: where the range is before, as a GPU or -1. */
  const HIVE: readonly Row[] = [
    [0, 'ACCESS', -1, '1'],
    ['system', 'ACCESS', 1, '0'],
    [1, 'ACCESS', -1, '2'],
    ['undefined', 'ACCESS', -1, '1'],
    ['undefined', 'ACCESS', 1, '1'],
    ['undefined', 'ACCESS_IN_PLACE', -1, '0'],
    ['undefined', 'ACCESS_IN_PLACE', 1, '2'],
  ];
  const NO_HIVE: readonly Row[] = [
    [1, 'ACCESS', -1, '1'],
    ['undefined', 'ACCESS_IN_PLACE', 1, '0'],
  ];
  const faultAt = ([preferred, type, found]: Row, model: 'mi250x-gcd' | 'generic-accelerator'): CheckedRun =>
    runChecked(
      gpuScenario(
        [
          ...map(4),
          attr([{ type: 'PREFERRED_LOC', loc: preferred }]),
          ...(found < 0 ? [] : [prefetch(found)]),
          ...(type === 'ACCESS' ? [] : [attr([access(0, 'ACCESS_IN_PLACE')])]),
          gpuWrite(0),
        ],
        { gpu: { model } },
      ),
    );
  test.each(HIVE)('one hive: preferred %s, %s, range at %s: pages at %s', (...row) => {
    const run = faultAt(row, 'mi250x-gcd');
    expect(places(run)).toBe(row[3].repeat(4));
    expect(run.violations).toEqual([]);
  });
  test.each(NO_HIVE)('no hive: preferred %s, %s, range at %s: pages at %s', (...row) => {
    const run = faultAt(row, 'generic-accelerator');
    expect(places(run)).toBe(row[3].repeat(4));
    expect(run.violations).toEqual([]);
  });

  test('without access it is final: -EACCES; without a right of the area: -EPERM (X7)', () => {
    const noAccess = runChecked(gpuScenario([...map(4), attr([access(0, 'NO_ACCESS')]), gpuWrite(0)]));
    expect(resultTexts(noAccess.records).at(-1)).toBe('EACCES');
    const readOnly = runChecked(
      gpuScenario([...map(4), { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' }, gpuWrite(0)]),
    );
    expect(resultTexts(readOnly.records).at(-1)).toBe('EPERM');
    expect([...noAccess.violations, ...readOnly.violations]).toEqual([]);
  });

  test('full VRAM: a prefetch fails, a fault goes on in system memory (§3.8, §3.10, scene 36)', () => {
    const full: Step[] = [
      { op: 'bo_alloc', proc: 'A', device: 0, bo: 'scanout', pages: 4096, kind: 'gem', pin: true },
      ...map(4),
    ];
    const fetched = runChecked(gpuScenario([...full, prefetch(0)]));
    expect(resultTexts(fetched.records).at(-1)).toBe('ENOMEM');
    const faulted = runChecked(gpuScenario([...full, gpuWrite(0)]));
    expect(resultTexts(faulted.records).at(-1)).toBe('0');
    expect(decisionsOf(faulted, last(faulted), 'svm.fall-back')).toHaveLength(1);
    expect(places(faulted)).toBe('0000');
    expect([...fetched.violations, ...faulted.violations]).toEqual([]);
  });
});

describe('heap and stack (§3.3, svm_range_get_range_boundaries)', { timeout: 60_000 }, () => {
  const segment = (kind: 'heap' | 'stack', vma = 'buf'): Step => ({
    op: 'mmap',
    proc: 'A',
    vma,
    pages: 6,
    prot: 'rw',
    kind: 'anon-private',
    segment: kind,
  });

  test.each(['heap', 'stack'] as const)('a fault of the GPU in the %s maps it in system memory', (kind) => {
    const done = runChecked(gpuScenario([segment(kind), gpuWrite(0)]));
    expect(places(done)).toBe('000000');
    expect(firstRange(done)?.preferredLoc).toBe(0);
    expect(decisionsOf(done, last(done), 'svm.heap-or-stack')).toHaveLength(1);
    expect(done.violations).toEqual([]);
  });

  test('a range that was registered there before goes to VRAM as others do', () => {
    const done = runChecked(gpuScenario([segment('heap'), attr([access(0)]), gpuWrite(0)]));
    expect(places(done)).toBe('111111');
    expect(decisionsOf(done, last(done), 'svm.heap-or-stack')).toEqual([]);
  });

  test("a child has its parent's heap, and other memory is no heap", () => {
    const done = runChecked(
      gpuScenario([
        segment('heap'),
        { op: 'fork', proc: 'A', child: 'B' },
        ...map(4, 'other', 'B'),
        { ...gpuWrite(0), proc: 'B' } as Step,
        { ...gpuWrite(0), proc: 'B', vma: 'other' } as Step,
      ]),
    );
    expect(places(done, 'B')).toBe('000000');
    expect(places(done, 'B', 'other')).toBe('1111');
    expect(done.violations).toEqual([]);
  });

  test('a process has one heap, and it is anonymous memory', () => {
    const build =
      (step: Step): (() => unknown) =>
      () =>
        runChecked(gpuScenario([segment('heap'), step]));
    expect(build(segment('heap', 'more'))).toThrow('process A has a heap already');
    expect(build({ ...segment('stack', 'more'), kind: 'anon-shared' } as Step)).toThrow('anon-private');
  });
});

describe('the notifier and XNACK off (§3.10)', { timeout: 60_000 }, () => {
  const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };

  test('an access without an entry is final, since nobody repairs it', () => {
    const run = runChecked(gpuScenario([...map(4), off, gpuWrite(0)]));
    expect(resultTexts(run.records).at(-1)).toBe('EFAULT');
  });

  test('mprotect stops the queues; a millisecond later everything is mapped again, and pages stay where they are', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        off,
        attr([access(0), { type: 'PREFETCH_LOC', loc: 0 }]),
        { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' },
        { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'rw' },
        gpuWrite(0, 0, 4),
      ]),
    );
    expect(decisionsOf(run, stepOf(run, 4), 'svm.')).toEqual([
      'svm.queues-stopped',
      'svm.mapped',
      'svm.queues-resumed',
    ]);
    expect(last(run).result).toMatchObject({ ret: 0, faults: 0 });
    expect(places(run)).toBe('1111');
    expect(run.violations).toEqual([]);
  });

  test('fork: the restore copies the parent to system memory; the child keeps VRAM; the range does not notice', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        off,
        attr([access(0), { type: 'PREFETCH_LOC', loc: 0 }]),
        { op: 'fork', proc: 'A', child: 'B' },
      ]),
    );
    expect(places(run)).toBe('0000');
    expect(places(run, 'B')).toBe('1111');
    expect(firstRange(run)?.actualLoc).toBe(1);
    expect(run.violations).toEqual([]);
  });

  test('with XNACK on only the entries of the interval go', () => {
    const run = runChecked(
      gpuScenario([
        ...map(8),
        gpuWrite(0),
        { op: 'madvise', proc: 'A', vma: 'buf', page: 2, count: 2, advice: 'DONTNEED' },
      ]),
    );
    const { machine: m } = run.sim;
    const table = m.dmirrors.values().find(({ device }) => device === 1);
    expect(m.journal.mapById(table?.pt ?? 0).size).toBe(6);
    expect(run.violations).toEqual([]);
  });

  test('munmap of the middle makes two ranges of one (X1)', () => {
    const run = runChecked(
      gpuScenario([...map(8), gpuWrite(0), { op: 'munmap', proc: 'A', vma: 'buf', page: 2, count: 3 }]),
    );
    expect(sizes(run)).toEqual([2, 3]);
    expect(places(run)).toBe('11...111');
    expect(run.violations).toEqual([]);
  });

  test('GPU page tables name the frames that the CPU maps', () => {
    const { machine: m } = runChecked(gpuScenario([...map(2), gpuWrite(0)])).sim;
    const mm = m.mms.get(1);
    const start = mm.areas[0]?.start ?? 0;
    const words = m.dmirrors.values().map(({ pt }) => m.journal.mapById(pt).get(start));
    expect(words).toEqual([mappedFrame(m, mm, start) * 4 + 3, undefined]);
  });
});
