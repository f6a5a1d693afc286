// Bringing all pages of a device home by frame number in one go, for big steps: chunk by chunk, if all that are in use are
// plain. The mechanism, whose every effect on the state is here too, is migrate-device.ts: migrateDeviceRange,
// migrateDevicePages and migrateDeviceFinalize. Chunks one after the other leave what phases over all pages leave.

import { SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import { matchingRows } from '../../machine/column-runs.ts';
import type { DevPagemap, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { PG_active, PG_anon_exclusive, PG_reserved } from '../../uapi/page-flags.ts';
import { type Pfn, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { letGo } from '../sched/locks.ts';
import { folioAddLruBulk } from './lru-bulk.ts';
import {
  canInvalidatePages,
  emptySources,
  fillTargets,
  freeDevicePages,
  invalidatePages,
  mapTargets,
  MOVED,
  MOVED_DECISIONS,
  placeOf,
  readBytes,
  source,
  subscribersOf,
  targets,
} from './migrate-device-bulk.ts';
import { allocRangeTargets } from './migrate-vma-bulk.ts';
import { mmHasNotifiers } from './mmu-notifier.ts';
import { countCalls, countDecisions, findPlainRun, holdPages, inChunks, tellPages } from './plain-pages.ts';
import { lruAddDrain } from './swap.ts';

/** Neighbouring frames that one area maps side by side. */
interface Chunk {
  readonly vma: Vma;
  /** The lowest address. */
  readonly vpn: Vpn;
  readonly n: number;
  /** Frames go down as addresses go up: a driver that hands out its last page first leaves that. */
  readonly isDown: boolean;
}

/** How many frames from one on belong to one anchor, with offsets that go up, or down, one by one. */
const neighbours = (m: Machine, pfn: Pfn, most: number): { readonly n: number; readonly step: number } => {
  const { mapping, index } = m.pages;
  const offset = index.peek(pfn);
  const step = most > 1 ? index.peek(pfn + 1) - offset : 1;
  if (step !== 1 && step !== -1) return { n: 1, step: 1 };
  const same = matchingRows(mapping, pfn, most, mapping.peek(pfn), 0);
  return { n: matchingRows(index, pfn, same, offset, step), step };
};

/** The plain pages from a frame on that can go together, into `source` by address; undefined: the first one is none. */
const findChunk = (m: Machine, pgmap: DevPagemap, pfn: Pfn, end: Pfn): Chunk | undefined => {
  const place = placeOf(m, pfn);
  if (place === undefined || !canInvalidatePages(m, place.vma.mm)) return undefined;
  const { vma, vpn } = place;
  const most = Math.min(end - pfn, PTRS_PER_TABLE, SECTION_ROWS - (pfn & SECTION_MASK));
  const { n: near, step } = neighbours(m, pfn, most);
  const isDown = step < 0;
  const down = isDown ? Math.min(near, (vpn % PTRS_PER_TABLE) + 1) : 1;
  const first = isDown ? vpn - down + 1 : vpn;
  const told = subscribersOf(m, vma.mm, first, isDown ? down : near);
  const wanted = isDown ? down : told.n;
  if (told.n < wanted) return undefined;
  const want = {
    refcount: 1,
    flags: PG_reserved,
    optional: PG_active,
    bits: 0,
    privateEntries: pgmap.type === 'MEMORY_DEVICE_PRIVATE',
  };
  findPlainRun(m, vma, first, Math.min(first + wanted, vma.vmEnd), want, source);
  const { n, pfns } = source;
  if (n === 0 || (isDown && n < down)) return undefined;
  for (let i = 0; i < n; i++) if (pfns[i] !== (isDown ? pfn + n - 1 - i : pfn + i)) return undefined;
  return { vma, vpn: first, n, isDown };
};

/** The next frame in use, from one on; `end` if there is none. */
const nextUsed = (m: Machine, from: Pfn, end: Pfn): Pfn => {
  let pfn = from;
  while (pfn < end) {
    const next = Math.min(end, pfn - (pfn & SECTION_MASK) + SECTION_ROWS);
    const counts = m.pages.refcount.section(Math.floor(pfn / SECTION_ROWS));
    if (counts !== undefined) for (; pfn < next; pfn++) if (counts[pfn & SECTION_MASK] !== 0) return pfn;
    pfn = next;
  }
  return end;
};

/** How many pages of a device are in use, if all of them are plain; -1: some are not. */
function* countPlainPages(m: Machine, pgmap: DevPagemap): Sleeps<number> {
  let npages = 0;
  for (let pfn = nextUsed(m, pgmap.start, pgmap.end); pfn < pgmap.end; ) {
    const chunk = findChunk(m, pgmap, pfn, pgmap.end);
    if (chunk === undefined) return -1;
    npages += chunk.n;
    pfn = nextUsed(m, pfn + chunk.n, pgmap.end);
    yield* letGo(m, 'migrate_device_range', 0);
  }
  return npages;
}

const ONCE = [
  'migrate_device_range',
  'migrate_device_unmap',
  'migrate_device_pages',
  '__migrate_device_pages',
  'migrate_device_finalize',
] as const;

/** Moves the pages in `source` to the frames given, which are in the order of the frames that they leave. */
const moveChunk = (
  m: Machine,
  pgmap: DevPagemap,
  { vma, vpn, n, isDown }: Chunk,
  taken: Float64Array,
): void => {
  const { pfns } = source;
  targets.set(taken.subarray(0, n));
  if (isDown) targets.subarray(0, n).reverse();
  const told = subscribersOf(m, vma.mm, vpn, n);
  emptySources(m, n, ~PG_anon_exclusive);
  const { bytesOf, pagesFree } = m.pagemapOps.get(pgmap.id) ?? {};
  if (bytesOf !== undefined) readBytes(m, n, (i) => bytesOf(m, pfns[i]));
  fillTargets(m, vma, vpn, n, PG_anon_exclusive);
  mapTargets(m, vma, n);
  invalidatePages(m, vma.mm, vpn, n, told.ids);
  holdPages(m, pfns, n, 'page table entry', -1);
  holdPages(m, targets, n, 'page table entry', 1);
  tellPages(m, 'migrated', vpn, pfns, targets, n);
  // from here on in the order of the frames, as the last phase goes
  if (isDown) for (const one of [pfns, targets]) one.subarray(0, n).reverse();
  folioAddLruBulk(m, targets, n, source.isActive, (times) => countCalls(m, ['folio_add_lru'], times));
  freeDevicePages(m, pgmap, n);
  pagesFree?.(m, pfns, n);
  countCalls(m, [...MOVED, 'try_to_migrate', 'try_to_migrate_one', 'free_zone_device_page'], n);
  if (mmHasNotifiers(m, vma.mm))
    countCalls(m, ['__mmu_notifier_invalidate_range_start', '__mmu_notifier_invalidate_range_end'], n);
  countDecisions(m, [...MOVED_DECISIONS, 'device.free'], n);
};

/**
 * Brings every page of a device home, if all that are in use are plain.
 *
 * Kernel: `mm/migrate_device.c: migrate_device_range, migrate_device_pages, migrate_device_finalize`
 *
 * @param gfp - of the pages that they go to
 * @returns whether it did; false: some are not plain, or memory is short, and nothing was done
 */
export function* evictPlainPages(m: Machine, pgmap: DevPagemap, gfp: number): Sleeps<boolean> {
  if (!inChunks(m) || m.pagemapOps.get(pgmap.id)?.pagesFree === undefined) return false;
  const npages = yield* countPlainPages(m, pgmap);
  if (npages <= 0) return false;
  const taken = yield* allocRangeTargets(m, gfp, npages, () => lruAddDrain(m));
  if (taken === undefined) return false;
  countCalls(m, ONCE, 1);
  let done = 0;
  for (let pfn = nextUsed(m, pgmap.start, pgmap.end); pfn < pgmap.end; ) {
    const chunk = findChunk(m, pgmap, pfn, pgmap.end);
    if (chunk === undefined) throw new Error('a page of a device is not plain any more');
    moveChunk(m, pgmap, chunk, taken.subarray(done));
    done += chunk.n;
    pfn = nextUsed(m, pfn + chunk.n, pgmap.end);
    yield* letGo(m, 'migrate_device_finalize', 0);
  }
  return true;
}
