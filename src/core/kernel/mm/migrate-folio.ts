// mm/migrate.c: one folio moves. Its mapping, flags and bytes go to the new folio, its entries follow.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { EAGAIN } from '../../uapi/errno.ts';
import {
  PG_active,
  PG_dirty,
  PG_error,
  PG_ksm,
  PG_mappedtodisk,
  PG_private,
  PG_readahead,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
} from '../../uapi/page-flags.ts';
import {
  isReadableMigrationEntry,
  isWritableMigrationEntry,
  mkEntry,
  mkSwapEntry,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PSE,
  PTE_RW,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  swapDirty,
  swapYoung,
} from '../../uapi/pte.ts';
import { NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';
import { removeMigrationPmd } from './huge-split.ts';
import { folioMigrateKsm } from './ksm-scan.ts';
import { hugepageAddRmap, hugetlbfsMigrateFolio } from './migrate-hugetlb.ts';
import { mlockPageDrainLocal } from './mlock.ts';
import {
  clearFlags,
  folioCopy,
  folioGet,
  folioNrPages,
  folioRefAdd,
  folioTestLarge,
  isDevicePrivatePage,
  pageAnon,
  pageHuge,
  pageMapping,
  setFlags,
  testClearFlags,
  testFlags,
} from './page-ref.ts';
import {
  pageAddAnonRmap,
  pageAddFileRmap,
  pageVmaMappedEntries,
  pageVmaMappedPmd,
  rmapPlaces,
} from './rmap.ts';
import { folioTestSwapcache, migrateSwapCache } from './swapfile.ts';
import { maybeMkwrite, vmaMlocksPages, vmPageProt } from './vma.ts';

/**
 * References a folio has when nobody but the migration and its mapping holds it.
 *
 * Kernel: `mm/migrate.c: folio_expected_refs`
 */
const folioExpectedRefs = (m: Machine, folio: Pfn): number => {
  if (pageMapping(m, folio) === 0) return folioTestSwapcache(m, folio) ? 2 : 1;
  return 1 + folioNrPages(m, folio) + (testFlags(m, folio, PG_private) ? 1 : 0);
};

/**
 * Hands mapping and index over, if exactly the expected references are left.
 *
 * Kernel: `mm/migrate.c: folio_migrate_mapping`
 *
 * @returns 0, or -EAGAIN when somebody else holds the folio
 */
export const folioMigrateMapping = atomic(
  'folio_migrate_mapping',
  (m, dst: Pfn, src: Pfn, extraCount: number): number => {
    const expected = folioExpectedRefs(m, src) + extraCount;
    const count = m.pages.refcount.get(src);
    m.trace.decide('migrate.expected-count', src, count, expected);
    if (count !== expected) return -EAGAIN;
    m.pages.index.set(dst, m.pages.index.get(src));
    m.pages.mapping.set(dst, m.pages.mapping.get(src));
    if (testFlags(m, src, PG_swapbacked)) setFlags(m, dst, PG_swapbacked);
    const file = pageMapping(m, src);
    if (folioTestSwapcache(m, src)) migrateSwapCache(m, dst, src);
    if (testFlags(m, src, PG_ksm)) folioMigrateKsm(m, dst, src);
    if (file === 0) return 0;
    const nr = folioNrPages(m, src);
    folioRefAdd(m, dst, nr, 'page cache');
    if (testClearFlags(m, src, PG_dirty)) setFlags(m, dst, PG_dirty);
    const cache = m.journal.mapById(m.files.get(file).pages);
    for (let i = 0; i < nr; i++) cache.set(m.pages.index.get(src) + i, dst + i);
    folioRefAdd(m, src, -nr, 'page cache');
    return 0;
  },
);

/** Kernel: `mm/migrate.c: folio_migrate_flags` */
export const folioMigrateFlags = atomic('folio_migrate_flags', (m, dst: Pfn, src: Pfn): void => {
  const carried = PG_error | PG_referenced | PG_uptodate | PG_workingset | PG_mappedtodisk | PG_dirty;
  setFlags(m, dst, m.pages.flags.get(src) & carried);
  if (testClearFlags(m, src, PG_active)) setFlags(m, dst, PG_active);
  else if (testClearFlags(m, src, PG_unevictable)) setFlags(m, dst, PG_unevictable);
  clearFlags(m, src, PG_private);
  setFlags(m, dst, m.pages.flags.get(src) & PG_readahead);
});

/** Kernel: `mm/migrate.c: folio_migrate_copy` */
export const folioMigrateCopy = atomic('folio_migrate_copy', (m, dst: Pfn, src: Pfn): void => {
  folioCopy(m, dst, src);
  folioMigrateFlags(m, dst, src);
});

/** Whether the core copies the bytes, or a driver has done or will do it. */
export type MigrateMode = 'sync' | 'sync-no-copy';

/**
 * Kernel: `mm/migrate.c: migrate_folio_extra`
 *
 * @param extraCount - further references that are expected: 1 for the page of a CPU fault
 */
export const migrateFolioExtra = atomic(
  'migrate_folio_extra',
  (m, dst: Pfn, src: Pfn, mode: MigrateMode, extraCount: number): number => {
    const rc = folioMigrateMapping(m, dst, src, extraCount);
    if (rc !== 0) return rc;
    if (mode === 'sync') folioMigrateCopy(m, dst, src);
    else folioMigrateFlags(m, dst, src);
    return 0;
  },
);

/** Kernel: `mm/migrate.c: migrate_folio` */
export const migrateFolio = atomic('migrate_folio', (m, dst: Pfn, src: Pfn, mode: MigrateMode): number =>
  migrateFolioExtra(m, dst, src, mode, 0),
);

/** A file system's page with buffers: they go along. Kernel: `mm/migrate.c: __buffer_migrate_folio` */
const bufferMigrateFolio = (m: Machine, dst: Pfn, src: Pfn, mode: MigrateMode): number => {
  if (!testFlags(m, src, PG_private)) return migrateFolio(m, dst, src, mode);
  if (m.pages.refcount.get(src) !== folioExpectedRefs(m, src)) return -EAGAIN;
  const rc = folioMigrateMapping(m, dst, src, 0);
  if (rc !== 0) return rc;
  clearFlags(m, src, PG_private);
  folioRefAdd(m, src, -1, 'buffer heads');
  folioRefAdd(m, dst, 1, 'buffer heads');
  setFlags(m, dst, PG_private);
  if (mode === 'sync') folioMigrateCopy(m, dst, src);
  else folioMigrateFlags(m, dst, src);
  return 0;
};

/** Kernel: `mm/migrate.c: move_to_new_folio` */
export const moveToNewFolio = atomic('move_to_new_folio', (m, dst: Pfn, src: Pfn): number => {
  const file = pageMapping(m, src);
  const kind = file === 0 ? undefined : m.files.get(file).kind;
  let rc: number;
  if (kind === 'file') rc = bufferMigrateFolio(m, dst, src, 'sync');
  else if (kind === 'hugetlb') rc = hugetlbfsMigrateFolio(m, dst, src);
  else rc = migrateFolio(m, dst, src, 'sync');
  // a page-cache page must not keep its mapping until it is freed; an anonymous one stays known as such
  if (rc === 0 && !pageAnon(m, src)) m.pages.mapping.set(src, 0);
  return rc;
});

/**
 * Rewrites the migration entries of one VMA to point to the new folio, with the rights they carried.
 *
 * Kernel: `mm/migrate.c: remove_migration_pte`
 */
const removeMigrationPte = atomic(
  'remove_migration_pte',
  (m, src: Pfn, dst: Pfn, vma: Vma, vpn: Vpn): void => {
    const pmdRow = pageVmaMappedPmd(m, src, { vma, vpn }, true);
    if (pmdRow !== NO_ROW) {
      removeMigrationPmd(m, vma, vpn, pmdRow, dst);
      return;
    }
    for (const found of pageVmaMappedEntries(m, src, { vma, vpn }, true)) {
      const entry = m.entries.get(found.row);
      const huge = pageHuge(m, dst);
      const page = dst + (folioTestLarge(m, dst) ? found.page - src : 0);
      folioGet(m, dst, 'page table entry');
      let bits = (vmPageProt(vma) & ~PTE_RW) | (huge ? PTE_PSE : 0);
      if (!swapYoung(entry)) bits &= ~PTE_ACCESSED;
      if (testFlags(m, dst, PG_dirty) && swapDirty(entry)) bits |= PTE_DIRTY;
      if (isWritableMigrationEntry(entry)) bits = maybeMkwrite(bits, vma);
      const exclusive = pageAnon(m, dst) && !isReadableMigrationEntry(entry);
      const restored = isDevicePrivatePage(m, page)
        ? mkSwapEntry((bits & PTE_RW) !== 0 ? SWP_DEVICE_WRITE : SWP_DEVICE_READ, page)
        : mkEntry(page, bits);
      if (huge) hugepageAddRmap(m, dst, vma, found.vpn, exclusive);
      else if (pageAnon(m, dst)) pageAddAnonRmap(m, page, vma, found.vpn, { exclusive });
      else pageAddFileRmap(m, page, vma);
      m.entries.set(found.row, restored);
      if (vmaMlocksPages(vma)) mlockPageDrainLocal(m);
    }
  },
);

/**
 * Ends the time of the migration entries of `src`: they become mappings of `dst`, or of `src` again.
 *
 * Kernel: `mm/migrate.c: remove_migration_ptes`
 */
export const removeMigrationPtes = atomic('remove_migration_ptes', (m, src: Pfn, dst: Pfn): void => {
  for (const { vma, vpn } of rmapPlaces(m, dst)) removeMigrationPte(m, src, dst, vma, vpn);
});
