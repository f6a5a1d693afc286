// The machine as it stands at a position, with what all views of it need, read once.

import type { Machine } from '../../core/machine/machine.ts';
import type { MoveView } from '../protocol-moment.ts';
import type { Run } from '../run.ts';
import type { Namer } from './messages.ts';
import { Places } from './places.ts';
import { Tables } from './tables.ts';

/** What a view of the machine at a position is made from. */
export interface Scene {
  readonly m: Machine;
  readonly places: Places;
  readonly moves: readonly MoveView[];
  readonly namer: Namer;
  readonly tables: Tables;
}

const readScene = (run: Run, position: number): Scene => {
  const m = run.sim.machine;
  const places = new Places(m);
  const moves = run.moves.at(position);
  const comingFrom = new Map(moves.filter(({ dst }) => dst >= 0).map(({ src, dst }) => [dst, src]));
  const namer = { m, places, process: run.processAt(position), tasks: run.tasksAt(position), comingFrom };
  return { m, places, moves, tables: new Tables(), namer };
};

/** Goes to the position. What is asked there one after the other shares one scene. */
export const sceneAt = (run: Run, position: number): Scene => {
  run.seek(position);
  if (run.lastScene?.position === position) return run.lastScene.scene;
  const scene = readScene(run, position);
  // where a step has not ended yet, it may be taken back, and another may stand there
  if (position <= run.sim.length) run.lastScene = { position, scene };
  return scene;
};
