// Bounds of the driver that show only in how often something happens: attempts, chunks, pages of a huge page, and what is
// not done any more once nobody wants it (machine-and-drivers.md §3, §4, §5.3; kfd_svm.c, kfd_migrate.c, ttm_bo.c).

import { expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation, type Step } from '../core/index.ts';
import { ttmBoPut } from '../core/kernel/drivers/ttm-release.ts';
import { ttmBoValidate } from '../core/kernel/drivers/ttm.ts';
import {
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from '../core/kernel/mm/mmu-notifier.ts';
import { atOnce, mmapWriteLock, mmapWriteUnlock } from '../core/kernel/sched/locks.ts';
import { stepCosts } from '../core/scenario/run-costs.ts';
import { DEFAULT_COSTS } from '../core/uapi/cost-model.ts';
import { decisionsOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';
import { access, attr, gpuWrite, map, prefetch } from './svm-fixture.ts';
import { fill, other, take } from './ttm-fixture.ts';

/** The steps told page by page, and as big steps. */
const bothWays = (scenario: unknown): readonly Simulation[] =>
  [Number.POSITIVE_INFINITY, 64].map((bigStepPages) => {
    const sim = createSimulation(parseScenario(structuredClone(scenario)), { bigStepPages });
    sim.runAll();
    return sim;
  });

test('§5.3, `gup.fast` "per page": a fast pin of a huge page costs what its 512 pages cost, in a big step, too', () => {
  const area = { proc: 'A', vma: 'buf' };
  const steps: Step[] = [
    { op: 'mmap', ...area, pages: 1024, prot: 'rw', kind: 'anon-private' },
    { op: 'madvise', ...area, advice: 'HUGEPAGE' },
    { op: 'write', ...area, value: 1 },
    { op: 'gup', ...area, call: 'pin_user_pages_fast', flags: ['FOLL_WRITE'], as: 'h' } as Step,
  ];
  const told = bothWays(gpuScenario(steps, { devices: 1 })).map((sim) => {
    const pins = stepCosts(sim, DEFAULT_COSTS).at(-1)?.report.nsByKind.pins;
    return sim.steps.slice(3).map((pin) => [pin.isBig, sim.callTotals(pin).get('gup_huge_pmd'), pins]);
  });
  expect(told).toEqual([[[false, 2, 1024 * 50]], [[true, 2, 1024 * 50]]]);
});

test('§3.4, §3.5, "chunks of ≤ 512 pages": a big step copies as often as one told page by page, there and home', () => {
  const steps = [...map(1024), prefetch(0), prefetch('system')];
  const copies = bothWays(gpuScenario(steps, { machine: 'lab-node', devices: 1 })).map((sim) =>
    sim.steps
      .slice(2)
      .map((step) => [step.isBig, sim.callTotals(step).get('svm_migrate_copy_memory_gart')] as const),
  );
  expect(copies[1]).toEqual(copies[0]?.map(([, n]) => [true, n]));
  expect(copies[0]?.map(([, n]) => n)).toEqual([2, 2]);
});

test('kfd_svm.c: svm_range_restore_work: one that fails is tried three times in a step, and again in the next', () => {
  const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
  const none: Step = { op: 'mprotect', proc: 'A', vma: 'buf', prot: '' };
  const calm: Step = { op: 'read', proc: 'A', vma: 'calm' };
  const steps = [...map(1, 'calm'), ...map(4), off, attr([access(0)]), none, calm, gpuWrite(0)];
  const run = runChecked(gpuScenario(steps, { devices: 1 }));
  expect([-3, -2].map((i) => decisionsOf(run, stepOf(run, i), 'svm.restore-again').length)).toEqual([3, 3]);
  expect(run.sim.machine.kfdProcesses.values()[0]).toMatchObject({ queuesStopped: true });
  // "Until then the GPU does no work" (§3.10), though all its entries are still there
  expect(resultTexts(run.records).at(-1)).toBe('EAGAIN');
  expect(decisionsOf(run, stepOf(run, -1), 'gpu.fault')).toEqual([]);
  expect(run.violations).toEqual([]);
});

test('amdgpu_amdkfd_gpuvm.c: amdgpu_amdkfd_restore_userptr_worker: a change while it works makes it begin anew, here three times at most', () => {
  const userptr = { op: 'bo_alloc', proc: 'A', device: 0, bo: 'up', pages: 4, kind: 'userptr', vma: 'buf' };
  const run = runChecked(gpuScenario([...map(4), { ...userptr, page: 0 } as Step], { devices: 1 }));
  const { machine: m } = run.sim;
  const start = m.mms.get(1).areas[0]?.start ?? 0;
  const change = (): void => {
    const range = { event: 'CLEAR', mm: 1, start, end: start + 4, owner: 0 } as const;
    mmuNotifierInvalidateRangeStart(m, range);
    mmuNotifierInvalidateRangeEnd(m, range);
  };
  change();
  let tries = 0;
  for (let work = m.works.pop(); work !== undefined; work = m.works.pop()) {
    tries++;
    // §5.4, "userptr restore delay: 1 ms": behind all that is at work now
    expect(work.delayed).toBe(true);
    // it meets somebody who changes the area
    atOnce(() => mmapWriteLock(m, 1));
    const worker = work.run();
    let asleep = worker.next();
    change();
    mmapWriteUnlock(m, 1);
    while (asleep.done !== true) asleep = worker.next();
  }
  expect(tries).toBe(3);
  expect(m.kfdProcesses.get(1)).toMatchObject({ queuesStopped: true });
});

test('an object that is freed while somebody waits for room for it takes nobody else’s (ttm_bo.c: ttm_bo_release)', () => {
  const all: Step = { ...take(4096, 'gem', 'A'), pin: true } as Step;
  const free: Step = { op: 'bo_free', proc: 'A', bo: 'big4096' };
  const steps = [all, other, take(1024, 'gem'), free, ...fill(8)];
  const sim = createSimulation(parseScenario(gpuScenario(steps, { devices: 1 })));
  sim.runAll();
  const { machine: m } = sim;
  const bo = m.ttmBos.values().find(({ name }) => name === 'big1024');
  expect(bo?.memType).toBe('tt');
  const id = bo?.id ?? 0;
  const waits = ttmBoValidate(m, id, 'vram', { mm: 2, gfpRetryMayfail: true });
  let at = waits.next();
  while (at.done !== true && at.value.kind !== 'fence') at = waits.next();
  const [asked] = m.fences.values().filter(({ enabled }) => enabled);
  atOnce(() => ttmBoPut(m, id));
  expect(m.ttmBos.get(id).deleted).toBe(true);
  m.fences.update(asked?.id ?? 0, { signaled: true });
  while (at.done !== true && m.fences.values().filter(({ enabled }) => enabled).length < 2) at = waits.next();
  expect(at).toEqual({ done: true, value: 0 });
  expect(m.ttmBos.find(id)).toBeUndefined();
});
