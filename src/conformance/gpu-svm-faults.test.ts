// Faults of the GPU, and changes of the CPU under it (machine-and-drivers.md §3.2 to §3.4, §3.8, §3.10; scenes 24, 34 and 35
// of the catalogue), run with the invariants watching.

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { type CheckedRun, decisionsOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';
import { map, attr, prefetch, access, gpuWrite, places, sizes, last, firstRange } from './svm-fixture.ts';

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

  test('… and where the area is large enough, of the whole aligned 2 MiB', () => {
    const area: Step = {
      op: 'mmap',
      proc: 'A',
      vma: 'buf',
      pages: 1536,
      prot: 'rw',
      kind: 'anon-private',
      align: '2M',
    };
    const run = runChecked(gpuScenario([area, gpuWrite(0, 600)]));
    const start = run.sim.machine.mms.get(1).areas[0]?.start ?? 0;
    expect([firstRange(run)?.start, sizes(run)]).toEqual([start + 512, [512]]);
    expect(places(run)).toBe('.'.repeat(512) + '1'.repeat(512) + '.'.repeat(512));
    expect(run.violations).toEqual([]);
  });

  type Row = readonly [
    preferred: number | 'system' | 'undefined',
    access: 'ACCESS' | 'ACCESS_IN_PLACE' | 'NO_ACCESS',
    found: number,
    at: string,
  ];
  /** The table of svm_range_best_restore_location; GPU 0 faults; `found`: where the range is before, as a GPU or -1. */
  const HIVE: readonly Row[] = [
    [0, 'NO_ACCESS', -1, '1'],
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
          ...(type === 'ACCESS' ? [] : [attr([access(0, type)])]),
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

  test('a GPU with access in place has a range home that lies at a GPU of another hive, and leaves it there in one hive (§3.8)', () => {
    const steps = [...map(4), attr([access(0, 'ACCESS_IN_PLACE')]), gpuWrite(1), gpuWrite(0)];
    const at = (model: 'mi250x-gcd' | 'generic-accelerator', count: number): string =>
      places(runChecked(gpuScenario(steps.slice(0, count), { gpu: { model } })));
    const all = steps.length;
    expect([at('generic-accelerator', all - 1), at('generic-accelerator', all)]).toEqual(['2222', '0000']);
    expect([at('mi250x-gcd', all - 1), at('mi250x-gcd', all)]).toEqual(['2222', '2222']);
  });

  test('without access it is final: -EACCES; without a right of the area: -EPERM (X7)', () => {
    const noAccess = runChecked(gpuScenario([...map(4), attr([access(0, 'NO_ACCESS')]), gpuWrite(0)]));
    expect(resultTexts(noAccess.records).at(-1)).toBe('EACCES');
    const readOnly = runChecked(
      gpuScenario([...map(4), { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' }, gpuWrite(0)]),
    );
    expect(resultTexts(readOnly.records).at(-1)).toBe('EPERM');
    // "read needs VM_READ", and that is asked before who may have the range
    const neither: Step = { op: 'mprotect', proc: 'A', vma: 'buf', prot: '' };
    const reads: Step = { op: 'gpu_read', proc: 'A', vma: 'buf', device: 0 };
    const closed = runChecked(gpuScenario([...map(4), attr([access(0, 'NO_ACCESS')]), neither, reads]));
    expect(resultTexts(closed.records).at(-1)).toBe('EPERM');
    expect([noAccess, readOnly, closed].flatMap(({ violations }) => violations)).toEqual([]);
  });

  test('full VRAM: a prefetch fails, a fault goes on in system memory (§3.8, §3.10, scene 36)', () => {
    const full: Step[] = [
      { op: 'bo_alloc', proc: 'A', device: 0, bo: 'scanout', pages: 4096, kind: 'gem', pin: true },
      ...map(4),
    ];
    const fetched = runChecked(gpuScenario([...full, prefetch(0)]));
    expect([resultTexts(fetched.records).at(-1), places(fetched)]).toEqual(['ENOMEM', '0000']);
    const faulted = runChecked(gpuScenario([...full, gpuWrite(0)]));
    expect(resultTexts(faulted.records).at(-1)).toBe('0');
    expect(decisionsOf(faulted, last(faulted), 'svm.fall-back')).toHaveLength(1);
    expect(places(faulted)).toBe('0000');
    expect([...fetched.violations, ...faulted.violations]).toEqual([]);
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

describe('a fault of the GPU in detail (§3.8)', { timeout: 60_000 }, () => {
  test('"if the range was in another GPU bring it to RAM": the fall-back when the GPU has no room', () => {
    const run = runChecked(
      gpuScenario(
        [
          { op: 'bo_alloc', proc: 'A', device: 0, bo: 'scanout', pages: 4096, kind: 'gem', pin: true },
          ...map(4),
          prefetch(1),
          attr([{ type: 'PREFERRED_LOC', loc: 0 }]),
          gpuWrite(0),
        ],
        { gpu: { hives: [1, 2] } },
      ),
    );
    expect([resultTexts(run.records).at(-1), places(run)]).toEqual(['0', '0000']);
    expect(decisionsOf(run, last(run), 'svm.fall-back')).toHaveLength(1);
    expect(run.violations).toEqual([]);
  });

  test('… also what three attempts on the way to the other GPU could not: a page with one more reference is left a fourth time', () => {
    const held: Step = {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      page: 1,
      count: 1,
      call: 'get_user_pages',
      flags: [],
      as: 'h',
    };
    const run = runChecked(gpuScenario([...map(4), prefetch(0), held, gpuWrite(1)]));
    const story = decisionsOf(run, last(run), 'svm.').filter((id) => id !== 'svm.unmapped');
    const left = 'svm.pages-left';
    expect(story).toEqual(['svm.best-location', left, left, left, 'svm.fall-back', left, 'svm.mapped']);
    expect([resultTexts(run.records).at(-1), places(run), firstRange(run)?.actualLoc]).toEqual([
      '0',
      '0100',
      1,
    ]);
    expect(run.violations).toEqual([]);
  });

  test('"the compute queue dies": after a fault that is final the process has no GPU any more', () => {
    const run = runChecked(
      gpuScenario([...map(4), attr([access(0, 'NO_ACCESS')]), gpuWrite(0), gpuWrite(0)]),
    );
    expect(run.sim.machine.kfdProcesses.values()[0]?.dead).toBe(true);
    expect(resultTexts(run.records).at(-1)).not.toBe('0');
  });

  test('"GPU_ALWAYS_MAPPED": with XNACK on a change stops the queues as with XNACK off (§3.10)', () => {
    const protect = (prot: 'r' | 'rw'): Step => ({ op: 'mprotect', proc: 'A', vma: 'buf', prot });
    const steps = (flags: Step[]): Step[] => [...map(4), ...flags, gpuWrite(0), protect('r')];
    const always = attr([{ type: 'SET_FLAGS', flags: ['GPU_ALWAYS_MAPPED'] }]);
    const [plain, mapped] = [steps([]), steps([always])].map((each) => runChecked(gpuScenario(each)));
    if (plain === undefined || mapped === undefined) throw new Error('no runs');
    expect(decisionsOf(plain, last(plain), 'svm.queues')).toEqual([]);
    expect(decisionsOf(mapped, last(mapped), 'svm.queues')).toEqual([
      'svm.queues-stopped',
      'svm.queues-resumed',
    ]);
    expect([...plain.violations, ...mapped.violations]).toEqual([]);
  });
});

describe('the notifier in detail (§3.10)', { timeout: 60_000 }, () => {
  test('"No page is pinned; the notifier is what keeps it correct"', () => {
    const run = runChecked(
      gpuScenario([...map(4), attr([{ type: 'PREFERRED_LOC', loc: 'system' }]), gpuWrite(0)]),
    );
    const { machine: m } = run.sim;
    const start = m.mms.get(1).areas[0]?.start ?? 0;
    const frames = [0, 1, 2, 3].map((i) => mappedFrame(m, m.mms.get(1), start + i));
    expect(frames.map((pfn) => m.pages.refcount.get(pfn))).toEqual([1, 1, 1, 1]);
    expect(places(run)).toBe('0000');
  });

  test('"Applications avoid this by excluding GPU memory from fork (MADV_DONTFORK)"', () => {
    const fork: Step = { op: 'fork', proc: 'A', child: 'B' };
    const steps = (advice: Step[]): Step[] => [
      ...map(4),
      { op: 'set_xnack', proc: 'A', enabled: false },
      attr([access(0), { type: 'PREFETCH_LOC', loc: 0 }]),
      ...advice,
      fork,
    ];
    const dontFork: Step = { op: 'madvise', proc: 'A', vma: 'buf', advice: 'DONTFORK' };
    const [copied, kept] = [steps([]), steps([dontFork])].map((each) => runChecked(gpuScenario(each)));
    if (copied === undefined || kept === undefined) throw new Error('no runs');
    expect([places(copied), places(kept)]).toEqual(['0000', '1111']);
    expect(decisionsOf(kept, last(kept), 'svm.queues')).toEqual([]);
  });

  test('"If the child is gone already (refcount 1) the D page is reused instead"', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        gpuWrite(0),
        { op: 'fork', proc: 'A', child: 'B' },
        { op: 'exit', proc: 'B' },
        gpuWrite(0),
      ]),
    );
    expect(places(run)).toBe('1111');
    expect(decisionsOf(run, last(run), 'copy.page')).toEqual([]);
    expect(run.violations).toEqual([]);
  });

  test('"RELEASE → ignore": the end of the process stops no queues, and nothing is left', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        { op: 'set_xnack', proc: 'A', enabled: false },
        attr([access(0), { type: 'PREFETCH_LOC', loc: 0 }]),
        { op: 'exit', proc: 'A' },
      ]),
    );
    expect(decisionsOf(run, last(run), 'svm.queues')).toEqual([]);
    const { machine: m } = run.sim;
    expect([m.svmRanges.values(), m.svmBos.values(), m.ttmBos.values()]).toEqual([[], [], []]);
    expect(run.violations).toEqual([]);
  });

  test.each<[string, Step]>([
    ['MADV_DONTNEED (CLEAR)', { op: 'madvise', proc: 'A', vma: 'buf', advice: 'DONTNEED' }],
    ['mprotect (PROTECTION_VMA)', { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' }],
    ['fork (PROTECTION_PAGE)', { op: 'fork', proc: 'A', child: 'B' }],
    [
      'a long-term pin that moves pages (MIGRATE)',
      {
        op: 'gup',
        proc: 'A',
        vma: 'buf',
        call: 'pin_user_pages_fast',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as: 'h',
      },
    ],
  ])('XNACK on: %s unmaps "just that interval from the GPUs’ tables"', (_name, step) => {
    const run = runChecked(gpuScenario([...map(4), gpuWrite(0), step]));
    const { machine: m } = run.sim;
    const table = m.dmirrors.values().find(({ device }) => device === 1);
    expect(m.journal.mapById(table?.pt ?? 0).size).toBe(0);
    expect(decisionsOf(run, last(run), 'svm.queues')).toEqual([]);
    expect(run.violations).toEqual([]);
  });
});
