// Moving many plain pages between system memory and a coherent device in one go, for big steps. The mechanism, whose
// every effect on the state is here too, is migrate-device.ts: migrateVmaSetup, migrateVmaPages and migrateVmaFinalize
// for the way to the device, migrateDeviceCoherentPage, page after page, for the way home.

import type { DevPagemap, Vma } from '../../machine/entities.ts';
import { changeRows, readRun, writeRun } from '../../machine/column-runs.ts';
import type { Machine } from '../../machine/machine.ts';
import { notifierActiveRow, notifierSeqRow, pgmapRefRow } from '../../machine/scalars.ts';
import { __GFP_NOWARN, GFP_USER } from '../../uapi/gfp.ts';
import { GUP_PIN_COUNTING_BIAS } from '../../uapi/gup-flags.ts';
import {
  PG_active,
  PG_anon_exclusive,
  PG_dirty,
  PG_lru,
  PG_referenced,
  PG_reserved,
  PG_swapbacked,
  PG_uptodate,
} from '../../uapi/page-flags.ts';
import {
  mkSwapEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_RW,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
} from '../../uapi/pte.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { type Pfn, type Pfns, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { allocPagesBulk, freePagesBulk } from './buddy-bulk.ts';
import { isolatePages, linkPages } from './lru-bulk.ts';
import { pagePgmap } from './page-ref.ts';
import {
  changeAlike,
  changePages,
  commonBits,
  countCalls,
  countDecisions,
  eachRun,
  findPlainRun,
  holdPages,
  inChunks,
  inOneRange,
  newPlainRun,
  passingPages,
  type PlainRun,
  stepOfAll,
  tellPages,
} from './plain-pages.ts';
import { batchesAreEmpty, folioAddLru, lruAddDrain } from './swap.ts';
import { maybeMkwrite, vmPageProt } from './vma.ts';

/** Flags that go along to the destination. Kernel: `mm/migrate.c: folio_migrate_flags` */
const CARRIED = PG_active | PG_referenced | PG_uptodate | PG_dirty | PG_swapbacked;

export const source: PlainRun = newPlainRun();
export const targets = new Float64Array(PTRS_PER_TABLE);
/** What the sources' columns say, to be written to the destinations: flags, where they all have the same; or each one's. */
let wordOfAll: number | undefined;
const words = new Float64Array(PTRS_PER_TABLE);
const bytes = new Float64Array(PTRS_PER_TABLE);
/** Entries of the destinations. */
const entries = new Float64Array(PTRS_PER_TABLE);

// --- destinations -------------------------------------------------------------------------------------------------

/** Ours: the entries of the destinations, with the rights that the sources' entries had. */
export const mapTargets = (m: Machine, vma: Vma, n: number): void => {
  const base = vmPageProt(vma) & ~PTE_RW;
  const bitsOf = (entry: number): number => {
    const young = (entry & PTE_ACCESSED) !== 0 ? base : base & ~PTE_ACCESSED;
    const bits = (entry & PTE_DIRTY) !== 0 ? young | PTE_DIRTY : young;
    return (entry & PTE_RW) !== 0 ? maybeMkwrite(bits, vma) : bits;
  };
  const alike = commonBits(source);
  const step = stepOfAll(targets, n);
  if (alike !== undefined && step !== 0) {
    m.entries.writeLine(source.row, n, targets[0] * 4096 + bitsOf(alike), 4096 * step);
    return;
  }
  for (let i = 0; i < n; i++) entries[i] = targets[i] * 4096 + bitsOf(source.entries[i]);
  writeRun(m.entries, source.row, false, entries, 0, n);
};

/** Ours: what a destination is: mapped once, by the area alone. @param own - flags that its place gives it */
export const fillTargets = (m: Machine, vma: Vma, start: Vpn, n: number, own: number): void => {
  const { flags, refcount, mapcount, mapping, index, content } = m.pages;
  const anchor = vma.anonVma * 2 + 1;
  const pgoff = start - vma.vmStart + vma.vmPgoff;
  const set = (wordOfAll ?? 0) | own;
  if (wordOfAll === undefined) changePages(flags, targets, n, (word, i) => word | words[i]);
  eachRun(targets, n, ({ at, length, low, down }) => {
    changeRows(flags, low, length, (word) => word | set);
    refcount.writeLine(low, length, 1, 0);
    mapcount.writeLine(low, length, 1, 0);
    mapping.writeLine(low, length, anchor, 0);
    if (down) index.writeLine(low, length, pgoff + at + length - 1, -1);
    else index.writeLine(low, length, pgoff + at, 1);
    writeRun(content, targets[at], down, bytes, at, length);
  });
};

/** What the flags of the sources become, and what of them goes along. @returns what goes along; undefined: `words` has it */
const emptyFlags = (m: Machine, n: number, kept: number): number | undefined => {
  const { flags } = m.pages;
  const { pfns } = source;
  const dirtied = (entry: number): number => ((entry & PTE_DIRTY) === 0 ? 0 : PG_dirty);
  const first = flags.peek(pfns[0]);
  const bits = commonBits(source);
  if (bits !== undefined && passingPages(flags, pfns, n, (word) => word === first) === n) {
    const word = first | dirtied(bits);
    changeAlike(flags, pfns, n, () => word & kept & ~PG_active);
    return word & CARRIED;
  }
  changePages(flags, pfns, n, (old, i) => {
    const word = old | dirtied(source.entries[i]);
    words[i] = word & CARRIED;
    return word & kept & ~PG_active;
  });
  return undefined;
};

/** Ours: reads what goes along, and leaves the sources with no mapping and no reference. @param kept - flags that stay */
export const emptySources = (m: Machine, n: number, kept: number): void => {
  const { refcount, mapcount, content } = m.pages;
  const { pfns } = source;
  wordOfAll = emptyFlags(m, n, kept);
  eachRun(pfns, n, ({ at, length, low, down }) => {
    readRun(content, pfns[at], down, bytes, at, length);
    refcount.writeLine(low, length, 0, 0);
    mapcount.writeLine(low, length, 0, 0);
  });
};

/**
 * Ours: what goes along besides, where the bytes of the sources are in other pages. Behind emptySources.
 *
 * @param bytesOf - the page that holds the bytes of the i-th one
 */
export const readBytes = (m: Machine, n: number, bytesOf: (i: number) => Pfn): void => {
  for (let i = 0; i < n; i++) bytes[i] = m.pages.content.get(bytesOf(i));
};

/** Ours: entries of private memory: no CPU can follow them. */
export const mapPrivateTargets = (m: Machine, n: number): void => {
  for (let i = 0; i < n; i++) {
    const type = (source.entries[i] & PTE_RW) === 0 ? SWP_DEVICE_READ : SWP_DEVICE_WRITE;
    entries[i] = mkSwapEntry(type, targets[i]);
  }
  writeRun(m.entries, source.row, false, entries, 0, n);
};

// --- to the device ------------------------------------------------------------------------------------------------

/** Calls that each page costs on its way, whatever the direction. */
export const MOVED = [
  'migrate_vma_check_page',
  'migrate_folio',
  'migrate_folio_extra',
  'folio_migrate_mapping',
  'folio_migrate_flags',
  'remove_migration_ptes',
  'remove_migration_pte',
  'page_add_anon_rmap',
  'page_remove_rmap',
] as const;
const TO_DEVICE_PAGE = [
  ...MOVED,
  'vm_normal_page',
  'isolate_lru_page',
  'folio_isolate_lru',
  'zone_device_page_init',
] as const;
const TO_DEVICE_PIECE = [
  'migrate_vma_setup',
  'migrate_vma_collect',
  'migrate_vma_collect_pmd',
  'migrate_vma_unmap',
  'migrate_device_unmap',
  'lru_add_drain',
  'mlock_page_drain_local',
  '__migrate_device_pages',
  'migrate_vma_pages',
  'migrate_device_finalize',
  'migrate_vma_finalize',
  '__mmu_notifier_invalidate_range_start',
  '__mmu_notifier_invalidate_range_end',
] as const;
/** Ours: decisions that each page costs, whatever the direction. */
export const MOVED_DECISIONS = [
  'migrate.destination',
  'migrate.expected-count',
  'copy.page',
  'migrate.moved',
] as const;

/**
 * How many pages at the beginning of a range a driver can move to coherent memory in one go: whole pieces, all plain,
 * on their LRU list, under one page table.
 *
 * Ours: the conditions of migrateVmaToDevice.
 */
export const plainPagesToMove = (m: Machine, vma: Vma, start: Vpn, end: Vpn, piecePages: number): number => {
  if (!inChunks(m) || !batchesAreEmpty(m, m.current.cpu) || m.scalars.get(notifierActiveRow(vma.mm)) > 0)
    return 0;
  findPlainRun(
    m,
    vma,
    start,
    Math.min(end, vma.vmEnd),
    { refcount: 1, flags: PG_lru, optional: PG_active, bits: 0 },
    source,
  );
  const n = source.n === 0 ? 0 : inOneRange(m, source.pfns, source.n);
  if (n === 0 || m.rangeOf(source.pfns[0])?.kind !== 'ram') return 0;
  return start + n === Math.min(end, vma.vmEnd) ? n : n - (n % piecePages);
};

/**
 * Moves the pages that plainPagesToMove found to frames of a device, which the driver has taken.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_setup, migrate_vma_pages, migrate_vma_finalize`; the mechanism is
 * migrate-device.ts
 *
 * @param pieces - calls that this stands for
 * @param backing - pages that hold the bytes of the frames instead; none: they hold them themselves
 * @returns which pages may be written: their entries were
 */
export const migrateVmaToDevice = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  n: number,
  pieces: number,
  dst: Float64Array,
  pgmap: DevPagemap,
  backing?: Float64Array,
): Float64Array => {
  targets.set(dst.subarray(0, n));
  emptySources(m, n, 0);
  if (backing !== undefined) {
    for (let i = 0; i < n; i++) m.pages.content.poke(backing[i], bytes[i]);
    readBytes(m, n, (i) => targets[i]);
  }
  isolatePages(m, source.pfns, n, source.isActive);
  fillTargets(m, vma, start, n, PG_reserved | PG_anon_exclusive);
  if (pgmap.type === 'MEMORY_DEVICE_PRIVATE') mapPrivateTargets(m, n);
  else mapTargets(m, vma, n);
  freePagesBulk(m, source.pfns, n);
  const refs = pgmapRefRow(pgmap.id);
  m.scalars.set(refs, m.scalars.get(refs) + n);
  const seq = notifierSeqRow(vma.mm);
  m.scalars.set(seq, m.scalars.get(seq) + 2 * pieces);
  holdPages(m, source.pfns, n, 'page table entry', -1);
  holdPages(m, targets, n, 'page table entry', 1);
  countCalls(m, TO_DEVICE_PAGE, n);
  countCalls(m, TO_DEVICE_PIECE, pieces);
  countDecisions(m, [...MOVED_DECISIONS, 'migrate.selected'], n);
  tellPages(m, 'migrated', start, source.pfns, targets, n);
  return source.entries;
};

// --- home ---------------------------------------------------------------------------------------------------------

const HOME_PAGE = [
  ...MOVED,
  'gup_put_folio',
  'migrate_device_coherent_page',
  'migrate_device_unmap',
  'try_to_migrate',
  'try_to_migrate_one',
  '__mmu_notifier_invalidate_range_start',
  '__mmu_notifier_invalidate_range_end',
  '__migrate_device_pages',
  'migrate_device_pages',
  'migrate_device_finalize',
  'free_zone_device_page',
] as const;
/** Of the first page lru_add_drain, and of the last one folio_add_lru, are really called. */
const HOME_BETWEEN = ['lru_add_drain', 'mlock_page_drain_local', 'folio_add_lru'] as const;

/** Ours: the area that an anonymous page is mapped in, if it is the only one, and where. */
export const placeOf = (m: Machine, pfn: Pfn): { readonly vma: Vma; readonly vpn: Vpn } | undefined => {
  const mapping = m.pages.mapping.get(pfn);
  if ((mapping & 1) !== 1) return undefined;
  const [id, ...others] = m.anonVmas.find(mapping >> 1)?.tree ?? [];
  const vma = id === undefined || others.length > 0 ? undefined : m.vmas.find(id);
  if (vma === undefined) return undefined;
  return { vma, vpn: vma.vmStart + m.pages.index.get(pfn) - vma.vmPgoff };
};

/** The pinned pages from `done` on that are plain, under one page table, and those that the call pinned. */
const findPinnedRun = (m: Machine, vma: Vma, vpn: Vpn, pages: Pfns, done: number): number => {
  const want = { refcount: 1 + GUP_PIN_COUNTING_BIAS, flags: PG_reserved, optional: PG_active, bits: 0 };
  findPlainRun(m, vma, vpn, Math.min(vma.vmEnd, vpn + pages.length - done), want, source);
  let n = source.n === 0 ? 0 : inOneRange(m, source.pfns, source.n);
  for (let i = 0; i < n; i++) if (source.pfns[i] !== pages[done + i]) n = i;
  return n;
};

/** Ours: who is told of an invalidation of a page, and for how many pages from there on it is the same ones. */
export const subscribersOf = (
  m: Machine,
  mm: number,
  vpn: Vpn,
  most: number,
): { readonly ids: readonly number[]; readonly n: number } => {
  let n = most;
  const ids = m.mms.get(mm).subscriptions.filter((id) => {
    const ops = m.notifierOps.get(id);
    const interval = ops?.intervalOf?.(m) ?? ops?.interval;
    if (interval === undefined) return true;
    const { start, end } = interval;
    if (vpn < start) n = Math.min(n, start - vpn);
    else if (vpn < end) n = Math.min(n, end - vpn);
    return start <= vpn && vpn < end;
  });
  return { ids, n };
};

/** Ours: tells subscribers that each page of a range is invalidated by itself. */
export const invalidatePages = (
  m: Machine,
  mm: number,
  start: Vpn,
  n: number,
  ids: readonly number[],
): void => {
  if (ids.length === 0) return;
  const seq = notifierSeqRow(mm);
  // odd during the last page's invalidation, which is what the subscribers keep
  m.scalars.set(seq, m.scalars.get(seq) + 2 * n - 1);
  for (const id of ids)
    m.notifierOps.get(id)?.invalidatePages?.(m, id, { event: 'CLEAR', mm, start, end: start + n, owner: 0 });
  m.scalars.set(seq, m.scalars.get(seq) + 1);
};

/** Ours: whether all who would be told of single pages can be told of many. */
export const canInvalidatePages = (m: Machine, mm: number): boolean => {
  const { subscriptions } = m.mms.get(mm);
  const idle = m.scalars.get(notifierActiveRow(mm)) === 0 && m.scalars.get(notifierSeqRow(mm)) % 2 === 0;
  return idle && subscriptions.every((id) => m.notifierOps.get(id)?.invalidatePages !== undefined);
};

/**
 * Brings pages home that a long-term pin found in coherent memory; each loses its pin.
 *
 * Kernel: `mm/gup.c: migrate_longterm_unpinnable_pages`, `mm/migrate_device.c: migrate_device_coherent_page`, many
 * times; the mechanisms are gup-longterm.ts and migrate-device.ts
 *
 * @param done - index of the first page in question
 * @returns how many pages came home; 0: the next one is none of these
 */
export const bringPinnedHome = (m: Machine, pages: Pfns, done: number): number => {
  if (!inChunks(m) || !hasPatch(m.kernel, 6)) return 0;
  const pgmap = pagePgmap(m, pages[done]);
  const freeMany = pgmap === undefined ? undefined : m.pagemapOps.get(pgmap.id)?.pagesFree;
  if (pgmap?.type !== 'MEMORY_DEVICE_COHERENT' || freeMany === undefined) return 0;
  const place = placeOf(m, pages[done]);
  if (place === undefined || !canInvalidatePages(m, place.vma.mm)) return 0;
  // each page's invalidation is counted among its calls
  if (m.mms.get(place.vma.mm).subscriptions.length === 0) return 0;
  const { vma, vpn } = place;
  const told = subscribersOf(m, vma.mm, vpn, pages.length - done);
  const found = Math.min(findPinnedRun(m, vma, vpn, pages, done), told.n);
  const n = found === 0 ? 0 : allocPagesBulk(m, GFP_USER | __GFP_NOWARN, found, targets);
  if (n === 0) return 0;
  lruAddDrain(m);
  emptySources(m, n, ~PG_anon_exclusive);
  fillTargets(m, vma, vpn, n, PG_anon_exclusive | PG_lru);
  mapTargets(m, vma, n);
  invalidatePages(m, vma.mm, vpn, n, told.ids);
  freeDevicePages(m, pgmap, n);
  freeMany(m, source.pfns, n);
  // each page's drain puts the page before it on the list; the last one waits in the batch
  linkPages(m, targets, n - 1, source.isActive);
  const last = targets[n - 1];
  m.pages.flags.poke(last, m.pages.flags.get(last) - PG_lru);
  folioAddLru(m, last);
  m.countVmEvent('nr_foll_pin_released', n);
  holdPages(m, source.pfns, n, 'page table entry', -1);
  holdPages(m, source.pfns, n, 'FOLL_PIN', -GUP_PIN_COUNTING_BIAS);
  holdPages(m, targets, n, 'page table entry', 1);
  countCalls(m, HOME_PAGE, n);
  countCalls(m, HOME_BETWEEN, n - 1);
  countDecisions(m, [...MOVED_DECISIONS, 'longterm.pin-becomes-reference', 'device.free'], n);
  tellPages(m, 'migrated', vpn, source.pfns, targets, n);
  return n;
};

/** Kernel: `mm/memremap.c: free_zone_device_page` */
export const freeDevicePages = (m: Machine, pgmap: DevPagemap, n: number): void => {
  eachRun(source.pfns, n, ({ low, length }) => m.pages.mapping.writeLine(low, length, 0, 0));
  const refs = pgmapRefRow(pgmap.id);
  m.scalars.set(refs, m.scalars.get(refs) - n);
};
