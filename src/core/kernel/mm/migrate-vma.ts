// include/linux/migrate.h: what a driver hands to migrate_vma_*, and the words it gets back, one a page.

import type { Vma } from '../../machine/entities.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';

/** A page stands behind the word. */
export const MIGRATE_PFN_VALID = 1;
/** Still to be moved; after migrate_vma_pages: has moved. */
export const MIGRATE_PFN_MIGRATE = 2;
/** The entry was writable. */
export const MIGRATE_PFN_WRITE = 8;

export const MIGRATE_VMA_SELECT_SYSTEM = 1;
export const MIGRATE_VMA_SELECT_DEVICE_PRIVATE = 2;
export const MIGRATE_VMA_SELECT_DEVICE_COHERENT = 4;

/** Kernel: `include/linux/migrate.h: migrate_pfn` */
export const migratePfn = (pfn: Pfn): number => pfn * 64 + MIGRATE_PFN_VALID;
/** Kernel: `include/linux/migrate.h: migrate_pfn_to_page`; NO_PFN without a page. */
export const migratePfnToPage = (mpfn: number): Pfn =>
  (mpfn & MIGRATE_PFN_VALID) === 0 ? NO_PFN : Math.floor(mpfn / 64);

/** Words of a call, one a page. Many are a typed array: its memory is taken page by page as they come. */
export type MigrateWords = number[] | Float64Array;

/** struct migrate_vma. The arrays grow to one word a page during collect. */
export interface MigrateVma {
  readonly vma: Vma | undefined;
  readonly start: Vpn;
  readonly end: Vpn;
  readonly src: number[];
  readonly dst: number[];
  cpages: number;
  readonly pgmapOwner: number;
  readonly flags: number;
  /** The page of the CPU fault that is served; NO_PFN: none. */
  readonly faultPage: Pfn;
}

/** What a driver asks migrate_vma_setup for, before it has looked. Ours: the initializer of struct migrate_vma. */
export const newMigrateVma = (
  asked: Pick<MigrateVma, 'vma' | 'start' | 'end' | 'pgmapOwner' | 'flags' | 'faultPage'>,
): MigrateVma => ({ ...asked, src: [], dst: [], cpages: 0 });

/** Pages of a migration that have moved, or that were candidates and have not. Ours: both drivers count so. */
export const countPages = ({ src }: Pick<MigrateVma, 'src'>, moved: boolean): number =>
  src.filter((word) => (word & MIGRATE_PFN_VALID) !== 0 && ((word & MIGRATE_PFN_MIGRATE) !== 0) === moved)
    .length;

/**
 * The page of word `i` stays where it is.
 *
 * Ours: the kernel clears the bit in place.
 */
export const clearMigrate = (words: MigrateWords, i: number): void => {
  if ((words[i] & MIGRATE_PFN_MIGRATE) !== 0) words[i] -= MIGRATE_PFN_MIGRATE;
};

/**
 * Whether the page of a word is to move, or has.
 *
 * Ours: the kernel tests the bit in place.
 */
export const migrates = (word: number): boolean => (word & MIGRATE_PFN_MIGRATE) !== 0;
