// A scenario run with the invariants watching, and what its trace says: for tests of machines with GPUs.

import {
  createSimulation,
  parseScenario,
  type Simulation,
  type Step,
  type StepRecord,
} from '../core/index.ts';
import { Invariants } from '../core/invariants/invariants.ts';
import { type Violation, violationText } from '../core/invariants/violation.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { KERNEL_MESSAGES, type KernelMessage } from '../core/kernel/sched/bug.ts';
import { type DecisionId, DECISIONS, EventKind } from '../core/uapi/events.ts';
import type { Scenario } from '../core/uapi/scenario.ts';
import type { Pfn } from '../core/uapi/units.ts';

export interface CheckedRun {
  readonly sim: Simulation;
  readonly records: readonly StepRecord[];
  /** Of every step: `step 3: I1: …` */
  readonly violations: readonly string[];
}

/** With every event: the invariants read them. */
const IN_DETAIL = { bigStepPages: Number.POSITIVE_INFINITY };

/** Runs all steps. @throws StepError when one cannot be run */
export const runChecked = (scenario: unknown): CheckedRun => {
  const sim = createSimulation(parseScenario(scenario), IN_DETAIL);
  const invariants = new Invariants(sim);
  const violations: string[] = [];
  const note = (where: string, found: readonly Violation[]): void => {
    for (const violation of found) violations.push(`${where}: ${violationText(violation)}`);
  };
  note('boot', sim.scenario.gpu?.coldBoot === true ? [] : invariants.afterBoot());
  const watches = sim.scenario.gpu?.coldBoot !== true;
  const records = sim.scenario.steps.map(({ step }, i) => {
    const record = sim.runStep(step);
    if (watches) note(`step ${i}`, invariants.afterStep(record));
    return record;
  });
  return { sim, records, violations };
};

/** A scenario of steps on GPUs. */
export const gpuScenario = (
  steps: readonly Step[],
  {
    devices = 2,
    kind = 'coherent',
    ...rest
  }: {
    devices?: number;
    kind?: 'coherent' | 'private';
    gpu?: Partial<NonNullable<Scenario['gpu']>>;
    machine?: Scenario['machine'];
    config?: Scenario['config'];
    swap?: number;
  } = {},
): unknown => ({
  machine: 'teaching',
  gpu: {},
  devices: Array.from({ length: devices }, (_, id) => ({ id, kind })),
  ...rest,
  steps: steps.map((step) => ({ step })),
});

/** A step that has run; negative: counted from the end. */
export const stepOf = ({ records }: CheckedRun, index: number): StepRecord => {
  const record = records.at(index);
  if (record === undefined) throw new Error(`there is no step ${index}`);
  return record;
};

/** `0`, `4`, `ENOMEM` of each step. */
export const resultTexts = (records: readonly StepRecord[]): string[] =>
  records.map(({ result }) => result.errno ?? result.signal ?? String(result.ret));

/** Decisions of a step, or of a part of the log, by name in order; only those that begin with `prefix`. */
export const decisionsOf = (
  { sim }: Pick<CheckedRun, 'sim'>,
  record: Pick<StepRecord, 'begin' | 'end'>,
  prefix: string,
): DecisionId[] => {
  const { log } = sim.machine.journal;
  const found: DecisionId[] = [];
  for (let i = record.begin; i < record.end; i++) {
    if (log.kindAt(i) !== EventKind.DECISION) continue;
    const id = DECISIONS[log.idAt(i)];
    if (id?.startsWith(prefix) === true) found.push(id);
  }
  return found;
};

/** Messages that the kernel printed during a step, or in a part of the log. */
export const messagesOf = (
  { sim }: Pick<CheckedRun, 'sim'>,
  record: Pick<StepRecord, 'begin' | 'end'>,
): KernelMessage[] => {
  const { log } = sim.machine.journal;
  const found: KernelMessage[] = [];
  for (let i = record.begin; i < record.end; i++) {
    const message = log.kindAt(i) === EventKind.LOG ? KERNEL_MESSAGES[log.idAt(i)] : undefined;
    if (message !== undefined) found.push(message);
  }
  return found;
};

/** Frames that an area's entries name, page by page; NO_PFN where none is mapped. */
export const framesOf = ({ sim: { machine: m } }: CheckedRun, proc = 'A', vma = 'buf'): Pfn[] => {
  const mm = m.mms.values().find(({ name }) => name === proc);
  const area = mm?.areas.find(({ name }) => name === vma);
  if (mm === undefined || area === undefined) return [];
  return Array.from({ length: area.npages }, (_, i) => mappedFrame(m, mm, area.start + i));
};
