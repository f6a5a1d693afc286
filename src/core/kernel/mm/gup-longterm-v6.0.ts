// mm/gup.c of Linux 6.0: what a long-term pin did there with pages that must not stay where they are.

import type { Sleeps } from '../../machine/ops.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { FOLL_PIN } from '../../uapi/gup-flags.ts';
import { PG_lru } from '../../uapi/page-flags.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { NO_PFN, type Pfn, type Pfns } from '../../uapi/units.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { condResched, letGo } from '../sched/locks.ts';
import { judgePages } from './gup-bulk.ts';
import { gupPutFolio, unpinUserPage } from './gup-grab.ts';
import { isolateUnpinnable } from './gup-longterm.ts';
import { migratePages, putbackMovablePages } from './migrate.ts';
import { migrateDeviceCoherentPage } from './migrate-device.ts';
import { bringPinnedHome } from './migrate-device-bulk.ts';
import { folioIsLongtermPinnable, leftByPolicy, pinnableFor } from './normal-page.ts';
import { compoundHead, folioGet, isDeviceCoherentPage, pageHuge, testFlags } from './page-ref.ts';
import { lruAddDrainAll } from './swap.ts';

/** Pages that a loop over many has dealt with already, as runs of their numbers. */
interface Moved {
  readonly from: number;
  readonly to: number;
}

/**
 * The same as Linux 6.0 had it, which the series was merged for: one loop, in which a device page is moved as soon as it
 * is met, while all others stay pinned. What was isolated is moved at the end, and the outcome of that is the result,
 * whatever happened to a device page before.
 *
 * Kernel: `mm/gup.c: check_and_migrate_movable_pages` of v6.0
 *
 * @returns number of pages: all may stay pinned; 0: moved and unpinned, pin again; -errno: gave up and unpinned
 */
export const checkAndMigrateInOneLoop = sleepable(
  'check_and_migrate_movable_pages',
  function* (m, pages: Pfns): Sleeps<number> {
    if (!m.kernel.CONFIG_MIGRATION) return pages.length;
    const movable: Pfn[] = [];
    const moved: Moved[] = [];
    const isMovedHere = hasPatch(m.kernel, 6) && m.kernel.longtermPolicy === 'on';
    let unpinnable = 0;
    let drained = false;
    let ret = 0;
    let previous: Pfn = NO_PFN;
    for (let at = 0; at < pages.length && ret === 0; at++) {
      const home = isMovedHere ? bringPinnedHome(m, pages, at) : 0;
      if (home > 0) {
        moved.push({ from: at, to: at + home });
        unpinnable += home;
        at += home - 1;
        previous = pages[at];
        yield* condResched(m, 'migrate_device_coherent_page');
        continue;
      }
      const judged = pages[at] === previous ? undefined : judgePages(m, pages, at, pinnableFor);
      if (judged !== undefined) {
        at += judged.n - 1;
        previous = pages[at];
        yield* letGo(m, 'check_and_migrate_movable_pages', 0);
        continue;
      }
      const folio = compoundHead(m, pages[at]);
      if (folio === previous) continue;
      previous = folio;
      if (isMovedHere && isDeviceCoherentPage(m, folio)) {
        unpinnable++;
        moved.push({ from: at, to: at + 1 });
        m.trace.decide('longterm.pin-becomes-reference', folio);
        folioGet(m, folio, 'FOLL_GET');
        gupPutFolio(m, folio, 1, FOLL_PIN);
        ret = yield* migrateDeviceCoherentPage(m, folio);
        continue;
      }
      if (folioIsLongtermPinnable(m, folio) || leftByPolicy(m, folio)) continue;
      unpinnable++;
      if (!pageHuge(m, folio) && !drained && !testFlags(m, folio, PG_lru)) {
        lruAddDrainAll(m);
        drained = true;
      }
      isolateUnpinnable(m, folio, movable);
    }
    m.trace.decide('longterm.unpinnable-count', unpinnable, pages.length);
    if (unpinnable === 0) {
      m.trace.decide('longterm.all-pinnable', pages.length);
      return pages.length;
    }
    let at = 0;
    for (const { from, to } of [...moved, { from: pages.length, to: pages.length }]) {
      for (; at < from; at++) unpinUserPage(m, pages[at]);
      at = to;
    }
    // overwrites what became of a device page
    if (movable.length > 0) ret = (yield* migratePages(m, movable)) === 0 ? 0 : -ENOMEM;
    if (ret !== 0) m.trace.decide('longterm.failed', ret);
    putbackMovablePages(m, movable);
    return ret;
  },
);
