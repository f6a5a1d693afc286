// Where each page frame is drawn. A bank is all memory of one kind in one place: the RAM of a node, or the VRAM of a
// device. World coordinates count pages: a page is a square of 1, a pageblock 32 x 16 of them, a section 8 x 8
// pageblocks, both with a gap behind. So every level of detail is a unit that the kernel has too.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import type { MachineInfo, RangeInfo } from '../store/views.ts';

const BLOCK_COLS = 32;
const BLOCK_ROWS = PAGEBLOCK_NR_PAGES / BLOCK_COLS;
const BLOCK_GAP = 0.6;
const BLOCK_PITCH_X = BLOCK_COLS + BLOCK_GAP;
const BLOCK_PITCH_Y = BLOCK_ROWS + BLOCK_GAP;
const SECTION_BLOCK_COLS = 8;
const SECTION_BLOCKS = PAGES_PER_SECTION / PAGEBLOCK_NR_PAGES;
const SECTION_GAP = 2;
const SECTION_PITCH_X = SECTION_BLOCK_COLS * BLOCK_PITCH_X + SECTION_GAP;
const SECTION_PITCH_Y = (SECTION_BLOCKS / SECTION_BLOCK_COLS) * BLOCK_PITCH_Y + SECTION_GAP;

/** A window on a map is about this much wider than high. */
const TARGET_ASPECT = 1.5;

/** Consecutive units that follow each other on the map too. */
interface UnitRun {
  readonly first: number;
  readonly count: number;
  readonly slot: number;
}

export interface Bank {
  readonly id: string;
  readonly kind: 'system' | 'coherent' | 'private';
  readonly node: number;
  /** -1: system memory */
  readonly device: number;
  /** In address order. */
  readonly ranges: readonly RangeInfo[];
  readonly npages: number;
  /** What the grid is made of: sections, or pageblocks where there is less than two sections. */
  readonly unitPages: number;
  readonly runs: readonly UnitRun[];
  readonly unitCols: number;
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

const kindOf = (range: RangeInfo): Bank['kind'] | undefined =>
  range.kind === 'ram' ? 'system' : range.kind === 'mmio' ? undefined : range.kind;

/** One bank a node for RAM, one a device; in that order. */
export const layOutBanks = (machine: MachineInfo): Bank[] => {
  const groups = new Map<string, RangeInfo[]>();
  for (const range of machine.ranges) {
    const kind = kindOf(range);
    if (kind === undefined) continue;
    const id = kind === 'system' ? `node ${range.node}` : `device ${range.device}`;
    groups.set(id, [...(groups.get(id) ?? []), range]);
  }
  const banks = [...groups].map(([id, ranges]) => layOutBank(id, ranges));
  return banks.sort((a, b) => a.device - b.device || a.node - b.node);
};

const layOutBank = (id: string, unsorted: readonly RangeInfo[]): Bank => {
  const ranges = [...unsorted].sort((a, b) => a.start - b.start);
  const first = ranges[0];
  const npages = ranges.reduce((sum, range) => sum + range.npages, 0);
  const unitPages = npages < 2 * PAGES_PER_SECTION ? PAGEBLOCK_NR_PAGES : PAGES_PER_SECTION;
  const runs = unitRuns(ranges, unitPages);
  const units = runs.reduce((sum, run) => sum + run.count, 0);
  const unit = unitSize(unitPages);
  const unitCols = bestColumns(units, unit.width, unit.height);
  return {
    id,
    kind: (first && kindOf(first)) ?? 'system',
    node: first?.node ?? 0,
    device: first === undefined || first.kind === 'ram' ? -1 : first.device,
    ranges,
    npages,
    unitPages,
    runs,
    unitCols,
    width: Math.min(unitCols, units) * unit.width - unit.gap,
    height: Math.ceil(units / unitCols) * unit.height - unit.gap,
  };
};

/** A unit with the gap behind it. */
const unitSize = (unitPages: number): { width: number; height: number; gap: number } =>
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

const bestColumns = (units: number, width: number, height: number): number => {
  let best = 1;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (let cols = 1; cols <= units; cols++) {
    const aspect = (cols * width) / (Math.ceil(units / cols) * height);
    const distance = Math.abs(Math.log(aspect / TARGET_ASPECT));
    if (distance < bestDistance) {
      best = cols;
      bestDistance = distance;
    } else if (aspect > TARGET_ASPECT * 2) break;
  }
  return best;
};

const slotOf = (bank: Bank, pfn: number): number => {
  const unit = Math.floor(pfn / bank.unitPages);
  const run = bank.runs.find(({ first, count }) => unit >= first && unit < first + count);
  return run === undefined ? -1 : run.slot + unit - run.first;
};

const unitAt = (bank: Bank, slot: number): number => {
  const run = bank.runs.find(({ slot: start, count }) => slot >= start && slot < start + count);
  return run === undefined ? -1 : run.first + slot - run.slot;
};

/** The range that a frame of this bank belongs to. */
export const rangeOf = (bank: Bank, pfn: number): RangeInfo | undefined =>
  bank.ranges.find(({ start, npages }) => pfn >= start && pfn < start + npages);

/** Upper left corner of a frame; undefined if it is not in this bank. */
export const placeOf = (bank: Bank, pfn: number): WorldPoint | undefined => {
  const slot = slotOf(bank, pfn);
  if (slot < 0) return undefined;
  const unit = unitSize(bank.unitPages);
  const inUnit = pfn % bank.unitPages;
  const block = Math.floor(inUnit / PAGEBLOCK_NR_PAGES);
  const page = inUnit % PAGEBLOCK_NR_PAGES;
  return {
    x:
      (slot % bank.unitCols) * unit.width +
      (block % SECTION_BLOCK_COLS) * BLOCK_PITCH_X +
      (page % BLOCK_COLS),
    y:
      Math.floor(slot / bank.unitCols) * unit.height +
      Math.floor(block / SECTION_BLOCK_COLS) * BLOCK_PITCH_Y +
      Math.floor(page / BLOCK_COLS),
  };
};

/** The frame at a point; undefined in a gap or where the bank has none. */
export const pfnAt = (bank: Bank, { x, y }: WorldPoint): number | undefined => {
  if (x < 0 || y < 0) return undefined;
  const unit = unitSize(bank.unitPages);
  const unitCol = Math.floor(x / unit.width);
  if (unitCol >= bank.unitCols) return undefined;
  const number = unitAt(bank, Math.floor(y / unit.height) * bank.unitCols + unitCol);
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
export const unitsWithin = (bank: Bank, rect: WorldRect, pagesPerUnit: number): number[] => {
  const unit = unitSize(bank.unitPages);
  const found: number[] = [];
  const firstCol = Math.max(0, Math.floor(rect.x / unit.width));
  const lastCol = Math.min(bank.unitCols - 1, Math.floor((rect.x + rect.width) / unit.width));
  const firstRow = Math.max(0, Math.floor(rect.y / unit.height));
  const lastRow = Math.floor(Math.min(bank.height - 1, rect.y + rect.height) / unit.height);
  for (let row = firstRow; row <= lastRow; row++) {
    for (let col = firstCol; col <= lastCol; col++) {
      const number = unitAt(bank, row * bank.unitCols + col);
      if (number < 0) continue;
      const start = number * bank.unitPages;
      if (pagesPerUnit >= bank.unitPages) found.push(start);
      else found.push(...blocksWithin(start, col * unit.width, row * unit.height, rect));
    }
  }
  return found.filter((start) => hasMemory(bank, start, pagesPerUnit));
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

const hasMemory = (bank: Bank, start: number, npages: number): boolean =>
  bank.ranges.some((range) => range.start < start + npages && start < range.start + range.npages);
