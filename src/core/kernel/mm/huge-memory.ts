// mm/huge_memory.c: anonymous memory in pages of 2 MiB, mapped by one PMD entry, and how such a page falls apart.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import type { EntryRow, Pfn, Vpn } from '../../uapi/units.ts';
import type { MmuGather } from './mmu-gather.ts';

/** Page of a huge entry, "no page" (fault it in), or an error. */
export type FollowedPage =
  | { readonly kind: 'page'; readonly page: Pfn }
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly err: number };

/** Kernel: `mm/huge_memory.c: deferred_split_huge_page` */
export const deferredSplitHugePage = (_m: Machine, _folio: Pfn): void => undefined;

/** Kernel: `mm/huge_memory.c: set_pmd_migration_entry` */
export const setPmdMigrationEntry = (_m: Machine, _folio: Pfn, _vma: Vma, _pmdRow: EntryRow): boolean => false;

/** Kernel: `mm/huge_memory.c: remove_migration_pmd` */
export const removeMigrationPmd = (
  _m: Machine,
  _vma: Vma,
  _vpn: Vpn,
  _pmdRow: EntryRow,
  _newFolio: Pfn,
): void => undefined;

/** Kernel: `mm/huge_memory.c: split_huge_pmd_address` */
export const splitHugePmdAddress = (
  _m: Machine,
  _vma: Vma,
  _vpn: Vpn,
  _freeze: boolean,
  _folio?: Pfn,
): void => undefined;

/** Kernel: `mm/huge_memory.c: __split_huge_pmd` */
export const splitHugePmd = (
  _m: Machine,
  _vma: Vma,
  _pmdRow: EntryRow,
  _vpn: Vpn,
  _freeze: boolean,
  _folio?: Pfn,
): void => undefined;

/** Kernel: `mm/huge_memory.c: split_huge_page_to_list` */
export const splitHugePageToList = (_m: Machine, _page: Pfn): number => -16;

/** Kernel: `mm/huge_memory.c: do_huge_pmd_anonymous_page` */
// biome-ignore lint/correctness/useYield: filled in next
export const doHugePmdAnonymousPage = function* (
  _m: Machine,
  _vma: Vma,
  _vpn: Vpn,
  _pmdRow: EntryRow,
  _flags: number,
): Sleeps<number> {
  return 0;
};

/** Kernel: `mm/huge_memory.c: do_huge_pmd_wp_page` */
export const doHugePmdWpPage = function* (
  _m: Machine,
  _vma: Vma,
  _vpn: Vpn,
  _pmdRow: EntryRow,
  _flags: number,
): Sleeps<number> {
  return 0;
};

/** Kernel: `mm/huge_memory.c: huge_pmd_set_accessed` */
export const hugePmdSetAccessed = (
  _m: Machine,
  _vma: Vma,
  _vpn: Vpn,
  _pmdRow: EntryRow,
  _flags: number,
): void => undefined;

/** Kernel: `mm/huge_memory.c: follow_trans_huge_pmd` */
export const followTransHugePmd = (
  _m: Machine,
  _vma: Vma,
  _vpn: Vpn,
  _pmdRow: EntryRow,
  _gupFlags: number,
): FollowedPage => ({ kind: 'none' });

/** Kernel: `mm/huge_memory.c: copy_huge_pmd` */
export const copyHugePmd = (
  _m: Machine,
  _dstMm: Mm,
  _srcMm: Mm,
  _dstPmdRow: EntryRow,
  _srcPmdRow: EntryRow,
  _vpn: Vpn,
  _dstVma: Vma,
  _srcVma: Vma,
): number => 0;

/** Kernel: `mm/huge_memory.c: zap_huge_pmd` */
export const zapHugePmd = (
  _m: Machine,
  _tlb: MmuGather,
  _vma: Vma,
  _pmdRow: EntryRow,
  _vpn: Vpn,
): boolean => false;

/** Kernel: `mm/huge_memory.c: change_huge_pmd` */
export const changeHugePmd = (
  _m: Machine,
  _vma: Vma,
  _pmdRow: EntryRow,
  _vpn: Vpn,
  _newVmFlags: number,
): number => 0;

/** Kernel: `mm/huge_memory.c: move_huge_pmd` */
export const moveHugePmd = (
  _m: Machine,
  _vma: Vma,
  _oldVpn: Vpn,
  _newVpn: Vpn,
  _oldPmdRow: EntryRow,
  _newPmdRow: EntryRow,
): boolean => false;

/** Kernel: `mm/huge_memory.c: vma_adjust_trans_huge` */
export const vmaAdjustTransHuge = (_m: Machine, _vma: Vma, _start: Vpn, _end: Vpn): void => undefined;

/** Kernel: `include/linux/huge_mm.h: transhuge_vma_suitable` */
export const hugeVmaSuitable = (vma: Vma, vpn: Vpn): boolean => {
  const start = vpn - (vpn % 512);
  return start >= vma.vmStart && start + 512 <= vma.vmEnd;
};
