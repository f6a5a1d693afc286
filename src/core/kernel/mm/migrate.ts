// mm/migrate.c: lists of folios move: those that can at once, the others once more, in ten passes at most.

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
import { PG_active, PG_unevictable } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfn } from '../../uapi/units.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, lockPage, trylockPage, unlockPage } from '../sched/locks.ts';
import { splitHugePageToList } from './huge-split.ts';
import { allocHugePageNodemask, folioPutbackHugetlb } from './hugetlb-pool.ts';
import { putbackLruPage } from './isolate.ts';
import { migrateHugetlbs, takeHugetlbs } from './migrate-hugetlb.ts';
import { allocPagesMaySleep, localNode } from './page-alloc.ts';
import {
  clearFlags,
  folioMapped,
  folioNrPages,
  folioOrder,
  folioTestLarge,
  isZoneMovablePage,
  pageHuge,
} from './page-ref.ts';
import { tryToMigrate } from './rmap.ts';
import { folioAddLru, folioPut, lruAddDrain } from './swap.ts';
import { moveToNewFolio, removeMigrationPtes } from './migrate-folio.ts';

export const NR_MAX_MIGRATE_PAGES_RETRY = 10;
const NR_MAX_BATCHED_MIGRATION = 512;

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
export function* allocMigrationTarget(
  m: Machine,
  src: Pfn,
  { nid, gfpMask }: MigrationTargetControl,
): Sleeps<Pfn> {
  let gfp = gfpMask;
  const order = folioOrder(m, src);
  const node = nid < 0 ? (m.rangeOf(src)?.node ?? localNode(m)) : nid;
  if (pageHuge(m, src)) return allocHugePageNodemask(m, src, node, (gfpMask & __GFP_THISNODE) !== 0);
  if (order > 0) gfp |= GFP_TRANSHUGE | __GFP_COMP;
  if (isZoneMovablePage(m, src)) gfp |= __GFP_HIGHMEM;
  return yield* allocPagesMaySleep(m, gfp, order, node);
}

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
    const dst = yield* allocMigrationTarget(m, src, mtc);
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
