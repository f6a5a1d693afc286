// User pointers: memory of a process as a buffer object of compute (machine-and-drivers.md §3.11, §4.3, §5.4,
// §6.4;
// amdgpu_amdkfd_gpuvm.c: init_user_pages, amdgpu_amdkfd_evict_userptr, amdgpu_amdkfd_restore_userptr_worker).

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { KFD_MEM_USED } from '../core/machine/scalars.ts';
import { prefetch, writtenBy } from '../scenarios/gpu-steps.ts';
import { type CheckedRun, decisionsOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';

const handOver = (pages = 4, page = 0): Step => ({
  op: 'bo_alloc',
  proc: 'A',
  device: 0,
  bo: `up${page}`,
  pages,
  kind: 'userptr',
  vma: 'buf',
  page,
});
const gpuWrites: Step = { op: 'gpu_write', proc: 'A', vma: 'buf', count: 4, device: 0, value: 7 };
const entries = ({ sim: { machine: m } }: CheckedRun): number[] => {
  const table = m.dmirrors.values().find(({ device }) => device === 1);
  const pt = table === undefined ? undefined : m.journal.mapById(table.pt);
  return (pt?.keys() ?? []).map((vpn) => Math.floor((pt?.get(vpn) ?? 0) / 4));
};
const frames = ({ sim: { machine: m } }: CheckedRun): number[] => {
  const mm = m.mms.get(1);
  const start = mm.areas[0]?.start ?? 0;
  return [0, 1, 2, 3].map((i) => mappedFrame(m, mm, start + i));
};

describe.each([true, false])('XNACK %s', (xnack) => {
  const run = (steps: Step[]): CheckedRun => runChecked(gpuScenario(steps, { gpu: { xnack } }));

  test('the pages are mapped where they are and nothing is pinned', () => {
    const done = run([...writtenBy('A', 8), handOver(), gpuWrites]);
    expect(resultTexts(done.records).at(-1)).toBe('0');
    expect(entries(done)).toEqual(frames(done));
    const { refcount } = done.sim.machine.pages;
    expect(frames(done).map((pfn) => refcount.get(pfn))).toEqual([1, 1, 1, 1]);
    expect(done.violations).toEqual([]);
  });

  test('a change stops all queues; a millisecond later the pages are looked up again, also with XNACK on', () => {
    const done = run([
      ...writtenBy('A', 8),
      handOver(),
      { op: 'madvise', proc: 'A', vma: 'buf', advice: 'DONTNEED' },
      gpuWrites,
    ]);
    expect(decisionsOf(done, stepOf(done, 3), 'svm.queues')).toEqual([
      'svm.queues-stopped',
      'svm.queues-resumed',
    ]);
    expect(resultTexts(done.records).at(-1)).toBe('0');
    expect(entries(done)).toEqual(frames(done));
    expect(done.violations).toEqual([]);
  });

  test('fork: the restore copies, so that the GPU writes what the parent reads', () => {
    const done = run([
      ...writtenBy('A', 8),
      handOver(),
      { op: 'fork', proc: 'A', child: 'B' },
      gpuWrites,
      { op: 'read', proc: 'A', vma: 'buf', count: 4 },
      { op: 'read', proc: 'B', vma: 'buf', count: 4 },
    ]);
    expect(stepOf(done, -2).result.values).toEqual([7, 8, 9, 10]);
    expect(stepOf(done, -1).result.values).toEqual([100, 101, 102, 103]);
    expect(done.violations).toEqual([]);
  });

  test('munmap: the entries go, and the queues run; the object can be given up, and so can the process', () => {
    const done = run([
      ...writtenBy('A', 8),
      handOver(),
      { op: 'munmap', proc: 'A', vma: 'buf' },
      { op: 'bo_free', proc: 'A', bo: 'up0' },
      { op: 'exit', proc: 'A' },
    ]);
    expect(resultTexts(done.records).slice(-3)).toEqual(['0', '0', '0']);
    expect(entries(done)).toEqual([]);
    expect(done.violations).toEqual([]);
  });

  test('no range where a user pointer is, and the other way round: -EADDRINUSE (§3.2)', () => {
    const done = run([
      ...writtenBy('A', 8),
      handOver(),
      prefetch(0, { page: 2, count: 4 }),
      prefetch(0, { page: 4, count: 4 }),
      handOver(2, 6),
    ]);
    expect(resultTexts(done.records).slice(-3)).toEqual(['EADDRINUSE', '0', 'EADDRINUSE']);
    expect(decisionsOf(done, stepOf(done, 3), 'svm.refused')).toEqual(['svm.refused-in-use']);
    expect(done.violations).toEqual([]);
  });
});

test('a user pointer counts against the system memory that KFD may use, for as long as it lives (§3.11)', () => {
  const area: Step = { op: 'mmap', proc: 'A', vma: 'buf', pages: 12_000, prot: 'rw', kind: 'anon-private' };
  const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
  const charged: Step = {
    op: 'svm_attr',
    proc: 'A',
    vma: 'buf',
    page: 0,
    count: 11_000,
    attrs: [{ type: 'GRANULARITY', value: 5 }],
  };
  const small = handOver(16, 11_000);
  const large = handOver(3000, 11_000);
  const more: Step = { op: 'mmap', proc: 'A', vma: 'more', pages: 3000, prot: 'rw', kind: 'anon-private' };
  const run = runChecked(
    gpuScenario([area, more, off, charged, small, { ...large, vma: 'more', page: 0, bo: 'large' } as Step], {
      devices: 1,
    }),
  );
  const { machine: m } = run.sim;
  expect(resultTexts(run.records).slice(-3)).toEqual(['0', '0', 'ENOMEM']);
  expect(decisionsOf(run, stepOf(run, -1), 'kfd.')).toEqual(['kfd.refused-system']);
  const used = m.scalars.get(KFD_MEM_USED);
  run.sim.runStep({ op: 'bo_free', proc: 'A', bo: 'up11000' });
  expect(used - m.scalars.get(KFD_MEM_USED)).toBe(16);
});
