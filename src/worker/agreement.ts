// How a run compares with what the real kernel did.

import type { Simulation } from '../core/scenario/simulation.ts';
import { compareRecording } from '../core/index.ts';
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
};

/** @param recording - the recording as it was read; undefined: nothing was recorded */
export const agreementOf = (recording: unknown, sim: Simulation): Agreement => {
  if (recording === undefined) return NOTHING;
  const { stepsAgree, stepsTotal, callOrderAgree, callOrderTotal, differences } = compareRecording(
    recording,
    sim,
  );
  return {
    kind: stepsAgree === stepsTotal ? 'agrees' : 'differs',
    kernel: KERNEL_VERSION,
    stepsAgree,
    stepsTotal,
    callOrderAgree,
    callOrderTotal,
    differences,
  };
};
