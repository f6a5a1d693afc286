// Runs generated programs and judges them: invariants after every step and event, state after going back and forth,
// the same events twice, the same answers twice.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  compareRecording,
  createSimulation,
  type Scenario,
  type Simulation,
  type Step,
  StepError,
  type StepRecord,
} from '../core/index.ts';
import { EventChecker } from '../core/invariants/events.ts';
import { Invariants } from '../core/invariants/invariants.ts';
import { type Violation, violationText } from '../core/invariants/violation.ts';
import { Ledger } from '../core/machine/holders.ts';
import type { EventLog } from '../core/trace/log.ts';
import { recordingOf } from '../core/scenario/recording.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { type Program, ProgramModel, scenarioOf } from './generator.ts';
import { HistoryChecker } from './history.ts';
import { isSurvivable } from './survivable.ts';

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
}

export interface Outcome {
  readonly scenario: Scenario;
  /** What is wrong, in words; empty: nothing. */
  readonly problems: readonly string[];
  readonly steps: number;
  readonly succeeded: number;
  /** How often each operation ran and succeeded. */
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

const succeeded = ({ result }: StepRecord): boolean => result.ret >= 0 && result.signal === undefined;

/** Programs that a machine runs before another one is booted: what it remembers of them is never forgotten. */
const PROGRAMS_PER_MACHINE = 64;

interface Booted {
  readonly sim: Simulation;
  /** Has read the boot. */
  readonly ledger: Ledger;
  programs: number;
}

/** Machines that stand as they booted, by what they were booted for. */
export class Machines {
  private readonly booted = new Map<string, Booted>();
  /** Kinds whose boot was looked at as a whole; it is always the same. */
  private readonly checked = new Set<string>();

  /** A machine for a program, which has it until the next one of its kind asks. */
  take({ name: _name, title: _title, steps: _steps, ...kind }: Scenario): Booted & { checked: boolean } {
    const key = JSON.stringify(kind);
    let machine = this.booted.get(key);
    if (machine === undefined || machine.programs === PROGRAMS_PER_MACHINE) {
      const sim = createSimulation({ ...kind, name: '', title: '', steps: [] });
      machine = { sim, ledger: new Ledger(sim.machine.journal), programs: 0 };
      this.booted.set(key, machine);
    } else {
      machine.ledger.seek(machine.sim.bootEnd);
      machine.sim.restart();
    }
    machine.programs++;
    const checked = this.checked.has(key);
    this.checked.add(key);
    return { ...machine, checked };
  }
}

/** Runs steps one after the other and looks at the machine after each. */
class Run {
  readonly sim: Simulation;
  readonly steps: Step[] = [];
  readonly problems: string[] = [];
  readonly ops = new Map<string, readonly [ran: number, succeeded: number]>();
  readonly history: HistoryChecker | undefined;
  succeeded = 0;
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
    return { scenario, problems, steps: this.steps.length, succeeded: this.succeeded, ops };
  }

  private count(record: StepRecord): void {
    const name = record.step.op === 'madvise' ? `madvise ${record.step.advice}` : record.step.op;
    const [ran, good] = this.ops.get(name) ?? [0, 0];
    const ok = succeeded(record) ? 1 : 0;
    this.succeeded += ok;
    this.ops.set(name, [ran + 1, good + ok]);
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

/** Actions that may run at the same time as another. */
const TOGETHER = new Set([
  'read',
  'write',
  'dev_read',
  'dev_write',
  'dev_exclusive',
  'migrate_to_dev',
  'migrate_to_sys',
  'gup',
  'snapshot',
  'munmap',
  'mprotect',
  'madvise',
  'mlock',
  'munlock',
  'fork',
]);

/** Runs a program up to its end or to the first problem. */
export const runProgram = (
  program: Program,
  extra: Extra = {},
  name = 'generated',
  machines = new Machines(),
): Outcome => {
  const run = new Run(scenarioOf(program, name), extra, machines);
  const model = new ProgramModel(program);
  const take = (step: Step): void => {
    const record = run.step(step);
    if (record !== undefined) model.done(step, record.result);
  };
  const setup = program.areas.map((area) => model.begin(area));
  for (const steps of setup) for (const step of steps) if (run.problems.length === 0) take(step);
  let waiting: SimpleStep | undefined;
  for (const action of program.actions) {
    if (run.problems.length > 0) break;
    const step = model.interpret(action);
    if (step === undefined || !isSurvivable(run.sim.machine, step)) continue;
    if (!program.concurrent || !TOGETHER.has(step.op)) {
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

// --- a failure ------------------------------------------------------------------------------------------------------

/** Invariant, or kind of problem, that a failure is about. */
const kindOf = (problem: string): string =>
  /: (I\d+|BUG|[a-z ]+):/.exec(problem)?.[1] ?? problem.slice(0, 20);

/** Takes away steps one by one while the scenario still fails in the same way. */
export const minimize = (outcome: Outcome, extra: Extra = {}): Outcome => {
  const kind = kindOf(outcome.problems[0] ?? '');
  const machines = new Machines();
  let best = outcome;
  for (let smaller = true; smaller; ) {
    smaller = false;
    for (let i = best.scenario.steps.length - 2; i >= 0; i--) {
      const steps = best.scenario.steps.filter((_, n) => n !== i);
      const tried = runScenario({ ...best.scenario, steps }, extra, machines);
      if (tried.problems.length === 0 || kindOf(tried.problems[0] ?? '') !== kind) continue;
      best = tried;
      smaller = true;
    }
  }
  return best;
};

/** Writes a scenario file that the app opens: one line for the header, then one line a step. */
export const writeScenario = (scenario: Scenario, directory: string): string => {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${scenario.name}.json`);
  const { steps, ...header } = scenario;
  const lines = steps.map((step) => JSON.stringify(step)).join(',\n');
  writeFileSync(file, `${JSON.stringify(header).slice(0, -1)},"steps":[\n${lines}\n]}\n`);
  return file;
};
