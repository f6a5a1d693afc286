// Panels take turns to appear, and to show what the worker has answered: one a frame, so that no frame bears the work of
// all of them.

import type { StoreApi } from 'zustand/vanilla';
import type { AppState } from './app.ts';
import type { Clock } from './context.ts';
import type { Idle } from './idle.ts';

/** What components read: the state, as of the last turn of their panel. */
export type Reader = Pick<StoreApi<AppState>, 'getState' | 'getInitialState' | 'subscribe'>;

/** Filled by answers of the worker; all else follows an input, and is shown at once. */
const ANSWERED = [
  'scenario',
  'trace',
  'queries',
  'compare',
  'worlds',
  'memoryTypes',
  'stepDetail',
  'story',
] as const satisfies readonly (keyof AppState)[];

class PanelReader implements Reader {
  /** As of the last turn; undefined while nobody reads. */
  private shown: AppState | undefined;
  private readonly listeners = new Set<(state: AppState, before: AppState) => void>();

  private readonly turns: Turns;

  constructor(turns: Turns) {
    this.turns = turns;
  }

  readonly getState = (): AppState => this.shown ?? this.turns.store.getState();

  readonly getInitialState = (): AppState => this.turns.store.getInitialState();

  readonly subscribe = (listener: (state: AppState, before: AppState) => void): (() => void) => {
    if (this.listeners.size === 0) {
      this.shown = this.turns.store.getState();
      this.turns.add(this);
    }
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.shown = undefined;
      this.turns.remove(this);
    };
  };

  show(state: AppState): void {
    const before = this.getState();
    if (state === before) return;
    this.shown = state;
    for (const listener of this.listeners) listener(state, before);
  }
}

interface Waiting {
  show(state: AppState): void;
}

export class Turns {
  readonly store: StoreApi<AppState>;
  private readonly readers = new Set<PanelReader>();
  /** Whose turn has not come yet, in that order. */
  private readonly waiting = new Set<Waiting>();
  private endWaiting: (() => void) | undefined;

  private readonly clock: Clock;
  private readonly idle: Idle;

  constructor(store: StoreApi<AppState>, clock: Clock, idle: Idle) {
    this.store = store;
    this.clock = clock;
    this.idle = idle;
    store.subscribe((state, before) => this.changed(state, before));
  }

  /** For all components of one panel. */
  reader(): Reader {
    return new PanelReader(this);
  }

  add(reader: PanelReader): void {
    this.readers.add(reader);
  }

  remove(reader: PanelReader): void {
    this.readers.delete(reader);
    this.waiting.delete(reader);
  }

  /** Calls back when it is the caller's turn. @returns how to take that back */
  next(callback: () => void): () => void {
    const waiting = { show: callback };
    this.waiting.add(waiting);
    this.plan();
    return () => this.waiting.delete(waiting);
  }

  private changed(state: AppState, before: AppState): void {
    const isAnswer = ANSWERED.some((slice) => state[slice] !== before[slice]);
    for (const reader of this.readers) {
      // a panel never shows the newer half of a state beside the older one
      if (isAnswer) this.waiting.add(reader);
      else if (!this.waiting.has(reader)) reader.show(state);
    }
    if (this.waiting.size > 0) this.plan();
  }

  /** Somebody waits. */
  private plan(): void {
    if (this.endWaiting !== undefined) return;
    this.endWaiting = this.idle.begin();
    this.clock.frame(() => this.turn());
  }

  private turn(): void {
    for (const reader of this.waiting) {
      this.waiting.delete(reader);
      reader.show(this.store.getState());
      break;
    }
    if (this.waiting.size > 0) {
      this.clock.frame(() => this.turn());
      return;
    }
    this.endWaiting?.();
    this.endWaiting = undefined;
  }
}
