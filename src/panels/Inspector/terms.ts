// Page flags as terms of the glossary.

import { termOf } from '../../words/index.ts';

/** Words that mean something else elsewhere. */
const FLAG_TERMS: Readonly<Record<string, string>> = {
  dirty: 'PG-dirty',
  private: 'PG-private',
  reclaim: 'PG-reclaim',
};

/** Name of the flag in the glossary; undefined: it has none. */
export const flagTerm = (flag: string): string | undefined => FLAG_TERMS[flag] ?? termOf(flag);
