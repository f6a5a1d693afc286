// mm/gup.c: the slow path: walk, fault what is missing, take references.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import {
  EAGAIN,
  EBUSY,
  EEXIST,
  EFAULT,
  EHWPOISON,
  EINTR,
  EMLINK,
  ENOMEM,
  EOPNOTSUPP,
} from '../../uapi/errno.ts';
import {
  FOLL_ANON,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_HWPOISON,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_NOWAIT,
  FOLL_PIN,
  FOLL_REMOTE,
  FOLL_TRIED,
  FOLL_WRITE,
} from '../../uapi/gup-flags.ts';
import { pmdLeaf } from '../../uapi/pte.ts';
import { NO_PFN, NO_ROW, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_KILLABLE,
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_RETRY_NOWAIT,
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
  VM_PFNMAP,
  VM_READ,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { condResched, outwaitFruitlessFault } from '../sched/locks.ts';
import { handleMmFault } from './fault.ts';
import { type FoundPages, takePlainPages } from './gup-bulk.ts';
import { type Followed, followPageMask } from './gup-follow.ts';
import { followHugetlbPage } from './gup-hugetlb.ts';
import { PMD_PAGES, pmdOffset } from './page-table.ts';
import { inChunks } from './plain-pages.ts';
import { isVmHugetlbPage, vmaIsAnonymous, vmaIsFsdax, vmaIsSecretmem, vmaLookup } from './vma.ts';

// --- slow path ------------------------------------------------------------------------------------------------

/** Kernel: `include/linux/mm.h: vm_fault_to_errno` */
const vmFaultToErrno = (fault: number, flags: number): number => {
  if ((fault & VM_FAULT_OOM) !== 0) return -ENOMEM;
  if ((fault & VM_FAULT_HWPOISON) !== 0) return (flags & FOLL_HWPOISON) !== 0 ? -EHWPOISON : -EFAULT;
  return -EFAULT;
};

/**
 * Lets the fault handler make the page present.
 *
 * Kernel: `mm/gup.c: faultin_page`
 *
 * @returns 0 look again; -EBUSY it would have to wait, or the lock was dropped; -EAGAIN the lock was dropped; other -errno
 */
const faultinPage = sleepable(
  'faultin_page',
  function* (m, vma: Vma, vpn: Vpn, flags: number, unshare: boolean, mayUnlock: boolean): Sleeps<number> {
    if ((flags & FOLL_NOFAULT) !== 0) return -EFAULT;
    let fault = 0;
    if ((flags & FOLL_WRITE) !== 0) fault |= FAULT_FLAG_WRITE;
    if ((flags & FOLL_REMOTE) !== 0) fault |= FAULT_FLAG_REMOTE;
    if (mayUnlock) fault |= FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE;
    if ((flags & FOLL_NOWAIT) !== 0) fault |= FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_RETRY_NOWAIT;
    if ((flags & FOLL_TRIED) !== 0) fault |= FAULT_FLAG_TRIED;
    if (unshare) fault |= FAULT_FLAG_UNSHARE;
    const ret = yield* handleMmFault(m, vma, vpn, fault);
    yield* outwaitFruitlessFault(m);
    if ((ret & VM_FAULT_COMPLETED) !== 0) return -EAGAIN;
    if ((ret & VM_FAULT_ERROR) !== 0) return vmFaultToErrno(ret, flags);
    return (ret & VM_FAULT_RETRY) !== 0 ? -EBUSY : 0;
  },
);

/**
 * Whether a VMA permits the request at all.
 *
 * Kernel: `mm/gup.c: check_vma_flags`
 * Simplified: no protection keys.
 */
const checkVmaFlags = (m: Machine, vma: Vma, flags: number): number => {
  const refuse = (err: number): number => {
    m.trace.decide('gup.vma-refused', vma.vmStart, vma.vmFlags, err);
    return err;
  };
  if ((vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) return refuse(-EFAULT);
  if ((flags & FOLL_ANON) !== 0 && !vmaIsAnonymous(vma)) return refuse(-EFAULT);
  if ((flags & FOLL_LONGTERM) !== 0 && vmaIsFsdax(m, vma)) return refuse(-EOPNOTSUPP);
  if (vmaIsSecretmem(m, vma)) return refuse(-EFAULT);
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
  readonly pages: FoundPages;
  readonly err: number;
  /** A fault dropped mmap_lock: the caller takes it again and goes on. */
  readonly unlocked: boolean;
}

/** Whether the caller wants references, and so the pages. */
const wantsPages = (flags: number): boolean => (flags & (FOLL_GET | FOLL_PIN)) !== 0;

/** A caller that only wants pages present passes over the rest of a huge page. Kernel: struct follow_page_context, page_mask */
const pagesAtOnce = (m: Machine, mm: number, vpn: Vpn, flags: number): number => {
  if (wantsPages(flags)) return 1;
  const pmdRow = pmdOffset(m, m.mms.get(mm), vpn);
  return pmdRow !== NO_ROW && pmdLeaf(m.entries.get(pmdRow)) ? PMD_PAGES - (vpn % PMD_PAGES) : 1;
};

/** The VMA of an address, if the request may use it; else -errno. */
const permittedVma = (m: Machine, mm: number, vpn: Vpn, flags: number): Vma | number => {
  const vma = vmaLookup(m, m.mms.get(mm), vpn);
  if (vma === undefined) {
    m.trace.decide('gup.no-vma', vpn);
    return -EFAULT;
  }
  return checkVmaFlags(m, vma, flags) || vma;
};

/**
 * The slow walk: look up, fault, look up again, page by page.
 *
 * Kernel: `mm/gup.c: __get_user_pages`
 * Simplified: no vsyscall page (get_gate_page).
 *
 * @param mayUnlock - the caller lets a fault drop mmap_lock (its `locked` is not NULL)
 */
export const getUserPagesWalk = sleepable(
  '__get_user_pages',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mmId: number,
    mayUnlock: boolean,
  ): Sleeps<GupWalk> {
    const pages: FoundPages = inChunks(m) ? new Float64Array(npages) : [];
    const done = (err: number, unlocked = false): GupWalk => {
      const all = got === pages.length ? pages : pages.slice(0, got);
      return { id: got > 0 ? got : err, pages: all, err, unlocked };
    };
    let got = 0;
    let vma: Vma | undefined;
    let tried = flags & FOLL_TRIED;
    while (got < npages) {
      const vpn = start + got;
      if (vma === undefined || vpn >= vma.vmEnd) {
        const permitted = permittedVma(m, mmId, vpn, flags);
        if (typeof permitted === 'number') return done(permitted);
        vma = permitted;
        if (isVmHugetlbPage(vma)) {
          const followed = yield* followHugetlbPage(m, vma, vpn, npages - got, flags, pages, got);
          got = followed.got;
          if (followed.err !== 0) return done(followed.err);
          continue;
        }
      }
      if (m.current.fatalSignalPending) return done(-EINTR);
      yield* condResched(m, '__get_user_pages');
      const many: number = tried === 0 ? takePlainPages(m, vma, vpn, start + npages, flags, pages, got) : 0;
      if (many > 0) {
        got += many;
        continue;
      }
      vma = m.vmas.get(vma.id);
      const found: Followed = yield* followPageMask(m, vma, vpn, (flags & ~FOLL_TRIED) | tried);
      if (found.kind === 'page') {
        const nr = Math.min(pagesAtOnce(m, mmId, vpn, flags), npages - got);
        for (let i = 0; i < nr; i++) pages[got++] = found.page + i;
        tried = 0;
        continue;
      }
      // a frame without struct page is as good as present for a caller that wants no pages
      if (found.kind === 'error' && found.err === -EEXIST && !wantsPages(flags)) {
        pages[got++] = NO_PFN;
        continue;
      }
      const unshare = found.kind === 'error' && found.err === -EMLINK;
      if (found.kind === 'error' && !unshare) return done(found.err);
      if (!unshare) m.trace.decide('gup.slow.needs-fault', vpn);
      const err = yield* faultinPage(m, vma, vpn, (flags & ~FOLL_TRIED) | tried, unshare, mayUnlock);
      if (err === -EBUSY || err === -EAGAIN) return done(0, mayUnlock && (flags & FOLL_NOWAIT) === 0);
      if (err !== 0) return done(err);
    }
    return done(0);
  },
);

/** Kernel: `mm/gup.c: mm_set_has_pinned_flag` */
export const setHasPinned = (m: Machine, mm: number): void => {
  if (!m.mms.get(mm).hasPinned) m.mms.update(mm, { hasPinned: true });
};

/** Ours: a walk that goes on behind another one has its pages behind those. */
const appended = (pages: FoundPages, more: FoundPages): FoundPages => {
  if (pages.length === 0) return more;
  const all = Array.isArray(pages) ? pages : Array.from(pages);
  for (const page of more) all.push(page);
  return all;
};

/** What a caller passes besides range and flags. */
export interface GupOptions {
  /** `pages` is NULL: the pages are to be present, no reference is wanted. */
  readonly noPages?: boolean;
  /** `locked` is not NULL: a fault may drop mmap_lock. Only the _remote calls have it. */
  readonly locked?: boolean;
}

/**
 * The slow walk, taken up again whenever a fault dropped mmap_lock.
 *
 * Kernel: `mm/gup.c: __get_user_pages_locked`
 */
export function* getUserPagesLocked(
  m: Machine,
  mm: number,
  start: Vpn,
  npages: number,
  flags: number,
  { noPages = false, locked = false }: GupOptions,
): Sleeps<{ pages: FoundPages; err: number }> {
  if ((flags & FOLL_PIN) !== 0) setHasPinned(m, mm);
  const effective = (flags & FOLL_PIN) === 0 && !noPages ? flags | FOLL_GET : flags;
  let pages: FoundPages = [];
  for (;;) {
    const walk: GupWalk = yield* getUserPagesWalk(
      m,
      start + pages.length,
      npages - pages.length,
      effective,
      mm,
      locked,
    );
    pages = appended(pages, walk.pages);
    if (!walk.unlocked || pages.length === npages) return { pages, err: walk.err };
    if (m.current.fatalSignalPending) return { pages, err: -EINTR };
    const one: GupWalk = yield* getUserPagesWalk(
      m,
      start + pages.length,
      1,
      effective | FOLL_TRIED,
      mm,
      locked,
    );
    pages = appended(pages, one.pages);
    if (one.pages.length !== 1) return { pages, err: one.err };
    if (pages.length === npages) return { pages, err: 0 };
  }
}
