// From keys to commands, and from commands to actions.

import { tinykeys } from 'tinykeys';
import type { App } from '../store/app.ts';
import type { MapController } from '../map/controller.ts';
import { dismissTips } from '../ui/tips.ts';
import { type Command, KEY_BINDINGS } from './keys.ts';

const PAN_PX = 60;

export interface Keyboard {
  readonly app: App;
  readonly maps: MapController;
  readonly toggleText: () => void;
}

const run = (command: Command, { app, maps, toggleText }: Keyboard, event: KeyboardEvent): void => {
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
    case 'toStart':
      return void actions.toStart();
    case 'toEnd':
      return void actions.toEnd();
    case 'jump': {
      const { run: open } = store.getState().scenario;
      if (open === undefined) return;
      const part = Number(event.key) / 10;
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
      return toggleText();
    case 'scenarios':
      return actions.openPanel('scenarios');
    case 'help':
      return actions.openPanel('help');
    case 'escape':
      if (store.getState().page.page !== '') return actions.closePage();
      dismissTips(document.documentElement);
      if (store.getState().problem.problem !== undefined) actions.dismissProblem();
      else actions.select(undefined);
  }
};

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches('input:not([type=radio]), select, textarea'));

/** Over a document that lies open only these act; the run below it stands still. */
const WHILE_READING: ReadonlySet<Command> = new Set(['scenarios', 'help', 'escape']);

/** Keys that the focused control needs for itself. */
const isTaken = (event: KeyboardEvent): boolean => {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (key === ' ' || key === 'Enter')
    return target.matches('button, a, summary, label, input, [role=button]');
  if (key.startsWith('Arrow')) return target.matches('input[type=radio]');
  return false;
};

/** @returns how to stop */
export const listenToKeys = (keyboard: Keyboard): (() => void) => {
  const handlers: Record<string, (event: KeyboardEvent) => void> = {};
  for (const { command, keys, single } of KEY_BINDINGS) {
    for (const key of keys) {
      handlers[key] = (event) => {
        const { settings, page } = keyboard.app.store.getState();
        if (page.page !== '' && !WHILE_READING.has(command)) return;
        if (event.defaultPrevented || (single && !settings.singleKeys)) return;
        if (isTyping(event.target) || isTaken(event) || document.querySelector('dialog[open]') !== null)
          return;
        event.preventDefault();
        run(command, keyboard, event);
      };
    }
  }
  return tinykeys(window, handlers);
};
