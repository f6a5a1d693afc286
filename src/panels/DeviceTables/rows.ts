// The page table of a device for one process, as it is shown.

import { residenceAt } from '../../store/residence.ts';
import type { DeviceView, Moment, RangeInfo } from '../../store/views.ts';
import { formatHex } from '../../ui/format.ts';
import type { Tone } from '../../ui/tones.ts';

export interface MirrorRow {
  readonly key: string;
  /** `buf+2`, `buf+0…63` */
  readonly page: string;
  readonly access: string;
  readonly pfn: number;
  readonly frame: string;
  readonly tone: Tone;
  /** In the device's own memory, or elsewhere. */
  readonly where: string;
}

export interface DeviceTable {
  readonly key: string;
  readonly title: string;
  readonly process: string;
  readonly rows: readonly MirrorRow[];
  /** Rows that are not listed. */
  readonly more: number;
}

const MAX_ROWS = 64;
const ACCESS = { r: 'read', w: 'read, write', x: 'exclusive' } as const;

type Mirror = DeviceView['tables'][number]['rows'][number];

/** Entries that follow each other, with frames that do so too, upwards or downwards. */
interface MirrorRun {
  readonly first: Mirror;
  readonly npages: number;
  readonly step: number;
}

export const mirrorRuns = (rows: readonly Mirror[]): MirrorRun[] => {
  const runs: MirrorRun[] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    const step = last === undefined ? 0 : row.pfn - (last.first.pfn + last.step * (last.npages - 1));
    const joins =
      last !== undefined &&
      rows.length > MAX_ROWS &&
      row.access === last.first.access &&
      row.vpn === last.first.vpn + last.npages &&
      (step === 1 || step === -1) &&
      (last.npages === 1 || step === last.step);
    if (joins) runs[runs.length - 1] = { ...last, npages: last.npages + 1, step };
    else runs.push({ first: row, npages: 1, step: 0 });
  }
  return runs;
};

/** The name of a page by where it is mapped: `buf+2`. */
const pageName = (moment: Moment, process: string, vpn: number, npages: number): string => {
  const areas = moment.processes.find(({ name }) => name === process)?.areas ?? [];
  const area = areas.find((each) => vpn >= each.startVpn && vpn < each.startVpn + each.npages);
  if (area === undefined) return formatHex(vpn);
  const first = vpn - area.startVpn;
  return npages === 1 ? `${area.name}+${first}` : `${area.name}+${first}…${first + npages - 1}`;
};

const whereOf = (device: DeviceView, ranges: readonly RangeInfo[], pfn: number): string => {
  const range = ranges.find(({ start, npages }) => pfn >= start && pfn < start + npages);
  if (range === undefined) return '';
  if (range.device === device.id) return 'own memory';
  if (range.device >= 0) return `memory of device ${range.device}`;
  return 'system memory';
};

const mirrorRow = (
  { first: { vpn, access, pfn }, npages, step }: MirrorRun,
  moment: Moment,
  process: string,
  device: DeviceView,
  ranges: readonly RangeInfo[],
): MirrorRow => ({
  key: String(vpn),
  page: pageName(moment, process, vpn, npages),
  access: ACCESS[access],
  pfn,
  frame: npages === 1 ? formatHex(pfn) : `${formatHex(pfn)}…${formatHex(pfn + step * (npages - 1))}`,
  tone: residenceAt(ranges, pfn),
  where: whereOf(device, ranges, pfn),
});

export const deviceTables = (moment: Moment, ranges: readonly RangeInfo[]): DeviceTable[] =>
  moment.devices.flatMap((device) =>
    device.tables.map(({ process, rows, more }): DeviceTable => {
      const runs = mirrorRuns(rows);
      return {
        key: `${device.id} ${process}`,
        title: `Device ${device.id}`,
        process,
        // what is listed comes in runs; what is cut is counted in entries
        more: runs.slice(MAX_ROWS).reduce((sum, { npages }) => sum + npages, more),
        rows: runs.slice(0, MAX_ROWS).map((run) => mirrorRow(run, moment, process, device, ranges)),
      };
    }),
  );
