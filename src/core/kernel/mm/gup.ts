// mm/gup.c: references on user pages. A fast walk without locks, a slow one that faults, and the long-term rule.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EAGAIN, EBUSY, EEXIST, EFAULT, EINVAL, EMLINK, ENOMEM } from '../../uapi/errno.ts';
import {
  FOLL_ANON,
  FOLL_DUMP,
  FOLL_FAST_ONLY,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_MIGRATION,
  FOLL_NOFAULT,
  FOLL_PIN,
  FOLL_REMOTE,
  FOLL_SPLIT_PMD,
  FOLL_TOUCH,
  FOLL_TRIED,
  FOLL_WRITE,
  GUP_PIN_COUNTING_BIAS,
} from '../../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_dirty, PG_private, PG_referenced } from '../../uapi/page-flags.ts';
import {
  type Entry,
  entryPfn,
  isMigrationEntry,
  pmdLeaf,
  PTE_PRESENT,
  pteDirty,
  pteProtnone,
  ptePresent,
  pteSpecial,
  pteWrite,
} from '../../uapi/pte.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_KILLABLE,
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  isCowMapping,
  VM_FAULT_COMPLETED,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_IO,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { bugOn, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { migrationEntryWait } from '../sched/locks.ts';
import { handleMmFault } from './fault.ts';
import { followTransHugePmd } from './huge-memory.ts';
import { splitHugePmd } from './huge-split.ts';
import { followHugetlbPage } from './hugetlb.ts';
import { folioIsolateLru } from './isolate.ts';
import { migratePages, putbackMovablePages } from './migrate.ts';
import { migrateDeviceCoherentPage } from './migrate-device.ts';
import { folioIsLongtermPinnable, isLongtermPinnablePage, vmNormalPage } from './normal-page.ts';
import {
  compoundHead,
  folioGet,
  folioMapcount,
  folioNrPages,
  folioRefAdd,
  folioTestLarge,
  isDeviceCoherentPage,
  isZeroPfn,
  pageAnon,
  pageHuge,
  pageMapping,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { PMD_PAGES, pmdOffset, pteAlloc, pteOffset } from './page-table.ts';
import { folioPutRefs, lruAddDrain, lruAddDrainAll, markPageAccessed, setPageDirty } from './swap.ts';
import { isVmHugetlbPage, vmaIsAccessible, vmaIsAnonymous, vmaLookup } from './vma.ts';

/** Passes after which an endless long-term retry is cut off; the kernel would go on. */
const LONGTERM_RETRY_CAP = 16;

// --- taking and dropping references ------------------------------------------------------------------------

/**
 * The fast path's grab: several references on one folio at once; a long-term pin of an unfit page is refused here.
 *
 * Kernel: `mm/gup.c: try_grab_folio`
 *
 * @returns the folio, or NO_PFN
 */
export const tryGrabFolio = atomic('try_grab_folio', (m, page: Pfn, refs: number, flags: number): Pfn => {
  const folio = compoundHead(m, page);
  if ((flags & FOLL_GET) !== 0) {
    folioRefAdd(m, folio, refs, 'FOLL_GET');
    return folio;
  }
  bugOn((flags & FOLL_PIN) === 0, 'try_grab_folio: neither FOLL_GET nor FOLL_PIN');
  if (isZeroPfn(m, page)) return folio;
  if ((flags & FOLL_LONGTERM) !== 0 && !isLongtermPinnablePage(m, page)) {
    m.trace.decide('gup.fast.refused.longterm', page);
    return NO_PFN;
  }
  if (folioTestLarge(m, folio)) {
    folioRefAdd(m, folio, refs, 'FOLL_PIN');
    m.pages.compoundPincount.set(folio, m.pages.compoundPincount.get(folio) + refs);
  } else {
    folioRefAdd(m, folio, refs * GUP_PIN_COUNTING_BIAS, 'FOLL_PIN');
  }
  m.countVmEvent('nr_foll_pin_acquired', refs);
  return folio;
});

/**
 * The slow path's grab of one page. It has no long-term test: that comes after all pages are pinned.
 *
 * Kernel: `mm/gup.c: try_grab_page`
 */
export const tryGrabPage = atomic('try_grab_page', (m, page: Pfn, flags: number): boolean => {
  const folio = compoundHead(m, page);
  if (m.pages.refcount.get(folio) <= 0 && !isZeroPfn(m, page)) {
    warn(m, 'try_grab_page.refcount', page);
    return false;
  }
  if ((flags & FOLL_GET) !== 0) {
    folioRefAdd(m, folio, 1, 'FOLL_GET');
  } else if ((flags & FOLL_PIN) !== 0) {
    if (isZeroPfn(m, page)) return true;
    if (folioTestLarge(m, folio)) {
      folioRefAdd(m, folio, 1, 'FOLL_PIN');
      m.pages.compoundPincount.set(folio, m.pages.compoundPincount.get(folio) + 1);
    } else {
      folioRefAdd(m, folio, GUP_PIN_COUNTING_BIAS, 'FOLL_PIN');
    }
    m.countVmEvent('nr_foll_pin_acquired', 1);
  }
  return true;
});

/**
 * Drops references that GUP took.
 *
 * Kernel: `mm/gup.c: gup_put_folio`
 */
export const gupPutFolio = atomic('gup_put_folio', (m, folio: Pfn, refs: number, flags: number): void => {
  if ((flags & FOLL_PIN) === 0) {
    folioPutRefs(m, folio, refs, 'FOLL_GET');
    return;
  }
  if (isZeroPfn(m, folio)) return;
  m.countVmEvent('nr_foll_pin_released', refs);
  if (folioTestLarge(m, folio)) {
    m.pages.compoundPincount.set(folio, m.pages.compoundPincount.get(folio) - refs);
    folioPutRefs(m, folio, refs, 'FOLL_PIN');
  } else {
    folioPutRefs(m, folio, refs * GUP_PIN_COUNTING_BIAS, 'FOLL_PIN');
  }
});

/** Kernel: `mm/gup.c: unpin_user_page` */
export const unpinUserPage = atomic('unpin_user_page', (m, page: Pfn): void =>
  gupPutFolio(m, compoundHead(m, page), 1, FOLL_PIN),
);

/** Drops the pins of an array of pages, neighbours of one folio together. Kernel: `mm/gup.c: unpin_user_pages` */
export const unpinUserPages = atomic(
  'unpin_user_pages',
  (m, _npages: number, pages: readonly Pfn[]): void => {
    for (let i = 0; i < pages.length; ) {
      const folio = compoundHead(m, pages[i]);
      let nr = 1;
      while (i + nr < pages.length && compoundHead(m, pages[i + nr]) === folio) nr++;
      gupPutFolio(m, folio, nr, FOLL_PIN);
      i += nr;
    }
  },
);

/**
 * A pin for reading needs the page to belong to this process alone, or a later copy on write would part them.
 *
 * Kernel: `include/linux/mm.h: gup_must_unshare`
 */
export const gupMustUnshare = (m: Machine, flags: number, page: Pfn): boolean => {
  if ((flags & (FOLL_WRITE | FOLL_PIN)) !== FOLL_PIN) return false;
  if (!pageAnon(m, page)) return false;
  return !testFlags(m, pageHuge(m, page) ? compoundHead(m, page) : page, PG_anon_exclusive);
};

// --- fast path ------------------------------------------------------------------------------------------------

const canFollowProtnone = (flags: number): boolean => (flags & FOLL_FORCE) !== 0;

/** Hardware's view of an entry. Kernel: `arch/x86/include/asm/pgtable.h: pte_access_permitted` */
const accessPermitted = (entry: Entry, write: boolean): boolean =>
  (entry & PTE_PRESENT) !== 0 && (!write || pteWrite(entry));

const gupHugePmd = atomic(
  'gup_huge_pmd',
  (m, vpn: Vpn, end: Vpn, flags: number, pmdRow: EntryRow, pages: Pfn[]): boolean => {
    const entry = m.entries.get(pmdRow);
    if (!accessPermitted(entry, (flags & FOLL_WRITE) !== 0)) return false;
    const first = entryPfn(entry) + (vpn % PMD_PAGES);
    const refs = end - vpn;
    const folio = tryGrabFolio(m, first, refs, flags);
    if (folio === NO_PFN) return false;
    if (!pteWrite(entry) && gupMustUnshare(m, flags, folio)) {
      m.trace.decide('gup.fast.refused.unshare', vpn, first);
      gupPutFolio(m, folio, refs, flags);
      return false;
    }
    for (let i = 0; i < refs; i++) pages.push(first + i);
    setFlags(m, folio, PG_referenced);
    m.trace.decide('gup.fast.grabbed', vpn, first, refs);
    return true;
  },
);

const gupPteRange = atomic(
  'gup_pte_range',
  (m, vpn: Vpn, end: Vpn, flags: number, pmdRow: EntryRow, pages: Pfn[]): boolean => {
    const write = (flags & FOLL_WRITE) !== 0;
    for (let at = vpn; at < end; at++) {
      const entry = m.entries.get(pteOffset(m, pmdRow, at));
      if (pteProtnone(entry) && !canFollowProtnone(flags)) return false;
      if (!accessPermitted(entry, write)) {
        m.trace.decide(
          (entry & PTE_PRESENT) !== 0 ? 'gup.fast.refused.read-only' : 'gup.fast.refused.none',
          at,
        );
        return false;
      }
      if (pteSpecial(entry)) {
        m.trace.decide('gup.fast.refused.special', at);
        return false;
      }
      const page = entryPfn(entry);
      const folio = tryGrabFolio(m, page, 1, flags);
      if (folio === NO_PFN) return false;
      if (!pteWrite(entry) && gupMustUnshare(m, flags, page)) {
        m.trace.decide('gup.fast.refused.unshare', at, page);
        gupPutFolio(m, folio, 1, flags);
        return false;
      }
      setFlags(m, folio, PG_referenced);
      m.trace.decide('gup.fast.grabbed', at, page, 1);
      pages.push(page);
    }
    return true;
  },
);

const gupPgdRange = atomic(
  'gup_pgd_range',
  (m, start: Vpn, end: Vpn, flags: number, mm: Mm, pages: Pfn[]): void => {
    for (let vpn = start; vpn < end; ) {
      const next = Math.min(end, (Math.floor(vpn / PMD_PAGES) + 1) * PMD_PAGES);
      const pmdRow = pmdOffset(m, mm, vpn);
      const pmd = pmdRow === NO_ROW ? 0 : m.entries.get(pmdRow);
      if (!ptePresent(pmd)) return;
      if (pmdLeaf(pmd)) {
        if (pteProtnone(pmd) && !canFollowProtnone(flags)) return;
        if (!gupHugePmd(m, vpn, next, flags, pmdRow, pages)) return;
      } else if (!gupPteRange(m, vpn, next, flags, pmdRow, pages)) {
        return;
      }
      vpn = next;
    }
  },
);

/** Kernel: `mm/gup.c: lockless_pages_from_mm` */
const locklessPagesFromMm = atomic(
  'lockless_pages_from_mm',
  (m, start: Vpn, end: Vpn, flags: number, mm: Mm, pages: Pfn[]): number => {
    if ((flags & FOLL_PIN) !== 0 && mm.writeProtectSeq % 2 === 1) return 0;
    gupPgdRange(m, start, end, flags, mm, pages);
    return pages.length;
  },
);

// --- slow path ------------------------------------------------------------------------------------------------

/** A page, nothing (a fault is needed), or an error. */
type Followed =
  | { readonly kind: 'page'; readonly page: Pfn }
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly err: number };

const NOTHING: Followed = { kind: 'none' };

/** Kernel: `mm/gup.c: no_page_table` */
const noPageTable = atomic(
  'no_page_table',
  (_m, vma: Vma, flags: number): Followed =>
    (flags & FOLL_DUMP) !== 0 && vmaIsAnonymous(vma) ? { kind: 'error', err: -EFAULT } : NOTHING,
);

/** Kernel: `mm/gup.c: can_follow_write_pte` */
const canFollowWritePte = (m: Machine, entry: Entry, page: Pfn, vma: Vma, flags: number): boolean => {
  if (pteWrite(entry)) return true;
  if ((flags & FOLL_FORCE) === 0) return false;
  if ((vma.vmFlags & (VM_MAYSHARE | VM_SHARED)) !== 0) return false;
  if ((vma.vmFlags & VM_MAYWRITE) === 0) return false;
  // with VM_WRITE the entry is read-only for a reason, so a fault is needed
  if ((vma.vmFlags & VM_WRITE) !== 0) return false;
  return page !== NO_PFN && pageAnon(m, page) && testFlags(m, page, PG_anon_exclusive);
};

/**
 * Looks one small entry up and grabs its page.
 *
 * Kernel: `mm/gup.c: follow_page_pte`
 */
const followPagePte = sleepable(
  'follow_page_pte',
  function* (m, vma: Vma, vpn: Vpn, flags: number, pmdRow: EntryRow): Sleeps<Followed> {
    for (;;) {
      const entry = m.entries.get(pteOffset(m, pmdRow, vpn));
      if (!ptePresent(entry)) {
        if (isMigrationEntry(entry) && (flags & FOLL_MIGRATION) !== 0) {
          yield* migrationEntryWait(m, entryPfn(entry));
          continue;
        }
        return entry === 0 ? noPageTable(m, vma, flags) : NOTHING;
      }
      if (pteProtnone(entry) && !canFollowProtnone(flags)) return NOTHING;
      let page = vmNormalPage(m, vma, vpn, entry);
      if ((flags & FOLL_WRITE) !== 0 && !canFollowWritePte(m, entry, page, vma, flags)) return NOTHING;
      if (page === NO_PFN) {
        if ((flags & FOLL_DUMP) !== 0) return { kind: 'error', err: -EFAULT };
        if (!isZeroPfn(m, entryPfn(entry))) return { kind: 'error', err: -EEXIST };
        page = entryPfn(entry);
      }
      if (!pteWrite(entry) && gupMustUnshare(m, flags, page)) {
        m.trace.decide('gup.slow.needs-unshare', vpn, page);
        return { kind: 'error', err: -EMLINK };
      }
      if (!tryGrabPage(m, page, flags)) return { kind: 'error', err: -ENOMEM };
      if ((flags & FOLL_TOUCH) !== 0) {
        const clean = !pteDirty(entry) && !testFlags(m, compoundHead(m, page), PG_dirty);
        if ((flags & FOLL_WRITE) !== 0 && clean) setPageDirty(m, page);
        markPageAccessed(m, page);
      }
      return { kind: 'page', page };
    }
  },
);

/** Kernel: `mm/gup.c: follow_pmd_mask` */
function* followPmdMask(m: Machine, vma: Vma, vpn: Vpn, flags: number, pmdRow: EntryRow): Sleeps<Followed> {
  for (;;) {
    const pmd = m.entries.get(pmdRow);
    if (pmd === 0) return noPageTable(m, vma, flags);
    if (!ptePresent(pmd)) {
      if ((flags & FOLL_MIGRATION) === 0) return noPageTable(m, vma, flags);
      yield* migrationEntryWait(m, entryPfn(pmd));
      continue;
    }
    if (!pmdLeaf(pmd)) return yield* followPagePte(m, vma, vpn, flags, pmdRow);
    if (pteProtnone(pmd) && !canFollowProtnone(flags)) return noPageTable(m, vma, flags);
    if ((flags & FOLL_SPLIT_PMD) !== 0) {
      splitHugePmd(m, vma, pmdRow, vpn, false);
      if (!pteAlloc(m, pmdRow)) return { kind: 'error', err: -ENOMEM };
      return yield* followPagePte(m, vma, vpn, flags, pmdRow);
    }
    return followTransHugePmd(m, vma, vpn, pmdRow, flags);
  }
}

/** Kernel: `mm/gup.c: follow_page_mask` */
export const followPageMask = sleepable(
  'follow_page_mask',
  function* (m, vma: Vma, vpn: Vpn, flags: number): Sleeps<Followed> {
    const pmdRow = pmdOffset(m, m.mms.get(vma.mm), vpn);
    if (pmdRow === NO_ROW) return noPageTable(m, vma, flags);
    return yield* followPmdMask(m, vma, vpn, flags, pmdRow);
  },
);

/** Kernel: `include/linux/mm.h: vm_fault_to_errno` */
const vmFaultToErrno = (fault: number): number => {
  if ((fault & VM_FAULT_OOM) !== 0) return -ENOMEM;
  if ((fault & VM_FAULT_HWPOISON) !== 0) return -EFAULT;
  return -EFAULT;
};

/**
 * Lets the fault handler make the page present.
 *
 * Kernel: `mm/gup.c: faultin_page`
 *
 * @returns 0 look again; -EBUSY, -EAGAIN the lock was dropped; other -errno
 */
const faultinPage = sleepable(
  'faultin_page',
  function* (m, vma: Vma, vpn: Vpn, flags: number, unshare: boolean, mayUnlock: boolean): Sleeps<number> {
    if ((flags & FOLL_NOFAULT) !== 0) return -EFAULT;
    let fault = 0;
    if ((flags & FOLL_WRITE) !== 0) fault |= FAULT_FLAG_WRITE;
    if ((flags & FOLL_REMOTE) !== 0) fault |= FAULT_FLAG_REMOTE;
    if (mayUnlock) fault |= FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE;
    if ((flags & FOLL_TRIED) !== 0) fault |= FAULT_FLAG_TRIED;
    if (unshare) fault |= FAULT_FLAG_UNSHARE;
    const ret = yield* handleMmFault(m, vma, vpn, fault);
    if ((ret & VM_FAULT_COMPLETED) !== 0) return -EAGAIN;
    if ((ret & VM_FAULT_ERROR) !== 0) return vmFaultToErrno(ret);
    return (ret & VM_FAULT_RETRY) !== 0 ? -EBUSY : 0;
  },
);

/**
 * Whether a VMA permits the request at all.
 *
 * Kernel: `mm/gup.c: check_vma_flags`
 */
const checkVmaFlags = (m: Machine, vma: Vma, flags: number): number => {
  const refuse = (err: number): number => {
    m.trace.decide('gup.vma-refused', vma.vmStart, vma.vmFlags, err);
    return err;
  };
  if ((vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) return refuse(-EFAULT);
  if ((flags & FOLL_ANON) !== 0 && !vmaIsAnonymous(vma)) return refuse(-EFAULT);
  if ((flags & FOLL_WRITE) !== 0) {
    if ((vma.vmFlags & VM_WRITE) === 0) {
      if ((flags & FOLL_FORCE) === 0) return refuse(-EFAULT);
      if (isVmHugetlbPage(vma)) return refuse(-EFAULT);
      if (!isCowMapping(vma.vmFlags)) return refuse(-EFAULT);
    }
  } else if ((vma.vmFlags & VM_READ) === 0) {
    if ((flags & FOLL_FORCE) === 0 || (vma.vmFlags & VM_MAYREAD) === 0) return refuse(-EFAULT);
  }
  return 0;
};

/** Pages found, in address order, and why the walk stopped: 0, or -errno. */
export interface GupWalk {
  readonly id: number;
  readonly pages: readonly Pfn[];
  readonly err: number;
  /** A fault dropped mmap_lock: the caller takes it again and goes on. */
  readonly unlocked: boolean;
}

/** A caller that only wants pages present passes over the rest of a huge page. Kernel: struct follow_page_context, page_mask */
const pagesAtOnce = (m: Machine, mm: number, vpn: Vpn, flags: number): number => {
  if ((flags & (FOLL_GET | FOLL_PIN)) !== 0) return 1;
  const pmdRow = pmdOffset(m, m.mms.get(mm), vpn);
  return pmdRow !== NO_ROW && pmdLeaf(m.entries.get(pmdRow)) ? PMD_PAGES - (vpn % PMD_PAGES) : 1;
};

/**
 * The slow walk: look up, fault, look up again, page by page.
 *
 * Kernel: `mm/gup.c: __get_user_pages`
 *
 * @param mayUnlock - the caller lets a fault drop mmap_lock (its `locked` is not NULL)
 */
const getUserPagesWalk = sleepable(
  '__get_user_pages',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mmId: number,
    mayUnlock: boolean,
  ): Sleeps<GupWalk> {
    const pages: Pfn[] = [];
    const done = (err: number, unlocked = false): GupWalk => ({
      id: pages.length > 0 ? pages.length : err,
      pages,
      err,
      unlocked,
    });
    let vma: Vma | undefined;
    let tried = flags & FOLL_TRIED;
    while (pages.length < npages) {
      const vpn = start + pages.length;
      if (vma === undefined || vpn >= vma.vmEnd) {
        vma = vmaLookup(m, m.mms.get(mmId), vpn);
        if (vma === undefined) {
          m.trace.decide('gup.no-vma', vpn);
          return done(-EFAULT);
        }
        const refused = checkVmaFlags(m, vma, flags);
        if (refused !== 0) return done(refused);
        if (isVmHugetlbPage(vma)) {
          const err = yield* followHugetlbPage(m, vma, vpn, npages - pages.length, flags, pages);
          if (err !== 0) return done(err);
          continue;
        }
      }
      vma = m.vmas.get(vma.id);
      const found: Followed = yield* followPageMask(m, vma, vpn, (flags & ~FOLL_TRIED) | tried);
      if (found.kind === 'page') {
        const nr = Math.min(pagesAtOnce(m, mmId, vpn, flags), npages - pages.length);
        for (let i = 0; i < nr; i++) pages.push(found.page + i);
        tried = 0;
        continue;
      }
      const unshare = found.kind === 'error' && found.err === -EMLINK;
      if (found.kind === 'error' && !unshare) return done(found.err);
      if (!unshare) m.trace.decide('gup.slow.needs-fault', vpn);
      const err = yield* faultinPage(m, vma, vpn, (flags & ~FOLL_TRIED) | tried, unshare, mayUnlock);
      if (err === -EBUSY || err === -EAGAIN) return done(0, true);
      if (err !== 0) return done(err);
    }
    return done(0);
  },
);

/** Kernel: `mm/gup.c: mm_set_has_pinned_flag` */
const setHasPinned = (m: Machine, mm: number): void => {
  if (!m.mms.get(mm).hasPinned) m.mms.update(mm, { hasPinned: true });
};

/**
 * The slow walk, taken up again whenever a fault dropped mmap_lock.
 *
 * Kernel: `mm/gup.c: __get_user_pages_locked`
 */
function* getUserPagesLocked(
  m: Machine,
  mm: number,
  start: Vpn,
  npages: number,
  flags: number,
  mayUnlock: boolean,
): Sleeps<{ pages: Pfn[]; err: number }> {
  if ((flags & FOLL_PIN) !== 0) setHasPinned(m, mm);
  const effective = (flags & FOLL_PIN) === 0 ? flags | FOLL_GET : flags;
  const pages: Pfn[] = [];
  for (;;) {
    const walk: GupWalk = yield* getUserPagesWalk(
      m,
      start + pages.length,
      npages - pages.length,
      effective,
      mm,
      mayUnlock,
    );
    pages.push(...walk.pages);
    if (!walk.unlocked || pages.length === npages) return { pages, err: walk.err };
    const one: GupWalk = yield* getUserPagesWalk(
      m,
      start + pages.length,
      1,
      effective | FOLL_TRIED,
      mm,
      mayUnlock,
    );
    pages.push(...one.pages);
    if (one.pages.length !== 1) return { pages, err: one.err };
    if (pages.length === npages) return { pages, err: 0 };
  }
}

// --- long-term pins ---------------------------------------------------------------------------------------------

/** Kernel: `mm/gup.c: is_valid_gup_flags` and the checks at each entry. */
const illegal = (m: Machine, flags: number): number => {
  warn(m, 'gup.illegal-flags', flags);
  return -EINVAL;
};

/**
 * Counts the pages that may not stay pinned for long; those on an LRU list are isolated for migration.
 * Device-coherent pages are only counted: they are on no list.
 *
 * Kernel: `mm/gup.c: collect_longterm_unpinnable_pages`
 */
const collectLongtermUnpinnablePages = atomic(
  'collect_longterm_unpinnable_pages',
  (m, pages: readonly Pfn[], movable: Pfn[]): number => {
    let collected = 0;
    let drained = 0;
    let previous: Pfn = NO_PFN;
    for (const page of pages) {
      const folio = compoundHead(m, page);
      if (folio === previous) continue;
      previous = folio;
      if (folioIsLongtermPinnable(m, folio)) continue;
      collected++;
      if (hasPatch(m.kernel, 6) && isDeviceCoherentPage(m, folio)) continue;
      // a small folio that carries a pin never has just the expected references, so the batches are emptied once
      const odd = (): boolean =>
        !folioTestLarge(m, folio) && m.pages.refcount.get(folio) !== folioExpectedRefCount(m, folio) + 1;
      if (drained === 0 && odd()) {
        lruAddDrain(m);
        drained = 1;
      }
      if (drained === 1 && odd()) {
        lruAddDrainAll(m);
        drained = 2;
      }
      if (folioIsolateLru(m, folio) === 0) movable.push(folio);
      else m.trace.decide('migrate.isolation-failed', folio);
    }
    m.trace.decide('longterm.unpinnable-count', collected, pages.length);
    return collected;
  },
);

/** References that mappings and the page cache explain. Kernel: `include/linux/mm.h: folio_expected_ref_count` */
const folioExpectedRefCount = (m: Machine, folio: Pfn): number =>
  folioMapcount(m, folio) +
  (pageMapping(m, folio) !== 0 ? folioNrPages(m, folio) + (testFlags(m, folio, PG_private) ? 1 : 0) : 0);

/**
 * Moves what may not stay: device-coherent pages at once, one by one, the isolated ones afterwards together.
 * Nothing of the range stays pinned, whatever the result is.
 *
 * Kernel: `mm/gup.c: migrate_longterm_unpinnable_pages`
 *
 * @returns -EAGAIN all moved, pin again; -EBUSY a device page could not move; -ENOMEM another page could not
 */
const migrateLongtermUnpinnablePages = sleepable(
  'migrate_longterm_unpinnable_pages',
  function* (m, movable: Pfn[], pages: readonly Pfn[]): Sleeps<number> {
    let ret = 0;
    let done = 0;
    for (; done < pages.length; done++) {
      const page = pages[done];
      if (!hasPatch(m.kernel, 6) || !isDeviceCoherentPage(m, page)) {
        unpinUserPage(m, page);
        continue;
      }
      // migration expects exactly one reference, so the pin becomes a plain one
      m.trace.decide('longterm.pin-becomes-reference', page);
      folioGet(m, page, 'FOLL_GET');
      gupPutFolio(m, page, 1, FOLL_PIN);
      if ((yield* migrateDeviceCoherentPage(m, page)) !== 0) {
        ret = -EBUSY;
        done++;
        break;
      }
    }
    if (ret === 0 && movable.length > 0 && (yield* migratePages(m, movable)) !== 0) ret = -ENOMEM;
    if (ret !== 0) {
      m.trace.decide('longterm.failed', ret);
      for (const page of pages.slice(done)) unpinUserPage(m, page);
    }
    putbackMovablePages(m, movable);
    return ret === 0 ? -EAGAIN : ret;
  },
);

/**
 * Checks that all pinned pages may stay; otherwise moves them and asks for another pass.
 *
 * Kernel: `mm/gup.c: check_and_migrate_movable_pages`
 *
 * @returns 0 all may stay pinned; -EAGAIN moved and unpinned, pin again; other -errno gave up and unpinned
 */
const checkAndMigrateMovablePages = sleepable(
  'check_and_migrate_movable_pages',
  function* (m, pages: readonly Pfn[]): Sleeps<number> {
    if (!m.kernel.CONFIG_MIGRATION) return 0;
    const movable: Pfn[] = [];
    if (collectLongtermUnpinnablePages(m, pages, movable) === 0) {
      m.trace.decide('longterm.all-pinnable', pages.length);
      return 0;
    }
    return yield* migrateLongtermUnpinnablePages(m, movable, pages);
  },
);

/** Result of a GUP call: pages, or a negative errno when there is none. */
export interface GupResult {
  readonly id: number;
  readonly pages: readonly Pfn[];
}

const gupResult = (pages: readonly Pfn[], err: number): GupResult => ({
  id: pages.length > 0 ? pages.length : err,
  pages,
});

/**
 * The slow path with the long-term rule: pin all, check, move what may not stay, pin all again.
 *
 * Kernel: `mm/gup.c: __gup_longterm_locked`
 * Simplified: the retry after a failed isolation ends after 16 passes with a message; the kernel has no bound.
 */
const gupLongtermLocked = sleepable(
  '__gup_longterm_locked',
  function* (m, start: Vpn, npages: number, flags: number, mm: number): Sleeps<GupResult> {
    if ((flags & FOLL_LONGTERM) === 0) {
      const { pages, err } = yield* getUserPagesLocked(m, mm, start, npages, flags, false);
      return gupResult(pages, err);
    }
    if ((flags & FOLL_PIN) === 0) return gupResult([], illegal(m, flags));
    const memallocPin = m.current.memallocPin;
    m.current.memallocPin = true;
    let result = gupResult([], 0);
    for (let pass = 1; ; pass++) {
      if (pass === 2) m.trace.decide('longterm.second-pass', npages);
      const { pages, err } = yield* getUserPagesLocked(m, mm, start, npages, flags, false);
      result = gupResult(pages, err);
      if (pages.length === 0) break;
      const rc = yield* checkAndMigrateMovablePages(m, pages);
      if (rc === 0) break;
      result = gupResult([], rc);
      if (rc !== -EAGAIN) break;
      if (pass === LONGTERM_RETRY_CAP) {
        warn(m, 'longterm.retry-capped', pass);
        break;
      }
    }
    m.current.memallocPin = memallocPin;
    return result;
  },
);

// --- entry points -------------------------------------------------------------------------------------------------

/** Kernel: `mm/gup.c: internal_get_user_pages_fast` */
const internalGetUserPagesFast = sleepable(
  'internal_get_user_pages_fast',
  function* (m, start: Vpn, npages: number, flags: number, mmId: number): Sleeps<GupResult> {
    if ((flags & FOLL_PIN) !== 0) setHasPinned(m, mmId);
    const fast: Pfn[] = [];
    locklessPagesFromMm(m, start, start + npages, flags, m.mms.get(mmId), fast);
    if (fast.length === npages || (flags & FOLL_FAST_ONLY) !== 0) return gupResult(fast, 0);
    const rest = npages - fast.length;
    const from = start + fast.length;
    let slow: GupResult;
    if ((flags & FOLL_LONGTERM) !== 0) {
      slow = yield* gupLongtermLocked(m, from, rest, flags, mmId);
    } else {
      const { pages, err } = yield* getUserPagesLocked(m, mmId, from, rest, flags | FOLL_TOUCH, true);
      slow = gupResult(pages, err);
    }
    // with pages from the fast walk an error of the slow one is lost
    return gupResult([...fast, ...slow.pages], slow.id < 0 ? slow.id : 0);
  },
);

/** Kernel: `mm/gup.c: get_user_pages` */
export const getUserPages = sleepable(
  'get_user_pages',
  function* (m, start: Vpn, npages: number, flags: number, mm: number): Sleeps<GupResult> {
    if ((flags & (FOLL_PIN | FOLL_LONGTERM)) !== 0) return gupResult([], illegal(m, flags));
    return yield* gupLongtermLocked(m, start, npages, flags | FOLL_TOUCH, mm);
  },
);

/** Kernel: `mm/gup.c: pin_user_pages` */
export const pinUserPages = sleepable(
  'pin_user_pages',
  function* (m, start: Vpn, npages: number, flags: number, mm: number): Sleeps<GupResult> {
    if ((flags & FOLL_GET) !== 0) return gupResult([], illegal(m, flags));
    return yield* gupLongtermLocked(m, start, npages, flags | FOLL_PIN, mm);
  },
);

const FAST_FLAGS =
  FOLL_WRITE | FOLL_LONGTERM | FOLL_FORCE | FOLL_PIN | FOLL_GET | FOLL_FAST_ONLY | FOLL_NOFAULT;

/** Kernel: `mm/gup.c: get_user_pages_fast` */
export const getUserPagesFast = sleepable(
  'get_user_pages_fast',
  function* (m, start: Vpn, npages: number, flags: number, mm: number): Sleeps<GupResult> {
    if ((flags & (FOLL_PIN | FOLL_LONGTERM)) !== 0 || (flags & ~FAST_FLAGS) !== 0)
      return gupResult([], illegal(m, flags));
    return yield* internalGetUserPagesFast(m, start, npages, flags | FOLL_GET, mm);
  },
);

/** Kernel: `mm/gup.c: pin_user_pages_fast` */
export const pinUserPagesFast = sleepable(
  'pin_user_pages_fast',
  function* (m, start: Vpn, npages: number, flags: number, mm: number): Sleeps<GupResult> {
    if ((flags & FOLL_GET) !== 0 || (flags & ~FAST_FLAGS) !== 0) return gupResult([], illegal(m, flags));
    return yield* internalGetUserPagesFast(m, start, npages, flags | FOLL_PIN, mm);
  },
);

/**
 * GUP of another subsystem on a process's memory: references, marked accessed.
 *
 * Kernel: `mm/gup.c: get_user_pages_remote`
 */
export function* getUserPagesRemote(
  m: Machine,
  mm: number,
  start: Vpn,
  npages: number,
  flags: number,
): Sleeps<{ pages: Pfn[]; err: number }> {
  return yield* getUserPagesLocked(m, mm, start, npages, flags | FOLL_TOUCH | FOLL_REMOTE, false);
}

/**
 * Makes the pages of one VMA present, as mlock wants them; takes no references.
 *
 * Kernel: `mm/gup.c: populate_vma_page_range`
 *
 * @returns pages handled, or -errno
 */
export function* populateVmaPageRange(m: Machine, vma: Vma, start: Vpn, end: Vpn): Sleeps<number> {
  let flags = FOLL_TOUCH;
  if ((vma.vmFlags & (VM_WRITE | VM_SHARED)) === VM_WRITE) flags |= FOLL_WRITE;
  if (vmaIsAccessible(vma)) flags |= FOLL_FORCE;
  const walk: GupWalk = yield* getUserPagesWalk(m, start, end - start, flags, vma.mm, true);
  lruAddDrain(m);
  return walk.id;
}
