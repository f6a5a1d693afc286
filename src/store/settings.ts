// What a person set and finds again at the next visit.

import * as v from 'valibot';
import { type Context, type Environment, update } from './context.ts';
import type { Command, OwnKeys } from './keys.ts';
import { writeSaved } from './saved.ts';

export type Theme = 'system' | 'light' | 'dark';
export type Motion = 'system' | 'reduce' | 'full';

export interface SettingsSlice {
  readonly theme: Theme;
  readonly motion: Motion;
  /** Keys that are a single letter or digit act; WCAG 2.1.4 asks that they can be switched off. */
  readonly singleKeys: boolean;
  /** Keys that were chosen in place of the usual ones, by action, as tinykeys writes them. */
  readonly ownKeys: OwnKeys;
}

export interface SettingsActions {
  readonly setTheme: (theme: Theme) => void;
  readonly setMotion: (motion: Motion) => void;
  readonly setSingleKeys: (on: boolean) => void;
  /** undefined: the usual one again. */
  readonly setKey: (command: Command, key: string | undefined) => void;
  readonly resetKeys: () => void;
}

export const initialSettings: SettingsSlice = {
  theme: 'system',
  motion: 'system',
  singleKeys: true,
  ownKeys: {},
};

const savedSchema = v.object({
  theme: v.fallback(v.picklist(['system', 'light', 'dark']), initialSettings.theme),
  motion: v.fallback(v.picklist(['system', 'reduce', 'full']), initialSettings.motion),
  singleKeys: v.fallback(v.boolean(), initialSettings.singleKeys),
  ownKeys: v.fallback(v.record(v.string(), v.pipe(v.string(), v.regex(/^[^\s]{1,40}$/))), {}),
});

/** Settings of an earlier visit; what cannot be read counts as not set. */
export const readSettings = (environment: Environment): SettingsSlice => {
  try {
    return v.parse(savedSchema, JSON.parse(environment.readSetting() ?? '{}'));
  } catch {
    // written by something else, or no storage here: the page works with what it would have on a first visit
    return initialSettings;
  }
};

export const settingsActions = (context: Context): SettingsActions => {
  const set = (change: Partial<SettingsSlice>): void => {
    update(context, 'settings', change);
    writeSaved(context);
  };
  return {
    setTheme: (theme) => set({ theme }),
    setMotion: (motion) => {
      update(context, 'embed', { calm: false });
      set({ motion });
    },
    setSingleKeys: (singleKeys) => set({ singleKeys }),
    setKey: (command, key) => {
      const { [command]: _old, ...others } = context.store.getState().settings.ownKeys;
      set({ ownKeys: key === undefined ? others : { ...others, [command]: key } });
    },
    resetKeys: () => set({ ownKeys: {} }),
  };
};

export const reducedMotion = ({ environment, store }: Context): boolean => {
  const { settings, embed } = store.getState();
  const { motion } = settings;
  return (
    embed.calm || motion === 'reduce' || (motion === 'system' && environment.systemPrefersReducedMotion())
  );
};
