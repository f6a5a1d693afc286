import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { HUGETLB_FREE, HUGETLB_RESV } from '../../machine/scalars.ts';

/** Runs steps on the guest machine, whose pool has four huge pages. */
const run = (...steps: readonly object[]): Simulation => {
  const sim = createSimulation(parseScenario({ devices: [], steps: steps.map((step) => ({ step })) }));
  sim.runAll();
  return sim;
};

const mmap = (vma: string, hugePages: number, reserve: object = { reserve: true }): object => ({
  op: 'mmap',
  proc: 'A',
  vma,
  pages: hugePages * 512,
  prot: 'rw',
  kind: 'hugetlb',
  ...reserve,
});
const write = (vma: string, hugePage: number, hugePages = 1, proc = 'A'): object => ({
  op: 'write',
  proc,
  vma,
  page: hugePage * 512,
  count: hugePages * 512,
  value: 0,
});
const read = (vma: string, hugePage: number, proc: string): object => ({
  op: 'read',
  proc,
  vma,
  page: hugePage * 512,
  count: 1,
});
const fork = { op: 'fork', proc: 'A', child: 'B' };
const pool = ({ machine }: Simulation): { free: number; resv: number } => ({
  free: machine.scalars.get(HUGETLB_FREE),
  resv: machine.scalars.get(HUGETLB_RESV),
});

it('promises pages that nobody else gets, and refuses a promise that it could not keep', () => {
  const sim = run(mmap('r', 3), mmap('more', 2), mmap('n', 2, {}), write('n', 0, 2), write('r', 0, 3));
  expect(sim.steps[1].result).toEqual({ ret: -1, errno: 'ENOMEM' });
  expect(sim.steps[3].result).toEqual({ ret: 512, signal: 'SIGBUS', at: 512 });
  expect(sim.steps[4].result).toEqual({ ret: 3 * 512 });
  expect(pool(sim)).toEqual({ free: 0, resv: 0 });
});

it('gives unused promises back with the area, and keeps them with the area that moves', () => {
  const sim = run(
    mmap('r', 3),
    write('r', 0),
    { op: 'munmap', proc: 'A', vma: 'r', page: 2 * 512, count: 512 },
    { op: 'madvise', proc: 'A', vma: 'r', page: 0, count: 512, advice: 'DONTNEED' },
  );
  // one used and given up, one unused, one unmapped
  expect(pool(sim)).toEqual({ free: 4, resv: 1 });
  sim.runStep({ op: 'munmap', proc: 'A', vma: 'r' });
  expect(pool(sim)).toEqual({ free: 4, resv: 0 });
  const moved = run(mmap('r', 3), { op: 'mremap', proc: 'A', vma: 'r', to: 's' }, write('s', 0));
  expect(pool(moved)).toEqual({ free: 3, resv: 2 });
});

it('takes a page away from the children of its owner when there is none for the copy', () => {
  // hugetlb_wp, unmap_ref_private: the child is not to find zeroes where its data was
  const sim = run(
    mmap('r', 4),
    write('r', 0, 4),
    fork,
    write('r', 1, 1, 'B'),
    write('r', 0),
    read('r', 0, 'B'),
    read('r', 2, 'B'),
  );
  expect(sim.steps[3].result).toEqual({ ret: 0, signal: 'SIGBUS', at: 0 });
  expect(sim.steps[4].result).toEqual({ ret: 512 });
  expect(sim.steps[4].vmstat).toEqual({ pgfault: 1 });
  expect(sim.steps[5].result).toEqual({ ret: 0, signal: 'SIGBUS', at: 0 });
  expect(sim.steps[6].result).toEqual({ ret: 1, values: [1024] });
  sim.runStep({ op: 'exit', proc: 'A' });
  sim.runStep({ op: 'exit', proc: 'B' });
  expect(pool(sim)).toEqual({ free: 4, resv: 0 });
});

it('copies a pinned page for a child only from what is promised to nobody', () => {
  const pin = {
    op: 'gup',
    proc: 'A',
    vma: 'r',
    page: 0,
    count: 1,
    call: 'pin_user_pages',
    flags: [],
    as: 'p',
  };
  expect(run(mmap('r', 3), write('r', 0), pin, fork).steps[3].result).toEqual({ ret: 0 });
  expect(run(mmap('r', 4), write('r', 0), pin, fork).steps[3].result).toEqual({ ret: -1, errno: 'ENOMEM' });
});
