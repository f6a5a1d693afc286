// The page tables of devices beside the CPU's: one column a device, one cell a row.

import { residenceAt } from '../../store/residence.ts';
import type { MirrorView, Moment, PteRow, RangeInfo } from '../../store/views.ts';
import { formatHex } from '../../ui/format.ts';
import type { Tone } from '../../ui/tones.ts';

/** Of more devices, only those that have an entry get a column: two columns have room in a wide window only. */
const COLUMNS_OF_EMPTY = 1;

export interface DeviceColumn {
  readonly device: number;
  /** `device 0` */
  readonly title: string;
  readonly toneOf: (pfn: number) => Tone;
}

export interface DeviceColumns {
  readonly columns: readonly DeviceColumn[];
  /** Devices that have opened the process and hold no entry of it. */
  readonly empty: readonly number[];
}

/** What a device has for the pages of a row; undefined: nothing, it would fault. */
export type DeviceCell =
  | {
      /** `rw` */
      readonly access: string;
      readonly accessWords: string;
      readonly pfn: number;
      /** `0x5fffd`, with `…` for a run. */
      readonly frame: string;
      readonly tone: Tone;
      readonly isSame: boolean;
    }
  | undefined;

const ACCESS: Readonly<Record<MirrorView['access'], readonly [short: string, words: string]>> = {
  r: ['r', 'may read'],
  w: ['rw', 'may read and write'],
  x: ['excl', 'has exclusive access'],
};

/** The devices whose tables stand beside a process's. */
export const deviceColumns = (
  { devices }: Moment,
  process: string,
  ranges: readonly RangeInfo[],
): DeviceColumns => {
  const opened = devices.flatMap(({ id, tables }) => {
    const table = tables.find((each) => each.process === process);
    return table === undefined ? [] : [{ id, isEmpty: table.isEmpty }];
  });
  const shown = opened.length <= COLUMNS_OF_EMPTY ? opened : opened.filter(({ isEmpty }) => !isEmpty);
  return {
    columns: shown.map(({ id }) => ({
      device: id,
      title: `device ${id}`,
      toneOf: (pfn) => residenceAt(ranges, pfn),
    })),
    empty: opened.filter(({ isEmpty }) => isEmpty).map(({ id }) => id),
  };
};

/** `3`, `0 and 2`, `1 to 7` */
export const idsText = (ids: readonly number[]): string => {
  const first = ids[0] ?? 0;
  const isRun = ids.length > 2 && ids.every((id, index) => id === first + index);
  return isRun ? `${first} to ${first + ids.length - 1}` : ids.join(' and ');
};

export const deviceCells = (columns: readonly DeviceColumn[], { mirrors, npages }: PteRow): DeviceCell[] =>
  columns.map(({ device, toneOf }) => {
    const mirror = mirrors.find((each) => each.device === device);
    if (mirror === undefined) return undefined;
    const [access, accessWords] = ACCESS[mirror.access];
    const { pfn, isSame } = mirror;
    const frame = `${formatHex(pfn)}${npages > 1 ? '…' : ''}`;
    return { access, accessWords, pfn, frame, tone: toneOf(pfn), isSame };
  });
