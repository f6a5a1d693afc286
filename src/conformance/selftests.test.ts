import { describe, expect, test } from 'vitest';
import { createSimulation } from '../core/index.ts';
import { Invariants } from '../core/invariants/invariants.ts';
import { violationText } from '../core/invariants/violation.ts';
import type { KernelConfig } from '../core/uapi/config.ts';
import { parsePatches } from '../core/uapi/patches.ts';
import { parseSelftest, type Selftest, type SelftestStep } from '../core/uapi/selftest.ts';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { runSelftest } from '../core/scenario/selftests.ts';
import { verdictLine } from './selftests.ts';

const selftest = async (name: string): Promise<Selftest> => {
  const entry = SELFTESTS.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no selftest ${name}`);
  return await entry.scenario();
};

const without = (set: string): Partial<KernelConfig> => ({ patches: parsePatches(set) });
const lineOf = (loaded: Selftest, kernel: Partial<KernelConfig> = {}): string =>
  verdictLine(loaded, runSelftest(loaded, createSimulation(loaded, { kernel })));

test('there are 58 runs: 29 tests, private and coherent, under the names of the kernel', () => {
  expect(SELFTESTS).toHaveLength(58);
  expect(new Set(SELFTESTS.map(({ name }) => name)).size).toBe(58);
  expect(new Set(SELFTESTS.map(({ fixture, test: name }) => `${fixture}.${name}`)).size).toBe(29);
  expect(SELFTESTS[0]?.name).toBe('hmm.hmm_device_private.open_close');
  expect(SELFTESTS.at(-1)?.name).toBe('hmm2.hmm2_device_coherent.double_map');
});

// hmm_cow_in_device and hmm_gup_test are scene 23 and scene 26 of the scenario catalogue
describe.each(SELFTESTS)('$name', ({ name, scenario }) => {
  test('passes, and the invariants hold after each step', { timeout: 60_000 }, async () => {
    const loaded = await scenario();
    expect(loaded.name).toBe(name);
    const violations: string[] = [];
    const sim = createSimulation(loaded);
    const invariants = new Invariants(sim);
    violations.push(...invariants.afterBoot().map(violationText));
    const verdict = runSelftest(loaded, sim, (record) =>
      violations.push(...invariants.afterStep(record).map(violationText)),
    );
    expect(verdictLine(loaded, verdict)).toMatch(/^ok \S+ (private|coherent), \d+ assertions$/);
    expect(violations).toEqual([]);
  });
});

describe('the judge', () => {
  /** The same test with another assertion in one of its steps. */
  const wrong = async (index: number, expectation: object): Promise<string> => {
    const right = await selftest('hmm.hmm_device_coherent.hmm_gup_test');
    const steps = right.steps.map((step, i): SelftestStep | object =>
      i === index ? { ...step, expect: expectation } : step,
    );
    const line = lineOf(parseSelftest({ ...right, steps }));
    return line.slice(line.indexOf('step '));
  };

  test.each([
    [{ ret: -1, errno: 'ENOENT' }, 'ret: expected -1, found 0'],
    [{ cpages: 3 }, 'cpages: expected 3, found 4'],
    [{ faults: 1 }, 'faults: expected 1, found nothing'],
    [{ mirror: 'untouched' }, 'mirror: expected nothing, found [0,1,2,3]'],
    [{ mirror: [{ from: 0, count: 3 }] }, 'mirror.length: expected 3, found 4'],
    [{ mirror: [{ from: 0, by: 0, count: 4 }] }, 'mirror[1]: expected 0, found 1'],
    [
      { pages: [{ proc: 'A', vma: 'buf', page: 0, count: 4, at: 'system' }] },
      'place of A buf+0..3[0]: expected "system", found "device 2"',
    ],
    [
      { table: [{ proc: 'A', vma: 'buf', page: 3, count: 1, device: 2, access: 'r' }] },
      'entry of device 2 for A buf+3[0]: expected "r", found "w"',
    ],
    [{ used: [{ device: 2, pages: 5 }] }, 'pages used of device 2: expected 5, found 4'],
  ])('finds %j wrong after the migration', async (expectation, difference) => {
    expect(await wrong(3, expectation)).toBe(`step 3 (migrate_to_dev): ${difference}`);
  });

  test('names the first page of a snapshot that is different, and counts what held before', async () => {
    const right = await selftest('hmm.hmm_device_private.hmm_gup_test');
    const steps = right.steps.map((step) =>
      step.step.op === 'snapshot' ? { ...step, expect: { perms: ['w', 'w', 'r', 'r'] } } : step,
    );
    const changed = parseSelftest({ ...right, steps });
    expect(lineOf(changed)).toMatch(
      /^not ok hmm\.hmm_gup_test private, 12 of 18 assertions: step 8 \(snapshot\): perms\[2\]: expected "r", found "w"$/,
    );
  });

  test('refuses an assertion that it does not know', () => {
    const input = { test: 'x', fixture: 'hmm', variant: 'private', devices: [] };
    const exit = { op: 'exit', proc: 'A' };
    expect(() => parseSelftest({ ...input, steps: [{ step: exit, expect: { perm: 'w' } }] })).toThrow();
    expect(parseSelftest({ ...input, steps: [{ step: exit, expect: { ret: 0 } }] }).steps).toHaveLength(1);
  });
});

describe('without patches of the series', () => {
  const line = async (name: string, set: string): Promise<string> => {
    return lineOf(await selftest(name), without(set));
  };

  test('no test with coherent devices can begin, and two tests do not exist', async () => {
    expect(await line('hmm.hmm_device_coherent.migrate', 'none')).toMatch(
      /^not ok .*step 0 \(dev_open\).*ENOENT.*no coherent device without patches 3, 8, 9, 10$/,
    );
    expect(await line('hmm.hmm_device_private.hmm_gup_test', 'none')).toMatch(/without patch 13$/);
    expect(await line('hmm.hmm_device_private.hmm_cow_in_device', 'none')).toMatch(/without patch 14$/);
    expect(await line('hmm2.hmm2_device_private.snapshot', 'none')).toMatch(/^ok /);
  });

  test('a long-term pin leaves the coherent pages where they are without patch 6', async () => {
    expect(await line('hmm.hmm_device_coherent.hmm_gup_test', '1-5,7-14')).toMatch(
      /step 8 \(snapshot\): perms\[2\]: expected "w", found "coherent-local:w"$/,
    );
    expect(await line('hmm.hmm_device_private.hmm_gup_test', '1-5,7-14')).toMatch(/^ok /);
  });
});

test('the device that reads while memory is unmapped sometimes wins and sometimes meets the hole', {
  timeout: 60_000,
}, async () => {
  const sim = createSimulation(await selftest('hmm.hmm_device_private.anon_teardown'));
  sim.runAll();
  const outcomes = sim.steps.flatMap(({ result }) => result.results?.slice(1) ?? []);
  expect(outcomes).toHaveLength(10);
  expect(outcomes.some(({ ret }) => ret === 0)).toBe(true);
  expect(outcomes.some(({ errno }) => errno === 'EFAULT')).toBe(true);
});
