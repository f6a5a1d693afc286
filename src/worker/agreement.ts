// How a run compares with what the real kernel did.

import { compareRecording, type Scenario, type Simulation } from '../core/index.ts';
import { isRecording } from '../core/scenario/compare.ts';
import { ALL_PATCHES, DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { KERNEL_VERSION } from '../core/uapi/source-refs.ts';
import type { Agreement } from './protocol.ts';

const NOTHING: Agreement = {
  kind: 'nothing-recorded',
  kernel: KERNEL_VERSION,
  stepsAgree: 0,
  stepsTotal: 0,
  callOrderAgree: 0,
  callOrderTotal: 0,
  differences: [],
  callDifferences: [],
};

const isRecordedKernel = ({ machine: { kernel } }: Simulation): boolean =>
  kernel.patches.length === ALL_PATCHES.length &&
  kernel.CONFIG_MIGRATION === DEFAULT_KERNEL.CONFIG_MIGRATION &&
  kernel.CONFIG_CMA === DEFAULT_KERNEL.CONFIG_CMA &&
  kernel.CONFIG_DEVICE_PRIVATE === DEFAULT_KERNEL.CONFIG_DEVICE_PRIVATE &&
  kernel.CONFIG_TRANSPARENT_HUGEPAGE === DEFAULT_KERNEL.CONFIG_TRANSPARENT_HUGEPAGE &&
  kernel.followPage === DEFAULT_KERNEL.followPage;

const RECORDED_MACHINES = { default: 'guest', movable: 'guest-movable', cma: 'guest-cma' } as const;

/**
 * Runs the steps of a recording and compares after each. Runs nothing where nothing was recorded.
 *
 * @param input - the scenario as it was read
 * @param sim - its simulation, which has not run yet; stops before a step that cannot be run
 */
export const runAndCompare = (input: unknown, scenario: Scenario, sim: Simulation): Agreement => {
  const isRecordedMachine = sim.machine.config.preset === RECORDED_MACHINES[scenario.boot];
  if (!isRecording(input) || !isRecordedMachine || !isRecordedKernel(sim)) return NOTHING;
  const comparison = compareRecording(input, sim);
  const { stepsAgree, stepsTotal } = comparison;
  return { kind: stepsAgree === stepsTotal ? 'agrees' : 'differs', kernel: KERNEL_VERSION, ...comparison };
};
