// mm/migrate.c and mm/rmap.c, their parts for hugetlb: a page of the pool moves to another one of its size. They come first
// in a list, and one after the other.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EAGAIN, ENOMEM } from '../../uapi/errno.ts';
import { PG_anon_exclusive, PG_locked } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { condResched, lockPage, trylockPage, unlockPage } from '../sched/locks.ts';
import { folioPutbackHugetlb, moveHugetlbState } from './hugetlb-pool.ts';
import { folioMigrateCopy, moveToNewFolio, removeMigrationPtes } from './migrate-folio.ts';
import {
  allocMigrationTarget,
  type MigrateStats,
  type MigrationTargetControl,
  NR_MAX_MIGRATE_PAGES_RETRY,
} from './migrate.ts';
import {
  folioGet,
  folioMapped,
  folioNrPages,
  pageAnon,
  pageHuge,
  pageMapping,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { tryToMigrate } from './rmap.ts';
import { folioPut } from './swap.ts';
import { linearPageIndex } from './vma.ts';

/** Kernel: `mm/rmap.c: hugepage_add_anon_rmap`, `include/linux/rmap.h: page_dup_file_rmap` */
export const hugepageAddRmap = (m: Machine, page: Pfn, vma: Vma, vpn: Vpn, exclusive: boolean): void => {
  const first = m.pages.compoundMapcount.get(page) === 0;
  m.pages.compoundMapcount.set(page, m.pages.compoundMapcount.get(page) + 1);
  if (!pageAnon(m, page)) return;
  bugOn(!testFlags(m, page, PG_locked), 'hugepage_add_anon_rmap: page is not locked');
  bugOn(!first && exclusive, 'hugepage_add_anon_rmap: exclusive, but mapped already');
  bugOn(m.pages.index.get(page) !== linearPageIndex(vma, vpn), 'hugepage_add_anon_rmap: another address');
  if (exclusive) setFlags(m, page, PG_anon_exclusive);
};

/** A page of a shared mapping: its place in the cache goes along. Kernel: `fs/hugetlbfs/inode.c: hugetlbfs_migrate_folio`, `mm/migrate.c: migrate_huge_page_move_mapping` */
export const hugetlbfsMigrateFolio = (m: Machine, dst: Pfn, src: Pfn): number => {
  if (m.pages.refcount.get(src) !== 2) return -EAGAIN;
  const index = m.pages.index.get(src);
  m.pages.index.set(dst, index);
  m.pages.mapping.set(dst, m.pages.mapping.get(src));
  folioGet(m, dst, 'page cache');
  m.journal.mapById(m.files.get(pageMapping(m, src)).pages).set(index, dst);
  folioPut(m, src, 'page cache');
  folioMigrateCopy(m, dst, src);
  return 0;
};

/**
 * Moves one page.
 *
 * Kernel: `mm/migrate.c: unmap_and_move_huge_page`
 *
 * @returns 0; -EAGAIN: somebody holds it; -ENOMEM: no page for the copy
 */
const unmapAndMoveHugePage = sleepable(
  'unmap_and_move_huge_page',
  function* (m, src: Pfn, force: boolean, mtc: MigrationTargetControl): Sleeps<number> {
    if (m.pages.refcount.get(src) === 1) {
      folioPutbackHugetlb(m, src);
      return 0;
    }
    const dst = yield* allocMigrationTarget(m, src, mtc);
    if (dst === NO_PFN) {
      m.trace.decide('migrate.no-destination', src);
      return -ENOMEM;
    }
    m.trace.decide('migrate.destination', src, dst);
    if (!trylockPage(m, src)) {
      if (!force) {
        folioPut(m, dst, 'allocation');
        return -EAGAIN;
      }
      yield* lockPage(m, src);
    }
    trylockPage(m, dst);
    const wasMapped = folioMapped(m, src);
    if (wasMapped) tryToMigrate(m, src, 'keep');
    const rc = folioMapped(m, src) ? -EAGAIN : moveToNewFolio(m, dst, src);
    if (wasMapped) removeMigrationPtes(m, src, rc === 0 ? dst : src);
    unlockPage(m, dst);
    if (rc === 0) moveHugetlbState(m, src, dst);
    unlockPage(m, src);
    m.trace.decide(rc === 0 ? 'migrate.moved' : 'migrate.restored', src, dst);
    if (rc === 0) folioPutbackHugetlb(m, src);
    folioPut(m, dst, 'allocation');
    return rc;
  },
);

/** Takes the hugetlb pages out of a list. Ours: the loops of migrate_pages pass over them. */
export const takeHugetlbs = (m: Machine, list: Pfn[]): Pfn[] => {
  const taken = list.filter((folio) => pageHuge(m, folio));
  if (taken.length > 0) list.splice(0, list.length, ...list.filter((folio) => !pageHuge(m, folio)));
  return taken;
};

/**
 * Migrates the hugetlb pages of a list of isolated folios, in up to ten passes; those that moved leave the list.
 *
 * Kernel: `mm/migrate.c: migrate_hugetlbs`
 *
 * @param from - keeps those that did not move, and the folios of other kinds
 * @param left - where, after a shortage of memory, the hugetlb pages go
 * @returns how many did not move; -ENOMEM
 */
export function* migrateHugetlbs(
  m: Machine,
  from: Pfn[],
  stats: MigrateStats,
  mtc: MigrationTargetControl,
  left: Pfn[],
): Sleeps<number> {
  let list = takeHugetlbs(m, from);
  for (let pass = 0; pass < NR_MAX_MIGRATE_PAGES_RETRY && list.length > 0; pass++) {
    const again: Pfn[] = [];
    let retryPages = 0;
    for (let i = 0; i < list.length; i++) {
      const nrPages = folioNrPages(m, list[i]);
      yield* condResched(m, 'migrate_hugetlbs');
      const rc = yield* unmapAndMoveHugePage(m, list[i], pass > 2, mtc);
      if (rc === -ENOMEM) {
        stats.failed += nrPages + retryPages;
        left.push(...again, ...list.slice(i));
        return -ENOMEM;
      }
      if (rc === 0) {
        stats.succeeded += nrPages;
        continue;
      }
      again.push(list[i]);
      retryPages += nrPages;
    }
    list = again;
  }
  for (const folio of list) stats.failed += folioNrPages(m, folio);
  from.push(...list);
  return list.length;
}
