import { expect, test } from 'vitest';
import { SELFTESTS } from '../../scenarios/selftests/index.ts';
import { parsePatches } from '../uapi/patches.ts';
import { runSelftest, type SelftestVerdict } from './selftests.ts';
import { createSimulation } from './simulation.ts';

const judge = async (name: string, set: string): Promise<SelftestVerdict> => {
  const entry = SELFTESTS.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no selftest ${name}`);
  const loaded = await entry.scenario();
  return runSelftest(loaded, createSimulation(loaded, { kernel: { patches: parsePatches(set) } }));
};

test('every assertion that holds says what it found', async () => {
  const { ok, assertions, held } = await judge('hmm.hmm_device_coherent.hmm_gup_test', 'all');
  expect({ ok, held }).toEqual({ ok: true, held: assertions.length });
  expect(assertions.every(({ expected, found }) => expected === found)).toBe(true);
  expect(assertions).toContainEqual({
    step: 8,
    what: 'perms',
    expected: 'coherent-local:w, coherent-local:w, w, w',
    found: 'coherent-local:w, coherent-local:w, w, w',
    state: 'holds',
  });
});

test('a test ends at the first step of which something does not hold; the rest is not reached', async () => {
  const verdict = await judge('hmm.hmm_device_coherent.hmm_gup_test', '1-5,7-14');
  expect(verdict.ok).toBe(false);
  const states = (step: number) =>
    verdict.assertions.filter((each) => each.step === step).map(({ state }) => state);
  // the whole step is looked at, so that one sees all that is wrong with it
  expect(states(8)).toEqual(['holds', 'holds', 'differs', 'holds', 'differs']);
  expect(new Set(states(9))).toEqual(new Set(['not-reached']));
  expect(verdict.assertions[verdict.held]).toMatchObject({ step: 8, what: 'perms[2]', state: 'differs' });
});

test('a device that the driver cannot have is laid to the patches that are missing', async () => {
  const verdict = await judge('hmm.hmm_device_coherent.migrate', '1-9,11-14');
  expect(verdict.missingPatches).toEqual([10]);
  expect(verdict.assertions[0]).toMatchObject({ step: 0, found: '"-1 ENOENT"', state: 'differs' });
});

test('without the patch that brought a test there is no such test, whatever holds', async () => {
  const verdict = await judge('hmm.hmm_device_private.hmm_cow_in_device', '1-13');
  expect(verdict).toMatchObject({ ok: false, absentPatch: 14, held: verdict.assertions.length });
});
