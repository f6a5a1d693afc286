// Which tiles a window needs, and finding a cell's counts in the answers.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import type { Camera } from '../store/viewport.ts';
import { MAP_STATES, type MapState, stateIndex, type Tile, type TileRequest } from '../store/views.ts';
import { levelOf, type SizePx, visibleRect } from './camera.ts';
import { type Bank, LEVELS, unitsWithin } from './layout.ts';

/** The tiles for all cells in the window. Whole pageblocks or sections, so that small pans ask for nothing new. */
export const tilesFor = (bank: Bank, camera: Camera, size: SizePx): TileRequest[] => {
  if (size.width < 1 || size.height < 1) return [];
  const { pagesPerCell } = LEVELS[levelOf(camera)];
  const pagesPerTile =
    pagesPerCell === 1
      ? PAGEBLOCK_NR_PAGES
      : Math.max(bank.unitPages, Math.min(pagesPerCell, PAGES_PER_SECTION));
  const starts = unitsWithin(bank, visibleRect(camera, size), pagesPerTile).sort((a, b) => a - b);
  const requests: TileRequest[] = [];
  for (const start of starts) {
    const last = requests.at(-1);
    const cells = Math.max(1, pagesPerTile / pagesPerCell);
    if (last !== undefined && last.start + last.cells * pagesPerCell === start)
      requests[requests.length - 1] = { ...last, cells: last.cells + cells };
    else requests.push({ start, cells, pagesPerCell });
  }
  return requests;
};

export type TileCounts = Readonly<Record<MapState, number>>;

const COUNTS_A_CELL = MAP_STATES.length;

/** Counts of the cell that starts at a frame; undefined where no answer covers it yet. */
export const countsAt = (
  tiles: readonly Tile[],
  start: number,
  pagesPerCell: number,
): TileCounts | undefined => {
  for (const tile of tiles) {
    if (tile.pagesPerCell !== pagesPerCell) continue;
    const cell = (start - tile.start) / pagesPerCell;
    if (cell < 0 || cell >= tile.cells) continue;
    return countsOf(tile.counts, Math.floor(cell) * COUNTS_A_CELL);
  }
  return undefined;
};

const AT = new Map(MAP_STATES.map((state) => [state, stateIndex(state)]));

/** The counts that stand from a place on. */
const countsOf = (counts: Uint32Array, at: number): TileCounts => {
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
