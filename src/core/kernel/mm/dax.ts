// fs/dax.c and the fault side of drivers/dax: files whose pages are device memory, mapped without a page cache.

import type { Machine } from '../../machine/machine.ts';
import { GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PG_uptodate } from '../../uapi/page-flags.ts';
import { NO_PFN } from '../../uapi/units.ts';
import { FAULT_FLAG_WRITE, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_SHARED } from '../../uapi/vm-flags.ts';
import { finishFault } from './file-fault.ts';
import { type FileFault } from './readahead.ts';
import { vmfInsertMixed } from './insert-page.ts';
import { allocPage } from './page-alloc.ts';
import { copyHighpage, setFlags } from './page-ref.ts';
import { anonVmaPrepare } from './anon-vma.ts';

/**
 * Maps the frame behind a page of the file. A write to a private mapping gets a copy in system memory.
 *
 * Kernel: `fs/dax.c: dax_iomap_pte_fault, dax_associate_entry`, `drivers/dax/device.c: __dev_dax_pte_fault`
 * Simplified: small entries only; the file system has no holes and takes no locks.
 */
export const daxFault = (m: Machine, fault: FileFault): number => {
  const { vma, vpn, pgoff, flags } = fault;
  const file = m.files.get(vma.file);
  if (file.daxStart === undefined || pgoff >= file.npages) return VM_FAULT_SIGBUS;
  const pfn = file.daxStart + pgoff;
  const write = (flags & FAULT_FLAG_WRITE) !== 0;
  if (write && (vma.vmFlags & VM_SHARED) === 0) {
    const copy = allocPage(m, GFP_HIGHUSER_MOVABLE);
    if (copy === NO_PFN) return VM_FAULT_OOM;
    copyHighpage(m, copy, pfn);
    setFlags(m, copy, PG_uptodate);
    return finishFault(m, { ...fault, vma: anonVmaPrepare(m, vma) }, NO_PFN, copy);
  }
  m.pages.mapping.set(pfn, vma.file * 2);
  m.pages.index.set(pfn, pgoff);
  return vmfInsertMixed(m, vma.id, vpn, pfn, write);
};
