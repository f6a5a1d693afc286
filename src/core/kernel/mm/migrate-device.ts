// mm/migrate_device.c: moving pages between system memory and a device, for a driver or for a long-term pin.
// Success is per page: each has a word in `src`, and MIGRATE in it means "still a candidate", later "moved".

import type { Vma } from '../../machine/entities.ts';
import { SECTION_ROWS } from '../../machine/column.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EBUSY, EINVAL } from '../../uapi/errno.ts';
import type { HolderKind } from '../../uapi/events.ts';
import { __GFP_NOWARN, GFP_USER } from '../../uapi/gfp.ts';
import { PG_lru, PG_private, PG_uptodate } from '../../uapi/page-flags.ts';
import {
  entryPfn,
  mkEntry,
  mkSwapEntry,
  pmdLeaf,
  PTE_DIRTY,
  PTE_RW,
  ptePresent,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
} from '../../uapi/pte.ts';
import { NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_SPECIAL, VM_WRITE } from '../../uapi/vm-flags.ts';
import { bugOn, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, letGo, letGoMidway, lockPage, trylockPage, unlockPage } from '../sched/locks.ts';
import { isolateLruPage, putbackLruPage } from './isolate.ts';
import { migrateFolio, migrateFolioExtra, removeMigrationPtes } from './migrate-folio.ts';
import {
  mmuNotifierChangePte,
  mmuNotifierInvalidateRange,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import { allocPageMaySleep } from './page-alloc.ts';
import {
  copyHighpage,
  folioGet,
  folioMapped,
  isDeviceCoherentPage,
  isDevicePrivatePage,
  isZeroPfn,
  isZoneDevicePage,
  moveReference,
  pageCompound,
  pageMapcount,
  pageMapping,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { pmdAlloc, pteAlloc, pteOffset } from './page-table.ts';
import { pageAddNewAnonRmap, tryToMigrate } from './rmap.ts';
import { anonVmaPrepare } from './anon-vma.ts';
import {
  folioAddLru,
  folioPut,
  lruAddDrain,
  lruAddDrainAll,
  lruCacheAddInactiveOrUnevictable,
} from './swap.ts';
import { folioTestSwapcache } from './swapfile.ts';
import { isVmHugetlbPage, vmaIsAnonymous, vmaIsDax, vmPageProt } from './vma.ts';
import { migrateVmaCollect } from './migrate-collect.ts';
import {
  MIGRATE_PFN_MIGRATE,
  type MigrateVma,
  type MigrateWords,
  clearMigrate,
  migratePfn,
  migratePfnToPage,
  migrates,
} from './migrate-vma.ts';

type Words = readonly number[] | Float64Array;

// --- unmap ------------------------------------------------------------------------------------------------------

/**
 * Whether only the migration and the mappings hold the page; a device page may have one reference more, which
 * then fails at the exact count in migrate_folio.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_check_page`
 */
const migrateVmaCheckPage = atomic('migrate_vma_check_page', (m, page: Pfn, faultPage: Pfn): boolean => {
  if (pageCompound(m, page)) return false;
  let extra = 1 + (page === faultPage ? 1 : 0);
  if (isZoneDevicePage(m, page)) extra++;
  if (pageMapping(m, page) !== 0) extra += 1 + (testFlags(m, page, PG_private) ? 1 : 0);
  if (folioTestSwapcache(m, page)) extra++;
  const ok = m.pages.refcount.get(page) - extra <= pageMapcount(m, page);
  if (!ok) m.trace.decide('migrate.check-page.extra-references', page, m.pages.refcount.get(page), extra);
  return ok;
});

/** Takes one system page off the LRU. False: it is on no list. */
const isolateSource = (m: Machine, page: Pfn, drain: { allowed: boolean }): boolean => {
  if (!testFlags(m, page, PG_lru) && drain.allowed) {
    lruAddDrainAll(m);
    drain.allowed = false;
  }
  if (isolateLruPage(m, page) !== 0) {
    m.trace.decide('migrate.isolation-failed', page);
    return false;
  }
  folioPut(m, page, 'migrate_vma_collect');
  return true;
};

/**
 * Removes the remaining mappings of the collected pages; what somebody else holds is put back.
 *
 * Kernel: `mm/migrate_device.c: migrate_device_unmap`
 *
 * @param holder - who owns the reference on a device page that the caller brings along
 * @returns entries that may still move
 */
const migrateDeviceUnmap = sleepable(
  'migrate_device_unmap',
  function* (m, _npages: number, src: MigrateWords, faultPage: Pfn, holder: HolderKind): Sleeps<number> {
    lruAddDrain(m);
    const drain = { allowed: true };
    let unmapped = 0;
    let restore = 0;
    for (let i = 0; i < src.length; i++) {
      yield* letGoMidway(m, 'migrate_device_unmap', i);
      const page = migratePfnToPage(src[i]);
      if (page === NO_PFN) {
        if (migrates(src[i])) unmapped++;
        continue;
      }
      const device = isZoneDevicePage(m, page);
      if (!device && !isolateSource(m, page, drain)) {
        clearMigrate(src, i);
        restore++;
        continue;
      }
      if (folioMapped(m, page)) tryToMigrate(m, page, 'keep');
      if (pageMapcount(m, page) > 0 || !migrateVmaCheckPage(m, page, faultPage)) {
        if (!device) {
          folioGet(m, page, 'migrate_vma_collect');
          putbackLruPage(m, page);
        }
        clearMigrate(src, i);
        restore++;
        continue;
      }
      unmapped++;
    }
    if (restore > 0) yield* restoreSources(m, src, holder);
    return unmapped;
  },
);

/** Puts the mappings of the failed entries back, after all entries have been tried. */
function* restoreSources(m: Machine, src: MigrateWords, holder: HolderKind): Sleeps<void> {
  for (let i = 0; i < src.length; i++) {
    yield* letGoMidway(m, 'migrate_device_unmap', i);
    const page = migratePfnToPage(src[i]);
    if (page === NO_PFN || migrates(src[i])) continue;
    removeMigrationPtes(m, page, page);
    m.trace.decide('migrate.restored', page);
    src[i] = 0;
    unlockPage(m, page);
    folioPut(m, page, isZoneDevicePage(m, page) ? holder : 'migrate_vma_collect');
  }
}

const migrateVmaUnmap = sleepable('migrate_vma_unmap', function* (m, migrate: MigrateVma): Sleeps<void> {
  migrate.cpages = yield* migrateDeviceUnmap(
    m,
    migrate.src.length,
    migrate.src,
    migrate.faultPage,
    'migrate_vma_collect',
  );
});

/**
 * Collects and unmaps the pages of a range that the driver may move. Success is per entry of `src`.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_setup`
 *
 * @returns 0, also when nothing can move; -EINVAL when the request itself is wrong
 */
export const migrateVmaSetup = sleepable(
  'migrate_vma_setup',
  function* (m, start: Vpn, end: Vpn, migrate: MigrateVma): Sleeps<number> {
    const vma = migrate.vma;
    if (vma === undefined || isVmHugetlbPage(vma) || (vma.vmFlags & VM_SPECIAL) !== 0) return -EINVAL;
    if (vmaIsDax(m, vma)) return -EINVAL;
    if (end <= start || start < vma.vmStart || start >= vma.vmEnd || end > vma.vmEnd) return -EINVAL;
    if (migrate.faultPage !== NO_PFN && !isDevicePrivatePage(m, migrate.faultPage)) return -EINVAL;
    yield* migrateVmaCollect(m, start, end, migrate, vma);
    if (migrate.cpages > 0) yield* migrateVmaUnmap(m, migrate);
    yield* condResched(m, 'migrate_vma_setup');
    return 0;
  },
);

// --- pages ------------------------------------------------------------------------------------------------------

/** Entry of a page that is put where nothing was. */
const insertedEntry = (m: Machine, vma: Vma, page: Pfn): number => {
  const writable = (vma.vmFlags & VM_WRITE) !== 0;
  if (isDevicePrivatePage(m, page)) return mkSwapEntry(writable ? SWP_DEVICE_WRITE : SWP_DEVICE_READ, page);
  return mkEntry(page, vmPageProt(vma) | (writable ? PTE_DIRTY | PTE_RW : 0));
};

/**
 * Puts a fresh page into a hole or in place of the zero page.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_insert_page`
 */
const migrateVmaInsertPage = atomic(
  'migrate_vma_insert_page',
  (m, vpn: Vpn, page: Pfn, i: number, migrate: MigrateVma, vma: Vma): void => {
    const abort = (): void => clearMigrate(migrate.src, i);
    if (!vmaIsAnonymous(vma)) return abort();
    const pmdRow = pmdAlloc(m, m.mms.get(vma.mm), vpn);
    if (pmdRow === NO_ROW || pmdLeaf(m.entries.get(pmdRow)) || !pteAlloc(m, pmdRow)) return abort();
    const anchored = anonVmaPrepare(m, vma);
    setFlags(m, page, PG_uptodate);
    if (isZoneDevicePage(m, page) && !isDevicePrivatePage(m, page) && !isDeviceCoherentPage(m, page)) {
      warn(m, 'migrate.unsupported-type', page);
      return abort();
    }
    const row = pteOffset(m, pmdRow, vpn);
    const entry = m.entries.get(row);
    const zero = ptePresent(entry) && isZeroPfn(m, entryPfn(entry));
    if (entry !== 0 && !zero) return abort();
    m.addRss(vma.mm, RSS_ANON, 1);
    pageAddNewAnonRmap(m, page, anchored, vpn);
    if (!isZoneDevicePage(m, page)) lruCacheAddInactiveOrUnevictable(m, page, anchored);
    folioGet(m, page, 'page table entry');
    if (zero) {
      m.entries.set(row, 0);
      mmuNotifierInvalidateRange(m, vma.mm, vpn, vpn + 1);
      mmuNotifierChangePte(m, vma.mm, vpn);
    }
    m.entries.set(row, insertedEntry(m, vma, page));
    m.trace.decide('migrate.moved', NO_PFN, page);
  },
);

/** Moves one page's metadata to its destination; false: it stays. */
const moveOne = (m: Machine, src: Pfn, dst: Pfn, faultPage: Pfn): boolean => {
  if (isZoneDevicePage(m, dst)) {
    const supported = isDevicePrivatePage(m, dst) || isDeviceCoherentPage(m, dst);
    // the swap cache is a mapping, too
    if (!supported || pageMapping(m, src) !== 0 || folioTestSwapcache(m, src)) {
      m.trace.decide('migrate.file-refused', src);
      return false;
    }
  }
  m.trace.decide('migrate.destination', src, dst);
  const r =
    src === faultPage
      ? migrateFolioExtra(m, dst, src, 'sync-no-copy', 1)
      : migrateFolio(m, dst, src, 'sync-no-copy');
  return r === 0;
};

const migrateDevicePagesInner = sleepable(
  '__migrate_device_pages',
  function* (
    m,
    _npages: number,
    src: MigrateWords,
    dst: Words,
    migrate: MigrateVma | undefined,
  ): Sleeps<void> {
    let range: MmuNotifierRange | undefined;
    for (let i = 0; i < src.length; i++) {
      yield* letGoMidway(m, '__migrate_device_pages', i);
      const newpage = migratePfnToPage(dst[i]);
      const page = migratePfnToPage(src[i]);
      if (newpage === NO_PFN) {
        if (migrates(src[i])) m.trace.decide('migrate.no-destination', page);
        clearMigrate(src, i);
        continue;
      }
      if (page === NO_PFN) {
        if (!migrates(src[i])) continue;
        const vma = migrate?.vma;
        bugOn(migrate === undefined || vma === undefined, '__migrate_device_pages: hole without a VMA');
        if (migrate === undefined || vma === undefined) continue;
        const vpn = migrate.start + i;
        if (range === undefined) {
          range = { event: 'MIGRATE', mm: vma.mm, start: vpn, end: migrate.end, owner: migrate.pgmapOwner };
          mmuNotifierInvalidateRangeStart(m, range);
        }
        migrateVmaInsertPage(m, vpn, newpage, i, migrate, m.vmas.get(vma.id));
        continue;
      }
      if (!moveOne(m, page, newpage, migrate?.faultPage ?? NO_PFN)) clearMigrate(src, i);
    }
    if (range !== undefined) mmuNotifierInvalidateRangeEnd(m, range);
  },
);

/** Kernel: `mm/migrate_device.c: migrate_device_pages` */
export const migrateDevicePages = sleepable(
  'migrate_device_pages',
  function* (m, npages: number, src: MigrateWords, dst: Words): Sleeps<void> {
    yield* migrateDevicePagesInner(m, npages, src, dst, undefined);
  },
);

/** Kernel: `mm/migrate_device.c: migrate_vma_pages` */
export const migrateVmaPages = sleepable(
  'migrate_vma_pages',
  function* (m, npages: number, migrate: MigrateVma): Sleeps<void> {
    yield* migrateDevicePagesInner(m, npages, migrate.src, migrate.dst, migrate);
  },
);

// --- finalize ---------------------------------------------------------------------------------------------------

const finalizeOne = (m: Machine, word: number, dstWord: number, holder: HolderKind): void => {
  const newpage = migratePfnToPage(dstWord);
  const page = migratePfnToPage(word);
  const drop = (): void => {
    unlockPage(m, newpage);
    folioPut(m, newpage, 'allocation');
  };
  if (page === NO_PFN) {
    if (newpage !== NO_PFN) drop();
    return;
  }
  const moved = migrates(word) && newpage !== NO_PFN;
  if (!moved && newpage !== NO_PFN) drop();
  const target = moved ? newpage : page;
  if (!isZoneDevicePage(m, target)) folioAddLru(m, target);
  removeMigrationPtes(m, page, target);
  m.trace.decide(moved ? 'migrate.moved' : 'migrate.restored', page, target);
  // entries are rewritten before the unlock, so whoever sleeps on one finds it gone
  unlockPage(m, page);
  folioPut(m, page, isZoneDevicePage(m, page) ? holder : 'LRU isolation');
  if (moved) drop();
};

/** Kernel: `mm/migrate_device.c: migrate_device_finalize` */
export const migrateDeviceFinalize = sleepable(
  'migrate_device_finalize',
  function* (m, _npages: number, src: Words, dst: Words, holder: HolderKind): Sleeps<void> {
    for (let i = 0; i < src.length; i++) {
      finalizeOne(m, src[i], dst[i], holder);
      yield* letGoMidway(m, 'migrate_device_finalize', i);
    }
  },
);

/** Kernel: `mm/migrate_device.c: migrate_vma_finalize` */
export const migrateVmaFinalize = sleepable(
  'migrate_vma_finalize',
  function* (m, npages: number, migrate: MigrateVma): Sleeps<void> {
    yield* migrateDeviceFinalize(m, npages, migrate.src, migrate.dst, 'migrate_vma_collect');
  },
);

// --- without a VMA ------------------------------------------------------------------------------------------------

/** Device pages of a range that are in use and not locked, each locked and with one reference more. */
const lockUsedPages = (m: Machine, start: Pfn, end: Pfn, src: MigrateWords, at: number): number => {
  let n = at;
  for (let pfn = start; pfn < end; pfn++) {
    if (m.pages.refcount.get(pfn) === 0) continue;
    folioGet(m, pfn, 'migration');
    if (trylockPage(m, pfn)) src[n++] = migratePfn(pfn) + MIGRATE_PFN_MIGRATE;
    else folioPut(m, pfn, 'migration');
  }
  return n;
};

/** The parts of a range of which anything was ever touched: most of a large device never was. */
const touchedParts = (m: Machine, start: Pfn, end: Pfn): readonly (readonly [Pfn, Pfn])[] =>
  m.pages.refcount.sectionNumbers().flatMap((no): [Pfn, Pfn][] => {
    const from = Math.max(start, no * SECTION_ROWS);
    const to = Math.min(end, (no + 1) * SECTION_ROWS);
    return from < to ? [[from, to]] : [];
  });

/**
 * Collects device pages by frame number, for a driver that wants its memory back.
 *
 * Kernel: `mm/migrate_device.c: migrate_device_range`
 * Simplified: pages that do not take part have no word; the kernel's phases pass over theirs.
 *
 * @returns the `src` words
 */
export const migrateDeviceRange = sleepable(
  'migrate_device_range',
  function* (m, start: Pfn, npages: number): Sleeps<MigrateWords> {
    const parts = touchedParts(m, start, start + npages);
    let words: MigrateWords =
      m.trace.tally === undefined ? [] : new Float64Array(parts.length * SECTION_ROWS);
    let n = 0;
    for (const [from, to] of parts) {
      n = lockUsedPages(m, from, to, words, n);
      yield* letGo(m, 'migrate_device_range', 0);
    }
    if (n < words.length) words = words.slice(0, n);
    yield* migrateDeviceUnmap(m, npages, words, NO_PFN, 'migration');
    return words;
  },
);

/**
 * Brings one device-coherent page home for a long-term pin. Uses up the caller's one reference in every case.
 *
 * Kernel: `mm/migrate_device.c: migrate_device_coherent_page`
 *
 * @returns 0, or -EBUSY: somebody else holds the page, or there is no memory for the copy
 */
export const migrateDeviceCoherentPage = sleepable(
  'migrate_device_coherent_page',
  function* (m, page: Pfn): Sleeps<number> {
    yield* lockPage(m, page);
    const src = [migratePfn(page) + MIGRATE_PFN_MIGRATE];
    const dst = [0];
    moveReference(m, page, 'FOLL_GET', 'migration');
    yield* migrateDeviceUnmap(m, 1, src, NO_PFN, 'migration');
    if (!migrates(src[0])) return -EBUSY;
    yield* condResched(m, 'migrate_device_coherent_page');
    const dpage = yield* allocPageMaySleep(m, GFP_USER | __GFP_NOWARN);
    if (dpage !== NO_PFN) {
      yield* lockPage(m, dpage);
      dst[0] = migratePfn(dpage);
    }
    yield* migrateDevicePages(m, 1, src, dst);
    // nothing maps the page, so copying after the metadata moved is safe
    if (migrates(src[0])) copyHighpage(m, dpage, page);
    yield* migrateDeviceFinalize(m, 1, src, dst, 'migration');
    return migrates(src[0]) ? 0 : -EBUSY;
  },
);
