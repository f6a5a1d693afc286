import { useLayoutEffect } from 'react';
import type { Preset } from '../store/layout.ts';
import { useApp } from '../store/use-app.ts';
import { useMedia } from '../ui/use-media.ts';

/** Sets the theme on the document before anything reads colours from it. */
export const useTheme = (): void => {
  const theme = useApp((state) => state.settings.theme);
  const systemIsDark = useMedia('(prefers-color-scheme: dark)');
  const shown = theme === 'system' ? (systemIsDark ? 'dark' : 'light') : theme;
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = shown;
  }, [shown]);
};

/** Sets the preset on the document, since the size of the type depends on it. @param preset - undefined: none yet */
export const usePreset = (preset: Preset | undefined): void => {
  useLayoutEffect(() => {
    if (preset === undefined) delete document.documentElement.dataset.preset;
    else document.documentElement.dataset.preset = preset;
  }, [preset]);
};
