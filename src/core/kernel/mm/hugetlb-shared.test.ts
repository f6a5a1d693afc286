// Shared mappings of the hugetlb pool, and a pool that may grow.

import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { HUGETLB_FREE, HUGETLB_RESV, HUGETLB_SURPLUS, HUGETLB_TOTAL } from '../../machine/scalars.ts';
import { observeFrame } from '../../scenario/observe.ts';
import { mappedFrame } from './page-table.ts';

const at = { proc: 'A', vma: 'h' };
const mmap = (vma: string, hugePages: number, more: object = {}): object => ({
  op: 'mmap',
  proc: 'A',
  vma,
  pages: 512 * hugePages,
  prot: 'rw',
  kind: 'hugetlb',
  ...more,
});
const SHARED = { shared: true };
const RESERVED = { reserve: true };

/** On the guest, whose pool has four pages. */
const run = (overcommit: number, ...steps: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({ devices: [], overcommit, steps: steps.map((step) => ({ step })) }),
  );
  sim.runAll();
  return sim;
};

const results = (sim: Simulation): object[] => sim.steps.map(({ result }) => result);
const pool = ({ machine: m }: Simulation): object => ({
  total: m.scalars.get(HUGETLB_TOTAL),
  free: m.scalars.get(HUGETLB_FREE),
  resv: m.scalars.get(HUGETLB_RESV),
  surplus: m.scalars.get(HUGETLB_SURPLUS),
});
const frameOf = (sim: Simulation, pid: number): object => {
  const m = sim.machine;
  const mm = m.mms.get(pid);
  return observeFrame(m, mappedFrame(m, mm, mm.areas[0]?.start ?? 0));
};

// mm/hugetlb.c: hugetlb_no_page: a fresh page is in the cache, dirty, with a reference of it (hugetlb_add_to_page_cache);
// make_huge_pte is writable for a read, too; fork copies nothing (vma_needs_copy), the child finds the page in the cache
it('share their pages through the page cache of their file, and lose them with the last mapping', () => {
  const sim = run(
    0,
    mmap('h', 2, SHARED),
    { op: 'read', ...at, page: 0, count: 1 },
    { op: 'write', ...at, page: 0, count: 1, value: 5 },
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'write', proc: 'B', vma: 'h', page: 1, count: 1, value: 6 },
    { op: 'read', ...at, page: 0, count: 2 },
  );
  expect(sim.steps.map(({ vmstat }) => vmstat['pgfault'] ?? 0)).toEqual([0, 1, 0, 0, 1, 0]);
  expect(results(sim).at(-1)).toEqual({ ret: 2, values: [5, 7] });
  expect(frameOf(sim, 1)).toMatchObject({
    kind: 'hugetlb',
    refcount: 3,
    compound_mapcount: 2,
    flags: ['uptodate', 'dirty', 'head', 'hugetlb'],
  });
  expect(sim.callsOf(sim.steps[3])).not.toContain('copy_hugetlb_page_range');
  sim.runStep({ op: 'munmap', ...at });
  expect(pool(sim)).toMatchObject({ free: 3 });
  sim.runStep({ op: 'exit', proc: 'B' });
  expect(pool(sim)).toEqual({ total: 4, free: 4, resv: 0, surplus: 0 });
});

// hugetlb_reserve_pages: the promise of a shared mapping is the file's, so that a child may use it up;
// hugetlb_unreserve_pages: what is left goes with the file
it('promise pages to the file, not to the process', () => {
  const sim = run(
    0,
    mmap('h', 3, { ...SHARED, ...RESERVED }),
    { op: 'fork', proc: 'A', child: 'B' },
    mmap('p', 2),
    { op: 'write', proc: 'A', vma: 'p', page: 0, count: 1, value: 1 },
    { op: 'write', proc: 'A', vma: 'p', page: 512, count: 1, value: 1 },
    { op: 'write', proc: 'B', vma: 'h', page: 1024, count: 1, value: 1 },
  );
  expect(results(sim).slice(3)).toMatchObject([{ ret: 1 }, { ret: 0, signal: 'SIGBUS' }, { ret: 1 }]);
  expect(pool(sim)).toEqual({ total: 4, free: 2, resv: 2, surplus: 0 });
  sim.runStep({ op: 'exit', proc: 'B' });
  sim.runStep({ op: 'munmap', ...at });
  expect(pool(sim)).toEqual({ total: 4, free: 3, resv: 0, surplus: 0 });
});

// alloc_surplus_huge_page: beyond the four pages of the pool as many as nr_overcommit_hugepages says; free_huge_page gives
// pages back to the page allocator until there is no surplus
it('take pages from the page allocator, if the pool may grow, and give them back', () => {
  const sim = run(
    1,
    mmap('h', 6),
    { op: 'write', ...at, page: 0, count: 5 * 512, value: 0 },
    { op: 'write', ...at, page: 5 * 512, count: 1, value: 0 },
  );
  expect(results(sim).slice(1)).toMatchObject([{ ret: 5 * 512 }, { ret: 0, signal: 'SIGBUS' }]);
  expect(pool(sim)).toEqual({ total: 5, free: 0, resv: 0, surplus: 1 });
  sim.runStep({ op: 'munmap', ...at });
  expect(pool(sim)).toEqual({ total: 4, free: 4, resv: 0, surplus: 0 });
});

// gather_surplus_pages, return_unused_surplus_pages
it('gather pages for a promise that the pool alone could not keep', () => {
  const sim = run(2, mmap('h', 6, RESERVED), mmap('more', 1, RESERVED));
  expect(results(sim)).toEqual([{ ret: 0 }, { ret: -1, errno: 'ENOMEM' }]);
  expect(pool(sim)).toEqual({ total: 6, free: 6, resv: 6, surplus: 2 });
  sim.runStep({ op: 'munmap', ...at });
  expect(pool(sim)).toEqual({ total: 4, free: 4, resv: 0, surplus: 0 });
  expect(pool(run(1, mmap('h', 6, RESERVED)))).toEqual({ total: 4, free: 4, resv: 0, surplus: 0 });
});
