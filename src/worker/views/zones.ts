// Physical memory as the firmware and the page allocator see it: ranges by address, zones with their watermarks, and
// free blocks by order and migratetype.

import { zoneInfo } from '../../core/kernel/mm/zoneinfo.ts';
import type { Position } from '../protocol.ts';
import type { FirmwareRange, ZonesView, ZoneView } from '../protocol-views.ts';
import type { Run } from '../run.ts';

const MIGRATETYPES = ['Unmovable', 'Movable', 'Reclaimable', 'HighAtomic', 'CMA', 'Isolate'] as const;

const FIRMWARE_NAMES = { ram: 'System RAM', 'soft-reserved': 'Soft Reserved', mmio: 'MMIO hole' } as const;

export const zonesAt = (run: Run, position: Position): ZonesView => {
  run.seek(position);
  const m = run.sim.machine;
  const { ranges, devices } = m.config;
  const firmware = ranges.map(
    ({ start, end, kind, node, zone, cma, reserved, device }): FirmwareRange => ({
      start,
      end,
      kind,
      name: FIRMWARE_NAMES[kind],
      node,
      about: reserved ?? device ?? (cma === true ? `${zone ?? ''}, CMA` : (zone ?? '')),
      cma: cma === true,
    }),
  );
  const invented = devices
    .filter(({ kind }) => kind === 'private')
    .map(
      ({ id, start, pages, node }): FirmwareRange => ({
        start,
        end: start + pages,
        kind: 'private',
        name: 'Private range',
        node,
        about: `device ${id}: no memory behind these addresses`,
        cma: false,
      }),
    );
  return {
    firmware: [...firmware, ...invented].toSorted((a, b) => a.start - b.start),
    zones: zoneInfo(m).map(
      ({ node, name, managed, spanned, free, watermarks: { min, low, high }, blocks }): ZoneView => ({
        node,
        name,
        spanned,
        managed,
        free,
        min,
        low,
        high,
        blocks: blocks.flatMap((counts, type) =>
          counts.some((count) => count > 0) ? [{ type: MIGRATETYPES[type] ?? '', counts }] : [],
        ),
      }),
    ),
  };
};
