// A recording: a scenario with answers. Here: what the simulation itself did, written in the recordings' format.

import { isHugeZeroPage } from '../kernel/mm/huge-memory.ts';
import { compoundHead, folioTestLarge, isZeroPfn } from '../kernel/mm/page-ref.ts';
import type { Machine } from '../machine/machine.ts';
import { KERNEL_VERSION } from '../uapi/source-refs.ts';
import type { Step } from '../uapi/scenario.ts';
import type { Pfn } from '../uapi/units.ts';
import {
  describedAlike,
  inOneGo,
  observeAreaInParts,
  observeDevices,
  observeFrame,
  type ObservedFrame,
  type ObservedPage,
  type ObservedVma,
  PAGES_A_PART,
} from './observe.ts';
import type { StepResult } from './runner.ts';
import type { Simulation, StepRecord } from './simulation.ts';
import { FORK_EXIT_FUNCTIONS, TRACED_FUNCTIONS } from './traced.ts';

/** Areas longer than this are shown without frame names. */
const NAMED_AREA_PAGES = 8192;
/** Areas longer than this are shown in runs. */
const UNRUN_AREA_PAGES = 64;

const NOT_FOR_FORK_EXIT = ['pgfault', 'pgmajfault', 'pgreuse'];
/** Counters that the recordings leave out at every step. */
const NOT_RECORDED = ['htlb_buddy_alloc_success', 'htlb_buddy_alloc_fail'];

export interface Call {
  readonly fn: string;
  readonly n: number;
}
export interface Repeat {
  readonly repeat: number;
  readonly calls: readonly Calls[];
}
export type Calls = Call | Repeat;

/** A page of the state, with the name of its frame. */
export interface NamedPage extends Omit<ObservedPage, 'pfn'> {
  readonly frame?: string;
  /** Description of a frame that has no name (areas too long for names). */
  readonly unnamed?: ObservedFrame;
}

/** State after a step, page by page. */
export interface NamedState {
  readonly procs: Record<
    string,
    Record<string, { areas: readonly ObservedVma[]; pages: readonly NamedPage[] }>
  >;
  readonly frames: ReadonlyMap<string, ObservedFrame>;
  readonly handles: Record<string, { call: string; frames: readonly string[] }>;
  readonly devices: Record<string, { used: number; free: number }>;
}

/** Describes frames one after the other; a frame like the one before shares its description. */
const describer = (m: Machine): ((pfn: Pfn) => ObservedFrame) => {
  let last: { pfn: Pfn; frame: ObservedFrame } | undefined;
  return (pfn) => {
    if (last === undefined || !describedAlike(m, last.pfn, pfn)) last = { pfn, frame: observeFrame(m, pfn) };
    return last.frame;
  };
};

/** Gives frames the names f1, f2, … in order of appearance; a name ends when its frame drops out of sight. */
export class FrameNamer {
  private names = new Map<Pfn, string>();
  private next = 1;

  /** State of the machine now. Call once after every step, in order. */
  observe(m: Machine): NamedState {
    return inOneGo(this.observeInParts(m));
  }

  /** The same with pauses; the machine must stand where it stood when it goes on. */
  *observeInParts(m: Machine): Generator<void, NamedState, void> {
    const kept = this.names;
    const seen = new Map<Pfn, string>();
    const frames = new Map<string, ObservedFrame>();
    const nameOf = (pfn: Pfn, whole: boolean): string => {
      if (isZeroPfn(m, pfn)) return this.show(m, 'zero', pfn, frames);
      const folio = compoundHead(m, pfn);
      if (isHugeZeroPage(m, folio)) return this.show(m, 'huge-zero', folio, frames);
      const name = seen.get(folio) ?? kept.get(folio) ?? `f${this.next++}`;
      seen.set(folio, name);
      this.show(m, name, folio, frames);
      return whole || !folioTestLarge(m, folio) ? name : `${name}+${pfn - folio}`;
    };
    const procs: NamedState['procs'] = {};
    for (const mm of m.mms.values()) {
      if (!mm.alive) continue;
      const areas: NamedState['procs'][string] = {};
      for (const area of mm.areas) {
        const observed = yield* observeAreaInParts(m, mm, area);
        const named = area.npages <= NAMED_AREA_PAGES;
        const describe = describer(m);
        const pages: NamedPage[] = [];
        for (const { pfn, ...page } of observed.pages) {
          if (pfn === undefined) pages.push(page);
          else if (named) pages.push({ ...page, frame: nameOf(pfn, page.level !== undefined) });
          else pages.push({ ...page, unnamed: describe(pfn) });
          if (pages.length % PAGES_A_PART === 0) yield;
        }
        areas[area.name] = { areas: observed.areas, pages };
      }
      procs[mm.name] = areas;
    }
    const handles: NamedState['handles'] = {};
    for (const handle of m.handles.values()) {
      handles[handle.name] = {
        call: handle.call,
        frames: Array.from(handle.pages, (pfn) => nameOf(pfn, false)),
      };
    }
    this.names = seen;
    return { procs, frames, handles, devices: observeDevices(m) };
  }

  private show(m: Machine, name: string, pfn: Pfn, frames: Map<string, ObservedFrame>): string {
    if (!frames.has(name)) frames.set(name, observeFrame(m, pfn));
    return name;
  }
}

/** Counters of a step as the recordings keep them. */
export const recordedVmstat = (record: StepRecord): Record<string, number> => {
  const forkOrExit = record.step.op === 'fork' || record.step.op === 'exit';
  const omitted = forkOrExit ? [...NOT_RECORDED, ...NOT_FOR_FORK_EXIT] : NOT_RECORDED;
  return Object.fromEntries(Object.entries(record.vmstat).filter(([name]) => !omitted.includes(name)));
};

/** Entries of traced functions, in order. */
export const tracedCalls = (sim: Simulation, record: StepRecord): string[] =>
  sim.callsOf(record).filter((name) => TRACED_FUNCTIONS.has(name));

/** Totals of the functions that are recorded for fork and exit, by name. */
export const filteredCalls = (sim: Simulation, record: StepRecord): Call[] => {
  const counts = new Map<string, number>();
  for (const fn of sim.callsOf(record)) counts.set(fn, (counts.get(fn) ?? 0) + 1);
  return FORK_EXIT_FUNCTIONS.flatMap((fn) => {
    const n = counts.get(fn);
    return n === undefined ? [] : [{ fn, n }];
  });
};

/** Runs of one function become one entry; a sequence that repeats becomes a repeat of it. */
export const foldCalls = (names: readonly string[]): Calls[] => {
  const flat: Call[] = [];
  for (const fn of names) {
    const last = flat.at(-1);
    if (last?.fn === fn) flat[flat.length - 1] = { fn, n: last.n + 1 };
    else flat.push({ fn, n: 1 });
  }
  return foldRepeats(flat);
};

const MAX_REPEAT_LENGTH = 64;

const sameCalls = (calls: readonly Call[], a: number, b: number, length: number): boolean => {
  for (let i = 0; i < length; i++)
    if (calls[a + i].fn !== calls[b + i].fn || calls[a + i].n !== calls[b + i].n) return false;
  return true;
};

const foldRepeats = (calls: readonly Call[]): Calls[] => {
  const folded: Calls[] = [];
  for (let at = 0; at < calls.length; ) {
    let best = 0;
    let bestTimes = 1;
    for (let length = 1; length <= MAX_REPEAT_LENGTH && at + 2 * length <= calls.length; length++) {
      let times = 1;
      while (at + (times + 1) * length <= calls.length && sameCalls(calls, at, at + times * length, length))
        times++;
      if (times > 1 && times * length > best * bestTimes) {
        best = length;
        bestTimes = times;
      }
    }
    if (bestTimes > 1) {
      folded.push({ repeat: bestTimes, calls: calls.slice(at, at + best) });
      at += best * bestTimes;
    } else {
      folded.push(calls[at++]);
    }
  }
  return folded;
};

type Json = Record<string, unknown>;

const pageJson = (page: NamedPage): Json => {
  const { level, entry, w, d, a, dev, frame, mapcount, anon_exclusive, value } = page;
  const json: Json = {};
  if (level !== undefined) json['level'] = level;
  json['entry'] = entry;
  for (const [key, part] of Object.entries({ w, d, a, dev, frame, mapcount, anon_exclusive, value })) {
    if (part !== undefined) json[key] = part;
  }
  return json;
};

/** `f7` counts on to `f8`, `f1+3` to `f1+4`; other names do not count on. */
const nextFrame = (name: string | undefined): string | undefined => {
  const match = /^(f(?:\d+\+)?)(\d+)$/.exec(name ?? '');
  return match === null ? undefined : `${match[1]}${Number(match[2]) + 1}`;
};

const frameOfPage = (name: string | undefined, frames: ReadonlyMap<string, ObservedFrame>): string =>
  JSON.stringify(frames.get((name ?? '').split('+')[0]));

/** Whether the next page continues a run: same entry, next frame with an equal description, value as the step says. */
const continues = (a: NamedPage, b: NamedPage, frames: ReadonlyMap<string, ObservedFrame>): boolean => {
  const plain = (page: NamedPage): string =>
    JSON.stringify({ ...pageJson(page), frame: undefined, value: undefined });
  if (plain(a) !== plain(b)) return false;
  if (a.unnamed !== undefined || b.unnamed !== undefined)
    return JSON.stringify(a.unnamed) === JSON.stringify(b.unnamed);
  if (a.frame === b.frame) return a.level !== undefined || a.frame === undefined || a.frame === 'zero';
  if (a.level !== undefined || nextFrame(a.frame) !== b.frame) return false;
  return frameOfPage(a.frame, frames) === frameOfPage(b.frame, frames);
};

interface Run {
  readonly i: number;
  readonly pages: NamedPage[];
  step: number | undefined;
}

const runsOf = (pages: readonly NamedPage[], frames: ReadonlyMap<string, ObservedFrame>): Run[] => {
  const runs: Run[] = [];
  pages.forEach((page, i) => {
    const run = runs.at(-1);
    const last = run?.pages.at(-1);
    if (run !== undefined && last !== undefined && continues(last, page, frames)) {
      const step = (page.value ?? 0) - (last.value ?? 0);
      const unnamed = page.unnamed !== undefined;
      if (unnamed || (run.step === undefined ? step === 0 || step === 1 : step === run.step)) {
        run.step ??= unnamed ? 0 : step;
        run.pages.push(page);
        return;
      }
    }
    runs.push({ i, pages: [page], step: undefined });
  });
  return runs;
};

const runJson = (run: Run, frames: ReadonlyMap<string, ObservedFrame>, described: Set<string>): Json => {
  const [first] = run.pages;
  const last = run.pages[run.pages.length - 1];
  const n = run.pages.length;
  const json: Json = { i: run.i, ...(n > 1 ? { n } : {}), ...pageJson(first) };
  if (first.unnamed !== undefined) json['state'] = first.unnamed;
  if (n > 1 && first.frame !== last.frame) {
    json['frame'] = `${first.frame}..${last.frame}`;
    const single = frames.get(first.frame ?? '');
    if (single !== undefined) json['state'] = single;
    if (single !== undefined) for (const page of run.pages) described.add(page.frame ?? '');
  }
  if (run.step === 1) json['value_step'] = 1;
  return json;
};

const stateJson = (state: NamedState): Json => {
  const described = new Set<string>();
  const procs: Json = {};
  for (const [proc, areas] of Object.entries(state.procs)) {
    const shown: Json = {};
    for (const [name, { areas: vmas, pages }] of Object.entries(areas)) {
      const runs =
        pages.length > UNRUN_AREA_PAGES
          ? runsOf(pages, state.frames)
          : pages.map((page, i): Run => ({ i, pages: [page], step: undefined }));
      shown[name] = { areas: vmas, pages: runs.map((run) => runJson(run, state.frames, described)) };
    }
    procs[proc] = shown;
  }
  const frames: Json = {};
  for (const [name, frame] of state.frames) if (!described.has(name)) frames[name] = frame;
  return { procs, frames, handles: state.handles, devices: state.devices };
};

/** One step of a recording. */
export interface RecordedStep {
  readonly n: number;
  readonly step: Step;
  readonly result: StepResult;
  readonly vmstat: Record<string, number>;
  readonly calls?: readonly Calls[];
  readonly calls_filtered?: readonly Call[];
  readonly state: Json;
}

export interface Recording {
  readonly format: 1;
  readonly name: string;
  readonly title: string;
  readonly kernel: string;
  readonly boot: string;
  /** Only of a machine that is not the guest of the kernel's recordings. */
  readonly machine?: string;
  /** Pages of the swap device; the recordings' guest has none. */
  readonly swap?: number;
  /** Pages that the hugetlb pool may take beyond its size; the recordings' guest takes none. */
  readonly overcommit?: number;
  readonly devices: readonly { id: number; kind: string; pages: number }[];
  readonly steps: readonly RecordedStep[];
}

/**
 * Runs a simulation's scenario and writes down what it did.
 *
 * @throws StepError at the first impossible step
 */
export const recordingOf = (sim: Simulation, name: string): Recording => {
  const namer = new FrameNamer();
  const steps = sim.scenario.steps.map(({ n, step }, index): RecordedStep => {
    const record = sim.runStep(step);
    const forkOrExit = step.op === 'fork' || step.op === 'exit';
    return {
      n: n ?? index,
      step,
      result: record.result,
      vmstat: recordedVmstat(record),
      ...(forkOrExit
        ? { calls_filtered: filteredCalls(sim, record) }
        : { calls: foldCalls(tracedCalls(sim, record)) }),
      state: stateJson(namer.observe(sim.machine)),
    };
  });
  return {
    format: 1,
    name,
    title: 'simulated',
    kernel: KERNEL_VERSION,
    boot: sim.scenario.boot,
    ...(sim.scenario.machine === undefined ? {} : { machine: sim.scenario.machine }),
    ...(sim.scenario.swap === undefined ? {} : { swap: sim.scenario.swap }),
    ...(sim.scenario.overcommit === undefined ? {} : { overcommit: sim.scenario.overcommit }),
    devices: sim.machine.config.devices.map(({ id, kind, pages }) => ({ id, kind, pages })),
    steps,
  };
};

/** The file of a recording: one line for the header, then one line a step. */
export const recordingText = (recording: Recording): string => {
  const { steps, ...header } = recording;
  const head = JSON.stringify(header).slice(0, -1);
  return `${head},"steps":[\n${steps.map((step) => JSON.stringify(step)).join(',\n')}\n]}\n`;
};
