import type { Sentence } from '../phrases.ts';

/** What is happening, and why. */
export interface Told {
  readonly what: Sentence;
  readonly why: Sentence;
}
