import { useLayoutEffect } from 'react';
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
