// First writes to many pages of private anonymous memory, and accesses to many that are in private device memory, in one
// go, for big steps. The mechanisms, whose every effect on the state is here too, are the ways from cpu-access.ts through
// fault.ts: doAnonymousPage and doSwapPage, one page after another.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import { matchingRows, readRun, writeRun } from '../../machine/column-runs.ts';
import { __GFP_ZERO, GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PG_anon_exclusive, PG_swapbacked, PG_uptodate } from '../../uapi/page-flags.ts';
import { entryPfn, isWritableDevicePrivateEntry, PTE_ACCESSED, PTE_DIRTY, setBits } from '../../uapi/pte.ts';
import { NO_ROW, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { VM_LOCKED, VM_SHARED, VM_WRITE } from '../../uapi/vm-flags.ts';
import { allocPagesBulk } from './buddy-bulk.ts';
import {
  changeAlike,
  countCalls,
  countDecisions,
  holdPages,
  inChunks,
  runLength,
  tableRow,
  tellPages,
  unfollowed,
} from './plain-pages.ts';
import { folioAddLruBulk } from './lru-bulk.ts';
import { pagePgmap } from './page-ref.ts';
import { lruCacheAddInactiveOrUnevictable } from './swap.ts';
import { linearPageIndex, maybeMkwrite, vmaIsAccessible, vmaIsAnonymous, vmPageProt } from './vma.ts';

const pfns = new Float64Array(PTRS_PER_TABLE);
const entries = new Float64Array(PTRS_PER_TABLE);

/** What each of the fresh pages is: mapped once, by the area alone, and written to, or zeros. */
const fillPages = (m: Machine, vma: Vma, vpn: Vpn, n: number, value: number | undefined): void => {
  const { flags, mapcount, mapping, index, content } = m.pages;
  const anchor = vma.anonVma * 2 + 1;
  const pgoff = linearPageIndex(vma, vpn);
  changeAlike(flags, pfns, n, (word) => word | PG_uptodate | PG_swapbacked | PG_anon_exclusive);
  for (let at = 0; at < n; ) {
    const run = runLength(pfns, at, n);
    const length = Math.abs(run);
    const low = run < 0 ? pfns[at + length - 1] : pfns[at];
    const [from, step] = run < 0 ? [at + length - 1, -1] : [at, 1];
    mapcount.writeLine(low, length, 1, 0);
    mapping.writeLine(low, length, anchor, 0);
    index.writeLine(low, length, pgoff + from, step);
    if (value === undefined) content.writeLine(low, length, 0, 0);
    else content.writeLine(low, length, value + from, step);
    at += length;
  }
};

/**
 * Serves the write faults of a range's first pages and writes `value`, `value + 1`, … to them, or nothing. Stops at the end of the
 * page table, at the first entry that is not empty, and where the allocator needs more than its next page.
 *
 * Kernel: `mm/memory.c: do_anonymous_page`, many times; the mechanism is fault.ts: doAnonymousPage
 *
 * @param value - undefined: somebody asks for pages that can be written, and writes nothing
 * @returns pages served; 0: the next one is none of these
 */
export const writeFreshPages = (
  m: Machine,
  vma: Vma,
  vpn: Vpn,
  end: Vpn,
  value: number | undefined,
): number => {
  if (!inChunks(m) || !vmaIsAnonymous(vma) || (vma.vmFlags & (VM_SHARED | VM_WRITE)) !== VM_WRITE) return 0;
  // the area's first page makes the anchor, a table's first page the table
  if (vma.anonVma === 0) return 0;
  const row = tableRow(m, vma.mm, vpn);
  if (row === NO_ROW) return 0;
  const most = Math.min(end, vma.vmEnd) - vpn;
  const inTable = Math.min(most, PTRS_PER_TABLE - (row % PTRS_PER_TABLE));
  const empty = matchingRows(m.entries, row, inTable, 0, 0);
  const want = unfollowed(m, empty, (numbers, i) => numbers.has(vpn + i));
  const n = want === 0 ? 0 : allocPagesBulk(m, GFP_HIGHUSER_MOVABLE | __GFP_ZERO, want, pfns);
  if (n === 0) return 0;
  fillPages(m, vma, vpn, n, value);
  const bits = maybeMkwrite(vmPageProt(vma) | PTE_DIRTY | PTE_ACCESSED, vma);
  for (let i = 0; i < n; i++) entries[i] = pfns[i] * 4096 + bits;
  writeRun(m.entries, row, false, entries, 0, n);
  m.addRss(vma.mm, RSS_ANON, n);
  m.countVmEvent('pgfault', n);
  holdPages(m, pfns, n, 'page table entry', 1);
  if ((vma.vmFlags & VM_LOCKED) === 0) {
    folioAddLruBulk(m, pfns, n, false, (times) => countCalls(m, ['folio_add_lru'], times));
    countCalls(m, ['lru_cache_add_inactive_or_unevictable', 'folio_add_lru_vma'], n);
  } else {
    for (let i = 0; i < n; i++) lruCacheAddInactiveOrUnevictable(m, pfns[i], vma);
  }
  countCalls(m, ['handle_mm_fault', 'do_anonymous_page', 'page_add_new_anon_rmap'], n);
  countDecisions(m, ['fault.none.write'], n);
  tellPages(m, 'faulted in', vpn, pfns, pfns, n);
  return n;
};

/**
 * Serves the faults of accesses to the first pages of a range which are in private device memory. The driver brings them
 * home; the processor marks their entries as it would when it tries again.
 *
 * Kernel: `mm/memory.c: do_swap_page`, many times; the mechanism is fault.ts: doSwapPage
 *
 * @returns pages that were accessed; 0: the next one is none of these
 */
export const accessPrivatePages = (m: Machine, vma: Vma, vpn: Vpn, end: Vpn, write: boolean): number => {
  const permitted = write ? (vma.vmFlags & VM_WRITE) !== 0 : vmaIsAccessible(vma);
  const row = permitted ? tableRow(m, vma.mm, vpn) : NO_ROW;
  const entry = row === NO_ROW ? 0 : m.entries.get(row);
  if (!isWritableDevicePrivateEntry(entry)) return 0;
  const page = entryPfn(entry);
  const pgmap = pagePgmap(m, page);
  const moveMany = pgmap === undefined ? undefined : m.pagemapOps.get(pgmap.id)?.migrateManyToRam;
  const n = moveMany?.(m, { vma, vpn, page }, end) ?? 0;
  if (n === 0) return 0;
  const bits = write ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
  readRun(m.entries, row, false, entries, 0, n);
  for (let i = 0; i < n; i++) entries[i] = setBits(entries[i], bits);
  writeRun(m.entries, row, false, entries, 0, n);
  m.countVmEvent('pgfault', n);
  countCalls(m, ['handle_mm_fault', 'do_swap_page'], n);
  countDecisions(m, ['fault.device-private'], n);
  return n;
};
