// What is worked out between requests, so that the next questions are answered in no time.

import type { Run } from './run.ts';
import { momentAt, residenceBefore } from './views/moment.ts';
import { sceneInParts } from './views/scene.ts';

/**
 * Works out the end of a run in slices, while nothing else is asked: it is asked for next, and again while a step runs
 * behind it.
 *
 * @param isOpen - whether the run is still open
 * @param mayGoOn - asked often; false ends the slice
 */
export function* foresee(
  run: Run,
  isOpen: () => boolean,
  mayGoOn: () => boolean,
): Generator<void, void, void> {
  const { length } = run.sim;
  const isWanted = (): boolean => isOpen() && run.sim.length === length;
  // where the last step began, and where it ended
  for (const position of [run.stepAt(length).begin, length]) {
    if (run.residenceAt.has(position)) continue;
    for (const _part of sceneInParts(run, position)) {
      if (mayGoOn()) continue;
      yield;
      if (!isWanted()) return;
    }
    yield;
    if (!isWanted()) return;
    residenceBefore(run, position);
  }
  yield;
  if (isWanted()) momentAt(run, length);
}
