// mm/hugetlb.c, reservations: who maps huge pages without MAP_NORESERVE is promised a page for every fault to come.
// The promise belongs to the process that called mmap, not to its children.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { NumberMap } from '../../machine/number-map.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_MAYSHARE } from '../../uapi/vm-flags.ts';
import {
  allocSurplusHugePage,
  availableHugePages,
  dequeueHugePage,
  gatherSurplusPages,
  type Hstate,
  hstateOfOrder,
  hstateVma,
  hugePageStart,
  returnUnusedSurplusPages,
} from './hugetlb-pool.ts';
import { linearPageIndex } from './vma.ts';

/** Whether the area owns reservations. Kernel: `mm/hugetlb.c: is_vma_resv_set`, HPAGE_RESV_OWNER */
export const ownsReservations = (vma: Vma): boolean => (vma.hugetlbResv ?? 0) !== 0;

/** Index of a huge page in the mapping's file. Kernel: `mm/hugetlb.c: vma_hugecache_offset` */
const hugecacheOffset = (h: Hstate, vma: Vma, vpn: Vpn): number =>
  Math.floor(linearPageIndex(vma, hugePageStart(h, vpn)) / h.npages);

const addReserved = (m: Machine, h: Hstate, by: number): void =>
  m.scalars.set(h.resv, m.scalars.get(h.resv) + by);

const isShared = (vma: Vma): boolean => (vma.vmFlags & VM_MAYSHARE) !== 0;

/** Of a shared mapping: the huge pages of its file that are reserved or allocated. Kernel: `mm/hugetlb.c: inode_resv_map` */
const inodeResvMap = (m: Machine, file: number): NumberMap => {
  const known = m.files.get(file).hugetlbResv;
  if (known !== undefined) return m.journal.mapById(known);
  const map = m.journal.map(`reservations of file ${file}`);
  m.files.update(file, { hugetlbResv: map.id });
  return map;
};

/**
 * Promises a page for each huge page of a new area; of a shared one the promise is the file's.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_reserve_pages, hugetlb_acct_memory`
 *
 * @returns 0, or -ENOMEM: the pool has not that many pages left, and may not grow
 */
export const hugetlbReservePages = (m: Machine, vma: Vma): number => {
  const h = hstateVma(m, vma);
  const wanted = (vma.vmEnd - vma.vmStart) / h.npages;
  if (!gatherSurplusPages(m, h, wanted)) return -ENOMEM;
  if (isShared(vma)) {
    const map = inodeResvMap(m, vma.file);
    for (let vpn = vma.vmStart; vpn < vma.vmEnd; vpn += h.npages) map.set(hugecacheOffset(h, vma, vpn), 1);
  } else {
    m.vmas.update(vma.id, { hugetlbResv: m.journal.map(`reservations of ${vma.id}`).id });
  }
  return 0;
};

/**
 * Whether a reservation for the page is left. A private page that was faulted in has used its own up; a shared one that
 * was is in the page cache, and nobody asks.
 *
 * Kernel: `mm/hugetlb.c: vma_needs_reservation, vma_has_reserves`
 */
const hasReservation = (m: Machine, h: Hstate, vma: Vma, vpn: Vpn): boolean => {
  const offset = hugecacheOffset(h, vma, vpn);
  if (isShared(vma)) return inodeResvMap(m, vma.file).has(offset);
  return ownsReservations(vma) && !m.journal.mapById(vma.hugetlbResv ?? 0).has(offset);
};

/**
 * A page for a mapping; NO_PFN (the kernel's -ENOSPC) if what is left is promised to others and the pool may not grow.
 *
 * Kernel: `mm/hugetlb.c: alloc_huge_page, dequeue_huge_page_vma`
 *
 * @param avoidReserve - the page must not come out of the area's own reservations
 */
export const allocHugePage = (m: Machine, vma: Vma, vpn: Vpn, avoidReserve = false): Pfn => {
  const h = hstateVma(m, vma);
  const reserved = !avoidReserve && hasReservation(m, h, vma, vpn);
  const pooled = reserved || availableHugePages(m, h) > 0 ? dequeueHugePage(m, h) : NO_PFN;
  const folio = pooled === NO_PFN ? allocSurplusHugePage(m, h) : pooled;
  if (folio === NO_PFN) {
    m.trace.decide('hugetlb.exhausted', m.scalars.get(h.free));
    return NO_PFN;
  }
  if (reserved) addReserved(m, h, -1);
  const offset = hugecacheOffset(h, vma, vpn);
  if (isShared(vma)) inodeResvMap(m, vma.file).set(offset, 1);
  else if (ownsReservations(vma)) m.journal.mapById(vma.hugetlbResv ?? 0).set(offset, 1);
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
  returnUnusedSurplusPages(m, h, unused);
};

/**
 * The file of a shared mapping goes, and what was promised to it beyond the pages that it had.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_unreserve_pages`
 *
 * @param freed - pages that were in its cache
 */
export const hugetlbUnreservePages = (m: Machine, file: number, freed: number): void => {
  const { hugetlbResv, hugeOrder } = m.files.get(file);
  if (hugetlbResv === undefined) return;
  const map = m.journal.mapById(hugetlbResv);
  const unused = map.size - freed;
  for (const offset of map.keys()) map.delete(offset);
  returnUnusedSurplusPages(m, hstateOfOrder(hugeOrder), unused);
};
