// The work that the benchmark measures, as a user would ask for it: scenarios.

import { createSimulation, parseScenario, type Simulation, type SimulationOverrides } from '../core/index.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;

/** Steps that bring `npages` to a coherent device and pin them home. */
export const pinHome = (npages: number, overrides: SimulationOverrides = {}): Simulation =>
  createSimulation(
    parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { step: { op: 'mmap', ...AREA, pages: npages, prot: 'rw', kind: 'anon-private' } },
        { step: { op: 'write', ...AREA, value: 1 } },
        { step: { op: 'migrate_to_dev', ...AREA, device: 0 } },
        {
          step: {
            op: 'gup',
            ...AREA,
            call: 'pin_user_pages',
            flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
            as: 'h1',
          },
        },
      ],
    }),
    overrides,
  );

export const runSteps = (sim: Simulation, from: number, to: number): void => {
  for (const { step } of sim.scenario.steps.slice(from, to)) sim.runStep(step);
};

/** A run in full detail with at least so many events, over and over the same 4,096 pages. */
export const manyEvents = (events: number): Simulation => {
  const pages = Math.max(16, Math.min(4096, events / 1000));
  const sim = pinHome(pages, { bigStepPages: Number.POSITIVE_INFINITY });
  runSteps(sim, 0, 2);
  while (sim.length < events) {
    sim.runStep({ op: 'migrate_to_dev', ...AREA, device: 0 });
    sim.runStep({ op: 'migrate_to_sys', ...AREA, device: 0 });
  }
  return sim;
};
