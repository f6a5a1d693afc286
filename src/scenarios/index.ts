// Scenes made by hand: nothing was recorded of them. One folder and one line here for each.

import type { Scenario } from '../core/uapi/scenario.ts';

export interface Scene {
  readonly name: string;
  readonly title: string;
  /** What there is to see, in a sentence or two. */
  readonly about: string;
  readonly scenario: Pick<Scenario, 'devices' | 'steps' | 'name' | 'title'> & Partial<Scenario>;
}

export const SCENES: readonly Scene[] = [];
