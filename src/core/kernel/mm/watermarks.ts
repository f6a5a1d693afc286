// mm/page_alloc.c: how much of each zone stays free. Below `low` kswapd is woken, below `min` a task has to reclaim
// memory itself; lower zones keep some pages back from requests that could have been served by higher ones.

import type { Zone } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { ZONE_NR_FREE, ZONE_NR_FREE_CMA, zoneRow } from '../../machine/scalars.ts';
import { ZONE_NAMES } from '../../uapi/config.ts';
import { PAGEBLOCK_NR_PAGES } from '../../uapi/units.ts';
import { hasFreeBlock } from './buddy.ts';
import { zoneIdx } from './zonelists.ts';

/** Watermarks of a zone, in pages. */
export interface Watermarks {
  readonly min: number;
  readonly low: number;
  readonly high: number;
  readonly promo: number;
  /** By the highest zone of the request: pages that it must leave. */
  readonly lowmemReserve: readonly number[];
}

type SizedZone = Pick<Zone, 'node' | 'name' | 'managedPages'>;

/** sysctl vm.watermark_scale_factor: ten thousandths of the zone. */
const WATERMARK_SCALE_FACTOR = 10;
/** sysctl vm.lowmem_reserve_ratio, for DMA, DMA32, Normal and Movable. */
const LOWMEM_RESERVE_RATIO = [256, 256, 32, 0];
const NORMAL = 2;

const indexOf = (zone: SizedZone): number => ZONE_NAMES.indexOf(zone.name);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** kB that are kept free, by the size of memory. Kernel: `mm/page_alloc.c: calculate_min_free_kbytes` */
export const minFreeKbytes = (lowmemKbytes: number): number =>
  Math.min(262144, Math.max(128, Math.floor(Math.sqrt(lowmemKbytes * 16))));

/** Kernel: `mm/page_alloc.c: setup_per_zone_lowmem_reserve` */
const lowmemReserve = (zones: readonly SizedZone[], zone: SizedZone): number[] => {
  const index = indexOf(zone);
  const ratio = LOWMEM_RESERVE_RATIO[index] ?? 0;
  return ZONE_NAMES.map((_, highest) => {
    if (highest <= index || ratio === 0) return 0;
    const above = zones.filter(
      (other) => other.node === zone.node && indexOf(other) > index && indexOf(other) <= highest,
    );
    return Math.floor(sum(above.map(({ managedPages }) => managedPages)) / ratio);
  });
};

/**
 * Watermarks of all zones, for a number of kB that are to stay free.
 *
 * Kernel: `mm/page_alloc.c: __setup_per_zone_wmarks`
 */
export const setupPerZoneWmarks = (zones: readonly SizedZone[], minFree: number): Watermarks[] => {
  const pagesMin = Math.floor(minFree / 4);
  const lowmemPages = sum(zones.map(({ managedPages }) => managedPages));
  return zones.map((zone) => {
    const min = Math.floor((pagesMin * zone.managedPages) / lowmemPages);
    const gap = Math.max(
      Math.floor(min / 4),
      Math.floor((zone.managedPages * WATERMARK_SCALE_FACTOR) / 10000),
    );
    return {
      min,
      low: min + gap,
      high: min + 2 * gap,
      promo: min + 3 * gap,
      lowmemReserve: lowmemReserve(zones, zone),
    };
  });
};

/**
 * Watermarks as they stand after boot. Huge pages want whole pageblocks of each kind free, which raises them.
 *
 * Kernel: `mm/page_alloc.c: init_per_zone_wmark_min`, `mm/khugepaged.c: set_recommended_min_free_kbytes`
 */
export const bootWatermarks = (zones: readonly SizedZone[], hugepages: boolean): Watermarks[] => {
  const lowmem = zones.filter((zone) => indexOf(zone) <= NORMAL);
  const lowmemPages = sum(lowmem.map(({ managedPages }) => managedPages));
  const minFree = minFreeKbytes(lowmemPages * 4);
  const marks = setupPerZoneWmarks(zones, minFree);
  if (!hugepages) return marks;
  const aboveHigh = sum(
    zones.map((zone, i) => (indexOf(zone) <= NORMAL ? Math.max(0, zone.managedPages - marks[i].high) : 0)),
  );
  const recommended = Math.min(PAGEBLOCK_NR_PAGES * 11 * lowmem.length, Math.floor(aboveHigh / 20)) * 4;
  return recommended > minFree ? setupPerZoneWmarks(zones, recommended) : marks;
};

const watermarksOf = new WeakMap<readonly Zone[], readonly Watermarks[]>();

/** Kernel: `include/linux/mmzone.h: min_wmark_pages, low_wmark_pages, high_wmark_pages` */
export const zoneWatermarks = (m: Machine, zone: Zone): Watermarks => {
  let marks = watermarksOf.get(m.zones);
  if (marks === undefined) {
    marks = bootWatermarks(m.zones, m.kernel.CONFIG_TRANSPARENT_HUGEPAGE);
    watermarksOf.set(m.zones, marks);
  }
  return marks[zone.id];
};

/** How far down a request may go. */
export interface AllocFlags {
  readonly mark: 'min' | 'low' | 'high' | 'none';
  /** Movable: may use CMA pages. */
  readonly cma: boolean;
  /** The task is to die and may use half of what is kept back. */
  readonly oom: boolean;
}

/**
 * Whether a zone stays above a watermark when it serves a request.
 *
 * Kernel: `mm/page_alloc.c: __zone_watermark_ok`
 *
 * @param highest - highest zone that the request may use
 * @param extra - pages that reclaim could free besides
 */
export const zoneWatermarkOk = (
  m: Machine,
  zone: Zone,
  order: number,
  highest: number,
  flags: AllocFlags,
  extra = 0,
): boolean => {
  if (flags.mark === 'none') return true;
  const marks = zoneWatermarks(m, zone);
  let free = m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE)) + extra - (2 ** order - 1);
  if (!flags.cma) free -= m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE_CMA));
  let min = marks[flags.mark];
  if (flags.oom) min -= Math.floor(min / 2);
  if (free <= min + marks.lowmemReserve[highest]) return false;
  return order === 0 || hasFreeBlock(m, zone, order, flags.cma);
};

/**
 * Whether kswapd has nothing to do: a zone of the node is above its high watermark.
 *
 * Kernel: `mm/vmscan.c: pgdat_balanced`
 *
 * @param highest - highest zone that somebody wants memory of
 */
export const pgdatBalanced = (m: Machine, node: number, highest: number): boolean => {
  const zones = m.zones.filter((zone) => zone.node === node && zoneIdx(zone) <= highest);
  const flags: AllocFlags = { mark: 'high', cma: false, oom: false };
  return zones.length === 0 || zones.some((zone) => zoneWatermarkOk(m, zone, 0, highest, flags));
};
