// What all actions work with: the store, the worker, and the outside world as far as they need it.

import type { StoreApi } from 'zustand/vanilla';
import type { Client } from '../worker/client.ts';
import type { AppState } from './app.ts';
import type { Idle } from './idle.ts';
import type { Problem } from './problem.ts';
import type { Theme } from './settings.ts';
import type { WorkerLink } from './worker-link.ts';

/** The address bar. */
export interface Address {
  /** `?…` of the address, as it stands. */
  search(): string;
  /** `#…` of the address, as it stands. */
  hash(): string;
  replace(searchAndHash: string): void;
  push(searchAndHash: string): void;
  /** With the site and the path before it. */
  whole(searchAndHash: string): string;
  /** Puts a text on the clipboard. Throws where that is not allowed. */
  copy(text: string): Promise<void>;
  /** Opens it in a window of its own, which cannot reach this one. */
  open(searchAndHash: string): void;
  /** Back or Forward was pressed. */
  onPop(handler: () => void): void;
}

export interface Clock {
  nowMs(): number;
  /** Calls back before the next paint; the returned function takes that back. */
  frame(callback: (nowMs: number) => void): () => void;
}

/** Everything outside of the page's own state; tests put in their own. */
export interface Environment {
  readonly client: Client;
  readonly clock: Clock;
  readonly address: Address;
  /** Fetches and parses one of the app's own files. Throws when that fails. */
  readonly fetchJson: (path: string) => Promise<unknown>;
  readonly readSetting: () => string | null;
  readonly writeSetting: (text: string) => void;
  readonly systemPrefersReducedMotion: () => boolean;
}

/** Parts of the state that the next visit finds again, and the theme, if the link names one. */
type SavedParts = Pick<AppState, 'layout' | 'maps' | 'choices'> & { readonly theme: Theme | undefined };

export interface Context {
  readonly store: StoreApi<AppState>;
  readonly link: WorkerLink;
  readonly idle: Idle;
  readonly environment: Environment;
  /** As a link has it, which is not to be saved in place of what its reader chose; undefined: all is the reader's own. */
  linked: SavedParts | undefined;
}

/** Changes some fields of one slice. */
export const update = <Name extends keyof AppState>(
  { store }: Context,
  slice: Name,
  change: Partial<AppState[Name]>,
): void => {
  store.setState((state) => ({ ...state, [slice]: { ...state[slice], ...change } }));
};

export const report = (context: Context, problem: Problem): void => {
  update(context, 'problem', { problem });
};

/** Resolves when what is to be shown now is on screen. */
export const painted = async (clock: Clock): Promise<void> =>
  await new Promise((resolve) => {
    clock.frame(() => clock.frame(() => resolve()));
  });
