// mm/memory.c: page faults of small pages. Which function serves a fault depends only on the entry found.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON, RSS_FILE, RSS_SHMEM } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { GFP_HIGHUSER_MOVABLE, __GFP_ZERO } from '../../uapi/gfp.ts';
import { PG_anon_exclusive, PG_ksm, PG_lru, PG_swapbacked, PG_uptodate } from '../../uapi/page-flags.ts';
import {
  clearBits,
  type Entry,
  entryPfn,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isMigrationEntry,
  isRealSwapEntry,
  isSwapEntry,
  isWritableDeviceExclusiveEntry,
  mkEntry,
  pmdLeaf,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_SPECIAL,
  pteDevmap,
  pteProtnone,
  ptePresent,
  pteWrite,
  setBits,
} from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_RETRY_NOWAIT,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  VM_FAULT_FALLBACK,
  VM_FAULT_HWPOISON,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_SHARED,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { lockPage, migrationEntryWait, trylockPage, unlockPage } from '../sched/locks.ts';
import { doFault, faultDirtySharedPage } from './file-fault.ts';
import {
  doHugePmdAnonymousPage,
  doHugePmdWpPage,
  hugepageVmaCheck,
  hugePmdSetAccessed,
} from './huge-memory.ts';
import { splitHugePmd } from './huge-split.ts';
import { hugetlbFault } from './hugetlb.ts';
import {
  mmuNotifierChangePte,
  mmuNotifierInvalidateRange,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import { vmNormalPage } from './normal-page.ts';
import { doNumaPage } from './numa.ts';
import { allocPageMaySleep } from './page-alloc.ts';
import {
  compoundHead,
  copyHighpage,
  folioGet,
  moveReference,
  pageAnon,
  pageCount,
  pageMapcount,
  pagePgmap,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { pmdAlloc, pteAlloc, pteOffset } from './page-table.ts';
import { pageAddAnonRmap, pageAddNewAnonRmap, pageMoveAnonRmap, pageRemoveRmap } from './rmap.ts';
import { anonVmaPrepare } from './anon-vma.ts';
import { folioPut, lruAddDrain, lruCacheAddInactiveOrUnevictable, putPage, setPageDirty } from './swap.ts';
import { freeSwapCache, folioFreeSwap, folioTestSwapcache } from './swapfile.ts';
import { swapInPage } from './swap-fault.ts';
import { isVmHugetlbPage, maybeMkwrite, vmaIsAccessible, vmaIsAnonymous, vmPageProt } from './vma.ts';

/** Which resident counter a page counts in. Kernel: `include/linux/mm.h: mm_counter` */
export const mmCounter = (m: Machine, pfn: Pfn): number => {
  if (pageAnon(m, pfn)) return RSS_ANON;
  return testFlags(m, compoundHead(m, pfn), PG_swapbacked) ? RSS_SHMEM : RSS_FILE;
};

/**
 * First touch of private anonymous memory: a read maps the zero page, a write gets a fresh page.
 *
 * Kernel: `mm/memory.c: do_anonymous_page`
 */
export const doAnonymousPage = sleepable(
  'do_anonymous_page',
  function* (m, vma: Vma, vpn: Vpn, pmdRow: EntryRow, flags: number): Sleeps<number> {
    if ((vma.vmFlags & VM_SHARED) !== 0) return VM_FAULT_SIGBUS;
    if (!pteAlloc(m, pmdRow)) return VM_FAULT_OOM;
    const row = pteOffset(m, pmdRow, vpn);
    if ((flags & FAULT_FLAG_WRITE) === 0) {
      m.trace.decide('fault.none.read', vpn);
      m.entries.set(row, mkEntry(m.zeroPfn, vmPageProt(vma) | PTE_SPECIAL));
      return 0;
    }
    m.trace.decide('fault.none.write', vpn);
    const anchored = anonVmaPrepare(m, vma);
    const page = yield* allocPageMaySleep(m, GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
    if (page === NO_PFN) return VM_FAULT_OOM;
    setFlags(m, page, PG_uptodate);
    let bits = vmPageProt(vma);
    if ((vma.vmFlags & VM_WRITE) !== 0) bits = maybeMkwrite(bits | PTE_DIRTY, vma);
    m.addRss(vma.mm, RSS_ANON, 1);
    pageAddNewAnonRmap(m, page, anchored, vpn);
    lruCacheAddInactiveOrUnevictable(m, page, anchored);
    moveReference(m, page, 'allocation', 'page table entry');
    m.entries.set(row, mkEntry(page, bits));
    return 0;
  },
);

/**
 * A write reaches a page that this process may have for itself: the entry becomes writable in place.
 *
 * Kernel: `mm/memory.c: wp_page_reuse`
 */
export const wpPageReuse = (m: Machine, vma: Vma, row: EntryRow, entry: Entry): void => {
  const bits = maybeMkwrite(PTE_DIRTY | PTE_ACCESSED, vma);
  m.entries.set(row, setBits(entry, bits));
  m.countVmEvent('pgreuse');
};

/** Ours: entries that map a page which one process alone could take over; 0 for one that nobody can. */
const mappers = (m: Machine, page: Pfn): number =>
  page === NO_PFN || !pageAnon(m, page) || testFlags(m, page, PG_ksm) ? 0 : pageMapcount(m, page);

/**
 * Gives the process a copy of the page, always in system memory; the old page stays with its other owners.
 * The caller's reference on the old page (holder 'fault handler') is dropped here.
 *
 * Kernel: `mm/memory.c: wp_page_copy`
 *
 * @param oldPage - the page mapped so far; NO_PFN for the zero page, and for DAX memory, whose entry holds no reference
 */
export const wpPageCopy = sleepable(
  'wp_page_copy',
  function* (
    m,
    vma: Vma,
    vpn: Vpn,
    row: EntryRow,
    entry: Entry,
    oldPage: Pfn,
    unshare: boolean,
  ): Sleeps<number> {
    m.trace.decide(unshare ? 'fault.unshare.copy' : 'fault.wp.copy', vpn, oldPage, mappers(m, oldPage));
    const anchored = anonVmaPrepare(m, vma);
    const zeroed = oldPage === NO_PFN && !pteDevmap(entry);
    const gfp = zeroed ? GFP_HIGHUSER_MOVABLE | __GFP_ZERO : GFP_HIGHUSER_MOVABLE;
    const page = yield* allocPageMaySleep(m, gfp);
    if (page === NO_PFN) {
      if (oldPage !== NO_PFN) putPage(m, oldPage, 'fault handler');
      return VM_FAULT_OOM;
    }
    // reclaim may have taken the old page away while this one was allocated
    if (m.entries.get(row) !== entry) {
      folioPut(m, page, 'allocation');
      if (oldPage !== NO_PFN) putPage(m, oldPage, 'fault handler');
      return 0;
    }
    if (!zeroed) copyHighpage(m, page, oldPage === NO_PFN ? entryPfn(entry) : oldPage);
    setFlags(m, page, PG_uptodate);
    const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start: vpn, end: vpn + 1, owner: 0 };
    mmuNotifierInvalidateRangeStart(m, range);
    if (oldPage === NO_PFN) {
      m.addRss(vma.mm, RSS_ANON, 1);
    } else if (!pageAnon(m, oldPage)) {
      m.addRss(vma.mm, mmCounter(m, oldPage), -1);
      m.addRss(vma.mm, RSS_ANON, 1);
    }
    let bits = vmPageProt(vma) | PTE_ACCESSED;
    if (!unshare) bits = maybeMkwrite(bits | PTE_DIRTY, vma);
    // the old entry is cleared and flushed before the new one is written, so no CPU sees both
    m.entries.set(row, 0);
    mmuNotifierInvalidateRange(m, vma.mm, vpn, vpn + 1);
    pageAddNewAnonRmap(m, page, anchored, vpn);
    lruCacheAddInactiveOrUnevictable(m, page, anchored);
    moveReference(m, page, 'allocation', 'page table entry');
    mmuNotifierChangePte(m, vma.mm, vpn);
    m.entries.set(row, mkEntry(page, bits));
    if (oldPage !== NO_PFN) {
      pageRemoveRmap(m, oldPage, vma, false);
      freeSwapCache(m, compoundHead(m, oldPage));
      putPage(m, oldPage, 'page table entry');
    }
    mmuNotifierInvalidateRangeEnd(m, range);
    if (oldPage !== NO_PFN) putPage(m, oldPage, 'fault handler');
    return 0;
  },
);

/** Whether the last owner may keep a page that was shared: nobody else holds it. Locks and unlocks the page. */
const canReuseAnon = (m: Machine, page: Pfn, vma: Vma): boolean => {
  const folio = compoundHead(m, page);
  if (testFlags(m, folio, PG_ksm) || pageCount(m, folio) > 3) return false;
  // a batch on this CPU may hold the last odd reference
  if (!testFlags(m, folio, PG_lru)) lruAddDrain(m);
  if (pageCount(m, folio) > (folioTestSwapcache(m, folio) ? 2 : 1)) return false;
  if (!trylockPage(m, folio)) return false;
  folioFreeSwap(m, folio);
  if (pageCount(m, folio) !== 1) {
    unlockPage(m, folio);
    return false;
  }
  pageMoveAnonRmap(m, page, vma);
  unlockPage(m, folio);
  return true;
};

/**
 * Write to a page of a shared mapping that is mapped read-only: the file hears of it, then the entry becomes writable.
 *
 * Kernel: `mm/memory.c: wp_page_shared`
 */
function* wpPageShared(m: Machine, vma: Vma, row: EntryRow, page: Pfn, flags: number): Sleeps<number> {
  const entry = m.entries.get(row);
  const pageMkwrite = m.files.get(vma.file).kind === 'file';
  folioGet(m, page, 'fault handler');
  yield* lockPage(m, page);
  let ret = VM_FAULT_NOPAGE;
  if (m.entries.get(row) === entry) {
    if (pageMkwrite) setPageDirty(m, page);
    wpPageReuse(m, vma, row, entry);
    ret = faultDirtySharedPage(m, page, flags, pageMkwrite);
  } else {
    unlockPage(m, page);
  }
  putPage(m, page, 'fault handler');
  return ret;
}

/**
 * A write, or a pin that must not share, meets a read-only entry.
 *
 * Kernel: `mm/memory.c: do_wp_page`
 */
export const doWpPage = sleepable(
  'do_wp_page',
  function* (m, vma: Vma, vpn: Vpn, row: EntryRow, flags: number): Sleeps<number> {
    const unshare = (flags & FAULT_FLAG_UNSHARE) !== 0;
    const entry = m.entries.get(row);
    const page = vmNormalPage(m, vma, vpn, entry);
    if (page === NO_PFN) {
      if (unshare) return 0;
      if ((vma.vmFlags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED)) {
        wpPageReuse(m, vma, row, entry); // wp_pfn_shared
        return 0;
      }
      if (!pteDevmap(entry)) m.trace.decide('fault.zero-page', vpn);
      return yield* wpPageCopy(m, vma, vpn, row, entry, NO_PFN, false);
    }
    if (pageAnon(m, page)) {
      if (testFlags(m, page, PG_anon_exclusive)) {
        m.trace.decide('fault.wp.exclusive', vpn, page);
        if (!unshare) wpPageReuse(m, vma, row, entry);
        return 0;
      }
      if (canReuseAnon(m, page, vma)) {
        m.trace.decide(unshare ? 'fault.unshare.reuse' : 'fault.wp.reuse', vpn, page);
        if (!unshare) wpPageReuse(m, vma, row, entry);
        return 0;
      }
    } else if (unshare) {
      return 0;
    } else if ((vma.vmFlags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED)) {
      return yield* wpPageShared(m, vma, row, page, flags);
    }
    folioGet(m, page, 'fault handler');
    return yield* wpPageCopy(m, vma, vpn, row, entry, page, unshare);
  },
);

/**
 * Makes a device-exclusive entry an ordinary one again; the reference of the entry becomes the mapping's.
 *
 * Kernel: `mm/memory.c: restore_exclusive_pte`
 */
export const restoreExclusivePte = atomic(
  'restore_exclusive_pte',
  (m, vma: Vma, page: Pfn, vpn: Vpn, row: EntryRow): void => {
    const entry = m.entries.get(row);
    let bits = clearBits(vmPageProt(vma), PTE_ACCESSED);
    if (isWritableDeviceExclusiveEntry(entry)) bits = maybeMkwrite(bits | PTE_DIRTY, vma);
    pageAddAnonRmap(m, page, vma, vpn, {});
    moveReference(m, page, 'device-exclusive entry', 'page table entry');
    m.entries.set(row, mkEntry(page, bits));
  },
);

/**
 * Locks a page, or tells the caller to fault again: at once if it may not wait, else when the page is free.
 *
 * Kernel: `mm/filemap.c: __folio_lock_or_retry`
 */
function* folioLockOrRetry(m: Machine, folio: Pfn, flags: number): Sleeps<boolean> {
  if (trylockPage(m, folio)) return true;
  const first = (flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED)) === FAULT_FLAG_ALLOW_RETRY;
  if (!first) {
    yield* lockPage(m, folio);
    return true;
  }
  if ((flags & FAULT_FLAG_RETRY_NOWAIT) === 0) {
    m.trace.decide('sleep.page-lock', folio);
    yield { kind: 'page-lock', pfn: folio };
  }
  return false;
}

/** Kernel: `mm/memory.c: remove_device_exclusive_entry` */
const removeDeviceExclusiveEntry = sleepable(
  'remove_device_exclusive_entry',
  function* (m, vma: Vma, vpn: Vpn, row: EntryRow, flags: number): Sleeps<number> {
    const entry = m.entries.get(row);
    const page = entryPfn(entry);
    folioGet(m, page, 'fault handler');
    if (!(yield* folioLockOrRetry(m, compoundHead(m, page), flags))) {
      putPage(m, page, 'fault handler');
      return VM_FAULT_RETRY;
    }
    const range: MmuNotifierRange = { event: 'EXCLUSIVE', mm: vma.mm, start: vpn, end: vpn + 1, owner: 0 };
    mmuNotifierInvalidateRangeStart(m, range);
    if (m.entries.get(row) === entry) restoreExclusivePte(m, vma, page, vpn, row);
    unlockPage(m, compoundHead(m, page));
    putPage(m, page, 'fault handler');
    mmuNotifierInvalidateRangeEnd(m, range);
    return 0;
  },
);

/**
 * The entry is not present and not empty: it waits for a migration, or its page must come back to the CPU.
 *
 * Kernel: `mm/memory.c: do_swap_page`
 */
export const doSwapPage = sleepable(
  'do_swap_page',
  function* (m, vma: Vma, vpn: Vpn, row: EntryRow, flags: number): Sleeps<number> {
    const entry = m.entries.get(row);
    const page = entryPfn(entry);
    if (isMigrationEntry(entry)) {
      yield* migrationEntryWait(m, page);
      return 0;
    }
    if (isDeviceExclusiveEntry(entry)) {
      m.trace.decide('fault.device-exclusive', vpn, page);
      return yield* removeDeviceExclusiveEntry(m, vma, vpn, row, flags);
    }
    if (isDevicePrivateEntry(entry)) {
      m.trace.decide('fault.device-private', vpn, page);
      folioGet(m, page, 'fault handler');
      const pgmap = pagePgmap(m, page);
      const migrateToRam = pgmap === undefined ? undefined : m.pagemapOps.get(pgmap.id)?.migrateToRam;
      bugOn(migrateToRam === undefined, 'do_swap_page: device-private page without migrate_to_ram');
      const ret = migrateToRam === undefined ? VM_FAULT_SIGBUS : yield* migrateToRam(m, { vma, vpn, page });
      folioPut(m, page, 'fault handler');
      return ret;
    }
    if (isRealSwapEntry(entry)) return yield* swapInPage(m, vma, vpn, row, flags);
    return VM_FAULT_HWPOISON;
  },
);

/** Kernel: `mm/memory.c: handle_pte_fault` */
function* handlePteFault(m: Machine, vma: Vma, vpn: Vpn, pmdRow: EntryRow, flags: number): Sleeps<number> {
  const row = pteOffset(m, pmdRow, vpn);
  const entry = row === NO_ROW ? 0 : m.entries.get(row);
  if (entry === 0) {
    if (vmaIsAnonymous(vma)) return yield* doAnonymousPage(m, vma, vpn, pmdRow, flags);
    return yield* doFault(m, vma, vpn, flags, pmdRow);
  }
  if (!ptePresent(entry)) return yield* doSwapPage(m, vma, vpn, row, flags);
  if (pteProtnone(entry) && vmaIsAccessible(vma)) return yield* doNumaPage(m, vma, vpn, row);
  if ((flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0) {
    if (!pteWrite(entry)) return yield* doWpPage(m, vma, vpn, row, flags);
    // x86 writes the entry back only for a write fault; a read leaves an old entry old
    if ((flags & FAULT_FLAG_WRITE) !== 0) m.entries.set(row, setBits(entry, PTE_DIRTY | PTE_ACCESSED));
  }
  return 0;
}

/** Kernel: `mm/memory.c: wp_huge_pmd` */
function* wpHugePmd(m: Machine, vma: Vma, vpn: Vpn, pmdRow: EntryRow, flags: number): Sleeps<number> {
  if (vmaIsAnonymous(vma)) return yield* doHugePmdWpPage(m, vma, vpn, pmdRow, flags);
  splitHugePmd(m, vma, pmdRow, vpn, false); // a private copy, or news for the file, is a matter of single pages
  return VM_FAULT_FALLBACK;
}

/** Kernel: `mm/memory.c: __handle_mm_fault` */
function* handleMmFaultInner(m: Machine, vma: Vma, vpn: Vpn, flags: number): Sleeps<number> {
  const pmdRow = pmdAlloc(m, m.mms.get(vma.mm), vpn);
  if (pmdRow === NO_ROW) return VM_FAULT_OOM;
  const pmd = m.entries.get(pmdRow);
  if (pmd === 0) {
    if (hugepageVmaCheck(m, vma)) {
      const ret = yield* doHugePmdAnonymousPage(m, vma, vpn, pmdRow, flags);
      if ((ret & VM_FAULT_FALLBACK) === 0) return ret;
    }
  } else if (isSwapEntry(pmd)) {
    yield* migrationEntryWait(m, entryPfn(pmd));
    return 0;
  } else if (pmdLeaf(pmd)) {
    if ((flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0 && !pteWrite(pmd)) {
      const ret = yield* wpHugePmd(m, vma, vpn, pmdRow, flags);
      if ((ret & VM_FAULT_FALLBACK) === 0) return ret;
    } else {
      hugePmdSetAccessed(m, vma, vpn, pmdRow, flags);
      return 0;
    }
  }
  return yield* handlePteFault(m, vma, vpn, pmdRow, flags);
}

/**
 * Serves one page fault. The caller has checked that the VMA permits the access.
 *
 * Kernel: `mm/memory.c: handle_mm_fault`
 *
 * @returns VM_FAULT_ bits; 0: the access is tried again
 */
export const handleMmFault = sleepable(
  'handle_mm_fault',
  function* (m, vma: Vma, vpn: Vpn, flags: number): Sleeps<number> {
    m.countVmEvent('pgfault');
    if (isVmHugetlbPage(vma)) return yield* hugetlbFault(m, vma, vpn, flags);
    return yield* handleMmFaultInner(m, vma, vpn, flags);
  },
);
