// Answers the page's questions about runs. Pure: no Worker, no clock; the same questions get the same answers.

import { KernelBug } from '../core/kernel/sched/bug.ts';
import {
  createSimulation,
  parseScenario,
  PatchSetError,
  parseStep,
  type Scenario,
  ScenarioError,
  type Simulation,
  StepError,
} from '../core/index.ts';
import { isRecording } from '../core/scenario/compare.ts';
import { pageInDetail } from '../core/scenario/detail.ts';
import { memoryTypeMatrix } from '../core/scenario/memory-types.ts';
import { spelling } from '../core/uapi/patches.ts';
import { runAndCompare } from './agreement.ts';
import { foresee } from './foresight.ts';
import { MapFeed } from './map-feed.ts';
import type {
  AppendRequest,
  Failed,
  FromWorker,
  LeftOutStep,
  Message,
  Navigated,
  NavigateRequest,
  OpenRequest,
  Opened,
  Progress,
  SpansAnswer,
  SpansRequest,
  TilesAnswer,
  TilesRequest,
  ToWorker,
} from './protocol.ts';
import type { DetailAnswer, DetailRequest, RetellAnswer, RetellRequest } from './protocol-detail.ts';
import { Run } from './run.ts';
import { type OpenRun, runInfo } from './run-info.ts';
import { judge } from './selftest.ts';
import { search } from './views/breakpoints.ts';
import { subjectOf, untoldSteps } from './views/chapters.ts';
import { inspect } from './views/inspection.ts';
import { longtermRunning, momentAt, residenceBefore } from './views/moment.ts';
import { retell } from './views/retell.ts';
import { sceneAtHand } from './views/scene.ts';
import { viewAt } from './views/panels.ts';
import { detailViews, placeOfTarget } from './views/step-detail.ts';
import { tileOf } from './views/tiles.ts';
import { timelineMarks } from './views/timeline-marks.ts';

/** Most runs that are kept open; the oldest goes first. One on screen and its follower, two to compare, two to count. */
const MAX_RUNS = 6;
const MAX_TILE_CELLS = 1_000_000;

/** Why a request could not be served: the place and the words. */
class Refusal extends Error {
  readonly place: string;
  readonly words: Message;

  constructor(place: string, id: string, params: Message['params'] = {}) {
    super(id);
    this.place = place;
    this.words = { id, params };
  }
}

export class Session {
  private readonly runs = new Map<string, OpenRun>();
  /** The request whose step stands already, though there is no answer yet: it cannot be taken back. */
  settling: number | undefined;
  /** What the maps show, on a port of its own. */
  readonly maps = new MapFeed((runId) => this.runs.get(runId)?.run);

  /** The answer, or undefined where none is due. Never throws. */
  handle(message: ToWorker): FromWorker | undefined {
    const work = this.work(message, () => true);
    for (;;) {
      const slice = work.next();
      if (slice.done === true) return slice.value;
    }
  }

  /**
   * The same in slices. In between other messages can be handled, and see what is done so far without the step that
   * runs; `return()` takes back what was begun.
   *
   * @param mayGoOn - asked often; false ends the slice
   */
  *work(message: ToWorker, mayGoOn: () => boolean): Work {
    try {
      return yield* this.answer(message, mayGoOn);
    } catch (error) {
      if (message.kind === 'close' || message.kind === 'cancel') return undefined;
      const { place, words } = explain(error);
      const failed: Failed = { kind: 'failed', id: message.id, runId: message.runId, place, message: words };
      return failed;
    }
  }

  private *answer(message: ToWorker, mayGoOn: () => boolean): Work {
    switch (message.kind) {
      case 'open':
        return yield* this.open(message, mayGoOn);
      case 'append':
        return yield* this.append(message, mayGoOn);
      case 'detail':
        return yield* this.detail(message, mayGoOn);
      case 'retell':
        return yield* this.retell(message, mayGoOn);
      case 'cancel':
        return undefined; // nothing runs while this is handled
      case 'close':
        this.runs.delete(message.runId);
        return undefined;
      case 'moment': {
        const { run } = this.runOf(message.runId);
        const moment = momentAt(run, run.clamp(message.position));
        return { kind: 'moment', id: message.id, runId: message.runId, moment };
      }
      case 'navigate':
        return yield* this.navigate(message, mayGoOn);
      case 'tiles':
        return this.tiles(message);
      case 'inspect': {
        const { run } = this.runOf(message.runId);
        const position = run.clamp(message.position);
        const { id, runId, target } = message;
        return { kind: 'inspected', id, runId, position, target, inspection: inspect(run, position, target) };
      }
      case 'memory-types':
        return { kind: 'memory-types', id: message.id, runId: message.runId, rows: memoryTypeMatrix() };
      case 'spans':
        return this.spans(message);
      case 'view': {
        const { id, runId, query } = message;
        const { run } = this.runOf(runId);
        const position = run.clamp(message.position);
        return {
          kind: 'viewed',
          id,
          runId,
          position,
          result: viewAt(run, position, query, (other) => this.runOf(other).run),
        };
      }
    }
  }

  private runOf(runId: string): OpenRun {
    const found = this.runs.get(runId);
    if (found === undefined) throw new Refusal('', 'problem.no-run', { run: runId });
    return found;
  }

  private *open(request: OpenRequest, mayGoOn: () => boolean): Generator<Progress, Opened, void> {
    const { id, runId, scenario: input, machine, kernel, added = [] } = request;
    const scenario = parseScenario(input);
    const sim = boot(scenario, {
      ...(machine === undefined ? {} : { machine }),
      ...(kernel === undefined ? {} : { kernel }),
    });
    const steps = scenario.steps.length + added.length;
    const slicing: Slicing = {
      mayGoOn,
      progress: () => ({ kind: 'progress', id, runId, step: sim.steps.length, steps, pages: sim.pagesSoFar }),
    };
    const selftest = yield* telling(judge(input, sim, mayGoOn), slicing.progress);
    const agreement = yield* telling(runAndCompare(input, scenario, sim, mayGoOn), slicing.progress);
    const ended = selftest?.report.ok === false;
    const mayStop = kernel !== undefined || agreement.kind === 'differs';
    const own = ended
      ? leftBehind(scenario, sim, selftest.impossible)
      : yield* runScenario(scenario, sim, mayStop, slicing);
    const leftOut = [...own, ...(yield* runAdded(added, sim, mayStop, slicing))];
    const run = new Run(runId, sim);
    for (const _part of run.indexInParts()) if (!mayGoOn()) yield slicing.progress();
    const source = selftest !== undefined ? 'selftest' : isRecording(input) ? 'recording' : 'scene';
    const open: OpenRun = { run, source, agreement, leftOut, selftest: selftest?.report };
    this.keep(runId, open);
    return { kind: 'opened', id, runId, run: runInfo(open) };
  }

  private *append(
    { id, runId, step: input }: AppendRequest,
    mayGoOn: () => boolean,
  ): Generator<Progress, Opened, void> {
    const open = this.runOf(runId);
    const { sim } = open.run;
    const step = parseAdded(input, 'step');
    // while the machine stands there: afterwards it would have to go back for it
    residenceBefore(open.run, sim.length);
    const index = sim.steps.length;
    const slicing: Slicing = {
      mayGoOn,
      progress: () => ({
        kind: 'progress',
        id,
        runId,
        step: index,
        steps: index + 1,
        pages: sim.pagesSoFar,
      }),
    };
    if (!mayGoOn()) yield slicing.progress();
    try {
      yield* runStep(sim, step, slicing);
    } catch (error) {
      if (error instanceof StepError) throw impossible(step.op, error, 'step');
      throw error;
    }
    // the step stands from here on, and can be seen when it has been read
    this.settling = id;
    try {
      for (const _part of open.run.indexInParts()) if (!mayGoOn()) yield slicing.progress();
    } finally {
      this.settling = undefined;
    }
    this.maps.advance(runId, mayGoOn);
    return { kind: 'opened', id, runId, run: runInfo(open) };
  }

  /** Gets a run ready for the next questions, in slices. @param mayGoOn - asked often; false ends the slice */
  foresee(runId: string, mayGoOn: () => boolean): Generator<void, void, void> {
    const run = this.runs.get(runId)?.run;
    return run === undefined ? nothing() : foresee(run, () => this.runs.get(runId)?.run === run, mayGoOn);
  }

  private *detail(
    { id, runId, position, target }: DetailRequest,
    mayGoOn: () => boolean,
  ): Generator<Progress, DetailAnswer, void> {
    const { run } = this.runOf(runId);
    const { sim } = run;
    const record = sim.steps[run.stepAt(run.clamp(position)).index];
    const place = record === undefined ? undefined : placeOfTarget(run, record, target);
    if (record === undefined || place === undefined) throw new Refusal('target', 'problem.no-detail');
    const { index: step } = record;
    const slices = pageInDetail(sim, record, place.mm, place.vpn, mayGoOn);
    for (;;) {
      const slice = slices.next();
      if (slice.done === true)
        return { kind: 'detailed', id, runId, step, target, ...detailViews(slice.value) };
      yield { kind: 'progress', id, runId, step, steps: step + 1, pages: slice.value };
    }
  }

  private *retell(
    { id, runId, position, target }: RetellRequest,
    mayGoOn: () => boolean,
  ): Generator<Progress, RetellAnswer, void> {
    const { run } = this.runOf(runId);
    const at = run.clamp(position);
    const subject = subjectOf(run, at, target);
    const record = untoldSteps(run, at, subject).at(-1);
    if (subject === undefined || record === undefined) return { kind: 'retold', id, runId, target, step: -1 };
    const { index: step } = record;
    const slices = retell(run, record, subject, mayGoOn);
    for (;;) {
      const slice = slices.next();
      if (slice.done === true) {
        run.stories.keep(subject.key, step, slice.value);
        return { kind: 'retold', id, runId, target, step };
      }
      yield { kind: 'progress', id, runId, step, steps: step + 1, pages: slice.value };
    }
  }

  private *navigate(
    { id, runId, from, grain, direction, breakpoints = [] }: NavigateRequest,
    mayGoOn: () => boolean,
  ): Generator<Progress, Navigated, void> {
    const { run } = this.runOf(runId);
    const start = run.clamp(from);
    if (grain !== 'breakpoint')
      return { kind: 'navigated', id, runId, position: run.stop(start, grain, direction) };
    const slices = search(run, breakpoints, start, direction, mayGoOn);
    const { length: steps } = run.sim.steps;
    for (;;) {
      const slice = slices.next();
      if (slice.done !== true) {
        yield { kind: 'progress', id, runId, steps, ...slice.value };
        continue;
      }
      const { hit } = slice.value;
      const position = hit === undefined ? start : run.clamp(hit.position);
      return { kind: 'navigated', id, runId, position, search: slice.value };
    }
  }

  private tiles({ id, runId, position: asked, tiles, mode }: TilesRequest): TilesAnswer {
    const { run } = this.runOf(runId);
    const cells = tiles.reduce((sum, tile) => sum + tile.cells, 0);
    if (cells > MAX_TILE_CELLS) throw new Refusal('tiles', 'problem.too-many-cells', { cells });
    const position = run.clamp(asked);
    run.seek(position);
    const { machine } = run.sim;
    run.pyramid.update(longtermRunning(run, position));
    const read = run.shades.reader(mode);
    return {
      kind: 'tiles',
      id,
      runId,
      position,
      tiles: tiles.map((tile) => tileOf(run.pyramid, machine, tile, read)),
    };
  }

  private spans({ id, runId, from, to, limit }: SpansRequest): SpansAnswer {
    const { run } = this.runOf(runId);
    const steps = run.sim.steps.filter(({ begin, end }) => begin < to && end > from);
    const { namer } = sceneAtHand(run);
    const { kernel } = run.sim.machine;
    const inner = run.spans.between(from, to, limit, run.sim.length);
    return {
      kind: 'spans',
      id,
      runId,
      from,
      to,
      spans: [
        ...steps.map(({ step, begin, end }) => ({
          fn: step.op,
          lane: 'task' as const,
          task: 1,
          depth: 0,
          begin,
          end,
          label: step.op === 'gup' ? step.call : step.op,
        })),
        ...inner.map((span) => {
          const fn = spelling(kernel, span.fn);
          return { ...span, fn, label: fn };
        }),
      ],
      marks: timelineMarks(run, namer, from, to),
    };
  }

  private keep(runId: string, open: OpenRun): void {
    this.runs.delete(runId);
    this.runs.set(runId, open);
    for (const oldest of this.runs.keys()) {
      if (this.runs.size <= MAX_RUNS) break;
      this.runs.delete(oldest);
    }
  }
}

function* nothing(): Generator<void, void, void> {}

const boot = (scenario: Scenario, overrides: Parameters<typeof createSimulation>[1]): Simulation => {
  try {
    return createSimulation(scenario, overrides);
  } catch (error) {
    if (error instanceof RangeError)
      throw new Refusal('devices', 'problem.machine', { reason: error.message });
    if (error instanceof PatchSetError)
      throw new Refusal('kernel.patches', 'problem.patches', { reason: error.message });
    throw error;
  }
};

const parseAdded = (step: unknown, place: string): ReturnType<typeof parseStep> => {
  try {
    return parseStep(step);
  } catch (error) {
    if (error instanceof ScenarioError) {
      throw new Refusal(error.place === '' ? place : `${place}.${error.place}`, 'problem.unfit-step', {
        reason: error.message,
      });
    }
    throw error;
  }
};

/** What answers a message, slice by slice. */
export type Work = Generator<Progress, FromWorker | undefined, void>;

interface Slicing {
  readonly mayGoOn: () => boolean;
  readonly progress: () => Progress;
}

/** Slices of something that is thrown away when it is cancelled; each tells how far it is. */
function* telling<R>(
  slices: Generator<void, R, void>,
  progress: () => Progress,
): Generator<Progress, R, void> {
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
    yield progress();
  }
}

/** @throws StepError */
function* runStep(
  sim: Simulation,
  step: ReturnType<typeof parseStep>,
  { mayGoOn, progress }: Slicing,
): Generator<Progress, void, void> {
  for (const _slice of sim.runStepInSlices(step, mayGoOn)) yield progress();
}

const impossible = (op: string, { field, message, defect }: StepError, place: string): Refusal =>
  defect === undefined
    ? new Refusal(`${place}.${field}`, 'problem.impossible', { op, reason: message })
    : new Refusal(`${place}.${field}`, 'problem.defect', { op, defect });

/** The steps that have not run, of which the first could not; `reason` is '' if it only was not reached. */
const leftBehind = (scenario: Scenario, sim: Simulation, reason: string): LeftOutStep[] =>
  scenario.steps
    .slice(sim.steps.length)
    .map(({ step }, i): LeftOutStep => ({ step, reason: i === 0 ? reason : '' }));

/**
 * Runs what has not run yet of a scenario.
 *
 * @param mayStop - the scenario was written for another kernel: a step that is impossible on this one ends it
 * @returns the steps that were not run
 */
function* runScenario(
  scenario: Scenario,
  sim: Simulation,
  mayStop: boolean,
  slicing: Slicing,
): Generator<Progress, LeftOutStep[], void> {
  for (const { step } of scenario.steps.slice(sim.steps.length)) {
    try {
      yield* runStep(sim, step, slicing);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      if (!mayStop) throw impossible(step.op, error, `steps[${sim.steps.length}].step`);
      return leftBehind(scenario, sim, error.message);
    }
  }
  return [];
}

/** Runs what somebody added. Each was added for itself, so one that is impossible on this kernel ends nothing. */
function* runAdded(
  added: readonly unknown[],
  sim: Simulation,
  mayStop: boolean,
  slicing: Slicing,
): Generator<Progress, LeftOutStep[], void> {
  const leftOut: LeftOutStep[] = [];
  for (const [index, input] of added.entries()) {
    const step = parseAdded(input, `added[${index}]`);
    try {
      yield* runStep(sim, step, slicing);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      if (!mayStop) throw impossible(step.op, error, `added[${index}]`);
      leftOut.push({ step, reason: error.message });
    }
  }
  return leftOut;
}

const explain = (error: unknown): { readonly place: string; readonly words: Message } => {
  if (error instanceof Refusal) return error;
  if (error instanceof ScenarioError) {
    return { place: error.place, words: { id: 'problem.unfit', params: { reason: error.message } } };
  }
  if (error instanceof KernelBug)
    return { place: '', words: { id: 'problem.bug', params: { reason: error.message } } };
  return { place: '', words: { id: 'problem.internal', params: { reason: String(error) } } };
};
