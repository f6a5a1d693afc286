// Places where the driver of v6.1 never comes to an end, as its code is read. Each is built here by hand, one task at a
// time up to a point where it may sleep. The soup meets them now and then and takes the step back.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, StepError, type Step } from '../core/index.ts';
import { amdgpuBoCreate } from '../core/kernel/drivers/amdgpu-client.ts';
import { migrateMutex, svmsLock } from '../core/kernel/drivers/amdgpu-process.ts';
import { svmRangeSetAttr } from '../core/kernel/drivers/amdgpu-svm.ts';
import { cpuAccess } from '../core/kernel/mm/cpu-access.ts';
import type { Machine } from '../core/machine/machine.ts';
import type { Sleeps, Wait } from '../core/machine/ops.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import { type CheckedRun, decisionsOf, gpuScenario, runChecked, stepOf } from './checked-run.ts';

/** Lets a task run until it sleeps; points where it only could are passed over up to one that is named. */
const runUntil = (task: Sleeps<unknown>, where?: string): Wait | 'done' => {
  for (;;) {
    const next = task.next();
    if (next.done === true) return 'done';
    if (next.value.kind !== 'resched' || next.value.where === where) return next.value;
  }
};
/** What a task waits for, which must be something that others do. */
const freeOf = (wait: Wait | 'done'): (() => boolean) => {
  if (wait === 'done' || !('free' in wait)) throw new Error('it does not wait for anybody');
  return wait.free;
};
/** The kernel thread that was scheduled last. */
const lastWork = (m: Machine): Sleeps<void> => {
  const work = m.works.pop();
  if (work === undefined) throw new Error('nothing was scheduled');
  return work.run();
};
const startOf = (m: Machine): number => m.mms.get(1).areas[0]?.start ?? 0;
const prefetch = (loc: number | 'system', page: number, count: number): Step => ({
  op: 'svm_attr',
  proc: 'A',
  vma: 'buf',
  page,
  count,
  attrs: [{ type: 'PREFETCH_LOC', loc }],
});
/** Pages of A in VRAM, as one range for each half, which share a buffer object. */
const twoRanges = (pages: number): Step[] => [
  { op: 'mmap', proc: 'A', vma: 'buf', pages, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc: 'A', vma: 'buf', value: 100 },
  prefetch(0, 0, pages),
  {
    op: 'svm_attr',
    proc: 'A',
    vma: 'buf',
    page: 0,
    count: pages / 2,
    attrs: [{ type: 'GRANULARITY', value: 3 }],
  },
];

describe('a fence is waited for with a mutex that its owner needs (kfd_svm.c)', () => {
  /**
   * A's second range has gone home, and its buffer object lives on in the first. B wants all of VRAM; A wants the second
   * range there again.
   */
  const build = (): { m: Machine; b: Wait | 'done'; a: Wait | 'done'; worker: Wait | 'done' } => {
    const { sim } = runChecked(gpuScenario([...twoRanges(4), prefetch('system', 2, 2)], { devices: 1 }));
    const { machine: m } = sim;
    const [first, second] = m.svmRanges.values();
    expect([first?.actualLoc, second?.actualLoc, second?.ttmRes]).toEqual([1, 0, false]);
    expect(second?.svmBo).toBe(first?.svmBo);
    // ttm_bo_evict: ttm_bo_wait enables the fence, so amdkfd_fence_enable_signaling says that the object is evicted
    const b = runUntil(
      amdgpuBoCreate(m, { gpu: 1, name: 'all', kind: 'gem', mm: 9, npages: 4096, pin: false }),
    );
    const evicts = lastWork(m);
    // svm_range_set_attr takes the second range's migrate_mutex; svm_range_validate_svm_bo finds the object evicted
    const a = runUntil(svmRangeSetAttr(m, startOf(m) + 2, 2, 1, [{ type: 'PREFETCH_LOC', loc: 1 }]));
    // svm_range_evict_svm_bo_worker brings the first range home, and comes to the second
    const worker = runUntil(evicts);
    return { m, b, a, worker };
  };

  test('dma_fence_wait in svm_range_validate_svm_bo has no limit; the worker waits for the migrate_mutex', () => {
    const { m, b, a, worker } = build();
    expect([b, a, worker].map((wait) => (wait === 'done' ? wait : wait.kind))).toEqual([
      'fence',
      'fence',
      'mutex',
    ]);
    const second = m.svmRanges.values()[1];
    expect(worker).toMatchObject({ name: migrateMutex(second?.id ?? 0) });
    expect(a).toMatchObject({ defect: 'svm.fence-under-mutex' });
    // both have mmap_lock for reading (machine-and-drivers.md §4.3, step 4)
    expect(m.mmapLocks.get(1)).toBe(2);
    expect([b, a, worker].map((wait) => freeOf(wait)())).toEqual([false, false, false]);
  });

  test('only B gets away, after 15 seconds (ttm_bo_wait); A and the worker stay', () => {
    const { b, a, worker } = build();
    if (b === 'done' || b.kind !== 'fence' || a === 'done' || a.kind !== 'fence')
      throw new Error('no fences');
    expect(a.expire).toBeUndefined();
    b.expire?.();
    expect([b, a, worker].map((wait) => freeOf(wait)())).toEqual([true, false, false]);
  });
});

describe('a private page is left behind without being counted (kfd_migrate.c)', () => {
  /** Both halves of A's memory come home, the second one first, while two threads touch the first page. */
  const build = (): { run: CheckedRun; threads: Sleeps<unknown>[] } => {
    const run = runChecked(gpuScenario(twoRanges(4), { kind: 'private', devices: 1 }));
    const { machine: m } = run.sim;
    const start = startOf(m);
    // svm_range_set_attr is at the second range, and holds svms.lock
    const home = svmRangeSetAttr(m, start, 4, 1, [{ type: 'PREFETCH_LOC', loc: 0 }]);
    runUntil(home, 'migrate_vma_setup');
    // do_swap_page: get_page; svm_migrate_to_ram: mutex_lock(&p->svms.lock)
    const threads = [1, 2].map(() => cpuAccess(m, m.mms.get(1), start, false));
    for (const thread of threads) expect(runUntil(thread)).toMatchObject({ name: svmsLock(1) });
    // migrate_device_unmap: two references that nobody explains; svm_migrate_unsuccessful_pages does not see the page
    expect(runUntil(home)).toBe('done');
    return { run, threads };
  };

  test('the range counts as home, its page is in VRAM: svm_migrate_to_ram does nothing, and says that all is well', () => {
    const { run, threads } = build();
    const { machine: m } = run.sim;
    expect(m.svmRanges.values().map(({ actualLoc }) => actualLoc)).toEqual([0, 0]);
    for (const thread of threads) {
      const wait = runUntil(thread);
      expect(wait).toMatchObject({ kind: 'spin', defect: 'svm.page-left-behind' });
      expect(freeOf(wait)()).toBe(false);
    }
    expect(m.mmapLocks.get(1) ?? 0).toBe(0);
  });

  test('munmap ends it; a move to VRAM would take the page a second time, in use (svm_migrate_get_vram_page)', () => {
    const { run, threads } = build();
    const { machine: m } = run.sim;
    const waits = threads.map((thread) => runUntil(thread));
    m.journal.commit();
    let refused: unknown;
    try {
      // svm_range_validate_svm_bo: the buffer object lives, since the page holds it, so the range gets it back
      run.sim.runStep(prefetch(0, 0, 2));
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ field: 'op', defect: 'svm.page-in-use' });
    expect(waits.map((wait) => freeOf(wait)())).toEqual([false, false]);
    expect(run.sim.runStep({ op: 'munmap', proc: 'A', vma: 'buf' }).result.ret).toBe(0);
    expect(waits.map((wait) => freeOf(wait)())).toEqual([true, true]);
    for (const thread of threads) {
      thread.next(); // cond_resched before the next fault
      expect(thread.next()).toEqual({ done: true, value: { kind: 'signal', signal: 'SIGSEGV' } });
    }
    expect(m.svmBos.values()).toEqual([]);
  });

  test('a step that runs into it is refused at once, by name', () => {
    const { run } = build();
    const read: Step = { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 1 };
    run.sim.machine.journal.commit();
    let refused: unknown;
    try {
      run.sim.runStep(read);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(StepError);
    expect(refused).toMatchObject({ field: 'op', defect: 'svm.page-left-behind' });
    expect(String(refused)).toContain('livelock');
  });
});

describe('the thread that maps a range faults for it (kfd_svm.c: svm_range_validate_and_map, faulting_task)', () => {
  const written: Step[] = [
    { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'buf', value: 100 },
    { op: 'gpu_write', proc: 'A', vma: 'buf', device: 0, value: 500 },
  ];
  const inPlace: Step = {
    op: 'svm_attr',
    proc: 'A',
    vma: 'buf',
    attrs: [{ type: 'ACCESS_IN_PLACE', device: 1 }],
  };

  test('private pages that are not all GPUs’ own: "skipping ram migration", and hmm_range_fault begins anew without a limit', () => {
    const run = runChecked(gpuScenario(written, { kind: 'private', gpu: { hives: [1, 2] } }));
    run.sim.machine.journal.commit();
    let refused: unknown;
    try {
      run.sim.runStep(inPlace);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ field: 'op', defect: 'svm.own-fault-skipped' });
    // the thread that maps is gone with its step: a touch by the CPU brings the pages home
    const read: Step = { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 1 };
    expect(run.sim.runStep(read).result).toMatchObject({ ret: 1, values: [500] });
    // as the message says: at home both reach it
    expect(run.sim.runStep(prefetch('system', 0, 4)).result.ret).toBe(0);
    expect(run.sim.runStep(inPlace).result.ret).toBe(0);
  });

  test.each([
    ['private', [1, 1]],
    ['coherent', [1, 2]],
  ] as const)('%s memory and hives %j: no fault is needed', (kind, hives) => {
    const run = runChecked(gpuScenario([...written, inPlace], { kind, gpu: { hives: [...hives] } }));
    expect(run.records.at(-1)?.result.ret).toBe(0);
    expect(run.violations).toEqual([]);
  });
});

describe('a buffer object comes back with a page in use (kfd_svm.c: svm_range_validate_svm_bo, "reuse old bo")', () => {
  /** The child keeps A's pages in VRAM; A has copies in system memory. */
  const shared: Step[] = [
    ...twoRanges(4),
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'write', proc: 'A', vma: 'buf', value: 200 },
    prefetch('system', 0, 4),
  ];

  test('a page that a child has mapped would be handed out again (zone_device_page_init: set_page_count)', () => {
    const run = runChecked(gpuScenario(shared, { devices: 1 }));
    const { machine: m } = run.sim;
    expect(m.svmRanges.values().map(({ actualLoc }) => actualLoc)).toEqual([0, 0]);
    expect(run.violations).toEqual([]);
    let refused: unknown;
    try {
      run.sim.runStep(prefetch(0, 0, 4));
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ defect: 'svm.page-in-use' });
  });

  test('when the child is gone the ranges get a new object, and all is well', () => {
    const run = runChecked(
      gpuScenario([...shared, { op: 'exit', proc: 'B' }, prefetch(0, 0, 4)], { devices: 1 }),
    );
    expect(run.sim.machine.svmRanges.values().map(({ actualLoc }) => actualLoc)).toEqual([1, 1]);
    expect(run.violations).toEqual([]);
  });
});

describe('a range keeps the buffer object that it could not be evicted from (kfd_svm.c: svm_range_evict_svm_bo_worker)', () => {
  const hold = (call: 'get_user_pages' | 'pin_user_pages'): Step => ({
    op: 'gup',
    proc: 'A',
    vma: 'buf',
    page: 0,
    count: 1,
    call,
    flags: ['FOLL_WRITE'],
    as: 'held',
  });
  const begin: readonly Step[] = [
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'buf', value: 100 },
    prefetch(0, 0, 4),
  ];
  const evict: Step = { op: 'bo_alloc', proc: 'B', device: 0, bo: 'all', pages: 4096, kind: 'gem' };
  const put: Step = { op: 'put', proc: 'A', handle: 'held' };
  const stateOf = ({ sim: { machine: m } }: CheckedRun) => ({
    ranges: m.svmRanges.values().map(({ actualLoc, svmBo, ttmRes }) => [actualLoc, svmBo, ttmRes]),
    bos: m.svmBos.values().map(({ id, ranges }) => [id, ranges.length]),
  });

  test('list_del_init before three attempts; "Migration failed during eviction" leaves prange->svm_bo', () => {
    const run = runChecked(gpuScenario([...begin, hold('get_user_pages'), evict], { devices: 1 }));
    expect(stateOf(run)).toEqual({ ranges: [[1, 1, true]], bos: [[1, 0]] });
    // the page that could not leave is B's now, too: nothing else is wrong with the machine
    expect(run.violations).toEqual([]);
  });

  test('svm_range_bo_release tells only the ranges on its list; svm_range_validate_svm_bo would read what was freed', () => {
    const run = runChecked(
      gpuScenario([...begin, hold('get_user_pages'), evict, put, prefetch('system', 0, 4)], { devices: 1 }),
    );
    expect(stateOf(run)).toEqual({ ranges: [[0, 1, false]], bos: [] });
    let refused: unknown;
    try {
      run.sim.runStep(prefetch(0, 0, 4));
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ field: 'op', defect: 'svm.bo-freed' });
    // as the message says: with the range goes the pointer
    expect(run.sim.runStep({ op: 'munmap', proc: 'A', vma: 'buf' }).result.ret).toBe(0);
    expect(run.violations).toEqual([]);
  });

  test('"prange->svm_bo->bo->tbo.bdev": svm_range_dma_map_dev has a page of VRAM, and the range no object', () => {
    const run = runChecked(gpuScenario([...begin, hold('pin_user_pages'), evict], { devices: 1 }));
    expect(stateOf(run).ranges).toEqual([[0, 0, false]]);
    const inPlace: Step = {
      op: 'svm_attr',
      proc: 'A',
      vma: 'buf',
      attrs: [
        { type: 'PREFETCH_LOC', loc: 'system' },
        { type: 'ACCESS_IN_PLACE', device: 0 },
      ],
    };
    let refused: unknown;
    try {
      run.sim.runStep(inPlace);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ field: 'op', defect: 'svm.bo-null' });
    // as the message says: a long-term pin brings the page home, and then the same attributes do no harm
    const longterm: Step = {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      page: 0,
      count: 1,
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'long',
    };
    expect(run.sim.runStep({ op: 'unpin', proc: 'A', handle: 'held' }).result.ret).toBe(0);
    expect(run.sim.runStep(longterm).result.ret).toBe(1);
    expect(run.sim.runStep(inPlace).result.ret).toBe(0);
    expect(run.violations).toEqual([]);
  });

  test('a pinned page is not counted as left behind, so the range forgets its object, and all is well', () => {
    const run = runChecked(
      gpuScenario(
        [
          ...begin,
          hold('pin_user_pages'),
          evict,
          { op: 'unpin', proc: 'A', handle: 'held' },
          { op: 'munmap', proc: 'A', vma: 'buf' },
        ],
        { devices: 1 },
      ),
    );
    expect(stateOf(run)).toEqual({ ranges: [], bos: [] });
    expect(run.violations).toEqual([]);
  });
});

describe('pages of its own are mapped writable without a look (hmm.c: hmm_vma_handle_pte, kfd_svm.c: svm_range_map_to_gpu)', () => {
  const gpuWrites = (count: number): Step => ({
    op: 'gpu_write',
    proc: 'A',
    vma: 'buf',
    count,
    device: 0,
    value: 500,
  });
  const shared = (kind: 'private' | 'coherent', pages: number, writes: Step[]): unknown =>
    gpuScenario(
      [
        { op: 'mmap', proc: 'A', vma: 'buf', pages, prot: 'rw', kind: 'anon-private' },
        { op: 'write', proc: 'A', vma: 'buf', value: 100 },
        prefetch(0, 0, pages),
        { op: 'fork', proc: 'A', child: 'B' },
        ...writes,
        { op: 'read', proc: 'B', vma: 'buf' },
      ],
      { kind, devices: 1 },
    );
  const child = (
    kind: 'private' | 'coherent',
  ): { read: readonly number[]; said: number; violations: number } => {
    const run = runChecked(shared(kind, 2, [gpuWrites(2)]));
    return {
      read: stepOf(run, -1).result.values ?? [],
      said: decisionsOf(run, stepOf(run, 4), 'gpu.wrote-shared').length,
      violations: run.violations.length,
    };
  };

  test('what the GPU writes for a parent in private memory its child reads; coherent pages are copied', () => {
    expect(child('coherent')).toEqual({ read: [100, 101], said: 0, violations: 0 });
    const { read, said, violations } = child('private');
    expect([read, said]).toEqual([[500, 501], 1]);
    expect(violations).toBeGreaterThan(0);
  });

  test('a big step that finds all its entries says so, too', () => {
    // one fault maps the whole range
    const scenario = parseScenario(shared('private', 128, [gpuWrites(1), gpuWrites(128)]));
    const sim = createSimulation(scenario, { bigStepPages: 64 });
    sim.runAll();
    const writes = sim.steps[5];
    if (writes === undefined) throw new Error('no such step');
    const { log } = sim.machine.journal;
    let told = 0;
    for (let i = writes.begin; i < writes.end; i++)
      if (log.kindAt(i) === EventKind.DECISIONS && DECISIONS[log.idAt(i)] === 'gpu.wrote-shared')
        told += log.rowAt(i);
    expect([writes.isBig, told]).toEqual([true, 1]);
  });
});
