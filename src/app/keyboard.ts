// From keys to commands, and from commands to actions.

import { tinykeys } from 'tinykeys';
import type { App, AppState } from '../store/app.ts';
import { type Command, keyGroups } from '../store/keys.ts';
import type { MapController } from '../map/controller.ts';
import { dismissTips } from '../ui/tips.ts';
import { areaOf } from './frame/arrange.ts';
import { PANELS } from './frame/panels.ts';

const PAN_PX = 60;

export interface Keyboard {
  readonly app: App;
  readonly maps: MapController;
}

/** Shows a panel, wherever it lies. */
export const bringUp = (id: string, { actions, store }: App): void => {
  const panel = PANELS.find((each) => each.id === id);
  if (panel === undefined) return;
  const area = areaOf(panel, store.getState().layout);
  if (area === undefined) actions.movePanel(id, panel.area);
  actions.showPanel(area ?? panel.area, id);
};

/** How far a remote control goes: a speaker has a sentence to each press. */
const pageGrain = ({ layout }: AppState): 'gist' | 'step' => (layout.preset === 'present' ? 'gist' : 'step');

/** Does what an action of the table says. @param key - what was pressed, for the digits */
export const run = (command: Command, { app, maps }: Keyboard, key = ''): void => {
  const { actions, store } = app;
  switch (command) {
    case 'togglePlay':
      return actions.togglePlay();
    case 'eventBack':
      return void actions.stepBy('event', -1);
    case 'eventForward':
      return void actions.stepBy('event', 1);
    case 'momentBack':
      return void actions.stepBy('beat', -1);
    case 'momentForward':
      return void actions.stepBy('beat', 1);
    case 'functionBack':
      return void actions.stepBy('function', -1);
    case 'functionForward':
      return void actions.stepBy('function', 1);
    case 'stepBack':
      return void actions.stepBy('step', -1);
    case 'stepForward':
      return void actions.stepBy('step', 1);
    case 'pageBack':
      return void actions.stepBy(pageGrain(store.getState()), -1);
    case 'pageForward':
      return void actions.stepBy(pageGrain(store.getState()), 1);
    case 'over':
      return void actions.stepBy('over', 1);
    case 'overBack':
      return void actions.stepBy('over', -1);
    case 'out':
      return void actions.stepBy('out', 1);
    case 'runToHere':
      return void actions.runToHere();
    case 'runToBreakpoint':
      return void actions.runToBreakpoint(1);
    case 'runBackToBreakpoint':
      return void actions.runToBreakpoint(-1);
    case 'addBreakpoint':
      actions.askBreakpoint(true);
      return bringUp('call-tree', app);
    case 'toStart':
      return void actions.toStart();
    case 'toEnd':
      return void actions.toEnd();
    case 'jump': {
      const { run: open } = store.getState().scenario;
      if (open === undefined) return;
      const part = Number(key) / 10;
      return void actions.seek(Math.round(open.bootEnd + (open.length - open.bootEnd) * part));
    }
    case 'slower':
      return actions.slower();
    case 'faster':
      return actions.faster();
    case 'zoomIn':
      return maps.zoom(1.6);
    case 'zoomOut':
      return maps.zoom(1 / 1.6);
    case 'panLeft':
      return maps.pan(PAN_PX, 0);
    case 'panRight':
      return maps.pan(-PAN_PX, 0);
    case 'panUp':
      return maps.pan(0, PAN_PX);
    case 'panDown':
      return maps.pan(0, -PAN_PX);
    case 'follow':
      return maps.followAll();
    case 'whole':
      return maps.showWhole(!maps.whole);
    case 'fit':
      return maps.fitAll();
    case 'text':
      return actions.choose({ asText: !store.getState().choices.asText });
    case 'scenarios':
    case 'palette':
    case 'goTo':
    case 'layout':
      return actions.openPanel(command);
    case 'present':
      return actions.togglePresent();
    case 'undoLayout':
      return actions.undoLayout();
    case 'resetLayout':
      return actions.resetLayout();
    case 'introduction':
      return actions.openIntroduction();
    case 'tour':
      return actions.startTour();
    case 'help':
      return actions.openPanel('help');
    case 'escape':
      if (store.getState().page.page !== '') return actions.closePage();
      if (store.getState().walkthrough.tour) return actions.endTour();
      dismissTips(document.documentElement);
      if (store.getState().problem.problem !== undefined) actions.dismissProblem();
      else actions.select(undefined);
  }
};

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches('input:not([type=radio]), select, textarea'));

/** Over a document that lies open only these act; the run below it stands still. */
const WHILE_READING: ReadonlySet<Command> = new Set(['scenarios', 'palette', 'help', 'escape']);

/** What a frame in another page has: playback, and what moves the maps. */
const WHILE_EMBEDDED: ReadonlySet<Command> = new Set([
  ...(['togglePlay', 'toStart', 'toEnd', 'jump', 'slower', 'faster', 'pageBack', 'pageForward'] as const),
  ...(['eventBack', 'eventForward', 'momentBack', 'momentForward', 'stepBack', 'stepForward'] as const),
  ...(['functionBack', 'functionForward', 'over', 'overBack', 'out', 'escape', 'text', 'whole'] as const),
  ...(['zoomIn', 'zoomOut', 'panLeft', 'panRight', 'panUp', 'panDown', 'follow', 'fit'] as const),
]);

/** Keys that the focused control needs for itself. */
const isTaken = (event: KeyboardEvent): boolean => {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (key === ' ' || key === 'Enter')
    return target.matches('button, a, summary, label, input, [role=button]');
  if (key.startsWith('Arrow')) return target.matches('input[type=radio]');
  return false;
};

/** Acts wherever one is, even while one types. */
const EVERYWHERE: ReadonlySet<Command> = new Set(['palette']);

const listen = (keyboard: Keyboard): (() => void) => {
  const { store } = keyboard.app;
  const handlers: Record<string, (event: KeyboardEvent) => void> = {};
  for (const { command, keys, single } of keyGroups(store.getState().settings.ownKeys).flatMap(
    ({ bindings }) => bindings,
  )) {
    for (const key of keys) {
      handlers[key] = (event) => {
        const { settings, page, viewport, embed } = store.getState();
        if (embed.embedded && !WHILE_EMBEDDED.has(command)) return;
        if (page.page !== '' && !WHILE_READING.has(command)) return;
        if (event.defaultPrevented || (single && !settings.singleKeys)) return;
        if (!EVERYWHERE.has(command) && (isTyping(event.target) || isTaken(event))) return;
        // a dialog that is still being loaded has the keys, too
        if (viewport.openPanel !== '' || document.querySelector('dialog[open]') !== null) return;
        event.preventDefault();
        run(command, keyboard, event.key);
      };
    }
  }
  return tinykeys(window, handlers);
};

/** Listens to the keys as a person has them. @returns how to stop */
export const listenToKeys = (keyboard: Keyboard): (() => void) => {
  let stop = listen(keyboard);
  const unsubscribe = keyboard.app.store.subscribe(({ settings }, before) => {
    if (settings.ownKeys === before.settings.ownKeys) return;
    stop();
    stop = listen(keyboard);
  });
  return () => {
    unsubscribe();
    stop();
  };
};
