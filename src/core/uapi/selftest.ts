// A test of the kernel's own suite: a scenario whose steps say what they must give. The vocabulary of what may be
// asserted, and its schema. Opens as any scenario does; the assertions are for whoever judges the run.

import * as v from 'valibot';
import { firstIssue, parseScenario, type Scenario, type Step } from './scenario.ts';

const whole = (max = 2 ** 52) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
const name = v.pipe(v.string(), v.maxLength(64));
const errno = v.pipe(v.string(), v.regex(/^E[A-Z0-9]+$/, 'name of an error number'));

/** Numbers page by page, as runs: `count` pages, the first `from`, each `by` more than the one before (1 if absent). */
const runsSchema = v.array(
  v.strictObject({ from: whole(), by: v.optional(v.picklist([0, 1]), 1), count: whole() }),
);
export type ValueRun = v.InferOutput<typeof runsSchema>[number];

const placeSchema = v.strictObject({
  proc: name,
  vma: name,
  page: whole(),
  count: whole(),
  /** Where every one of the pages is: in system memory, on a device, nowhere, or it is the zero page. */
  at: v.union([v.picklist(['system', 'none', 'zero']), v.strictObject({ device: whole(255) })]),
});
export type PagePlace = v.InferOutput<typeof placeSchema>;

const deviceEntrySchema = v.strictObject({
  proc: name,
  vma: name,
  page: whole(),
  count: whole(),
  device: whole(255),
  /** What the device's own page table says of each page. */
  access: v.picklist(['none', 'r', 'w', 'x']),
});

const resultFields = {
  ret: v.optional(v.number()),
  errno: v.optional(errno),
  status: v.optional(v.string()),
  cpages: v.optional(whole()),
  faults: v.optional(whole()),
  got: v.optional(whole()),
  values: v.optional(runsSchema),
  /** The program's buffer that the driver fills; `untouched`: the driver copied nothing back. */
  mirror: v.optional(v.union([v.literal('untouched'), runsSchema])),
  /** One word a page; runs of equal words as `{perm, count}`. */
  perms: v.optional(v.array(v.union([v.string(), v.strictObject({ perm: v.string(), count: whole() })]))),
};

const successSchema = v.strictObject(resultFields);

/** What holds after a step. Everything that is named counts as one assertion. */
const expectationSchema = v.strictObject({
  ...resultFields,
  /** Operations at once: what each of them gives; `ifOk` holds only if it succeeded. */
  results: v.optional(v.array(v.strictObject({ ...resultFields, ifOk: v.optional(successSchema) }))),
  pages: v.optional(v.array(placeSchema)),
  table: v.optional(v.array(deviceEntrySchema)),
  /** Pages that the driver has handed out. */
  used: v.optional(v.array(v.strictObject({ device: whole(255), pages: whole() }))),
});
export type Expectation = v.InferInput<typeof expectationSchema>;

export const SELFTEST_VARIANTS = ['private', 'coherent'] as const;
export type SelftestVariant = (typeof SELFTEST_VARIANTS)[number];

const selftestSchema = v.object({
  test: name,
  fixture: v.picklist(['hmm', 'hmm2']),
  variant: v.picklist(SELFTEST_VARIANTS),
  steps: v.array(v.object({ step: v.unknown(), expect: v.optional(expectationSchema) })),
});

export type SelftestStep = Scenario['steps'][number] & {
  readonly expect?: v.InferOutput<typeof expectationSchema> | undefined;
};

/** A step as a test is written down. */
export interface SelftestSourceStep {
  readonly step: Step;
  readonly expect?: Expectation;
}

/** One run of one test. */
export interface Selftest extends Omit<Scenario, 'steps'> {
  readonly test: string;
  readonly fixture: 'hmm' | 'hmm2';
  readonly variant: SelftestVariant;
  readonly steps: SelftestStep[];
}

/** Checks a selftest: its scenario and its assertions. @throws ScenarioError */
export const parseSelftest = (input: unknown): Selftest => {
  const scenario = parseScenario(input);
  const parsed = v.safeParse(selftestSchema, input);
  if (!parsed.success) throw firstIssue(parsed.issues);
  const { test, fixture, variant, steps } = parsed.output;
  return {
    ...scenario,
    test,
    fixture,
    variant,
    steps: scenario.steps.map((step, i) => ({ ...step, expect: steps[i]?.expect })),
  };
};
