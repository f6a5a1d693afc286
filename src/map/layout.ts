// Where each page frame is drawn. A plot is all memory of one kind in one place: the RAM of a node, or the memory of a
// device. A bank is what one window shows: one plot, or all of a machine. World coordinates count pages: a page is a
// square of 1, a pageblock 32 x 16 of them, a section 8 x 8 pageblocks, both with a gap behind. So every level of detail
// is a unit that the kernel has too.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import type { MachineInfo, RangeInfo } from '../store/views.ts';

export const BLOCK_COLS = 32;
export const BLOCK_ROWS = PAGEBLOCK_NR_PAGES / BLOCK_COLS;
export const BLOCK_GAP = 0.6;
export const BLOCK_PITCH_X = BLOCK_COLS + BLOCK_GAP;
export const BLOCK_PITCH_Y = BLOCK_ROWS + BLOCK_GAP;
export const SECTION_BLOCK_COLS = 8;
export const SECTION_BLOCKS = PAGES_PER_SECTION / PAGEBLOCK_NR_PAGES;
export const SECTION_GAP = 2;
const SECTION_PITCH_X = SECTION_BLOCK_COLS * BLOCK_PITCH_X + SECTION_GAP;
const SECTION_PITCH_Y = (SECTION_BLOCKS / SECTION_BLOCK_COLS) * BLOCK_PITCH_Y + SECTION_GAP;

/** Windows on banks stand below each other: each is about this much wider than high. */
const TARGET_ASPECT = 4;
/** A window on all memory is higher than wide. */
const WHOLE_ASPECT = 0.8;
/**
 * Room for a name above each plot of a machine, as a part of the height of all plots: enough for words that can be read on a
 * phone, unless the names of many plots would take the room of what they name.
 */
const labelPart = (plots: number): number => Math.min(0.06, 0.42 / plots);

/** Consecutive units that follow each other on the map too. */
interface UnitRun {
  readonly first: number;
  readonly count: number;
  readonly slot: number;
}

export interface Plot {
  readonly kind: 'system' | Exclude<RangeInfo['kind'], 'ram' | 'mmio'>;
  readonly node: number;
  /** -1: system memory */
  readonly device: number;
  readonly npages: number;
  readonly runs: readonly UnitRun[];
  readonly unitCols: number;
  /** Where it lies in its bank. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Bank {
  readonly id: string;
  /** `whole`: all memory of the machine. */
  readonly kind: Plot['kind'] | 'whole';
  readonly node: number;
  /** -1: system memory, or all. */
  readonly device: number;
  /** In address order. */
  readonly ranges: readonly RangeInfo[];
  readonly npages: number;
  /** What the grid is made of: sections, or pageblocks where there is less than two sections. */
  readonly unitPages: number;
  readonly plots: readonly Plot[];
  readonly width: number;
  readonly height: number;
}

export interface WorldPoint {
  readonly x: number;
  readonly y: number;
}
export interface WorldRect extends WorldPoint {
  readonly width: number;
  readonly height: number;
}

const kindOf = (range: RangeInfo): Plot['kind'] | undefined =>
  range.kind === 'ram' ? 'system' : range.kind === 'mmio' ? undefined : range.kind;

/** Ranges that belong together: RAM of a node, or a device's. */
interface Group {
  readonly id: string;
  readonly kind: Plot['kind'];
  readonly node: number;
  readonly device: number;
  readonly ranges: readonly RangeInfo[];
}

const byStart = (ranges: readonly RangeInfo[]): RangeInfo[] => [...ranges].sort((a, b) => a.start - b.start);

const groupsOf = (machine: MachineInfo): Group[] => {
  const groups = new Map<string, Group>();
  for (const range of byStart(machine.ranges)) {
    const kind = kindOf(range);
    if (kind === undefined) continue;
    const id = kind === 'system' ? `node ${range.node}` : `device ${range.device}`;
    const device = kind === 'system' ? -1 : range.device;
    const group = groups.get(id) ?? { id, kind, node: range.node, device, ranges: [] };
    groups.set(id, { ...group, ranges: [...group.ranges, range] });
  }
  return [...groups.values()].sort((a, b) => a.device - b.device || a.node - b.node);
};

const pagesIn = (ranges: readonly RangeInfo[]): number => ranges.reduce((sum, { npages }) => sum + npages, 0);

const unitFor = (npages: number): number =>
  npages < 2 * PAGES_PER_SECTION ? PAGEBLOCK_NR_PAGES : PAGES_PER_SECTION;

/** One bank a node for RAM, one a device; in that order. */
export const layOutBanks = (machine: MachineInfo): Bank[] =>
  groupsOf(machine).map((group) => {
    const { id, kind, node, device, ranges } = group;
    const npages = pagesIn(ranges);
    const unitPages = unitFor(npages);
    const unit = unitSize(unitPages);
    const runs = unitRuns(ranges, unitPages);
    const units = unitsOf(runs);
    const heightOf = (cols: number): number => Math.ceil(units / cols) * unit.height;
    const plot = plotOf(group, runs, unitPages, bestColumns(units, unit.width, heightOf, TARGET_ASPECT), 0);
    const { width, height } = plot;
    return { id, kind, node, device, ranges, npages, unitPages, plots: [plot], width, height };
  });

/** All memory of a machine: its plots below each other, of one width, with room for a name above each. */
export const layOutWhole = (machine: MachineInfo): Bank => {
  const groups = groupsOf(machine);
  const ranges = byStart(groups.flatMap((group) => group.ranges));
  const npages = pagesIn(ranges);
  const unitPages = unitFor(npages);
  const unit = unitSize(unitPages);
  const runs = groups.map((group) => unitRuns(group.ranges, unitPages));
  const rowsOf = (cols: number): number => runs.reduce((sum, own) => sum + Math.ceil(unitsOf(own) / cols), 0);
  const label = (cols: number): number => rowsOf(cols) * unit.height * labelPart(groups.length);
  const cols = bestColumns(
    Math.max(1, ...runs.map(unitsOf)),
    unit.width,
    (some) => rowsOf(some) * unit.height + groups.length * label(some),
    WHOLE_ASPECT,
  );
  const plots: Plot[] = [];
  let y = 0;
  groups.forEach((group, i) => {
    y += label(cols);
    const plot = plotOf(group, runs[i] ?? [], unitPages, cols, y);
    plots.push(plot);
    y += plot.height;
  });
  return {
    id: 'whole',
    kind: 'whole',
    node: -1,
    device: -1,
    ranges,
    npages,
    unitPages,
    plots,
    width: Math.max(1, ...plots.map(({ width }) => width)),
    height: Math.max(1, y),
  };
};

const plotOf = (
  { kind, node, device, ranges }: Group,
  runs: readonly UnitRun[],
  unitPages: number,
  unitCols: number,
  y: number,
): Plot => {
  const units = unitsOf(runs);
  const unit = unitSize(unitPages);
  return {
    kind,
    node,
    device,
    npages: pagesIn(ranges),
    runs,
    unitCols,
    x: 0,
    y,
    width: Math.min(unitCols, units) * unit.width - unit.gap,
    height: Math.ceil(units / unitCols) * unit.height - unit.gap,
  };
};

/** A unit with the gap behind it. */
export const unitSize = (unitPages: number): { width: number; height: number; gap: number } =>
  unitPages === PAGES_PER_SECTION
    ? { width: SECTION_PITCH_X, height: SECTION_PITCH_Y, gap: SECTION_GAP + BLOCK_GAP }
    : { width: BLOCK_PITCH_X, height: BLOCK_PITCH_Y, gap: BLOCK_GAP };

const unitRuns = (ranges: readonly RangeInfo[], unitPages: number): UnitRun[] => {
  const runs: UnitRun[] = [];
  for (const range of ranges) {
    const first = Math.floor(range.start / unitPages);
    const end = Math.ceil((range.start + range.npages) / unitPages);
    const last = runs.at(-1);
    const known = last === undefined ? Number.NEGATIVE_INFINITY : last.first + last.count;
    if (last !== undefined && first <= known) {
      if (end > known) runs[runs.length - 1] = { ...last, count: end - last.first };
    } else runs.push({ first, count: end - first, slot: last === undefined ? 0 : last.slot + last.count });
  }
  return runs;
};

const unitsOf = (runs: readonly UnitRun[]): number => runs.reduce((sum, { count }) => sum + count, 0);

/** The number of columns with which `units` come nearest to an aspect. */
const bestColumns = (
  units: number,
  unitWidth: number,
  heightOf: (cols: number) => number,
  aspect: number,
): number => {
  let best = 1;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (let cols = 1; cols <= units; cols++) {
    const found = (cols * unitWidth) / heightOf(cols);
    const distance = Math.abs(Math.log(found / aspect));
    if (distance < bestDistance) {
      best = cols;
      bestDistance = distance;
    } else if (found > aspect * 2) break;
  }
  return best;
};

const slotIn = ({ runs }: Plot, unit: number): number => {
  const run = runs.find(({ first, count }) => unit >= first && unit < first + count);
  return run === undefined ? -1 : run.slot + unit - run.first;
};

/** Number of the unit in a slot of a plot; -1: none. */
export const unitAt = ({ runs }: Plot, slot: number): number => {
  const run = runs.find(({ slot: start, count }) => slot >= start && slot < start + count);
  return run === undefined ? -1 : run.first + slot - run.slot;
};

/** The plot that a unit lies in, and its place there. */
export const plotOfUnit = (
  bank: Bank,
  unit: number,
): { readonly plot: Plot; readonly slot: number } | undefined => {
  for (const plot of bank.plots) {
    const slot = slotIn(plot, unit);
    if (slot >= 0) return { plot, slot };
  }
  return undefined;
};

/** The range that a frame of this bank belongs to. */
export const rangeOf = (bank: Bank, pfn: number): RangeInfo | undefined =>
  bank.ranges.find(({ start, npages }) => pfn >= start && pfn < start + npages);

/** Upper left corner of a frame; undefined if it is not in this bank. */
export const placeOf = (bank: Bank, pfn: number): WorldPoint | undefined => {
  const found = plotOfUnit(bank, Math.floor(pfn / bank.unitPages));
  if (found === undefined) return undefined;
  const { plot, slot } = found;
  const unit = unitSize(bank.unitPages);
  const inUnit = pfn % bank.unitPages;
  const block = Math.floor(inUnit / PAGEBLOCK_NR_PAGES);
  const page = inUnit % PAGEBLOCK_NR_PAGES;
  return {
    x:
      plot.x +
      (slot % plot.unitCols) * unit.width +
      (block % SECTION_BLOCK_COLS) * BLOCK_PITCH_X +
      (page % BLOCK_COLS),
    y:
      plot.y +
      Math.floor(slot / plot.unitCols) * unit.height +
      Math.floor(block / SECTION_BLOCK_COLS) * BLOCK_PITCH_Y +
      Math.floor(page / BLOCK_COLS),
  };
};

/** The frame at a point; undefined in a gap or where the bank has none. */
export const pfnAt = (bank: Bank, point: WorldPoint): number | undefined => {
  const plot = bank.plots.find((one) => point.y >= one.y && point.y < one.y + one.height);
  if (plot === undefined || point.x < plot.x) return undefined;
  const x = point.x - plot.x;
  const y = point.y - plot.y;
  const unit = unitSize(bank.unitPages);
  const unitCol = Math.floor(x / unit.width);
  if (unitCol >= plot.unitCols) return undefined;
  const number = unitAt(plot, Math.floor(y / unit.height) * plot.unitCols + unitCol);
  if (number < 0) return undefined;
  const blockCol = Math.floor((x % unit.width) / BLOCK_PITCH_X);
  const blockRow = Math.floor((y % unit.height) / BLOCK_PITCH_Y);
  const block = blockRow * SECTION_BLOCK_COLS + blockCol;
  const col = Math.floor((x % unit.width) % BLOCK_PITCH_X);
  const row = Math.floor((y % unit.height) % BLOCK_PITCH_Y);
  if (blockCol >= SECTION_BLOCK_COLS || col >= BLOCK_COLS || row >= BLOCK_ROWS) return undefined;
  if (block * PAGEBLOCK_NR_PAGES >= bank.unitPages) return undefined;
  const pfn = number * bank.unitPages + block * PAGEBLOCK_NR_PAGES + row * BLOCK_COLS + col;
  return rangeOf(bank, pfn) === undefined ? undefined : pfn;
};

/** Level of detail: how many frames one cell stands for, and how it is drawn. */
export const LEVELS = {
  page: { pagesPerCell: 1, width: 1, height: 1 },
  pageblock: { pagesPerCell: PAGEBLOCK_NR_PAGES, width: BLOCK_COLS, height: BLOCK_ROWS },
  section: {
    pagesPerCell: PAGES_PER_SECTION,
    width: SECTION_PITCH_X - SECTION_GAP - BLOCK_GAP,
    height: SECTION_PITCH_Y - SECTION_GAP - BLOCK_GAP,
  },
} as const;
export type Level = keyof typeof LEVELS;

/** First frames of the units of a size, pageblocks or sections, of which a part lies in a rectangle. */
export const unitsWithin = (bank: Bank, rect: WorldRect, pagesPerUnit: number): number[] =>
  bank.plots
    .flatMap((plot) => unitsOfPlot(bank, plot, rect, pagesPerUnit))
    .filter((start) => hasMemory(bank, start, pagesPerUnit));

const unitsOfPlot = (bank: Bank, plot: Plot, all: WorldRect, pagesPerUnit: number): number[] => {
  const unit = unitSize(bank.unitPages);
  const rect = { ...all, x: all.x - plot.x, y: all.y - plot.y };
  const found: number[] = [];
  const firstCol = Math.max(0, Math.floor(rect.x / unit.width));
  const lastCol = Math.min(plot.unitCols - 1, Math.floor((rect.x + rect.width) / unit.width));
  const firstRow = Math.max(0, Math.floor(rect.y / unit.height));
  const lastRow = Math.floor(Math.min(plot.height - 1, rect.y + rect.height) / unit.height);
  for (let row = firstRow; row <= lastRow; row++) {
    for (let col = firstCol; col <= lastCol; col++) {
      const number = unitAt(plot, row * plot.unitCols + col);
      if (number < 0) continue;
      const start = number * bank.unitPages;
      if (pagesPerUnit >= bank.unitPages) found.push(start);
      else found.push(...blocksWithin(start, col * unit.width, row * unit.height, rect));
    }
  }
  return found;
};

const blocksWithin = (sectionStart: number, left: number, top: number, rect: WorldRect): number[] => {
  const found: number[] = [];
  for (let block = 0; block < SECTION_BLOCKS; block++) {
    const x = left + (block % SECTION_BLOCK_COLS) * BLOCK_PITCH_X;
    const y = top + Math.floor(block / SECTION_BLOCK_COLS) * BLOCK_PITCH_Y;
    const apart =
      x + BLOCK_COLS <= rect.x ||
      y + BLOCK_ROWS <= rect.y ||
      x >= rect.x + rect.width ||
      y >= rect.y + rect.height;
    if (!apart) found.push(sectionStart + block * PAGEBLOCK_NR_PAGES);
  }
  return found;
};

/** Whether a bank has any of these frames. */
export const hasMemory = (bank: Bank, start: number, npages: number): boolean =>
  bank.ranges.some((range) => range.start < start + npages && start < range.start + range.npages);
