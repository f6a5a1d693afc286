import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { briefly } from '../../scenario/brief.ts';
import { HUGETLB_FREE } from '../../machine/scalars.ts';

/** Runs steps on the guest machine, whose pool has four huge pages. */
const run = (...steps: readonly object[]): Simulation => {
  const sim = createSimulation(parseScenario({ devices: [], steps: steps.map((step) => ({ step })) }));
  sim.runAll();
  return sim;
};

const area = (pages: number): object => ({
  op: 'mmap',
  proc: 'A',
  vma: 'h',
  pages,
  prot: 'rw',
  kind: 'hugetlb',
});
const freePages = (sim: Simulation): number => sim.machine.scalars.get(HUGETLB_FREE);

it('kills the access that finds the pool empty with SIGBUS', () => {
  const sim = run(area(5 * 512), { op: 'write', proc: 'A', vma: 'h', value: 0 });
  expect(sim.steps[1]?.result).toEqual({ ret: 4 * 512, signal: 'SIGBUS', at: 4 * 512 });
  expect(freePages(sim)).toBe(0);
});

it('gives the pages back to the pool when they are unmapped, and not while one is pinned', () => {
  const pin = {
    op: 'gup',
    proc: 'A',
    vma: 'h',
    page: 0,
    count: 2,
    call: 'pin_user_pages',
    flags: [],
    as: 'p',
  };
  const sim = run(area(1024), { op: 'write', proc: 'A', vma: 'h', value: 0 }, pin, {
    op: 'munmap',
    proc: 'A',
    vma: 'h',
  });
  expect(freePages(sim)).toBe(3);
  sim.runStep({ op: 'unpin', proc: 'A', handle: 'p' });
  expect(freePages(sim)).toBe(4);
});

it('copies a pinned huge page for the child, and shares one that is not pinned', () => {
  const write = { op: 'write', proc: 'A', vma: 'h', page: 0, count: 1, value: 7 };
  const pin = {
    op: 'gup',
    proc: 'A',
    vma: 'h',
    page: 0,
    count: 1,
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE'],
    as: 'p',
  };
  const fork = { op: 'fork', proc: 'A', child: 'B' };
  expect(freePages(run(area(512), write, fork))).toBe(3);
  const sim = run(area(512), write, pin, fork);
  expect(freePages(sim)).toBe(2);
  expect(sim.runStep({ op: 'read', proc: 'B', vma: 'h', page: 0, count: 1 }).result.values).toEqual([7]);
});

it('lets fork fail with ENOMEM when the pool has no page for the copy of a pinned one', () => {
  const pin = { op: 'gup', proc: 'A', vma: 'h', page: 0, count: 1, call: 'pin_user_pages', as: 'p' };
  const sim = run(
    area(4 * 512),
    { op: 'write', proc: 'A', vma: 'h', value: 0 },
    { ...pin, flags: ['FOLL_WRITE'] },
    { op: 'fork', proc: 'A', child: 'B' },
  );
  expect(sim.steps[3]?.result).toEqual({ ret: -1, errno: 'ENOMEM' });
});

// mm/hugetlb.c: hugetlb_change_protection has an mmu_gather of its own inside that of mprotect, so tlb_finish_mmu finds
// another one under way (mm_tlb_flush_nested) and flushes everything, once more, after the notifier bracket
it('flushes twice when its protection changes, and once where nothing is mapped', () => {
  const steps = briefly(
    [
      { op: 'mmap', pages: 1024, prot: 'rw', kind: 'hugetlb' },
      { op: 'write', page: 0, count: 1, value: 5 },
      { op: 'dev_read', device: 0, page: 0, count: 1 },
      { op: 'mprotect', page: 0, count: 512, prot: 'r' },
      { op: 'mprotect', page: 512, count: 512, prot: 'r' },
    ],
    ['coherent'],
  );
  const bracket = (inside: string): string =>
    `change_protection __mmu_notifier_invalidate_range_start dmirror_interval_invalidate dmirror_do_update ${inside}` +
    '__mmu_notifier_invalidate_range_end __mmu_notifier_invalidate_range';
  expect(steps[3].calls).toBe(bracket('__mmu_notifier_invalidate_range '));
  expect(steps[4].calls).toBe(bracket(''));
});
