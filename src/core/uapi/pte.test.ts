import { describe, expect, it } from 'vitest';
import {
  entryKind,
  entryPfn,
  mkEntry,
  mkSwapEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_RW,
  PTE_USER,
  rawEntryText,
  SWP_DEVICE_WRITE,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_WRITE,
  setBits,
  swapDirty,
  swapType,
  swapYoung,
} from './pte.ts';

const DATA = PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY;

describe('a present entry', () => {
  it('is the hardware word: pfn at bit 12, flags below, NX on top', () => {
    expect(rawEntryText(mkEntry(0x12345, DATA))).toBe('0x8000000012345067');
  });

  it('keeps a frame number of 40 bits', () => {
    const pfn = 2 ** 40 - 1;
    expect(entryPfn(mkEntry(pfn, DATA))).toBe(pfn);
    expect(entryPfn(setBits(mkEntry(pfn, PTE_PRESENT), PTE_DIRTY))).toBe(pfn);
    expect(rawEntryText(mkEntry(pfn, DATA), false)).toBe('0x000ffffffffff067');
  });

  it('stores the inverted frame number when it is PROT_NONE', () => {
    const entry = mkEntry(0x12345, PTE_PROTNONE | PTE_ACCESSED);
    expect(entryKind(entry)).toBe('protnone');
    expect(rawEntryText(entry)).toBe('0x800fffffedcba120');
  });
});

describe('a swap-type entry', () => {
  it('has its type in bits 59 to 63 and the inverted offset in bits 9 to 58', () => {
    // type 26, offset 0x12345: 26 << 59 is 0xd000…, the offset 0x12345 inverted at bit 9
    expect(rawEntryText(mkSwapEntry(SWP_DEVICE_WRITE, 0x12345))).toBe('0xd7fffffffdb97400');
  });

  it('carries young and dirty of a migration', () => {
    const entry = mkSwapEntry(SWP_MIGRATION_WRITE, 0x3fffe0000, true, true);
    expect(entryKind(entry)).toBe('migration');
    expect(swapType(entry)).toBe(SWP_MIGRATION_WRITE);
    expect([swapYoung(entry), swapDirty(entry), entryPfn(entry)]).toEqual([true, true, 0x3fffe0000]);
    expect(rawEntryText(entry)).not.toBe(rawEntryText(mkSwapEntry(SWP_MIGRATION_WRITE, 0x3fffe0000)));
  });

  it('is never mistaken for a present one or for none', () => {
    for (let type = SWP_MIGRATION_READ; type <= 31; type++) {
      for (const pfn of [0, 1, 2 ** 34 - 1])
        expect(['none', 'present', 'protnone']).not.toContain(entryKind(mkSwapEntry(type, pfn)));
    }
  });
});
