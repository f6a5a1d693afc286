// Pages that are mapped again and still have their slot, since somebody else's entry names it.

import { expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { FrameNamer } from '../../scenario/recording.ts';
import { mappedFrame } from './page-table.ts';
import { folioTestSwapcache } from './swapfile.ts';

const at = { proc: 'A', vma: 'v' };

/** A has its two pages back from swap, B has only entries that name the slots. */
const shared = (): Simulation => {
  const sim = createSimulation(
    parseScenario({
      swap: 16,
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { op: 'mmap', ...at, pages: 2, prot: 'rw', kind: 'anon-private' },
        { op: 'write', ...at, value: 7 },
        { op: 'madvise', ...at, advice: 'PAGEOUT' },
        { op: 'fork', proc: 'A', child: 'B' },
        { op: 'read', ...at },
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return sim;
};

const frame = ({ machine }: Simulation, page: number): number => {
  const mm = machine.mms.get(1);
  return mappedFrame(machine, mm, (mm.areas[0]?.start ?? 0) + page);
};

// mm/migrate_device.c: __migrate_device_pages: page_mapping() of such a page is the swap cache, so it is not moved
test('do not go to a device', () => {
  const sim = shared();
  const before = frame(sim, 0);
  expect(folioTestSwapcache(sim.machine, before)).toBe(true);
  const { result } = sim.runStep({ op: 'migrate_to_dev', ...at, device: 0 });
  expect(result).toEqual({ ret: -1, errno: 'ENOENT' });
  expect(frame(sim, 0)).toBe(before);
  expect(folioTestSwapcache(sim.machine, before)).toBe(true);
});

// the recordings' observer names frames; a slot is none, even where a frame has the same number
test('are shown as swap entries without a frame while they are out', () => {
  const sim = shared();
  const { procs, frames } = new FrameNamer().observe(sim.machine);
  expect(procs['B']?.['v']?.pages).toEqual([
    { entry: 'swap', w: 0 },
    { entry: 'swap', w: 0 },
  ]);
  expect([...frames.values()].map(({ kind }) => kind)).toEqual(['anon', 'anon']);
});
