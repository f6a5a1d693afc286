// mm/migrate_device.c: the walk that collects what is to migrate, and takes small pages from their entries at once.

import type { Vma } from '../../machine/entities.ts';
import { type Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { __GFP_NOWARN } from '../../uapi/gfp.ts';
import { PG_anon_exclusive } from '../../uapi/page-flags.ts';
import {
  entryPfn,
  isDevicePrivateEntry,
  isWritableDevicePrivateEntry,
  mkSwapEntry,
  pmdLeaf,
  pteDirty,
  ptePresent,
  pteWrite,
  pteYoung,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
} from '../../uapi/pte.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Vpn } from '../../uapi/units.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, trylockPage, unlockPage } from '../sched/locks.ts';
import { isHugeZeroPage } from './huge-memory.ts';
import { splitHugePageToList, splitHugePmd } from './huge-split.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { vmNormalPage } from './normal-page.ts';
import {
  compoundHead,
  folioGet,
  isDeviceCoherentPage,
  isZeroPfn,
  isZoneDevicePage,
  pageAnon,
  pageCompound,
  pagePgmap,
  testFlags,
} from './page-ref.ts';
import { pmdOffset, pteOffset, walkEnd } from './page-table.ts';
import { pageRemoveRmap, pageTryShareAnonRmap } from './rmap.ts';
import { folioPut, setPageDirty } from './swap.ts';
import { vmaIsAnonymous } from './vma.ts';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migratePfn,
  migratePfnToPage,
} from './migrate-vma.ts';

// --- collect --------------------------------------------------------------------------------------------------

const migrateVmaCollectSkip = atomic(
  'migrate_vma_collect_skip',
  (_m, start: Vpn, end: Vpn, migrate: MigrateVma): void => {
    for (let vpn = start; vpn < end; vpn++) {
      migrate.dst.push(0);
      migrate.src.push(0);
    }
  },
);

const migrateVmaCollectHole = atomic(
  'migrate_vma_collect_hole',
  (m, start: Vpn, end: Vpn, migrate: MigrateVma, vma: Vma): void => {
    if (!vmaIsAnonymous(vma)) {
      migrateVmaCollectSkip(m, start, end, migrate);
      return;
    }
    for (let vpn = start; vpn < end; vpn++) {
      m.trace.decide('migrate.hole', vpn);
      migrate.src.push(MIGRATE_PFN_MIGRATE);
      migrate.dst.push(0);
      migrate.cpages++;
    }
  },
);

/** Whether the selection wants the page behind an entry. Returns its word, or 0. */
const selectEntry = (m: Machine, migrate: MigrateVma, vma: Vma, vpn: Vpn, row: EntryRow): number => {
  const entry = m.entries.get(row);
  if (!ptePresent(entry)) {
    if (!isDevicePrivateEntry(entry)) return 0;
    const page = entryPfn(entry);
    const wanted =
      (migrate.flags & MIGRATE_VMA_SELECT_DEVICE_PRIVATE) !== 0 &&
      pagePgmap(m, page)?.owner === migrate.pgmapOwner;
    if (!wanted) return 0;
    return (
      migratePfn(page) + MIGRATE_PFN_MIGRATE + (isWritableDevicePrivateEntry(entry) ? MIGRATE_PFN_WRITE : 0)
    );
  }
  // before the fifth patch a present page was looked at only when system memory was wanted, and then any page
  if (!hasPatch(m.kernel, 5) && (migrate.flags & MIGRATE_VMA_SELECT_SYSTEM) === 0) return 0;
  const page = vmNormalPage(m, vma, vpn, entry);
  if (page === NO_PFN) return 0;
  if (!isZoneDevicePage(m, page) && (migrate.flags & MIGRATE_VMA_SELECT_SYSTEM) === 0) return 0;
  if (hasPatch(m.kernel, 5) && isDeviceCoherentPage(m, page)) {
    const wanted =
      (migrate.flags & MIGRATE_VMA_SELECT_DEVICE_COHERENT) !== 0 &&
      pagePgmap(m, page)?.owner === migrate.pgmapOwner;
    if (!wanted) return 0;
  }
  return migratePfn(page) + MIGRATE_PFN_MIGRATE + (pteWrite(entry) ? MIGRATE_PFN_WRITE : 0);
};

/** Takes a candidate: reference, page lock, migration entry in place of the mapping. False: it stays. */
const takeCandidate = (m: Machine, migrate: MigrateVma, vma: Vma, row: EntryRow, mpfn: number): boolean => {
  const page = migratePfnToPage(mpfn);
  const entry = m.entries.get(row);
  folioGet(m, page, 'migrate_vma_collect');
  if (!trylockPage(m, page)) {
    m.trace.decide('migrate.trylock-failed', page);
    folioPut(m, page, 'migrate_vma_collect');
    return false;
  }
  const anonExclusive = pageAnon(m, page) && testFlags(m, page, PG_anon_exclusive);
  m.entries.set(row, 0);
  if (anonExclusive && !pageTryShareAnonRmap(m, page)) {
    m.entries.set(row, entry);
    unlockPage(m, page);
    folioPut(m, page, 'migrate_vma_collect');
    return false;
  }
  migrate.cpages++;
  const present = ptePresent(entry);
  if (present && pteDirty(entry)) setPageDirty(m, page);
  const type =
    (mpfn & MIGRATE_PFN_WRITE) !== 0
      ? SWP_MIGRATION_WRITE
      : anonExclusive
        ? SWP_MIGRATION_READ_EXCLUSIVE
        : SWP_MIGRATION_READ;
  m.entries.set(row, mkSwapEntry(type, page, present && pteYoung(entry), present && pteDirty(entry)));
  pageRemoveRmap(m, page, vma, false);
  folioPut(m, page, 'page table entry');
  return true;
};

const collectOne = (m: Machine, migrate: MigrateVma, vma: Vma, vpn: Vpn, row: EntryRow): number => {
  const entry = m.entries.get(row);
  if (entry === 0) {
    if (!vmaIsAnonymous(vma)) return 0;
    m.trace.decide('migrate.hole', vpn);
    migrate.cpages++;
    return MIGRATE_PFN_MIGRATE;
  }
  const zero = ptePresent(entry) && isZeroPfn(m, entryPfn(entry));
  if (zero && (migrate.flags & MIGRATE_VMA_SELECT_SYSTEM) !== 0) {
    m.trace.decide('migrate.zero-page', vpn);
    migrate.cpages++;
    return MIGRATE_PFN_MIGRATE;
  }
  const mpfn = selectEntry(m, migrate, vma, vpn, row);
  const page = migratePfnToPage(mpfn);
  const usable =
    page !== NO_PFN && m.pages.mapping.get(compoundHead(m, page)) !== 0 && !pageCompound(m, page);
  if (!usable || !takeCandidate(m, migrate, vma, row, mpfn)) {
    m.trace.decide('migrate.not-selected', vpn, page);
    return 0;
  }
  m.trace.decide('migrate.selected', vpn, page);
  return mpfn;
};

/** A huge page stands in the way: it is split, whatever the selection is. False: it cannot be. */
const splitInTheWay = (m: Machine, vma: Vma, pmdRow: EntryRow, start: Vpn): boolean => {
  const page = entryPfn(m.entries.get(pmdRow));
  if (isHugeZeroPage(m, page)) {
    splitHugePmd(m, vma, pmdRow, start, false);
    return true;
  }
  folioGet(m, page, 'split');
  if (!trylockPage(m, page)) return false; // the kernel leaks its reference here; nobody can hold the lock
  const ret = splitHugePageToList(m, page);
  unlockPage(m, page);
  folioPut(m, page, 'split');
  return ret === 0;
};

const migrateVmaCollectPmd = atomic(
  'migrate_vma_collect_pmd',
  (m, start: Vpn, end: Vpn, pmdRow: EntryRow, migrate: MigrateVma, vma: Vma): void => {
    if (pmdLeaf(m.entries.get(pmdRow)) && !splitInTheWay(m, vma, pmdRow, start)) {
      migrateVmaCollectSkip(m, start, end, migrate);
      return;
    }
    if (m.entries.get(pmdRow) === 0) {
      migrateVmaCollectHole(m, start, end, migrate, vma);
      return;
    }
    for (let vpn = start; vpn < end; vpn++) {
      const mpfn = collectOne(m, migrate, vma, vpn, pteOffset(m, pmdRow, vpn));
      migrate.dst.push(0);
      migrate.src.push(mpfn);
    }
  },
);

/**
 * Walks the range and writes one word a page; what it can it takes from its entries at once.
 *
 * Kernel: `mm/migrate_device.c: migrate_vma_collect`
 */
export const migrateVmaCollect = sleepable(
  'migrate_vma_collect',
  function* (m, start: Vpn, end: Vpn, migrate: MigrateVma, vma: Vma): Sleeps<void> {
    const range: MmuNotifierRange = { event: 'MIGRATE', mm: vma.mm, start, end, owner: migrate.pgmapOwner };
    mmuNotifierInvalidateRangeStart(m, range);
    const mm = m.mms.get(vma.mm);
    for (let vpn = start; vpn < end; ) {
      const next = walkEnd(m, mm, vpn, end);
      const pmdRow = pmdOffset(m, mm, vpn);
      if (pmdRow === NO_ROW || m.entries.get(pmdRow) === 0) migrateVmaCollectHole(m, vpn, next, migrate, vma);
      else migrateVmaCollectPmd(m, vpn, next, pmdRow, migrate, vma);
      vpn = next;
      yield* letGo(m, 'migrate_vma_collect', 0);
    }
    mmuNotifierInvalidateRangeEnd(m, range);
  },
);
