// How much of the run the timeline shows.

import type { Extent } from '../../store/choices.ts';

/** Longer runs begin with the current step: the whole would be one grey bar. */
const LONG_RUN_EVENTS = 50_000;

/** What is shown as long as nobody has chosen. */
export const extentOf = (chosen: Extent | undefined, events: number): Extent =>
  chosen ?? (events > LONG_RUN_EVENTS ? 'step' : 'run');
