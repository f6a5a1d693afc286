// mm/gup.c: references on user pages: the long-term rule, and what callers who hold mmap_lock may ask for.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EAGAIN, EINVAL } from '../../uapi/errno.ts';
import { FOLL_GET, FOLL_LONGTERM, FOLL_PIN, FOLL_REMOTE, FOLL_TOUCH } from '../../uapi/gup-flags.ts';
import type { Pfns, Vpn } from '../../uapi/units.ts';
import { type KernelMessage, warn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { checkAndMigrateMovablePages } from './gup-longterm.ts';
import { checkAndMigrateInOneLoop } from './gup-longterm-v6.0.ts';
import { type GupOptions, getUserPagesLocked } from './gup-walk.ts';

/** Passes after which an endless long-term retry is cut off; the kernel would go on. */
const LONGTERM_RETRY_CAP = 16;

// --- the long-term rule -------------------------------------------------------------------------------------------

/**
 * Checks that all pinned pages may stay, as the chosen kernel does; otherwise moves them and asks for another pass.
 *
 * Ours: the answer of 6.0 in the words of 6.1
 *
 * @returns 0 all may stay pinned; -EAGAIN moved and unpinned, pin again; other -errno gave up and unpinned
 */
const checkLongterm = function* (m: Machine, pages: Pfns): Sleeps<number> {
  if (m.kernel.longtermCheck === 'v6.1') return yield* checkAndMigrateMovablePages(m, pages);
  const stay = yield* checkAndMigrateInOneLoop(m, pages);
  if (stay > 0) return 0;
  return stay === 0 ? -EAGAIN : stay;
};

/** Result of a GUP call. */
export interface GupResult {
  /** What the kernel's function returns: number of pages, or a negative errno if that number would be 0. */
  readonly id: number;
  /** The pages, in address order; none if the caller gave no array. */
  readonly pages: Pfns;
}

/**
 * The number of pages, or the error where there is none.
 *
 * Ours: the kernel's entry points return one number; the pages go beside it.
 */
export const gupResult = (pages: Pfns, err: number, { noPages = false }: GupOptions = {}): GupResult => ({
  id: pages.length > 0 ? pages.length : err,
  pages: noPages ? [] : pages,
});

/**
 * A request that its entry point forbids: a warning, and nothing else happens.
 *
 * Ours: the kernel writes `WARN_ON_ONCE` and `-EINVAL` into each entry point.
 */
export const refuse = (m: Machine, why: KernelMessage, flags: number): GupResult => {
  warn(m, why, flags);
  return { id: -EINVAL, pages: [] };
};

/**
 * The slow path with the long-term rule: pin all, check, move what may not stay, pin all again.
 *
 * Kernel: `mm/gup.c: __gup_longterm_locked`
 * Simplified: the retry after a failed isolation ends after 16 passes with a message; the kernel has no bound.
 */
export const gupLongtermLocked = sleepable(
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
      const rc = yield* checkLongterm(m, pages);
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
export const invalidGupFlags = (flags: number): KernelMessage | undefined => {
  if ((flags & FOLL_PIN) !== 0) return 'gup.warn.pin-by-caller';
  return (flags & FOLL_LONGTERM) !== 0 ? 'gup.warn.longterm-by-caller' : undefined;
};

/**
 * What every pin_user_pages* checks first.
 *
 * Kernel: `mm/gup.c: pin_user_pages`
 */
export const invalidPinCall = (flags: number, { noPages = false }: GupOptions): KernelMessage | undefined => {
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
