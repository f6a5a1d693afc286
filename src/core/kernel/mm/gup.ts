// mm/gup.c: references on user pages. A slow walk that faults, the long-term rule, and what callers may ask for.

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
  EINVAL,
  EMLINK,
  ENOMEM,
  EOPNOTSUPP,
} from '../../uapi/errno.ts';
import {
  FOLL_ANON,
  FOLL_DUMP,
  FOLL_FAST_ONLY,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_HWPOISON,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_NOWAIT,
  FOLL_PIN,
  FOLL_REMOTE,
  FOLL_TOUCH,
  FOLL_TRIED,
  FOLL_WRITE,
} from '../../uapi/gup-flags.ts';
import { pmdLeaf } from '../../uapi/pte.ts';
import { NO_PFN, NO_ROW, type Pfn, TASK_SIZE_PAGES, type Vpn, VPN_LIMIT } from '../../uapi/units.ts';
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
  VM_SHARED,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { type KernelMessage, warn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { condResched, mmapReadLock, mmapReadUnlock } from '../sched/locks.ts';
import { handleMmFault } from './fault.ts';
import { locklessPagesFromMm } from './gup-fast.ts';
import { pinPlainPages } from './gup-bulk.ts';
import { type Followed, followPageMask } from './gup-follow.ts';
import { checkAndMigrateMovablePages } from './gup-longterm.ts';
import { followHugetlbPage } from './hugetlb.ts';
import { PMD_PAGES, pmdOffset } from './page-table.ts';
import { inChunks } from './plain-pages.ts';
import { lruAddDrain } from './swap.ts';
import {
  isVmHugetlbPage,
  vmaIsAccessible,
  vmaIsAnonymous,
  vmaIsFsdax,
  vmaIsSecretmem,
  vmaLookup,
} from './vma.ts';

/** Passes after which an endless long-term retry is cut off; the kernel would go on. */
const LONGTERM_RETRY_CAP = 16;

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
interface GupWalk {
  readonly id: number;
  readonly pages: Pfn[];
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
    const done = (err: number, unlocked = false): GupWalk => {
      pages.length = got;
      return { id: got > 0 ? got : err, pages, err, unlocked };
    };
    // an array that grows would be copied again and again
    if (inChunks(m)) pages.length = npages;
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
          const huge: Pfn[] = [];
          const err = yield* followHugetlbPage(m, vma, vpn, npages - got, flags, huge);
          for (const page of huge) pages[got++] = page;
          if (err !== 0) return done(err);
          continue;
        }
      }
      if (m.current.fatalSignalPending) return done(-EINTR);
      yield* condResched(m, '__get_user_pages');
      const many: number = tried === 0 ? pinPlainPages(m, vma, vpn, start + npages, flags, pages, got) : 0;
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
const setHasPinned = (m: Machine, mm: number): void => {
  if (!m.mms.get(mm).hasPinned) m.mms.update(mm, { hasPinned: true });
};

/** Appends to an array. Ours: a spread would put a million pages on the stack. */
const appendAll = (to: Pfn[], pages: readonly Pfn[]): void => {
  for (const page of pages) to.push(page);
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
function* getUserPagesLocked(
  m: Machine,
  mm: number,
  start: Vpn,
  npages: number,
  flags: number,
  { noPages = false, locked = false }: GupOptions,
): Sleeps<{ pages: Pfn[]; err: number }> {
  if ((flags & FOLL_PIN) !== 0) setHasPinned(m, mm);
  const effective = (flags & FOLL_PIN) === 0 && !noPages ? flags | FOLL_GET : flags;
  let pages: Pfn[] = [];
  for (;;) {
    const walk: GupWalk = yield* getUserPagesWalk(
      m,
      start + pages.length,
      npages - pages.length,
      effective,
      mm,
      locked,
    );
    if (pages.length === 0) pages = walk.pages;
    else appendAll(pages, walk.pages);
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
    appendAll(pages, one.pages);
    if (one.pages.length !== 1) return { pages, err: one.err };
    if (pages.length === npages) return { pages, err: 0 };
  }
}

// --- the long-term rule -------------------------------------------------------------------------------------------

/** Result of a GUP call. */
export interface GupResult {
  /** What the kernel's function returns: number of pages, or a negative errno if that number would be 0. */
  readonly id: number;
  /** The pages, in address order; none if the caller gave no array. */
  readonly pages: readonly Pfn[];
}

const gupResult = (pages: readonly Pfn[], err: number, { noPages = false }: GupOptions = {}): GupResult => ({
  id: pages.length > 0 ? pages.length : err,
  pages: noPages ? [] : pages,
});

/** A request that its entry point forbids: a warning, and nothing else happens. */
const refuse = (m: Machine, why: KernelMessage, flags: number): GupResult => {
  warn(m, why, flags);
  return { id: -EINVAL, pages: [] };
};

/**
 * The slow path with the long-term rule: pin all, check, move what may not stay, pin all again.
 *
 * Kernel: `mm/gup.c: __gup_longterm_locked`
 * Simplified: the retry after a failed isolation ends after 16 passes with a message; the kernel has no bound.
 */
const gupLongtermLocked = sleepable(
  '__gup_longterm_locked',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions,
  ): Sleeps<GupResult> {
    if ((flags & FOLL_LONGTERM) === 0) {
      const { pages, err } = yield* getUserPagesLocked(m, mm, start, npages, flags, options);
      return gupResult(pages, err, options);
    }
    if ((flags & FOLL_PIN) === 0) return refuse(m, 'gup.warn.longterm-without-pin', flags);
    const memallocPin = m.current.memallocPin;
    m.current.memallocPin = true;
    let result = gupResult([], 0);
    for (let pass = 1; ; pass++) {
      if (pass === 2) m.trace.decide('longterm.second-pass', npages);
      const { pages, err } = yield* getUserPagesLocked(m, mm, start, npages, flags, {});
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

// --- entry points: mmap_lock held by the caller -----------------------------------------------------------------

/** What no caller of get_user_pages* may set by itself. Kernel: `mm/gup.c: is_valid_gup_flags` */
const invalidGupFlags = (flags: number): KernelMessage | undefined => {
  if ((flags & FOLL_PIN) !== 0) return 'gup.warn.pin-by-caller';
  return (flags & FOLL_LONGTERM) !== 0 ? 'gup.warn.longterm-by-caller' : undefined;
};

/** What every pin_user_pages* checks first. */
const invalidPinCall = (flags: number, { noPages = false }: GupOptions): KernelMessage | undefined => {
  if ((flags & FOLL_GET) !== 0) return 'gup.warn.get-in-pin';
  return noPages ? 'gup.warn.no-pages' : undefined;
};

/**
 * References on pages of the caller's own memory.
 *
 * Kernel: `mm/gup.c: get_user_pages`
 */
export const getUserPages = sleepable(
  'get_user_pages',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions = {},
  ): Sleeps<GupResult> {
    const invalid = invalidGupFlags(flags);
    if (invalid !== undefined) return refuse(m, invalid, flags);
    return yield* gupLongtermLocked(m, start, npages, flags | FOLL_TOUCH, mm, options);
  },
);

/**
 * Pins on pages of the caller's own memory. Unlike all others it does not mark them accessed.
 *
 * Kernel: `mm/gup.c: pin_user_pages`
 */
export const pinUserPages = sleepable(
  'pin_user_pages',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions = {},
  ): Sleeps<GupResult> {
    const invalid = invalidPinCall(flags, options);
    if (invalid !== undefined) return refuse(m, invalid, flags);
    return yield* gupLongtermLocked(m, start, npages, flags | FOLL_PIN, mm, {});
  },
);

/** Kernel: `mm/gup.c: __get_user_pages_remote` */
function* gupRemote(
  m: Machine,
  start: Vpn,
  npages: number,
  flags: number,
  mm: number,
  options: GupOptions,
): Sleeps<GupResult> {
  const effective = flags | FOLL_TOUCH | FOLL_REMOTE;
  if ((flags & FOLL_LONGTERM) !== 0) {
    if (options.locked === true) return refuse(m, 'gup.warn.longterm-with-locked', flags);
    return yield* gupLongtermLocked(m, start, npages, effective, mm, {});
  }
  const { pages, err } = yield* getUserPagesLocked(m, mm, start, npages, effective, options);
  return gupResult(pages, err, options);
}

/**
 * References on pages of another process.
 *
 * Kernel: `mm/gup.c: get_user_pages_remote`
 */
export const getUserPagesRemote = sleepable(
  'get_user_pages_remote',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions = {},
  ): Sleeps<GupResult> {
    const invalid = invalidGupFlags(flags);
    if (invalid !== undefined) return refuse(m, invalid, flags);
    return yield* gupRemote(m, start, npages, flags, mm, options);
  },
);

/**
 * Pins on pages of another process.
 *
 * Kernel: `mm/gup.c: pin_user_pages_remote`
 */
export const pinUserPagesRemote = sleepable(
  'pin_user_pages_remote',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions = {},
  ): Sleeps<GupResult> {
    const invalid = invalidPinCall(flags, options);
    if (invalid !== undefined) return refuse(m, invalid, flags);
    return yield* gupRemote(m, start, npages, flags | FOLL_PIN, mm, options);
  },
);

// --- entry points: they take mmap_lock themselves -----------------------------------------------------------------

/**
 * References; takes mmap_lock, and lets faults drop it. FOLL_PIN is not refused: pin_user_pages_unlocked comes here.
 *
 * Kernel: `mm/gup.c: get_user_pages_unlocked`
 */
export const getUserPagesUnlocked = sleepable(
  'get_user_pages_unlocked',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    { noPages = false }: GupOptions = {},
  ): Sleeps<GupResult> {
    if ((flags & FOLL_LONGTERM) !== 0) return refuse(m, 'gup.warn.longterm-unlocked', flags);
    const options = { noPages, locked: true };
    yield* mmapReadLock(m, mm);
    const { pages, err } = yield* getUserPagesLocked(m, mm, start, npages, flags | FOLL_TOUCH, options);
    mmapReadUnlock(m, mm);
    return gupResult(pages, err, options);
  },
);

/** Kernel: `mm/gup.c: pin_user_pages_unlocked` */
export const pinUserPagesUnlocked = sleepable(
  'pin_user_pages_unlocked',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions = {},
  ): Sleeps<GupResult> {
    const invalid = invalidPinCall(flags, options);
    if (invalid !== undefined) return refuse(m, invalid, flags);
    return yield* getUserPagesUnlocked(m, start, npages, flags | FOLL_PIN, mm);
  },
);

const FAST_FLAGS =
  FOLL_WRITE | FOLL_LONGTERM | FOLL_FORCE | FOLL_PIN | FOLL_GET | FOLL_FAST_ONLY | FOLL_NOFAULT;

/** What the fast walk left. Kernel: `mm/gup.c: __gup_longterm_unlocked` */
function* gupLongtermUnlocked(
  m: Machine,
  start: Vpn,
  npages: number,
  flags: number,
  mm: number,
): Sleeps<GupResult> {
  if ((flags & FOLL_LONGTERM) === 0) return yield* getUserPagesUnlocked(m, start, npages, flags, mm);
  yield* mmapReadLock(m, mm);
  const result: GupResult = yield* gupLongtermLocked(m, start, npages, flags, mm, {});
  mmapReadUnlock(m, mm);
  return result;
}

/**
 * The fast walk, and the slow one for what it left.
 *
 * Kernel: `mm/gup.c: internal_get_user_pages_fast`
 * Simplified: no pages wanted gives 0 at once, as documented; the kernel's walk does not expect it.
 */
const internalGetUserPagesFast = sleepable(
  'internal_get_user_pages_fast',
  function* (m, start: Vpn, npages: number, flags: number, mmId: number): Sleeps<GupResult> {
    if ((flags & ~FAST_FLAGS) !== 0) return refuse(m, 'gup.warn.fast-flags', flags);
    if ((flags & FOLL_PIN) !== 0) setHasPinned(m, mmId);
    const end = start + npages;
    if (end >= VPN_LIMIT) return gupResult([], 0);
    if (end > TASK_SIZE_PAGES) return gupResult([], -EFAULT);
    if (npages === 0) return gupResult([], 0);
    const fast: Pfn[] = [];
    locklessPagesFromMm(m, start, end, flags, m.mms.get(mmId), fast);
    if (fast.length === npages || (flags & FOLL_FAST_ONLY) !== 0) return gupResult(fast, 0);
    const slow: GupResult = yield* gupLongtermUnlocked(
      m,
      start + fast.length,
      npages - fast.length,
      flags,
      mmId,
    );
    // with pages from the fast walk an error of the slow one is lost
    return gupResult([...fast, ...slow.pages], slow.id < 0 ? slow.id : 0);
  },
);

/** Kernel: `mm/gup.c: get_user_pages_fast` */
export const getUserPagesFast = sleepable(
  'get_user_pages_fast',
  function* (m, start: Vpn, npages: number, flags: number, mm: number): Sleeps<GupResult> {
    const invalid = invalidGupFlags(flags);
    if (invalid !== undefined) return refuse(m, invalid, flags);
    return yield* internalGetUserPagesFast(m, start, npages, flags | FOLL_GET, mm);
  },
);

/** Kernel: `mm/gup.c: pin_user_pages_fast` */
export const pinUserPagesFast = sleepable(
  'pin_user_pages_fast',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions = {},
  ): Sleeps<GupResult> {
    const invalid = invalidPinCall(flags, options);
    if (invalid !== undefined) return refuse(m, invalid, flags);
    return yield* internalGetUserPagesFast(m, start, npages, flags | FOLL_PIN, mm);
  },
);

/** These calls know no error: nothing got is 0. */
const withoutError = ({ id, pages }: GupResult): GupResult => ({ id: Math.max(id, 0), pages });

/**
 * Only what the fast walk finds. It checks fewer flags than the others: FOLL_PIN and FOLL_LONGTERM are ignored.
 *
 * Kernel: `mm/gup.c: get_user_pages_fast_only`
 */
export const getUserPagesFastOnly = sleepable(
  'get_user_pages_fast_only',
  function* (m, start: Vpn, npages: number, flags: number, mm: number): Sleeps<GupResult> {
    const effective = flags | FOLL_GET | FOLL_FAST_ONLY;
    return withoutError(yield* internalGetUserPagesFast(m, start, npages, effective, mm));
  },
);

/** Kernel: `mm/gup.c: pin_user_pages_fast_only` */
export const pinUserPagesFastOnly = sleepable(
  'pin_user_pages_fast_only',
  function* (
    m,
    start: Vpn,
    npages: number,
    flags: number,
    mm: number,
    options: GupOptions = {},
  ): Sleeps<GupResult> {
    const invalid = invalidPinCall(flags, options);
    if (invalid !== undefined) return withoutError(refuse(m, invalid, flags));
    const effective = flags | FOLL_PIN | FOLL_FAST_ONLY;
    return withoutError(yield* internalGetUserPagesFast(m, start, npages, effective, mm));
  },
);

// --- without references -------------------------------------------------------------------------------------------

/**
 * A page for a core dump: never the zero page, and no fault where nothing was ever written.
 *
 * Kernel: `mm/gup.c: get_dump_page`
 */
export function* getDumpPage(m: Machine, vpn: Vpn, mm: number): Sleeps<Pfn> {
  yield* mmapReadLock(m, mm);
  const flags = FOLL_FORCE | FOLL_DUMP | FOLL_GET;
  const { pages } = yield* getUserPagesLocked(m, mm, vpn, 1, flags, { locked: true });
  mmapReadUnlock(m, mm);
  return pages.length === 1 ? pages[0] : NO_PFN;
}

/**
 * Makes the pages of one VMA present, as mlock wants them; takes no references.
 *
 * Kernel: `mm/gup.c: populate_vma_page_range`
 *
 * @param mayUnlock - a fault may drop mmap_lock; the call then ends early
 * @returns pages handled, or -errno
 */
export function* populateVmaPageRange(
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  mayUnlock: boolean,
): Sleeps<number> {
  let flags = FOLL_TOUCH;
  if ((vma.vmFlags & (VM_WRITE | VM_SHARED)) === VM_WRITE) flags |= FOLL_WRITE;
  if (vmaIsAccessible(vma)) flags |= FOLL_FORCE;
  const walk: GupWalk = yield* getUserPagesWalk(m, start, end - start, flags, vma.mm, mayUnlock);
  lruAddDrain(m);
  return walk.id;
}

/**
 * Faults the pages of one VMA in for reading or writing, as an access would; takes no references.
 *
 * Kernel: `mm/gup.c: faultin_vma_page_range`
 * Simplified: keeps mmap_lock.
 *
 * @returns pages handled, or -errno; -EINVAL, the area does not permit the access
 */
export function* faultinVmaPageRange(
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  write: boolean,
): Sleeps<number> {
  const permitted = write ? (vma.vmFlags & VM_WRITE) !== 0 : (vma.vmFlags & VM_READ) !== 0;
  if (!permitted || (vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) return -EINVAL;
  const flags = FOLL_TOUCH | FOLL_HWPOISON | (write ? FOLL_WRITE : 0);
  const walk: GupWalk = yield* getUserPagesWalk(m, start, end - start, flags, vma.mm, false);
  lruAddDrain(m);
  return walk.id;
}
