// How a run compares with what the real kernel did.

import type { Scenario, Simulation } from '../core/index.ts';
import { compareRecordingInSlices, isRecording } from '../core/scenario/compare.ts';
import { DEFAULT_KERNEL, type KernelConfig, KERNEL_SWITCHES } from '../core/uapi/config.ts';
import { patchesText } from '../core/uapi/patches.ts';
import { KERNEL_VERSION } from '../core/uapi/source-refs.ts';
import type { Agreement, Message } from './protocol.ts';

const nothing = (reason: Message): Agreement => ({
  kind: 'nothing-recorded',
  kernel: KERNEL_VERSION,
  reason,
  stepsAgree: 0,
  stepsTotal: 0,
  callOrderAgree: 0,
  callOrderTotal: 0,
  differences: [],
  callDifferences: [],
});

/** How a kernel differs from the recorded one, for a sentence; undefined if it does not. */
const otherKernel = (kernel: KernelConfig): Message['params'] | undefined => {
  const patches = patchesText(kernel.patches);
  const off = KERNEL_SWITCHES.filter((name) => !kernel[name]).join(', ');
  const { followPage, longtermCheck, longtermPolicy } = kernel;
  const isRecorded =
    patches === 'all' &&
    off === '' &&
    followPage === DEFAULT_KERNEL.followPage &&
    longtermCheck === DEFAULT_KERNEL.longtermCheck &&
    longtermPolicy === DEFAULT_KERNEL.longtermPolicy;
  return isRecorded ? undefined : { patches, off, followPage, longtermCheck, longtermPolicy };
};

const RECORDED_MACHINES = { default: 'guest', movable: 'guest-movable', cma: 'guest-cma' } as const;

/**
 * Runs the steps of a recording and compares after each, in slices. Runs nothing where nothing was recorded.
 *
 * @param input - the scenario as it was read
 * @param sim - its simulation, which has not run yet; stops before a step that cannot be run
 * @param mayGoOn - asked often; false ends the slice
 */
export function* runAndCompare(
  input: unknown,
  scenario: Scenario,
  sim: Simulation,
  mayGoOn: () => boolean,
): Generator<void, Agreement, void> {
  if (!isRecording(input)) return nothing({ id: 'agreement.scene', params: {} });
  const { kernel, config } = sim.machine;
  const other = otherKernel(kernel);
  if (other !== undefined) return nothing({ id: 'agreement.kernel', params: other });
  if (config.preset !== RECORDED_MACHINES[scenario.boot])
    return nothing({ id: 'agreement.machine', params: { machine: config.title } });
  const comparison = yield* compareRecordingInSlices(input, sim, mayGoOn);
  const { stepsAgree, stepsTotal } = comparison;
  return { kind: stepsAgree === stepsTotal ? 'agrees' : 'differs', kernel: KERNEL_VERSION, ...comparison };
}
