// The page table of a device for one process, as it is shown.

import type { Moment } from '../../store/views.ts';
import { formatHex } from '../../ui/format.ts';
import type { Tone } from '../../ui/tones.ts';

export interface MirrorRow {
  readonly key: string;
  /** `buf+2` */
  readonly page: string;
  readonly access: string;
  readonly pfn: number;
  readonly frame: string;
  readonly tone: Tone;
  /** In the device's own memory, or reached over the bus. */
  readonly where: string;
}

export interface DeviceTable {
  readonly key: string;
  readonly device: number;
  readonly title: string;
  readonly process: string;
  readonly rows: readonly MirrorRow[];
  /** Mirrored entries that are not listed. */
  readonly more: number;
}

const MAX_ROWS = 64;
const ACCESS = { r: 'read', w: 'read, write', x: 'exclusive' } as const;

/** The name of a page by where it is mapped: `buf+2`. */
const pageName = (moment: Moment, process: string, vpn: number): string => {
  const areas = moment.processes.find(({ name }) => name === process)?.areas ?? [];
  const area = areas.find(({ startVpn, npages }) => vpn >= startVpn && vpn < startVpn + npages);
  return area === undefined ? formatHex(vpn) : `${area.name}+${vpn - area.startVpn}`;
};

const whereOf = (residence: Tone, frameDevice: number, device: number): string => {
  if (frameDevice === device) return 'own memory';
  return frameDevice >= 0 ? `device ${frameDevice}` : residence === 'free' ? '' : 'system memory';
};

export const deviceTables = (moment: Moment): DeviceTable[] => {
  const frames = new Map(moment.frames.map((frame) => [frame.pfn, frame]));
  return moment.devices.flatMap((device) =>
    device.tables.map(
      ({ process, rows }): DeviceTable => ({
        key: `${device.id} ${process}`,
        device: device.id,
        title: `Device ${device.id}`,
        process,
        more: Math.max(0, rows.length - MAX_ROWS),
        rows: rows.slice(0, MAX_ROWS).map(({ vpn, access, pfn }) => {
          const frame = frames.get(pfn);
          const tone = frame?.residence ?? 'free';
          return {
            key: String(vpn),
            page: pageName(moment, process, vpn),
            access: ACCESS[access],
            pfn,
            frame: formatHex(pfn),
            tone,
            where: whereOf(tone, frame?.device ?? -1, device.id),
          };
        }),
      }),
    ),
  );
};
