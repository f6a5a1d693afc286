// Holes of a range that a driver migrates, many at once, for big steps: each gets a page of the device. The mechanism,
// whose every effect on the state is here too, is migrate-device.ts: migrateVmaInsertPage, behind migrate-collect.ts:
// migrateVmaCollectHole, page after page.

import type { Column } from '../../machine/column.ts';
import type { DevPagemap, Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { notifierActiveRow, pgmapRefRow } from '../../machine/scalars.ts';
import { holderId } from '../../uapi/events.ts';
import { PG_anon_exclusive, PG_reserved, PG_swapbacked, PG_uptodate } from '../../uapi/page-flags.ts';
import {
  mkEntry,
  mkSwapEntry,
  PTE_DIRTY,
  PTE_RW,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
} from '../../uapi/pte.ts';
import { NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_SPECIAL, VM_WRITE } from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { letGo } from '../sched/locks.ts';
import { memoryIsPlenty, nextChunk, type PlainPlace } from './migrate-vma-bulk.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { PMD_PAGES, pmdAlloc, pmdOffset, pteAlloc, pteOffset, walkEnd } from './page-table.ts';
import { countCalls, countDecisions, inChunks, tableRow, unfollowed } from './plain-pages.ts';
import { batchesAreEmpty } from './swap.ts';
import { linearPageIndex, vmaIsAnonymous, vmPageProt } from './vma.ts';

/** Stretches of a range, one after the other: with plain pages, and without anything. */
export interface RangeParts {
  /** First and end of each stretch that has pages, ascending. */
  readonly present: readonly Vpn[];
  /** Pages that are not there. */
  readonly holes: number;
}

/**
 * How many pages from an address on have no entry. A table that is missing is passed as a whole.
 *
 * Kernel: `mm/pagewalk.c: walk_pgd_range`, down to `walk_pte_range`
 */
export const holeLength = (m: Machine, mm: number, start: Vpn, end: Vpn): number => {
  const process = m.mms.get(mm);
  let vpn = start;
  while (vpn < end) {
    const next = walkEnd(m, process, vpn, end);
    const pmdRow = pmdOffset(m, process, vpn);
    if (pmdRow === NO_ROW || m.entries.get(pmdRow) === 0) {
      vpn = next;
      continue;
    }
    const row = tableRow(m, mm, vpn);
    if (row === NO_ROW) break;
    const line = m.entries.progression(row, next - vpn);
    if (line.value !== 0) break;
    vpn += line.step === 0 ? line.n : 1;
  }
  return unfollowed(m, vpn - start, (numbers, i) => numbers.has(start + i));
};

/**
 * Ours: whether the step is one that counts, and nothing that waits in the CPU's batches or elsewhere matters. Pages of a
 * device never wait, and what does is drained before any page is taken.
 */
const stepIsPlain = (m: Machine, vma: Vma, place: PlainPlace): boolean =>
  inChunks(m) &&
  (vma.vmFlags & VM_SPECIAL) === 0 &&
  (place !== 'system' || batchesAreEmpty(m, m.current.cpu)) &&
  m.scalars.get(notifierActiveRow(vma.mm)) === 0;

/**
 * Ours: the parts of a range in which all pages that are there are plain ones at one place; undefined: they are not, or
 * the step is none that counts. A page that somebody follows is not plain: then the mechanism moves the range.
 */
export function* partsOfRange(
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  place: PlainPlace,
): Sleeps<RangeParts | undefined> {
  if (!stepIsPlain(m, vma, place)) return undefined;
  const present: Vpn[] = [];
  let holes = 0;
  for (let vpn = start; vpn < end; ) {
    yield* letGo(m, 'migrate_vma_collect', 0);
    const n = vma.anonVma === 0 ? 0 : nextChunk(m, vma, vpn, end, place);
    if (n > 0) {
      if (present.at(-1) === vpn) present.pop();
      else present.push(vpn);
      present.push(vpn + n);
      vpn += n;
      continue;
    }
    const missing = vmaIsAnonymous(vma) ? holeLength(m, vma.mm, vpn, end) : 0;
    if (missing === 0) return undefined;
    holes += missing;
    vpn += missing;
  }
  // tables for the holes come from single requests, which must be served
  return holes === 0 || memoryIsPlenty(m, holes / PMD_PAGES + 1024) ? { present, holes } : undefined;
}

/** Ours: calls `each` for the stretches of a range that have no pages, ascending. */
export const eachHole = (
  { present }: RangeParts,
  start: Vpn,
  end: Vpn,
  each: (from: Vpn, to: Vpn) => void,
): void => {
  let vpn = start;
  for (let at = 0; at <= present.length; at += 2) {
    const from = at < present.length ? present[at] : end;
    if (vpn < from) each(vpn, from);
    vpn = at < present.length ? present[at + 1] : end;
  }
};

/** The second invalidation, from the first hole to the end. Kernel: `mm/migrate_device.c: __migrate_device_pages` */
export const invalidateFromHole = (m: Machine, vma: Vma, hole: Vpn, end: Vpn, owner: number): void => {
  const event = { event: 'MIGRATE', mm: vma.mm, start: hole, end, owner } as const;
  mmuNotifierInvalidateRangeStart(m, event);
  mmuNotifierInvalidateRangeEnd(m, event);
};

/** Ours: whether frames of a device are free, and nothing of an earlier use matters. */
export const framesAreFree = (m: Machine, first: Pfn, n: number): boolean =>
  m.pages.refcount.isConstant(first, n, 0) &&
  m.pages.mapping.isConstant(first, n, 0) &&
  unfollowed(m, n, (numbers, i) => numbers.has(first + i)) === n;

/** Sets bits in neighbouring rows. */
const setInLine = (column: Column, first: number, n: number, bits: number): void => {
  for (let at = 0; at < n; ) {
    const line = column.progression(first + at, n - at);
    const length = line.step === 0 ? line.n : 1;
    column.writeLine(first + at, length, line.value | bits, 0);
    at += length;
  }
};

/** The entries of the holes, in tables that are made where they are missing. */
const mapHoles = (m: Machine, vma: Vma, vpn: Vpn, n: number, first: Pfn, isPrivate: boolean): void => {
  const writable = (vma.vmFlags & VM_WRITE) !== 0;
  const bits = vmPageProt(vma) | (writable ? PTE_DIRTY | PTE_RW : 0);
  const type = writable ? SWP_DEVICE_WRITE : SWP_DEVICE_READ;
  const entryOf = (pfn: Pfn): number => (isPrivate ? mkSwapEntry(type, pfn) : mkEntry(pfn, bits));
  const step = entryOf(first + 1) - entryOf(first);
  for (let at = 0; at < n; ) {
    const pmdRow = pmdAlloc(m, m.mms.get(vma.mm), vpn + at);
    const made = pmdRow !== NO_ROW && pteAlloc(m, pmdRow);
    bugOn(!made, 'migrate_vma_insert_page: no memory for a table though enough is free');
    const length = Math.min(n - at, PMD_PAGES - ((vpn + at) % PMD_PAGES));
    m.entries.writeLine(pteOffset(m, pmdRow, vpn + at), length, entryOf(first + at), step);
    at += length;
  }
};

/**
 * Puts neighbouring fresh pages of a device into neighbouring holes.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_insert_page`, many times
 * Requires: the frames are free, the area has its anchor, memory for tables is plenty.
 */
export const fillHoles = (m: Machine, vma: Vma, vpn: Vpn, n: number, first: Pfn, pgmap: DevPagemap): void => {
  mapHoles(m, vma, vpn, n, first, pgmap.type === 'MEMORY_DEVICE_PRIVATE');
  const { flags, refcount, mapcount, mapping, index, content } = m.pages;
  setInLine(flags, first, n, PG_reserved | PG_uptodate | PG_swapbacked | PG_anon_exclusive);
  refcount.writeLine(first, n, 1, 0);
  mapcount.writeLine(first, n, 1, 0);
  mapping.writeLine(first, n, vma.anonVma * 2 + 1, 0);
  index.writeLine(first, n, linearPageIndex(vma, vpn), 1);
  if (!content.isConstant(first, n, 0)) content.writeLine(first, n, 0, 0);
  m.addRss(vma.mm, RSS_ANON, n);
  const refs = pgmapRefRow(pgmap.id);
  m.scalars.set(refs, m.scalars.get(refs) + n);
  m.journal.holderRuns.addRun(holderId('page table entry'), first, n, 1);
  countCalls(m, ['zone_device_page_init', 'migrate_vma_insert_page', 'page_add_new_anon_rmap'], n);
  countDecisions(m, ['migrate.hole', 'migrate.moved'], n);
  m.trace.tally?.addPages('faulted in', vpn, first, n === 1 ? 0 : 1, first, n === 1 ? 0 : 1, n);
  if (m.trace.tally !== undefined) m.trace.tally.pages += n;
};
