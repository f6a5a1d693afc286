// The judge of a selftest: runs its steps and looks after each whether what it asserts is so.

import {
  createSimulation,
  type Simulation,
  StepError,
  type StepRecord,
  type StepResult,
} from '../core/index.ts';
import { observeArea, observeDevices } from '../core/scenario/observe.ts';
import { isZeroPfn, pagePgmap } from '../core/kernel/mm/page-ref.ts';
import type { KernelConfig, PatchNumber } from '../core/uapi/config.ts';
import { hasPatch } from '../core/uapi/patches.ts';
import type { PagePlace, Selftest, SelftestStep, ValueRun } from '../core/uapi/selftest.ts';

type Expected = NonNullable<SelftestStep['expect']>;
type ExpectedResult = Omit<Expected, 'pages' | 'table' | 'used' | 'results'>;

/** One thing that was looked at. */
interface Check {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

export interface SelftestVerdict {
  readonly ok: boolean;
  /** Assertions of the whole test. */
  readonly total: number;
  /** Those that held. */
  readonly held: number;
  /** What was different first; '' if nothing. */
  readonly difference: string;
}

const text = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
const check = (what: string, expected: unknown, found: unknown): Check => ({
  what,
  expected: text(expected),
  found: text(found),
});

/** First place where two lists differ, so that a message names a page and not a thousand. */
const checkList = (
  what: string,
  expected: readonly unknown[],
  found: readonly unknown[] | undefined,
): Check => {
  if (found === undefined) return { what, expected: `${expected.length} pages`, found: 'nothing' };
  const at = expected.findIndex((value, i) => value !== found[i]);
  if (at >= 0) return check(`${what}[${at}]`, expected[at], found[at]);
  return check(`${what}.length`, expected.length, found.length);
};

const unfold = (runs: readonly ValueRun[]): number[] =>
  runs.flatMap(({ from, by, count }) => Array.from({ length: count }, (_, i) => from + i * by));

const unfoldPerms = (perms: NonNullable<Expected['perms']>): string[] =>
  perms.flatMap((run) =>
    typeof run === 'string' ? [run] : Array.from({ length: run.count }, () => run.perm),
  );

/** What a step returned. */
const checkResult = (prefix: string, expected: ExpectedResult, found: StepResult): Check[] => {
  const checks: Check[] = [];
  for (const key of ['ret', 'errno', 'status', 'cpages', 'faults', 'got'] as const) {
    if (expected[key] === undefined) continue;
    const failed = key === 'ret' && found.errno !== undefined && expected.ret !== -1;
    checks.push(check(prefix + key, expected[key], failed ? `-1 ${found.errno ?? ''}` : found[key]));
  }
  if (expected.values !== undefined)
    checks.push(checkList(`${prefix}values`, unfold(expected.values), found.values));
  if (expected.perms !== undefined)
    checks.push(checkList(`${prefix}perms`, unfoldPerms(expected.perms), found.perms));
  if (expected.mirror === 'untouched') checks.push(check(`${prefix}mirror`, undefined, found.mirror));
  else if (expected.mirror !== undefined) {
    checks.push(checkList(`${prefix}mirror`, unfold(expected.mirror), found.mirror));
  }
  return checks;
};

const pagesOf = (sim: Simulation, where: { proc: string; vma: string; page: number; count: number }) => {
  const mm = sim.machine.mms.values().find(({ name, alive }) => name === where.proc && alive);
  const area = mm?.areas.find(({ name }) => name === where.vma);
  if (mm === undefined || area === undefined) return undefined;
  return observeArea(sim.machine, mm, area).pages.slice(where.page, where.page + where.count);
};

const rangeText = ({
  proc,
  vma,
  page,
  count,
}: {
  proc: string;
  vma: string;
  page: number;
  count: number;
}): string => `${proc} ${vma}+${page}${count > 1 ? `..${page + count - 1}` : ''}`;

const placeText = (at: PagePlace['at']): string => (typeof at === 'string' ? at : `device ${at.device}`);

const placeOf = (sim: Simulation, pfn: number | undefined): string => {
  const m = sim.machine;
  if (pfn === undefined) return 'none';
  if (isZeroPfn(m, pfn)) return 'zero';
  const pgmap = pagePgmap(m, pfn);
  if (pgmap === undefined) return 'system';
  return `device ${m.devices.values().find((device) => device.pgmap === pgmap.id)?.configId ?? '?'}`;
};

/** What the machine is like after a step. */
const checkState = (sim: Simulation, expected: Expected): Check[] => {
  const checks: Check[] = [];
  for (const place of expected.pages ?? []) {
    const found = pagesOf(sim, place)?.map(({ pfn }) => placeOf(sim, pfn));
    const wanted = Array.from({ length: place.count }, () => placeText(place.at));
    checks.push(checkList(`place of ${rangeText(place)}`, wanted, found));
  }
  for (const entry of expected.table ?? []) {
    const found = pagesOf(sim, entry)?.map(({ dev }) => dev?.[entry.device] ?? 'none');
    const wanted = Array.from({ length: entry.count }, () => entry.access);
    checks.push(checkList(`entry of device ${entry.device} for ${rangeText(entry)}`, wanted, found));
  }
  for (const { device, pages } of expected.used ?? []) {
    checks.push(check(`pages used of device ${device}`, pages, observeDevices(sim.machine)[device]?.used));
  }
  return checks;
};

const checkStep = (sim: Simulation, expected: Expected, result: StepResult): Check[] => [
  ...checkResult('', expected, result),
  ...(expected.results ?? []).flatMap(({ ifOk, ...each }, i) => {
    const found = result.results?.[i] ?? { ret: -1, errno: 'nothing' };
    const prefix = `results[${i}].`;
    const more = ifOk !== undefined && found.errno === undefined ? checkResult(prefix, ifOk, found) : [];
    return [...checkResult(prefix, each, found), ...more];
  }),
  ...checkState(sim, expected),
];

/** How many assertions a step makes; `ifOk` counts whether or not it came to it. */
const assertionsOf = (expected: Expected | undefined): number => {
  if (expected === undefined) return 0;
  const { results, pages, table, used, ...own } = expected;
  const count = (fields: object): number =>
    Object.values(fields).filter((value) => value !== undefined).length;
  const each = (results ?? []).map(
    ({ ifOk, ...result }) => count(result) + (ifOk === undefined ? 0 : count(ifOk)),
  );
  return [...each, pages?.length ?? 0, table?.length ?? 0, used?.length ?? 0].reduce(
    (a, b) => a + b,
    count(own),
  );
};

// --- what the patches have to do with the tests ---------------------------------------------------------------------

const COHERENT_NEEDS: readonly PatchNumber[] = [3, 8, 9, 10];

const listed = (patches: readonly PatchNumber[]): string =>
  `${patches.length === 1 ? 'patch' : 'patches'} ${patches.join(', ')}`;

/** Why a device may be absent; '' if the kernel should have it. */
const whyAbsent = (kernel: KernelConfig, test: Selftest): string => {
  const missing = COHERENT_NEEDS.filter((patch) => !hasPatch(kernel, patch));
  if (test.variant !== 'coherent' || missing.length === 0) return '';
  return `; the driver has no coherent device without ${listed(missing)}`;
};

/** The patch of the series that brought the test itself; undefined: older than the series. */
const patchOfTest = ({ test, variant }: Selftest): PatchNumber | undefined => {
  if (test === 'hmm_gup_test') return 13;
  if (test === 'hmm_cow_in_device') return 14;
  return variant === 'coherent' ? 11 : undefined;
};

/** Looks at a run beside its assertions: called once it is booted, it gives what looks after each step. */
export type Watch = (sim: Simulation) => (record: StepRecord) => void;

/** Runs one selftest to its end or to the first assertion that does not hold. */
export const runSelftest = (
  test: Selftest,
  kernel: Partial<KernelConfig> = {},
  watch: Watch = () => () => undefined,
): SelftestVerdict => {
  const total = test.steps.reduce((sum, { expect }) => sum + assertionsOf(expect), 0);
  const sim = createSimulation(test, { kernel });
  const configured = sim.machine.kernel;
  const look = watch(sim);
  let held = 0;
  const failed = (difference: string): SelftestVerdict => ({ ok: false, total, held, difference });
  for (const [index, { step, expect }] of test.steps.entries()) {
    const at = `step ${index} (${step.op})`;
    let result: StepResult;
    try {
      const record = sim.runStep(step);
      look(record);
      result = record.result;
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      return failed(`${at}: ${error.message}${whyAbsent(configured, test)}`);
    }
    if (expect === undefined) continue;
    for (const { what, expected, found } of checkStep(sim, expect, result)) {
      if (expected !== found) {
        const why = step.op === 'dev_open' ? whyAbsent(configured, test) : '';
        return failed(`${at}: ${what}: expected ${expected}, found ${found}${why}`);
      }
      held++;
    }
  }
  const patch = patchOfTest(test);
  if (patch !== undefined && !hasPatch(configured, patch)) {
    return failed(`hmm-tests has no such test without patch ${patch}`);
  }
  return { ok: true, total, held: total, difference: '' };
};

/** The line of a run: `ok hmm.migrate private, 12 assertions`. */
export const verdictLine = ({ fixture, test, variant }: Selftest, verdict: SelftestVerdict): string => {
  const { ok, total, held, difference } = verdict;
  if (ok) return `ok ${fixture}.${test} ${variant}, ${total} assertions`;
  return `not ok ${fixture}.${test} ${variant}, ${held} of ${total} assertions: ${difference}`;
};
