// mm/madvise.c: what a program tells about its use of a range.

import type { Mm, Vma } from '../../machine/entities.ts';
import { type Machine, RSS_SWAP } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EAGAIN, EFAULT, EINVAL, ENOMEM } from '../../uapi/errno.ts';
import { PG_dirty, PG_lru, PG_referenced, PG_swapcache, PG_unevictable } from '../../uapi/page-flags.ts';
import {
  clearBits,
  entryPfn,
  isRealSwapEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  pmdLeaf,
  pteDirty,
  ptePresent,
  pteYoung,
} from '../../uapi/pte.ts';
import type { Advice } from '../../uapi/scenario.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  VM_DONTCOPY,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_DONTEXPAND,
  VM_IO,
  VM_LOCKED,
  VM_MERGEABLE,
  VM_MIXEDMAP,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  VM_SHARED,
  VM_WIPEONFORK,
} from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, lockPage, trylockPage, unlockPage } from '../sched/locks.ts';
import { faultinVmaPageRange } from './gup-populate.ts';
import { isHugePmd, isHugeZeroPmd } from './huge-memory.ts';
import { splitHugePageToList } from './huge-split.ts';
import { hstateVma, hugePageStart } from './hugetlb-pool.ts';
import { isolateLruPage, putbackLruPage } from './isolate.ts';
import { madviseCollapse } from './khugepaged.ts';
import { unmergeKsmPages } from './ksm-scan.ts';
import { changeVmaFlags } from './mmap.ts';
import { type MmuGather, tlbFinishMmu, tlbGatherMmu, tlbRemoveTlbEntry } from './mmu-gather.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { isNonLruPage, vmNormalPage } from './normal-page.ts';
import {
  clearFlags,
  compoundHead,
  folioGet,
  folioMapcount,
  pageCompound,
  pageMapcount,
  testFlags,
} from './page-ref.ts';
import { PMD_PAGES, pmdOffset, pteOffset } from './page-table.ts';
import { reclaimPages } from './reclaim.ts';
import { deactivatePage, lruAddDrain, markPageLazyfree, putPage } from './swap.ts';
import { folioFreeSwap, folioTestSwapcache, freeSwapAndCache } from './swapfile.ts';
import { zapPageRange } from './unmap.ts';
import { findVma, isVmHugetlbPage, vmaIsAnonymous } from './vma.ts';

/** Populated PMD entries of a range, each with its part of it. Ours: walk_page_range with a pmd_entry callback. */
const walkPmds = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
): { readonly pmdRow: EntryRow; readonly start: Vpn; readonly end: Vpn }[] => {
  const mm = m.mms.get(vma.mm);
  const found: { pmdRow: EntryRow; start: Vpn; end: Vpn }[] = [];
  let next: Vpn;
  for (let vpn = start; vpn < end; vpn = next) {
    next = Math.min(end, vpn - (vpn % PMD_PAGES) + PMD_PAGES);
    const pmdRow = pmdOffset(m, mm, vpn);
    if (pmdRow !== NO_ROW && m.entries.get(pmdRow) !== 0) found.push({ pmdRow, start: vpn, end: next });
  }
  return found;
};

/**
 * Splits the huge page of a mapped page, with a reference and the lock of ours.
 *
 * Ours: what the walkers of MADV_COLD, MADV_PAGEOUT and MADV_FREE do alike.
 * Requires: the folio is locked by the caller, who unlocks nothing.
 */
const splitLockedPage = (m: Machine, page: Pfn): boolean => {
  folioGet(m, page, 'kernel');
  const split = splitHugePageToList(m, page) === 0;
  unlockPage(m, compoundHead(m, page));
  putPage(m, page, 'kernel');
  return split;
};

// --- MADV_COLD, MADV_PAGEOUT -----------------------------------------------------------------------------------

/** The page is not needed soon: old, unreferenced, and off the active list or isolated for reclaim. */
const ageOrIsolate = (m: Machine, page: Pfn, isolated: Pfn[] | undefined): void => {
  clearFlags(m, compoundHead(m, page), PG_referenced);
  if (isolated === undefined) {
    deactivatePage(m, page);
  } else if (isolateLruPage(m, page) === 0) {
    if (testFlags(m, compoundHead(m, page), PG_unevictable)) putbackLruPage(m, page);
    else isolated.push(compoundHead(m, page));
  }
};

/** A huge entry. Returns whether it is dealt with; false: it came apart, small entries follow. */
function* coldHugePmd(
  m: Machine,
  tlb: MmuGather,
  pmdRow: EntryRow,
  start: Vpn,
  end: Vpn,
  isolated: Pfn[] | undefined,
): Sleeps<boolean> {
  const entry = m.entries.get(pmdRow);
  const page = entryPfn(entry);
  if (isHugeZeroPmd(m, entry) || pageMapcount(m, page) !== 1) return true;
  if (end - start !== HPAGE_PMD_NR) {
    yield* lockPage(m, page);
    return !splitLockedPage(m, page);
  }
  if (pteYoung(entry)) {
    m.entries.set(pmdRow, clearBits(entry, PTE_ACCESSED));
    tlbRemoveTlbEntry(m, tlb, start, HPAGE_PMD_NR);
  }
  ageOrIsolate(m, page, isolated);
  return true;
}

/** The small entries under one PMD entry. */
const coldPtes = (
  m: Machine,
  tlb: MmuGather,
  vma: Vma,
  pmdRow: EntryRow,
  start: Vpn,
  end: Vpn,
  isolated: Pfn[] | undefined,
): void => {
  for (let vpn = start; vpn < end; vpn++) {
    const row = pteOffset(m, pmdRow, vpn);
    const entry = m.entries.get(row);
    if (!ptePresent(entry)) continue;
    const page = vmNormalPage(m, vma, vpn, entry);
    if (page === NO_PFN || isNonLruPage(m, page)) continue;
    if (pageCompound(m, page)) {
      // only its sole owner may tear a huge page apart
      if (pageMapcount(m, page) !== 1 || !trylockPage(m, compoundHead(m, page))) return;
      if (!splitLockedPage(m, page)) return;
      vpn--;
      continue;
    }
    if (!testFlags(m, page, PG_lru) || pageMapcount(m, page) !== 1) continue;
    if (pteYoung(entry)) {
      m.entries.set(row, clearBits(entry, PTE_ACCESSED));
      tlbRemoveTlbEntry(m, tlb, vpn);
    }
    ageOrIsolate(m, page, isolated);
  }
};

/**
 * Makes the pages under one PMD entry old, or reclaims them. Device pages are skipped: they are on no LRU list.
 *
 * Kernel: `mm/madvise.c: madvise_cold_or_pageout_pte_range`
 */
const madviseColdOrPageoutPteRange = sleepable(
  'madvise_cold_or_pageout_pte_range',
  function* (
    m,
    vma: Vma,
    start: Vpn,
    end: Vpn,
    pmdRow: EntryRow,
    tlb: MmuGather,
    pageout: boolean,
  ): Sleeps<void> {
    const isolated: Pfn[] | undefined = pageout ? [] : undefined;
    const huge = pmdLeaf(m.entries.get(pmdRow));
    const done = huge && (yield* coldHugePmd(m, tlb, pmdRow, start, end, isolated));
    const pmd = m.entries.get(pmdRow);
    if (!done && pmd !== 0 && !isHugePmd(pmd)) coldPtes(m, tlb, vma, pmdRow, start, end, isolated);
    if (isolated !== undefined && isolated.length > 0) reclaimPages(m, isolated);
  },
);

/** Kernel: `mm/madvise.c: madvise_cold, madvise_pageout`. Simplified: the caller may write every file it maps. */
function* madviseColdOrPageout(m: Machine, vma: Vma, start: Vpn, end: Vpn, pageout: boolean): Sleeps<number> {
  if ((vma.vmFlags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB)) !== 0) return -EINVAL;
  lruAddDrain(m);
  const tlb = tlbGatherMmu(m, vma.mm);
  for (const pmd of walkPmds(m, vma, start, end)) {
    yield* madviseColdOrPageoutPteRange(m, vma, pmd.start, pmd.end, pmd.pmdRow, tlb, pageout);
    yield* letGo(m, 'madvise_cold_or_pageout_pte_range', pmd.end - pmd.start);
  }
  tlbFinishMmu(m, tlb);
  return 0;
}

// --- MADV_FREE ---------------------------------------------------------------------------------------------------

/**
 * A huge entry of MADV_FREE.
 *
 * Kernel: `mm/huge_memory.c: madvise_free_huge_pmd`
 *
 * @returns whether the whole of it was handled
 */
const madviseFreeHugePmd = (m: Machine, tlb: MmuGather, pmdRow: EntryRow, start: Vpn, end: Vpn): boolean => {
  const entry = m.entries.get(pmdRow);
  const page = entryPfn(entry);
  if (isHugeZeroPmd(m, entry) || folioMapcount(m, page) !== 1 || !trylockPage(m, page)) return false;
  if (end - start !== HPAGE_PMD_NR) {
    splitLockedPage(m, page);
    return false;
  }
  clearFlags(m, page, PG_dirty);
  unlockPage(m, page);
  if (pteYoung(entry) || pteDirty(entry)) {
    m.entries.set(pmdRow, clearBits(entry, PTE_ACCESSED | PTE_DIRTY));
    tlbRemoveTlbEntry(m, tlb, start, HPAGE_PMD_NR);
  }
  markPageLazyfree(m, page);
  return true;
};

/** A page that is dirty by its flag becomes clean; false if somebody else still needs its content. */
const cleanPage = (m: Machine, page: Pfn): boolean => {
  if (!testFlags(m, page, PG_dirty | PG_swapcache)) return true;
  if (!trylockPage(m, page)) return false;
  const sole = folioMapcount(m, page) === 1 && (!folioTestSwapcache(m, page) || folioFreeSwap(m, page));
  if (sole) clearFlags(m, page, PG_dirty);
  unlockPage(m, page);
  return sole;
};

/**
 * Marks the pages under one PMD entry as free for the taking until they are written again.
 *
 * Kernel: `mm/madvise.c: madvise_free_pte_range`
 */
const madviseFreePteRange = atomic(
  'madvise_free_pte_range',
  (m, vma: Vma, start: Vpn, end: Vpn, pmdRow: EntryRow, tlb: MmuGather): void => {
    if (pmdLeaf(m.entries.get(pmdRow)) && madviseFreeHugePmd(m, tlb, pmdRow, start, end)) return;
    if (isHugePmd(m.entries.get(pmdRow))) return;
    for (let vpn = start; vpn < end; vpn++) {
      const row = pteOffset(m, pmdRow, vpn);
      const entry = m.entries.get(row);
      if (isRealSwapEntry(entry)) {
        m.addRss(vma.mm, RSS_SWAP, -1);
        freeSwapAndCache(m, entryPfn(entry));
        m.entries.set(row, 0);
        continue;
      }
      if (!ptePresent(entry)) continue;
      const page = vmNormalPage(m, vma, vpn, entry);
      if (page === NO_PFN || isNonLruPage(m, page)) continue;
      if (pageCompound(m, page)) {
        // as far as the first page tells, nobody else maps the huge page
        const folio = compoundHead(m, page);
        if (pageMapcount(m, folio) !== 1 || !trylockPage(m, folio) || !splitLockedPage(m, folio)) return;
        vpn--;
        continue;
      }
      if (!cleanPage(m, page)) continue;
      if (pteYoung(entry) || pteDirty(entry)) {
        m.entries.set(row, clearBits(entry, PTE_ACCESSED | PTE_DIRTY));
        tlbRemoveTlbEntry(m, tlb, vpn);
      }
      markPageLazyfree(m, page);
    }
  },
);

/** Kernel: `mm/madvise.c: madvise_free_single_vma` */
function* madviseFreeSingleVma(m: Machine, vma: Vma, start: Vpn, end: Vpn): Sleeps<number> {
  if (!vmaIsAnonymous(vma)) return -EINVAL;
  lruAddDrain(m);
  const tlb = tlbGatherMmu(m, vma.mm);
  const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start, end, owner: 0 };
  mmuNotifierInvalidateRangeStart(m, range);
  for (const pmd of walkPmds(m, vma, start, end)) {
    madviseFreePteRange(m, vma, pmd.start, pmd.end, pmd.pmdRow, tlb);
    yield* letGo(m, 'madvise_free_pte_range', pmd.end - pmd.start);
  }
  mmuNotifierInvalidateRangeEnd(m, range);
  tlbFinishMmu(m, tlb);
  return 0;
}

/** Kernel: `mm/madvise.c: madvise_dontneed_free, madvise_dontneed_free_valid_vma` */
function* madviseDontneedFree(
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  advice: 'DONTNEED' | 'FREE',
): Sleeps<number> {
  let last = end;
  if (isVmHugetlbPage(vma)) {
    const h = hstateVma(m, vma);
    if (advice !== 'DONTNEED' || start !== hugePageStart(h, start)) return -EINVAL;
    last = hugePageStart(h, last); // never more than was asked for
  } else if ((vma.vmFlags & (VM_PFNMAP | VM_LOCKED)) !== 0) {
    return -EINVAL;
  }
  if (start === last) return 0;
  if (advice === 'FREE') return yield* madviseFreeSingleVma(m, vma, start, last);
  yield* zapPageRange(m, vma, start, last);
  return 0;
}

// --- advice that only changes the area -------------------------------------------------------------------------------

type FlagAdvice = Exclude<
  Advice,
  'DONTNEED' | 'FREE' | 'COLD' | 'PAGEOUT' | 'COLLAPSE' | 'POPULATE_READ' | 'POPULATE_WRITE'
>;

/** Kernel: `mm/madvise.c: madvise_vma_behavior`, `mm/khugepaged.c: hugepage_madvise` */
const advisedFlags = (vma: Vma, advice: FlagAdvice): number => {
  switch (advice) {
    case 'HUGEPAGE':
      return (vma.vmFlags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
    case 'NOHUGEPAGE':
      return (vma.vmFlags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
    case 'DONTFORK':
      return vma.vmFlags | VM_DONTCOPY;
    case 'DOFORK':
      return vma.vmFlags & ~VM_DONTCOPY;
    case 'WIPEONFORK':
      return vma.vmFlags | VM_WIPEONFORK;
    case 'KEEPONFORK':
      return vma.vmFlags & ~VM_WIPEONFORK;
    case 'MERGEABLE': {
      const refused = VM_SHARED | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_HUGETLB | VM_MIXEDMAP;
      return (vma.vmFlags & refused) === 0 ? vma.vmFlags | VM_MERGEABLE : vma.vmFlags;
    }
    case 'UNMERGEABLE':
      return vma.vmFlags & ~VM_MERGEABLE;
  }
};

/** Makes all pages present, as an access would. Kernel: `mm/madvise.c: madvise_populate` */
function* madvisePopulate(m: Machine, vma: Vma, start: Vpn, end: Vpn, write: boolean): Sleeps<number> {
  for (let vpn = start; vpn < end; ) {
    const handled: number = yield* faultinVmaPageRange(m, m.vmas.get(vma.id), vpn, end, write);
    if (handled < 0) return handled === -EINVAL || handled === -EFAULT ? handled : -ENOMEM;
    vpn += handled;
  }
  return 0;
}

/** Kernel: `mm/madvise.c: madvise_update_vma` */
const madviseUpdateVma = (m: Machine, vma: Vma, start: Vpn, end: Vpn, advice: FlagAdvice): number => {
  // only private anonymous memory can be wiped; what a driver mapped is never given to a child
  if (advice === 'WIPEONFORK' && (vma.file !== 0 || (vma.vmFlags & VM_SHARED) !== 0)) return -EINVAL;
  if (advice === 'DOFORK' && (vma.vmFlags & VM_IO) !== 0) return -EINVAL;
  const vmFlags = advisedFlags(vma, advice);
  if (vmFlags === vma.vmFlags) return 0;
  const changed = changeVmaFlags(m, vma, start, end, vmFlags);
  return typeof changed === 'number' ? changed : 0;
};

/**
 * Applies advice to a range inside one area.
 *
 * Kernel: `mm/madvise.c: madvise_vma_behavior`
 */
const madviseVmaBehavior = sleepable(
  'madvise_vma_behavior',
  function* (m, vma: Vma, start: Vpn, end: Vpn, advice: Advice): Sleeps<number> {
    switch (advice) {
      case 'COLD':
        return yield* madviseColdOrPageout(m, vma, start, end, false);
      case 'PAGEOUT':
        return yield* madviseColdOrPageout(m, vma, start, end, true);
      case 'DONTNEED':
      case 'FREE':
        return yield* madviseDontneedFree(m, vma, start, end, advice);
      case 'COLLAPSE':
        return yield* madviseCollapse(m, vma, start, end);
      case 'POPULATE_READ':
      case 'POPULATE_WRITE':
        return yield* madvisePopulate(m, vma, start, end, advice === 'POPULATE_WRITE');
      case 'HUGEPAGE':
      case 'NOHUGEPAGE':
      case 'DONTFORK':
      case 'DOFORK':
      case 'WIPEONFORK':
      case 'KEEPONFORK':
      case 'MERGEABLE':
      case 'UNMERGEABLE': {
        if (advice === 'UNMERGEABLE' && (yield* unmergeKsmPages(m, vma, start, end)) !== 0) return -EAGAIN;
        const err = madviseUpdateVma(m, vma, start, end, advice);
        return err === -ENOMEM ? -EAGAIN : err;
      }
    }
  },
);

const THP_ADVICE: ReadonlySet<Advice> = new Set(['HUGEPAGE', 'NOHUGEPAGE', 'COLLAPSE']);

/** Whether this kernel was built with what an advice is about. Kernel: `mm/madvise.c: madvise_behavior_valid` */
const madviseBehaviorValid = (m: Machine, advice: Advice): boolean =>
  m.kernel.CONFIG_TRANSPARENT_HUGEPAGE || !THP_ADVICE.has(advice);

/**
 * madvise(2). All mapped parts of the range are served, also those behind a hole.
 *
 * Kernel: `mm/madvise.c: do_madvise, madvise_walk_vmas`
 * Sleeps: page locks.
 *
 * @returns 0; -ENOMEM, there is a hole; -EINVAL, the kernel does not know it, or an area does not
 *   allow it and those before it were served
 */
export function* doMadvise(m: Machine, mm: Mm, start: Vpn, npages: number, advice: Advice): Sleeps<number> {
  if (!madviseBehaviorValid(m, advice)) return -EINVAL;
  const end = start + npages;
  let unmappedError = 0;
  for (let vpn = start; vpn < end; ) {
    const vma = findVma(m, m.mms.get(mm.id), vpn);
    if (vma === undefined) return -ENOMEM;
    if (vpn < vma.vmStart) {
      unmappedError = -ENOMEM;
      vpn = vma.vmStart;
      if (vpn >= end) break;
    }
    const last = Math.min(vma.vmEnd, end);
    const err: number = yield* madviseVmaBehavior(m, vma, vpn, last, advice);
    if (err !== 0) return err;
    vpn = last;
  }
  return unmappedError;
}
