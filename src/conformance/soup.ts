// A stress soup of random operations, as xfstests would run: up to three processes that share and fork everything,
// files, shared memory, a pool of huge pages, KSM, devices, references that outlive their processes, two operations at
// once now and then, and areas so large that memory gets short, with a swap device and without. It promises nothing
// about single results, only that the kernel never stops and that all invariants hold after each operation, among them
// that what a process reads is what was written.
//
// Nothing of the past is ever forgotten: an operation leaves a thousand events of 32 bytes and more, 100,000 of them
// would leave gigabytes. So the machine goes back to its boot every 1,000 operations, and history starts anew. What does
// not happen within so many would not happen in more either: by then memory, areas and references are long exhausted.

import { type Scenario, type Simulation, type Step, StepError, type StepResult } from '../core/index.ts';
import { Invariants } from '../core/invariants/invariants.ts';
import { violationText } from '../core/invariants/violation.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { ProgramModel } from './generator/model.ts';
import { type Action, type MachineKind, OPS, pick, scenarioOf } from './generator/program.ts';
import { interpret, TOGETHER } from './generator/steps.ts';
import { Machines } from './machines.ts';
import { isSurvivable } from './survivable.ts';

/** Whether the kernel has the series. */
/** The series, a kernel without it, or the series with the check of long-term pins as Linux 6.0 had it. */
export const SERIES = ['on', 'off', 'v6.0'] as const;
export type Series = (typeof SERIES)[number];

export interface SoupOptions {
  readonly ops: number;
  readonly seed: number;
  readonly series: Series;
}

export interface SoupOutcome {
  readonly ops: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Could not even be asked for: no such process, handle or device. */
  readonly refused: number;
  readonly lives: number;
  readonly oomKills: number;
  /** Of all results, so that two runs can be compared. */
  readonly hash: number;
  readonly problems: readonly string[];
  /** What the machine did since its boot when a problem was found: fails again by itself. */
  readonly failing?: Scenario;
}

const OPS_PER_LIFE = 1000;
/** Of a swap device; every other life has none. */
const SWAP_PAGES = 2048;
const BIG_PAGES = 4096;
const BIG_AREAS = ['big1', 'big2', 'big3'];

type Random = (below: number) => number;

/** Repeatable numbers from a seed: xorshift. */
const randomFrom = (seed: number): Random => {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
};

type Taken = ReturnType<Machines['take']>;

/** One life of a machine, from its boot on. */
class Pot {
  readonly sim: Simulation;
  /** What was asked for, in order. */
  readonly asked: Step[] = [];
  private readonly random: Random;
  private readonly model: ProgramModel;
  private readonly invariants: Invariants;

  constructor(random: Random, kind: MachineKind, { sim, ledger }: Taken) {
    this.random = random;
    this.sim = sim;
    this.model = new ProgramModel(kind);
    this.invariants = new Invariants(sim, ledger);
    this.invariants.afterBoot();
  }

  /** Nobody lives any more: the OOM killer may take everybody. */
  get empty(): boolean {
    return this.model.processes.length === 0;
  }

  /**
   * Runs one operation, and checks the machine.
   *
   * @returns its result, or undefined if it could not be asked for
   */
  run(problems: string[]): StepResult | undefined {
    const step = this.next();
    this.asked.push(step);
    try {
      const record = this.sim.runStep(step);
      this.model.done(step, record.result);
      const living = this.sim.machine.mms.values().filter(({ alive }) => alive);
      this.model.keepLiving(living.map(({ name }) => name));
      for (const violation of this.invariants.afterStep(record))
        problems.push(`${JSON.stringify(step)}: ${violationText(violation)}`);
      return record.result;
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      if (error.message.startsWith('the simulated kernel stopped'))
        problems.push(`${JSON.stringify(step)}: ${error.message}`);
      return undefined;
    }
  }

  /** Looks at everything from scratch. */
  atEnd(): string[] {
    return this.invariants.atEnd().map((violation) => `at the end: ${violationText(violation)}`);
  }

  private next(): Step {
    const one = this.random(100) === 0 ? this.bigStep() : this.simpleStep();
    if (this.random(8) > 0 || !TOGETHER.has(one.op)) return one;
    const other = this.simpleStep();
    if (!TOGETHER.has(other.op)) return one;
    return { op: 'concurrent', proc: one.proc, seed: this.random(1000), steps: [one, other] };
  }

  private simpleStep(): SimpleStep {
    const { random, model } = this;
    for (;;) {
      const action: Action = {
        op: pick(OPS, random(OPS.length)),
        proc: random(1000),
        area: random(1000),
        from: random(1000),
        length: random(1000),
        device: random(1000),
        variant: random(1000),
      };
      const step = interpret(model, action);
      if (step !== undefined && isSurvivable(this.sim.machine, step)) return step;
    }
  }

  /** Something with a large area, so that memory gets short now and then. The model does not know these areas. */
  private bigStep(): SimpleStep {
    const { random } = this;
    const { name: proc } = pick(this.model.processes, random(1000));
    const vma = pick(BIG_AREAS, random(1000));
    const mm = this.sim.machine.mms.values().find(({ name, alive }) => alive && name === proc);
    const area = mm?.areas.find(({ name }) => name === vma);
    const mapped =
      area !== undefined &&
      mm?.vmas.some((id) => {
        const { vmStart, vmEnd } = this.sim.machine.vmas.get(id);
        return vmStart < area.start + area.npages && vmEnd > area.start;
      }) === true;
    if (!mapped) return { op: 'mmap', proc, vma, pages: BIG_PAGES, prot: 'rw', kind: 'anon-private' };
    if (random(3) === 0) return { op: 'munmap', proc, vma };
    return {
      op: 'write',
      proc,
      vma,
      page: random(2500),
      count: 1 + random(1500),
      value: this.model.newValue(),
    };
  }
}

/** Without the series there are no coherent devices. */
const kindFor = (series: Series): MachineKind => ({
  mix: series === 'off' ? 'private' : 'mixed',
  place: 'small',
  swap: false,
});

/**
 * Runs the soup; stops at the first problem.
 *
 * @param progress - called after each life with the number of operations done
 */
export const runSoup = (options: SoupOptions, progress?: (ops: number) => void): SoupOutcome => {
  const random = randomFrom(options.seed);
  const problems: string[] = [];
  const counts = { succeeded: 0, failed: 0, refused: 0, lives: 0, oomKills: 0 };
  let hash = 0;
  let done = 0;
  let failing: Scenario | undefined;
  const kind = kindFor(options.series);
  const scenario: Scenario = {
    ...scenarioOf(kind, 'soup'),
    config: {
      patches: options.series === 'off' ? 'none' : 'all',
      longtermCheck: options.series === 'v6.0' ? 'v6.0' : 'v6.1',
    },
  };
  const kinds = [
    { scenario, machines: new Machines() },
    { scenario: { ...scenario, swap: SWAP_PAGES }, machines: new Machines() },
  ];
  while (done < options.ops && problems.length === 0) {
    const next = pick(kinds, counts.lives);
    const pot = new Pot(random, kind, next.machines.take(next.scenario));
    const last = Math.min(options.ops, done + OPS_PER_LIFE);
    while (done < last && problems.length === 0 && !pot.empty) {
      const result = pot.run(problems);
      done++;
      if (result === undefined) counts.refused++;
      else if (result.ret < 0) counts.failed++;
      else counts.succeeded++;
      if (result !== undefined) hash = (Math.imul(hash, 31) + result.ret + (result.values?.[0] ?? 0)) | 0;
    }
    if (problems.length === 0) problems.push(...pot.atEnd());
    if (problems.length > 0) {
      const name = `soup-${options.series}-seed-${options.seed}`;
      failing = { ...next.scenario, name, title: name, steps: pot.asked.map((step, n) => ({ n, step })) };
    }
    counts.lives++;
    counts.oomKills += pot.sim.steps.reduce((sum, { vmstat }) => sum + (vmstat['oom_kill'] ?? 0), 0);
    progress?.(done);
  }
  return {
    ops: done,
    ...counts,
    hash: hash >>> 0,
    problems: problems.map((text) => `operation ${done}: ${text}`),
    ...(failing === undefined ? {} : { failing }),
  };
};
