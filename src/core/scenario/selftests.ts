// The judge of a selftest: runs its steps and looks after each whether what it asserts is so. As in the kernel's
// harness, a test ends at the first step of which something does not hold.

import { isZeroPfn, pagePgmap } from '../kernel/mm/page-ref.ts';
import type { MayGoOn } from '../kernel/sched/tasks.ts';
import type { KernelConfig, PatchNumber } from '../uapi/config.ts';
import { hasPatch } from '../uapi/patches.ts';
import type { PagePlace, Selftest, SelftestStep, ValueRun } from '../uapi/selftest.ts';
import { observeArea, observeDevices } from './observe.ts';
import { StepError, type StepResult } from './runner.ts';
import { type Simulation, type StepRecord, withoutPause } from './simulation.ts';

type Expected = NonNullable<SelftestStep['expect']>;
type ExpectedResult = Omit<Expected, 'pages' | 'table' | 'used' | 'results'>;

/** What was looked at, and what was there. A list names its first element that is different. */
interface Check {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** One thing that a test asserts. */
interface Assertion {
  readonly what: string;
  readonly expected: string;
  readonly look: (sim: Simulation, result: StepResult) => Check;
}

/** `not-reached`: the test ended before. */
export type AssertionState = 'holds' | 'differs' | 'not-reached';

/** An assertion after the run. */
export interface JudgedAssertion {
  /** Step of the test that makes it. */
  readonly step: number;
  /** `perms[2]`, `place of A buf+0..3` */
  readonly what: string;
  readonly expected: string;
  /** '' where it was not reached. */
  readonly found: string;
  readonly state: AssertionState;
}

export interface SelftestVerdict {
  readonly ok: boolean;
  readonly assertions: readonly JudgedAssertion[];
  /** Assertions before the first that does not hold. */
  readonly held: number;
  /** The step that could not be run, and why; undefined: all could, or the test ended before. */
  readonly impossible: { readonly step: number; readonly reason: string } | undefined;
  /** The patch that brought the test, where the kernel lacks it: there is no such test. */
  readonly absentPatch: PatchNumber | undefined;
  /** Patches for want of which the driver has no coherent device; empty if that is not what went wrong. */
  readonly missingPatches: readonly PatchNumber[];
}

const text = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

const single = (
  what: string,
  expected: unknown,
  find: (sim: Simulation, result: StepResult) => unknown,
): Assertion => ({
  what,
  expected: text(expected),
  look: (sim, result) => ({ what, expected: text(expected), found: text(find(sim, result)) }),
});

/** A list in few words: `0`, `4 x device 2`, `0..1023`. */
const listText = (values: readonly (string | number)[]): string => {
  const [first, second] = values;
  const last = values.at(-1);
  if (values.length > 1 && values.every((value) => value === first)) return `${values.length} x ${first}`;
  if (values.length <= 4) return values.join(', ') || 'nothing';
  const rises = typeof first === 'number' && typeof second === 'number' && second === first + 1;
  if (rises && values.every((value, i) => value === first + i)) return `${first}..${last}`;
  return `${values.slice(0, 3).join(', ')} .. ${last}`;
};

const list = (
  what: string,
  expected: readonly (string | number)[],
  find: (sim: Simulation, result: StepResult) => readonly (string | number)[] | undefined,
): Assertion => ({
  what,
  expected: listText(expected),
  look: (sim, result) => {
    const found = find(sim, result);
    if (found === undefined) return { what, expected: `${expected.length} pages`, found: 'nothing' };
    const at = expected.findIndex((value, i) => value !== found[i]);
    if (at >= 0) return { what: `${what}[${at}]`, expected: text(expected[at]), found: text(found[at]) };
    if (found.length !== expected.length)
      return { what: `${what}.length`, expected: text(expected.length), found: text(found.length) };
    return { what, expected: listText(expected), found: listText(found) };
  },
});

const unfold = (runs: readonly ValueRun[]): number[] =>
  runs.flatMap(({ from, by, count }) => Array.from({ length: count }, (_, i) => from + i * by));

const unfoldPerms = (perms: NonNullable<Expected['perms']>): string[] =>
  perms.flatMap((run) =>
    typeof run === 'string' ? [run] : Array.from({ length: run.count }, () => run.perm),
  );

/** What a step must return. */
const ofResult = (prefix: string, expected: ExpectedResult): Assertion[] => {
  const assertions: Assertion[] = [];
  for (const key of ['ret', 'errno', 'status', 'cpages', 'faults', 'got'] as const) {
    if (expected[key] === undefined) continue;
    assertions.push(
      single(prefix + key, expected[key], (_sim, found) => {
        const failed = key === 'ret' && found.errno !== undefined && expected.ret !== -1;
        return failed ? `-1 ${found.errno ?? ''}` : found[key];
      }),
    );
  }
  const { values, perms, mirror } = expected;
  if (values !== undefined)
    assertions.push(list(`${prefix}values`, unfold(values), (_sim, found) => found.values));
  if (perms !== undefined)
    assertions.push(list(`${prefix}perms`, unfoldPerms(perms), (_sim, found) => found.perms));
  if (mirror === 'untouched')
    assertions.push(single(`${prefix}mirror`, undefined, (_sim, found) => found.mirror));
  else if (mirror !== undefined)
    assertions.push(list(`${prefix}mirror`, unfold(mirror), (_sim, found) => found.mirror));
  return assertions;
};

interface Range {
  readonly proc: string;
  readonly vma: string;
  readonly page: number;
  readonly count: number;
}

const pagesOf = (sim: Simulation, { proc, vma, page, count }: Range) => {
  const mm = sim.machine.mms.values().find(({ name, alive }) => name === proc && alive);
  const area = mm?.areas.find(({ name }) => name === vma);
  if (mm === undefined || area === undefined) return undefined;
  return observeArea(sim.machine, mm, area).pages.slice(page, page + count);
};

const rangeText = ({ proc, vma, page, count }: Range): string =>
  `${proc} ${vma}+${page}${count > 1 ? `..${page + count - 1}` : ''}`;

const placeText = (at: PagePlace['at']): string => (typeof at === 'string' ? at : `device ${at.device}`);

const placeOf = (sim: Simulation, pfn: number | undefined): string => {
  const m = sim.machine;
  if (pfn === undefined) return 'none';
  if (isZeroPfn(m, pfn)) return 'zero';
  const pgmap = pagePgmap(m, pfn);
  if (pgmap === undefined) return 'system';
  return `device ${m.devices.values().find((device) => device.pgmap === pgmap.id)?.configId ?? '?'}`;
};

const times = (value: string, count: number): string[] => Array.from({ length: count }, () => value);

/** What the machine must be like after a step. */
const ofState = ({ pages = [], table = [], used = [] }: Expected): Assertion[] => [
  ...pages.map((place) =>
    list(`place of ${rangeText(place)}`, times(placeText(place.at), place.count), (sim) =>
      pagesOf(sim, place)?.map(({ pfn }) => placeOf(sim, pfn)),
    ),
  ),
  ...table.map((entry) =>
    list(`entry of device ${entry.device} for ${rangeText(entry)}`, times(entry.access, entry.count), (sim) =>
      pagesOf(sim, entry)?.map(({ dev }) => dev?.[entry.device] ?? 'none'),
    ),
  ),
  ...used.map(({ device, pages: count }) =>
    single(`pages used of device ${device}`, count, (sim) => observeDevices(sim.machine)[device]?.used),
  ),
];

const NOTHING: StepResult = { ret: -1, errno: 'nothing' };

/** Asked of one of several operations at once. */
const ofOne = (assertion: Assertion, index: number): Assertion => ({
  ...assertion,
  look: (sim, result) => assertion.look(sim, result.results?.[index] ?? NOTHING),
});

/** Asked only if the operation succeeded; holds otherwise. */
const ifOkay = (assertion: Assertion): Assertion => ({
  ...assertion,
  look: (sim, result) => {
    if (result.errno === undefined) return assertion.look(sim, result);
    const { what, expected } = assertion;
    return { what, expected, found: expected };
  },
});

/** Everything that a step asserts. */
const assertionsOf = (expected: Expected | undefined): Assertion[] => {
  if (expected === undefined) return [];
  const { results = [], ...own } = expected;
  return [
    ...ofResult('', own),
    ...results.flatMap(({ ifOk, ...each }, i) => {
      const prefix = `results[${i}].`;
      const more = ifOk === undefined ? [] : ofResult(prefix, ifOk).map(ifOkay);
      return [...ofResult(prefix, each), ...more].map((assertion) => ofOne(assertion, i));
    }),
    ...ofState(own),
  ];
};

// --- what the patches have to do with the tests ---------------------------------------------------------------------

const COHERENT_NEEDS: readonly PatchNumber[] = [3, 8, 9, 10];

const missingFor = (kernel: KernelConfig, { variant }: Selftest): PatchNumber[] =>
  variant === 'coherent' ? COHERENT_NEEDS.filter((patch) => !hasPatch(kernel, patch)) : [];

/** The patch of the series that brought the test itself; undefined: older than the series. */
const patchOfTest = ({ test, variant }: Selftest): PatchNumber | undefined => {
  if (test === 'hmm_gup_test') return 13;
  if (test === 'hmm_cow_in_device') return 14;
  return variant === 'coherent' ? 11 : undefined;
};

// --- the run --------------------------------------------------------------------------------------------------------

/**
 * Runs one selftest to its end, or to the first step of which something does not hold.
 *
 * @param sim - of this test, not run yet
 * @param watch - looks at the run after each step, beside the assertions
 */
export const runSelftest = (
  test: Selftest,
  sim: Simulation,
  watch: (record: StepRecord) => void = () => undefined,
): SelftestVerdict => withoutPause((mayGoOn) => runSelftestInSlices(test, sim, mayGoOn, watch));

/**
 * The same in slices.
 *
 * @param mayGoOn - asked within and between steps; false ends the slice
 */
export function* runSelftestInSlices(
  test: Selftest,
  sim: Simulation,
  mayGoOn: MayGoOn,
  watch: (record: StepRecord) => void = () => undefined,
): Generator<void, SelftestVerdict, void> {
  const { kernel } = sim.machine;
  const judged: JudgedAssertion[] = [];
  let ended = false;
  let impossible: SelftestVerdict['impossible'];
  let missingPatches: readonly PatchNumber[] = [];
  const run = function* (
    index: number,
    { step }: SelftestStep,
  ): Generator<void, StepResult | undefined, void> {
    try {
      const record = yield* sim.runStepInSlices(step, mayGoOn);
      watch(record);
      return record.result;
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      impossible = { step: index, reason: error.message };
      return undefined;
    }
  };
  for (const [index, step] of test.steps.entries()) {
    const result: StepResult | undefined = ended ? undefined : yield* run(index, step);
    for (const { what, expected, look } of assertionsOf(step.expect)) {
      if (result === undefined) judged.push({ step: index, what, expected, found: '', state: 'not-reached' });
      else {
        const check = look(sim, result);
        judged.push({ step: index, ...check, state: check.expected === check.found ? 'holds' : 'differs' });
      }
    }
    if (ended) continue;
    ended = result === undefined || judged.some(({ state }) => state === 'differs');
    if (ended && (result === undefined || step.step.op === 'dev_open'))
      missingPatches = missingFor(kernel, test);
    if (!mayGoOn()) yield;
  }
  const patch = patchOfTest(test);
  const absentPatch = patch === undefined || hasPatch(kernel, patch) ? undefined : patch;
  const first = judged.findIndex(({ state }) => state !== 'holds');
  return {
    ok: !ended && absentPatch === undefined,
    assertions: judged,
    held: first < 0 ? judged.length : first,
    impossible,
    absentPatch,
    missingPatches,
  };
}
