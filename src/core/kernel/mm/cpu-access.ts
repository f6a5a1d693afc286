// What the hardware and the fault entry do when a program loads or stores: arch/x86/mm/fault.c.

import type { Mm } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { entryPfn, PTE_ACCESSED, PTE_DIRTY, PTE_PRESENT, pteWrite, setBits } from '../../uapi/pte.ts';
import { NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_KILLABLE,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_USER,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { condResched, outwaitFruitlessFault } from '../sched/locks.ts';
import { handleMmFault } from './fault.ts';
import { leafOffset } from './page-table.ts';
import { vmaIsAccessible, vmaLookup } from './vma.ts';

/** The page reached, or the signal that ends the access. */
export type AccessResult =
  | { readonly kind: 'page'; readonly pfn: Pfn }
  | { readonly kind: 'signal'; readonly signal: 'SIGSEGV' | 'SIGBUS' | 'SIGKILL' };

/**
 * The page walk of the MMU: sets accessed and dirty bits when the entry permits the access. No kernel code runs.
 *
 * Ours: stands for the hardware.
 *
 * @returns the page, or NO_PFN: the access faults
 */
export const hardwareWalk = (m: Machine, mm: Mm, vpn: Vpn, write: boolean): Pfn => {
  const { row, npages } = leafOffset(m, mm, vpn);
  if (row === NO_ROW) return NO_PFN;
  const entry = m.entries.get(row);
  if ((entry & PTE_PRESENT) === 0 || (write && !pteWrite(entry))) return NO_PFN;
  m.entries.set(row, setBits(entry, write ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED));
  return entryPfn(entry) + (vpn % npages);
};

/** Kernel: `arch/x86/mm/fault.c: do_user_addr_fault` */
function* doUserAddrFault(
  m: Machine,
  mm: Mm,
  vpn: Vpn,
  write: boolean,
): Sleeps<'SIGSEGV' | 'SIGBUS' | 'SIGKILL' | undefined> {
  let flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE | FAULT_FLAG_USER | (write ? FAULT_FLAG_WRITE : 0);
  for (;;) {
    const vma = vmaLookup(m, m.mms.get(mm.id), vpn);
    const permitted = vma !== undefined && (write ? (vma.vmFlags & VM_WRITE) !== 0 : vmaIsAccessible(vma));
    if (vma === undefined || !permitted) {
      m.trace.decide('fault.segv', vpn, write ? 1 : 0);
      return 'SIGSEGV';
    }
    const ret = yield* handleMmFault(m, vma, vpn, flags);
    // a fatal signal is delivered on the way back to the program
    if (m.mms.get(mm.id).oomVictim) return 'SIGKILL';
    if ((ret & VM_FAULT_RETRY) !== 0) {
      flags |= FAULT_FLAG_TRIED;
      continue;
    }
    if ((ret & VM_FAULT_ERROR) === 0) return undefined;
    // pagefault_out_of_memory: the allocator has let somebody die, the access is tried again
    if ((ret & VM_FAULT_OOM) !== 0) continue;
    m.trace.decide('fault.sigbus', vpn, ret);
    return 'SIGBUS';
  }
}

/**
 * One load or store of a program.
 *
 * Ours: hardware walk, fault, and again until the entry permits the access.
 */
export function* cpuAccess(m: Machine, mm: Mm, vpn: Vpn, write: boolean): Sleeps<AccessResult> {
  for (let faults = 0; ; faults++) {
    const pfn = hardwareWalk(m, mm, vpn, write);
    if (pfn !== NO_PFN) return { kind: 'page', pfn };
    // two faults on one private page each take a reference, for which neither can move it: one has to let the other go on
    if (faults > 0) yield* condResched(m, 'do_user_addr_fault');
    const signal = yield* doUserAddrFault(m, mm, vpn, write);
    if (signal !== undefined) return { kind: 'signal', signal };
    yield* outwaitFruitlessFault(m);
  }
}
