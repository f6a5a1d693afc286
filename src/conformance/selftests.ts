// The line that the command prints for a selftest.

import type { SelftestVerdict } from '../core/scenario/selftests.ts';
import type { PatchNumber } from '../core/uapi/config.ts';
import type { Selftest } from '../core/uapi/selftest.ts';

const listed = (patches: readonly PatchNumber[]): string =>
  `${patches.length === 1 ? 'patch' : 'patches'} ${patches.join(', ')}`;

/** What was different first. */
const differenceOf = ({ steps }: Selftest, verdict: SelftestVerdict): string => {
  const { assertions, impossible, absentPatch, missingPatches } = verdict;
  const why =
    missingPatches.length === 0
      ? ''
      : `; the driver has no coherent device without ${listed(missingPatches)}`;
  const at = (step: number): string => `step ${step} (${steps[step]?.step.op ?? ''})`;
  const first = assertions.find(({ state }) => state === 'differs');
  if (first !== undefined)
    return `${at(first.step)}: ${first.what}: expected ${first.expected}, found ${first.found}${why}`;
  if (impossible !== undefined) return `${at(impossible.step)}: ${impossible.reason}${why}`;
  return absentPatch === undefined ? '' : `hmm-tests has no such test without patch ${absentPatch}`;
};

/** The line of a run: `ok hmm.migrate private, 12 assertions`. */
export const verdictLine = (selftest: Selftest, verdict: SelftestVerdict): string => {
  const { fixture, test, variant } = selftest;
  const { ok, held, assertions } = verdict;
  if (ok) return `ok ${fixture}.${test} ${variant}, ${assertions.length} assertions`;
  const counted = `${held} of ${assertions.length} assertions`;
  return `not ok ${fixture}.${test} ${variant}, ${counted}: ${differenceOf(selftest, verdict)}`;
};
