// How many pages of a cell are in which state: what is painted and what is said in words both come from it.

import { MAP_STATES, type MapState, stateIndex } from '../store/views.ts';

export type CellCounts = Readonly<Record<MapState, number>>;

/** Counts of `npages` frames from a cell's start on; undefined where they are not known yet. */
export type CountsOf = (start: number, npages: number) => CellCounts | undefined;

export const COUNTS_A_CELL = MAP_STATES.length;

const AT = new Map(MAP_STATES.map((state) => [state, stateIndex(state)]));

/** The counts that stand from a place on. */
export const readCounts = (counts: Uint32Array | Uint16Array, at: number): CellCounts => {
  const count = (state: MapState): number => counts[at + (AT.get(state) ?? 0)] ?? 0;
  return {
    reserved: count('reserved'),
    kernel: count('kernel'),
    other: count('other'),
    mapped: count('mapped'),
    pinned: count('pinned'),
    longterm: count('longterm'),
    migrating: count('migrating'),
    locked: count('locked'),
    huge: count('huge'),
    cma: count('cma'),
    isolated: count('isolated'),
  };
};
