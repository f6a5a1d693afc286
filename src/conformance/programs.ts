// Runs generated programs and judges them: invariants after every step and event, state after going back and forth,
// the same events twice, the same answers twice.

import {
  compareRecording,
  createSimulation,
  type Scenario,
  type Simulation,
  type Step,
  StepError,
  type StepRecord,
  type StepResult,
} from '../core/index.ts';
import { EventChecker } from '../core/invariants/events.ts';
import { Invariants } from '../core/invariants/invariants.ts';
import { type Violation, violationText } from '../core/invariants/violation.ts';
import type { Ledger } from '../core/machine/holders.ts';
import type { EventLog } from '../core/trace/log.ts';
import { recordingOf } from '../core/scenario/recording.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { ProgramModel } from './generator/model.ts';
import { type Program, scenarioOf } from './generator/program.ts';
import { interpret, setUp, TOGETHER } from './generator/steps.ts';
import { HistoryChecker } from './history.ts';
import { Machines } from './machines.ts';
import { isSurvivable } from './survivable.ts';
import { labelOf } from './vocabulary.ts';

/** What is checked besides the invariants after every step. */
export interface Extra {
  /** Invariants after every event. */
  readonly events?: boolean;
  /** Back to the start, to random positions, and to the end. */
  readonly history?: boolean;
  /** The same steps give the same events. */
  readonly again?: boolean;
  /** What is written down agrees with itself when it is run again. */
  readonly recorded?: boolean;
  /** Damages the machine after a step, as a faulty mechanism would: to see that it is noticed. */
  readonly fault?: (sim: Simulation, record: StepRecord) => void;
}

export interface Outcome {
  readonly scenario: Scenario;
  /** What is wrong, in words; empty: nothing. */
  readonly problems: readonly string[];
  readonly steps: number;
  /** How often each operation ran and succeeded, by label. */
  readonly ops: ReadonlyMap<string, readonly [ran: number, succeeded: number]>;
}

// --- the same again -------------------------------------------------------------------------------------------------

/** Index of the first event that is not the same in both; -1: all are. */
const firstDifference = (a: EventLog, b: EventLog): number => {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const same =
      a.kindAt(i) === b.kindAt(i) &&
      a.idAt(i) === b.idAt(i) &&
      a.parentAt(i) === b.parentAt(i) &&
      Object.is(a.rowAt(i), b.rowAt(i)) &&
      Object.is(a.oldAt(i), b.oldAt(i)) &&
      Object.is(a.nowAt(i), b.nowAt(i));
    if (!same) return i;
  }
  return a.length === b.length ? -1 : Math.min(a.length, b.length);
};

// --- one program ----------------------------------------------------------------------------------------------------

/** Runs steps one after the other and looks at the machine after each. */
class Run {
  readonly sim: Simulation;
  readonly steps: Step[] = [];
  readonly problems: string[] = [];
  readonly ops = new Map<string, readonly [ran: number, succeeded: number]>();
  readonly history: HistoryChecker | undefined;
  private readonly scenario: Scenario;
  private readonly extra: Extra;
  private readonly ledger: Ledger;
  private readonly invariants: Invariants;

  constructor(scenario: Scenario, extra: Extra, machines: Machines) {
    this.scenario = scenario;
    this.extra = extra;
    const { sim, ledger, checked } = machines.take(scenario);
    this.sim = sim;
    this.ledger = ledger;
    this.invariants = new Invariants(sim, ledger, checked ? sim.bootEnd : 0);
    this.history = extra.history === true ? new HistoryChecker(sim.machine) : undefined;
    this.note(this.invariants.afterBoot(), 'after boot');
    this.history?.remember();
  }

  /** Runs one step; undefined: it cannot be run here. */
  step(step: Step): StepRecord | undefined {
    let record: StepRecord;
    try {
      record = this.sim.runStep(step);
    } catch (error) {
      if (error instanceof StepError && !error.message.includes('kernel stopped')) return undefined;
      this.steps.push(step);
      const why =
        error instanceof Error ? (error instanceof StepError ? error.message : error.stack) : String(error);
      this.problems.push(`step ${this.steps.length - 1} ${JSON.stringify(step)}: BUG: ${why ?? ''}`);
      return undefined;
    }
    this.steps.push(step);
    this.count(record);
    if (this.extra.fault !== undefined) {
      this.extra.fault(this.sim, record);
      this.sim.machine.journal.commit();
    }
    this.note(this.invariants.afterStep(record), `step ${record.index} ${JSON.stringify(step)}`);
    this.history?.remember();
    return record;
  }

  finish(): Outcome {
    const scenario = { ...this.scenario, steps: this.steps.map((step, n) => ({ n, step })) };
    if (this.problems.length === 0) this.note(this.invariants.atEnd(this.sim.bootEnd), 'at the end');
    if (this.problems.length === 0) this.history?.check(this.problems);
    if (this.problems.length === 0 && this.extra.events === true) this.checkEvents();
    if (this.problems.length === 0 && this.extra.again === true) this.runAgain(scenario);
    if (this.problems.length === 0 && this.extra.recorded === true) this.writeDown(scenario);
    const { problems, ops } = this;
    return { scenario, problems, steps: this.steps.length, ops };
  }

  /** Operations that ran at once count each by itself. */
  private count({ step, result }: StepRecord): void {
    if (step.op !== 'concurrent') {
      this.countOne(step, result);
      return;
    }
    step.steps.forEach((simple, i) => this.countOne(simple, result.results?.[i] ?? result));
  }

  private countOne(step: SimpleStep, { ret, signal }: StepResult): void {
    const name = labelOf(step);
    const [ran, good] = this.ops.get(name) ?? [0, 0];
    this.ops.set(name, [ran + 1, good + (ret >= 0 && signal === undefined ? 1 : 0)]);
  }

  private note(violations: readonly Violation[], where: string): void {
    for (const violation of violations) this.problems.push(`${where}: ${violationText(violation)}`);
  }

  private checkEvents(): void {
    const { machine, bootEnd, length } = this.sim;
    this.sim.seek(bootEnd);
    const checker = new EventChecker(machine, this.ledger);
    this.note(checker.check(length), 'events');
  }

  /** On two new machines: one that ran programs before counts its maps and cells on. */
  private runAgain(scenario: Scenario): void {
    const [one, other] = [createSimulation(scenario), createSimulation(scenario)];
    one.runAll();
    other.runAll();
    const differs = firstDifference(one.machine.journal.log, other.machine.journal.log);
    if (differs >= 0) this.problems.push(`run again: event ${differs} differs`);
  }

  private writeDown(scenario: Scenario): void {
    const recording: unknown = JSON.parse(
      JSON.stringify(recordingOf(createSimulation(scenario), scenario.name)),
    );
    const { differences, callDifferences } = compareRecording(recording);
    for (const { step, path, kernel, ours } of [...differences, ...callDifferences]) {
      this.problems.push(`written down and run again: step ${step}, ${path}: ${kernel}, then ${ours}`);
    }
  }
}

/** Runs a program up to its end or to the first problem. */
export const runProgram = (
  program: Program,
  extra: Extra = {},
  name = 'generated',
  machines = new Machines(),
): Outcome => {
  const run = new Run(scenarioOf(program.kind, name), extra, machines);
  const model = new ProgramModel(program.kind);
  const take = (step: Step): void => {
    const record = run.step(step);
    if (record !== undefined) model.done(step, record.result);
  };
  const setup = program.areas.map((area) => setUp(model, area));
  for (const steps of setup) for (const step of steps) if (run.problems.length === 0) take(step);
  // the other machines have one processor
  const two = program.kind.place === 'small' || program.kind.place === 'nodes';
  let waiting: SimpleStep | undefined;
  for (const action of program.actions) {
    if (run.problems.length > 0) break;
    const step = interpret(model, action);
    if (step === undefined || !isSurvivable(run.sim.machine, step)) continue;
    if (!two || !program.together || !TOGETHER.has(step.op)) {
      take(step);
    } else if (waiting === undefined) {
      waiting = step;
    } else {
      take({ op: 'concurrent', proc: step.proc, seed: action.variant, steps: [waiting, step] });
      waiting = undefined;
    }
  }
  return run.finish();
};

/** Runs the steps of a scenario with the same checks; stops at the first problem. */
export const runScenario = (scenario: Scenario, extra: Extra = {}, machines = new Machines()): Outcome => {
  const run = new Run({ ...scenario, steps: [] }, extra, machines);
  for (const { step } of scenario.steps) {
    if (run.problems.length > 0) break;
    run.step(step);
  }
  return run.finish();
};
