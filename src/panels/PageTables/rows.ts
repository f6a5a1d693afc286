// A process's page table as it is shown: one row an entry, or one for a run of entries that are alike.

import { vpnToAddrBytes } from '../../core/uapi/units.ts';
import type { AreaView, FrameView, Moment, PteRow, ProcessView } from '../../store/views.ts';
import { vpnOfPage } from '../../store/entries-of-page.ts';
import { type DeviceCell, type DeviceColumn, deviceCells } from './device-rows.ts';
import type { Sharer } from './sharing.ts';
import { formatAddress, formatCounted, formatHex } from '../../ui/format.ts';
import type { Tone } from '../../ui/tones.ts';

export interface Bit {
  readonly letter: string;
  readonly name: string;
  readonly on: boolean;
}

export interface EntryRow {
  readonly key: string;
  readonly vpn: number;
  readonly npages: number;
  /** How the frame changes from page to page of a run. */
  readonly pfnStep: number;
  /** `buf+2`, `buf+0…63` */
  readonly page: string;
  /** What kind of entry it is, in words. */
  readonly entry: string;
  readonly kind: PteRow['entry'];
  readonly bits: readonly Bit[];
  /** The frame it refers to; undefined: none. */
  readonly frame:
    | { readonly pfn: number; readonly tone: Tone; readonly toward: Tone | undefined; readonly text: string }
    | undefined;
  /** Flags of the page, not of the entry. */
  readonly pageFlags: readonly string[];
  readonly value: string;
  /** What the devices' tables have for the same pages, in the order of the columns. */
  readonly devices: readonly DeviceCell[];
  /** Entries of other processes that lead to the same frame. */
  readonly sharers: readonly Sharer[];
}

const ENTRY_WORDS: Readonly<Record<PteRow['entry'], string>> = {
  none: 'none',
  present: 'present',
  protnone: 'PROT_NONE',
  migration: 'migration',
  'device-private': 'device-private',
  'device-exclusive': 'device-exclusive',
  swap: 'swap',
  hwpoison: 'hwpoison',
  other: 'other',
};

export const entryWords = ({ entry, level }: Pick<PteRow, 'entry' | 'level'>): string =>
  entry === 'none' || level === 'pte' || level === 'none'
    ? ENTRY_WORDS[entry]
    : `${ENTRY_WORDS[entry]}, ${level === 'pmd' ? '2 MiB' : '1 GiB'}`;

const bitsOf = ({ entry, writable, dirty, young, special }: PteRow): Bit[] =>
  entry === 'none'
    ? []
    : [
        { letter: 'P', name: 'present', on: entry === 'present' },
        { letter: 'W', name: 'writable', on: writable },
        { letter: 'D', name: 'dirty', on: dirty },
        { letter: 'A', name: 'accessed', on: young },
        ...(special ? [{ letter: 'S', name: 'special', on: true }] : []),
      ];

/** What the letters of an entry's bits mean, in their order. */
export const BIT_WORDS: readonly (readonly [letter: string, name: string])[] = [
  ['P', 'present'],
  ['W', 'writable'],
  ['D', 'dirty'],
  ['A', 'accessed'],
  ['S', 'special'],
];

/** Page flags that tell something in a table; all of them are in the inspector. */
const FLAG_WORDS: Readonly<Record<string, string>> = {
  anon_exclusive: 'AnonExclusive',
  locked: 'locked',
  mlocked: 'mlocked',
  writeback: 'writeback',
};

/** As the table writes them. */
export const TABLE_FLAGS: readonly string[] = Object.values(FLAG_WORDS);

const pageFlagsOf = (frame: FrameView | undefined): string[] =>
  (frame?.flags ?? []).flatMap((flag) => FLAG_WORDS[flag] ?? []);

const rangeText = (name: string, first: number, npages: number): string =>
  npages === 1 ? `${name}+${first}` : `${name}+${first}…${first + npages - 1}`;

const valueText = ({ value, npages, entry }: PteRow): string =>
  value === undefined || entry === 'none' ? '' : npages > 1 ? `${value}…` : String(value);

/** `0x5fffd`, `0x5fffd → 0x1234` on its way, `0x5fffd…0x5ffc0` for a run. */
const frameText = ({ pfn, pfnStep, npages }: PteRow, dst: number): string => {
  if (dst >= 0) return `${formatHex(pfn)} → ${formatHex(dst)}`;
  return npages > 1 && pfnStep !== 0
    ? `${formatHex(pfn)}…${formatHex(pfn + pfnStep * (npages - 1))}`
    : formatHex(pfn);
};

export const entryRow = (
  area: AreaView,
  row: PteRow,
  frames: ReadonlyMap<number, FrameView>,
  moment: Moment,
  columns: readonly DeviceColumn[],
): EntryRow => {
  const frame = frames.get(row.pfn);
  const move = row.entry === 'migration' ? moment.moves.find(({ src }) => src === row.pfn) : undefined;
  const toward = move === undefined ? undefined : (frames.get(move.dst)?.residence ?? 'free');
  return {
    key: `${row.vpn}`,
    vpn: row.vpn,
    npages: row.npages,
    pfnStep: row.pfnStep,
    page: rangeText(area.name, row.index, row.npages),
    entry: entryWords(row),
    kind: row.entry,
    bits: bitsOf(row),
    frame:
      row.pfn < 0
        ? undefined
        : {
            pfn: row.pfn,
            tone: frame?.residence ?? 'free',
            toward: row.entry === 'migration' ? (toward ?? 'free') : undefined,
            text: frameText(row, move?.dst ?? -1),
          },
    pageFlags: pageFlagsOf(frame),
    value: valueText(row),
    devices: deviceCells(columns, row),
    sharers: [],
  };
};

/** Whether the entry of a row refers to a frame, or its page is on its way there. */
export const leadsTo = (
  { vpn, npages, pfnStep, kind: entry, frame }: EntryRow,
  moves: Moment['moves'],
  pfn: number,
): boolean =>
  frame !== undefined && vpnOfPage({ vpn, npages, pfnStep, entry, pfn: frame.pfn }, moves, pfn) !== undefined;

export interface PathStep {
  readonly table: 'PGD' | 'PUD' | 'PMD' | 'PTE';
  readonly index: number;
  /** Frame of the table that it points to; '' for the last, `none` where there is none. */
  readonly next: string;
}

export interface AreaRows {
  readonly key: string;
  readonly process: string;
  readonly name: string;
  readonly startVpn: number;
  /** `anon-private, 4 pages, rw` */
  readonly about: string;
  readonly rows: readonly EntryRow[];
  /** Devices whose tables stand beside the CPU's. */
  readonly columns: readonly DeviceColumn[];
  /** Unmapped, moved to other addresses, or of a process that has exited: nothing is left of it. */
  readonly isGone: boolean;
}

const known = new WeakMap<Moment, ReadonlyMap<number, FrameView>>();

const framesOf = (moment: Moment): ReadonlyMap<number, FrameView> => {
  const frames = known.get(moment) ?? new Map(moment.frames.map((frame) => [frame.pfn, frame]));
  known.set(moment, frames);
  return frames;
};

const protOf = (area: AreaView): string =>
  [...new Set(area.vmas.map(({ prot }) => (prot === '' ? 'PROT_NONE' : prot)))].join(', ');

export const areaRows = (
  process: ProcessView,
  area: AreaView,
  moment: Moment,
  columns: readonly DeviceColumn[],
): AreaRows => {
  const frames = framesOf(moment);
  // of many devices, only those that have a part of this area
  const shown =
    moment.devices.length > 2
      ? columns.filter(({ device }) =>
          area.rows.some(({ mirrors }) => mirrors.some((mirror) => mirror.device === device)),
        )
      : columns;
  return {
    key: `${process.name} ${area.name}`,
    process: process.name,
    name: area.name,
    startVpn: area.startVpn,
    about: [area.kind, formatCounted(area.npages, 'page'), protOf(area)]
      .filter((part) => part !== '')
      .join(', '),
    rows: area.rows.map((row) => entryRow(area, row, frames, moment, shown)),
    columns: shown,
    isGone: area.vmas.length === 0 && area.rows.every(({ entry }) => entry === 'none'),
  };
};

/** From the PGD to the entry of a page. */
export const pathOf = ({ path, tables, level }: PteRow): PathStep[] => {
  const next = (pfn: number): string => (pfn < 0 ? 'none' : formatHex(pfn));
  const steps: PathStep[] = [
    { table: 'PGD', index: path[0], next: next(tables[0]) },
    { table: 'PUD', index: path[1], next: level === 'pud' ? 'gigantic page' : next(tables[1]) },
    { table: 'PMD', index: path[2], next: level === 'pmd' ? 'huge page' : next(tables[2]) },
  ];
  if (level === 'pud') return steps.slice(0, 2);
  return level === 'pmd' ? steps : [...steps, { table: 'PTE', index: path[3], next: '' }];
};

/** `0x7f80_0000_2000` */
export const addressOf = ({ vpn }: PteRow): string => formatAddress(vpnToAddrBytes(vpn));

/** All that a row says. A column that comes or goes says nothing of a row that has nothing in it. */
const saidOf = (row: EntryRow): string =>
  JSON.stringify({ ...row, devices: row.devices.filter((cell) => cell !== undefined) });

/** Keys of rows that are not what they were in the picture before. */
export const changedRows = (
  before: readonly EntryRow[] | undefined,
  now: readonly EntryRow[],
): ReadonlySet<string> => {
  if (before === undefined) return new Set();
  const was = new Map(before.map((row) => [row.key, saidOf(row)]));
  return new Set(
    now.filter((row) => was.has(row.key) && was.get(row.key) !== saidOf(row)).map(({ key }) => key),
  );
};
