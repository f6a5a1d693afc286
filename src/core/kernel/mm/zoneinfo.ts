// What /proc/zoneinfo, /proc/buddyinfo and /proc/pagetypeinfo would show. Reads only.

import type { Machine } from '../../machine/machine.ts';
import type { Zone } from '../../machine/entities.ts';
import type { MemoryRange, ZoneName } from '../../uapi/config.ts';
import { gibToPages, type Pfn } from '../../uapi/units.ts';
import { buddyInfo } from './buddy.ts';
import { type Watermarks, zoneWatermarks } from './watermarks.ts';

/** One zone of one node. */
export interface ZoneInfo {
  readonly node: number;
  readonly name: ZoneName;
  /** Frames from the first to behind the last, holes included. */
  readonly spanned: number;
  /** Frames that hold memory of the system; none in ZONE_DEVICE. */
  readonly present: number;
  /** Frames that the allocator may hand out. */
  readonly managed: number;
  readonly free: number;
  readonly watermarks: Watermarks;
  /** `blocks[migratetype][order]`: free blocks. */
  readonly blocks: readonly (readonly number[])[];
}

/** Behind the last frame that ZONE_DMA32 can have. */
const DMA32_END = gibToPages(4);

const NO_WATERMARKS: Watermarks = { min: 0, low: 0, high: 0, promo: 0, lowmemReserve: [0, 0, 0, 0, 0] };

/** ZONE_DEVICE of each node that a driver's memory was given to: it spans frames and has none. */
const deviceZones = (m: Machine): ZoneInfo[] => {
  const pgmaps = m.pgmaps.values();
  return [...new Set(pgmaps.map(({ node }) => node))].map((node) => {
    const own = pgmaps.filter((pgmap) => pgmap.node === node);
    return {
      node,
      name: 'Device',
      spanned: Math.max(...own.map(({ end }) => end)) - Math.min(...own.map(({ start }) => start)),
      present: 0,
      managed: 0,
      free: 0,
      watermarks: NO_WATERMARKS,
      blocks: [],
    };
  });
};

/** ZONE_DMA32 ends at 4 GiB, though the frames below may be a hole, where its node goes on behind it. */
const zoneEnd = (m: Machine, { node, name }: Zone, ranges: readonly MemoryRange[]): Pfn => {
  const last = Math.max(...ranges.map(({ end }) => end));
  const goesOn = m.config.ranges.some(
    (range) => range.kind === 'ram' && range.node === node && range.end > DMA32_END,
  );
  return name === 'DMA32' && goesOn ? DMA32_END : last;
};

/**
 * All zones with memory, and ZONE_DEVICE where there is one.
 *
 * Kernel: `mm/vmstat.c: zoneinfo_show_print`, `mm/page_alloc.c: zone_spanned_pages_in_node`
 */
export const zoneInfo = (m: Machine): ZoneInfo[] => {
  const zones = m.zones.map((zone): ZoneInfo => {
    const all = m.config.ranges.filter(
      (range) => range.kind === 'ram' && range.node === zone.node && range.zone === zone.name,
    );
    const { blocks, freePages } = buddyInfo(m, zone);
    return {
      node: zone.node,
      name: zone.name,
      spanned: zoneEnd(m, zone, all) - Math.min(...all.map(({ start }) => start)),
      present: all.reduce((pages, { start, end }) => pages + end - start, 0),
      managed: zone.managedPages,
      free: freePages,
      watermarks: zoneWatermarks(m, zone),
      blocks,
    };
  });
  return [...zones, ...deviceZones(m)];
};
