// x86-64 page-table entries.
//
// In the state an entry is one safe integer, so that mechanisms need neither BigInt nor two halves:
//   present     low 12 bits as in the hardware word, pfn * 4096 above (pfn < 2^40), DEVMAP as bit 52
//               (_PAGE_DEVMAP is bit 58 of the hardware word)
//   swap type   pfn * 4096 + SWAP_MARK + dirty << 7 + young << 6 + type << 1
// `rawEntry` gives the 64 bits that the kernel would store (NX, inverted offsets and pfns included).

import type { Pfn } from './units.ts';

export type Entry = number;

export const ENTRY_NONE: Entry = 0;

export const PTE_PRESENT = 1 << 0;
export const PTE_RW = 1 << 1;
export const PTE_USER = 1 << 2;
export const PTE_ACCESSED = 1 << 5;
export const PTE_DIRTY = 1 << 6;
/** Page size bit at PMD level: a huge leaf. */
export const PTE_PSE = 1 << 7;
/** Bit 8 with PRESENT clear. */
export const PTE_PROTNONE = 1 << 8;
export const PTE_SPECIAL = 1 << 9;
export const PTE_UFFD_WP = 1 << 10;
export const PTE_SOFT_DIRTY = 1 << 11;
/** Bit 58 of the hardware word, here bit 52: above what fits bit operations, so added and taken away. */
const PTE_DEVMAP = 2 ** 52;

/** Entry that points to a lower table: present, writable, user, accessed, dirty (_PAGE_TABLE). */
export const PAGE_TABLE_BITS = PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY;

const SWAP_MARK = 1 << 9;
/** Entry of the swap device: its page belonged to this process alone. Bit 3 of the hardware word. */
const SWAP_EXCLUSIVE = 1 << 10;
const SWAP_YOUNG = 1 << 6;
const SWAP_DIRTY = 1 << 7;

// include/linux/swap.h: allocated from the top of 32 types, all configuration options on.
export const SWP_HWPOISON = 22;
export const SWP_MIGRATION_READ = 23;
export const SWP_MIGRATION_READ_EXCLUSIVE = 24;
export const SWP_MIGRATION_WRITE = 25;
export const SWP_DEVICE_WRITE = 26;
export const SWP_DEVICE_READ = 27;
export const SWP_DEVICE_EXCLUSIVE_WRITE = 28;
export const SWP_DEVICE_EXCLUSIVE_READ = 29;
export const SWP_PTE_MARKER = 30;
export const SWP_SWAPIN_ERROR = 31;

export const mkEntry = (pfn: Pfn, bits: number): Entry => pfn * 4096 + bits;
export const entryPfn = (e: Entry): Pfn => Math.floor((e >= PTE_DEVMAP ? e - PTE_DEVMAP : e) / 4096);
export const entryBits = (e: Entry): number => e & 0xfff;
export const setBits = (e: Entry, bits: number): Entry => e - (e & 0xfff) + ((e & 0xfff) | bits);
export const clearBits = (e: Entry, bits: number): Entry => e - (e & 0xfff & bits);

export const pteNone = (e: Entry): boolean => e === 0;
/** PRESENT, or PROTNONE without it. arch/x86/include/asm/pgtable.h: pte_present */
export const ptePresent = (e: Entry): boolean => (e & (PTE_PRESENT | PTE_PROTNONE)) !== 0;
export const pteProtnone = (e: Entry): boolean => (e & (PTE_PRESENT | PTE_PROTNONE)) === PTE_PROTNONE;
export const pteWrite = (e: Entry): boolean => (e & PTE_RW) !== 0;
export const pteDirty = (e: Entry): boolean => (e & PTE_DIRTY) !== 0;
export const pteYoung = (e: Entry): boolean => (e & PTE_ACCESSED) !== 0;
export const pteSpecial = (e: Entry): boolean => (e & PTE_SPECIAL) !== 0;
/** The frame belongs to legacy device memory (DAX), whose entries hold no reference. */
export const pteDevmap = (e: Entry): boolean => e >= PTE_DEVMAP;
/** Kernel: `arch/x86/include/asm/pgtable.h: pte_mkdevmap`; SPECIAL comes with it. */
export const pteMkdevmap = (e: Entry): Entry => (pteDevmap(e) ? e : setBits(e, PTE_SPECIAL) + PTE_DEVMAP);
export const pmdLeaf = (e: Entry): boolean => ptePresent(e) && (e & PTE_PSE) !== 0;

export const isSwapEntry = (e: Entry): boolean => e !== 0 && !ptePresent(e);
export const swapType = (e: Entry): number => (e >> 1) & 31;
export const swapYoung = (e: Entry): boolean => (e & SWAP_YOUNG) !== 0;
export const swapDirty = (e: Entry): boolean => (e & SWAP_DIRTY) !== 0;
export const mkSwapEntry = (type: number, pfn: Pfn, young = false, dirty = false): Entry =>
  pfn * 4096 + SWAP_MARK + (type << 1) + (young ? SWAP_YOUNG : 0) + (dirty ? SWAP_DIRTY : 0);

/** Entry that names a slot of swap device 0. */
export const mkRealSwapEntry = (slot: number, exclusive: boolean): Entry =>
  slot * 4096 + SWAP_MARK + (exclusive ? SWAP_EXCLUSIVE : 0);
/** include/linux/swapops.h: !non_swap_entry */
export const isRealSwapEntry = (e: Entry): boolean => isSwapEntry(e) && swapType(e) < SWP_HWPOISON;
/** arch/x86/include/asm/pgtable.h: pte_swp_exclusive */
export const swpExclusive = (e: Entry): boolean => (e & SWAP_EXCLUSIVE) !== 0;
export const swpClearExclusive = (e: Entry): Entry => (swpExclusive(e) ? e - SWAP_EXCLUSIVE : e);

const typeBetween = (e: Entry, low: number, high: number): boolean => {
  if (!isSwapEntry(e)) return false;
  const type = swapType(e);
  return type >= low && type <= high;
};
export const isMigrationEntry = (e: Entry): boolean =>
  typeBetween(e, SWP_MIGRATION_READ, SWP_MIGRATION_WRITE);
export const isDevicePrivateEntry = (e: Entry): boolean => typeBetween(e, SWP_DEVICE_WRITE, SWP_DEVICE_READ);
export const isDeviceExclusiveEntry = (e: Entry): boolean =>
  typeBetween(e, SWP_DEVICE_EXCLUSIVE_WRITE, SWP_DEVICE_EXCLUSIVE_READ);
/** Entries whose offset is a page frame: hwpoison, migration, device-private, device-exclusive. */
export const isPfnSwapEntry = (e: Entry): boolean => typeBetween(e, SWP_HWPOISON, SWP_DEVICE_EXCLUSIVE_READ);
export const isWritableMigrationEntry = (e: Entry): boolean =>
  isSwapEntry(e) && swapType(e) === SWP_MIGRATION_WRITE;
export const isReadableMigrationEntry = (e: Entry): boolean =>
  isSwapEntry(e) && swapType(e) === SWP_MIGRATION_READ;
export const isWritableDevicePrivateEntry = (e: Entry): boolean =>
  isSwapEntry(e) && swapType(e) === SWP_DEVICE_WRITE;
export const isWritableDeviceExclusiveEntry = (e: Entry): boolean =>
  isSwapEntry(e) && swapType(e) === SWP_DEVICE_EXCLUSIVE_WRITE;

export type EntryKind =
  | 'none'
  | 'present'
  | 'protnone'
  | 'migration'
  | 'device-private'
  | 'device-exclusive'
  | 'swap'
  | 'hwpoison'
  | 'other';

/** The kind under which recordings, panels and messages know an entry. */
export const entryKind = (e: Entry): EntryKind => {
  if (e === 0) return 'none';
  if (pteProtnone(e)) return 'protnone';
  if (ptePresent(e)) return 'present';
  const type = swapType(e);
  if (type < SWP_HWPOISON) return 'swap';
  if (type === SWP_HWPOISON) return 'hwpoison';
  if (type <= SWP_MIGRATION_WRITE) return 'migration';
  if (type <= SWP_DEVICE_READ) return 'device-private';
  if (type <= SWP_DEVICE_EXCLUSIVE_READ) return 'device-exclusive';
  return 'other';
};

/** Whether the entry lets its owner write: RW of a present entry, the writable variant of a special one. */
export const entryWritable = (e: Entry): boolean =>
  ptePresent(e)
    ? pteWrite(e)
    : isWritableMigrationEntry(e) || isWritableDevicePrivateEntry(e) || isWritableDeviceExclusiveEntry(e);

/** The two 32-bit halves of the word that the kernel stores. */
export interface RawEntry {
  readonly hi: number;
  readonly lo: number;
}

const SWP_PFN_BITS = 34; // MAX_PHYSMEM_BITS 46 - PAGE_SHIFT with four levels

/**
 * The 64-bit word of an entry, bit for bit.
 *
 * Kernel: `arch/x86/include/asm/pgtable_64.h: __swp_entry`, `arch/x86/include/asm/pgtable-invert.h: protnone_mask`
 *
 * @param leaf - a leaf of a data mapping carries NX; an entry that points to a table does not
 */
export const rawEntry = (e: Entry, leaf = true): RawEntry => {
  if (e === 0) return { hi: 0, lo: 0 };
  if (ptePresent(e)) {
    let pfn = entryPfn(e);
    if (pteProtnone(e)) pfn = 2 ** 40 - 1 - pfn; // the pfn is stored inverted against L1TF
    const lo = ((pfn % 2 ** 20) * 4096 + (e & 0xfff)) >>> 0;
    const devmap = pteDevmap(e) ? 2 ** 26 : 0; // _PAGE_BIT_DEVMAP 58
    const hi = (Math.floor(pfn / 2 ** 20) | devmap | (leaf ? 0x80000000 : 0)) >>> 0;
    return { hi, lo };
  }
  // type in bits 59-63, inverted offset in bits 9-58
  let offset = entryPfn(e);
  if (isMigrationEntry(e)) {
    if (swapYoung(e)) offset += 2 ** SWP_PFN_BITS;
    if (swapDirty(e)) offset += 2 ** (SWP_PFN_BITS + 1);
  }
  const inverted = 2 ** 50 - 1 - offset;
  const lo = ((inverted % 2 ** 23) * 512 + (isRealSwapEntry(e) && swpExclusive(e) ? 8 : 0)) >>> 0;
  const hi = ((swapType(e) << 27) | Math.floor(inverted / 2 ** 23)) >>> 0;
  return { hi, lo };
};

/** `0x8000000012345067` */
export const rawEntryText = (e: Entry, leaf = true): string => {
  const { hi, lo } = rawEntry(e, leaf);
  return `0x${hi.toString(16).padStart(8, '0')}${lo.toString(16).padStart(8, '0')}`;
};
