import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { tracedCalls } from '../../scenario/recording.ts';
import { advise, mmap, on, run } from './steps-fixture.ts';

const lastCalls = (sim: Simulation): string[] => {
  const last = sim.steps[sim.steps.length - 1];
  return last === undefined ? [] : tracedCalls(sim, last);
};

const write = (count: number): object => on('write', 0, count, { value: 1 });
const huge = [mmap(512), advise(0, 512, 'HUGEPAGE'), write(1)];

it('pages out nothing that is still wanted when there is no swap space', () => {
  const sim = run(mmap(2), write(2), advise(0, 2, 'PAGEOUT'));
  expect(lastCalls(sim).filter((name) => name === 'folio_putback_lru')).toHaveLength(2);
  expect(sim.runStep({ op: 'read', proc: 'A', vma: 'buf' }).result).toEqual({ ret: 2, values: [1, 2] });
});

it('pages out what was freed lazily, unless it was written again', () => {
  const freed = run(mmap(2), write(2), advise(0, 2, 'FREE'), write(1), advise(0, 2, 'PAGEOUT'));
  expect(freed.runStep({ op: 'read', proc: 'A', vma: 'buf' }).result).toEqual({ ret: 2, values: [1, 0] });
});

it('takes a huge page apart when it is to be paged out, and keeps its pages', () => {
  const sim = run(...huge, advise(0, 512, 'PAGEOUT'));
  expect(sim.steps.at(-1)?.vmstat).toMatchObject({ thp_split_page: 1, thp_swpout_fallback: 1 });
  expect(lastCalls(sim).filter((name) => name === 'folio_putback_lru')).toHaveLength(512);
});

it('splits a huge page when part of it is cold, and only makes it old when all of it is', () => {
  expect(lastCalls(run(...huge, advise(0, 512, 'COLD')))).not.toContain('split_huge_page_to_list');
  expect(lastCalls(run(...huge, advise(0, 8, 'COLD')))).toContain('split_huge_page_to_list');
});

it('refuses locked memory, after serving what lies before it', () => {
  const sim = run(mmap(4), write(4), on('mlock', 2, 1), advise(0, 4, 'DONTNEED'));
  expect(sim.steps.at(-1)?.result).toEqual({ ret: -1, errno: 'EINVAL' });
  expect(sim.runStep({ op: 'read', proc: 'A', vma: 'buf' }).result).toEqual({ ret: 4, values: [0, 0, 3, 4] });
});

it('serves what lies behind a hole', () => {
  const sim = run(mmap(4), write(4), on('munmap', 1, 1), advise(0, 4, 'DONTNEED'));
  expect(sim.steps.at(-1)?.result).toEqual({ ret: -1, errno: 'ENOMEM' });
  const behind = sim.runStep({ op: 'read', proc: 'A', vma: 'buf', page: 2, count: 2 });
  expect(behind.result).toEqual({ ret: 2, values: [0, 0] });
});

it('drops whole huge pages of the pool only', () => {
  const pool = [mmap(512, 'hugetlb'), write(1)];
  const readFirst = { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 1 } as const;
  expect(run(...pool, advise(0, 100, 'DONTNEED')).runStep(readFirst).result).toMatchObject({ values: [1] });
  expect(run(...pool, advise(0, 512, 'DONTNEED')).runStep(readFirst).result).toMatchObject({ values: [0] });
});

it('knows the advice about huge pages only with CONFIG_TRANSPARENT_HUGEPAGE', () => {
  const results = (CONFIG_TRANSPARENT_HUGEPAGE: boolean): unknown[] => {
    const steps = [...huge, advise(0, 512, 'COLLAPSE'), advise(0, 1, 'COLD')].map((step) => ({ step }));
    const sim = createSimulation(parseScenario({ devices: [], steps }), {
      kernel: { CONFIG_TRANSPARENT_HUGEPAGE },
    });
    sim.runAll();
    return sim.steps.slice(1).map(({ result }) => result.errno ?? result.ret);
  };
  expect(results(true)).toEqual([0, 1, 0, 0]);
  expect(results(false)).toEqual(['EINVAL', 1, 'EINVAL', 0]);
});
