// mm/huge_memory.c: how a huge page falls apart, and how it moves whole.
//
//   one PMD entry ──__split_huge_pmd──▶ 512 PTEs of the same folio ──split_huge_page──▶ 512 folios of one page

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange } from '../../machine/ops.ts';
import { EAGAIN, EBUSY } from '../../uapi/errno.ts';
import type { HolderKind } from '../../uapi/events.ts';
import {
  PG_active,
  PG_anon_exclusive,
  PG_dirty,
  PG_double_map,
  PG_head,
  PG_locked,
  PG_lru,
  PG_mlocked,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
  PG_writeback,
} from '../../uapi/page-flags.ts';
import {
  type Entry,
  entryPfn,
  isMigrationEntry,
  isReadableMigrationEntry,
  isWritableMigrationEntry,
  mkEntry,
  mkSwapEntry,
  PAGE_TABLE_BITS,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PSE,
  PTE_RW,
  PTE_SPECIAL,
  pmdLeaf,
  pteDirty,
  pteWrite,
  pteYoung,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  swapDirty,
  swapType,
  swapYoung,
} from '../../uapi/pte.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_ROW, type Pfn, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { mmCounter } from './fault.ts';
import { unqueueDeferredSplit } from './deferred-split.ts';
import { removeMigrationPtes } from './migrate-folio.ts';
import { lruAddPageTail, lruvecAddFolio } from './mm-inline.ts';
import { munlockPage } from './mlock.ts';
import {
  mmuNotifierInvalidateRange,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import {
  clearFlags,
  compoundHead,
  folioGet,
  folioMapcount,
  folioMapped,
  folioNrPages,
  folioRefAdd,
  folioTestLarge,
  pageAnon,
  pageMapping,
  setFlags,
  setPageCount,
  testFlags,
} from './page-ref.ts';
import { pmdOffset } from './page-table.ts';
import { tryToUnmap } from './reclaim.ts';
import {
  pageAddAnonRmap,
  pageAddFileRmap,
  pageRemoveRmap,
  pageTryShareAnonRmap,
  tryToMigrate,
} from './rmap.ts';
import { folioPut, setPageDirty } from './swap.ts';
import { maybeMkwrite, vmaIsAnonymous, vmaMlocksPages, vmPageProt } from './vma.ts';
import {
  hugeStart,
  isHugePmd,
  isHugeZeroPage,
  isHugeZeroPmd,
  pgtableTransHugeWithdraw,
} from './huge-memory.ts';

const pmdFold = (pmdRow: EntryRow, table: Pfn, i: number): EntryRow => {
  bugOn(pmdRow === NO_ROW, 'huge pmd: no row');
  return table * PTRS_PER_TABLE + i;
};

// --- one PMD entry becomes a page table --------------------------------------------------------------------------

/** Kernel: `mm/huge_memory.c: __split_huge_zero_page_pmd` */
const splitHugeZeroPagePmd = (m: Machine, vma: Vma, pmdRow: EntryRow): void => {
  const table = pgtableTransHugeWithdraw(m, pmdRow);
  const entry = mkEntry(m.zeroPfn, vmPageProt(vma) | PTE_SPECIAL);
  for (let i = 0; i < HPAGE_PMD_NR; i++) m.entries.set(pmdFold(pmdRow, table, i), entry);
  m.entries.set(pmdRow, mkEntry(table, PAGE_TABLE_BITS));
};

/** What the small entries inherit from the huge one. */
interface Inherited {
  readonly page: Pfn;
  readonly write: boolean;
  readonly young: boolean;
  readonly dirty: boolean;
  readonly anonExclusive: boolean;
  /** Small migration entries, not mappings. */
  readonly migration: boolean;
}

const smallEntry = (vma: Vma, from: Inherited, i: number): Entry => {
  if (from.migration) {
    const readType = from.anonExclusive ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
    return mkSwapEntry(from.write ? SWP_MIGRATION_WRITE : readType, from.page + i, from.young, from.dirty);
  }
  let bits = maybeMkwrite(vmPageProt(vma), vma);
  if (!from.write) bits &= ~PTE_RW;
  if (!from.young) bits &= ~PTE_ACCESSED;
  return mkEntry(from.page + i, bits); // clean: PG_dirty of the folio keeps the knowledge
};

/** A huge migration entry becomes 512 small ones; no counts change. */
const splitMigrationPmd = (m: Machine, vma: Vma, pmdRow: EntryRow): void => {
  const old = m.entries.get(pmdRow);
  const from: Inherited = {
    page: entryPfn(old),
    write: isWritableMigrationEntry(old),
    young: swapYoung(old),
    dirty: swapDirty(old),
    anonExclusive: swapType(old) === SWP_MIGRATION_READ_EXCLUSIVE,
    migration: true,
  };
  const table = pgtableTransHugeWithdraw(m, pmdRow);
  for (let i = 0; i < HPAGE_PMD_NR; i++) m.entries.set(pmdFold(pmdRow, table, i), smallEntry(vma, from, i));
  m.entries.set(pmdRow, mkEntry(table, PAGE_TABLE_BITS));
};

/** The mapping as a whole ends, the mappings of the pages have begun. */
const dropCompoundMapping = (m: Machine, folio: Pfn, vma: Vma): void => {
  const left = m.pages.compoundMapcount.get(folio) - 1;
  if (left > 0) setFlags(m, folio, PG_double_map);
  else clearFlags(m, folio, PG_double_map);
  m.pages.compoundMapcount.set(folio, left);
  if (vmaMlocksPages(vma)) munlockPage(m, folio);
};

/** The page cache still has the pages, so the mapping simply ends; the next faults find them one by one. */
const zapHugeFilePmd = (m: Machine, vma: Vma, haddr: Vpn, pmdRow: EntryRow): void => {
  const old = m.entries.get(pmdRow);
  const folio = entryPfn(old);
  m.entries.set(pmdRow, 0);
  mmuNotifierInvalidateRange(m, vma.mm, haddr, haddr + HPAGE_PMD_NR);
  if (!isMigrationEntry(old)) {
    if (pteDirty(old)) setPageDirty(m, folio);
    if (pteYoung(old)) setFlags(m, folio, PG_referenced);
    pageRemoveRmap(m, folio, vma, true);
    folioPut(m, folio, 'page table entry');
  }
  m.addRss(vma.mm, mmCounter(m, folio), -HPAGE_PMD_NR);
};

/**
 * The huge entry is replaced by a page table of the same pages.
 *
 * Kernel: `mm/huge_memory.c: __split_huge_pmd_locked`
 *
 * @param freeze - make migration entries, for a caller that holds the folio locked; a pinned page stays mapped
 */
const splitHugePmdLocked = (m: Machine, vma: Vma, haddr: Vpn, pmdRow: EntryRow, freeze: boolean): void => {
  m.countVmEvent('thp_split_pmd');
  const old = m.entries.get(pmdRow);
  m.trace.decide('thp.split', entryPfn(old), freeze ? 1 : 0);
  if (!vmaIsAnonymous(vma)) {
    zapHugeFilePmd(m, vma, haddr, pmdRow);
    return;
  }
  if (isHugeZeroPmd(m, old)) {
    splitHugeZeroPagePmd(m, vma, pmdRow);
    return;
  }
  if (isMigrationEntry(old)) {
    splitMigrationPmd(m, vma, pmdRow);
    return;
  }
  const folio = entryPfn(old);
  if (pteDirty(old)) setFlags(m, folio, PG_dirty);
  folioRefAdd(m, folio, HPAGE_PMD_NR - 1, 'page table entry');
  const anonExclusive = pageAnon(m, folio) && testFlags(m, folio, PG_anon_exclusive);
  const migration = freeze && (!anonExclusive || pageTryShareAnonRmap(m, folio));
  const from: Inherited = {
    page: folio,
    write: pteWrite(old),
    young: pteYoung(old),
    dirty: pteDirty(old),
    anonExclusive,
    migration,
  };
  const table = pgtableTransHugeWithdraw(m, pmdRow);
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    if (!migration && anonExclusive) setFlags(m, folio + i, PG_anon_exclusive);
    m.entries.set(pmdFold(pmdRow, table, i), smallEntry(vma, from, i));
    m.pages.mapcount.set(folio + i, m.pages.mapcount.get(folio + i) + 1);
  }
  dropCompoundMapping(m, folio, vma);
  m.entries.set(pmdRow, mkEntry(table, PAGE_TABLE_BITS));
  if (!migration) return;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    pageRemoveRmap(m, folio + i, vma, false);
    folioPut(m, folio, 'page table entry');
  }
};

/**
 * Splits the huge entry at an address, if there still is one; the folio stays whole.
 *
 * Kernel: `mm/huge_memory.c: __split_huge_pmd`
 *
 * @param folio - only if the entry maps this folio
 */
export const splitHugePmd = atomic(
  '__split_huge_pmd',
  (m, vma: Vma, pmdRow: EntryRow, vpn: Vpn, freeze: boolean, folio?: Pfn): void => {
    const start = hugeStart(vpn);
    const range: MmuNotifierRange = {
      event: 'CLEAR',
      mm: vma.mm,
      start,
      end: start + HPAGE_PMD_NR,
      owner: 0,
    };
    mmuNotifierInvalidateRangeStart(m, range);
    const entry = m.entries.get(pmdRow);
    const wanted = folio === undefined || (pmdLeaf(entry) && entryPfn(entry) === folio);
    if (isHugePmd(entry) && wanted) splitHugePmdLocked(m, vma, start, pmdRow, freeze);
    mmuNotifierInvalidateRangeEnd(m, range);
  },
);

/** Kernel: `mm/huge_memory.c: split_huge_pmd_address` */
export const splitHugePmdAddress = (m: Machine, vma: Vma, vpn: Vpn, freeze: boolean, folio?: Pfn): void => {
  const pmdRow = pmdOffset(m, m.mms.get(vma.mm), vpn);
  if (pmdRow !== NO_ROW) splitHugePmd(m, vma, pmdRow, vpn, freeze, folio);
};

/** Kernel: `mm/huge_memory.c: split_huge_pmd_if_needed` */
const splitHugePmdIfNeeded = (m: Machine, vma: Vma, vpn: Vpn): void => {
  const start = hugeStart(vpn);
  const inside = start >= vma.vmStart && start + HPAGE_PMD_NR <= vma.vmEnd;
  if (vpn !== start && inside) splitHugePmdAddress(m, vma, vpn, false);
};

/**
 * Before the ends of a VMA move: no huge entry may cross them.
 *
 * Kernel: `mm/huge_memory.c: vma_adjust_trans_huge`
 *
 * @param next - the neighbour whose start moves as well
 * @param nextStart - where it will start
 */
export const vmaAdjustTransHuge = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  next?: Vma,
  nextStart?: Vpn,
): void => {
  splitHugePmdIfNeeded(m, vma, start);
  splitHugePmdIfNeeded(m, vma, end);
  if (next !== undefined && nextStart !== undefined) splitHugePmdIfNeeded(m, next, nextStart);
};

// --- a huge page becomes 512 small ones ----------------------------------------------------------------------------

const FLAGS_OF_TAILS =
  PG_referenced |
  PG_swapbacked |
  PG_mlocked |
  PG_uptodate |
  PG_active |
  PG_workingset |
  PG_locked |
  PG_unevictable |
  PG_dirty;

/** Kernel: `mm/huge_memory.c: __split_huge_page_tail` */
const splitHugePageTail = (m: Machine, head: Pfn, i: number, list: Pfn[] | undefined): void => {
  const tail = head + i;
  bugOn(m.pages.mapcount.get(tail) !== 0, '__split_huge_page_tail: page is mapped');
  m.pages.flags.set(tail, m.pages.flags.get(head) & FLAGS_OF_TAILS);
  m.pages.mapping.set(tail, m.pages.mapping.get(head));
  m.pages.index.set(tail, m.pages.index.get(head) + i);
  m.pages.mlockCount.set(tail, 0);
  m.pages.tailOffset.set(tail, 0);
  setPageCount(m, tail, 1, 'split');
  // whoever has isolated the huge page, reclaim or a migration, takes the tails along
  if (list !== undefined) {
    folioRefAdd(m, tail, 1, 'LRU isolation');
    list.push(tail);
    return;
  }
  if (testFlags(m, head, PG_lru)) lruAddPageTail(m, head, tail);
  else lruvecAddFolio(m, tail);
  setFlags(m, tail, PG_lru);
};

/** Kernel: `mm/huge_memory.c: __split_huge_page` */
const splitHugePage = (m: Machine, head: Pfn, page: Pfn, holder: HolderKind, list?: Pfn[]): void => {
  const nr = folioNrPages(m, head);
  for (let i = nr - 1; i >= 1; i--) splitHugePageTail(m, head, i, list);
  const cached = !pageAnon(m, head);
  if (cached) {
    // each page has its own place in the cache now, and the cache its reference on each
    for (let i = 1; i < nr; i++) {
      folioRefAdd(m, head, -1, 'page cache');
      folioRefAdd(m, head + i, 1, 'page cache');
    }
  }
  unqueueDeferredSplit(m, head);
  clearFlags(m, head, PG_head | PG_double_map);
  m.pages.order.set(head, 0);
  // the one reference that was left belongs to the caller, and stays with the page it named
  if (page !== head) {
    folioRefAdd(m, page, 1, holder);
    folioRefAdd(m, page, -1, 'split');
    folioRefAdd(m, head, 1, 'split');
    folioRefAdd(m, head, -1, holder);
  }
  if (!cached) for (let i = 0; i < nr; i++) removeMigrationPtes(m, head + i, head + i);
  for (let i = 0; i < nr; i++) {
    if (head + i === page) continue;
    clearFlags(m, head + i, PG_locked);
    folioPut(m, head + i, 'split');
  }
};

/** References of the page cache. */
const extraPins = (m: Machine, folio: Pfn): number => (pageAnon(m, folio) ? 0 : folioNrPages(m, folio));

/** Kernel: `mm/huge_memory.c: can_split_folio` */
export const canSplitFolio = (m: Machine, folio: Pfn): boolean =>
  folioMapcount(m, folio) === m.pages.refcount.get(folio) - extraPins(m, folio) - 1;

/** Nobody may map the folio while it is split. Kernel: `mm/huge_memory.c: unmap_folio` */
const unmapFolio = (m: Machine, folio: Pfn): void => {
  if (pageAnon(m, folio)) tryToMigrate(m, folio, 'split');
  else tryToUnmap(m, folio, { ignoreMlock: true });
};

const trySplit = (m: Machine, folio: Pfn, page: Pfn, holder: HolderKind, list?: Pfn[]): number => {
  const anon = pageAnon(m, folio);
  // its anchor, or its file, may be gone
  if (anon ? !folioMapped(m, folio) : pageMapping(m, folio) === 0) return -EBUSY;
  if (!canSplitFolio(m, folio)) return -EAGAIN;
  unmapFolio(m, folio);
  if (m.pages.refcount.get(folio) !== 1 + extraPins(m, folio)) {
    if (anon) removeMigrationPtes(m, folio, folio);
    return -EAGAIN;
  }
  splitHugePage(m, folio, page, holder, list);
  return 0;
};

/**
 * Splits a huge page into its 512 pages, everywhere it is mapped. The caller holds the only reference besides the
 * mappings, and the lock; both end up with `page`.
 *
 * Kernel: `mm/huge_memory.c: split_huge_page_to_list`
 *
 * @param holder - who the caller's reference belongs to
 * @param list - for an isolated folio: takes the other pages, each with a reference, the last page first
 * @returns 0; -EBUSY or -EAGAIN: somebody else holds it
 */
export const splitHugePageToList = atomic(
  'split_huge_page_to_list',
  (m, page: Pfn, holder: HolderKind = 'kernel', list?: Pfn[]): number => {
    const folio = compoundHead(m, page);
    bugOn(!testFlags(m, folio, PG_locked), 'split_huge_page_to_list: folio is not locked');
    bugOn(!folioTestLarge(m, folio), 'split_huge_page_to_list: folio is small');
    if (isHugeZeroPage(m, folio) || testFlags(m, folio, PG_writeback)) return -EBUSY;
    const ret = trySplit(m, folio, page, holder, list);
    m.countVmEvent(ret === 0 ? 'thp_split_page' : 'thp_split_page_failed');
    return ret;
  },
);

// --- migration of a whole huge page -----------------------------------------------------------------------------------

/**
 * Replaces a huge entry by one huge migration entry.
 *
 * Kernel: `mm/huge_memory.c: set_pmd_migration_entry`
 *
 * @returns false if the page may be pinned and keeps its entry
 */
export const setPmdMigrationEntry = (m: Machine, folio: Pfn, vma: Vma, pmdRow: EntryRow): boolean => {
  const entry = m.entries.get(pmdRow);
  const anonExclusive = pageAnon(m, folio) && testFlags(m, folio, PG_anon_exclusive);
  if (anonExclusive && !pageTryShareAnonRmap(m, folio)) return false;
  if (pteDirty(entry)) setPageDirty(m, folio);
  const readType = anonExclusive ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
  const type = pteWrite(entry) ? SWP_MIGRATION_WRITE : readType;
  m.entries.set(pmdRow, mkSwapEntry(type, folio, pteYoung(entry), pteDirty(entry)));
  pageRemoveRmap(m, folio, vma, true);
  folioPut(m, folio, 'page table entry');
  return true;
};

/** Kernel: `mm/huge_memory.c: remove_migration_pmd` */
export const removeMigrationPmd = (m: Machine, vma: Vma, vpn: Vpn, pmdRow: EntryRow, newFolio: Pfn): void => {
  const entry = m.entries.get(pmdRow);
  folioGet(m, newFolio, 'page table entry');
  let bits = vmPageProt(vma) | PTE_PSE;
  if (!swapYoung(entry)) bits &= ~PTE_ACCESSED;
  if (testFlags(m, newFolio, PG_dirty) && swapDirty(entry)) bits |= PTE_DIRTY;
  bits = isWritableMigrationEntry(entry) ? maybeMkwrite(bits, vma) : bits & ~PTE_RW;
  const exclusive = !isReadableMigrationEntry(entry);
  if (pageAnon(m, newFolio)) pageAddAnonRmap(m, newFolio, vma, hugeStart(vpn), { compound: true, exclusive });
  else pageAddFileRmap(m, newFolio, vma, true);
  m.entries.set(pmdRow, mkEntry(newFolio, bits));
};
