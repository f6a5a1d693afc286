// What a recording would show after each step, in a few words. Ours: for tests that state what the kernel would do.

import type { KernelConfig } from '../uapi/config.ts';
import { parseScenario } from '../uapi/scenario.ts';
import type { ObservedFrame, ObservedVma } from './observe.ts';
import { filteredCalls, FrameNamer, type NamedPage, recordedVmstat, tracedCalls } from './recording.ts';
import type { StepResult } from './runner.ts';
import { createSimulation } from './simulation.ts';

/** One step and the state after it. */
export interface Brief {
  readonly result: StepResult;
  readonly vmstat: Readonly<Record<string, number>>;
  /** Traced calls; a run of one function is written once: `name×3`. */
  readonly calls: string;
  /** What a recording keeps of the calls of fork and exit. */
  readonly forkExitCalls: Readonly<Record<string, number>>;
  /** By process: the areas of the kernel, as `0+4 rw`. */
  readonly areas: Readonly<Record<string, readonly string[]>>;
  /** By process: the pages, as `WDA f1`, `wdA f2 0:r`, `none`, `device-private f3`; a capital means: set. */
  readonly pages: Readonly<Record<string, readonly string[]>>;
  /** By name of the frame: `anon r1 m1 uptodate,lru`. */
  readonly frames: Readonly<Record<string, string>>;
}

const letter = (set: 0 | 1 | undefined, lower: string): string => {
  if (set === undefined) return '';
  return set === 1 ? lower.toUpperCase() : lower;
};

const words = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== '').join(' ');

const pageText = ({ entry, w, d, a, dev, frame, anon_exclusive: exclusive }: NamedPage): string =>
  words(
    entry === 'present' ? '' : entry,
    letter(w, 'w') + letter(d, 'd') + letter(a, 'a'),
    frame,
    exclusive === 1 ? 'exclusive' : '',
    ...Object.entries(dev ?? {}).map(([device, rights]) => `${device}:${rights}`),
  );

const frameText = (frame: ObservedFrame): string =>
  words(
    `${frame.kind}${frame.device ?? ''}`,
    frame.refcount === undefined ? '' : `r${frame.refcount}`,
    frame.mapcount === undefined ? '' : `m${frame.mapcount}`,
    frame.maybe_pinned === 1 ? 'pinned' : '',
    frame.flags?.join(','),
  );

const areaText = ({ i, n, prot, locked }: ObservedVma): string =>
  words(`${i}+${n}`, prot, locked === 1 ? 'locked' : '');

const callsText = (names: readonly string[]): string => {
  const runs: { fn: string; n: number }[] = [];
  for (const fn of names) {
    const last = runs.at(-1);
    if (last?.fn === fn) last.n++;
    else runs.push({ fn, n: 1 });
  }
  return runs.map(({ fn, n }) => (n === 1 ? fn : `${fn}×${n}`)).join(' ');
};

const WITHOUT_AREA: readonly unknown[] = ['fork', 'exit', 'unpin', 'put'];

/**
 * Runs a scenario of process A and its area `buf` (a step that means others says so).
 *
 * @returns one Brief for each step
 */
export const briefly = (
  steps: readonly Readonly<Record<string, unknown>>[],
  devices: readonly ('coherent' | 'private')[] = [],
  boot: 'default' | 'movable' | 'cma' = 'default',
  config: Partial<Omit<KernelConfig, 'version' | 'patches'>> = {},
): Brief[] => {
  const scenario = parseScenario({
    boot,
    config,
    devices: devices.map((kind, id) => ({ id, kind })),
    steps: steps.map((step) => ({
      step: { proc: 'A', ...(WITHOUT_AREA.includes(step['op']) ? {} : { vma: 'buf' }), ...step },
    })),
  });
  const sim = createSimulation(scenario);
  const namer = new FrameNamer();
  return scenario.steps.map(({ step }): Brief => {
    const record = sim.runStep(step);
    const { procs, frames } = namer.observe(sim.machine);
    const byProc = (what: (area: (typeof procs)[string][string]) => string[]): Record<string, string[]> =>
      Object.fromEntries(
        Object.entries(procs).map(([name, areas]) => [name, Object.values(areas).flatMap(what)]),
      );
    return {
      result: record.result,
      vmstat: recordedVmstat(record),
      calls: callsText(tracedCalls(sim, record)),
      forkExitCalls: Object.fromEntries(filteredCalls(sim, record).map(({ fn, n }) => [fn, n])),
      areas: byProc((area) => area.areas.map(areaText)),
      pages: byProc((area) => area.pages.map(pageText)),
      frames: Object.fromEntries([...frames].map(([name, frame]) => [name, frameText(frame)])),
    };
  });
};
