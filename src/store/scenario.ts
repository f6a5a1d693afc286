// Which run is open, and what can be opened. The last good run stays when something cannot be opened.

import type { KernelConfig, MachinePresetName } from '../core/uapi/config.ts';
import type { Position, Progress, RunId, RunInfo } from '../worker/protocol.ts';
import { initialCompare } from './compare.ts';
import { type Context, painted, report, update } from './context.ts';
import { type KernelChoice, kernelChoice } from './kernel-choice.ts';
import { initialPage } from './page.ts';
import { initialPlayback } from './playback.ts';
import { type Player, stepOf } from './player.ts';
import { initialQueries, type Queries } from './queries.ts';
import { initialTrace } from './trace.ts';
import type { Place } from './url-state.ts';
import { initialWalkthrough } from './walkthrough.ts';

/** What the picker offers: a recording of the real kernel, a scene made by hand, or one of the kernel's own tests. */
export interface CatalogueEntry {
  readonly name: string;
  readonly title: string;
  /** What there is to see, in a sentence or two; of a recording, the title that it was made with. */
  readonly about: string;
  readonly source: 'recording' | 'scene' | 'selftest';
  /** Heading under which the picker lists it. */
  readonly group: string;
  readonly boot: string;
  readonly devices: readonly { readonly id: number; readonly kind: string }[];
  /** undefined: not known before it is opened. */
  readonly steps: number | undefined;
}

export interface Catalogue {
  readonly status: 'loading' | 'ready' | 'failed';
  readonly entries: readonly CatalogueEntry[];
}

/** Where the scenario of the run came from; what a link has to carry. */
export type ScenarioOrigin =
  | { readonly kind: 'catalogue'; readonly name: string }
  /** Came in a link or a file: the commands themselves. */
  | { readonly kind: 'own'; readonly scenario: unknown };

export interface ScenarioSlice {
  readonly catalogue: Catalogue;
  /** Run that is shown; '' before the first one is open. Also stands in the other slices. */
  readonly runId: RunId;
  readonly run: RunInfo | undefined;
  readonly origin: ScenarioOrigin | undefined;
  /** The scenario as it was given, for opening it again on something else. */
  readonly given: unknown;
  /** Machine chosen in the picker; undefined: the one that the scenario asks for. */
  readonly machine: MachinePresetName | undefined;
  /** What was chosen of the kernel; undefined: all as the scenario asks. */
  readonly kernel: KernelChoice | undefined;
  /** Steps that were added by hand, behind those of the scenario. */
  readonly added: readonly unknown[];
  /** Name or title of what is being opened; undefined: nothing. */
  readonly opening: string | undefined;
  /** How far the worker is with something that takes long; undefined: with nothing. */
  readonly working: Progress | undefined;
  /** A step of the run is being computed; the maps show how far it is. */
  readonly computing: boolean;
}

/** Where to stand after opening. Without any of these: at the end of boot, before step 0. */
export interface OpenOptions {
  readonly machine?: MachinePresetName | undefined;
  readonly kernel?: KernelChoice | undefined;
  /** Stands before this step. */
  readonly beforeStep?: number;
  readonly at?: Place;
  /** Steps to add behind those of the scenario. */
  readonly added?: readonly unknown[];
}

export interface ScenarioActions {
  /** Fetches what the picker offers, once: a first visit does without it. */
  readonly loadCatalogue: () => Promise<void>;
  /** Opens an entry of the catalogue. True if it is open now; else `problem` says why not. */
  readonly openByName: (name: string, options?: OpenOptions) => Promise<boolean>;
  /** Opens a scenario or recording from a file or a link, as parsed JSON. */
  readonly openScenario: (scenario: unknown, options?: OpenOptions) => Promise<boolean>;
  /** Opens the text of a dropped or chosen file. */
  readonly openText: (text: string) => Promise<boolean>;
  /** Runs the same scenario on another machine; undefined: the one it asks for. */
  readonly setMachine: (machine: MachinePresetName | undefined) => Promise<boolean>;
  /** Runs the same scenario on another kernel. */
  readonly setKernel: (kernel: KernelConfig) => Promise<boolean>;
  /** Adds a step at the end of the run and goes there. */
  readonly addStep: (step: unknown) => Promise<boolean>;
  /** Takes back what takes long. */
  readonly cancelWork: () => void;
}

export const initialScenario: ScenarioSlice = {
  catalogue: { status: 'loading', entries: [] },
  runId: '',
  run: undefined,
  origin: undefined,
  given: undefined,
  machine: undefined,
  kernel: undefined,
  added: [],
  opening: undefined,
  working: undefined,
  computing: false,
};

/** Relative to the page, so that the app works below any path. */
const RECORDINGS_PATH = 'recordings/';

const positionOf = (run: RunInfo, { beforeStep, at }: OpenOptions): Position => {
  if (at !== undefined) {
    if (at.step >= run.steps.length) return run.length;
    const step = run.steps[at.step];
    return step === undefined ? run.bootEnd : Math.min(step.begin + at.offset, step.end);
  }
  return run.steps[beforeStep ?? 0]?.begin ?? run.bootEnd;
};

/** Opens, and adds to, runs. */
class Opener {
  private runs = 0;

  private readonly context: Context;
  private readonly player: Player;
  private readonly queries: Queries;

  constructor(context: Context, player: Player, queries: Queries) {
    this.context = context;
    this.player = player;
    this.queries = queries;
  }

  async open(
    origin: ScenarioOrigin,
    title: string,
    scenario: unknown,
    options: OpenOptions,
  ): Promise<boolean> {
    this.runs += 1;
    const runNumber = this.runs;
    const runId = `run${runNumber}`;
    const { machine, kernel, added = [] } = options;
    this.player.newWish();
    this.player.snap();
    update(this.context, 'playback', { playing: false });
    update(this.context, 'scenario', { opening: title });
    const opened = await this.context.link.ask({
      kind: 'open',
      runId,
      scenario,
      added,
      ...(machine === undefined ? {} : { machine }),
      ...(kernel === undefined ? {} : { kernel }),
    });
    const isLatest = runNumber === this.runs;
    if (isLatest) update(this.context, 'scenario', { opening: undefined, working: undefined });
    if (opened.kind === 'failed') {
      if (isLatest) report(this.context, { about: 'open', place: opened.place, message: opened.message });
      return false;
    }
    const position = positionOf(opened.run, options);
    const answer = await this.context.link.ask({ kind: 'moment', runId, position });
    if (runNumber !== this.runs || answer.kind === 'failed') {
      this.context.link.close(runId);
      return false;
    }
    const { scenario: shown, compare } = this.context.store.getState();
    const before = shown.runId;
    this.context.store.setState((state) => ({
      ...state,
      scenario: {
        ...state.scenario,
        runId,
        run: opened.run,
        origin,
        given: scenario,
        machine,
        kernel,
        added,
      },
      playback: { ...initialPlayback, runId, speed: state.playback.speed },
      trace: { ...initialTrace, runId },
      queries: { ...initialQueries, runId },
      selection: { runId, selected: undefined, hovered: undefined },
      viewport: { ...state.viewport, runId, looks: {} },
      walkthrough: { ...initialWalkthrough, runId },
      problem: { problem: undefined },
      debug: { ...state.debug, runId, lastHit: -1, missed: 0, openCalls: [], here: undefined },
      page: initialPage,
      compare: initialCompare,
    }));
    this.player.show(answer.moment);
    this.queries.refreshAll();
    if (before !== '') this.context.link.close(before);
    if (compare.otherRunId !== '') this.context.link.close(compare.otherRunId);
    if (compare.beside !== undefined) this.context.link.close(compare.beside.runId);
    return true;
  }

  /** Runs the same scenario with something else chosen, and goes before the same step; what is not named stays. */
  async reopen(change: Pick<OpenOptions, 'machine' | 'kernel'>): Promise<boolean> {
    const { scenario, playback } = this.context.store.getState();
    const { origin, run, added, machine, kernel } = scenario;
    if (origin === undefined || run === undefined) return false;
    const at = { step: stepOf(run.steps, playback.position).step, offset: 0 };
    return await this.open(origin, run.title, scenario.given, { machine, kernel, added, at, ...change });
  }

  async append(step: unknown): Promise<boolean> {
    const { runId, added } = this.context.store.getState().scenario;
    if (runId === '') return false;
    const answer = await this.context.link.ask({ kind: 'append', runId, step });
    update(this.context, 'scenario', { working: undefined });
    if (this.context.store.getState().scenario.runId !== runId) return false;
    if (answer.kind === 'failed') {
      report(this.context, { about: 'step', place: answer.place, message: answer.message });
      return false;
    }
    update(this.context, 'scenario', { run: answer.run, added: [...added, step] });
    update(this.context, 'problem', { problem: undefined });
    return true;
  }
}

const MAX_FILE_CHARS = 20_000_000;

const ownTitle = (scenario: unknown): string => {
  const title =
    typeof scenario === 'object' && scenario !== null && 'title' in scenario ? scenario.title : '';
  return typeof title === 'string' ? title.slice(0, 200) : '';
};

export const scenarioActions = (
  context: Context,
  player: Player,
  queries: Queries,
  seek: (position: Position) => Promise<void>,
): ScenarioActions => {
  const opener = new Opener(context, player, queries);
  const refuse = (id: string, params: Record<string, string | number> = {}): false => {
    report(context, { about: 'open', place: '', message: { id, params } });
    return false;
  };

  /** Fetches what is to be opened; undefined, and said, if that fails. */
  const load = async (name: string, title: string, fetch: () => Promise<unknown>): Promise<unknown> => {
    update(context, 'scenario', { opening: title });
    try {
      return await fetch();
    } catch (error) {
      update(context, 'scenario', { opening: undefined });
      refuse('problem.fetch', { name, reason: String(error) });
      return undefined;
    }
  };

  let asked: Promise<void> | undefined;
  const loadCatalogue = async (): Promise<void> => {
    asked ??= readEntries(context).catch((reason: unknown) => {
      // the next who needs it tries again
      asked = undefined;
      const { catalogue } = context.store.getState().scenario;
      update(context, 'scenario', { catalogue: { ...catalogue, status: 'failed' } });
      const message = { id: 'problem.catalogue', params: { reason: String(reason) } };
      report(context, { about: 'catalogue', place: '', message });
    });
    await asked;
  };

  const openByName = async (name: string, options: OpenOptions = {}): Promise<boolean> => {
    await loadCatalogue();
    const { catalogue } = context.store.getState().scenario;
    const entry = catalogue.entries.find((candidate) => candidate.name === name);
    if (entry === undefined) {
      return refuse(catalogue.status === 'failed' ? 'problem.no-catalogue' : 'problem.unknown-scenario', {
        name,
      });
    }
    const scenario = await load(name, entry.title, async () => {
      if (entry.source === 'recording')
        return await context.environment.fetchJson(`${RECORDINGS_PATH}${name}.json`);
      const { builtInScenario } = await import('./catalogue.ts');
      return await builtInScenario(name);
    });
    const origin = { kind: 'catalogue', name } as const;
    return scenario !== undefined && (await opener.open(origin, entry.title, scenario, options));
  };

  const openScenario = async (scenario: unknown, options: OpenOptions = {}): Promise<boolean> =>
    await opener.open({ kind: 'own', scenario }, ownTitle(scenario), scenario, options);

  const during = <A extends readonly unknown[]>(act: (...args: A) => Promise<boolean>) => {
    return async (...args: A): Promise<boolean> => await context.idle.during(act(...args));
  };
  return {
    loadCatalogue: () => context.idle.during(loadCatalogue()),
    cancelWork: () => {
      const { working } = context.store.getState().scenario;
      if (working !== undefined) context.link.cancel(working.id);
    },
    openByName: during(openByName),
    openScenario: during(openScenario),
    openText: during(async (text: string) => {
      if (text.length > MAX_FILE_CHARS) return refuse('problem.file-too-long');
      let scenario: unknown;
      try {
        scenario = JSON.parse(text);
      } catch (error) {
        return refuse('problem.not-json', { reason: error instanceof Error ? error.message : '' });
      }
      return await openScenario(scenario);
    }),
    setMachine: during(async (machine: MachinePresetName | undefined) => {
      if (machine === context.store.getState().scenario.machine) return false;
      return await opener.reopen({ machine });
    }),
    setKernel: during(async (wanted: KernelConfig) => {
      const { run } = context.store.getState().scenario;
      if (run === undefined || kernelChoice(wanted, run.kernel) === undefined) return false;
      return await opener.reopen({ kernel: kernelChoice(wanted, run.ownKernel) });
    }),
    addStep: during(async (step: unknown) => {
      update(context, 'scenario', { computing: true });
      try {
        // the page says so first: a big step takes the processors that it needs for that
        await painted(context.environment.clock);
        if (!(await opener.append(step))) return false;
        const { run } = context.store.getState().scenario;
        if (run !== undefined) await seek(run.length);
        return true;
      } finally {
        // not before the cursor is there: the maps would go back before the step once more
        update(context, 'scenario', { computing: false });
      }
    }),
  };
};

/** The scenes are there as soon as their code is, the recordings when their list has come. */
const readEntries = async (context: Context): Promise<void> => {
  const index = context.environment.fetchJson(`${RECORDINGS_PATH}index.json`);
  // whoever waits for it is told of it; should the code not come, nobody does
  index.catch(() => undefined);
  const { builtInEntries, readCatalogue } = await import('./catalogue.ts');
  update(context, 'scenario', { catalogue: { status: 'loading', entries: builtInEntries } });
  update(context, 'scenario', { catalogue: { status: 'ready', entries: readCatalogue(await index) } });
};
