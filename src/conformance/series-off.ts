// "Not affected": what the series promises to everybody who has no device-coherent memory. A scenario's story with the
// series is its story without, but for the differences that are listed here.

import { type Scenario, type Simulation, StepError } from '../core/index.ts';
import { FrameNamer } from '../core/scenario/recording.ts';

/** Something that ordinary memory shows differently without the series. */
export interface Difference {
  /** Function as the series names it, and as it was named before. */
  readonly with: string;
  readonly without: string;
  readonly why: string;
}

/** All of them. Nothing here is state, a result, a counter, or one call more or less. */
export const DIFFERENCES: readonly Difference[] = [
  {
    with: 'is_longterm_pinnable_page',
    without: 'is_pinnable_page',
    why: 'patch 1 renames it; for pages of the allocator it asks the same in the same order',
  },
  {
    with: 'folio_is_longterm_pinnable',
    without: 'folio_is_pinnable',
    why: 'patch 1 renames it with the function that it wraps',
  },
];

/** A call of one kernel, as the kernel with the series would name it. */
const presentCall = (name: string): string =>
  DIFFERENCES.find(({ without }) => without === name)?.with ?? name;

export interface Chapter {
  /** Result, counters, and state as a recording has it; or why the step cannot be run. */
  readonly told: unknown;
  /** All functions of the trace, by their names with the series. */
  readonly calls: readonly string[];
  /** The same as this kernel spells them. */
  readonly spelled: readonly string[];
}

/** What every step does. */
export const storyOf = (sim: Simulation): Chapter[] => {
  const namer = new FrameNamer();
  return sim.scenario.steps.map(({ step }) => {
    try {
      const record = sim.runStep(step);
      const { procs, frames, handles } = namer.observe(sim.machine);
      const { result, vmstat } = record;
      const spelled = sim.callsOf(record);
      const told = { result, vmstat, procs, handles, frames: [...frames] };
      return { told, calls: spelled.map(presentCall), spelled };
    } catch (error) {
      if (error instanceof StepError) return { told: error.message, calls: [], spelled: [] };
      throw error;
    }
  });
};

/** A scenario with ordinary memory only. */
export const withoutDevices = (scenario: Scenario): Scenario => ({
  ...scenario,
  devices: [],
  steps: scenario.steps.filter(({ step }) => !('device' in step)),
});
