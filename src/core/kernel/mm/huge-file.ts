// Huge pages in the page cache: how they are mapped. (How they come into being: khugepaged-file.ts.) Their entries have no
// table in reserve, since a split simply ends the mapping.

import type { Vma } from '../../machine/entities.ts';
import { mkEntry, PTE_DIRTY, PTE_PSE } from '../../uapi/pte.ts';
import { type EntryRow, HPAGE_PMD_NR, HPAGE_PMD_ORDER, type Pfn, type Vpn } from '../../uapi/units.ts';
import { FAULT_FLAG_WRITE, VM_FAULT_FALLBACK } from '../../uapi/vm-flags.ts';
import { atomic } from '../sched/kernel-function.ts';
import { mmCounter } from './fault.ts';
import { hugeVmaSuitable } from './huge-memory.ts';
import { compoundHead, folioOrder, moveReference } from './page-ref.ts';
import { pageAddFileRmap } from './rmap.ts';
import { maybeMkwrite, vmPageProt } from './vma.ts';

/** Where a huge page of a file is to be mapped. */
interface HugeFault {
  readonly vma: Vma;
  readonly vpn: Vpn;
  readonly pmdRow: EntryRow;
  readonly flags: number;
}

/**
 * Maps a huge folio of the page cache whole. If that succeeds, the caller's reference (holder 'fault handler') is that
 * of the mapping.
 *
 * Kernel: `mm/memory.c: do_set_pmd`
 *
 * @returns 0; VM_FAULT_FALLBACK: it can only be mapped page by page, or there is an entry already
 */
export const doSetPmd = atomic(
  'do_set_pmd',
  (m, { vma, vpn, pmdRow, flags }: HugeFault, page: Pfn): number => {
    const folio = compoundHead(m, page);
    if (!hugeVmaSuitable(vma, vpn) || folioOrder(m, folio) !== HPAGE_PMD_ORDER) return VM_FAULT_FALLBACK;
    if (m.entries.get(pmdRow) !== 0) return VM_FAULT_FALLBACK;
    const bits = vmPageProt(vma) | PTE_PSE;
    const entry = (flags & FAULT_FLAG_WRITE) !== 0 ? maybeMkwrite(bits | PTE_DIRTY, vma) : bits;
    m.addRss(vma.mm, mmCounter(m, folio), HPAGE_PMD_NR);
    pageAddFileRmap(m, folio, vma, true);
    moveReference(m, folio, 'fault handler', 'page table entry');
    m.entries.set(pmdRow, mkEntry(folio, entry));
    m.countVmEvent('thp_file_mapped');
    return 0;
  },
);
