// lib/test_hmm.c: the device's page table: faults, invalidation, reads and writes through it, exclusive access, snapshots.

import { listFor } from '../../machine/list-for.ts';
import type { Dmirror } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EBUSY, EFAULT, ENOENT, EPERM } from '../../uapi/errno.ts';
import { __GFP_ZERO } from '../../uapi/gfp.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, letGo, mmapReadLock, mmapReadUnlock, unlockPage } from '../sched/locks.ts';
import { makeDeviceExclusiveRange } from '../mm/exclusive.ts';
import {
  HMM_PFN_ERROR,
  HMM_PFN_PMD,
  HMM_PFN_PUD,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmmPfnToPage,
  hmmRangeFault,
} from '../mm/hmm.ts';
import {
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from '../mm/mmu-notifier.ts';
import { compoundHead, isDeviceCoherentPage, isDevicePrivatePage, isZeroPfn } from '../mm/page-ref.ts';
import { putPage } from '../mm/swap.ts';
import { DPT_XA_TAG_NONE, DPT_XA_TAG_WRITE } from './test-hmm-bulk.ts';
import {
  DPT_XA_TAG_ATOMIC,
  type DmirrorResult,
  PIECE_PAGES,
  backingPage,
  dmirrorPageToDevice,
  ptOf,
  result,
} from './test-hmm-dmirror.ts';

// --- mirror -------------------------------------------------------------------------------------------------------

/** Drops the entries of a range; its end is taken as inclusive, so one page more goes. */
const dmirrorDoUpdate = atomic('dmirror_do_update', (m, start: Vpn, end: Vpn, dmirror: Dmirror): void => {
  const pt = ptOf(m, dmirror);
  if (m.trace.tally !== undefined) pt.dropRun(start, end + 1 - start);
  else for (const vpn of pt.keysBetween(start, end + 1)) pt.delete(vpn);
});

/**
 * The process's page table changes: the device's entries of the range go.
 *
 * Kernel: `lib/test_hmm.c: dmirror_interval_invalidate`
 */
export const dmirrorIntervalInvalidate = atomic(
  'dmirror_interval_invalidate',
  (m, dmirrorId: number, range: MmuNotifierRange): boolean => {
    const dmirror = m.dmirrors.get(dmirrorId);
    if (range.event === 'MIGRATE' && range.owner === dmirror.device) {
      m.trace.decide('notifier.own-migration-ignored', dmirror.device, range.start, range.end);
      return true;
    }
    mmuIntervalSetSeq(m, dmirror.mm, dmirrorId);
    m.trace.decide('notifier.invalidated', dmirror.device, range.start, range.end);
    dmirrorDoUpdate(m, range.start, range.end, dmirror);
    return true;
  },
);

interface Bounce {
  /** First numbers of the pages read, of as many as somebody asks for. */
  readonly values: number[];
  readonly wanted: number;
  /** Pages read or written so far. */
  done: number;
}

/** Pages that are read or written before a task that is alone lets go of the worker. */
const PAGES_AT_ONCE = 4096;

/**
 * The buffer through which an ioctl reads and writes.
 *
 * Kernel: `lib/test_hmm.c: dmirror_bounce_init`
 */
export const dmirrorBounceInit = atomic(
  'dmirror_bounce_init',
  (_m, _start: Vpn, _npages: number, wanted: number): Bounce => ({ values: [], wanted, done: 0 }),
);
/**
 * Gives the buffer back.
 *
 * Kernel: `lib/test_hmm.c: dmirror_bounce_fini`
 */
export const dmirrorBounceFini = atomic('dmirror_bounce_fini', (): void => undefined);

/**
 * Reads through the device's page table up to the first page without entry.
 *
 * Kernel: `lib/test_hmm.c: dmirror_do_read`
 */
export const dmirrorDoRead = sleepable(
  'dmirror_do_read',
  function* (m, start: Vpn, end: Vpn, bounce: Bounce, dmirror: Dmirror): Sleeps<number> {
    const pt = ptOf(m, dmirror);
    for (let vpn = start; vpn < end; vpn++) {
      const entry = pt.get(vpn);
      if (entry === undefined) return -ENOENT;
      if (bounce.values.length < bounce.wanted)
        bounce.values.push(m.pages.content.get(bytesOf(m, Math.floor(entry / 4))));
      if (++bounce.done % PAGES_AT_ONCE === 0) yield* letGo(m, 'dmirror_do_read', PAGES_AT_ONCE);
    }
    return 0;
  },
);

/** The test driver would read an unaddressable private page here and crash; its backing page has the bytes. */
const bytesOf = (m: Machine, page: Pfn): Pfn => backingPage(m, page);

const dmirrorDoWrite = sleepable(
  'dmirror_do_write',
  function* (m, start: Vpn, end: Vpn, bounce: Bounce, value: number, dmirror: Dmirror): Sleeps<number> {
    const pt = ptOf(m, dmirror);
    for (let vpn = start; vpn < end; vpn++) {
      const entry = pt.get(vpn);
      if (entry === undefined || entry % 4 !== DPT_XA_TAG_WRITE) return -ENOENT;
      m.pages.content.set(bytesOf(m, Math.floor(entry / 4)), value + bounce.done);
      if (++bounce.done % PAGES_AT_ONCE === 0) yield* letGo(m, 'dmirror_do_write', PAGES_AT_ONCE);
    }
    return 0;
  },
);

const dmirrorDoFault = atomic('dmirror_do_fault', (m, range: HmmRange, dmirror: Dmirror): number => {
  const pt = ptOf(m, dmirror);
  for (let vpn = range.start; vpn < range.end; vpn++) {
    const word = range.hmmPfns[vpn - range.start];
    const writable = (word & HMM_PFN_WRITE) !== 0;
    if (!writable && (range.defaultFlags & HMM_PFN_REQ_WRITE) !== 0) {
      warn(m, 'dmirror_do_fault.not-writable', vpn);
      return -EFAULT;
    }
    pt.set(vpn, hmmPfnToPage(word) * 4 + (writable ? DPT_XA_TAG_WRITE : DPT_XA_TAG_NONE));
  }
  return 0;
});

const dmirrorRangeFault = sleepable(
  'dmirror_range_fault',
  function* (m, start: Vpn, end: Vpn, dmirror: Dmirror, defaultFlags: number): Sleeps<number> {
    for (;;) {
      const range: HmmRange = {
        mm: dmirror.mm,
        subscription: dmirror.id,
        notifierSeq: yield* mmuIntervalReadBegin(m, dmirror.mm, dmirror.id),
        start,
        end,
        hmmPfns: [],
        defaultFlags,
        devPrivateOwner: dmirror.device,
      };
      yield* condResched(m, 'dmirror_range_fault');
      yield* mmapReadLock(m, dmirror.mm);
      const ret = yield* hmmRangeFault(m, start, end, range);
      mmapReadUnlock(m, dmirror.mm);
      if (ret === -EBUSY) continue;
      if (ret !== 0) return ret;
      if (mmuIntervalReadRetry(m, dmirror.id, range.notifierSeq)) continue;
      return dmirrorDoFault(m, range, dmirror);
    }
  },
);

const dmirrorFault = sleepable(
  'dmirror_fault',
  function* (m, start: Vpn, end: Vpn, write: boolean, dmirror: Dmirror): Sleeps<number> {
    const flags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0);
    for (let vpn = start; vpn < end; vpn += PIECE_PAGES) {
      const ret = yield* dmirrorRangeFault(m, vpn, Math.min(end, vpn + PIECE_PAGES), dmirror, flags);
      if (ret !== 0) return ret;
    }
    return 0;
  },
);

/**
 * HMM_DMIRROR_READ: reads through the device's page table; what is missing is faulted in.
 *
 * Kernel: `lib/test_hmm.c: dmirror_read`
 *
 * @param wanted - of so many pages the first numbers are given back
 */
export const dmirrorRead = sleepable(
  'dmirror_read',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror, wanted: number): Sleeps<DmirrorResult> {
    const bounce = dmirrorBounceInit(m, start, npages, wanted);
    let faults = 0;
    let ret: number;
    for (;;) {
      ret = yield* dmirrorDoRead(m, start + bounce.done, start + npages, bounce, dmirror);
      if (ret !== -ENOENT) break;
      ret = yield* dmirrorFault(m, start + bounce.done, start + npages, false, dmirror);
      if (ret !== 0) break;
      faults++;
    }
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.done, faults, values: bounce.values });
  },
);

/**
 * HMM_DMIRROR_WRITE: writes through the device's page table; what is missing is faulted in.
 *
 * Kernel: `lib/test_hmm.c: dmirror_write`
 *
 * @param value - of the first page; each one's is one more
 */
export const dmirrorWrite = sleepable(
  'dmirror_write',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror, value: number): Sleeps<DmirrorResult> {
    const bounce = dmirrorBounceInit(m, start, npages, 0);
    let faults = 0;
    let ret: number;
    for (;;) {
      ret = yield* dmirrorDoWrite(m, start + bounce.done, start + npages, bounce, value, dmirror);
      if (ret !== -ENOENT) break;
      ret = yield* dmirrorFault(m, start + bounce.done, start + npages, true, dmirror);
      if (ret !== 0) break;
      faults++;
    }
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.done, faults });
  },
);

const dmirrorAtomicMap = atomic(
  'dmirror_atomic_map',
  (m, start: Vpn, pages: readonly Pfn[], dmirror: Dmirror): number => {
    const pt = ptOf(m, dmirror);
    let mapped = 0;
    pages.forEach((page, i) => {
      if (page === NO_PFN) return;
      pt.set(start + i, page * 4 + DPT_XA_TAG_ATOMIC);
      mapped++;
    });
    return mapped;
  },
);

/** The pieces of a range for exclusive access. Requires: mmap_lock. */
function* makePiecesExclusive(m: Machine, start: Vpn, end: Vpn, dmirror: Dmirror): Sleeps<number> {
  for (let vpn = start; vpn < end; vpn += PIECE_PAGES) {
    const wanted = Math.min(end - vpn, PIECE_PAGES);
    const { id: found, pages } = yield* makeDeviceExclusiveRange(m, vpn, wanted, dmirror.mm, 0);
    const mapped = found === wanted ? dmirrorAtomicMap(m, vpn, pages, dmirror) : 0;
    for (const page of pages) {
      if (page === NO_PFN) continue;
      unlockPage(m, compoundHead(m, page));
      putPage(m, page, 'FOLL_GET');
    }
    if (mapped < wanted) return -EBUSY;
  }
  return 0;
}

/**
 * HMM_DMIRROR_EXCLUSIVE: makes a range accessible to the device alone.
 *
 * Kernel: `lib/test_hmm.c: dmirror_exclusive`
 */
export const dmirrorExclusive = sleepable(
  'dmirror_exclusive',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror): Sleeps<DmirrorResult> {
    const end = start + npages;
    yield* mmapReadLock(m, dmirror.mm);
    const err = yield* makePiecesExclusive(m, start, end, dmirror);
    mmapReadUnlock(m, dmirror.mm);
    if (err !== 0) return result(err);
    const bounce = dmirrorBounceInit(m, start, npages, npages);
    const ret = yield* dmirrorDoRead(m, start, end, bounce, dmirror);
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.done, values: bounce.values });
  },
);

/**
 * Whether the device lost its exclusive access to all pages of a range.
 *
 * Kernel: `lib/test_hmm.c: dmirror_check_atomic`
 */
export const dmirrorCheckAtomic = atomic(
  'dmirror_check_atomic',
  (m, start: Vpn, end: Vpn, dmirror: Dmirror): number => {
    const pt = ptOf(m, dmirror);
    for (let vpn = start; vpn < end; ) {
      // an entry is kept plus one; the tag of those that go up or down by whole pages is the same
      const { value, step, n } = pt.column.progression(vpn, end - vpn);
      if (value !== 0 && (value - 1) % 4 === DPT_XA_TAG_ATOMIC) return -EPERM;
      vpn += step % 4 === 0 ? n : 1;
    }
    return 0;
  },
);

const PLACES = [
  '',
  'private-local:',
  'private-remote:',
  'coherent-local:',
  'coherent-remote:',
  'zero:',
] as const;
/** Every word once: a list of a million pages then has a few strings. By place, access and size of the entry. */
const ENTRY_WORDS = PLACES.map((place) =>
  ['r', 'w'].map((access) => ['', '+pmd', '+pud'].map((size) => place + access + size)),
);

/** Index in PLACES. */
const placeIndex = (m: Machine, page: Pfn, dmirror: Dmirror): number => {
  const remote = (): number => (dmirrorPageToDevice(m, page) === dmirror.device ? 0 : 1);
  if (isDevicePrivatePage(m, page)) return 1 + remote();
  if (isDeviceCoherentPage(m, page)) return 3 + remote();
  return isZeroPfn(m, page) ? 5 : 0;
};

/** What the device would see of one page. */
const dmirrorMkentry = atomic('dmirror_mkentry', (m, word: number, dmirror: Dmirror): string => {
  if ((word & HMM_PFN_ERROR) !== 0) return 'error';
  if ((word & HMM_PFN_VALID) === 0) return 'none';
  const size = (word & HMM_PFN_PMD) !== 0 ? 1 : (word & HMM_PFN_PUD) !== 0 ? 2 : 0;
  return ENTRY_WORDS[placeIndex(m, hmmPfnToPage(word), dmirror)][(word & HMM_PFN_WRITE) !== 0 ? 1 : 0][size];
});

/** Subscriptions of snapshots, apart from those of open files, which have their dmirror's id. */
const SNAPSHOT_SUBSCRIPTIONS = 65536;

/** An invalidation within the interval: the snapshot begins again. */
const dmirrorSnapshotInvalidate = atomic(
  'dmirror_snapshot_invalidate',
  (m, subscription: number, range: MmuNotifierRange): boolean => {
    mmuIntervalSetSeq(m, range.mm, subscription);
    return true;
  },
);

/**
 * What the device would see of one piece; a notifier on just that piece tells whether it changed meanwhile.
 *
 * Kernel: `lib/test_hmm.c: dmirror_range_snapshot`
 * Simplified: no limit of one second.
 */
const dmirrorRangeSnapshot = sleepable(
  'dmirror_range_snapshot',
  function* (m, start: Vpn, end: Vpn, dmirror: Dmirror, perms: string[], at: number): Sleeps<number> {
    const subscription = SNAPSHOT_SUBSCRIPTIONS + dmirror.id;
    m.notifierOps.set(subscription, {
      interval: { start, end },
      invalidate: (machine, id, range) => dmirrorSnapshotInvalidate(machine, id, range),
    });
    mmuIntervalNotifierInsert(m, dmirror.mm, subscription);
    let ret: number;
    for (;;) {
      const range: HmmRange = {
        mm: dmirror.mm,
        subscription,
        notifierSeq: yield* mmuIntervalReadBegin(m, dmirror.mm, subscription),
        start,
        end,
        hmmPfns: [],
        defaultFlags: 0,
        devPrivateOwner: dmirror.device,
      };
      yield* condResched(m, 'dmirror_range_snapshot');
      yield* mmapReadLock(m, dmirror.mm);
      ret = yield* hmmRangeFault(m, start, end, range);
      mmapReadUnlock(m, dmirror.mm);
      if (ret === -EBUSY) continue;
      if (ret === 0 && mmuIntervalReadRetry(m, subscription, range.notifierSeq)) continue;
      if (ret === 0)
        range.hmmPfns.forEach((word, i) => {
          perms[at + i] = dmirrorMkentry(m, word, dmirror);
        });
      break;
    }
    mmuIntervalNotifierRemove(m, dmirror.mm, subscription);
    m.notifierOps.delete(subscription);
    return ret;
  },
);

/**
 * HMM_DMIRROR_SNAPSHOT: how each page of a range is mapped now, without a fault.
 *
 * Kernel: `lib/test_hmm.c: dmirror_snapshot`
 */
export const dmirrorSnapshot = sleepable(
  'dmirror_snapshot',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror): Sleeps<DmirrorResult> {
    const perms = listFor<string>(npages);
    const end = start + npages;
    for (let vpn = start; vpn < end; vpn += PIECE_PAGES) {
      const ret = yield* dmirrorRangeSnapshot(
        m,
        vpn,
        Math.min(end, vpn + PIECE_PAGES),
        dmirror,
        perms,
        vpn - start,
      );
      if (ret !== 0) return result(ret);
    }
    return result(0, { cpages: perms.length, perms });
  },
);
