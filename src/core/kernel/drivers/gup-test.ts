// mm/gup_test.c: takes references on a range of the caller's memory, looks at them and gives them back.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { FOLL_LONGTERM } from '../../uapi/gup-flags.ts';
import type { GupTestCommand } from '../../uapi/scenario.ts';
import type { Pfn, Pfns, Vpn } from '../../uapi/units.ts';
import { warn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGoMidway, mmapReadLock, mmapReadUnlock } from '../sched/locks.ts';
import { getUserPages, type GupResult, pinUserPages } from '../mm/gup.ts';
import { getUserPagesFast, pinUserPagesFast } from '../mm/gup-unlocked.ts';
import { putPages, unpinUserPagesInSlices } from '../mm/gup-grab.ts';
import { isLongtermPinnablePage } from '../mm/normal-page.ts';
import { pageMaybeDmaPinned } from '../mm/page-ref.ts';

/** struct gup_test, as far as the commands read it. */
export interface GupTest {
  readonly mm: number;
  readonly start: Vpn;
  readonly npages: number;
  readonly nrPagesPerCall: number;
  readonly gupFlags: number;
  /** GUP_TEST_FLAG_DUMP_PAGES_USE_PIN */
  readonly usePin: boolean;
  /** Pages that DUMP_USER_PAGES_TEST prints, counted from 1; 0: none. */
  readonly whichPages: readonly number[];
}

const pins = (cmd: GupTestCommand, gup: GupTest): boolean =>
  cmd === 'DUMP_USER_PAGES_TEST' ? gup.usePin : cmd.startsWith('PIN_');

/** One call of the command's GUP function. */
function* getSome(m: Machine, cmd: GupTestCommand, gup: GupTest, start: Vpn, nr: number): Sleeps<GupResult> {
  const { gupFlags, mm } = gup;
  switch (cmd) {
    case 'GUP_FAST_BENCHMARK':
      return yield* getUserPagesFast(m, start, nr, gupFlags, mm);
    case 'PIN_FAST_BENCHMARK':
      return yield* pinUserPagesFast(m, start, nr, gupFlags, mm);
    case 'GUP_BASIC_TEST':
      return yield* getUserPages(m, start, nr, gupFlags, mm);
    case 'PIN_BASIC_TEST':
      return yield* pinUserPages(m, start, nr, gupFlags, mm);
    case 'PIN_LONGTERM_BENCHMARK':
      return yield* pinUserPages(m, start, nr, gupFlags | FOLL_LONGTERM, mm);
    case 'DUMP_USER_PAGES_TEST':
      if (gup.usePin) return yield* pinUserPages(m, start, nr, gupFlags, mm);
      return yield* getUserPages(m, start, nr, gupFlags, mm);
  }
}

/** Warns of the first page that a pin should not have left so. Kernel: `mm/gup_test.c: verify_dma_pinned` */
function* verifyDmaPinned(m: Machine, cmd: GupTestCommand, pages: Pfns): Sleeps<void> {
  if (!cmd.startsWith('PIN_')) return;
  for (const [i, page] of pages.entries()) {
    yield* letGoMidway(m, 'verify_dma_pinned', i);
    if (!pageMaybeDmaPinned(m, page)) {
      warn(m, 'gup_test.not-dma-pinned', i, page);
      warn(m, 'gup_test.failure', i, page);
      return;
    }
    if (cmd === 'PIN_LONGTERM_BENCHMARK' && !isLongtermPinnablePage(m, page)) {
      warn(m, 'gup_test.not-pinnable', i, page);
      warn(m, 'gup_test.failure', i, page);
      return;
    }
  }
}

/** Kernel: `mm/gup_test.c: dump_pages_test` */
const dumpPagesTest = (m: Machine, whichPages: readonly number[], pages: Pfns): void => {
  whichPages.forEach((which, i) => {
    if (which > pages.length) warn(m, 'gup_test.zeroing', i, which);
  });
  for (const which of whichPages) {
    if (which > 0 && which <= pages.length) warn(m, 'gup_test.dump-page', which - 1, pages[which - 1]);
  }
};

/** The pages of all calls in one array, as the command has them. */
function* joined(m: Machine, parts: readonly Pfns[]): Sleeps<Pfn[]> {
  const pages: Pfn[] = [];
  for (const part of parts)
    for (const page of part) {
      pages.push(page);
      yield* letGoMidway(m, '__gup_test_ioctl', pages.length);
    }
  return pages;
}

/** The fast commands take no mmap_lock here; GUP does where it must. */
const needsMmapLock = (cmd: GupTestCommand): boolean =>
  cmd !== 'GUP_FAST_BENCHMARK' && cmd !== 'PIN_FAST_BENCHMARK';

/**
 * One command of the test driver. A GUP call that fails ends the loop, not the command: what was got is given back
 * and the command succeeds all the same.
 *
 * Kernel: `mm/gup_test.c: __gup_test_ioctl`
 * Simplified: no timing.
 *
 * @returns how many pages were got
 */
export const gupTestIoctl = sleepable(
  '__gup_test_ioctl',
  function* (m, cmd: GupTestCommand, gup: GupTest): Sleeps<number> {
    const parts: Pfns[] = [];
    const end = gup.start + gup.npages;
    let nr = gup.nrPagesPerCall;
    const locks = needsMmapLock(cmd);
    if (locks) yield* mmapReadLock(m, gup.mm);
    for (let vpn = gup.start; vpn < end && nr === gup.nrPagesPerCall; ) {
      const next = Math.min(vpn + nr, end);
      const got = yield* getSome(m, cmd, gup, vpn, next - vpn);
      nr = got.pages.length;
      if (nr === 0) break;
      parts.push(got.pages);
      vpn = next;
    }
    const pages = parts.length === 1 ? parts[0] : yield* joined(m, parts);
    yield* verifyDmaPinned(m, cmd, pages);
    if (cmd === 'DUMP_USER_PAGES_TEST') dumpPagesTest(m, gup.whichPages, pages);
    if (pins(cmd, gup)) yield* unpinUserPagesInSlices(m, pages.length, pages);
    else yield* putPages(m, pages);
    if (locks) mmapReadUnlock(m, gup.mm);
    return pages.length;
  },
);
