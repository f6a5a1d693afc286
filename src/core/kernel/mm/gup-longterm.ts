// mm/gup.c: what a long-term pin does with pages that must not stay where they are.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EAGAIN, EBUSY, ENOMEM } from '../../uapi/errno.ts';
import { FOLL_PIN } from '../../uapi/gup-flags.ts';
import { PG_private } from '../../uapi/page-flags.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { NO_PFN, type Pfn, type Pfns } from '../../uapi/units.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { condResched, letGo, letGoMidway } from '../sched/locks.ts';
import { judgePages } from './gup-bulk.ts';
import { gupPutFolio, unpinUserPage } from './gup-grab.ts';
import { folioIsolateHugetlb } from './hugetlb-pool.ts';
import { folioIsolateLru } from './isolate.ts';
import { migratePages, putbackMovablePages } from './migrate.ts';
import { migrateDeviceCoherentPage } from './migrate-device.ts';
import { bringPinnedHome } from './migrate-device-bulk.ts';
import { folioIsLongtermPinnable, leftByPolicy, type Pinnability, pinnableFor } from './normal-page.ts';
import {
  compoundHead,
  folioGet,
  folioMapcount,
  folioNrPages,
  folioTestLarge,
  isDeviceCoherentPage,
  pageAnon,
  pageHuge,
  pageMapping,
  testFlags,
} from './page-ref.ts';
import { lruAddDrain, lruAddDrainAll } from './swap.ts';
import { folioTestSwapcache } from './swapfile.ts';

/**
 * Counts the pages that may not stay pinned for long; those on an LRU list are isolated for migration.
 * Device-coherent pages are only counted: they are on no list.
 *
 * Kernel: `mm/gup.c: collect_longterm_unpinnable_pages`
 */
const collectLongtermUnpinnablePages = sleepable(
  'collect_longterm_unpinnable_pages',
  function* (m, pages: Pfns, movable: Pfn[]): Sleeps<number> {
    let collected = 0;
    let drained = 0;
    let previous: Pfn = NO_PFN;
    // coherent pages are only counted, unless a policy leaves them where they are
    const settles = (why: Pinnability): boolean =>
      pinnableFor(why) || (why === 'coherent' && hasPatch(m.kernel, 6) && m.kernel.longtermPolicy === 'on');
    for (let at = 0; at < pages.length; at++) {
      const judged = pages[at] === previous ? undefined : judgePages(m, pages, at, settles);
      if (judged !== undefined) {
        if (!pinnableFor(judged.why)) collected += judged.n;
        at += judged.n - 1;
        previous = pages[at];
        yield* letGo(m, 'collect_longterm_unpinnable_pages', 0);
        continue;
      }
      const folio = compoundHead(m, pages[at]);
      yield* letGoMidway(m, 'collect_longterm_unpinnable_pages', at);
      if (folio === previous) continue;
      previous = folio;
      if (folioIsLongtermPinnable(m, folio) || leftByPolicy(m, folio)) continue;
      collected++;
      if (hasPatch(m.kernel, 6) && isDeviceCoherentPage(m, folio)) continue;
      // a small folio that carries a pin never has just the expected references, so the batches are emptied once
      const odd = (): boolean =>
        !folioTestLarge(m, folio) && m.pages.refcount.get(folio) !== folioExpectedRefCount(m, folio) + 1;
      if (drained === 0 && odd()) {
        lruAddDrain(m);
        drained = 1;
      }
      if (drained === 1 && odd()) {
        lruAddDrainAll(m);
        drained = 2;
      }
      isolateUnpinnable(m, folio, movable);
    }
    m.trace.decide('longterm.unpinnable-count', collected, pages.length);
    return collected;
  },
);

/**
 * Isolates a page that has to leave for migration, or finds that it cannot.
 *
 * Ours: `collect` of 6.1 and the loop of 6.0 do the same from here on.
 */
export const isolateUnpinnable = (m: Machine, folio: Pfn, movable: Pfn[]): void => {
  const isolated = pageHuge(m, folio) ? folioIsolateHugetlb(m, folio) : folioIsolateLru(m, folio);
  if (isolated === 0) movable.push(folio);
  else m.trace.decide('migrate.isolation-failed', folio);
};

/** References that mappings, the caches and buffers explain. Kernel: `include/linux/mm.h: folio_expected_ref_count` */
const folioExpectedRefCount = (m: Machine, folio: Pfn): number => {
  let count = folioMapcount(m, folio);
  if (folioTestSwapcache(m, folio)) count += folioNrPages(m, folio);
  if (pageAnon(m, folio)) return count;
  if (pageMapping(m, folio) !== 0) count += folioNrPages(m, folio);
  return testFlags(m, folio, PG_private) ? count + 1 : count;
};

/**
 * Moves what may not stay: device-coherent pages at once, one by one, the isolated ones afterwards together.
 * Nothing of the range stays pinned, whatever the result is.
 *
 * Kernel: `mm/gup.c: migrate_longterm_unpinnable_pages`
 *
 * @returns -EAGAIN all moved, pin again; -EBUSY a device page could not move; -ENOMEM another page could not
 */
const migrateLongtermUnpinnablePages = sleepable(
  'migrate_longterm_unpinnable_pages',
  function* (m, movable: Pfn[], pages: Pfns): Sleeps<number> {
    let ret = 0;
    let done = 0;
    for (; done < pages.length; done++) {
      const home = bringPinnedHome(m, pages, done);
      if (home > 0) {
        done += home - 1;
        yield* condResched(m, 'migrate_device_coherent_page');
        continue;
      }
      const page = pages[done];
      if (!hasPatch(m.kernel, 6) || !isDeviceCoherentPage(m, page)) {
        unpinUserPage(m, page);
        yield* letGoMidway(m, 'migrate_longterm_unpinnable_pages', done);
        continue;
      }
      // migration expects exactly one reference, so the pin becomes a plain one
      m.trace.decide('longterm.pin-becomes-reference', page);
      folioGet(m, page, 'FOLL_GET');
      gupPutFolio(m, page, 1, FOLL_PIN);
      if ((yield* migrateDeviceCoherentPage(m, page)) !== 0) {
        ret = -EBUSY;
        done++;
        break;
      }
    }
    if (ret === 0 && movable.length > 0 && (yield* migratePages(m, movable)) !== 0) ret = -ENOMEM;
    if (ret !== 0) {
      m.trace.decide('longterm.failed', ret);
      for (const page of pages.slice(done)) unpinUserPage(m, page);
    }
    putbackMovablePages(m, movable);
    return ret === 0 ? -EAGAIN : ret;
  },
);

/**
 * Checks that all pinned pages may stay; otherwise moves them and asks for another pass.
 *
 * Kernel: `mm/gup.c: check_and_migrate_movable_pages`
 *
 * @returns 0 all may stay pinned; -EAGAIN moved and unpinned, pin again; other -errno gave up and unpinned
 */
export const checkAndMigrateMovablePages = sleepable(
  'check_and_migrate_movable_pages',
  function* (m, pages: Pfns): Sleeps<number> {
    if (!m.kernel.CONFIG_MIGRATION) return 0;
    const movable: Pfn[] = [];
    if ((yield* collectLongtermUnpinnablePages(m, pages, movable)) === 0) {
      m.trace.decide('longterm.all-pinnable', pages.length);
      return 0;
    }
    return yield* migrateLongtermUnpinnablePages(m, movable, pages);
  },
);
