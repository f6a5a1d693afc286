// Ranges of shared virtual memory as objects: attributes, sizes, cuts, limits and what is refused (machine-and-drivers.md
// §3.1 to §3.3, §3.11, §7), run with the invariants watching.

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { svmBoKref } from '../core/kernel/drivers/amdgpu-bo.ts';
import { gpuEntry } from '../core/kernel/drivers/amdgpu-map.ts';
import { gpuPageTable } from '../core/kernel/drivers/amdgpu-process.ts';
import { svmRangeSetAttr } from '../core/kernel/drivers/amdgpu-svm.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { KFD_MEM_LIMIT, KFD_MEM_USED } from '../core/machine/scalars.ts';
import { EFAULT } from '../core/uapi/errno.ts';
import { type DecisionId, DECISIONS, EventKind } from '../core/uapi/events.ts';
import type { SvmAttribute } from '../core/uapi/scenario.ts';
import { VM_IO, VM_MIXEDMAP, VM_PFNMAP } from '../core/uapi/vm-flags.ts';
import { BOOT, probe } from '../scenarios/gpu-boot.ts';
import { decisionsOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';
import {
  map,
  attr,
  prefetch,
  access,
  gpuWrite,
  places,
  ranges,
  sizes,
  last,
  firstRange,
} from './svm-fixture.ts';

describe('attributes and ranges (§3.2, §3.3)', { timeout: 60_000 }, () => {
  test('a new range is at most 1/32 of VRAM, at least 2 MiB, aligned to its own size', () => {
    const run = runChecked(gpuScenario([...map(1200), attr([access(0)], { page: 100, count: 1100 })]));
    expect(sizes(run)).toEqual([412, 512, 176]);
    expect(run.violations).toEqual([]);
  });

  test('64 GiB of VRAM give ranges of 1 GiB', () => {
    const steps: Step[] = [
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 2 ** 19, prot: 'rw', kind: 'anon-private' },
      attr([{ type: 'PREFERRED_LOC', loc: 0 }]),
    ];
    expect(sizes(runChecked(gpuScenario(steps, { machine: 'lab-node' })))).toEqual([262144, 262144]);
    // "of the smallest GPU's VRAM": one of 256 MiB beside it
    const probes = [...BOOT, probe(0), probe(1, { pages: 2 ** 16 })];
    const mixed = gpuScenario([...probes, ...steps], { machine: 'lab-node', gpu: { coldBoot: true } });
    expect(new Set(sizes(runChecked(mixed)))).toEqual(new Set([2048]));
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

  test('"partly overlapping ones are cloned and split at s/e; gaps filled with new ranges"; "a split copies all attributes" (§3.3)', () => {
    const all: SvmAttribute[] = [
      { type: 'PREFERRED_LOC', loc: 1 },
      access(0),
      access(1, 'ACCESS_IN_PLACE'),
      { type: 'SET_FLAGS', flags: ['GPU_RO'] },
      { type: 'CLR_FLAGS', flags: ['HOST_ACCESS'] },
      { type: 'GRANULARITY', value: 4 },
    ];
    const run = runChecked(
      gpuScenario(
        [
          ...map(10),
          attr([...all, { type: 'PREFETCH_LOC', loc: 'system' }], { page: 0, count: 8 }),
          // each of them is what it was: nothing is cut
          attr(all, { page: 2, count: 2 }),
          attr([{ type: 'GRANULARITY', value: 5 }], { page: 2, count: 2 }),
          attr([{ type: 'GRANULARITY', value: 6 }], { page: 6, count: 4 }),
        ],
        { gpu: { xnack: false } },
      ),
    );
    expect(decisionsOf(run, stepOf(run, 3), 'svm.range')).toEqual([]);
    expect(ranges(run).map(({ start, last: end, granularity }) => [end - start + 1, granularity])).toEqual([
      [2, 4],
      [2, 5],
      [2, 4],
      [2, 6],
      [2, 6],
    ]);
    for (const part of ranges(run).slice(0, 4))
      expect(part).toMatchObject({
        preferredLoc: 2,
        prefetchLoc: 0,
        access: [1],
        accessInPlace: [2],
        flags: 0x2 | 0x8,
        mappedToGpu: true,
      });
    expect(ranges(run)[4]).toMatchObject({ preferredLoc: -1, access: [], mappedToGpu: false });
    expect(run.violations).toEqual([]);
  });

  test('which attributes "remap", and which do not (§3.2); with XNACK off a range that no GPU maps stops no queue (§3.10)', () => {
    const flags = (type: 'SET_FLAGS' | 'CLR_FLAGS'): SvmAttribute => ({ type, flags: ['GPU_RO'] });
    const changes: SvmAttribute[] = [
      access(0),
      { type: 'PREFERRED_LOC', loc: 0 },
      { type: 'GRANULARITY', value: 4 },
      flags('SET_FLAGS'),
      flags('CLR_FLAGS'),
      access(0, 'ACCESS_IN_PLACE'),
    ];
    const run = runChecked(
      gpuScenario(
        [
          ...map(2),
          attr([{ type: 'GRANULARITY', value: 3 }]),
          { op: 'mprotect', proc: 'A', vma: 'buf', page: 1, count: 1, prot: 'r' },
          { op: 'mprotect', proc: 'A', vma: 'buf', page: 1, count: 1, prot: 'rw' },
          ...changes.map((change) => attr([change])),
        ],
        { devices: 1, gpu: { xnack: false } },
      ),
    );
    const { machine: m } = run.sim;
    const after = changes.map((_, i) => {
      const step = stepOf(run, 5 + i);
      run.sim.seek(step.end);
      const table = gpuPageTable(m, 1, 1);
      const entry = table && gpuEntry(m, table, m.mms.get(1).areas[0]?.start ?? 0);
      return [decisionsOf(run, step, 'svm.mapped').length, entry?.write];
    });
    expect([3, 4].map((i) => decisionsOf(run, stepOf(run, i), 'svm.queues'))).toEqual([[], []]);
    expect(after).toEqual([
      [1, true],
      [0, true],
      [0, true],
      [1, false],
      [1, true],
      [1, true],
    ]);
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

describe('what a range is (§3.1, §3.2)', { timeout: 60_000 }, () => {
  test('defaults: undefined, undefined, HOST_ACCESS + COHERENT, 2 MiB; ACCESS "for every supported GPU; off: none"', () => {
    const fresh = attr([{ type: 'PREFERRED_LOC', loc: 'undefined' }]);
    const on = firstRange(runChecked(gpuScenario([...map(4), fresh])));
    const HOST_ACCESS_AND_COHERENT = 3;
    expect(on).toMatchObject({
      preferredLoc: -1,
      prefetchLoc: -1,
      actualLoc: 0,
      flags: HOST_ACCESS_AND_COHERENT,
      granularity: 9,
      access: [1, 2],
      accessInPlace: [],
    });
    const off = firstRange(runChecked(gpuScenario([...map(4), fresh], { gpu: { xnack: false } })));
    expect(off?.access).toEqual([]);
  });

  test('PREFERRED_LOC: "setting it moves nothing"', () => {
    const run = runChecked(gpuScenario([...map(4), attr([{ type: 'PREFERRED_LOC', loc: 1 }])]));
    expect([places(run), firstRange(run)?.preferredLoc]).toEqual(['0000', 2]);
    expect(decisionsOf(run, last(run), 'copy.page')).toEqual([]);
  });

  test('GRANULARITY is "log2 pages, capped at 0x3f"', () => {
    const run = runChecked(gpuScenario([...map(4), attr([{ type: 'GRANULARITY', value: 200 }])]));
    expect(firstRange(run)?.granularity).toBe(0x3f);
  });

  test('PREFETCH_LOC is "evaluated immediately on every call even if the value did not change"', () => {
    const holds: Step = {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE'],
      as: 'h',
    };
    const run = runChecked(
      gpuScenario([...map(4), holds, prefetch(0), { op: 'unpin', proc: 'A', handle: 'h' }, prefetch(0)]),
    );
    expect(resultTexts(run.records).slice(-3)).toEqual(['0', '0', '0']);
    expect(decisionsOf(run, stepOf(run, 3), 'copy.page')).toEqual([]);
    expect(places(run)).toBe('1111');
  });

  test('access attributes and flags "set/clear bits in the two bitmaps"; flags that nobody reads are kept all the same', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        attr([access(0, 'ACCESS_IN_PLACE'), access(1, 'NO_ACCESS')]),
        attr([{ type: 'SET_FLAGS', flags: ['GPU_RO', 'HIVE_LOCAL'] }]),
        attr([{ type: 'CLR_FLAGS', flags: ['COHERENT'] }]),
      ]),
    );
    expect(firstRange(run)).toMatchObject({ access: [], accessInPlace: [1], flags: 0x1 | 0x8 | 0x4 });
  });

  test.each([VM_IO, VM_PFNMAP, VM_MIXEDMAP])('"not in VM_IO/PFNMAP/MIXEDMAP (−EFAULT)": %i', (flag) => {
    const { machine: m } = runChecked(gpuScenario([...map(4), attr([access(0)])])).sim;
    const [vma] = m.vmas.values();
    if (vma === undefined) throw new Error('no area');
    m.vmas.update(vma.id, { vmFlags: vma.vmFlags | flag });
    const call = svmRangeSetAttr(m, vma.vmStart, 4, 1, [{ type: 'PREFETCH_LOC', loc: 1 }]);
    expect(call.next()).toEqual({ done: true, value: -EFAULT });
  });

  test('a VRAM page that is in use holds "one svm_bo reference", and so does each range', () => {
    const run = runChecked(
      gpuScenario([...map(8), prefetch(0), attr([{ type: 'GRANULARITY', value: 3 }], { page: 2, count: 2 })]),
    );
    const { machine: m } = run.sim;
    expect(ranges(run)).toHaveLength(3);
    expect(svmBoKref(m, 1)).toBe(3 + 8);
  });

  test('svm_range_add puts what is new at the head of its lists: the last part is listed, moved and mapped again first', () => {
    const done = runChecked(
      gpuScenario(
        [
          ...map(6),
          attr([access(0), { type: 'PREFETCH_LOC', loc: 0 }]),
          attr([{ type: 'GRANULARITY', value: 3 }], { page: 2, count: 2 }),
          { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' },
          prefetch('system'),
        ],
        { devices: 1, gpu: { xnack: false } },
      ),
    );
    const { machine: m } = done.sim;
    const { log } = m.journal;
    const { start = 0 } = m.mms.get(1).areas[0] ?? {};
    const from = (step: number, what: DecisionId, at: 'rowAt' | 'oldAt' = 'rowAt'): number[] => {
      const { begin, end } = stepOf(done, step);
      return Array.from({ length: end - begin }, (_, i) => begin + i)
        .filter((i) => log.kindAt(i) === EventKind.DECISION && DECISIONS[log.idAt(i)] === what)
        .map((i) => log[at](i) - start);
    };
    // svm_range_add_to_svms: list_move_tail; the copy was put in before the parts that were cut off it
    expect(from(3, 'svm.range-created')).toEqual([4, 0, 2]);
    // svm_range_restore_work goes along the list
    expect(from(4, 'svm.mapped', 'oldAt')).toEqual([4, 0, 2]);
    expect(from(5, 'svm.prefetch')).toEqual([4, 2, 0]);
    expect(done.violations).toEqual([]);
  });

  test('"the whole update is a transaction (on error nothing changes)"', () => {
    const steps: Step[] = [
      { op: 'set_xnack', proc: 'A', enabled: false },
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 16384, prot: 'rw', kind: 'anon-private' },
      attr([access(0)], { page: 100, count: 8 }),
      attr([{ type: 'GRANULARITY', value: 4 }]),
    ];
    const run = runChecked(gpuScenario(steps, { devices: 1 }));
    expect(resultTexts(run.records).at(-1)).toBe('ENOMEM');
    expect(ranges(run).map(({ start, last: end, granularity }) => [end - start + 1, granularity])).toEqual([
      [8, 9],
    ]);
    // nor are the pages of those that were made for it counted any more
    const used = run.sim.machine.scalars.get(KFD_MEM_USED);
    run.sim.seek(last(run).begin);
    expect(run.sim.machine.scalars.get(KFD_MEM_USED)).toBe(used);
  });

  test('"migrations after it are not rolled back": the last range goes first, and is there when the one before it fails', () => {
    const run = runChecked(
      gpuScenario([
        ...map(4),
        prefetch(0),
        attr([{ type: 'GRANULARITY', value: 3 }], { page: 0, count: 2 }),
        { op: 'gup', proc: 'A', vma: 'buf', page: 0, count: 1, call: 'get_user_pages', flags: [], as: 'h' },
        prefetch(1),
      ]),
    );
    expect([resultTexts(run.records).at(-1), places(run)]).toEqual(['EDEADLK', '1022']);
    expect(run.violations).toEqual([]);
  });
});

describe('limits (§3.11, §1.2)', { timeout: 60_000 }, () => {
  test('KFD may use "15/16 of free RAM at init", and "struct pages for VRAM are pre-charged": 1/64', () => {
    const { machine: m } = runChecked(gpuScenario([], { devices: 2 })).sim;
    const limit = m.scalars.get(KFD_MEM_LIMIT);
    const free = zoneInfo(m).reduce((sum, zone) => sum + zone.free, 0) + m.scalars.get(KFD_MEM_USED);
    expect(Math.abs(limit - (free * 15) / 16)).toBeLessThan(8);
    expect(m.scalars.get(KFD_MEM_USED)).toBe((2 * 4096) / 64);
  });
});
