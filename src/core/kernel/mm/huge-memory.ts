// mm/huge_memory.c: anonymous memory in pages of 2 MiB, mapped by one PMD entry.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { RSS_ANON } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { HUGE_ZERO_PFN } from '../../machine/scalars.ts';
import { EAGAIN, EFAULT, EMLINK, ENOMEM } from '../../uapi/errno.ts';
import { __GFP_MOVABLE, __GFP_ZERO, GFP_TRANSHUGE } from '../../uapi/gfp.ts';
import { FOLL_DUMP, FOLL_FORCE, FOLL_TOUCH, FOLL_WRITE } from '../../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_locked, PG_uptodate } from '../../uapi/page-flags.ts';
import {
  clearBits,
  type Entry,
  entryBits,
  entryPfn,
  isMigrationEntry,
  isWritableMigrationEntry,
  mkEntry,
  mkSwapEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_PSE,
  PTE_RW,
  PTE_SPECIAL,
  PTE_USER,
  pmdLeaf,
  pteDirty,
  ptePresent,
  pteProtnone,
  pteWrite,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  setBits,
  swapDirty,
  swapYoung,
} from '../../uapi/pte.ts';
import {
  type EntryRow,
  HPAGE_PMD_NR,
  HPAGE_PMD_ORDER,
  NO_PFN,
  type Pfn,
  type Vpn,
} from '../../uapi/units.ts';
import {
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  VM_FAULT_FALLBACK,
  VM_FAULT_OOM,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_SHARED,
  VM_SPECIAL,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { mmCounter } from './fault.ts';
import { gupMustUnshare, tryGrabPage } from './gup-grab.ts';
import { type MmuGather, tlbFlushMmu, tlbRemovePage, tlbRemoveTlbEntry } from './mmu-gather.ts';
import { allocPages } from './page-alloc.ts';
import {
  clearFlags,
  compoundHead,
  folioGet,
  folioMaybeDmaPinned,
  moveReference,
  pageAnon,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { allocTable, freeTable } from './page-table.ts';
import { pageAddNewAnonRmap, pageMoveAnonRmap, pageRemoveRmap } from './rmap.ts';
import { anonVmaPrepare } from './anon-vma.ts';
import { folioPut, lruCacheAddInactiveOrUnevictable, setPageDirty } from './swap.ts';
import { maybeMkwrite, vmaIsAnonymous, vmPageProt } from './vma.ts';
import { splitHugePmd } from './huge-split.ts';

/** Page behind a huge entry; none: fault first; or the errno that ends the lookup. */
export type FollowedPage =
  | { readonly kind: 'page'; readonly page: Pfn }
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly err: number };

/** First page of the 2 MiB unit around an address. Kernel: `include/linux/huge_mm.h: HPAGE_PMD_MASK` */
export const hugeStart = (vpn: Vpn): Vpn => vpn - (vpn % HPAGE_PMD_NR);

// --- which areas and entries ---------------------------------------------------------------------------

/**
 * Whether the 2 MiB unit around an address lies in the VMA whole, and if it is a file's, in step with the file.
 *
 * Kernel: `include/linux/huge_mm.h: transhuge_vma_suitable`
 */
export const hugeVmaSuitable = (vma: Vma, vpn: Vpn): boolean => {
  const start = hugeStart(vpn);
  if (!vmaIsAnonymous(vma) && (vma.vmStart - vma.vmPgoff) % HPAGE_PMD_NR !== 0) return false;
  return start >= vma.vmStart && start + HPAGE_PMD_NR <= vma.vmEnd;
};

/**
 * Whether faults of an area may try a huge page. Mode `madvise`: only where MADV_HUGEPAGE was given.
 *
 * Kernel: `mm/huge_memory.c: hugepage_vma_check`, as a page fault asks it
 * Simplified: neither DAX nor files.
 */
export const hugepageVmaCheck = (m: Machine, vma: Vma): boolean => {
  if (!m.kernel.CONFIG_TRANSPARENT_HUGEPAGE) return false;
  if ((vma.vmFlags & (VM_NOHUGEPAGE | VM_SPECIAL | VM_HUGETLB)) !== 0) return false;
  return (vma.vmFlags & VM_HUGEPAGE) !== 0 && vmaIsAnonymous(vma);
};

/** Kernel: `include/linux/huge_mm.h: is_huge_zero_page` */
export const isHugeZeroPage = (m: Machine, pfn: Pfn): boolean =>
  m.scalars.get(HUGE_ZERO_PFN) === compoundHead(m, pfn) + 1;

/** Kernel: `include/linux/huge_mm.h: is_huge_zero_pmd` */
export const isHugeZeroPmd = (m: Machine, entry: Entry): boolean =>
  pmdLeaf(entry) && m.scalars.get(HUGE_ZERO_PFN) === entryPfn(entry) + 1;

/** A huge leaf or a huge migration entry. Kernel: `include/linux/huge_mm.h: pmd_trans_huge_lock` */
export const isHugePmd = (entry: Entry): boolean => pmdLeaf(entry) || isMigrationEntry(entry);

/**
 * The huge zero page, allocated when first read.
 *
 * Kernel: `mm/huge_memory.c: mm_get_huge_zero_page`
 * Simplified: no shrinker gives it back, so its users are not counted.
 */
const mmGetHugeZeroPage = (m: Machine): Pfn => {
  const known = m.scalars.get(HUGE_ZERO_PFN);
  if (known !== 0) return known - 1;
  const page = allocPages(m, (GFP_TRANSHUGE | __GFP_ZERO) & ~__GFP_MOVABLE, HPAGE_PMD_ORDER);
  if (page === NO_PFN) return NO_PFN;
  setFlags(m, page, PG_uptodate);
  moveReference(m, page, 'allocation', 'kernel');
  m.scalars.set(HUGE_ZERO_PFN, page + 1);
  return page;
};

// --- the page table kept for the day of the split --------------------------------------------------------

/** Kernel: `mm/pgtable-generic.c: pgtable_trans_huge_deposit` */
export const pgtableTransHugeDeposit = (m: Machine, pmdRow: EntryRow, table: Pfn): void => {
  m.deposits.set(pmdRow, table);
};

/** Kernel: `mm/pgtable-generic.c: pgtable_trans_huge_withdraw` */
export const pgtableTransHugeWithdraw = (m: Machine, pmdRow: EntryRow): Pfn => {
  const table = m.deposits.get(pmdRow);
  bugOn(table === undefined, 'pgtable_trans_huge_withdraw: nothing deposited');
  m.deposits.delete(pmdRow);
  return table ?? NO_PFN;
};

/** Kernel: `mm/huge_memory.c: zap_deposited_table` */
const zapDepositedTable = (m: Machine, pmdRow: EntryRow): void =>
  freeTable(m, pgtableTransHugeWithdraw(m, pmdRow));

// --- faults ------------------------------------------------------------------------------------------------

const hugeFallback = (m: Machine, vpn: Vpn): number => {
  m.countVmEvent('thp_fault_fallback');
  m.trace.decide('thp.fallback', vpn);
  return VM_FAULT_FALLBACK;
};

/** A read maps the huge zero page, read-only. */
const mapHugeZeroPage = (m: Machine, vma: Vma, vpn: Vpn, pmdRow: EntryRow): number => {
  const table = allocTable(m);
  if (table === NO_PFN) return VM_FAULT_OOM;
  const zeroPage = mmGetHugeZeroPage(m);
  if (zeroPage === NO_PFN) {
    freeTable(m, table);
    return hugeFallback(m, vpn);
  }
  pgtableTransHugeDeposit(m, pmdRow, table);
  m.entries.set(pmdRow, mkEntry(zeroPage, vmPageProt(vma) | PTE_PSE));
  return 0;
};

/**
 * First touch of a 2 MiB unit in an area with MADV_HUGEPAGE: one zeroed folio of 512 pages, or the huge zero page.
 *
 * Kernel: `mm/huge_memory.c: do_huge_pmd_anonymous_page`
 *
 * @returns 0; VM_FAULT_FALLBACK, then the caller goes on with small pages; VM_FAULT_OOM
 */
export const doHugePmdAnonymousPage = sleepable(
  'do_huge_pmd_anonymous_page',
  function* (m, area: Vma, vpn: Vpn, pmdRow: EntryRow, flags: number): Sleeps<number> {
    if (!hugeVmaSuitable(area, vpn)) return VM_FAULT_FALLBACK;
    const vma = anonVmaPrepare(m, area);
    if ((flags & FAULT_FLAG_WRITE) === 0) return mapHugeZeroPage(m, vma, vpn, pmdRow);
    const folio = allocPages(m, GFP_TRANSHUGE | __GFP_ZERO, HPAGE_PMD_ORDER);
    if (folio === NO_PFN) return hugeFallback(m, vpn);
    const table = allocTable(m);
    if (table === NO_PFN) {
      folioPut(m, folio, 'allocation');
      return VM_FAULT_OOM;
    }
    setFlags(m, folio, PG_uptodate);
    mapNewHugePage(m, vma, hugeStart(vpn), pmdRow, folio, table);
    m.addRss(vma.mm, RSS_ANON, HPAGE_PMD_NR);
    m.countVmEvent('thp_fault_alloc');
    return 0;
  },
);

/**
 * Maps a folio that nobody has seen yet; its allocation reference becomes that of the mapping.
 *
 * Ours: the common end of __do_huge_pmd_anonymous_page and collapse_huge_page.
 */
export const mapNewHugePage = (
  m: Machine,
  vma: Vma,
  haddr: Vpn,
  pmdRow: EntryRow,
  folio: Pfn,
  table: Pfn,
): void => {
  pageAddNewAnonRmap(m, folio, vma, haddr);
  lruCacheAddInactiveOrUnevictable(m, folio, vma);
  pgtableTransHugeDeposit(m, pmdRow, table);
  moveReference(m, folio, 'allocation', 'page table entry');
  m.entries.set(pmdRow, mkEntry(folio, maybeMkwrite(vmPageProt(vma) | PTE_PSE | PTE_DIRTY, vma)));
};

/**
 * Write to a read-only huge entry, or a read-only pin of a page that is not exclusive. Taken over if this is the only
 * reference; otherwise the entry is split and the small-page path copies one page.
 *
 * Kernel: `mm/huge_memory.c: do_huge_pmd_wp_page`
 *
 * @returns 0; VM_FAULT_FALLBACK: the PMD entry points to a page table now
 */
export const doHugePmdWpPage = sleepable(
  'do_huge_pmd_wp_page',
  function* (m, vma: Vma, vpn: Vpn, pmdRow: EntryRow, flags: number): Sleeps<number> {
    const entry = m.entries.get(pmdRow);
    if (!isHugeZeroPmd(m, entry)) {
      const folio = entryPfn(entry);
      if (!testFlags(m, folio, PG_anon_exclusive)) {
        while (testFlags(m, folio, PG_locked)) yield { kind: 'page-lock', pfn: folio };
        if (m.entries.get(pmdRow) !== entry) return 0;
      }
      if (testFlags(m, folio, PG_anon_exclusive)) return reuseHugePmd(m, vma, pmdRow, flags);
      if (m.pages.refcount.get(folio) === 1) {
        pageMoveAnonRmap(m, folio, vma);
        return reuseHugePmd(m, vma, pmdRow, flags);
      }
    }
    splitHugePmd(m, vma, pmdRow, vpn, false);
    return VM_FAULT_FALLBACK;
  },
);

const reuseHugePmd = (m: Machine, vma: Vma, pmdRow: EntryRow, flags: number): number => {
  if ((flags & FAULT_FLAG_UNSHARE) !== 0) return 0;
  const entry = setBits(m.entries.get(pmdRow), PTE_ACCESSED | PTE_DIRTY);
  m.entries.set(pmdRow, setBits(entry, maybeMkwrite(0, vma)));
  return 0;
};

/**
 * Marks the entry young, and dirty for a write. x86 writes the entry back only in the latter case.
 *
 * Kernel: `mm/huge_memory.c: touch_pmd`, `arch/x86/mm/pgtable.c: pmdp_set_access_flags`
 */
const touchPmd = (m: Machine, pmdRow: EntryRow, write: boolean): void => {
  if (write) m.entries.set(pmdRow, setBits(m.entries.get(pmdRow), PTE_ACCESSED | PTE_DIRTY));
};

/** A fault that found a sufficient huge entry. Kernel: `mm/huge_memory.c: huge_pmd_set_accessed` */
export const hugePmdSetAccessed = (m: Machine, _vma: Vma, _vpn: Vpn, pmdRow: EntryRow, flags: number): void =>
  touchPmd(m, pmdRow, (flags & FAULT_FLAG_WRITE) !== 0);

// --- GUP -------------------------------------------------------------------------------------------------------

/** FOLL_FORCE may write through a read-only entry of an exclusive page. Kernel: `mm/huge_memory.c: can_follow_write_pmd` */
const canFollowWritePmd = (m: Machine, entry: Entry, page: Pfn, vma: Vma, gupFlags: number): boolean => {
  if (pteWrite(entry)) return true;
  if ((gupFlags & FOLL_FORCE) === 0) return false;
  if ((vma.vmFlags & (VM_MAYSHARE | VM_SHARED)) !== 0) return false;
  if ((vma.vmFlags & VM_MAYWRITE) === 0) return false;
  if ((vma.vmFlags & VM_WRITE) !== 0) return false;
  return pageAnon(m, page) && testFlags(m, page, PG_anon_exclusive);
};

/**
 * Looks up one page under a huge entry and grabs its folio.
 *
 * Kernel: `mm/huge_memory.c: follow_trans_huge_pmd`
 */
export const followTransHugePmd = atomic(
  'follow_trans_huge_pmd',
  (m, vma: Vma, vpn: Vpn, pmdRow: EntryRow, gupFlags: number): FollowedPage => {
    const entry = m.entries.get(pmdRow);
    const head = entryPfn(entry);
    if ((gupFlags & FOLL_WRITE) !== 0 && !canFollowWritePmd(m, entry, head, vma, gupFlags)) {
      return { kind: 'none' };
    }
    if ((gupFlags & FOLL_DUMP) !== 0 && isHugeZeroPmd(m, entry)) return { kind: 'error', err: -EFAULT };
    if (pteProtnone(entry) && (gupFlags & FOLL_FORCE) === 0) return { kind: 'none' };
    if (!pteWrite(entry) && gupMustUnshare(m, gupFlags, head)) return { kind: 'error', err: -EMLINK };
    if (!tryGrabPage(m, head, gupFlags)) return { kind: 'error', err: -ENOMEM };
    if ((gupFlags & FOLL_TOUCH) !== 0) touchPmd(m, pmdRow, (gupFlags & FOLL_WRITE) !== 0);
    return { kind: 'page', page: head + (vpn % HPAGE_PMD_NR) };
  },
);

// --- fork, unmap, mprotect, mremap ---------------------------------------------------------------------------

/** Kernel: `include/linux/rmap.h: page_try_dup_anon_rmap`, for a whole huge page */
export const pageTryDupHugeRmap = (m: Machine, folio: Pfn, srcMm: Mm): boolean => {
  if (testFlags(m, folio, PG_anon_exclusive)) {
    if (m.mms.get(srcMm.id).hasPinned && folioMaybeDmaPinned(m, folio)) return false;
    clearFlags(m, folio, PG_anon_exclusive);
  }
  m.pages.compoundMapcount.set(folio, m.pages.compoundMapcount.get(folio) + 1);
  return true;
};

/**
 * fork: the child maps the same huge page, both read-only. A pinned page is split, and copied page by page.
 *
 * Kernel: `mm/huge_memory.c: copy_huge_pmd`
 *
 * @returns 0; -EAGAIN: copy page by page instead; -ENOMEM
 */
export const copyHugePmd = atomic(
  'copy_huge_pmd',
  (
    m,
    dstMm: Mm,
    srcMm: Mm,
    dstPmdRow: EntryRow,
    srcPmdRow: EntryRow,
    vpn: Vpn,
    dstVma: Vma,
    srcVma: Vma,
  ): number => {
    if (!vmaIsAnonymous(dstVma)) return 0;
    const entry = m.entries.get(srcPmdRow);
    if (!isHugePmd(entry)) return -EAGAIN;
    const table = allocTable(m);
    if (table === NO_PFN) return -ENOMEM;
    if (isMigrationEntry(entry)) {
      const shared = mkSwapEntry(SWP_MIGRATION_READ, entryPfn(entry), swapYoung(entry), swapDirty(entry));
      m.entries.set(srcPmdRow, shared);
      m.addRss(dstMm.id, RSS_ANON, HPAGE_PMD_NR);
      pgtableTransHugeDeposit(m, dstPmdRow, table);
      m.entries.set(dstPmdRow, shared);
      return 0;
    }
    if (!isHugeZeroPmd(m, entry)) {
      const folio = entryPfn(entry);
      if (!pageTryDupHugeRmap(m, folio, srcMm)) {
        m.trace.decide('fork.early-copy', vpn, folio);
        freeTable(m, table);
        splitHugePmd(m, srcVma, srcPmdRow, vpn, false);
        return -EAGAIN;
      }
      m.trace.decide('fork.share', vpn, folio);
      folioGet(m, folio, 'page table entry');
      m.addRss(dstMm.id, RSS_ANON, HPAGE_PMD_NR);
    }
    pgtableTransHugeDeposit(m, dstPmdRow, table);
    m.entries.set(srcPmdRow, clearBits(entry, PTE_RW));
    m.entries.set(dstPmdRow, clearBits(entry, PTE_RW | PTE_ACCESSED));
    return 0;
  },
);

/**
 * Unmaps a whole huge entry; its folio is put after the flush.
 *
 * Kernel: `mm/huge_memory.c: zap_huge_pmd`
 *
 * @returns false if the entry is no longer huge
 */
export const zapHugePmd = atomic(
  'zap_huge_pmd',
  (m, tlb: MmuGather, vma: Vma, pmdRow: EntryRow, vpn: Vpn): boolean => {
    const entry = m.entries.get(pmdRow);
    if (!isHugePmd(entry)) return false;
    m.entries.set(pmdRow, 0);
    tlbRemoveTlbEntry(m, tlb, hugeStart(vpn), HPAGE_PMD_NR);
    // only anonymous memory keeps a table for the day of the split
    if (vmaIsAnonymous(vma)) zapDepositedTable(m, pmdRow);
    if (isHugeZeroPmd(m, entry)) return true;
    const folio = entryPfn(entry);
    if (ptePresent(entry)) pageRemoveRmap(m, folio, vma, true);
    m.addRss(vma.mm, mmCounter(m, folio), -HPAGE_PMD_NR);
    if (!pageAnon(m, folio) && ptePresent(entry) && pteDirty(entry)) setPageDirty(m, folio);
    if (ptePresent(entry) && tlbRemovePage(m, tlb, folio)) tlbFlushMmu(m, tlb);
    return true;
  },
);

/** What change_huge_pmd did. Ours: the kernel marks the gather itself. */
export interface HugePmdChange {
  /** 0: no longer huge; 1: nothing to flush for; 512: changed. */
  readonly pages: number;
  /** The processor may still use the old permissions. */
  readonly flush: boolean;
}

const FLUSH_ON_CLEAR = PTE_DIRTY | PTE_PRESENT | PTE_ACCESSED;
const FLUSH_ON_CHANGE = PTE_RW | PTE_USER | PTE_PROTNONE;

/** Kernel: `arch/x86/include/asm/tlbflush.h: huge_pmd_needs_flush` */
const hugePmdNeedsFlush = (before: Entry, after: Entry): boolean => {
  if ((before & PTE_PRESENT) === 0) return false;
  const diff = entryBits(before) ^ entryBits(after);
  return (diff & entryBits(before) & FLUSH_ON_CLEAR) !== 0 || (diff & FLUSH_ON_CHANGE) !== 0;
};

/**
 * mprotect of a whole huge entry. Write permission is never added here: the next write fault does that.
 *
 * Kernel: `mm/huge_memory.c: change_huge_pmd`
 */
export const changeHugePmd = atomic(
  'change_huge_pmd',
  (m, vma: Vma, pmdRow: EntryRow, _vpn: Vpn, newVmFlags: number): HugePmdChange => {
    const before = m.entries.get(pmdRow);
    if (!isHugePmd(before)) return { pages: 0, flush: false };
    if (isMigrationEntry(before)) {
      if (isWritableMigrationEntry(before)) {
        m.entries.set(
          pmdRow,
          mkSwapEntry(SWP_MIGRATION_READ_EXCLUSIVE, entryPfn(before), swapYoung(before), swapDirty(before)),
        );
      }
      return { pages: 1, flush: false };
    }
    const kept = entryBits(before) & (PTE_ACCESSED | PTE_DIRTY | PTE_PSE | PTE_SPECIAL);
    const prot = vmPageProt({ ...vma, vmFlags: newVmFlags }) & ~PTE_ACCESSED;
    const after = mkEntry(entryPfn(before), kept | prot);
    m.entries.set(pmdRow, after);
    return { pages: HPAGE_PMD_NR, flush: hugePmdNeedsFlush(before, after) };
  },
);

/**
 * mremap of a whole huge entry.
 *
 * Kernel: `mm/huge_memory.c: move_huge_pmd`
 *
 * @returns false if the entry is no longer huge, or the new place is taken
 */
export const moveHugePmd = atomic(
  'move_huge_pmd',
  (m, vma: Vma, _oldVpn: Vpn, _newVpn: Vpn, oldPmdRow: EntryRow, newPmdRow: EntryRow): boolean => {
    const entry = m.entries.get(oldPmdRow);
    if (m.entries.get(newPmdRow) !== 0 || !isHugePmd(entry)) return false;
    m.entries.set(oldPmdRow, 0);
    if (vmaIsAnonymous(vma)) {
      pgtableTransHugeDeposit(m, newPmdRow, pgtableTransHugeWithdraw(m, oldPmdRow));
    }
    m.entries.set(newPmdRow, entry);
    return true;
  },
);
