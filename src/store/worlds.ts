// One workload in several worlds: coherent, private and system memory, and the two in which long-term pins stay in
// VRAM. Each is a run of its own; their costs are set side by side.

import type { KernelConfig } from '../core/uapi/config.ts';
import type { CostsView, PinQuestion } from '../worker/protocol-gpu.ts';
import type { Message, RunId } from '../worker/protocol.ts';
import { contrastingKernel, contrastingScenario } from './compare.ts';
import { type Context, update } from './context.ts';
import type { ScenarioSlice } from './scenario.ts';

export const WORLDS = ['coherent', 'private', 'system', 'intent', 'as-coded'] as const;
export type World = (typeof WORLDS)[number];
/** Those in which a long-term pin leaves its page in VRAM. */
export const STAYING = ['intent', 'as-coded'] as const;
export type Staying = (typeof STAYING)[number];

export interface WorldResult {
  readonly costs: CostsView;
  /** Steps that could not be run there. */
  readonly leftOut: number;
}

export interface WorldsSlice {
  /** Run that was on screen when they were asked for. */
  readonly runId: RunId;
  /** `stale`: figures have changed since. */
  readonly status: 'none' | 'running' | 'ready' | 'stale';
  readonly results: Readonly<Partial<Record<World, WorldResult>>>;
  /** Worlds in which the workload cannot run, and why. */
  readonly failed: Readonly<Partial<Record<World, Message>>>;
  /** The coherent world against those in which pins stay. */
  readonly questions: Readonly<Partial<Record<Staying, PinQuestion>>>;
}

export interface WorldsActions {
  /** Runs the workload on screen in all worlds, one after the other. */
  readonly runWorlds: () => Promise<void>;
}

export const initialWorlds: WorldsSlice = {
  runId: '',
  status: 'none',
  results: {},
  failed: {},
  questions: {},
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a scenario's devices are GPUs: only their program can stay in system memory. */
export const hasGpus = (scenario: unknown): boolean => isRecord(scenario) && scenario['gpu'] !== undefined;

const asSystem = (step: unknown): unknown[] => {
  if (!isRecord(step)) return [step];
  if (step['op'] === 'mmap')
    return [
      step,
      {
        op: 'svm_attr',
        proc: step['proc'],
        vma: step['vma'],
        attrs: [{ type: 'PREFERRED_LOC', loc: 'system' }],
      },
    ];
  if (step['op'] === 'concurrent' && Array.isArray(step['steps'])) {
    const steps = step['steps'].flatMap(asSystem);
    // one alone does not run at once with others
    return steps.length > 1 ? [{ ...step, steps }] : steps;
  }
  if (step['op'] !== 'svm_attr' || !Array.isArray(step['attrs'])) return [step];
  const attrs = step['attrs'].flatMap((attr: unknown) => {
    if (!isRecord(attr)) return [];
    if (attr['type'] === 'PREFETCH_LOC') return [];
    return [attr['type'] === 'PREFERRED_LOC' ? { ...attr, loc: 'system' } : attr];
  });
  return attrs.length === 0 ? [] : [{ ...step, attrs }];
};

/** The program with every range preferred in system memory, and nothing prefetched: VRAM stays empty of ranges. */
export const systemOnly = (scenario: unknown): unknown => {
  if (!isRecord(scenario) || !Array.isArray(scenario['steps'])) return scenario;
  const steps = scenario['steps'].flatMap((entry: unknown) =>
    isRecord(entry) ? asSystem(entry['step']) : [],
  );
  return { ...scenario, steps: steps.map((step, n) => ({ n, step })) };
};

interface Setup {
  readonly scenario: unknown;
  readonly kernel: Partial<KernelConfig>;
}

const setupOf = (world: World, { given, run }: ScenarioSlice): Setup | undefined => {
  if (run === undefined || (world === 'system' && !hasGpus(given))) return undefined;
  const real = contrastingKernel('policy-on', run.kernel);
  const coherent = contrastingScenario('coherent-devices', given);
  switch (world) {
    case 'coherent':
      return { scenario: coherent, kernel: real };
    case 'private':
      return { scenario: contrastingScenario('private-devices', given), kernel: real };
    case 'system':
      return { scenario: systemOnly(coherent), kernel: real };
    case 'intent':
    case 'as-coded':
      return { scenario: coherent, kernel: contrastingKernel(`policy-${world}`, run.kernel) };
  }
};

/** Runs worlds, one beside the coherent one at a time: a run of a big workload is large. */
export class Worlds {
  private asked = 0;

  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  /** Another run is on screen. */
  forget(): void {
    this.asked += 1;
    if (this.context.store.getState().worlds.status !== 'none') update(this.context, 'worlds', initialWorlds);
  }

  /** Figures have changed. */
  outdate(): void {
    if (this.context.store.getState().worlds.status === 'ready')
      update(this.context, 'worlds', { status: 'stale' });
  }

  async run(): Promise<void> {
    this.asked += 1;
    const mine = this.asked;
    const { scenario } = this.context.store.getState();
    if (scenario.run === undefined) return;
    update(this.context, 'worlds', { ...initialWorlds, runId: scenario.runId, status: 'running' });
    const coherent = await this.runWorld('coherent', scenario, mine);
    for (const world of WORLDS) {
      if (mine !== this.asked || world === 'coherent') continue;
      const runId = await this.runWorld(world, scenario, mine);
      if (runId === undefined) continue;
      if (coherent !== undefined && isStaying(world)) await this.askQuestion(world, coherent, runId, mine);
      this.context.link.close(runId);
    }
    if (coherent !== undefined) this.context.link.close(coherent);
    if (mine === this.asked) update(this.context, 'worlds', { status: 'ready' });
  }

  /** @returns the run, which stays open; undefined: it cannot be, or nobody wants it any more */
  private async runWorld(world: World, slice: ScenarioSlice, mine: number): Promise<RunId | undefined> {
    const setup = setupOf(world, slice);
    if (setup === undefined || mine !== this.asked) return undefined;
    const runId = `world${mine}-${world}`;
    const opened = await this.context.link.ask({
      kind: 'open',
      runId,
      ...setup,
      added: slice.added,
      ...(slice.machine === undefined ? {} : { machine: slice.machine }),
    });
    if (mine === this.asked) update(this.context, 'scenario', { working: undefined });
    const { failed, results } = this.context.store.getState().worlds;
    if (opened.kind === 'failed') {
      if (mine === this.asked)
        update(this.context, 'worlds', { failed: { ...failed, [world]: opened.message } });
      return undefined;
    }
    const costs = await this.costsOf(runId);
    if (mine !== this.asked || costs === undefined) {
      this.context.link.close(runId);
      return undefined;
    }
    const result: WorldResult = { costs, leftOut: opened.run.leftOut.length };
    update(this.context, 'worlds', { results: { ...results, [world]: result } });
    return runId;
  }

  private async costsOf(runId: RunId, staying?: RunId): Promise<CostsView | undefined> {
    const { overrides } = this.context.store.getState().costs;
    const query = { view: 'costs', overrides, ...(staying === undefined ? {} : { staying }) } as const;
    const answer = await this.context.link.ask({ kind: 'view', runId, position: 0, query });
    if (answer.kind === 'failed' || answer.result.view !== 'costs') return undefined;
    return answer.result.data;
  }

  private async askQuestion(world: Staying, real: RunId, staying: RunId, mine: number): Promise<void> {
    const question = (await this.costsOf(real, staying))?.question;
    if (mine !== this.asked || question === undefined) return;
    const { questions } = this.context.store.getState().worlds;
    update(this.context, 'worlds', { questions: { ...questions, [world]: question } });
  }
}

const isStaying = (world: World): world is Staying => STAYING.some((each) => each === world);

export const worldsActions = (context: Context, worlds: Worlds): WorldsActions => ({
  runWorlds: async () => await context.idle.during(worlds.run()),
});
