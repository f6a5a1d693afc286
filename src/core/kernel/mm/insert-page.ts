// mm/memory.c: a driver puts a page of its own into a process's area.

import { type Machine, RSS_FILE } from '../../machine/machine.ts';
import { EBUSY, EFAULT, EINVAL, ENOMEM } from '../../uapi/errno.ts';
import { entryPfn, mkEntry, PTE_ACCESSED, PTE_DIRTY, pteMkdevmap, setBits } from '../../uapi/pte.ts';
import { NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_FAULT_NOPAGE, VM_FAULT_OOM, VM_MIXEDMAP } from '../../uapi/vm-flags.ts';
import { folioGet, pageAnon } from './page-ref.ts';
import { pmdAlloc, pteAlloc, pteOffset } from './page-table.ts';
import { pageAddFileRmap } from './rmap.ts';
import { maybeMkwrite, vmPageProt } from './vma.ts';

/**
 * Maps a kernel page with the area's own rights; the mapping takes a reference of its own. The area becomes a
 * mixed map: entries in it may have a page behind them or not.
 *
 * Kernel: `mm/memory.c: vm_insert_page, insert_page, insert_page_into_pte_locked`
 *
 * @returns 0; -EFAULT outside of the area, -EINVAL anonymous page, -ENOMEM no page table, -EBUSY something is mapped
 */
export const vmInsertPage = (m: Machine, vmaId: number, vpn: Vpn, page: Pfn): number => {
  const area = m.vmas.get(vmaId);
  if (vpn < area.vmStart || vpn >= area.vmEnd) return -EFAULT;
  if (m.pages.refcount.get(page) === 0) return -EINVAL;
  const vma = m.vmas.update(vmaId, { vmFlags: area.vmFlags | VM_MIXEDMAP });
  if (pageAnon(m, page)) return -EINVAL;
  const pmdRow = pmdAlloc(m, m.mms.get(vma.mm), vpn);
  if (pmdRow === NO_ROW || !pteAlloc(m, pmdRow)) return -ENOMEM;
  const row = pteOffset(m, pmdRow, vpn);
  if (m.entries.get(row) !== 0) return -EBUSY;
  folioGet(m, page, 'page table entry');
  m.addRss(vma.mm, RSS_FILE, 1);
  pageAddFileRmap(m, page, vma);
  m.entries.set(row, mkEntry(page, vmPageProt(vma)));
  return 0;
};

/**
 * Maps a frame of legacy device memory: the entry is special and devmap, and takes no reference.
 *
 * Kernel: `mm/memory.c: vmf_insert_mixed, vmf_insert_mixed_mkwrite, insert_pfn`
 *
 * @param mkwrite - for a write: the entry is writable and dirty at once
 */
export const vmfInsertMixed = (m: Machine, vmaId: number, vpn: Vpn, pfn: Pfn, mkwrite: boolean): number => {
  const vma = m.vmas.get(vmaId);
  const pmdRow = pmdAlloc(m, m.mms.get(vma.mm), vpn);
  if (pmdRow === NO_ROW || !pteAlloc(m, pmdRow)) return VM_FAULT_OOM;
  const row = pteOffset(m, pmdRow, vpn);
  const found = m.entries.get(row);
  const write = mkwrite ? maybeMkwrite(PTE_ACCESSED | PTE_DIRTY, vma) : 0;
  if (found === 0) m.entries.set(row, setBits(pteMkdevmap(mkEntry(pfn, vmPageProt(vma))), write));
  else if (mkwrite && entryPfn(found) === pfn) m.entries.set(row, setBits(found, write));
  return VM_FAULT_NOPAGE;
};
