// mm/hugetlb.c: how GUP walks areas of the hugetlb pool: one grab per huge page, and a fault where the entry will not do.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EFAULT, ENOMEM } from '../../uapi/errno.ts';
import { FOLL_DUMP, FOLL_GET, FOLL_PIN, FOLL_WRITE } from '../../uapi/gup-flags.ts';
import { type Entry, entryPfn, ptePresent, pteWrite } from '../../uapi/pte.ts';
import { HPAGE_PMD_NR, NO_PFN, NO_ROW, type Vpn } from '../../uapi/units.ts';
import { FAULT_FLAG_UNSHARE, FAULT_FLAG_WRITE, VM_FAULT_ERROR, VM_FAULT_OOM } from '../../uapi/vm-flags.ts';
import { warn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGo } from '../sched/locks.ts';
import type { FoundPages } from './gup-bulk.ts';
import { gupMustUnshare, tryGrabFolio } from './gup-grab.ts';
import { hstateVma, hugePageStart, hugePteOffset } from './hugetlb-pool.ts';
import { hugetlbFault } from './hugetlb.ts';

/** Fault flags needed before the entry will do; -1: it will do. Kernel: `mm/hugetlb.c: __follow_hugetlb_must_fault` */
const mustFault = (m: Machine, entry: Entry, gupFlags: number): number => {
  const write = (gupFlags & FOLL_WRITE) !== 0;
  if (!ptePresent(entry)) return write ? FAULT_FLAG_WRITE : 0;
  if (pteWrite(entry)) return -1;
  if (write) return FAULT_FLAG_WRITE;
  return gupMustUnshare(m, gupFlags, entryPfn(entry)) ? FAULT_FLAG_UNSHARE : -1;
};

/** Pages of a hugetlb area that were taken, as far as it went. */
interface FollowedHugetlb {
  /** What the kernel returns: the index behind the last page, or why there is none. */
  readonly id: number;
  readonly got: number;
  readonly err: number;
}

/**
 * Takes references on the pages of a hugetlb area from an address on, one grab per huge page. Its faults are not
 * counted as pgfault.
 *
 * Kernel: `mm/hugetlb.c: follow_hugetlb_page`
 *
 * @param pages - gets the frames, from index `at` on
 * @returns `got`: the index behind the last one; `err`: 0: the request or the area is at its end; -errno: it stopped
 * before
 */
export const followHugetlbPage = sleepable(
  'follow_hugetlb_page',
  function* (
    m,
    vma: Vma,
    start: Vpn,
    npages: number,
    gupFlags: number,
    pages: FoundPages,
    at: number,
  ): Sleeps<FollowedHugetlb> {
    const h = hstateVma(m, vma);
    let got = at;
    const done = (err: number): FollowedHugetlb => ({ id: got > 0 ? got : err, got, err });
    const end = Math.min(start + npages, vma.vmEnd);
    for (let vpn = start; vpn < end; ) {
      const row = hugePteOffset(m, m.mms.get(vma.mm), vpn, h);
      const entry = row === NO_ROW ? 0 : m.entries.get(row);
      if (entry === 0 && (gupFlags & FOLL_DUMP) !== 0) return done(-EFAULT);
      const faultFlags = mustFault(m, entry, gupFlags);
      if (faultFlags >= 0) {
        const ret = yield* hugetlbFault(m, m.vmas.get(vma.id), vpn, faultFlags);
        if ((ret & VM_FAULT_ERROR) !== 0) return done((ret & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT);
        continue;
      }
      const first = entryPfn(entry) + (vpn % h.npages);
      const refs = Math.min(hugePageStart(h, vpn) + h.npages, end) - vpn;
      const wanted = (gupFlags & (FOLL_GET | FOLL_PIN)) !== 0; // mlock only populates
      if (wanted && tryGrabFolio(m, first, refs, gupFlags) === NO_PFN) {
        warn(m, 'hugetlb.longterm-grab-failed', first, refs);
        return done(-ENOMEM);
      }
      for (let i = 0; i < refs; i++) {
        pages[got++] = first + i;
        // a page of 1 GiB is 262,144 entries of the caller's list
        if (i % HPAGE_PMD_NR === HPAGE_PMD_NR - 1 && i + 1 < refs) yield* letGo(m, 'follow_hugetlb_page', 0);
      }
      yield* letGo(m, 'follow_hugetlb_page', refs);
      vpn += refs;
    }
    return done(0);
  },
);
