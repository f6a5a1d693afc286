// Areas of an address space: looking them up, and small questions about one.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Vpn } from '../../uapi/units.ts';
import { PTE_ACCESSED, PTE_PRESENT, PTE_PROTNONE, PTE_RW, PTE_USER } from '../../uapi/pte.ts';
import {
  VM_HUGETLB,
  VM_LOCKED,
  VM_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WRITE,
  VM_WRITENOTIFY,
} from '../../uapi/vm-flags.ts';

/** The VMAs of a process, by address. Ours: the kernel walks a maple tree. */
export const vmasOf = (m: Machine, mm: Mm): Vma[] => mm.vmas.map((id) => m.vmas.get(id));

/** First VMA that ends behind an address. Kernel: `mm/mmap.c: find_vma` */
export const findVma = (m: Machine, mm: Mm, vpn: Vpn): Vma | undefined => {
  for (const id of mm.vmas) {
    const vma = m.vmas.get(id);
    if (vma.vmEnd > vpn) return vma;
  }
  return undefined;
};

/** The VMA that holds an address. Kernel: `include/linux/mm.h: vma_lookup` */
export const vmaLookup = (m: Machine, mm: Mm, vpn: Vpn): Vma | undefined => {
  const vma = findVma(m, mm, vpn);
  return vma !== undefined && vma.vmStart <= vpn ? vma : undefined;
};

/** No vm_ops: not backed by a file. Kernel: `include/linux/mm.h: vma_is_anonymous` */
export const vmaIsAnonymous = (vma: Vma): boolean => vma.file === 0 && (vma.vmFlags & VM_HUGETLB) === 0;

/** Kernel: `include/linux/hugetlb_inline.h: is_vm_hugetlb_page` */
export const isVmHugetlbPage = (vma: Vma): boolean => (vma.vmFlags & VM_HUGETLB) !== 0;

/** A file whose pages are device memory with a file system on it. Kernel: `include/linux/fs.h: vma_is_fsdax` */
export const vmaIsFsdax = (m: Machine, vma: Vma): boolean =>
  vma.file !== 0 && m.files.get(vma.file).kind === 'fsdax';

/** Kernel: `include/linux/fs.h: vma_is_dax` */
export const vmaIsDax = (m: Machine, vma: Vma): boolean =>
  vmaIsFsdax(m, vma) || (vma.file !== 0 && m.files.get(vma.file).kind === 'devdax');

/** Memory that not even the kernel maps. Kernel: `include/linux/secretmem.h: vma_is_secretmem` */
export const vmaIsSecretmem = (m: Machine, vma: Vma): boolean =>
  vma.file !== 0 && m.files.get(vma.file).kind === 'secretmem';

/** Whether the area's file can fault pages in. Ours: stands for vm_ops->fault. */
export const vmaHasFault = (m: Machine, vma: Vma): boolean =>
  vma.file !== 0 && m.files.get(vma.file).kind !== 'device';

/** Kernel: `include/linux/mm.h: vma_is_accessible` */
export const vmaIsAccessible = (vma: Vma): boolean => (vma.vmFlags & 7) !== 0;

/** Kernel: `include/linux/pagemap.h: linear_page_index` */
export const linearPageIndex = (vma: Vma, vpn: Vpn): number => vpn - vma.vmStart + vma.vmPgoff;

/** Address of a page in a VMA of its reverse map; -1 outside. Kernel: `mm/internal.h: vma_pgoff_address` */
export const vmaPgoffAddress = (vma: Vma, pgoff: number, npages: number): Vpn => {
  if (pgoff >= vma.vmPgoff) {
    const vpn = vma.vmStart + pgoff - vma.vmPgoff;
    return vpn >= vma.vmStart && vpn < vma.vmEnd ? vpn : -1;
  }
  // a folio that begins before the VMA and reaches into it
  return pgoff + npages - 1 >= vma.vmPgoff ? vma.vmStart : -1;
};

/**
 * End of what a VMA maps of a folio that it maps from `vpn` on. Kernel: `mm/internal.h: vma_address_end`
 *
 * @param pgoff - of the folio's first page, which may lie before the VMA; of no meaning for a single page
 */
export const vmaAddressEnd = (vma: Vma, vpn: Vpn, pgoff: number, npages: number): Vpn =>
  npages === 1 ? vpn + 1 : Math.min(vma.vmStart + pgoff + npages - vma.vmPgoff, vma.vmEnd);

/**
 * Protection bits of a fresh entry. On x86 they contain ACCESSED; write permission is never among them for a
 * private mapping.
 *
 * Kernel: `mm/mmap.c: vm_get_page_prot`, `arch/x86/mm/pgprot.c: protection_map`
 */
export const vmPageProt = (vma: Vma): number => {
  if (!vmaIsAccessible(vma)) return PTE_PROTNONE | PTE_ACCESSED;
  let bits = PTE_PRESENT | PTE_USER | PTE_ACCESSED;
  const writable = (vma.vmFlags & (VM_SHARED | VM_WRITE | VM_WRITENOTIFY)) === (VM_SHARED | VM_WRITE);
  if (writable) bits |= PTE_RW;
  return bits;
};

/** Kernel: `include/linux/mm.h: maybe_mkwrite` */
export const maybeMkwrite = (bits: number, vma: Vma): number =>
  (vma.vmFlags & VM_WRITE) !== 0 ? bits | PTE_RW : bits;

/** Whether mappings of pages here count as mlocked. Kernel: `mm/internal.h: mlock_vma_folio` */
export const vmaMlocksPages = (vma: Vma): boolean => (vma.vmFlags & (VM_LOCKED | VM_SPECIAL)) === VM_LOCKED;

/** Kernel: `include/linux/mm.h: VM_READ` */
export const vmaReadable = (vma: Vma): boolean => (vma.vmFlags & VM_READ) !== 0;
