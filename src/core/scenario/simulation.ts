// A run: a machine, the steps that were run on it, and the timeline they left.

import { lruAddDrainAll } from '../kernel/mm/swap.ts';
import { rescheduleProcessRestores } from '../kernel/drivers/amdgpu-kfd-evict.ts';
import { rescheduleRestores } from '../kernel/drivers/amdgpu-notifier.ts';
import { rescheduleUserptrRestores } from '../kernel/drivers/amdgpu-userptr.ts';
import { tickGpuClock } from '../kernel/drivers/amdgpu-process.ts';
import { KernelBug, type StandingTask, TooManyPages } from '../kernel/sched/bug.ts';
import type { KernelDefect } from '../uapi/defects.ts';
import { type MayGoOn, runTasks, type Slicing } from '../kernel/sched/tasks.ts';
import type { Mark } from '../machine/journal.ts';
import type { Machine } from '../machine/machine.ts';
import { DEFAULT_KERNEL, type KernelConfig, type MachinePresetName } from '../uapi/config.ts';
import { EventKind, VMSTAT_COUNTERS, type VmstatCounter } from '../uapi/events.ts';
import { parsePatches, spelling } from '../uapi/patches.ts';
import { machinePreset, withGiganticPages } from '../uapi/presets.ts';
import type { Scenario, Step } from '../uapi/scenario.ts';
import { KERNEL_FUNCTIONS } from '../uapi/source-refs.ts';
import { bootMachine } from './boot.ts';
import { StepError, stepPages, type StepResult, tasksOf, withVictims } from './runner.ts';

/** One step that has run, with the stretch of the timeline it covers. */
export interface StepRecord {
  readonly index: number;
  readonly step: Step;
  /** Position before its first event. */
  readonly begin: number;
  /** Position after the operation itself; what follows up to `end` is the observer emptying the LRU batches. */
  readonly operationEnd: number;
  readonly end: number;
  readonly result: StepResult;
  /** Counters of /proc/vmstat that the operation changed. */
  readonly vmstat: Readonly<Record<string, number>>;
  /** What was there before it. */
  readonly before: Mark;
  /** Ran as a big step: positions inside are those of its batches, and details come from running it again. */
  readonly isBig: boolean;
  /** Where its tasks stand, if it never ends. */
  readonly standing?: readonly StandingTask[];
}

/** One stretch of history; a timeline is a tree of them. */
export interface Branch {
  readonly id: number;
  /** Branch it grew out of; -1 for the first. */
  readonly parent: number;
  /** Steps of the parent that it shares. */
  readonly forkStep: number;
}

export interface SimulationOverrides {
  readonly machine?: MachinePresetName;
  readonly kernel?: Partial<KernelConfig>;
  /** Steps over at least so many pages run as big ones; BIG_STEP_PAGES if absent. */
  readonly bigStepPages?: number;
}

/**
 * From so many pages on a step is a big one: it leaves sections and counts instead of events. A detailed step of this
 * size has about 220 events a page: 0.9 million, 40 MiB and half a second.
 */
export const BIG_STEP_PAGES = 4096;
/** Pages after which a big step ends a batch: a position of the timeline that can be gone to. */
const BATCH_PAGES = 65_536;

/** A fault of Linux itself is none of the simulation. */
const stoppedText = ({ defect, message, standing }: KernelBug): string => {
  if (defect !== undefined) return `Linux 6.1 itself goes wrong: ${message}`;
  const why = standing.length > 0 ? ', since the step would never end' : '';
  return `the simulated kernel stopped${why}: ${message}`;
};

const always: MayGoOn = () => true;

/** Runs slices to their end; for callers that do nothing else meanwhile. */
export const withoutPause = <R>(work: (mayGoOn: MayGoOn) => Generator<unknown, R, void>): R => {
  const slices = work(always);
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
  }
};

const presetOf = (scenario: Scenario): MachinePresetName => {
  if (scenario.machine !== undefined && scenario.machine !== 'guest') return scenario.machine;
  if (scenario.boot === 'movable') return 'guest-movable';
  return scenario.boot === 'cma' ? 'guest-cma' : 'guest';
};

/** The kernel that a scenario asks for: the whole series, where it says nothing else. */
export const kernelOf = ({ config }: Scenario): KernelConfig => {
  const { patches, ...wanted } = config ?? {};
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  return {
    ...DEFAULT_KERNEL,
    ...Object.fromEntries(given),
    ...(patches === undefined ? {} : { patches: parsePatches(patches) }),
  };
};

const bootFor = (scenario: Scenario, overrides: SimulationOverrides): Machine => {
  const preset = machinePreset(overrides.machine ?? presetOf(scenario), scenario.devices, scenario.gpu);
  const { swap = 0, overcommit, gigantic = 0 } = scenario;
  const pools = { swapPages: swap, ...(overcommit === undefined ? {} : { hugetlbOvercommit: overcommit }) };
  const config = withGiganticPages({ ...preset, ...pools }, gigantic);
  return bootMachine(config, { ...kernelOf(scenario), ...overrides.kernel });
};

export class Simulation {
  readonly machine: Machine;
  readonly bootEnd: number;
  readonly branches: readonly Branch[] = [{ id: 0, parent: -1, forkStep: 0 }];
  private readonly booted: Mark;
  private readonly records: StepRecord[] = [];
  private readonly bigStepPages: number;
  private running: Step | undefined;
  /** The fault of Linux itself in which the machine stands; undefined: it runs. */
  private stoodIn: KernelDefect | undefined;

  /** @param machine - stands somewhere in the scenario already; absent: one is booted */
  constructor(
    readonly scenario: Scenario,
    overrides: SimulationOverrides = {},
    machine?: Machine,
  ) {
    this.machine = machine ?? bootFor(scenario, overrides);
    this.booted = this.machine.journal.mark();
    this.bootEnd = this.booted.position;
    this.bigStepPages = overrides.bigStepPages ?? BIG_STEP_PAGES;
  }

  get steps(): readonly StepRecord[] {
    return this.records;
  }

  /** The step that runs or stands between two slices; undefined: none. */
  get runningStep(): Step | undefined {
    return this.running;
  }

  /** Events of the steps that have run; not of one that still runs. */
  get length(): number {
    return this.records.at(-1)?.end ?? this.bootEnd;
  }

  /** Events so far, those of a step that still runs too: what there is to show of it between its slices. */
  get reached(): number {
    return this.machine.journal.log.length;
  }

  /** Pages that the big step that runs has worked on; 0 if none does. */
  get pagesSoFar(): number {
    return this.machine.trace.tally?.pagesSoFar ?? 0;
  }

  seek(position: number): void {
    this.machine.journal.seek(position);
  }

  /**
   * Runs one more step at the end of the timeline.
   *
   * @throws StepError when the step is impossible; the state is that before it
   */
  runStep(step: Step): StepRecord {
    return withoutPause((mayGoOn) => this.runStepInSlices(step, mayGoOn));
  }

  /**
   * The same in slices. In between the timeline can be moved over; `return()` takes the step back.
   *
   * @param mayGoOn - asked between phases and chunks of pages; false ends the slice
   * @throws StepError when the step is impossible; the state is that before it
   */
  *runStepInSlices(step: Step, mayGoOn: MayGoOn): Generator<void, StepRecord, void> {
    const { journal } = this.machine;
    // how many pages it is about is a question to the machine at its end
    journal.seek(journal.log.length);
    const isBig = stepPages(this.machine, step) >= this.bigStepPages;
    try {
      return yield* this.tryStep(step, isBig, mayGoOn);
    } catch (error) {
      // it came to be about a whole process: again, as a big one
      if (!(error instanceof TooManyPages)) throw error;
      return yield* this.tryStep(step, true, mayGoOn);
    }
  }

  /** @throws TooManyPages when a step that is not big has to be; the state is that before it */
  private *tryStep(step: Step, isBig: boolean, mayGoOn: MayGoOn): Generator<void, StepRecord, void> {
    const m = this.machine;
    const { journal } = m;
    if (this.stoodIn !== undefined)
      throw new StepError('op', `the machine stands still since step ${this.records.length - 1}`);
    journal.seek(journal.log.length);
    const mark = journal.mark();
    const before = this.counters();
    let record: StepRecord | undefined;
    this.running = step;
    try {
      m.mostInDetail = isBig ? Number.POSITIVE_INFINITY : this.bigStepPages;
      if (isBig) journal.beginBulk();
      m.trace.step(this.records.length);
      tickGpuClock(m);
      rescheduleRestores(m);
      rescheduleProcessRestores(m);
      rescheduleUserptrRestores(m);
      const seed = step.op === 'concurrent' ? step.seed : 0;
      const slicing = this.slicing(mayGoOn);
      const ran = yield* runTasks(m, tasksOf(m, step), seed, slicing);
      const results = yield* withVictims(m, step, ran, slicing);
      const result = step.op === 'concurrent' ? { ret: 0, results } : results[0];
      if (journal.isBulk) journal.checkpoint();
      const operationEnd = journal.log.length;
      const vmstat = this.changedCounters(before);
      // the recordings' observer empties the batches before it looks
      m.trace.current = -1;
      lruAddDrainAll(m);
      journal.endBulk();
      journal.commit();
      const { position: begin } = mark;
      const end = journal.log.length;
      record = {
        index: this.records.length,
        step,
        begin,
        operationEnd,
        end,
        result,
        vmstat,
        isBig,
        before: mark,
      };
      this.records.push(record);
      return record;
    } catch (error) {
      if (error instanceof KernelBug && error.defect !== undefined && m.config.gpu?.standstill === true)
        return (record = this.standStill(step, mark, before, error.defect, error.standing));
      if (error instanceof KernelBug) throw new StepError('op', stoppedText(error), error.defect);
      throw error;
    } finally {
      this.running = undefined;
      if (record === undefined) this.takeBack(mark);
    }
  }

  /** The step ends where Linux would stand for ever; its tasks keep what they hold. */
  private standStill(
    step: Step,
    mark: Mark,
    before: readonly number[],
    defect: KernelDefect,
    waiting: readonly StandingTask[],
  ): StepRecord {
    const m = this.machine;
    const { id: task, mm } = m.current;
    const stopped = { task, mm, how: 'stop', what: defect, vpn: -1, span: m.trace.current } as const;
    m.trace.decide(defect);
    m.trace.current = -1;
    m.threadsInKernel = () => 0;
    m.runMeanwhile = undefined;
    m.journal.endBulk();
    m.journal.commit();
    this.stoodIn = defect;
    const end = m.journal.log.length;
    const record: StepRecord = {
      index: this.records.length,
      step,
      begin: mark.position,
      operationEnd: end,
      end,
      result: { ret: 0, standstill: defect },
      vmstat: this.changedCounters(before),
      isBig: false,
      before: mark,
      standing: waiting.length > 0 ? waiting : [stopped],
    };
    this.records.push(record);
    return record;
  }

  /** Forgets all steps: the machine as it booted, cheaper than booting another one. */
  restart(): void {
    this.stoodIn = undefined;
    this.seek(this.length);
    this.takeBack(this.booted);
    this.records.length = 0;
  }

  /** Runs the scenario's steps that have not run yet. @throws StepError */
  runAll(): void {
    for (const { step } of this.scenario.steps.slice(this.records.length)) this.runStep(step);
  }

  /** Names of the kernel functions entered during a step, in order. */
  callsOf(record: StepRecord): string[] {
    const { log } = this.machine.journal;
    const calls: string[] = [];
    for (let i = record.begin; i < record.operationEnd; i++) {
      if (log.kindAt(i) !== EventKind.SPAN_BEGIN) continue;
      calls.push(spelling(this.machine.kernel, KERNEL_FUNCTIONS[log.idAt(i)].name));
    }
    return calls;
  }

  /**
   * Ends batches of a big step, by the pages they are about, so that every run of it has the same timeline; between slices
   * the timeline may be moved over.
   */
  private slicing(mayGoOn: MayGoOn): Slicing {
    const { journal, trace } = this.machine;
    return {
      mayGoOn: (midway) => {
        if (trace.tally !== undefined && trace.tally.pages >= BATCH_PAGES) journal.checkpoint();
        return mayGoOn(midway);
      },
      leave: () => journal.pause(),
      comeBack: () => journal.resume(),
    };
  }

  /** Takes back what was written since a mark, and what tasks that did not end have left. */
  private takeBack(mark: Mark): void {
    const m = this.machine;
    m.journal.rollback(mark);
    m.mmapLocks.clear();
    m.mutexes.clear();
    m.faultingTasks.clear();
    m.works = [];
    m.runMeanwhile = undefined;
    m.oomReaper = undefined;
    m.kswapds.clear();
    m.fruitlessFault = undefined;
    m.threadsInKernel = () => 0;
    m.newMm = 0;
    m.current = { id: 0, mm: 0, cpu: 0, memallocPin: false, memalloc: false };
  }

  private counters(): number[] {
    return VMSTAT_COUNTERS.map((_, row) => this.machine.vmstat.get(row));
  }

  /** How often each kernel function was entered during a step, by its name. */
  callTotals(record: StepRecord): Map<string, number> {
    const { log } = this.machine.journal;
    const totals = new Map<string, number>();
    for (let i = record.begin; i < record.operationEnd; i++) {
      const kind = log.kindAt(i);
      if (kind !== EventKind.SPAN_BEGIN && kind !== EventKind.CALLS) continue;
      const name = spelling(this.machine.kernel, KERNEL_FUNCTIONS[log.idAt(i)].name);
      totals.set(name, (totals.get(name) ?? 0) + (kind === EventKind.CALLS ? log.rowAt(i) : 1));
    }
    return totals;
  }

  private changedCounters(before: readonly number[]): Record<string, number> {
    const changed: Record<string, number> = {};
    VMSTAT_COUNTERS.forEach((name: VmstatCounter, row) => {
      const by = this.machine.vmstat.get(row) - before[row];
      if (by !== 0) changed[name] = by;
    });
    return changed;
  }
}

/**
 * A machine booted for a scenario, with nothing run yet.
 *
 * @throws RangeError when the machine does not have the devices that the scenario names
 */
export const createSimulation = (scenario: Scenario, overrides: SimulationOverrides = {}): Simulation =>
  new Simulation(scenario, overrides);
