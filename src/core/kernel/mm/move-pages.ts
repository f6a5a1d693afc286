// mm/migrate.c: the system call move_pages. It looks each page up by itself, so it meets device pages.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EACCES, EEXIST, EFAULT, ENODEV, ENOENT } from '../../uapi/errno.ts';
import { __GFP_THISNODE, GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { FOLL_DUMP, FOLL_GET } from '../../uapi/gup-flags.ts';
import type { Pfn, Vpn } from '../../uapi/units.ts';
import { VM_IO, VM_PFNMAP } from '../../uapi/vm-flags.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGoMidway, mmapReadLock, mmapReadUnlock } from '../sched/locks.ts';
import { followPage, lruOnly } from './gup-follow.ts';
import { isolateLruPage } from './isolate.ts';
import { folioIsolateHugetlb } from './hugetlb-pool.ts';
import { migratePages, putbackMovablePages } from './migrate.ts';
import { isNonLruPage } from './normal-page.ts';
import { compoundHead, pageHuge, pageMapcount, pageToNid } from './page-ref.ts';
import { lruAddDrainAll, putPage } from './swap.ts';
import { isVmHugetlbPage, vmaIsDax, vmaLookup } from './vma.ts';

/** Kernel: `mm/mempolicy.c: vma_migratable` */
const vmaMigratable = (m: Machine, vma: Vma): boolean =>
  (vma.vmFlags & (VM_IO | VM_PFNMAP)) === 0 && !vmaIsDax(m, vma);

/** What becomes of a page that is found, and whether its reference is dropped. */
const isolateFound = (m: Machine, page: Pfn, node: number, list: Pfn[], moveAll: boolean): number => {
  if (isNonLruPage(m, page)) return -ENOENT;
  if (pageToNid(m, page) === node) return 0;
  if (pageMapcount(m, page) > 1 && !moveAll) return -EACCES;
  // of a huge page of the pool only the first page stands for it
  if (pageHuge(m, page) && compoundHead(m, page) !== page) return -EACCES;
  const err = pageHuge(m, page) ? folioIsolateHugetlb(m, page) : isolateLruPage(m, compoundHead(m, page));
  if (err !== 0) return err;
  list.push(compoundHead(m, page));
  return 1;
};

/**
 * Looks one page up and isolates it for the way to another node.
 *
 * Kernel: `mm/migrate.c: add_page_for_migration`
 *
 * @returns 1 isolated; 0 on the node already; -errno
 */
const addPageForMigration = sleepable(
  'add_page_for_migration',
  function* (m, mm: number, vpn: Vpn, node: number, list: Pfn[], moveAll: boolean): Sleeps<number> {
    yield* mmapReadLock(m, mm);
    const vma = vmaLookup(m, m.mms.get(mm), vpn);
    let err = -EFAULT;
    if (vma !== undefined && vmaMigratable(m, vma)) {
      const found = yield* followPage(m, vma, vpn, FOLL_GET | FOLL_DUMP | lruOnly(m));
      if (found.kind === 'page') {
        err = isolateFound(m, found.page, node, list, moveAll);
        const leaks = m.kernel.followPage === 'v6.0' && isNonLruPage(m, found.page);
        if (!leaks) putPage(m, found.page, 'FOLL_GET');
      } else {
        err = found.kind === 'none' ? -ENOENT : found.err;
      }
    }
    mmapReadUnlock(m, mm);
    return err;
  },
);

/** Kernel: `mm/migrate.c: do_move_pages_to_node` */
const doMovePagesToNode = sleepable(
  'do_move_pages_to_node',
  function* (m, list: Pfn[], node: number): Sleeps<number> {
    const mtc = { nid: node, gfpMask: GFP_HIGHUSER_MOVABLE | __GFP_THISNODE };
    const err = yield* migratePages(m, list, mtc, 'MR_SYSCALL');
    if (err !== 0) putbackMovablePages(m, list);
    return err;
  },
);

/** Status of a page to which the call did not come. */
export const NOT_REACHED = 0x7fffffff;

export interface MovePagesResult {
  /** 0; pages that did not move; or -errno. */
  readonly id: number;
  /** Of each page its node, or -errno, or NOT_REACHED. */
  readonly status: Int32Array;
}

/**
 * Moves pages to a node. Why one did not come along stands in its status.
 *
 * Kernel: `mm/migrate.c: do_pages_move`
 * Simplified: one node for all pages; all nodes are allowed.
 */
export const doPagesMove = sleepable(
  'do_pages_move',
  function* (
    m,
    mm: number,
    start: Vpn,
    npages: number,
    node: number,
    moveAll: boolean,
  ): Sleeps<MovePagesResult> {
    const status = new Int32Array(npages).fill(NOT_REACHED);
    const done = (id: number): MovePagesResult => ({ id, status });
    if (!m.zones.some((zone) => zone.node === node)) return done(-ENODEV);
    lruAddDrainAll(m); // lru_cache_disable
    const list: Pfn[] = [];
    let first = 0;
    for (let i = 0; i <= npages; i++) {
      const err = i === npages ? 0 : yield* addPageForMigration(m, mm, start + i, node, list, moveAll);
      yield* letGoMidway(m, 'add_page_for_migration', i);
      if (err > 0) continue;
      // the manual page of move_pages knows no EEXIST
      if (i < npages) status[i] = err === -EEXIST ? -EFAULT : err === 0 ? node : err;
      if (list.length > 0) {
        const left = yield* doMovePagesToNode(m, list, node);
        if (left !== 0) return done(left > 0 ? left + npages - i - (i < npages ? 1 : 0) : left);
        status.fill(node, first, i);
        list.length = 0;
      }
      first = i + 1;
    }
    return done(0);
  },
);

/**
 * Says where pages are: a page without memory of its own, the zero page and a device page are all "no page".
 *
 * Kernel: `mm/migrate.c: do_pages_stat_array`
 */
export const doPagesStatArray = sleepable(
  'do_pages_stat_array',
  function* (m, mm: number, start: Vpn, npages: number): Sleeps<MovePagesResult> {
    const status = new Int32Array(npages);
    yield* mmapReadLock(m, mm);
    for (let vpn = start; vpn < start + npages; vpn++) {
      yield* letGoMidway(m, 'do_pages_stat_array', vpn - start);
      const vma = vmaLookup(m, m.mms.get(mm), vpn);
      if (vma === undefined) {
        status[vpn - start] = -EFAULT;
        continue;
      }
      const get = isVmHugetlbPage(vma) ? 0 : FOLL_GET;
      const found = yield* followPage(m, vma, vpn, FOLL_DUMP | get | lruOnly(m));
      if (found.kind !== 'page') {
        status[vpn - start] = found.kind === 'none' ? -ENOENT : found.err;
        continue;
      }
      const refused = isNonLruPage(m, found.page);
      status[vpn - start] = refused ? -ENOENT : pageToNid(m, found.page);
      if (get !== 0 && !(refused && m.kernel.followPage === 'v6.0')) putPage(m, found.page, 'FOLL_GET');
    }
    mmapReadUnlock(m, mm);
    return { id: 0, status };
  },
);
