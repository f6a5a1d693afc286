import { expect, it } from 'vitest';
import { createSimulation, parseScenario } from '../../index.ts';
import { tracedCalls } from '../../scenario/recording.ts';

/** Faults, and walks of GUP, of the last step on a locked area of a file that nobody has read yet. */
const walksAndFaults = (
  ...steps: readonly object[]
): readonly [walks: number, faults: number | undefined] => {
  const sim = createSimulation(
    parseScenario({
      devices: [],
      steps: [
        { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'r', kind: 'file-private' },
        ...steps.map((step) => ({ proc: 'A', vma: 'buf', ...step })),
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  const last = sim.steps[sim.steps.length - 1];
  const walks = tracedCalls(sim, last).filter((call) => call === '__get_user_pages').length;
  return [walks, last.vmstat['pgfault']];
};

it('keeps mmap_lock while it populates locked memory, so a cold file costs no second fault', () => {
  const locked = [{ op: 'mprotect', prot: '' }, { op: 'mlock' }];
  expect(walksAndFaults(...locked, { op: 'mprotect', prot: 'rw' })).toEqual([1, 4]);
  // mlock drops it for reading; then the pages around the first one are mapped with it
  expect(walksAndFaults({ op: 'mlock' })).toEqual([2, 2]);
});
