// The machine as it stands at a position, with what all views of it need, read once.

import type { Machine } from '../../core/machine/machine.ts';
import type { MoveView } from '../protocol-moment.ts';
import type { Run } from '../run.ts';
import type { Namer } from './messages.ts';
import { type Places, readPlaces } from './places.ts';
import { Tables } from './tables.ts';

/** What a view of the machine at a position is made from. */
export interface Scene {
  readonly m: Machine;
  readonly places: Places;
  readonly moves: readonly MoveView[];
  readonly namer: Namer;
  readonly tables: Tables;
}

function* readScene(run: Run, position: number): Generator<void, Scene, void> {
  const m = run.sim.machine;
  const places = yield* readPlaces(m);
  const moves = run.moves.at(position);
  const comingFrom = new Map(moves.filter(({ dst }) => dst >= 0).map(({ src, dst }) => [dst, src]));
  const namer = { m, places, process: run.processAt(position), tasks: run.tasksAt(position), comingFrom };
  return { m, places, moves, tables: new Tables(), namer };
}

/**
 * Goes to the position and reads what stands there, with pauses in which others may go elsewhere; what one has begun, or
 * has read, another one goes on with. Requires: no step that runs may be taken back to before the position.
 */
export function* sceneInParts(run: Run, position: number): Generator<void, Scene, void> {
  for (;;) {
    run.seek(position);
    if (run.lastScene?.position === position) return run.lastScene.scene;
    if (run.reading?.position !== position) run.reading = { position, parts: readScene(run, position) };
    const part = run.reading.parts.next();
    if (part.done === true) {
      run.reading = undefined;
      run.lastScene = { position, scene: part.value };
    } else {
      yield;
    }
  }
}

const atOnce = <R>(parts: Generator<void, R, void>): R => {
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
  }
};

/** Goes to the position. What is asked there one after the other shares one scene. */
export const sceneAt = (run: Run, position: number): Scene => {
  // where a step has not ended yet, it may be taken back, and another may stand there
  if (position <= run.sim.length) return atOnce(sceneInParts(run, position));
  run.seek(position);
  return atOnce(readScene(run, position));
};

/** Where the machine was looked at last, for what needs names only: nothing is read for it if that can be helped. */
export const sceneAtHand = (run: Run): Scene => {
  const { position } = run.sim.machine.journal;
  // a step that runs is not left
  return sceneAt(run, position > run.sim.length ? position : (run.lastScene?.position ?? position));
};
