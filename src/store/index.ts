// Builds the page's state and actions over an environment: the browser, or a test.

import { createStore } from 'zustand/vanilla';
import { AddressSync } from './address.ts';
import type { App, AppActions, AppState } from './app.ts';
import { builtInEntries } from './catalogue.ts';
import { type Context, type Environment, report, update } from './context.ts';
import { compareActions, initialCompare } from './compare.ts';
import { debugActions, initialDebug } from './debug.ts';
import { Idle } from './idle.ts';
import { initialStepDetail, stepDetailActions } from './step-detail.ts';
import { initialMemoryTypes, memoryTypesActions } from './memory-types.ts';
import { initialPage, pageActions } from './page.ts';
import { layoutActions, readLayout } from './layout.ts';
import { initialPlayback, playbackActions } from './playback.ts';
import { Player } from './player.ts';
import { initialProblem, problemActions } from './problem.ts';
import { initialQueries, Queries, queriesActions } from './queries.ts';
import { initialScenario, loadCatalogue, scenarioActions } from './scenario.ts';
import { initialSelection, selectionActions } from './selection.ts';
import { readSettings, settingsActions } from './settings.ts';
import { initialTrace, traceActions } from './trace.ts';
import { initialViewport, viewportActions } from './viewport.ts';
import { initialWalkthrough, walkthroughActions } from './walkthrough.ts';
import { WorkerLink } from './worker-link.ts';

export const createApp = (environment: Environment): App => {
  const store = createStore<AppState>(() => ({
    scenario: { ...initialScenario, catalogue: { status: 'loading', entries: builtInEntries } },
    playback: initialPlayback,
    trace: initialTrace,
    queries: initialQueries,
    selection: initialSelection,
    viewport: initialViewport,
    layout: readLayout(environment),
    walkthrough: initialWalkthrough,
    settings: readSettings(environment),
    problem: initialProblem,
    debug: initialDebug,
    compare: initialCompare,
    page: initialPage,
    memoryTypes: initialMemoryTypes,
    stepDetail: initialStepDetail,
  }));
  const idle = new Idle();
  const link = new WorkerLink(
    environment.client,
    idle,
    (reason) =>
      report(context, { about: 'worker', place: '', message: { id: 'problem.worker', params: { reason } } }),
    (working) => update(context, 'scenario', { working }),
  );
  const context: Context = { store, link, idle, environment };
  const player = new Player(context);
  const queries = new Queries(context);
  const playback = playbackActions(context, player);
  const scenario = scenarioActions(context, player, queries, playback.seek);
  const actions: AppActions = {
    ...scenario,
    ...playback,
    ...traceActions(context),
    ...queriesActions(queries),
    ...selectionActions(context, queries, playback.pause),
    ...viewportActions(context),
    ...layoutActions(context),
    ...walkthroughActions(context, scenario, playback),
    ...settingsActions(context),
    ...problemActions(context),
    ...debugActions(context, playback.seek),
    ...compareActions(context),
    ...pageActions(context, playback.pause),
    ...memoryTypesActions(context),
    ...stepDetailActions(context),
  };
  store.subscribe((state, before) => {
    if (state.playback.position !== before.playback.position) queries.refreshAll();
  });
  const address = new AddressSync(context, scenario);

  const start = async (): Promise<void> => {
    await loadCatalogue(context);
    const opened = await address.restore();
    address.start();
    if (!opened) actions.openIntroduction();
    queries.refreshAll();
  };
  return {
    store,
    actions,
    start: () => idle.during(start()),
    busy: () => idle.begin(),
    connectPainter: (port) => environment.client.connectPainter(port),
    idle: () => idle.when(),
  };
};
