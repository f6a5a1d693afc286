import { expect, it } from 'vitest';
import { createSimulation, parseScenario } from '../../index.ts';
import { tracedCalls } from '../../scenario/recording.ts';

/** How often a step on pages 500 to 523 of an area enters a function. */
const entries = (fn: string, step: object, ...before: readonly object[]): number => {
  const buf = { proc: 'A', vma: 'buf' };
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { op: 'mmap', ...buf, pages: 1024, prot: 'rw', kind: 'anon-private' },
        ...before,
        { ...buf, device: 0, page: 500, count: 24, ...step },
      ].map((each) => ({ step: each })),
    }),
  );
  sim.runAll();
  const last = sim.steps[sim.steps.length - 1];
  return tracedCalls(sim, last).filter((call) => call === fn).length;
};

it('walks over a GiB without page tables in one go, and over 2 MiB at a time where there is a table', () => {
  const touched = { op: 'write', proc: 'A', vma: 'buf', page: 0, count: 1, value: 1 };
  expect(entries('migrate_vma_collect_hole', { op: 'migrate_to_dev' })).toBe(1);
  expect(entries('hmm_vma_walk_hole', { op: 'snapshot' })).toBe(1);
  expect(entries('hmm_vma_fault', { op: 'dev_read' })).toBe(1);
  expect(entries('migrate_vma_collect_hole', { op: 'migrate_to_dev' }, touched)).toBe(1);
  expect(entries('migrate_vma_collect_pmd', { op: 'migrate_to_dev' }, touched)).toBe(1);
  expect(entries('hmm_vma_fault', { op: 'dev_read' }, touched)).toBe(2);
});
