// One of the kernel's own tests: run and judged when it is opened.

import type { Simulation } from '../core/index.ts';
import { runSelftestInSlices } from '../core/scenario/selftests.ts';
import { parseSelftest } from '../core/uapi/selftest.ts';
import type { SelftestReport } from './protocol.ts';

/** Only these say what their steps must give. */
const isSelftest = (input: unknown): boolean =>
  typeof input === 'object' && input !== null && 'fixture' in input && 'variant' in input;

/**
 * Runs a selftest to its end, or to the first step of which something does not hold, in slices; runs nothing else.
 *
 * @param input - the scenario as it was read
 * @param sim - its simulation, which has not run yet
 * @param mayGoOn - asked often; false ends the slice
 * @returns undefined for any other scenario
 * @throws ScenarioError for an assertion that is none
 */
export function* judge(
  input: unknown,
  sim: Simulation,
  mayGoOn: () => boolean,
): Generator<void, { readonly report: SelftestReport; readonly impossible: string } | undefined, void> {
  if (!isSelftest(input)) return undefined;
  const selftest = parseSelftest(input);
  const { test, fixture, variant } = selftest;
  const verdict = yield* runSelftestInSlices(selftest, sim, mayGoOn);
  const { ok, held, assertions, missingPatches, absentPatch, impossible } = verdict;
  return {
    report: { test, fixture, variant, ok, held, assertions, missingPatches, absentPatch },
    impossible: impossible?.reason ?? '',
  };
}
