// mm/hugetlb.c, reservations: who maps huge pages without MAP_NORESERVE is promised a page for every fault to come.
// The promise belongs to the process that called mmap, not to its children.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  availableHugePages,
  dequeueHugePage,
  type Hstate,
  hstateVma,
  hugePageStart,
} from './hugetlb-pool.ts';
import { linearPageIndex } from './vma.ts';

/** Whether the area owns reservations. Kernel: `mm/hugetlb.c: is_vma_resv_set`, HPAGE_RESV_OWNER */
export const ownsReservations = (vma: Vma): boolean => (vma.hugetlbResv ?? 0) !== 0;

/** Index of a huge page in the mapping's file. Kernel: `mm/hugetlb.c: vma_hugecache_offset` */
const hugecacheOffset = (h: Hstate, vma: Vma, vpn: Vpn): number =>
  Math.floor(linearPageIndex(vma, hugePageStart(h, vpn)) / h.npages);

const addReserved = (m: Machine, h: Hstate, by: number): void =>
  m.scalars.set(h.resv, m.scalars.get(h.resv) + by);

/**
 * Promises a page for each huge page of a new private area.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_reserve_pages, hugetlb_acct_memory`
 * Simplified: no surplus pages (nr_overcommit_hugepages is 0).
 *
 * @returns 0, or -ENOMEM: the pool has not that many pages left
 */
export const hugetlbReservePages = (m: Machine, vma: Vma): number => {
  const h = hstateVma(m, vma);
  const wanted = (vma.vmEnd - vma.vmStart) / h.npages;
  if (wanted > availableHugePages(m, h)) return -ENOMEM;
  addReserved(m, h, wanted);
  m.vmas.update(vma.id, { hugetlbResv: m.journal.map(`reservations of ${vma.id}`).id });
  return 0;
};

/** Whether a reservation for the page is left: a page that was faulted in has used its own up. Kernel: `mm/hugetlb.c: vma_needs_reservation` */
const hasReservation = (m: Machine, h: Hstate, vma: Vma, vpn: Vpn): boolean =>
  ownsReservations(vma) && !m.journal.mapById(vma.hugetlbResv ?? 0).has(hugecacheOffset(h, vma, vpn));

/**
 * A page for a private mapping; NO_PFN (the kernel's -ENOSPC) if what is left is promised to others.
 *
 * Kernel: `mm/hugetlb.c: alloc_huge_page, dequeue_huge_page_vma`
 *
 * @param avoidReserve - the page must not come out of the area's own reservations
 */
export const allocHugePage = (m: Machine, vma: Vma, vpn: Vpn, avoidReserve = false): Pfn => {
  const h = hstateVma(m, vma);
  const reserved = !avoidReserve && hasReservation(m, h, vma, vpn);
  const folio = reserved || availableHugePages(m, h) > 0 ? dequeueHugePage(m, h) : NO_PFN;
  if (folio === NO_PFN) {
    m.trace.decide('hugetlb.exhausted', m.scalars.get(h.free));
    return NO_PFN;
  }
  if (reserved) addReserved(m, h, -1);
  if (ownsReservations(vma)) m.journal.mapById(vma.hugetlbResv ?? 0).set(hugecacheOffset(h, vma, vpn), 1);
  return folio;
};

/**
 * An area goes: what it has not used of its reservations is free for all again.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_vm_op_close`
 */
export const hugetlbVmOpClose = (m: Machine, vma: Vma): void => {
  if (!ownsReservations(vma)) return;
  const h = hstateVma(m, vma);
  let unused = 0;
  for (let vpn = vma.vmStart; vpn < vma.vmEnd; vpn += h.npages) if (hasReservation(m, h, vma, vpn)) unused++;
  addReserved(m, h, -unused);
};
