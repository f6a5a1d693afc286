// A map in words, from the same cells that are painted: for the line under the pointer and for the text twin.

import { PAGE_SIZE_BYTES } from '../core/uapi/units.ts';
import type { Camera } from '../store/viewport.ts';
import type { MoveView } from '../store/views.ts';
import { formatBytes, formatCount, formatCounted, formatHex } from '../ui/format.ts';
import { TONES } from '../ui/tones.ts';
import { stayedBecause } from '../words/index.ts';
import { hasPageLines, levelOf, type SizePx, visibleRect } from './camera.ts';
import type { MapCell } from './cells.ts';
import { type CellLook, lookOf, partsOf } from './color.ts';
import { isCopied } from './flights.ts';
import { type Bank, LEVELS, type Level, pfnAt, type Plot, rangeOf } from './layout.ts';
import type { Loupe } from './loupes.ts';

/** A window on a bank as it stands now. */
export interface MapView {
  readonly bank: Bank;
  readonly camera: Camera;
  readonly size: SizePx;
  /** Whether it follows what happens, or stands where somebody put it. */
  readonly following: boolean;
  /** What lies above it. */
  readonly loupes: readonly Loupe[];
}

export const plotTitle = ({ kind, node, device }: Pick<Plot, 'kind' | 'node' | 'device'>): string => {
  switch (kind) {
    case 'system':
      return `System memory, node ${node}`;
    case 'coherent':
    case 'private':
      return `VRAM, device ${device}`;
    case 'fsdax':
    case 'devdax':
      return `Persistent memory, device ${device}`;
    case 'p2pdma':
      return `PCI memory, device ${device}`;
  }
};

export const bankTitle = ({ kind, node, device }: Bank): string =>
  kind === 'whole' ? 'All memory' : plotTitle({ kind, node, device });

const zonesOf = ({ ranges }: Bank): string[] => [...new Set(ranges.map(({ zone }) => zone))];

/** `zone DMA32`; the kind of memory for a device. Of what is in the middle of the window, or all of them. */
export const zoneInView = ({ bank, camera, size }: MapView): string => {
  if (bank.kind !== 'system' && bank.kind !== 'whole') return bank.kind;
  const rect = visibleRect(camera, size);
  const points = [0, -1, 1, -2, 2].map((off) => ({
    x: rect.x + rect.width / 2 + off,
    y: rect.y + rect.height / 2 + off,
  }));
  const pfn =
    levelOf(camera) === 'page'
      ? points.map((at) => pfnAt(bank, at)).find((at) => at !== undefined)
      : undefined;
  const range = pfn === undefined ? undefined : rangeOf(bank, pfn);
  if (range !== undefined) return `zone ${range.zone}${range.cma ? ', CMA' : ''}`;
  const zones = zonesOf(bank);
  return `${zones.length === 1 ? 'zone' : 'zones'} ${zones.join(', ')}`;
};

/** The same above a map: where it shows several zones it has their names on it, and here is their number. */
export const zoneCaption = (view: MapView): string => {
  const { bank, camera, size } = view;
  const { length } = zonesOf(bank);
  const { x, y, width, height } = visibleRect(camera, size);
  const isWhole = x <= 0 && y <= 0 && x + width >= bank.width && y + height >= bank.height;
  const isAll = length > 1 && (isWhole || levelOf(camera) !== 'page');
  return isAll ? `${length} zones` : zoneInView(view);
};

interface Scale {
  readonly size: string;
  readonly unit: Level;
}

const scaleOfUnit = (unit: Level): Scale => ({
  size: formatBytes(LEVELS[unit].pagesPerCell * PAGE_SIZE_BYTES),
  unit,
});

/** What one cell stands for: `4 KiB`, `page` */
export const scaleOf = ({ camera }: MapView): Scale => scaleOfUnit(levelOf(camera));

/** What the lines of a map enclose: where pages are too small for lines, it is the pageblocks that one sees. */
export const linesOf = ({ camera }: MapView): Scale => {
  const unit = levelOf(camera);
  return scaleOfUnit(unit === 'page' && !hasPageLines(camera.k) ? 'pageblock' : unit);
};

const USAGE_WORDS = {
  free: 'free',
  shown: 'in use',
  other: 'in use, not mapped',
  kernel: 'in use by the kernel',
  reserved: 'reserved',
  unknown: 'not known yet',
} as const;

/** Why a page that was to move stays. */
export const stayWords = ({ because }: MoveView): string =>
  `stays: ${stayedBecause[because] ?? 'the migration failed'}`;

const moveWords = (role: 'src' | 'dst', move: MoveView): string => {
  const { src, dst, phase } = move;
  if (phase === 'failed') return stayWords(move);
  if (phase === 'awaited' && role === 'src') return `to move to ${formatHex(dst)}`;
  if (role === 'src') return dst < 0 ? 'on its way' : `on its way to ${formatHex(dst)}`;
  return isCopied(move) ? `copy of ${formatHex(src)}` : `destination of ${formatHex(src)}`;
};

/** Of memory of a device that is in use and not mapped it is the driver that knows what for: a buffer object has it. */
const usageWords = ({ usage, residence }: CellLook, home: MapCell['residence']): string => {
  if (usage === 'shown') return home === 'reserved' ? 'memory of another driver' : TONES[residence].longLabel;
  const isDevice = residence === 'coherent' || residence === 'private' || home === 'reserved';
  return usage === 'other' && isDevice ? 'taken by the driver, not mapped' : USAGE_WORDS[usage];
};

/** Everything that a page's cell shows, in words. */
export const stateWords = (cell: MapCell): string[] => {
  const look = lookOf(cell);
  const { move } = cell;
  const words: string[] = [usageWords(look, cell.residence)];
  if (move !== undefined) words.push(moveWords(move.role, move.view));
  if (cell.pins > 0) words.push(formatCounted(cell.pins, cell.longterm ? 'long-term pin' : 'pin'));
  if (cell.exclusive) words.push('device-exclusive entry');
  if (look.locked) words.push('locked');
  if (look.dirty) words.push('dirty');
  if (look.anonExclusive) words.push('AnonExclusive');
  return words;
};

const percent = (part: number): string =>
  part > 0 && part < 0.005 ? 'under 1 %' : `${Math.round(part * 100)} %`;

/** A pageblock or section in words. */
const groupWords = (cell: MapCell): string[] => {
  const parts = partsOf(cell);
  const { counts, npages } = cell;
  const mapped = counts?.mapped ?? 0;
  const words: string[] = [];
  if (mapped > 0) words.push(`${formatCount(mapped)} of ${formatCount(npages)} mapped`);
  if (parts.other > 0) words.push(`${percent(parts.other)} in use, not mapped`);
  if (parts.kernel > 0) words.push(`${percent(parts.kernel)} kernel`);
  if (parts.reserved > 0) words.push(`${percent(parts.reserved)} reserved`);
  if (counts === undefined) words.push('not known yet');
  else if (words.length === 0) words.push('free');
  if ((counts?.longterm ?? 0) > 0) words.push(`${formatCount(counts?.longterm ?? 0)} pinned long-term`);
  else if ((counts?.pinned ?? 0) > 0) words.push(`${formatCount(counts?.pinned ?? 0)} pinned`);
  if ((counts?.migrating ?? 0) > 0) words.push(`${formatCount(counts?.migrating ?? 0)} on their way`);
  return words;
};

export const cellWords = (cell: MapCell): string[] => [
  ...(cell.npages === 1 ? stateWords(cell) : groupWords(cell)),
  ...cell.facts,
];

/** The line under the pointer. */
export const cellText = (cell: MapCell): string => {
  const name =
    cell.npages === 1
      ? `pfn ${formatHex(cell.start)}`
      : `pfn ${formatHex(cell.start)} to ${formatHex(cell.start + cell.npages - 1)}`;
  return [name, ...(cell.owner === '' ? [] : [cell.owner]), ...cellWords(cell)].join(' · ');
};

/** A row of the text twin: neighbouring cells that look the same. */
export interface MapRow {
  readonly start: number;
  readonly npages: number;
  /** `buf+0`, `buf+15 … buf+0` for a run; '' */
  readonly owner: string;
  readonly state: string;
}

interface OpenRow extends MapRow {
  readonly firstOwner: string;
  readonly lastOwner: string;
}

/** `buf+2` → `buf`: the area that a page belongs to. */
const areaOf = (owner: string): string => (owner.includes(',') ? owner : owner.replace(/\+\d+$/, ''));

/** The cells of a window as rows; what is alike is one row. */
export const mapRows = (cells: readonly MapCell[]): MapRow[] => {
  const rows: OpenRow[] = [];
  for (const cell of cells) {
    const { owner, start, npages } = cell;
    const state = cellWords(cell).join(', ');
    const last = rows.at(-1);
    const joins =
      last !== undefined &&
      cell.frame === undefined &&
      last.state === state &&
      areaOf(last.lastOwner) === areaOf(owner) &&
      last.start + last.npages === start;
    if (joins) rows[rows.length - 1] = { ...last, npages: last.npages + npages, lastOwner: owner };
    else rows.push({ start, npages, owner, state, firstOwner: owner, lastOwner: owner });
  }
  return rows.map(({ firstOwner, lastOwner, ...row }) =>
    firstOwner === lastOwner ? row : { ...row, owner: `${firstOwner} … ${lastOwner}` },
  );
};

/** What is pointed at, and where its words stand: below its cell, or above it where there is no room. */
export interface CellTip {
  readonly text: string;
  readonly leftPx: number;
  readonly rightPx: number;
  readonly topPx?: number;
  readonly bottomPx?: number;
  /** In the right half: the tip ends at the cell instead of beginning there. */
  readonly atEnd: boolean;
}
