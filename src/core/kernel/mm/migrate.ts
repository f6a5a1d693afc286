// mm/migrate.c: moving a folio. Its mapping and flags go to the new folio, its entries follow.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EAGAIN, ENOMEM } from '../../uapi/errno.ts';
import {
  __GFP_COMP,
  __GFP_HIGHMEM,
  __GFP_NOWARN,
  __GFP_THISNODE,
  GFP_TRANSHUGE,
  GFP_USER,
} from '../../uapi/gfp.ts';
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
import { NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, lockPage, trylockPage, unlockPage } from '../sched/locks.ts';
import { removeMigrationPmd, splitHugePageToList } from './huge-split.ts';
import { allocHugePageNodemask, folioPutbackHugetlb } from './hugetlb-pool.ts';
import { putbackLruPage } from './isolate.ts';
import { folioMigrateKsm } from './ksm-scan.ts';
import { hugepageAddRmap, hugetlbfsMigrateFolio, migrateHugetlbs, takeHugetlbs } from './migrate-hugetlb.ts';
import { mlockPageDrainLocal } from './mlock.ts';
import { allocPages, localNode } from './page-alloc.ts';
import {
  clearFlags,
  folioCopy,
  folioGet,
  folioMapped,
  folioNrPages,
  folioOrder,
  folioRefAdd,
  folioTestLarge,
  isDevicePrivatePage,
  isZoneMovablePage,
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
  tryToMigrate,
} from './rmap.ts';
import { folioAddLru, folioPut, lruAddDrain } from './swap.ts';
import { folioTestSwapcache, migrateSwapCache } from './swapfile.ts';
import { maybeMkwrite, vmaMlocksPages, vmPageProt } from './vma.ts';

export const NR_MAX_MIGRATE_PAGES_RETRY = 10;
const NR_MAX_BATCHED_MIGRATION = 512;

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

/** struct migration_target_control: where the copies go. */
export interface MigrationTargetControl {
  /** NUMA_NO_NODE, -1: the node of the source. */
  readonly nid: number;
  readonly gfpMask: number;
}

/** On whose behalf folios move. Kernel: include/linux/migrate_mode.h: enum migrate_reason */
export type MigrateReason = 'MR_LONGTERM_PIN' | 'MR_SYSCALL' | 'MR_MEMPOLICY_MBIND' | 'MR_NUMA_MISPLACED';

/** A long-term pin: on the same node, never from movable memory (the task has PF_MEMALLOC_PIN). */
const LONGTERM_TARGET: MigrationTargetControl = { nid: -1, gfpMask: GFP_USER | __GFP_NOWARN };

/**
 * A page for the copy.
 *
 * Kernel: `mm/migrate.c: alloc_migration_target`
 */
export const allocMigrationTarget = (m: Machine, src: Pfn, { nid, gfpMask }: MigrationTargetControl): Pfn => {
  let gfp = gfpMask;
  const order = folioOrder(m, src);
  const node = nid < 0 ? (m.rangeOf(src)?.node ?? localNode(m)) : nid;
  if (pageHuge(m, src)) return allocHugePageNodemask(m, src, node, (gfpMask & __GFP_THISNODE) !== 0);
  if (order > 0) gfp |= GFP_TRANSHUGE | __GFP_COMP;
  if (isZoneMovablePage(m, src)) gfp |= __GFP_HIGHMEM;
  return allocPages(m, gfp, order, node);
};

export interface MigrateStats {
  succeeded: number;
  failed: number;
  thpSucceeded: number;
  thpFailed: number;
  thpSplit: number;
}

const MIGRATEPAGE_UNMAP = 1;

/** Kernel: `mm/migrate.c: __migrate_folio_unmap` */
const migrateFolioUnmapLocked = sleepable(
  '__migrate_folio_unmap',
  function* (m, src: Pfn, dst: Pfn, force: boolean): Sleeps<{ id: number; wasMapped: boolean }> {
    if (!trylockPage(m, src)) {
      if (!force) return { id: -EAGAIN, wasMapped: false };
      yield* lockPage(m, src);
    }
    trylockPage(m, dst);
    let wasMapped = false;
    if (m.pages.mapping.get(src) !== 0 && folioMapped(m, src)) {
      tryToMigrate(m, src, 'keep');
      wasMapped = true;
    }
    if (!folioMapped(m, src)) return { id: MIGRATEPAGE_UNMAP, wasMapped };
    if (wasMapped) removeMigrationPtes(m, src, src);
    unlockPage(m, dst);
    unlockPage(m, src);
    return { id: -EAGAIN, wasMapped };
  },
);

/** Kernel: `mm/migrate.c: migrate_folio_unmap` */
const migrateFolioUnmap = sleepable(
  'migrate_folio_unmap',
  function* (
    m,
    src: Pfn,
    force: boolean,
    mtc: MigrationTargetControl,
  ): Sleeps<{
    id: number;
    dst: Pfn;
    wasMapped: boolean;
  }> {
    if (m.pages.refcount.get(src) === 1) {
      // freed by its last user while it was isolated
      clearFlags(m, src, PG_active | PG_unevictable);
      folioPut(m, src, 'LRU isolation');
      return { id: 0, dst: NO_PFN, wasMapped: false };
    }
    const dst = allocMigrationTarget(m, src, mtc);
    if (dst === NO_PFN) {
      m.trace.decide('migrate.no-destination', src);
      return { id: -ENOMEM, dst: NO_PFN, wasMapped: false };
    }
    m.trace.decide('migrate.destination', src, dst);
    const { id, wasMapped } = yield* migrateFolioUnmapLocked(m, src, dst, force);
    if (id !== MIGRATEPAGE_UNMAP) {
      m.trace.decide('migrate.restored', src);
      folioPut(m, dst, 'allocation');
    }
    return { id, dst, wasMapped };
  },
);

/** Kernel: `mm/migrate.c: __migrate_folio_move` */
const migrateFolioMoveLocked = atomic(
  '__migrate_folio_move',
  (m, src: Pfn, dst: Pfn, wasMapped: boolean): number => {
    const rc = moveToNewFolio(m, dst, src);
    if (rc === 0) {
      folioAddLru(m, dst);
      if (wasMapped) lruAddDrain(m);
    }
    if (wasMapped) removeMigrationPtes(m, src, rc === 0 ? dst : src);
    unlockPage(m, dst);
    unlockPage(m, src);
    if (rc === 0) folioPut(m, dst, 'allocation');
    return rc;
  },
);

/** Kernel: `mm/migrate.c: migrate_folio_move` */
const migrateFolioMove = atomic('migrate_folio_move', (m, src: Pfn, dst: Pfn, wasMapped: boolean): number => {
  const rc = migrateFolioMoveLocked(m, src, dst, wasMapped);
  if (rc === 0) {
    m.trace.decide('migrate.moved', src, dst);
    folioPut(m, src, 'LRU isolation');
  } else {
    m.trace.decide('migrate.restored', src);
    folioPut(m, dst, 'allocation');
  }
  return rc;
});

function* migrateOne(m: Machine, folio: Pfn, force: boolean, mtc: MigrationTargetControl): Sleeps<number> {
  const { id, dst, wasMapped } = yield* migrateFolioUnmap(m, folio, force, mtc);
  return id === MIGRATEPAGE_UNMAP ? migrateFolioMove(m, folio, dst, wasMapped) : id;
}

/** A large folio without memory for its copy comes apart; its pages wait for a round of their own. Kernel: `mm/migrate.c: try_split_folio` */
function* trySplitFolio(m: Machine, folio: Pfn, splitFolios: Pfn[]): Sleeps<number> {
  yield* lockPage(m, folio);
  const rc = splitHugePageToList(m, folio, 'LRU isolation', splitFolios);
  unlockPage(m, folio);
  if (rc === 0) splitFolios.push(folio);
  return rc;
}

/** What a round of passes left. */
interface Round {
  /** Folios that did not move. */
  readonly left: Pfn[];
  /** Folios that count as failed; -ENOMEM: no memory, and the rest was not tried. */
  readonly rc: number;
}

/**
 * Up to ten passes over a list of isolated folios; each folio is unmapped and moved before the next one.
 *
 * Ours: the loop of migrate_pages_batch, which runs a second time for the pages of split folios.
 *
 * @param splitFolios - where the pages of split folios go; undefined: the list consists of such pages, which neither
 *   count as failures nor cause another pass
 */
function* migrateRound(
  m: Machine,
  from: readonly Pfn[],
  stats: MigrateStats,
  mtc: MigrationTargetControl,
  reason: MigrateReason,
  splitFolios: Pfn[] | undefined,
): Sleeps<Round> {
  let list = [...from];
  let nrFailed = 0;
  let retry = 1;
  let thpRetry = 0;
  let nrRetryPages = 0;
  for (let pass = 0; pass < NR_MAX_MIGRATE_PAGES_RETRY && retry > 0; pass++) {
    retry = 0;
    thpRetry = 0;
    nrRetryPages = 0;
    const again: Pfn[] = [];
    for (let i = 0; i < list.length; i++) {
      const folio = list[i];
      const nrPages = folioNrPages(m, folio);
      const isThp = folioTestLarge(m, folio);
      yield* condResched(m, 'migrate_pages_batch');
      let rc = yield* migrateOne(m, folio, pass > 2, mtc);
      if (rc === 0) {
        stats.succeeded += nrPages;
        if (isThp) stats.thpSucceeded++;
        continue;
      }
      if (rc !== -EAGAIN && isThp && splitFolios !== undefined && reason !== 'MR_NUMA_MISPLACED') {
        const split = yield* trySplitFolio(m, folio, splitFolios);
        if (split === 0) {
          nrFailed++;
          stats.thpFailed++;
          stats.thpSplit++;
          continue;
        }
        // somebody else holds it just now; a long-term pin would fail for it, so it gets more passes
        if (reason === 'MR_LONGTERM_PIN' && split === -EAGAIN) rc = -EAGAIN;
      }
      if (rc !== -EAGAIN) {
        // when memory is low, the others are not even tried
        stats.failed += nrPages + nrRetryPages;
        stats.thpFailed += thpRetry + (isThp ? 1 : 0);
        return { left: [...(splitFolios?.splice(0) ?? []), ...again, ...list.slice(i)], rc: -ENOMEM };
      }
      if (isThp || splitFolios !== undefined) retry++;
      if (isThp) thpRetry++;
      nrRetryPages += nrPages;
      again.push(folio);
    }
    list = again;
  }
  stats.failed += nrRetryPages;
  stats.thpFailed += thpRetry;
  return { left: list, rc: nrFailed + retry };
}

/**
 * Migrates a list of isolated folios; the pages of those that had to be split follow at the end, the last page first.
 * What could not be moved stays in `from`.
 *
 * Kernel: `mm/migrate.c: migrate_pages_batch`
 *
 * @returns number of folios that did not move in one piece; -ENOMEM
 */
const migratePagesBatch = sleepable(
  'migrate_pages_batch',
  function* (
    m,
    from: Pfn[],
    stats: MigrateStats,
    mtc: MigrationTargetControl,
    reason: MigrateReason,
  ): Sleeps<number> {
    const splitFolios: Pfn[] = [];
    const first: Round = yield* migrateRound(m, from.splice(0), stats, mtc, reason, splitFolios);
    from.push(...first.left);
    if (first.rc < 0 || splitFolios.length === 0) return first.rc;
    const second: Round = yield* migrateRound(m, splitFolios, stats, mtc, reason, undefined);
    from.push(...second.left);
    return second.rc < 0 ? second.rc : first.rc;
  },
);

/** How many folios of a list make a batch: as many as fit whole. The first always does. */
const batchLength = (m: Machine, list: readonly Pfn[]): number => {
  let pages = 0;
  const end = list.findIndex((folio) => (pages += folioNrPages(m, folio)) > NR_MAX_BATCHED_MIGRATION);
  return end < 0 ? list.length : end;
};

/**
 * Migrates isolated folios. What could not move stays in the list.
 *
 * Kernel: `mm/migrate.c: migrate_pages`
 *
 * @returns 0, also if folios had to be split but all of their pages moved; number of folios that did not move in one
 *   piece; -errno
 */
export const migratePages = sleepable(
  'migrate_pages',
  function* (
    m,
    from: Pfn[],
    mtc: MigrationTargetControl = LONGTERM_TARGET,
    reason: MigrateReason = 'MR_LONGTERM_PIN',
  ): Sleeps<number> {
    const stats: MigrateStats = { succeeded: 0, failed: 0, thpSucceeded: 0, thpFailed: 0, thpSplit: 0 };
    const left: Pfn[] = [];
    let rc = yield* migrateHugetlbs(m, from, stats, mtc, left);
    if (rc >= 0) left.push(...takeHugetlbs(m, from));
    while (rc >= 0) {
      const batch = from.splice(0, batchLength(m, from));
      const failed: number = yield* migratePagesBatch(m, batch, stats, mtc, reason);
      left.push(...batch);
      rc = failed < 0 ? failed : rc + failed;
      if (from.length === 0) break;
    }
    from.unshift(...left);
    if (stats.succeeded > 0) m.countVmEvent('pgmigrate_success', stats.succeeded);
    if (stats.failed > 0) m.countVmEvent('pgmigrate_fail', stats.failed);
    if (stats.thpSucceeded > 0) m.countVmEvent('thp_migration_success', stats.thpSucceeded);
    if (stats.thpFailed > 0) m.countVmEvent('thp_migration_fail', stats.thpFailed);
    if (stats.thpSplit > 0) m.countVmEvent('thp_migration_split', stats.thpSplit);
    return from.length === 0 ? 0 : rc;
  },
);

/** Kernel: `mm/migrate.c: putback_movable_pages` */
export const putbackMovablePages = atomic('putback_movable_pages', (m, list: readonly Pfn[]): void => {
  for (const folio of list) {
    if (pageHuge(m, folio)) folioPutbackHugetlb(m, folio);
    else putbackLruPage(m, folio);
  }
});
