// What the glossary says of a word.

import type { TermGroup } from '../terms.ts';

export interface Term {
  readonly term: string;
  readonly text: string;
  /** `mm/gup.c: try_grab_page`; undefined for a word of ours. */
  readonly source: string | undefined;
  readonly group: TermGroup;
}

/** Makes the entries of a group. */
export const entry =
  (group: TermGroup) =>
  (term: string, text: string, source?: string): Term => ({ term, text, source, group });
