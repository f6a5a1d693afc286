// mm/khugepaged.c: the opposite of a split. 512 small pages are copied into one huge page, on demand of
// MADV_COLLAPSE; the kernel thread of that name is idle here. This file: anonymous memory; shared memory is in
// khugepaged-file.ts.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EINVAL } from '../../uapi/errno.ts';
import { PG_locked, PG_lru, PG_uptodate } from '../../uapi/page-flags.ts';
import { type Entry, entryPfn, isSwapEntry, ptePresent, pteWrite } from '../../uapi/pte.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { FAULT_FLAG_ALLOW_RETRY, VM_FAULT_ERROR, VM_FAULT_RETRY } from '../../uapi/vm-flags.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { condResched, trylockPage, unlockPage } from '../sched/locks.ts';
import { doSwapPage } from './fault.ts';
import { hugeStart, hugeVmaSuitable, mapNewHugePage } from './huge-memory.ts';
import { isolateLruPage, putbackLruPage } from './isolate.ts';
import { collapsePteMappedThp, hpageCollapseScanFile } from './khugepaged-file.ts';
import {
  allocChargeHpage,
  collapseErrno,
  collapseVmaCheck,
  findPmd,
  GO_ON,
  noneOrZero,
  type ScanResult,
} from './khugepaged-scan.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { isNonLruPage, vmNormalPage } from './normal-page.ts';
import {
  clearHighpage,
  compoundHead,
  copyHighpage,
  folioMapcount,
  folioTestLarge,
  pageAnon,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { pteOffset } from './page-table.ts';
import { pageRemoveRmap } from './rmap.ts';
import { folioPut, lruAddDrain, lruAddDrainAll, putPage } from './swap.ts';
import { folioTestSwapcache } from './swapfile.ts';
import { findVma, linearPageIndex, vmaIsAnonymous } from './vma.ts';

/** Nobody but page tables refers to the folio. Kernel: `mm/khugepaged.c: is_refcount_suitable` */
const isRefcountSuitable = (m: Machine, folio: Pfn): boolean =>
  m.pages.refcount.get(folio) === folioMapcount(m, folio) + (folioTestSwapcache(m, folio) ? 1 : 0);

// --- first look: can it succeed? -----------------------------------------------------------------------------------

const scanEntry = (m: Machine, vma: Vma, vpn: Vpn, entry: Entry): ScanResult => {
  const page = vmNormalPage(m, vma, vpn, entry);
  if (page === NO_PFN || isNonLruPage(m, page)) return 'SCAN_PAGE_NULL';
  const folio = compoundHead(m, page);
  if (!testFlags(m, folio, PG_lru)) return 'SCAN_PAGE_LRU';
  if (testFlags(m, folio, PG_locked)) return 'SCAN_PAGE_LOCK';
  if (!pageAnon(m, folio)) return 'SCAN_PAGE_ANON';
  return isRefcountSuitable(m, folio) ? 'SCAN_SUCCEED' : 'SCAN_PAGE_COUNT';
};

/**
 * Looks whether 2 MiB can be collapsed, and does it.
 *
 * Kernel: `mm/khugepaged.c: hpage_collapse_scan_pmd`
 */
const hpageCollapseScanPmd = sleepable(
  'hpage_collapse_scan_pmd',
  function* (m, vma: Vma, haddr: Vpn): Sleeps<ScanResult> {
    const found = findPmd(m, m.mms.get(vma.mm), haddr);
    if (found.result !== 'SCAN_SUCCEED') return found.result;
    let unmapped = 0;
    let writable = false;
    for (let i = 0; i < HPAGE_PMD_NR; i++) {
      const entry = m.entries.get(pteOffset(m, found.pmdRow, haddr + i));
      if (isSwapEntry(entry)) {
        unmapped++;
        continue;
      }
      if (noneOrZero(m, entry)) continue;
      if (pteWrite(entry)) writable = true;
      const result = scanEntry(m, vma, haddr + i, entry);
      if (result !== 'SCAN_SUCCEED') return result;
    }
    if (!writable) return 'SCAN_PAGE_RO';
    return yield* collapseHugePage(m, vma, haddr, unmapped);
  },
);

// --- the collapse -------------------------------------------------------------------------------------------------

/** Kernel: `mm/khugepaged.c: hugepage_vma_revalidate` */
const revalidate = (
  m: Machine,
  mm: number,
  haddr: Vpn,
): { readonly result: ScanResult; readonly vma?: Vma } => {
  const vma = findVma(m, m.mms.get(mm), haddr);
  if (vma === undefined) return { result: 'SCAN_VMA_NULL' };
  if (!hugeVmaSuitable(vma, haddr)) return { result: 'SCAN_ADDRESS_RANGE' };
  return collapseVmaCheck(m, vma) ? { result: 'SCAN_SUCCEED', vma } : { result: 'SCAN_VMA_CHECK' };
};

/** Pages on a device, or held by one for itself, come back first. Kernel: `mm/khugepaged.c: __collapse_huge_page_swapin` */
function* collapseSwapin(m: Machine, vma: Vma, haddr: Vpn, pmdRow: EntryRow): Sleeps<ScanResult> {
  let swappedIn = 0;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const row = pteOffset(m, pmdRow, haddr + i);
    if (!isSwapEntry(m.entries.get(row))) continue;
    const ret = yield* doSwapPage(m, vma, haddr + i, row, FAULT_FLAG_ALLOW_RETRY);
    if ((ret & VM_FAULT_RETRY) !== 0) return 'SCAN_PAGE_LOCK';
    if ((ret & VM_FAULT_ERROR) !== 0) return 'SCAN_FAIL';
    swappedIn++;
  }
  if (swappedIn > 0) lruAddDrain(m);
  return 'SCAN_SUCCEED';
}

/** Kernel: `mm/khugepaged.c: release_pte_page` */
const releasePtePage = (m: Machine, page: Pfn): void => {
  unlockPage(m, page);
  putbackLruPage(m, page);
};

/** Kernel: `mm/khugepaged.c: release_pte_pages` */
const releasePtePages = (m: Machine, rows: readonly EntryRow[], compound: readonly Pfn[]): void => {
  for (const row of [...rows].reverse()) {
    const entry = m.entries.get(row);
    if (noneOrZero(m, entry) || folioTestLarge(m, compoundHead(m, entryPfn(entry)))) continue;
    releasePtePage(m, entryPfn(entry));
  }
  for (const folio of compound) releasePtePage(m, folio);
};

/** Locks and isolates the folio of one page; a huge folio that is mapped page by page only once. */
const isolateOne = (m: Machine, page: Pfn, compound: Pfn[]): ScanResult => {
  const folio = compoundHead(m, page);
  if (compound.includes(folio)) return 'SCAN_SUCCEED';
  if (!trylockPage(m, folio)) return 'SCAN_PAGE_LOCK';
  if (!isRefcountSuitable(m, folio)) {
    unlockPage(m, folio);
    return 'SCAN_PAGE_COUNT';
  }
  if (isolateLruPage(m, folio) !== 0) {
    unlockPage(m, folio);
    return 'SCAN_DEL_PAGE_LRU';
  }
  if (folioTestLarge(m, folio)) compound.push(folio);
  return 'SCAN_SUCCEED';
};

/**
 * Locks and isolates all pages; if one refuses, all are put back.
 *
 * Kernel: `mm/khugepaged.c: __collapse_huge_page_isolate`
 */
const collapseIsolate = (
  m: Machine,
  vma: Vma,
  haddr: Vpn,
  rows: readonly EntryRow[],
  compound: Pfn[],
): ScanResult => {
  let writable = false;
  for (let i = 0; i < rows.length; i++) {
    const entry = m.entries.get(rows[i]);
    if (noneOrZero(m, entry)) continue;
    let result: ScanResult = 'SCAN_PTE_NON_PRESENT';
    if (ptePresent(entry)) {
      const page = vmNormalPage(m, vma, haddr + i, entry);
      const unfit = page === NO_PFN || isNonLruPage(m, page);
      result = unfit ? 'SCAN_PAGE_NULL' : isolateOne(m, page, compound);
    }
    if (result !== 'SCAN_SUCCEED') {
      releasePtePages(m, rows.slice(0, i), compound);
      return result;
    }
    if (pteWrite(entry)) writable = true;
  }
  if (writable) return 'SCAN_SUCCEED';
  releasePtePages(m, rows, compound);
  return 'SCAN_PAGE_RO';
};

/** Copies the pages and drops their mappings. Kernel: `mm/khugepaged.c: __collapse_huge_page_copy` */
const collapseCopy = (
  m: Machine,
  vma: Vma,
  rows: readonly EntryRow[],
  to: Pfn,
  compound: readonly Pfn[],
): void => {
  for (let i = 0; i < rows.length; i++) {
    const entry = m.entries.get(rows[i]);
    m.entries.set(rows[i], 0);
    if (noneOrZero(m, entry)) {
      clearHighpage(m, to + i);
      m.addRss(vma.mm, RSS_ANON, 1);
      continue;
    }
    const page = entryPfn(entry);
    copyHighpage(m, to + i, page);
    if (!folioTestLarge(m, compoundHead(m, page))) releasePtePage(m, page);
    pageRemoveRmap(m, page, vma, false);
    putPage(m, page, 'page table entry');
  }
  for (const folio of compound) releasePtePage(m, folio);
};

/** The PMD entry is taken away while the pages move; the table behind it is deposited under the new one. */
const replaceTable = (m: Machine, vma: Vma, haddr: Vpn, pmdRow: EntryRow, folio: Pfn): ScanResult => {
  const range: MmuNotifierRange = {
    event: 'CLEAR',
    mm: vma.mm,
    start: haddr,
    end: haddr + HPAGE_PMD_NR,
    owner: 0,
  };
  const rows = Array.from({ length: HPAGE_PMD_NR }, (_, i) => pteOffset(m, pmdRow, haddr + i));
  const compound: Pfn[] = [];
  mmuNotifierInvalidateRangeStart(m, range);
  const pmd = m.entries.get(pmdRow);
  m.entries.set(pmdRow, 0);
  mmuNotifierInvalidateRangeEnd(m, range);
  const result = collapseIsolate(m, vma, haddr, rows, compound);
  if (result !== 'SCAN_SUCCEED') {
    m.entries.set(pmdRow, pmd);
    return result;
  }
  collapseCopy(m, vma, rows, folio, compound);
  setFlags(m, folio, PG_uptodate);
  mapNewHugePage(m, vma, haddr, pmdRow, folio, entryPfn(pmd));
  return result;
};

/**
 * Replaces 512 small entries by a huge one that maps a copy.
 *
 * Kernel: `mm/khugepaged.c: collapse_huge_page`
 */
const collapseHugePage = sleepable(
  'collapse_huge_page',
  function* (m, area: Vma, haddr: Vpn, unmapped: number): Sleeps<ScanResult> {
    const folio = allocChargeHpage(m);
    if (folio === NO_PFN) return 'SCAN_ALLOC_HUGE_PAGE_FAIL';
    const giveUp = (result: ScanResult): ScanResult => {
      folioPut(m, folio, 'allocation');
      return result;
    };
    // the allocation dropped mmap_lock, so everything is looked up again
    let { result, vma } = revalidate(m, area.mm, haddr);
    if (vma === undefined) return giveUp(result);
    let found = findPmd(m, m.mms.get(area.mm), haddr);
    if (found.result !== 'SCAN_SUCCEED') return giveUp(found.result);
    if (unmapped > 0) {
      result = yield* collapseSwapin(m, vma, haddr, found.pmdRow);
      if (result !== 'SCAN_SUCCEED') return giveUp(result);
      ({ result, vma } = revalidate(m, area.mm, haddr));
      if (vma === undefined) return giveUp(result);
      found = findPmd(m, m.mms.get(area.mm), haddr);
      if (found.result !== 'SCAN_SUCCEED') return giveUp(found.result);
    }
    result = replaceTable(m, vma, haddr, found.pmdRow, folio);
    return result === 'SCAN_SUCCEED' ? result : giveUp(result);
  },
);

/**
 * MADV_COLLAPSE of a range of one area: every 2 MiB that lie in it whole.
 *
 * Kernel: `mm/khugepaged.c: madvise_collapse`
 *
 * @returns 0: all of them are huge now; -EINVAL, -EAGAIN, -ENOMEM by the last failure
 */
export const madviseCollapse = sleepable(
  'madvise_collapse',
  function* (m, area: Vma, start: Vpn, end: Vpn): Sleeps<number> {
    if (!collapseVmaCheck(m, area)) return -EINVAL;
    lruAddDrainAll(m);
    const first = hugeStart(start + HPAGE_PMD_NR - 1);
    let last = hugeStart(end);
    let vma = area;
    let collapsed = 0;
    let failure: ScanResult = 'SCAN_FAIL';
    for (let haddr = first; haddr < last; haddr += HPAGE_PMD_NR) {
      if (haddr > first) {
        yield* condResched(m, 'madvise_collapse');
        const again = revalidate(m, area.mm, haddr);
        if (again.vma === undefined) {
          failure = again.result;
          break;
        }
        vma = again.vma;
        last = Math.min(last, hugeStart(vma.vmEnd));
      }
      let result = vmaIsAnonymous(vma)
        ? yield* hpageCollapseScanPmd(m, vma, haddr)
        : hpageCollapseScanFile(m, area.mm, haddr, vma.file, linearPageIndex(vma, haddr));
      if (result === 'SCAN_PTE_MAPPED_HUGEPAGE') result = collapsePteMappedThp(m, area.mm, haddr);
      if (result === 'SCAN_SUCCEED' || result === 'SCAN_PMD_MAPPED') {
        collapsed++;
        continue;
      }
      failure = result;
      if (!GO_ON.includes(result)) break;
    }
    return collapsed === Math.floor((last - first) / HPAGE_PMD_NR) ? 0 : collapseErrno(failure);
  },
);
