// mm/gup.c: looking one address up in the page table and taking its page, for the slow walk and for follow_page.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EEXIST, EFAULT, EINVAL, EMLINK, ENOMEM } from '../../uapi/errno.ts';
import {
  FOLL_DUMP,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_LRU,
  FOLL_MIGRATION,
  FOLL_PIN,
  FOLL_SPLIT_PMD,
  FOLL_TOUCH,
  FOLL_WRITE,
} from '../../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_dirty } from '../../uapi/page-flags.ts';
import {
  type Entry,
  entryPfn,
  isMigrationEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  pmdLeaf,
  pteDevmap,
  pteDirty,
  ptePresent,
  pteProtnone,
  pteWrite,
  setBits,
} from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_MAYSHARE, VM_MAYWRITE, VM_SHARED, VM_WRITE } from '../../uapi/vm-flags.ts';
import { bugOn, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { migrationEntryWait } from '../sched/locks.ts';
import { gupCanFollowProtnone, gupMustUnshare, tryGrabPage } from './gup-grab.ts';
import { followTransHugePmd } from './huge-memory.ts';
import { splitHugePmd } from './huge-split.ts';
import { hstateVma, hugePteOffset } from './hugetlb-pool.ts';
import { pgmapIsLive } from './memremap.ts';
import { vmNormalPage } from './normal-page.ts';
import { compoundHead, isZeroPfn, isZoneDevicePage, pageAnon, testFlags } from './page-ref.ts';
import { pmdOffset, pteAlloc, pteOffset } from './page-table.ts';
import { markPageAccessed, setPageDirty } from './swap.ts';
import { isVmHugetlbPage, vmaHasFault, vmaIsAnonymous, vmaIsSecretmem } from './vma.ts';

/** A page, nothing (a fault is needed), or an error. */
export type Followed =
  | { readonly kind: 'page'; readonly page: Pfn }
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly err: number };

const NOTHING: Followed = { kind: 'none' };

/** Kernel: `mm/gup.c: no_page_table` */
const noPageTable = atomic(
  'no_page_table',
  (m, vma: Vma, flags: number): Followed =>
    (flags & FOLL_DUMP) !== 0 && (vmaIsAnonymous(vma) || !vmaHasFault(m, vma))
      ? { kind: 'error', err: -EFAULT }
      : NOTHING,
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

/** A frame without struct page: its entry is marked as used. Kernel: `mm/gup.c: follow_pfn_pte` */
const followPfnPte = (m: Machine, row: EntryRow, flags: number): Followed => {
  if ((flags & FOLL_TOUCH) !== 0) {
    const used = (flags & FOLL_WRITE) !== 0 ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
    m.entries.set(row, setBits(m.entries.get(row), used));
  }
  return { kind: 'error', err: -EEXIST };
};

/**
 * The page behind a present entry, for a caller who may take no reference at all: legacy device memory only while
 * its pgmap lives, the zero page though it is no normal page.
 */
const pageBehind = (m: Machine, entry: Entry, normal: Pfn, flags: number, row: EntryRow): Followed => {
  if (normal !== NO_PFN) return { kind: 'page', page: normal };
  const page = entryPfn(entry);
  if (pteDevmap(entry) && (flags & (FOLL_GET | FOLL_PIN)) !== 0) {
    return pgmapIsLive(m, page) ? { kind: 'page', page } : NOTHING;
  }
  if ((flags & FOLL_DUMP) !== 0) return { kind: 'error', err: -EFAULT };
  return isZeroPfn(m, page) ? { kind: 'page', page } : followPfnPte(m, row, flags);
};

/**
 * Looks one small entry up and grabs its page.
 *
 * Kernel: `mm/gup.c: follow_page_pte`
 * Simplified: the reference on a pgmap, held while legacy device pages are looked up, is not counted.
 */
const followPagePte = sleepable(
  'follow_page_pte',
  function* (m, vma: Vma, vpn: Vpn, flags: number, pmdRow: EntryRow): Sleeps<Followed> {
    if ((flags & (FOLL_PIN | FOLL_GET)) === (FOLL_PIN | FOLL_GET)) {
      warn(m, 'gup.warn.get-and-pin', flags);
      return { kind: 'error', err: -EINVAL };
    }
    for (;;) {
      const row = pteOffset(m, pmdRow, vpn);
      const entry = m.entries.get(row);
      if (!ptePresent(entry)) {
        if (isMigrationEntry(entry) && (flags & FOLL_MIGRATION) !== 0) {
          yield* migrationEntryWait(m, entryPfn(entry));
          continue;
        }
        return entry === 0 ? noPageTable(m, vma, flags) : NOTHING;
      }
      if (pteProtnone(entry) && !gupCanFollowProtnone(flags)) return NOTHING;
      const normal = vmNormalPage(m, vma, vpn, entry);
      if ((flags & FOLL_WRITE) !== 0 && !canFollowWritePte(m, entry, normal, vma, flags)) return NOTHING;
      const device = normal === NO_PFN ? pteDevmap(entry) : isZoneDevicePage(m, normal);
      if ((flags & FOLL_LRU) !== 0 && device) return { kind: 'error', err: -EEXIST };
      const found = pageBehind(m, entry, normal, flags, row);
      if (found.kind !== 'page') return found;
      const { page } = found;
      if (!pteWrite(entry) && gupMustUnshare(m, flags, page)) {
        m.trace.decide('gup.slow.needs-unshare', vpn, page);
        return { kind: 'error', err: -EMLINK };
      }
      bugOn(
        (flags & FOLL_PIN) !== 0 && pageAnon(m, page) && !testFlags(m, page, PG_anon_exclusive),
        'follow_page_pte: pins an anonymous page that is not exclusive',
      );
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

/** The page of a hugetlb entry; GUP proper goes through follow_hugetlb_page. Kernel: `mm/hugetlb.c: follow_huge_pmd_pte, follow_huge_pud` */
function* followHugetlbEntry(m: Machine, vma: Vma, vpn: Vpn, flags: number, row: EntryRow): Sleeps<Followed> {
  for (;;) {
    const entry = m.entries.get(row);
    if (isMigrationEntry(entry)) {
      yield* migrationEntryWait(m, entryPfn(entry));
      continue;
    }
    if (!ptePresent(entry)) return noPageTable(m, vma, flags);
    const page = entryPfn(entry) + (vpn % hstateVma(m, vma).npages);
    return tryGrabPage(m, page, flags) ? { kind: 'page', page } : noPageTable(m, vma, flags);
  }
}

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
    if (pteProtnone(pmd) && !gupCanFollowProtnone(flags)) return noPageTable(m, vma, flags);
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
    const mm = m.mms.get(vma.mm);
    const hugetlb = isVmHugetlbPage(vma);
    const row = hugetlb ? hugePteOffset(m, mm, vpn, hstateVma(m, vma)) : pmdOffset(m, mm, vpn);
    if (row === NO_ROW) return noPageTable(m, vma, flags);
    if (hugetlb) return yield* followHugetlbEntry(m, vma, vpn, flags, row);
    return yield* followPmdMask(m, vma, vpn, flags, row);
  },
);

/**
 * The page at an address as the page table has it now; never faults.
 * Requires: mmap_lock.   Sleeps: migration entries, with FOLL_MIGRATION.
 *
 * Kernel: `mm/gup.c: follow_page`
 */
export const followPage = sleepable(
  'follow_page',
  function* (m, vma: Vma, vpn: Vpn, flags: number): Sleeps<Followed> {
    if (vmaIsSecretmem(m, vma) || (flags & FOLL_PIN) !== 0) return NOTHING;
    return yield* followPageMask(m, vma, vpn, flags);
  },
);

/**
 * What the lookups of the series' callers ask for, in the reading of the kernel that runs.
 *
 * Ours: FOLL_LRU stood in earlier postings only.
 */
export const lruOnly = (m: Machine): number => (m.kernel.followPage === 'FOLL_LRU' ? FOLL_LRU : 0);
