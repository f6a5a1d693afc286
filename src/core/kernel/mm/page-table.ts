// Walking and growing the four levels. An entry is named by its row: table frame * 512 + index.

import type { Machine } from '../../machine/machine.ts';
import type { Mm } from '../../machine/entities.ts';
import { __GFP_ZERO, GFP_KERNEL } from '../../uapi/gfp.ts';
import { PG_table } from '../../uapi/page-flags.ts';
import { entryPfn, mkEntry, PAGE_TABLE_BITS, pmdLeaf, ptePresent } from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { folioRefAdd, moveReference, setFlags } from './page-ref.ts';
import { freePages, allocPage } from './page-alloc.ts';

export const PMD_PAGES = 512;
export const PUD_PAGES = 512 * 512;

/** Ours: index of a virtual page at a level, 3 = PGD … 0 = PTE. */
export const tableIndex = (vpn: Vpn, level: number): number =>
  Math.floor(vpn / 512 ** level) % PTRS_PER_TABLE;

const rowIn = (table: Pfn, vpn: Vpn, level: number): EntryRow =>
  table * PTRS_PER_TABLE + tableIndex(vpn, level);

/** A page of page table, zeroed; NO_PFN without memory. Kernel: `include/asm-generic/pgalloc.h: pte_alloc_one` */
export const allocTable = (m: Machine): Pfn => {
  const pin = m.current.memallocPin;
  m.current.memallocPin = false; // GFP_KERNEL is not movable anyhow; keeps the request as the kernel makes it
  const pfn = allocPage(m, GFP_KERNEL | __GFP_ZERO);
  m.current.memallocPin = pin;
  if (pfn !== NO_PFN) {
    setFlags(m, pfn, PG_table);
    moveReference(m, pfn, 'allocation', 'page table');
  }
  return pfn;
};

/** Kernel: `include/asm-generic/pgalloc.h: pte_free`. The table's entries must be clear. */
export const freeTable = (m: Machine, table: Pfn): void => {
  folioRefAdd(m, table, -1, 'page table');
  freePages(m, table, 0);
};

const descend = (m: Machine, row: EntryRow): Pfn => {
  const entry = m.entries.get(row);
  return ptePresent(entry) && !pmdLeaf(entry) ? entryPfn(entry) : NO_PFN;
};

/** Row of the PUD entry; NO_ROW where there is no table. Kernel: `include/linux/pgtable.h: pud_offset` */
export const pudOffset = (m: Machine, mm: Mm, vpn: Vpn): EntryRow => {
  const pud = descend(m, rowIn(mm.pgd, vpn, 3));
  return pud === NO_PFN ? NO_ROW : rowIn(pud, vpn, 2);
};

/**
 * End of what a page walk takes in one go at an address: 2 MiB, or the whole GiB where there is no PMD table.
 *
 * Kernel: `mm/pagewalk.c: walk_pud_range, walk_pmd_range`
 */
export const walkEnd = (m: Machine, mm: Mm, vpn: Vpn, end: Vpn): Vpn => {
  const size = pmdOffset(m, mm, vpn) === NO_ROW ? PUD_PAGES : PMD_PAGES;
  return Math.min(end, (Math.floor(vpn / size) + 1) * size);
};

/** Row of the PMD entry; NO_ROW where there is no table. Kernel: `mm/rmap.c: mm_find_pmd`, `include/linux/pgtable.h: pmd_offset` */
export const pmdOffset = (m: Machine, mm: Mm, vpn: Vpn): EntryRow => {
  const pudRow = pudOffset(m, mm, vpn);
  if (pudRow === NO_ROW) return NO_ROW;
  const pmd = descend(m, pudRow);
  return pmd === NO_PFN ? NO_ROW : rowIn(pmd, vpn, 1);
};

/** Row of the PTE under a PMD entry; NO_ROW if that is empty or a huge leaf. Kernel: `include/linux/pgtable.h: pte_offset_map` */
export const pteOffset = (m: Machine, pmdRow: EntryRow, vpn: Vpn): EntryRow => {
  if (pmdRow === NO_ROW) return NO_ROW;
  const table = descend(m, pmdRow);
  return table === NO_PFN ? NO_ROW : rowIn(table, vpn, 0);
};

/** Row of the PTE of a page, or NO_ROW. Ours: the whole walk in one. */
export const walkPte = (m: Machine, mm: Mm, vpn: Vpn): EntryRow => pteOffset(m, pmdOffset(m, mm, vpn), vpn);

/** The entry at which the walk to an address ends, and how many pages such an entry maps. */
export interface LeafEntry {
  /** NO_ROW: a table is missing. */
  readonly row: EntryRow;
  readonly npages: number;
}

/** Row of the entry that decides about an address: a PTE, or a huge leaf above. Ours: the whole walk in one. */
export const leafOffset = (m: Machine, mm: Mm, vpn: Vpn): LeafEntry => {
  const pudRow = pudOffset(m, mm, vpn);
  if (pudRow === NO_ROW) return { row: NO_ROW, npages: 1 };
  const pud = m.entries.get(pudRow);
  if (pmdLeaf(pud)) return { row: pudRow, npages: PUD_PAGES };
  if (pud === 0) return { row: NO_ROW, npages: 1 };
  const pmdRow = rowIn(entryPfn(pud), vpn, 1);
  const pmd = m.entries.get(pmdRow);
  if (pmd !== 0 && (pmdLeaf(pmd) || !ptePresent(pmd))) return { row: pmdRow, npages: PMD_PAGES };
  return { row: pmd === 0 ? NO_ROW : rowIn(entryPfn(pmd), vpn, 0), npages: 1 };
};

/** Frame that an address is mapped to, whatever the size of the entry; NO_PFN: none. Ours: a look from outside. */
export const mappedFrame = (m: Machine, mm: Mm, vpn: Vpn): Pfn => {
  const { row, npages } = leafOffset(m, mm, vpn);
  const entry = row === NO_ROW ? 0 : m.entries.get(row);
  return ptePresent(entry) ? entryPfn(entry) + (vpn % npages) : NO_PFN;
};

const growTable = (m: Machine, row: EntryRow): Pfn => {
  const entry = m.entries.get(row);
  if (entry !== 0) {
    bugOn(!ptePresent(entry), 'page table: not a table entry');
    return entryPfn(entry);
  }
  const table = allocTable(m);
  if (table !== NO_PFN) m.entries.set(row, mkEntry(table, PAGE_TABLE_BITS));
  return table;
};

/** Row of the PUD entry, its table made as needed; NO_ROW without memory. Kernel: `mm/memory.c: __pud_alloc` */
export const pudAlloc = (m: Machine, mm: Mm, vpn: Vpn): EntryRow => {
  const pud = growTable(m, rowIn(mm.pgd, vpn, 3));
  return pud === NO_PFN ? NO_ROW : rowIn(pud, vpn, 2);
};

/** Row of the PMD entry, tables made as needed; NO_ROW without memory. Kernel: `mm/memory.c: __pud_alloc, __pmd_alloc` */
export const pmdAlloc = (m: Machine, mm: Mm, vpn: Vpn): EntryRow => {
  const pudRow = pudAlloc(m, mm, vpn);
  if (pudRow === NO_ROW) return NO_ROW;
  const pmd = growTable(m, pudRow);
  return pmd === NO_PFN ? NO_ROW : rowIn(pmd, vpn, 1);
};

/** Makes the PTE table under a PMD entry that has none; false without memory. Kernel: `mm/memory.c: __pte_alloc` */
export const pteAlloc = (m: Machine, pmdRow: EntryRow): boolean => growTable(m, pmdRow) !== NO_PFN;
