// Page tables and their entries.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const table = entry('page tables');

export const tableTerms = {
  pte: table(
    'PTE',
    'Page-table entry: where one virtual page lies, and what may be done with it. It can also hold a note instead, such as a migration entry.',
    'arch/x86/include/asm/pgtable_types.h: pte_t',
  ),
  pmd: table(
    'PMD',
    'Third level of the page table. An entry covers 2 MiB: a table of PTEs, or one huge page.',
    'arch/x86/include/asm/pgtable_types.h: pmd_t',
  ),
  pud: table(
    'PUD',
    'Second level of the page table. An entry covers 1 GiB.',
    'arch/x86/include/asm/pgtable_types.h: pud_t',
  ),
  pgd: table(
    'PGD',
    'First level of the page table. An entry covers 512 GiB; with LA57 256 TiB, and leads to a P4D.',
    'arch/x86/include/asm/pgtable_types.h: pgd_t',
  ),
  'pte-bits': table(
    'PTE bits',
    'P present, W writable, D dirty, A accessed, S special. A dot: the bit is not set.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_PRESENT',
  ),
  present: table(
    'present (P)',
    'The CPU may follow the entry. If the bit is not set, an access faults.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_PRESENT',
  ),
  writable: table(
    'writable (W)',
    'The CPU may write. If the bit is not set, a write faults, for example to copy the page first.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_RW',
  ),
  'dirty-bit': table(
    'dirty (D)',
    'The CPU sets it when it writes through the entry.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_DIRTY',
  ),
  accessed: table(
    'accessed (A)',
    'The CPU sets it when it uses the entry. The kernel says young.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_ACCESSED',
  ),
  special: table(
    'special (S)',
    'There is no `struct page` to count for this entry, as for the zero page.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_SPECIAL',
  ),
  raw: table(
    'raw',
    'The 64 bits of the entry as they stand in the table.',
    'arch/x86/include/asm/pgtable_types.h: pteval_t',
  ),
  'entry-kind': table(
    'entry',
    'What stands in the table: a page that is present, nothing, or a note that is not present, such as a migration entry.',
    'include/linux/swapops.h: is_migration_entry',
  ),
  protnone: table(
    'protnone',
    'The page is there, but any access faults: because the rights were taken away, or to learn which node uses it.',
    'include/linux/pgtable.h: pte_protnone',
  ),
  vma: table(
    'VMA',
    'A range of addresses of a process with the same rights and the same kind of memory.',
    'include/linux/mm_types.h: struct vm_area_struct',
  ),
  'vm-pgoff': table(
    'vm_pgoff',
    'Where in the file, or in the numbering of anonymous memory, the area begins, in pages.',
    'include/linux/mm_types.h: struct vm_area_struct',
  ),
  'vm-page-prot': table(
    'vm_page_prot',
    'The rights that entries of the area are made with.',
    'include/linux/mm_types.h: struct vm_area_struct',
  ),
  'anon-vma': table(
    'anon_vma',
    'Leads from an anonymous page to the areas that may map it.',
    'include/linux/rmap.h: struct anon_vma',
  ),
  'device-table': table(
    'a device’s page table',
    'Where a device finds the pages of a process. The driver fills it from the CPU’s table, and drops entries when an MMU notifier says so. The kernel’s test driver takes the end of the range for a part of it: one entry more goes, and comes back when the device faults.',
    'lib/test_hmm.c: dmirror_do_fault',
  ),
  mmaplock: table(
    'mmap_lock',
    'Lock of all areas of a process: many may read, one may change.',
    'include/linux/mmap_lock.h: mmap_read_lock',
  ),
} as const satisfies Partial<Record<TermId, Term>>;
