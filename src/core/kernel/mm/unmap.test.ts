import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { tracedCalls } from '../../scenario/recording.ts';
import { advise, mmap, on } from './steps-fixture.ts';

/** Runs steps on areas of process A, whose device 0 is open. */
const run = (...steps: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { op: 'mmap', proc: 'A', vma: 'other', pages: 1, prot: 'rw', kind: 'anon-private' },
        { op: 'write', proc: 'A', vma: 'other', value: 1 },
        { op: 'snapshot', proc: 'A', vma: 'other', device: 0 },
        ...steps,
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return sim;
};

const SHORT: Readonly<Record<string, string>> = {
  __mmu_notifier_invalidate_range_start: 'N+',
  __mmu_notifier_invalidate_range_end: 'N-',
  __mmu_notifier_invalidate_range: 'Nr',
  lru_add_drain: 'DRAIN',
};
const LEFT_OUT = new Set(['mlock_page_drain_local', 'dmirror_interval_invalidate', 'dmirror_do_update']);

/** Calls of the last step, in short; entries in a row are counted. */
const calls = (sim: Simulation): string => {
  const last = sim.steps[sim.steps.length - 1];
  if (last === undefined) throw new Error('no step');
  const words: { name: string; count: number }[] = [];
  for (const call of tracedCalls(sim, last)) {
    if (LEFT_OUT.has(call)) continue;
    const name = SHORT[call] ?? call;
    const previous = words.at(-1);
    if (previous?.name === name) previous.count++;
    else words.push({ name, count: 1 });
  }
  return words.map(({ name, count }) => (count > 1 ? `${name}*${count}` : name)).join(' ');
};

const huge = [mmap(512), advise(0, 512, 'HUGEPAGE'), on('write', 0, 1, { value: 1 })];

it('works the queue off in batches: 8 entries, then 510, page tables behind the pages', () => {
  const drains = (pages: number): number => {
    const sim = run(mmap(pages), on('write', 0, pages, { value: 1 }), on('munmap', 0, pages));
    const last = sim.steps[sim.steps.length - 1];
    const all = last === undefined ? [] : tracedCalls(sim, last);
    return all.filter((name) => name === 'lru_add_drain').length - 1;
  };
  // two tables (three from 513 pages on) go with the pages; the upper level is still used by `other`
  expect([5, 6, 7, 515, 516].map(drains)).toEqual([1, 1, 2, 2, 3]);
});

it('ends the notifier bracket before the flush, except for dirty pages of a file', () => {
  const anonymous = run(mmap(2), on('write', 0, 1, { value: 1 }), advise(0, 2, 'DONTNEED'));
  expect(calls(anonymous)).toBe('DRAIN N+ zap_pte_range vm_normal_page page_remove_rmap N- Nr DRAIN');
  const shared = run(mmap(2, 'anon-shared'), on('write', 0, 1, { value: 1 }), advise(0, 2, 'DONTNEED'));
  expect(calls(shared)).toBe(
    'DRAIN N+ zap_pte_range vm_normal_page mark_page_accessed folio_mark_accessed page_remove_rmap Nr DRAIN N-',
  );
});

it('unmaps a huge page by its one entry', () => {
  expect(calls(run(...huge, advise(0, 512, 'DONTNEED')))).toBe(
    'DRAIN N+ zap_huge_pmd page_remove_rmap N- Nr DRAIN',
  );
});

it('splits the huge entry first when only a part goes: before the call for an area that is cut', () => {
  expect(calls(run(...huge, advise(0, 4, 'DONTNEED')))).toBe(
    `DRAIN N+ __split_huge_pmd N+ N- zap_pte_range${' vm_normal_page page_remove_rmap'.repeat(4)} N- Nr DRAIN`,
  );
  const munmap = run(...huge, on('munmap', 0, 1));
  expect(calls(munmap)).toBe(
    '__split_huge_pmd N+ N- DRAIN N+ zap_pte_range vm_normal_page page_remove_rmap N- Nr DRAIN',
  );
  expect(munmap.steps.at(-1)?.vmstat).toEqual({ thp_split_pmd: 1, thp_deferred_split_page: 1 });
});

it('gives a pinned page back only with its last pin', () => {
  const pin = on('gup', 0, 1, { call: 'pin_user_pages', flags: ['FOLL_WRITE'], as: 'h' });
  const sim = run(mmap(1), pin, on('munmap', 0, 1));
  const m = sim.machine;
  const [page] = m.handles.values()[0]?.pages ?? [];
  expect(page !== undefined && [m.pages.refcount.get(page), m.pages.mapcount.get(page)]).toEqual([1024, 0]);
  sim.runStep({ op: 'unpin', proc: 'A', handle: 'h' });
  expect(page !== undefined && m.pages.refcount.get(page)).toBe(0);
});
