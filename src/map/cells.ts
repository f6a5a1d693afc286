// The view model of a map: what each cell in the window stands for. The painter and the text twin both read it.

import { PAGEBLOCK_NR_PAGES } from '../core/uapi/units.ts';
import { residenceAt } from '../store/residence.ts';
import type { Camera } from '../store/viewport.ts';
import type { FrameView, Moment, MoveView, Residence } from '../store/views.ts';
import { levelOf, type SizePx, visibleRect } from './camera.ts';
import { type Bank, LEVELS, placeOf, rangeOf, unitsWithin, type WorldRect } from './layout.ts';
import type { CellCounts, CountsOf } from './counts.ts';

export interface MapCell extends WorldRect {
  readonly start: number;
  readonly npages: number;
  /** Colour of its pages when they are in use. */
  readonly residence: Residence;
  /** Counts of the worker; undefined: not answered yet. */
  readonly counts: CellCounts | undefined;
  /** Only of one page: an entry of a process refers to it. */
  readonly mapped: boolean;
  /** Only where a cell is one page that an entry, a handle or a move refers to. */
  readonly frame: FrameView | undefined;
  /** Whose page it is: `A buf+2`; '' if nobody's that is shown. */
  readonly owner: string;
  readonly pins: number;
  readonly longterm: boolean;
  readonly move: { readonly role: 'src' | 'dst'; readonly view: MoveView } | undefined;
  /** Only of one page: a device-exclusive entry refers to it. */
  readonly exclusive: boolean;
  /** What else is known of it, in words: its class in the mode that is shown, the free block that it is in. */
  readonly facts: readonly string[];
}

/** What a map reads of a moment. */
export type MapMoment = Pick<Moment, 'processes' | 'handles' | 'frames' | 'moves'>;

/** Look-ups over a moment, made once for each. */
export interface MomentIndex {
  readonly frames: ReadonlyMap<number, FrameView>;
  readonly moves: ReadonlyMap<number, { readonly role: 'src' | 'dst'; readonly view: MoveView }>;
  /** Frames of long areas, of which only the ends are in `frames`. */
  readonly runs: readonly FrameRun[];
  /** Frames that device-exclusive entries refer to. */
  readonly exclusive: ReadonlySet<number>;
  /** Pins by frame, those of long runs included. */
  readonly pins: ReadonlyMap<number, { readonly count: number; readonly longterm: boolean }>;
}

/** Frames that a row of alike entries refers to, `[start, start + npages)`. */
interface FrameRun {
  readonly start: number;
  readonly npages: number;
  readonly owner: string;
  /** Page of the area that `start` is. */
  readonly index: number;
  readonly step: 1 | -1;
}

const runsOf = (moment: MapMoment): FrameRun[] =>
  moment.processes.flatMap((process) =>
    process.areas.flatMap((area) =>
      area.rows.flatMap(({ pfn, pfnStep, npages, index }): FrameRun[] => {
        if (pfn < 0 || npages < 2 || pfnStep === 0) return [];
        const name = moment.processes.length > 1 ? `${process.name} ${area.name}` : area.name;
        return pfnStep > 0
          ? [{ start: pfn, npages, owner: name, index, step: 1 }]
          : [{ start: pfn - npages + 1, npages, owner: name, index: index + npages - 1, step: -1 }];
      }),
    ),
  );

const exclusiveOf = (moment: MapMoment): Set<number> => {
  const pfns = new Set<number>();
  for (const { areas } of moment.processes)
    for (const { rows } of areas)
      for (const { entry, pfn, pfnStep, npages } of rows)
        if (entry === 'device-exclusive') for (let i = 0; i < npages; i++) pfns.add(pfn + i * pfnStep);
  return pfns;
};

const pinsOf = (
  moment: MapMoment,
  runs: readonly FrameRun[],
): Map<number, { count: number; longterm: boolean }> => {
  const pins = new Map<number, { count: number; longterm: boolean }>();
  for (const { pin, longterm, pfns } of moment.handles)
    if (pin) for (const pfn of pfns) pins.set(pfn, { count: 1, longterm });
  const hasHandles = pins.size > 0;
  for (const { pfn, pins: count, longtermPinned } of moment.frames) {
    // a huge page counts its pins as a whole: the handles know which of its pages they are on
    if (hasHandles && isInRun(runs, pfn)) continue;
    if (count > 0) pins.set(pfn, { count, longterm: longtermPinned });
    else pins.delete(pfn);
  }
  return pins;
};

const isInRun = (runs: readonly FrameRun[], pfn: number): boolean => runOf(runs, pfn) !== undefined;

const runOf = (runs: readonly FrameRun[], pfn: number): FrameRun | undefined =>
  runs.find(({ start, npages }) => pfn >= start && pfn < start + npages);

const indexes = new WeakMap<MapMoment, MomentIndex>();

export const indexMoment = (moment: MapMoment): MomentIndex => {
  const known = indexes.get(moment);
  if (known !== undefined) return known;
  const runs = runsOf(moment);
  const moves = new Map<number, { role: 'src' | 'dst'; view: MoveView }>();
  for (const view of moment.moves) {
    moves.set(view.src, { role: 'src', view });
    if (view.dst >= 0) moves.set(view.dst, { role: 'dst', view });
  }
  const frames = new Map(moment.frames.map((frame) => [frame.pfn, frame]));
  const index = { frames, moves, runs, exclusive: exclusiveOf(moment), pins: pinsOf(moment, runs) };
  indexes.set(moment, index);
  return index;
};

/** Where a page of this range lives, in the terms of the colours. */
export const residenceOf = (bank: Bank, pfn: number): Residence => {
  const residence = residenceAt(bank.ranges, pfn);
  // a group of pages may begin in front of its range
  return residence === 'free' ? 'system' : residence;
};

const groupCell = (
  bank: Bank,
  start: number,
  npages: number,
  size: { width: number; height: number },
  countsOf: CountsOf,
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
        counts: countsOf(start, npages),
        mapped: false,
        frame: undefined,
        owner: '',
        pins: 0,
        longterm: false,
        move: undefined,
        exclusive: false,
        facts: [],
      };
};

/** One page, wherever the window is. */
export const pageCell = (
  bank: Bank,
  pfn: number,
  index: MomentIndex,
  countsOf: CountsOf,
): MapCell | undefined => {
  const place = placeOf(bank, pfn);
  if (place === undefined || rangeOf(bank, pfn) === undefined) return undefined;
  const frame = index.frames.get(pfn);
  const run = frame === undefined ? runOf(index.runs, pfn) : undefined;
  const pin = index.pins.get(pfn);
  return {
    ...place,
    width: 1,
    height: 1,
    start: pfn,
    npages: 1,
    residence: residenceOf(bank, pfn),
    counts: countsOf(pfn, 1),
    mapped: (frame !== undefined && frame.refcount > 0) || run !== undefined,
    frame,
    owner:
      frame?.owner ?? (run === undefined ? '' : `${run.owner}+${run.index + run.step * (pfn - run.start)}`),
    pins: pin?.count ?? 0,
    longterm: pin?.longterm ?? false,
    move: index.moves.get(pfn),
    exclusive: index.exclusive.has(pfn),
    facts: [],
  };
};

/** The cell in which a frame is drawn. */
export const cellOf = (
  bank: Bank,
  camera: Camera,
  pfn: number,
  moment: MapMoment,
  countsOf: CountsOf,
): MapCell | undefined => {
  const { pagesPerCell, width, height } = LEVELS[levelOf(camera)];
  if (pagesPerCell === 1) return pageCell(bank, pfn, indexMoment(moment), countsOf);
  return groupCell(bank, pfn - (pfn % pagesPerCell), pagesPerCell, { width, height }, countsOf);
};

/** All cells of which a part is in the window, in address order; or all pages of the pageblocks in sight. */
export const cellsInView = (
  bank: Bank,
  camera: Camera,
  size: SizePx,
  moment: MapMoment,
  countsOf: CountsOf,
  wholeBlocks = false,
): MapCell[] => {
  const level = levelOf(camera);
  const rect = visibleRect(camera, size);
  const index = indexMoment(moment);
  const { pagesPerCell, width, height } = LEVELS[level];
  const cells: MapCell[] = [];
  if (level !== 'page') {
    for (const start of unitsWithin(bank, rect, pagesPerCell).sort((a, b) => a - b)) {
      const cell = groupCell(bank, start, pagesPerCell, { width, height }, countsOf);
      if (cell !== undefined) cells.push(cell);
    }
    return cells;
  }
  for (const block of unitsWithin(bank, rect, PAGEBLOCK_NR_PAGES).sort((a, b) => a - b)) {
    for (let pfn = block; pfn < block + PAGEBLOCK_NR_PAGES; pfn++) {
      const cell = pageCell(bank, pfn, index, countsOf);
      if (cell !== undefined && (wholeBlocks || overlaps(cell, rect))) cells.push(cell);
    }
  }
  return cells;
};

const overlaps = (a: WorldRect, b: WorldRect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
