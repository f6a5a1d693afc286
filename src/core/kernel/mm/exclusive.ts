// mm/rmap.c: device-exclusive access. The CPU loses its mapping for a while; a touch takes it back.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { FOLL_GET, FOLL_SPLIT_PMD, FOLL_WRITE } from '../../uapi/gup-flags.ts';
import { PG_hugetlb } from '../../uapi/page-flags.ts';
import {
  mkSwapEntry,
  pteDirty,
  ptePresent,
  pteWrite,
  SWP_DEVICE_EXCLUSIVE_READ,
  SWP_DEVICE_EXCLUSIVE_WRITE,
} from '../../uapi/pte.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { trylockPage, unlockPage } from '../sched/locks.ts';
import { getUserPagesRemote } from './gup.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import {
  compoundHead,
  folioMapcount,
  folioMapped,
  folioNrPages,
  moveReference,
  pageAnon,
  testFlags,
} from './page-ref.ts';
import { pageRemoveRmap, pageVmaMappedEntries, rmapPlaces } from './rmap.ts';
import { folioPut, setPageDirty } from './swap.ts';

/** Where the driver expects the page, and whether it was found there writable. */
interface Expected {
  readonly mm: number;
  readonly vpn: Vpn;
  valid: boolean;
}

/**
 * Kernel: `mm/rmap.c: page_make_device_exclusive_one`
 *
 * @returns false if the walk must stop
 */
const pageMakeDeviceExclusiveOne = atomic(
  'page_make_device_exclusive_one',
  (m, folio: Pfn, vma: Vma, vpn: Vpn, expected: Expected, owner: number): boolean => {
    const end = Math.min(vpn + folioNrPages(m, folio), vma.vmEnd);
    const range: MmuNotifierRange = { event: 'EXCLUSIVE', mm: vma.mm, start: vpn, end, owner };
    mmuNotifierInvalidateRangeStart(m, range);
    let ok = true;
    for (const { row, vpn: at, page } of pageVmaMappedEntries(m, folio, { vma, vpn }, false)) {
      const entry = m.entries.get(row);
      if (!ptePresent(entry)) {
        ok = false;
        break;
      }
      m.entries.set(row, 0);
      if (pteDirty(entry)) setPageDirty(m, folio);
      if (expected.mm === vma.mm && expected.vpn === at && pteWrite(entry)) expected.valid = true;
      m.entries.set(
        row,
        mkSwapEntry(pteWrite(entry) ? SWP_DEVICE_EXCLUSIVE_WRITE : SWP_DEVICE_EXCLUSIVE_READ, page),
      );
      // the mapping goes, its reference stays with the entry
      moveReference(m, page, 'page table entry', 'device-exclusive entry');
      pageRemoveRmap(m, page, vma, false);
    }
    mmuNotifierInvalidateRangeEnd(m, range);
    return ok;
  },
);

/** Kernel: `mm/rmap.c: folio_make_device_exclusive` */
const folioMakeDeviceExclusive = atomic(
  'folio_make_device_exclusive',
  (m, folio: Pfn, mm: number, vpn: Vpn, owner: number): boolean => {
    if (!pageAnon(m, folio) || testFlags(m, folio, PG_hugetlb)) return false;
    const expected: Expected = { mm, vpn, valid: false };
    for (const place of rmapPlaces(m, folio)) {
      if (!pageMakeDeviceExclusiveOne(m, folio, place.vma, place.vpn, expected, owner)) break;
      if (!folioMapped(m, folio)) break;
    }
    return expected.valid && folioMapcount(m, folio) === 0;
  },
);

/** Ours: gives up one page that could not be made exclusive. */
const drop = (m: Machine, folio: Pfn): Pfn => {
  folioPut(m, folio, 'FOLL_GET');
  return NO_PFN;
};

/**
 * Takes pages away from the CPU for atomic access by a device.
 *
 * Kernel: `mm/rmap.c: make_device_exclusive_range`
 *
 * @returns pages found by GUP, locked and referenced; NO_PFN where one could not be made exclusive; or -errno
 */
export const makeDeviceExclusiveRange = sleepable(
  'make_device_exclusive_range',
  function* (
    m,
    start: Vpn,
    npages: number,
    mm: number,
    owner: number,
  ): Sleeps<{ id: number; pages: readonly Pfn[] }> {
    const flags = FOLL_GET | FOLL_WRITE | FOLL_SPLIT_PMD;
    const { pages: found, id } = yield* getUserPagesRemote(m, start, npages, flags, mm);
    if (found.length === 0) return { id, pages: [] };
    const pages = Array.from(found, (page: Pfn, i) => {
      const folio = compoundHead(m, page);
      if (folio !== page || !trylockPage(m, folio)) return drop(m, folio);
      if (folioMakeDeviceExclusive(m, folio, mm, start + i, owner)) return page;
      unlockPage(m, folio);
      return drop(m, folio);
    });
    return { id: pages.length, pages };
  },
);
