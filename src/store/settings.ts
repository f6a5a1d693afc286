// What a person set and finds again at the next visit.

export type Theme = 'system' | 'light' | 'dark';
export type Motion = 'system' | 'reduce' | 'full';

export interface SettingsSlice {
  readonly theme: Theme;
  readonly motion: Motion;
  /** Keys that are a single letter or digit act; WCAG 2.1.4 asks that they can be switched off. */
  readonly singleKeys: boolean;
}

export interface SettingsActions {
  readonly setTheme: (theme: Theme) => void;
  readonly setMotion: (motion: Motion) => void;
  readonly setSingleKeys: (on: boolean) => void;
}

export const initialSettings: SettingsSlice = { theme: 'system', motion: 'system', singleKeys: true };
