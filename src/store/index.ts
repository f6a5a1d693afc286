// Builds the page's state and actions over an environment: the browser, or a test.

import { createStore } from 'zustand/vanilla';
import { AddressSync, fullLinkOf } from './address.ts';
import type { App, AppActions, AppState } from './app.ts';
import { type Context, type Environment, report, update } from './context.ts';
import { choicesActions, readChoices } from './choices.ts';
import { compareActions, initialCompare } from './compare.ts';
import { costsActions, readCosts } from './costs.ts';
import { debugActions, initialDebug } from './debug.ts';
import { embedActions, readEmbed } from './embed.ts';
import { Idle } from './idle.ts';
import { mapsActions, readMaps } from './maps.ts';
import { initialStepDetail, stepDetailActions } from './step-detail.ts';
import { initialStory, Story, storyActions } from './story.ts';
import { initialMemoryTypes, memoryTypesActions } from './memory-types.ts';
import { initialPage, pageActions } from './page.ts';
import { layoutActions, readLayout } from './layout.ts';
import { initialPlayback, playbackActions } from './playback.ts';
import { Player } from './player.ts';
import { initialProblem, problemActions } from './problem.ts';
import { initialQueries, Queries, queriesActions } from './queries.ts';
import { initialScenario, scenarioActions } from './scenario.ts';
import { initialSelection, selectionActions } from './selection.ts';
import { readSettings, settingsActions } from './settings.ts';
import { initialShare, shareActions } from './share.ts';
import { initialTrace, traceActions } from './trace.ts';
import { Turns } from './turns.ts';
import { initialViewport, viewportActions } from './viewport.ts';
import { initialWalkthrough, walkthroughActions } from './walkthrough.ts';
import { writeLink } from './url-state.ts';
import { WorkerLink } from './worker-link.ts';
import { initialWorlds, Worlds, worldsActions } from './worlds.ts';

export const createApp = (environment: Environment): App => {
  const store = createStore<AppState>(() => ({
    scenario: initialScenario,
    playback: initialPlayback,
    trace: initialTrace,
    queries: initialQueries,
    selection: initialSelection,
    viewport: initialViewport,
    layout: readLayout(environment),
    maps: readMaps(environment),
    walkthrough: initialWalkthrough,
    settings: readSettings(environment),
    problem: initialProblem,
    debug: initialDebug,
    compare: initialCompare,
    page: initialPage,
    memoryTypes: initialMemoryTypes,
    costs: readCosts(environment),
    worlds: initialWorlds,
    stepDetail: initialStepDetail,
    story: initialStory,
    share: initialShare,
    choices: readChoices(environment),
    embed: readEmbed(environment),
  }));
  const idle = new Idle();
  const link = new WorkerLink(
    environment.client,
    idle,
    (reason) =>
      report(context, { about: 'worker', place: '', message: { id: 'problem.worker', params: { reason } } }),
    (working) => update(context, 'scenario', { working }),
  );
  const context: Context = { store, link, idle, environment, linked: undefined };
  const player = new Player(context);
  const queries = new Queries(context);
  const story = new Story(context, queries);
  const worlds = new Worlds(context);
  const playback = playbackActions(context, player);
  const compare = compareActions(context);
  const scenario = scenarioActions(context, player, queries, playback.seek);
  const actions: AppActions = {
    ...scenario,
    ...playback,
    ...traceActions(context),
    ...queriesActions(queries),
    ...selectionActions(context, queries, playback.pause),
    ...viewportActions(context),
    ...layoutActions(context),
    ...mapsActions(context),
    ...walkthroughActions(context, scenario, playback),
    ...settingsActions(context),
    ...problemActions(context),
    ...debugActions(context, playback.seek),
    ...compare,
    ...pageActions(context, playback.pause),
    ...memoryTypesActions(context),
    ...costsActions(context, () => worlds.outdate()),
    ...worldsActions(context, worlds),
    ...stepDetailActions(context),
    ...storyActions(context, story),
    ...shareActions(context, playback.pause),
    ...choicesActions(context),
    ...embedActions(context, playback.pause, () => writeLink(fullLinkOf(store.getState()))),
  };
  store.subscribe((state, before) => {
    const isOther = state.playback.position !== before.playback.position;
    if (isOther || state.maps.mode !== before.maps.mode) queries.refreshAll();
    const isLookedUp = state.queries.inspected !== before.queries.inspected;
    const isSelected = state.selection.selected !== before.selection.selected;
    const hasStopped = before.playback.playing && !state.playback.playing;
    if (isLookedUp || isSelected || hasStopped) story.consider();
    // what was run beside a run goes with it, and with a step that was added
    if (state.scenario.run !== before.scenario.run) worlds.forget();
  });
  const turns = new Turns(store, environment.clock, idle);
  const address = new AddressSync(context, scenario, compare);

  const start = async (): Promise<void> => {
    const opened = await address.restore(true);
    address.start();
    if (!opened) actions.openIntroduction();
    queries.refreshAll();
  };
  return {
    store,
    actions,
    turns,
    start: () => idle.during(start()),
    busy: () => idle.begin(),
    connectPainter: (port) => environment.client.connectPainter(port),
    idle: () => idle.when(),
  };
};
