// Moving a whole range between system memory and a device at a driver's wish, for big steps: chunk by chunk, if all of
// its pages are plain. The mechanism, whose every effect on the state is here too, is migrate-device.ts: migrateVmaSetup,
// migrateVmaPages and migrateVmaFinalize, called once for the range. Chunks one after the other leave what phases over
// all pages leave: no phase looks at what another page's phase has done.

import type { DevPagemap, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { pgmapRefRow, ZONE_NR_FREE, zoneRow } from '../../machine/scalars.ts';
import { PG_active, PG_anon_exclusive, PG_lru, PG_reserved } from '../../uapi/page-flags.ts';
import { NO_PFN, NO_ROW, type Vpn } from '../../uapi/units.ts';
import { letGo } from '../sched/locks.ts';
import { allocPagesBulk, freePagesBulk } from './buddy-bulk.ts';
import { folioAddLruBulk, isolatePages } from './lru-bulk.ts';
import {
  emptySources,
  fillTargets,
  freeDevicePages,
  mapPrivateTargets,
  mapTargets,
  MOVED,
  MOVED_DECISIONS,
  readBytes,
  source,
  targets,
} from './migrate-device-bulk.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { allocPage } from './page-alloc.ts';
import { pmdOffset, walkEnd } from './page-table.ts';
import {
  CHUNK_PAGES,
  countCalls,
  countDecisions,
  findPlainRun,
  holdPages,
  inOneRange,
  tellPages,
} from './plain-pages.ts';
import { lruAddDrain } from './swap.ts';
import { zoneWatermarks } from './watermarks.ts';

/** Where a range's pages are: system memory, or a device's. */
export type PlainPlace = DevPagemap | 'system';

const isPrivate = (place: PlainPlace): boolean =>
  place !== 'system' && place.type === 'MEMORY_DEVICE_PRIVATE';

const wantOf = (place: PlainPlace): Parameters<typeof findPlainRun>[4] => ({
  refcount: 1,
  flags: place === 'system' ? PG_lru : PG_reserved,
  optional: PG_active,
  bits: 0,
  ...(isPrivate(place) ? { privateEntries: true } : {}),
});

/** Ours: finds the plain pages from an address on that lie together where they are said to be. Returns how many. */
export const nextChunk = (m: Machine, vma: Vma, start: Vpn, end: Vpn, place: PlainPlace): number => {
  findPlainRun(m, vma, start, end, wantOf(place), source);
  const { n, pfns } = source;
  if (n === 0) return 0;
  if (place === 'system') {
    if (m.rangeOf(pfns[0])?.kind !== 'ram') return 0;
    return inOneRange(m, pfns, n);
  }
  let same = 0;
  while (same < n && pfns[same] >= place.start && pfns[same] < place.end) same++;
  return same;
};

// --- once for the range -----------------------------------------------------------------------------------------------

const ONCE = [
  'migrate_vma_setup',
  'migrate_vma_collect',
  'migrate_vma_unmap',
  'migrate_device_unmap',
  '__migrate_device_pages',
  'migrate_vma_pages',
  'migrate_device_finalize',
  'migrate_vma_finalize',
] as const;

/** Counts the calls by which the walk of migrate_vma_collect goes over a range. */
const countCollection = (m: Machine, mm: number, start: Vpn, end: Vpn): void => {
  const process = m.mms.get(mm);
  let tables = 0;
  let missing = 0;
  for (let vpn = start; vpn < end; vpn = walkEnd(m, process, vpn, end)) {
    const pmdRow = pmdOffset(m, process, vpn);
    if (pmdRow === NO_ROW || m.entries.get(pmdRow) === 0) missing++;
    else tables++;
  }
  countCalls(m, ['migrate_vma_collect_pmd'], tables);
  countCalls(m, ['migrate_vma_collect_hole'], missing);
};

/**
 * What the phases do once for a range of plain pages, before its chunks are moved.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_setup, migrate_vma_pages, migrate_vma_finalize`
 *
 * @param owner - of the device memory that takes part
 */
export const beginRangeMigration = (m: Machine, vma: Vma, start: Vpn, end: Vpn, owner: number): void => {
  const range: MmuNotifierRange = { event: 'MIGRATE', mm: vma.mm, start, end, owner };
  mmuNotifierInvalidateRangeStart(m, range);
  mmuNotifierInvalidateRangeEnd(m, range);
  lruAddDrain(m);
  countCalls(m, ONCE, 1);
  countCollection(m, vma.mm, start, end);
};

// --- to the device ------------------------------------------------------------------------------------------------

/**
 * Moves the next pages of a plain range from system memory to frames of a device.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_pages, migrate_vma_finalize`; the mechanism is migrate-device.ts
 *
 * @param take - the driver takes the frames for the pages from `vpn` on and writes them to `dst`
 * @returns how many pages
 */
export const moveChunkToDevice = (
  m: Machine,
  vma: Vma,
  vpn: Vpn,
  end: Vpn,
  pgmap: DevPagemap,
  take: (n: number, dst: Float64Array) => void,
): number => {
  const n = nextChunk(m, vma, vpn, end, 'system');
  take(n, targets);
  emptySources(m, n, 0);
  isolatePages(m, source.pfns, n, source.isActive);
  fillTargets(m, vma, vpn, n, PG_reserved | PG_anon_exclusive);
  if (isPrivate(pgmap)) mapPrivateTargets(m, n);
  else mapTargets(m, vma, n);
  freePagesBulk(m, source.pfns, n);
  const refs = pgmapRefRow(pgmap.id);
  m.scalars.set(refs, m.scalars.get(refs) + n);
  holdPages(m, source.pfns, n, 'page table entry', -1);
  holdPages(m, targets, n, 'page table entry', 1);
  countCalls(m, MOVED, n);
  countCalls(m, ['vm_normal_page', 'isolate_lru_page', 'folio_isolate_lru', 'zone_device_page_init'], n);
  countDecisions(m, [...MOVED_DECISIONS, 'migrate.selected'], n);
  tellPages(m, 'migrated', vpn, source.pfns, targets, n);
  return n;
};

// --- to system memory -----------------------------------------------------------------------------------------------

/** Ours: whether so much is free that a request for any of so many pages is served. */
export const memoryIsPlenty = (m: Machine, npages: number): boolean => {
  const free = m.zones.map(
    (zone) => m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE)) - zoneWatermarks(m, zone).high,
  );
  return free.reduce((sum, pages) => sum + Math.max(0, pages), 0) >= 2 * npages;
};

/**
 * Fills an array with system pages, as so many single requests would get them. Each has one reference, which nobody owns
 * yet. Requires: memory is plenty.
 *
 * Kernel: `mm/page_alloc.c: __alloc_pages`, many times
 */
export const takePages = (m: Machine, gfp: number, into: Float64Array): void => {
  for (let done = 0; done < into.length; ) {
    const n = allocPagesBulk(m, gfp, Math.min(CHUNK_PAGES, into.length - done), targets);
    if (n === 0) {
      targets[0] = allocPage(m, gfp);
      if (targets[0] === NO_PFN) throw new Error('memory is short though enough is free');
      holdPages(m, targets, 1, 'allocation', -1);
    }
    const got = Math.max(1, n);
    into.set(targets.subarray(0, got), done);
    done += got;
  }
};

/**
 * System pages for a whole range, as so many single requests would get them. Each has one reference, which nobody owns
 * yet.
 *
 * Kernel: `mm/page_alloc.c: __alloc_pages`, many times
 *
 * @param before - what happens before the first request
 * @returns undefined where memory is short: then what single requests do matters, and nothing was taken
 */
export function* allocRangeTargets(
  m: Machine,
  gfp: number,
  npages: number,
  before: () => void = () => {},
): Sleeps<Float64Array | undefined> {
  if (!memoryIsPlenty(m, npages)) return undefined;
  before();
  const taken = new Float64Array(npages);
  for (let done = 0; done < npages; done += CHUNK_PAGES) {
    takePages(m, gfp, taken.subarray(done, done + CHUNK_PAGES));
    yield* letGo(m, '__alloc_pages', 0);
  }
  return taken;
}

/** The pages of a chunk lose their mapping and their reference; what goes along is read. */
const leaveDevice = (m: Machine, n: number, pgmap: DevPagemap): void => {
  emptySources(m, n, ~PG_anon_exclusive);
  const { bytesOf } = m.pagemapOps.get(pgmap.id) ?? {};
  if (bytesOf !== undefined) readBytes(m, n, (i) => bytesOf(m, source.pfns[i]));
};

/** The frames that were taken for them are what they were. */
const arriveInSystem = (m: Machine, vma: Vma, vpn: Vpn, n: number): void => {
  fillTargets(m, vma, vpn, n, PG_anon_exclusive);
  mapTargets(m, vma, n);
  holdPages(m, source.pfns, n, 'page table entry', -1);
  holdPages(m, targets, n, 'page table entry', 1);
};

const addToLru = (m: Machine, pfns: Float64Array, n: number): void =>
  folioAddLruBulk(m, pfns, n, source.isActive, (times) => countCalls(m, ['folio_add_lru'], times));

const countHome = (m: Machine, vpn: Vpn, n: number, pgmap: DevPagemap): void => {
  countCalls(m, ['free_zone_device_page'], n);
  if (!isPrivate(pgmap)) countCalls(m, ['vm_normal_page'], n);
  countDecisions(m, [...MOVED_DECISIONS, 'migrate.selected', 'device.free'], n);
  tellPages(m, 'migrated', vpn, source.pfns, targets, n);
};

/**
 * Moves the next pages of a plain range from a device to system memory.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_pages, migrate_vma_finalize`; the mechanism is migrate-device.ts
 *
 * @param taken - frames for the pages from `vpn` on
 * @param copied - is told of the frames that the driver copies from
 * @param piecePages - of the calls that this stands for: each drains the batches before it fills them
 * @returns how many pages
 */
export const moveChunkToSystem = (
  m: Machine,
  vma: Vma,
  vpn: Vpn,
  end: Vpn,
  pgmap: DevPagemap,
  taken: Float64Array,
  copied: (pfns: Float64Array, n: number) => void,
  piecePages?: number,
): number => {
  const n = nextChunk(m, vma, vpn, end, pgmap);
  copied(source.pfns, n);
  targets.set(taken.subarray(0, n));
  leaveDevice(m, n, pgmap);
  arriveInSystem(m, vma, vpn, n);
  const pieces = piecePages ?? n;
  for (let at = 0; at < n; at += pieces) {
    const piece = targets.subarray(at, at + pieces);
    const length = Math.min(pieces, n - at);
    if (piecePages !== undefined) lruAddDrain(m);
    addToLru(m, piece, length);
  }
  freeDevicePages(m, pgmap, n);
  m.pagemapOps.get(pgmap.id)?.pagesFree?.(m, source.pfns, n);
  countCalls(m, MOVED, n);
  countHome(m, vpn, n, pgmap);
  return n;
};

/**
 * Moves the pages that nextChunk found to system memory, each for a fault of its own: what the driver gives back for one
 * the next one may get.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_pages, migrate_vma_finalize`, many times; the mechanism is migrate-device.ts
 *
 * @param exchange - the driver takes a system page for each, in order, and gives back what stood behind it
 */
export const moveFaultedToSystem = (
  m: Machine,
  vma: Vma,
  vpn: Vpn,
  n: number,
  pgmap: DevPagemap,
  exchange: (from: Float64Array, into: Float64Array) => void,
): void => {
  lruAddDrain(m);
  leaveDevice(m, n, pgmap);
  exchange(source.pfns, targets);
  arriveInSystem(m, vma, vpn, n);
  for (let i = 0; i < n; i++) {
    if (i > 0) lruAddDrain(m);
    addToLru(m, targets.subarray(i, i + 1), 1);
  }
  freeDevicePages(m, pgmap, n);
  // the fault's own reference is known of: see moveOne
  countCalls(
    m,
    MOVED.filter((name) => name !== 'migrate_folio'),
    n,
  );
  countHome(m, vpn, n, pgmap);
};
