// Which tiles a window needs, and finding a cell's counts in the answers.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import type { Camera } from '../store/viewport.ts';
import type { Tile, TileRequest } from '../store/views.ts';
import { COUNTS_A_CELL, type CountsOf, readCounts } from './counts.ts';
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

/** Counts of the cells that the answers cover; undefined where none does yet. */
export const countsIn =
  (tiles: readonly Tile[]): CountsOf =>
  (start, npages) => {
    for (const tile of tiles) {
      if (tile.pagesPerCell !== npages) continue;
      const cell = (start - tile.start) / npages;
      if (cell >= 0 && cell < tile.cells) return readCounts(tile.counts, Math.floor(cell) * COUNTS_A_CELL);
    }
    return undefined;
  };
