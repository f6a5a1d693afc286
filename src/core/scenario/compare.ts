// The judge: what the kernel did in a recording against what the simulation does, step by step.
// What is left out of comparison, and why, stands in the README of the recordings; nothing else is.

import { parseScenario } from '../uapi/scenario.ts';
import type { Machine } from '../machine/machine.ts';
import { type ObservedFrame, PAGES_A_PART } from './observe.ts';
import {
  type Call,
  type Calls,
  filteredCalls,
  FrameNamer,
  type NamedPage,
  type NamedState,
  recordedVmstat,
  tracedCalls,
} from './recording.ts';
import type { MayGoOn } from '../kernel/sched/tasks.ts';
import { StepError } from './runner.ts';
import { createSimulation, type Simulation, type StepRecord, withoutPause } from './simulation.ts';

/** LRU ageing depends on time; not compared. */
const AGEING_FLAGS = new Set(['referenced', 'active', 'workingset']);
/** Flags that a freed device page keeps for its next user; not compared on devices. */
const STALE_DEVICE_FLAGS = new Set(['dirty', 'mlocked', 'uptodate', 'swapbacked', 'unevictable']);

export interface RecordingDifference {
  readonly step: number;
  readonly path: string;
  readonly kernel: string;
  readonly ours: string;
}

export interface RecordingComparison {
  readonly stepsTotal: number;
  readonly stepsAgree: number;
  readonly callOrderTotal: number;
  readonly callOrderAgree: number;
  /** State, result and counters, in order. */
  readonly differences: readonly RecordingDifference[];
  readonly callDifferences: readonly RecordingDifference[];
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const asObject = (value: unknown): Json => (isObject(value) ? value : {});
const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value));

/** Structural equality; the common case, decided without building paths. */
const same = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => same(a[key], b[key]));
};

class Differences {
  readonly found: { path: string; kernel: string; ours: string }[] = [];
  constructor(private readonly unstable: ReadonlySet<string>) {}

  /** Compares two values down to their leaves. */
  compare(path: string, kernel: unknown, ours: unknown): void {
    if (same(kernel, ours) || this.unstable.has(path)) return;
    if (isObject(kernel) && isObject(ours)) {
      for (const key of new Set([...Object.keys(kernel), ...Object.keys(ours)])) {
        this.compare(`${path}.${key}`, kernel[key], ours[key]);
      }
      return;
    }
    if (Array.isArray(kernel) && Array.isArray(ours)) {
      const length = Math.max(kernel.length, ours.length);
      for (let i = 0; i < length; i++) this.compare(`${path}[${i}]`, kernel[i], ours[i]);
      return;
    }
    if (text(kernel) !== text(ours)) this.found.push({ path, kernel: text(kernel), ours: text(ours) });
  }
}

// --- state --------------------------------------------------------------------------------------------------------

/** `f3..f9` at page k of the run is `f(3+k)`, `f1+2..f1+8` is `f1+(2+k)`; other names stand for every page of it. */
const frameInRun = (frame: string, k: number): string => {
  const range = /^(f(?:\d+\+)?)(\d+)\.\./.exec(frame);
  return range === null ? frame : `${range[1]}${Number(range[2]) + k}`;
};

/** Pages of an area, one entry each, and the descriptions that stood in its runs. */
function* expandPages(
  pages: readonly unknown[],
  frames: Map<string, unknown>,
): Generator<void, Json[], void> {
  const expanded: Json[] = [];
  for (const entry of pages) {
    const { i: _i, n, state, value, value_step: step, frame, ...rest } = asObject(entry);
    const count = typeof n === 'number' ? n : 1;
    for (let k = 0; k < count; k++) {
      const page: Json = { ...rest };
      if (typeof frame === 'string') {
        const name = frameInRun(frame, k);
        page['frame'] = name;
        if (state !== undefined && !frames.has(name)) frames.set(name, state);
      } else if (state !== undefined) {
        page['unnamed'] = state;
      }
      const valueKnown = typeof value === 'number' && (k === 0 || page['unnamed'] === undefined);
      if (valueKnown) page['value'] = value + (typeof step === 'number' ? step * k : 0);
      expanded.push(page);
      if (expanded.length % PAGES_A_PART === 0) yield;
    }
  }
  return expanded;
}

const comparableFrame = (frame: unknown): unknown => {
  const { flags, ...rest } = asObject(frame);
  if (!Array.isArray(flags)) return rest;
  const device = typeof rest['kind'] === 'string' && rest['kind'].startsWith('device-');
  const compared = flags.filter(
    (flag) => !AGEING_FLAGS.has(flag) && !(device && STALE_DEVICE_FLAGS.has(flag)),
  );
  return {
    ...rest,
    flags: compared
      .map(String)
      .sort((a, b) => (a < b ? -1 : 1))
      .join(' '),
  };
};

function* comparePages(
  path: string,
  kernel: readonly Json[],
  ours: readonly NamedPage[],
  differences: Differences,
): Generator<void, void, void> {
  differences.compare(`${path}.length`, kernel.length, ours.length);
  for (let i = 0; i < Math.min(kernel.length, ours.length); i++) {
    if (i % PAGES_A_PART === PAGES_A_PART - 1) yield;
    const own = ours[i];
    if (same(kernel[i], own)) continue;
    const { unnamed: theirs, ...page } = kernel[i];
    const { unnamed, value, ...rest } = own;
    const judged = i > 0 && theirs === kernel[i - 1]['unnamed'] && unnamed === ours[i - 1].unnamed;
    if (theirs !== undefined && !judged) {
      differences.compare(`${path}[${i}].state`, comparableFrame(theirs), comparableFrame(unnamed));
    }
    // of pages without names only the first of a run has its value recorded
    const known = value !== undefined && (theirs === undefined || page['value'] !== undefined);
    differences.compare(`${path}[${i}]`, page, known ? { ...rest, value } : rest);
  }
}

function* compareState(
  kernel: Json,
  ours: NamedState,
  differences: Differences,
): Generator<void, void, void> {
  const frames = new Map<string, unknown>(Object.entries(asObject(kernel['frames'])));
  const procs = asObject(kernel['procs']);
  differences.compare('state.procs', Object.keys(procs), Object.keys(ours.procs));
  for (const [proc, areas] of Object.entries(procs)) {
    const own = ours.procs[proc] ?? {};
    differences.compare(`state.procs.${proc}`, Object.keys(asObject(areas)), Object.keys(own));
    for (const [name, area] of Object.entries(asObject(areas))) {
      const path = `state.procs.${proc}.${name}`;
      const ownArea = own[name] ?? { areas: [], pages: [] };
      differences.compare(`${path}.areas`, asObject(area)['areas'], ownArea.areas);
      const pages = yield* expandPages(asArray(asObject(area)['pages']), frames);
      yield* comparePages(`${path}.pages`, pages, ownArea.pages, differences);
    }
  }
  let described = 0;
  for (const name of new Set<string>([...frames.keys(), ...ours.frames.keys()])) {
    if (++described % PAGES_A_PART === 0) yield;
    const own: ObservedFrame | undefined = ours.frames.get(name);
    differences.compare(
      `state.frames.${name}`,
      frames.has(name) ? comparableFrame(frames.get(name)) : undefined,
      own === undefined ? undefined : comparableFrame(own),
    );
  }
  differences.compare('state.handles', kernel['handles'], ours.handles);
  differences.compare('state.devices', kernel['devices'], ours.devices);
}

// --- calls --------------------------------------------------------------------------------------------------------

/** The order of entry, written out. */
const unfoldCalls = (calls: readonly unknown[]): string[] => {
  const names: string[] = [];
  for (const call of calls) {
    const {
      fn,
      n,
      repeat,
      calls: inner,
    } = asObject(call) as Partial<Call & { repeat: number; calls: readonly Calls[] }>;
    if (fn !== undefined) for (let i = 0; i < (n ?? 1); i++) names.push(fn);
    else for (let i = 0; i < (repeat ?? 0); i++) names.push(...unfoldCalls(inner ?? []));
  }
  return names;
};

const compareCalls = (
  sim: Simulation,
  record: StepRecord,
  recorded: Json,
): RecordingDifference | undefined => {
  const at = { step: record.index };
  if (Array.isArray(recorded['calls'])) {
    const kernel = unfoldCalls(recorded['calls']);
    const ours = tracedCalls(sim, record);
    const length = Math.max(kernel.length, ours.length);
    for (let i = 0; i < length; i++) {
      if (kernel[i] !== ours[i])
        return { ...at, path: `calls[${i}]`, kernel: text(kernel[i]), ours: text(ours[i]) };
    }
  } else if (Array.isArray(recorded['calls_filtered'])) {
    const byName = (calls: readonly unknown[]): string =>
      calls
        .map((call) => `${String(asObject(call)['fn'])} ${String(asObject(call)['n'])}`)
        .sort()
        .join(', ');
    const kernel = byName(recorded['calls_filtered']);
    const ours = byName(filteredCalls(sim, record));
    if (kernel !== ours) return { ...at, path: 'calls_filtered', kernel, ours };
  }
  return undefined;
};

// --- a step, a recording --------------------------------------------------------------------------------------------

/** Looks at the state after a step and compares it, with pauses. */
function* compareStep(
  m: Machine,
  record: StepRecord,
  namer: FrameNamer,
  recorded: Json,
): Generator<void, RecordingDifference[], void> {
  const unstable = new Set(asArray(recorded['unstable']).filter((path) => typeof path === 'string'));
  const differences = new Differences(unstable);
  differences.compare('result', recorded['result'], record.result);
  differences.compare('vmstat', recorded['vmstat'], recordedVmstat(record));
  const state = yield* namer.observeInParts(m);
  yield* compareState(asObject(recorded['state']), state, differences);
  return differences.found.map((difference) => ({ step: record.index, ...difference }));
}

/** Pauses where a slice is over; meanwhile somebody may have gone elsewhere in the timeline. */
function* atTheEnd<R>(
  sim: Simulation,
  parts: Generator<void, R, void>,
  mayGoOn: MayGoOn,
): Generator<void, R, void> {
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
    if (mayGoOn()) continue;
    yield;
    sim.seek(sim.length);
  }
}

const hasAnswers = (step: Json): boolean => step['result'] !== undefined && step['state'] !== undefined;

/** Whether a scenario carries a kernel's answers. */
export const isRecording = (input: unknown): boolean => {
  const steps = asArray(asObject(input)['steps']);
  return steps.length > 0 && steps.every((step) => hasAnswers(asObject(step)));
};

/**
 * Runs a recording's steps and compares after each. A step that the simulation cannot run is a difference.
 *
 * @param run - a simulation of this recording that has not run yet; made here if absent
 * @throws ScenarioError when the input is no recording
 */
export const compareRecording = (input: unknown, run?: Simulation): RecordingComparison => {
  const sim = run ?? createSimulation(parseScenario(input));
  return withoutPause((mayGoOn) => compareRecordingInSlices(input, sim, mayGoOn));
};

/**
 * The same in slices.
 *
 * @param sim - a simulation of this recording that has not run yet
 * @param mayGoOn - asked within and between steps, and while they are judged; false ends the slice
 */
export function* compareRecordingInSlices(
  input: unknown,
  sim: Simulation,
  mayGoOn: MayGoOn,
): Generator<void, RecordingComparison, void> {
  const { scenario } = sim;
  const recordedSteps = asArray(asObject(input)['steps']).map(asObject);
  const namer = new FrameNamer();
  const differences: RecordingDifference[] = [];
  const callDifferences: RecordingDifference[] = [];
  let stepsAgree = 0;
  let callOrderAgree = 0;
  let callOrderTotal = 0;
  for (const [index, { step }] of scenario.steps.entries()) {
    const recorded = recordedSteps[index];
    const judgesCalls = recorded['calls'] !== undefined || recorded['calls_filtered'] !== undefined;
    if (judgesCalls) callOrderTotal++;
    let record: StepRecord;
    try {
      record = yield* sim.runStepInSlices(step, mayGoOn);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      differences.push({
        step: index,
        path: `step.${error.field}`,
        kernel: text(recorded['result']),
        ours: error.message,
      });
      break;
    }
    const found = yield* atTheEnd(sim, compareStep(sim.machine, record, namer, recorded), mayGoOn);
    if (found.length === 0) stepsAgree++;
    differences.push(...found);
    const call = compareCalls(sim, record, recorded);
    if (call !== undefined) callDifferences.push(call);
    else if (judgesCalls) callOrderAgree++;
    if (!mayGoOn()) yield;
  }
  return {
    stepsTotal: scenario.steps.length,
    stepsAgree,
    callOrderTotal,
    callOrderAgree,
    differences,
    callDifferences,
  };
}
