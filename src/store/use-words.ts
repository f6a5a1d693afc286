import { useMemo } from 'react';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { type Words, wordsFor } from '../words/index.ts';
import { useApp } from './use-app.ts';

/** The words, with the names that the kernel of the run has. */
export const useWords = (): Words => {
  const kernel = useApp((state) => state.scenario.run?.kernel) ?? DEFAULT_KERNEL;
  return useMemo(() => wordsFor(kernel), [kernel]);
};
