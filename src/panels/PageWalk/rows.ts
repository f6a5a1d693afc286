// An address in pieces: which bits choose the entry of which table.

import {
  entryPfn,
  entryWritable,
  mkEntry,
  PAGE_TABLE_BITS,
  pteDirty,
  pteYoung,
  rawEntryText,
} from '../../core/uapi/pte.ts';
import { PTRS_PER_TABLE, vpnToAddrBytes } from '../../core/uapi/units.ts';
import { formatAddress } from '../../ui/format.ts';
import type { PageWalkView, WalkEntry, WalkLevel } from '../../store/views.ts';

export interface AddressPart {
  readonly key: string;
  /** `PGD` */
  readonly table: string;
  /** `47…39` */
  readonly bits: string;
  readonly binary: string;
  /** Index into the table, or offset in the page. */
  readonly value: number;
}

const INDEX_BITS = 9;
const OFFSET_BITS = 12;
const LEVEL_NAMES: Readonly<Record<WalkLevel['level'], string>> = {
  pgd: 'PGD',
  pud: 'PUD',
  pmd: 'PMD',
  pte: 'PTE',
};
/** @param la57 - five levels: what four levels call PGD is the P4D then, and one more table stands above */
export const levelName = (level: WalkLevel['level'], la57: boolean): string =>
  la57 && level === 'pgd' ? 'P4D' : LEVEL_NAMES[level];

/** Pages below one entry of the fifth table: bits 47…12 of an address. */
const PAGES_OF_FIFTH = PTRS_PER_TABLE ** 4;
/** Index of a page in the fifth table: bits 56…48 of its address. */
const fifthIndex = (vpn: number): number => Math.floor(vpn / PAGES_OF_FIFTH) % PTRS_PER_TABLE;

/**
 * The table more that LA57 has. The machine has booted without it, so the table has no frame; its entry is the one that
 * would lead to the table that four levels begin with.
 *
 * Kernel: `arch/x86/include/asm/pgalloc.h: pgd_populate`
 */
export const fifthTable = ({ target, levels }: PageWalkView): WalkLevel | undefined => {
  const p4d = levels.find(({ table }) => table >= 0);
  if (target === undefined || p4d === undefined) return undefined;
  const entry = mkEntry(p4d.table, PAGE_TABLE_BITS);
  const index = fifthIndex(target.vpn);
  return {
    level: 'pgd',
    table: -1,
    index,
    used: 1,
    entries: [
      {
        index,
        vpn: target.vpn,
        kind: 'table',
        huge: false,
        pfn: entryPfn(entry),
        raw: rawEntryText(entry, false),
        writable: entryWritable(entry),
        dirty: pteDirty(entry),
        young: pteYoung(entry),
        residence: undefined,
        name: '',
        sharedWith: [],
      },
    ],
  };
};

/** Words that LA57 would change: the pfn of a migration entry takes 40 bits there, A and D stand above it. */
export const differWithLa57 = (levels: readonly WalkLevel[]): boolean =>
  levels.some(({ entries }) => entries.some((e) => e.kind === 'migration' && (e.young || e.dirty)));

const part = (table: string, high: number, low: number, value: number): AddressPart => ({
  key: table,
  table,
  bits: `${high}…${low}`,
  binary: value.toString(2).padStart(high - low + 1, '0'),
  value,
});

/**
 * The parts of a virtual address from the top.
 *
 * @param la57 - five levels: the PGD is chosen by bits 56…48, and what four levels call PGD is the P4D
 */
export const addressParts = ({ levels, target }: PageWalkView, la57: boolean): AddressPart[] => {
  const parts = levels.map(({ level, index }, down) => {
    const low = OFFSET_BITS + INDEX_BITS * (levels.length - 1 - down);
    return part(levelName(level, la57), low + INDEX_BITS - 1, low, index);
  });
  const top = la57 ? [part('PGD', 56, 48, fifthIndex(target?.vpn ?? 0))] : [];
  return [...top, ...parts, part('offset', OFFSET_BITS - 1, 0, 0)];
};

export const addressText = (vpn: number): string => formatAddress(vpnToAddrBytes(vpn));

/** What the letters of an entry mean, in their order. */
export const GLYPH_WORDS = [
  ['P', 'present'],
  ['W', 'writable'],
  ['D', 'dirty'],
  ['A', 'accessed'],
] as const;

/** What an entry's bits say, in one letter each; a swap-type entry has no hardware bits. */
export const glyphsOf = ({ kind, writable, dirty, young }: WalkEntry) => [
  { letter: 'P', name: 'present', on: kind === 'present' || kind === 'table' },
  { letter: 'W', name: 'writable', on: writable },
  { letter: 'D', name: 'dirty', on: dirty },
  { letter: 'A', name: 'accessed', on: young },
];

const KIND_WORDS: Readonly<Record<WalkEntry['kind'], string>> = {
  table: 'table',
  none: 'none',
  present: 'page',
  protnone: 'PROT_NONE',
  migration: 'migration entry',
  'device-private': 'device-private entry',
  'device-exclusive': 'device-exclusive entry',
  swap: 'swap entry',
  hwpoison: 'hwpoison entry',
  other: 'other entry',
};

export const kindWords = ({ kind, huge }: Pick<WalkEntry, 'kind' | 'huge'>): string =>
  huge && kind === 'present' ? 'huge page' : KIND_WORDS[kind];

const ACCESS_WORDS = { r: 'may read', w: 'may write', x: 'has exclusive access' } as const;
export const accessWords = (access: 'r' | 'w' | 'x'): string => ACCESS_WORDS[access];
