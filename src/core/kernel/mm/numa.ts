// mm/memory.c, mm/mempolicy.c: NUMA hinting and moving pages by policy. Entries lose their access for a while, so that
// a fault tells which node uses a page; a device page is left out, since its place belongs to its driver.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EFAULT, EINVAL } from '../../uapi/errno.ts';
import { __GFP_THISNODE, GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import {
  type Entry,
  entryBits,
  entryPfn,
  mkEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_RW,
  ptePresent,
  pteWrite,
} from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_HUGETLB, VM_IO, VM_MIXEDMAP, VM_PFNMAP } from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { isolateLruPage } from './isolate.ts';
import { migratePages, putbackMovablePages } from './migrate.ts';
import { changeProtNuma } from './mprotect.ts';
import { isNonLruPage, vmNormalPage } from './normal-page.ts';
import { localNode } from './page-alloc.ts';
import { compoundHead, folioIsFileLru, pageCompound, pageMapcount, pageToNid } from './page-ref.ts';
import { walkPte } from './page-table.ts';
import { lruAddDrainAll } from './swap.ts';
import { findVma, vmaIsAccessible, vmPageProt } from './vma.ts';

/** Sends one page to a node. Kernel: `mm/migrate.c: migrate_misplaced_page` */
function* migrateMisplacedPage(m: Machine, page: Pfn, node: number): Sleeps<boolean> {
  const folio = compoundHead(m, page);
  if ((pageMapcount(m, page) !== 1 && folioIsFileLru(m, folio)) || isolateLruPage(m, page) !== 0)
    return false;
  const list = [folio];
  const gfpMask = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE;
  const left = yield* migratePages(m, list, { nid: node, gfpMask }, 'MR_NUMA_MISPLACED');
  if (left === 0) return true;
  putbackMovablePages(m, list);
  return false;
}

const hintRestored = (entry: Entry, vma: Vma): Entry => {
  const writable = pteWrite(entry) ? PTE_RW : 0;
  return mkEntry(entryPfn(entry), (entryBits(entry) & PTE_DIRTY) | vmPageProt(vma) | PTE_ACCESSED | writable);
};

/**
 * A fault on an entry that was made inaccessible only to see who uses it. The page moves to the node of the task that
 * did, a device page stays.
 *
 * Kernel: `mm/memory.c: do_numa_page`
 * Simplified: one fault decides; no groups of tasks.
 * Sleeps: page lock.
 */
export const doNumaPage = sleepable(
  'do_numa_page',
  function* (m, vma: Vma, vpn: Vpn, row: EntryRow): Sleeps<number> {
    const entry = m.entries.get(row);
    const page = vmNormalPage(m, vma, vpn, entry);
    const misplaced =
      page !== NO_PFN &&
      !isNonLruPage(m, page) &&
      !pageCompound(m, page) &&
      pageToNid(m, page) !== localNode(m);
    if (misplaced) yield* migrateMisplacedPage(m, page, localNode(m));
    const now = m.entries.get(row);
    // after a migration the entry is as it was, for the new page
    if (ptePresent(now)) m.entries.set(row, hintRestored(now, vma));
    return 0;
  },
);

/**
 * Arms the entries of a range for hinting faults.
 *
 * Kernel: `kernel/sched/fair.c: task_numa_work`
 * Simplified: the range is given; the kernel goes round the address space as time passes.
 *
 * @returns entries that were armed
 */
export const taskNumaWork = atomic('task_numa_work', (m, mm: number, start: Vpn, end: Vpn): number => {
  let armed = 0;
  for (const id of m.mms.get(mm).vmas) {
    const vma = m.vmas.get(id);
    const from = Math.max(start, vma.vmStart);
    const to = Math.min(end, vma.vmEnd);
    const refused = (vma.vmFlags & (VM_HUGETLB | VM_MIXEDMAP | VM_PFNMAP)) !== 0 || !vmaIsAccessible(vma);
    if (from < to && !refused) armed += changeProtNuma(m, vma, from, to);
  }
  return armed;
});

/** Collects the pages of a range that are on other nodes. Kernel: `mm/mempolicy.c: queue_folios_pte_range` */
const queueFoliosPteRange = atomic(
  'queue_folios_pte_range',
  (m, mm: number, start: Vpn, end: Vpn, node: number, list: Pfn[]): void => {
    const owner = m.mms.get(mm);
    for (let vpn = start; vpn < end; vpn++) {
      const row = walkPte(m, owner, vpn);
      const entry = row === NO_ROW ? 0 : m.entries.get(row);
      const vma = findVma(m, owner, vpn);
      if (!ptePresent(entry) || vma === undefined || (vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) continue;
      const page = vmNormalPage(m, vma, vpn, entry);
      if (page === NO_PFN || isNonLruPage(m, page) || pageToNid(m, page) === node) continue;
      // MPOL_MF_MOVE: pages that others map as well stay
      if (pageMapcount(m, page) === 1 && !pageCompound(m, page) && isolateLruPage(m, page) === 0)
        list.push(page);
    }
  },
);

/**
 * mbind(2) with MPOL_BIND and MPOL_MF_MOVE: the pages of a range move to a node. Device pages are passed over, and
 * nothing says so.
 *
 * Kernel: `mm/mempolicy.c: do_mbind`
 * Simplified: the policy itself is not kept; huge pages stay.
 * Sleeps: page locks.
 *
 * @returns 0; -EINVAL, no such node; -EFAULT, there is a hole
 */
export const doMbind = sleepable(
  'do_mbind',
  function* (m, mm: Mm, start: Vpn, npages: number, node: number): Sleeps<number> {
    if (!m.zones.some((zone) => zone.node === node)) return -EINVAL;
    const end = start + npages;
    for (let vpn = start; vpn < end; ) {
      const vma = findVma(m, m.mms.get(mm.id), vpn);
      if (vma === undefined || vma.vmStart > vpn) return -EFAULT;
      vpn = vma.vmEnd;
    }
    lruAddDrainAll(m);
    const list: Pfn[] = [];
    queueFoliosPteRange(m, mm.id, start, end, node, list);
    if (list.length === 0) return 0;
    const gfpMask = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE;
    const left = yield* migratePages(m, list, { nid: node, gfpMask }, 'MR_MEMPOLICY_MBIND');
    if (left !== 0) putbackMovablePages(m, list);
    return 0;
  },
);
