// mm/gup.c: the entry points that take mmap_lock themselves, the fast ones among them.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EFAULT } from '../../uapi/errno.ts';
import {
  FOLL_FAST_ONLY,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_PIN,
  FOLL_TOUCH,
  FOLL_WRITE,
} from '../../uapi/gup-flags.ts';
import { type Pfns, TASK_SIZE_PAGES, type Vpn, VPN_LIMIT } from '../../uapi/units.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { mmapReadLock, mmapReadUnlock } from '../sched/locks.ts';
import type { FoundPages } from './gup-bulk.ts';
import { locklessPagesFromMm } from './gup-fast.ts';
import {
  type GupResult,
  gupLongtermLocked,
  gupResult,
  invalidGupFlags,
  invalidPinCall,
  refuse,
} from './gup.ts';
import { type GupOptions, getUserPagesLocked, setHasPinned } from './gup-walk.ts';

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

/** Pages of the fast walk, and behind them those of the slow one. */
const joined = (fast: FoundPages, slow: Pfns): Pfns => {
  if (Array.isArray(fast)) return [...fast, ...slow];
  const all = new Float64Array(fast.length + slow.length);
  all.set(fast);
  all.set(slow, fast.length);
  return all;
};

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
    const fast: FoundPages = yield* locklessPagesFromMm(m, start, end, flags, m.mms.get(mmId));
    if (fast.length === npages || (flags & FOLL_FAST_ONLY) !== 0) return gupResult(fast, 0);
    const slow: GupResult = yield* gupLongtermUnlocked(
      m,
      start + fast.length,
      npages - fast.length,
      flags,
      mmId,
    );
    // with pages from the fast walk an error of the slow one is lost
    return gupResult(joined(fast, slow.pages), slow.id < 0 ? slow.id : 0);
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
