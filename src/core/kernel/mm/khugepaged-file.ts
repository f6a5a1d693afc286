// mm/khugepaged.c, its half for shared memory: the page cache gets one huge page in place of up to 512 small ones. All
// mappings of those end; the caller's own is made huge at once, the others find the huge page at their next fault.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_SHMEM } from '../../machine/machine.ts';
import type { MmuNotifierRange } from '../../machine/ops.ts';
import {
  PG_active,
  PG_locked,
  PG_lru,
  PG_private,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
} from '../../uapi/page-flags.ts';
import { entryPfn, ptePresent } from '../../uapi/pte.ts';
import {
  type EntryRow,
  HPAGE_PMD_NR,
  HPAGE_PMD_ORDER,
  NO_PFN,
  type Pfn,
  PTRS_PER_TABLE,
  type Vpn,
} from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { trylockPage, unlockPage } from '../sched/locks.ts';
import { filemapGetFolio } from './filemap.ts';
import { doSetPmd } from './huge-file.ts';
import { folioIsolateLru, putbackLruPage } from './isolate.ts';
import { allocChargeHpage, collapseVmaCheck, findPmd, type ScanResult } from './khugepaged-scan.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { vmNormalPage } from './normal-page.ts';
import {
  clearFlags,
  clearHighpage,
  compoundHead,
  copyHighpage,
  folioGet,
  folioMapped,
  folioOrder,
  folioRefAdd,
  folioTestLarge,
  moveReference,
  pageCompound,
  pageMapcount,
  pageMapping,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { freeTable } from './page-table.ts';
import { tryToUnmap } from './reclaim.ts';
import { pageRemoveRmap } from './rmap.ts';
import { folioAddLru, folioPut, setPageDirty } from './swap.ts';
import { linearPageIndex, vmaLookup } from './vma.ts';

// --- page tables -------------------------------------------------------------------------------------------------

/** Maps the huge page for the caller. Kernel: `mm/khugepaged.c: set_huge_pmd` */
const setHugePmd = (m: Machine, vma: Vma, haddr: Vpn, pmdRow: EntryRow, hpage: Pfn): ScanResult => {
  folioGet(m, hpage, 'fault handler');
  if (doSetPmd(m, { vma, vpn: haddr, pmdRow, flags: 0 }, hpage) === 0) return 'SCAN_SUCCEED';
  folioPut(m, hpage, 'fault handler');
  return 'SCAN_FAIL';
};

/** Kernel: `mm/khugepaged.c: collapse_and_free_pmd` */
const collapseAndFreePmd = (m: Machine, vma: Vma, haddr: Vpn, pmdRow: EntryRow): void => {
  const range: MmuNotifierRange = {
    event: 'CLEAR',
    mm: vma.mm,
    start: haddr,
    end: haddr + HPAGE_PMD_NR,
    owner: 0,
  };
  const table = entryPfn(m.entries.get(pmdRow));
  mmuNotifierInvalidateRangeStart(m, range);
  m.entries.set(pmdRow, 0);
  mmuNotifierInvalidateRangeEnd(m, range);
  for (let i = 0; i < PTRS_PER_TABLE; i++) m.entries.set(table * PTRS_PER_TABLE + i, 0);
  freeTable(m, table);
};

/**
 * Takes away the page table, empty by now, through which the caller maps the range, and maps the huge page. Other
 * mappings of the range keep their tables; that is left to the kernel thread, which is idle here.
 *
 * Kernel: `mm/khugepaged.c: retract_page_tables`
 *
 * @returns how it went for the caller
 */
const retractPageTables = (
  m: Machine,
  file: number,
  pgoff: number,
  targetMm: number,
  targetAddr: Vpn,
  hpage: Pfn,
): ScanResult => {
  let targetResult: ScanResult = 'SCAN_FAIL';
  for (const id of m.files.get(file).iMmap) {
    const vma = m.vmas.get(id);
    const addr = vma.vmStart + pgoff - vma.vmPgoff;
    const covers = pgoff >= vma.vmPgoff && pgoff < vma.vmPgoff + vma.vmEnd - vma.vmStart;
    if (!covers || vma.mm !== targetMm || addr !== targetAddr) continue;
    if (vma.anonVma !== 0) targetResult = 'SCAN_PAGE_ANON';
    else if (addr % HPAGE_PMD_NR !== 0 || vma.vmEnd < addr + HPAGE_PMD_NR) targetResult = 'SCAN_VMA_CHECK';
    else {
      const { result, pmdRow } = findPmd(m, m.mms.get(vma.mm), addr);
      targetResult = result;
      if (result !== 'SCAN_SUCCEED') continue;
      collapseAndFreePmd(m, vma, addr, pmdRow);
      targetResult = setHugePmd(m, vma, addr, pmdRow, hpage);
    }
  }
  return targetResult;
};

// --- the page cache ------------------------------------------------------------------------------------------------

/** A small page that the huge one replaces: locked, isolated, unmapped, with a reference of ours. */
interface Replaced {
  readonly index: number;
  readonly page: Pfn;
}

/** A huge page of the cache that another collapse has made already, or one that does not fit. */
const compoundResult = (m: Machine, page: Pfn, start: number): ScanResult => {
  const head = compoundHead(m, page);
  return folioOrder(m, head) === HPAGE_PMD_ORDER && m.pages.index.get(head) === start
    ? 'SCAN_PTE_MAPPED_HUGEPAGE'
    : 'SCAN_PAGE_COMPOUND';
};

/** Makes one page of the cache ready to be replaced; if that fails, it is as it was, but for its mappings. */
const takeOne = (m: Machine, file: number, start: number, page: Pfn): ScanResult => {
  const folio = compoundHead(m, page);
  if (!trylockPage(m, folio)) return 'SCAN_PAGE_LOCK';
  folioGet(m, folio, 'kernel');
  let result: ScanResult = 'SCAN_SUCCEED';
  if (pageCompound(m, page)) result = compoundResult(m, page, start);
  else if (pageMapping(m, page) !== file) result = 'SCAN_TRUNCATED';
  else if (folioIsolateLru(m, page) !== 0) result = 'SCAN_DEL_PAGE_LRU';
  else {
    if (folioMapped(m, page)) tryToUnmap(m, page, { ignoreMlock: true });
    // ours, the cache's, the isolation's
    if (m.pages.refcount.get(page) === 3) return 'SCAN_SUCCEED';
    putbackLruPage(m, page);
    result = 'SCAN_PAGE_COUNT';
  }
  unlockPage(m, folio);
  folioPut(m, folio, 'kernel');
  return result;
};

/** Copies what was there, zeroes what was not, and lets the small pages go. */
const copyAndFree = (m: Machine, start: number, hpage: Pfn, replaced: readonly Replaced[]): void => {
  let index = start;
  for (const { index: at, page } of replaced) {
    for (; index < at; index++) clearHighpage(m, hpage + index - start);
    copyHighpage(m, hpage + at - start, page);
    m.pages.mapping.set(page, 0);
    folioPut(m, page, 'page cache');
    folioPut(m, page, 'LRU isolation');
    clearFlags(m, page, PG_active | PG_unevictable);
    unlockPage(m, page);
    folioPut(m, page, 'kernel');
    index++;
  }
  for (; index < start + HPAGE_PMD_NR; index++) clearHighpage(m, hpage + index - start);
};

/** The cache gets its small pages and its holes back. */
const rollBack = (
  m: Machine,
  file: number,
  holes: readonly number[],
  replaced: readonly Replaced[],
): void => {
  const cache = m.journal.mapById(m.files.get(file).pages);
  for (const index of holes) cache.delete(index);
  for (const { index, page } of replaced) {
    folioPut(m, page, 'kernel');
    cache.set(index, page);
    unlockPage(m, page);
    putbackLruPage(m, page);
  }
};

/**
 * Replaces all pages of 2 MiB of shared memory by one huge page.
 *
 * Kernel: `mm/khugepaged.c: collapse_file`
 * Simplified: mmap_lock is held all the time, so the caller's tables can always be retracted; nothing of shared memory
 *   is swapped out.
 */
const collapseFile = atomic(
  'collapse_file',
  (m, mm: number, haddr: Vpn, file: number, start: number): ScanResult => {
    const hpage = allocChargeHpage(m);
    if (hpage === NO_PFN) return 'SCAN_ALLOC_HUGE_PAGE_FAIL';
    const cache = m.journal.mapById(m.files.get(file).pages);
    setFlags(m, hpage, PG_locked | PG_swapbacked);
    m.pages.index.set(hpage, start);
    m.pages.mapping.set(hpage, file * 2);
    const holes: number[] = [];
    const replaced: Replaced[] = [];
    let result: ScanResult =
      cache.keysBetween(start, start + HPAGE_PMD_NR).length === 0 ? 'SCAN_TRUNCATED' : 'SCAN_SUCCEED';
    for (let i = 0; i < HPAGE_PMD_NR && result === 'SCAN_SUCCEED'; i++) {
      const page = filemapGetFolio(m, file, start + i);
      if (page === NO_PFN) {
        holes.push(start + i);
      } else {
        result = takeOne(m, file, start, page);
        if (result !== 'SCAN_SUCCEED') break;
        replaced.push({ index: start + i, page });
      }
      cache.set(start + i, hpage + i);
    }
    if (result !== 'SCAN_SUCCEED') {
      rollBack(m, file, holes, replaced);
      m.pages.mapping.set(hpage, 0);
      unlockPage(m, hpage);
      folioPut(m, hpage, 'allocation');
      return result;
    }
    copyAndFree(m, start, hpage, replaced);
    setFlags(m, hpage, PG_uptodate);
    moveReference(m, hpage, 'allocation', 'page cache');
    folioRefAdd(m, hpage, HPAGE_PMD_NR - 1, 'page cache');
    setPageDirty(m, hpage);
    folioAddLru(m, hpage);
    const target = retractPageTables(m, file, start, mm, haddr, hpage);
    unlockPage(m, hpage);
    return target;
  },
);

/**
 * Looks whether 2 MiB of shared memory can be collapsed, and does it.
 *
 * Kernel: `mm/khugepaged.c: hpage_collapse_scan_file`
 */
export const hpageCollapseScanFile = atomic(
  'hpage_collapse_scan_file',
  (m, mm: number, haddr: Vpn, file: number, start: number): ScanResult => {
    const cache = m.journal.mapById(m.files.get(file).pages);
    for (const index of cache.keysBetween(start, start + HPAGE_PMD_NR)) {
      const page = cache.get(index) ?? NO_PFN;
      if (pageCompound(m, page)) return compoundResult(m, page, start);
      if (!testFlags(m, page, PG_lru)) return 'SCAN_PAGE_LRU';
      const explained = 1 + pageMapcount(m, page) + (testFlags(m, page, PG_private) ? 1 : 0);
      if (m.pages.refcount.get(page) !== explained) return 'SCAN_PAGE_COUNT';
    }
    return collapseFile(m, mm, haddr, file, start);
  },
);

// --- a huge page that is mapped page by page ------------------------------------------------------------------------

/** Ends the small mappings of the huge page under one table; false: something else is mapped there. */
const dropSmallMappings = (m: Machine, vma: Vma, haddr: Vpn, pmdRow: EntryRow, hpage: Pfn): boolean => {
  const table = entryPfn(m.entries.get(pmdRow));
  const row = (i: number): EntryRow => table * PTRS_PER_TABLE + i;
  const mapped: number[] = [];
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const entry = m.entries.get(row(i));
    if (entry === 0) continue;
    if (!ptePresent(entry) || vmNormalPage(m, vma, haddr + i, entry) !== hpage + i) return false;
    mapped.push(i);
  }
  for (const i of mapped) {
    vmNormalPage(m, vma, haddr + i, m.entries.get(row(i)));
    pageRemoveRmap(m, hpage + i, vma, false);
  }
  if (mapped.length > 0) folioRefAdd(m, hpage, -mapped.length, 'page table entry');
  m.addRss(vma.mm, RSS_SHMEM, -mapped.length);
  return true;
};

/**
 * The page cache has a huge page already: maps it by one entry instead of many.
 *
 * Kernel: `mm/khugepaged.c: collapse_pte_mapped_thp`
 */
export const collapsePteMappedThp = atomic(
  'collapse_pte_mapped_thp',
  (m, mm: number, haddr: Vpn): ScanResult => {
    const { result, pmdRow } = findPmd(m, m.mms.get(mm), haddr);
    if (result === 'SCAN_PMD_MAPPED') return result;
    const vma = vmaLookup(m, m.mms.get(mm), haddr);
    if (vma === undefined || vma.file === 0 || haddr + HPAGE_PMD_NR > vma.vmEnd) return 'SCAN_VMA_CHECK';
    if (!collapseVmaCheck(m, vma)) return 'SCAN_VMA_CHECK';
    const hpage = filemapGetFolio(m, vma.file, linearPageIndex(vma, haddr));
    if (hpage === NO_PFN) return 'SCAN_PAGE_NULL';
    const usable = folioTestLarge(m, hpage) && folioOrder(m, hpage) === HPAGE_PMD_ORDER;
    if (!usable) return folioTestLarge(m, hpage) ? 'SCAN_PAGE_COMPOUND' : 'SCAN_FAIL';
    if (result !== 'SCAN_SUCCEED' && result !== 'SCAN_PMD_NONE') return result;
    folioGet(m, hpage, 'kernel');
    bugOn(!trylockPage(m, hpage), 'collapse_pte_mapped_thp: nobody sleeps with the page locked');
    let done: ScanResult = 'SCAN_SUCCEED';
    if (result === 'SCAN_SUCCEED') {
      if (dropSmallMappings(m, vma, haddr, pmdRow, hpage)) collapseAndFreePmd(m, vma, haddr, pmdRow);
      else done = 'SCAN_FAIL';
    }
    if (done === 'SCAN_SUCCEED') done = setHugePmd(m, vma, haddr, pmdRow, hpage);
    unlockPage(m, hpage);
    folioPut(m, hpage, 'kernel');
    return done;
  },
);
