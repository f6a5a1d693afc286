// The view model of a map: what each cell in the window stands for. The painter and the text twin both read it.

import { PAGEBLOCK_NR_PAGES } from '../core/uapi/units.ts';
import type { Camera } from '../store/viewport.ts';
import type { FrameView, Moment, MoveView, Residence, Tile } from '../store/views.ts';
import { levelOf, type SizePx, visibleRect } from './camera.ts';
import { type Bank, LEVELS, placeOf, rangeOf, unitsWithin, type WorldRect } from './layout.ts';
import { countsAt, type TileCounts } from './tiles.ts';

export interface MapCell extends WorldRect {
  readonly start: number;
  readonly npages: number;
  /** Colour of its pages when they are in use. */
  readonly residence: Residence;
  /** Counts of the worker; undefined: not answered yet. */
  readonly counts: TileCounts | undefined;
  /** Pages of the processes that are shown. */
  readonly shown: number;
  /** Only where a cell is one page that an entry, a handle or a move refers to. */
  readonly frame: FrameView | undefined;
  readonly move: { readonly role: 'src' | 'dst'; readonly view: MoveView } | undefined;
}

/** Look-ups over a moment, made once for each. */
export interface MomentIndex {
  readonly frames: ReadonlyMap<number, FrameView>;
  readonly moves: ReadonlyMap<number, { readonly role: 'src' | 'dst'; readonly view: MoveView }>;
  /** Frames in use, by the first frame of their pageblock. */
  readonly perBlock: ReadonlyMap<number, number>;
}

const indexes = new WeakMap<Moment, MomentIndex>();

export const indexMoment = (moment: Moment): MomentIndex => {
  const known = indexes.get(moment);
  if (known !== undefined) return known;
  const perBlock = new Map<number, number>();
  for (const { pfn, refcount } of moment.frames) {
    if (refcount === 0) continue;
    const block = pfn - (pfn % PAGEBLOCK_NR_PAGES);
    perBlock.set(block, (perBlock.get(block) ?? 0) + 1);
  }
  const moves = new Map<number, { role: 'src' | 'dst'; view: MoveView }>();
  for (const view of moment.moves) {
    moves.set(view.src, { role: 'src', view });
    if (view.dst >= 0) moves.set(view.dst, { role: 'dst', view });
  }
  const index = { frames: new Map(moment.frames.map((frame) => [frame.pfn, frame])), moves, perBlock };
  indexes.set(moment, index);
  return index;
};

/** Where a page of this range lives, in the terms of the colours. */
export const residenceOf = (bank: Bank, pfn: number): Residence => {
  if (bank.kind !== 'system') return bank.kind;
  const range = rangeOf(bank, pfn);
  return range !== undefined && (range.cma || range.zone === 'Movable') ? 'movable' : 'system';
};

const shownWithin = (index: MomentIndex, start: number, npages: number): number => {
  if (npages === PAGEBLOCK_NR_PAGES) return index.perBlock.get(start) ?? 0;
  let shown = 0;
  for (const [block, count] of index.perBlock) if (block >= start && block < start + npages) shown += count;
  return shown;
};

const groupCell = (
  bank: Bank,
  start: number,
  npages: number,
  size: { width: number; height: number },
  index: MomentIndex,
  tiles: readonly Tile[],
): MapCell | undefined => {
  const place = placeOf(bank, start);
  return place === undefined
    ? undefined
    : {
        ...place,
        ...size,
        start,
        npages,
        residence: residenceOf(bank, start),
        counts: countsAt(tiles, start, npages),
        shown: shownWithin(index, start, npages),
        frame: undefined,
        move: undefined,
      };
};

/** One page, wherever the window is. */
export const pageCell = (
  bank: Bank,
  pfn: number,
  index: MomentIndex,
  tiles: readonly Tile[],
): MapCell | undefined => {
  const place = placeOf(bank, pfn);
  if (place === undefined || rangeOf(bank, pfn) === undefined) return undefined;
  const frame = index.frames.get(pfn);
  return {
    ...place,
    width: 1,
    height: 1,
    start: pfn,
    npages: 1,
    residence: residenceOf(bank, pfn),
    counts: countsAt(tiles, pfn, 1),
    shown: frame !== undefined && frame.refcount > 0 ? 1 : 0,
    frame,
    move: index.moves.get(pfn),
  };
};

/** The cell in which a frame is drawn. */
export const cellOf = (
  bank: Bank,
  camera: Camera,
  pfn: number,
  moment: Moment,
  tiles: readonly Tile[],
): MapCell | undefined => {
  const { pagesPerCell, width, height } = LEVELS[levelOf(camera)];
  const index = indexMoment(moment);
  if (pagesPerCell === 1) return pageCell(bank, pfn, index, tiles);
  return groupCell(bank, pfn - (pfn % pagesPerCell), pagesPerCell, { width, height }, index, tiles);
};

/** All cells of which a part is in the window, in address order. */
export const cellsInView = (
  bank: Bank,
  camera: Camera,
  size: SizePx,
  moment: Moment,
  tiles: readonly Tile[],
): MapCell[] => {
  const level = levelOf(camera);
  const rect = visibleRect(camera, size);
  const index = indexMoment(moment);
  const { pagesPerCell, width, height } = LEVELS[level];
  const cells: MapCell[] = [];
  if (level !== 'page') {
    for (const start of unitsWithin(bank, rect, pagesPerCell).sort((a, b) => a - b)) {
      const cell = groupCell(bank, start, pagesPerCell, { width, height }, index, tiles);
      if (cell !== undefined) cells.push(cell);
    }
    return cells;
  }
  for (const block of unitsWithin(bank, rect, PAGEBLOCK_NR_PAGES).sort((a, b) => a - b)) {
    for (let pfn = block; pfn < block + PAGEBLOCK_NR_PAGES; pfn++) {
      const cell = pageCell(bank, pfn, index, tiles);
      if (cell !== undefined && overlaps(cell, rect)) cells.push(cell);
    }
  }
  return cells;
};

const overlaps = (a: WorldRect, b: WorldRect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
