import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
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
