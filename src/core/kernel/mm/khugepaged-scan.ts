// mm/khugepaged.c: what both kinds of collapse, of anonymous and of shared memory, ask first, and what they may answer.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { EAGAIN, EINVAL, ENOMEM } from '../../uapi/errno.ts';
import { GFP_TRANSHUGE } from '../../uapi/gfp.ts';
import { type Entry, entryPfn, pmdLeaf, ptePresent } from '../../uapi/pte.ts';
import {
  type EntryRow,
  HPAGE_PMD_NR,
  HPAGE_PMD_ORDER,
  NO_PFN,
  NO_ROW,
  type Pfn,
  type Vpn,
} from '../../uapi/units.ts';
import { VM_HUGETLB, VM_NOHUGEPAGE, VM_SPECIAL } from '../../uapi/vm-flags.ts';
import { hugeVmaSuitable } from './huge-memory.ts';
import { allocPages } from './page-alloc.ts';
import { isZeroPfn } from './page-ref.ts';
import { pmdOffset } from './page-table.ts';
import { vmaIsAnonymous, vmaIsDax } from './vma.ts';

/** Kernel: enum scan_result, as far as MADV_COLLAPSE meets it. */
export type ScanResult =
  | 'SCAN_FAIL'
  | 'SCAN_SUCCEED'
  | 'SCAN_PMD_NULL'
  | 'SCAN_PMD_NONE'
  | 'SCAN_PMD_MAPPED'
  | 'SCAN_PTE_NON_PRESENT'
  | 'SCAN_PAGE_RO'
  | 'SCAN_PAGE_NULL'
  | 'SCAN_PAGE_COUNT'
  | 'SCAN_PAGE_LRU'
  | 'SCAN_PAGE_LOCK'
  | 'SCAN_PAGE_ANON'
  | 'SCAN_PAGE_COMPOUND'
  | 'SCAN_PTE_MAPPED_HUGEPAGE'
  | 'SCAN_TRUNCATED'
  | 'SCAN_DEL_PAGE_LRU'
  | 'SCAN_VMA_NULL'
  | 'SCAN_VMA_CHECK'
  | 'SCAN_ADDRESS_RANGE'
  | 'SCAN_ALLOC_HUGE_PAGE_FAIL';

/** Results after which the next 2 MiB are tried all the same. */
export const GO_ON: readonly ScanResult[] = [
  'SCAN_PMD_NULL',
  'SCAN_PTE_NON_PRESENT',
  'SCAN_PAGE_RO',
  'SCAN_PAGE_NULL',
  'SCAN_PAGE_COUNT',
  'SCAN_PAGE_LOCK',
  'SCAN_PAGE_COMPOUND',
  'SCAN_PAGE_LRU',
  'SCAN_DEL_PAGE_LRU',
];

/** Kernel: `mm/khugepaged.c: madvise_collapse_errno` */
export const collapseErrno = (result: ScanResult): number => {
  switch (result) {
    case 'SCAN_ALLOC_HUGE_PAGE_FAIL':
      return -ENOMEM;
    case 'SCAN_PAGE_COUNT':
    case 'SCAN_PAGE_LOCK':
    case 'SCAN_PAGE_LRU':
    case 'SCAN_DEL_PAGE_LRU':
      return -EAGAIN;
    default:
      return -EINVAL;
  }
};

/**
 * Whether an area may be collapsed on demand, whatever the THP mode is.
 *
 * Kernel: `mm/huge_memory.c: hugepage_vma_check`, without in_pf and enforce_sysfs; CONFIG_READ_ONLY_THP_FOR_FS is off
 */
export const collapseVmaCheck = (m: Machine, vma: Vma): boolean => {
  if ((vma.vmFlags & (VM_NOHUGEPAGE | VM_SPECIAL | VM_HUGETLB)) !== 0 || vmaIsDax(m, vma)) return false;
  if (!hugeVmaSuitable(vma, vma.vmEnd - HPAGE_PMD_NR)) return false;
  if (vma.file !== 0 && m.files.get(vma.file).kind === 'shmem') return true;
  return vmaIsAnonymous(vma) && vma.anonVma !== 0;
};

/** Kernel: `mm/khugepaged.c: find_pmd_or_thp_or_none` */
export const findPmd = (
  m: Machine,
  mm: Mm,
  haddr: Vpn,
): { readonly result: ScanResult; readonly pmdRow: EntryRow } => {
  const pmdRow = pmdOffset(m, mm, haddr);
  if (pmdRow === NO_ROW) return { result: 'SCAN_PMD_NULL', pmdRow };
  const pmd = m.entries.get(pmdRow);
  if (pmd === 0) return { result: 'SCAN_PMD_NONE', pmdRow };
  if (!ptePresent(pmd)) return { result: 'SCAN_PMD_NULL', pmdRow };
  return { result: pmdLeaf(pmd) ? 'SCAN_PMD_MAPPED' : 'SCAN_SUCCEED', pmdRow };
};

/** Nothing that would have to be copied. Kernel: `mm/khugepaged.c: __collapse_huge_page_isolate`, its first test */
export const noneOrZero = (m: Machine, entry: Entry): boolean =>
  entry === 0 || (ptePresent(entry) && isZeroPfn(m, entryPfn(entry)));

/**
 * A huge page to copy into, for a collapse.
 *
 * Kernel: `mm/khugepaged.c: alloc_charge_hpage, hpage_collapse_alloc_page`
 */
export const allocChargeHpage = (m: Machine): Pfn => {
  const hpage = allocPages(m, GFP_TRANSHUGE, HPAGE_PMD_ORDER);
  m.countVmEvent(hpage === NO_PFN ? 'thp_collapse_alloc_failed' : 'thp_collapse_alloc');
  return hpage;
};
