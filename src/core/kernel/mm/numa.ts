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
import { sleepable } from '../sched/kernel-function.ts';
import { letGoMidway } from '../sched/locks.ts';
import { isHugeZeroPmd } from './huge-memory.ts';
import { folioIsolateHugetlb, hstateVma } from './hugetlb-pool.ts';
import { folioIsolateLru, isolateLruPage } from './isolate.ts';
import { migratePages, putbackMovablePages } from './migrate.ts';
import { changeProtNuma } from './mprotect.ts';
import { isNonLruPage, vmNormalPage } from './normal-page.ts';
import { localNode } from './page-alloc.ts';
import { compoundHead, folioIsFileLru, pageCompound, pageHuge, pageMapcount, pageToNid } from './page-ref.ts';
import { leafOffset } from './page-table.ts';
import { lruAddDrainAll } from './swap.ts';
import { findVma, isVmHugetlbPage, vmaIsAccessible, vmaLookup, vmPageProt } from './vma.ts';

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
export const taskNumaWork = sleepable(
  'task_numa_work',
  function* (m, mm: number, start: Vpn, end: Vpn): Sleeps<number> {
    let armed = 0;
    for (const id of m.mms.get(mm).vmas) {
      const vma = m.vmas.get(id);
      const from = Math.max(start, vma.vmStart);
      const to = Math.min(end, vma.vmEnd);
      const refused = (vma.vmFlags & (VM_HUGETLB | VM_MIXEDMAP | VM_PFNMAP)) !== 0 || !vmaIsAccessible(vma);
      if (from < to && !refused) armed += yield* changeProtNuma(m, vma, from, to);
    }
    return armed;
  },
);

/** MPOL_MF_MOVE: what others map as well stays; of a huge page its first page tells. Kernel: `mm/mempolicy.c: migrate_folio_add, queue_pages_hugetlb` */
const migrateFolioAdd = (m: Machine, folio: Pfn, node: number, list: Pfn[]): void => {
  if (pageToNid(m, folio) === node || pageMapcount(m, folio) !== 1) return;
  const err = pageHuge(m, folio) ? folioIsolateHugetlb(m, folio) : folioIsolateLru(m, folio);
  if (err === 0) list.push(folio);
};

/** Collects the folios of a range that are on other nodes. Kernel: `mm/mempolicy.c: queue_folios_pte_range, queue_folios_pmd` */
const queueFoliosPteRange = sleepable(
  'queue_folios_pte_range',
  function* (m, mm: number, start: Vpn, end: Vpn, node: number, list: Pfn[]): Sleeps<void> {
    const owner = m.mms.get(mm);
    for (let vpn = start; vpn < end; ) {
      const { row, npages } = leafOffset(m, owner, vpn);
      const at = vpn;
      vpn += npages - (vpn % npages);
      yield* letGoMidway(m, 'queue_folios_pte_range', at - start);
      const entry = row === NO_ROW ? 0 : m.entries.get(row);
      const vma = findVma(m, owner, at);
      if (!ptePresent(entry) || vma === undefined || (vma.vmFlags & (VM_IO | VM_PFNMAP)) !== 0) continue;
      if (npages > 1) {
        if (!isHugeZeroPmd(m, entry)) migrateFolioAdd(m, entryPfn(entry), node, list);
        continue;
      }
      const page = vmNormalPage(m, vma, at, entry);
      if (page !== NO_PFN && !isNonLruPage(m, page)) migrateFolioAdd(m, compoundHead(m, page), node, list);
    }
  },
);

/** mbind_range would have to cut an area of huge pages there. Kernel: `mm/hugetlb.c: hugetlb_vm_op_split` */
const cutsHugetlb = (m: Machine, mm: Mm, vpn: Vpn): boolean => {
  const vma = vmaLookup(m, m.mms.get(mm.id), vpn);
  return vma !== undefined && isVmHugetlbPage(vma) && vpn % hstateVma(m, vma).npages !== 0;
};

/**
 * mbind(2) with MPOL_BIND and MPOL_MF_MOVE: the pages of a range move to a node. Device pages are passed over, and
 * nothing says so.
 *
 * Kernel: `mm/mempolicy.c: do_mbind`
 * Simplified: the policy itself is not kept.
 * Sleeps: page locks.
 *
 * @returns 0; -EINVAL, no such node, or a page of a pool would be cut; -EFAULT, there is a hole
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
    yield* queueFoliosPteRange(m, mm.id, start, end, node, list);
    if (cutsHugetlb(m, mm, start) || cutsHugetlb(m, mm, end)) {
      putbackMovablePages(m, list);
      return -EINVAL;
    }
    if (list.length === 0) return 0;
    const gfpMask = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE;
    const left = yield* migratePages(m, list, { nid: node, gfpMask }, 'MR_MEMPOLICY_MBIND');
    if (left !== 0) putbackMovablePages(m, list);
    return 0;
  },
);
