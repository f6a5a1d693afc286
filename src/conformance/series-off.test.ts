// "Not affected": what the series promises to everybody who has no device-coherent memory. Every recorded program,
// its device operations left out, must end every step alike with the series and without it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSimulation, parseScenario, type Scenario, type Simulation, StepError } from '../core/index.ts';
import { FrameNamer, tracedCalls } from '../core/scenario/recording.ts';

const FOLDERS = ['public/recordings'];
/** Takes longer than all others together and touches nothing that they do not. */
const TOO_LONG = 'coherent-exhaustion.json';

const programs = FOLDERS.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json') && name !== 'index.json' && name !== TOO_LONG)
    .map((name) => join(folder, name)),
);

const withoutDevices = (file: string): Scenario => {
  const scenario = parseScenario(JSON.parse(readFileSync(file, 'utf8')));
  return { ...scenario, devices: [], steps: scenario.steps.filter(({ step }) => !('device' in step)) };
};

/** Result, counters, calls and state of every step; a step that cannot be run says why. */
const storyOf = (sim: Simulation): unknown[] => {
  const namer = new FrameNamer();
  return sim.scenario.steps.map(({ step }) => {
    try {
      const record = sim.runStep(step);
      const { procs, frames, handles } = namer.observe(sim.machine);
      return {
        result: record.result,
        vmstat: record.vmstat,
        calls: tracedCalls(sim, record),
        procs,
        handles,
        frames: [...frames],
      };
    } catch (error) {
      if (error instanceof StepError) return error.message;
      throw error;
    }
  });
};

describe('ordinary memory', () => {
  it.each(programs)('%s is the same with the series and without', (file) => {
    const scenario = withoutDevices(file);
    const on = storyOf(createSimulation(scenario));
    const off = storyOf(createSimulation(scenario, { kernel: { patches: [] } }));
    expect(off).toEqual(on);
  });

  it('is something the comparison can tell: the predicate decides otherwise without CONFIG_CMA', () => {
    const scenario = withoutDevices('public/recordings/cma-longterm-pin.json');
    const on = storyOf(createSimulation(scenario));
    const off = storyOf(createSimulation(scenario, { kernel: { CONFIG_CMA: false } }));
    expect(off).not.toEqual(on);
  });
});
