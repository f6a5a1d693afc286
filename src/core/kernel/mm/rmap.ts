// mm/rmap.c: from a page to the entries that map it. Anchors (anon_vma), the counts of mappings,
// the walk that turns entries into migration entries.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange } from '../../machine/ops.ts';
import { PG_anon_exclusive, PG_double_map, PG_ksm, PG_locked, PG_swapbacked } from '../../uapi/page-flags.ts';
import {
  type Entry,
  entryPfn,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isMigrationEntry,
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
import { type EntryRow, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { deferredSplitHugePage } from './deferred-split.ts';
import { setPmdMigrationEntry, splitHugePmdAddress } from './huge-split.ts';
import { hstateVma, hugePteOffset } from './hugetlb-pool.ts';
import { ksmPlaces } from './ksm-scan.ts';
import { mlockFolio, mlockPageDrainLocal, munlockPage } from './mlock.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import {
  clearFlags,
  compoundHead,
  folioMapped,
  folioNrPages,
  folioTestLarge,
  isDevicePrivatePage,
  isZoneDevicePage,
  isDeviceCoherentPage,
  pageAnon,
  pageCompound,
  pageHuge,
  pageMapping,
  pageMaybeDmaPinned,
  setFlags,
  testClearFlags,
  testFlags,
} from './page-ref.ts';
import { pmdOffset, walkPte } from './page-table.ts';
import { folioPut, setPageDirty } from './swap.ts';
import { linearPageIndex, vmaAddressEnd, vmaMlocksPages, vmaPgoffAddress } from './vma.ts';

// --- counts of mappings ----------------------------------------------------------------------------------

/** Kernel: `mm/internal.h: mlock_vma_page`. A huge page counts only when it is mapped whole. */
export const mlockVmaPage = (m: Machine, pfn: Pfn, vma: Vma, compound: boolean): void => {
  const folio = compoundHead(m, pfn);
  if (vmaMlocksPages(vma) && (compound || !folioTestLarge(m, folio))) mlockFolio(m, folio);
};

/** Kernel: `mm/internal.h: munlock_vma_page` */
const munlockVmaPage = (m: Machine, pfn: Pfn, vma: Vma, compound: boolean): void => {
  if (vmaMlocksPages(vma) && (compound || !pageCompound(m, pfn))) munlockPage(m, pfn);
};

/** Kernel: `mm/rmap.c: __page_set_anon_rmap` */
const pageSetAnonRmap = (m: Machine, pfn: Pfn, vma: Vma, vpn: Vpn, exclusive: boolean): void => {
  const folio = compoundHead(m, pfn);
  if (!pageAnon(m, folio)) {
    const own = m.vmas.get(vma.id).anonVma;
    const anonVma = exclusive ? own : m.anonVmas.get(own).root;
    m.pages.mapping.set(folio, anonVma * 2 + 1);
    m.pages.index.set(folio, linearPageIndex(vma, vpn));
  }
  if (exclusive) setFlags(m, pfn, PG_anon_exclusive);
};

/**
 * A fresh page gets its first mapping; it belongs to this process alone.
 *
 * Kernel: `mm/rmap.c: page_add_new_anon_rmap`
 */
export const pageAddNewAnonRmap = atomic(
  'page_add_new_anon_rmap',
  (m, pfn: Pfn, vma: Vma, vpn: Vpn): void => {
    setFlags(m, pfn, PG_swapbacked);
    if (pageCompound(m, pfn)) {
      m.pages.compoundMapcount.set(pfn, 1);
      m.pages.compoundPincount.set(pfn, 0);
    } else {
      m.pages.mapcount.set(pfn, 1);
    }
    pageSetAnonRmap(m, pfn, vma, vpn, true);
  },
);

export interface RmapFlags {
  readonly exclusive?: boolean;
  readonly compound?: boolean;
}

/**
 * One more mapping of an anonymous page, which is locked.
 *
 * Kernel: `mm/rmap.c: page_add_anon_rmap`
 */
export const pageAddAnonRmap = atomic(
  'page_add_anon_rmap',
  (m, pfn: Pfn, vma: Vma, vpn: Vpn, flags: RmapFlags): void => {
    const compound = flags.compound === true;
    bugOn(!testFlags(m, compoundHead(m, pfn), PG_locked), 'page_add_anon_rmap: page is not locked');
    const column = compound ? m.pages.compoundMapcount : m.pages.mapcount;
    const first = column.get(pfn) === 0;
    bugOn(!first && flags.exclusive === true, 'page_add_anon_rmap: exclusive, but mapped already');
    column.set(pfn, column.get(pfn) + 1);
    if (first) pageSetAnonRmap(m, pfn, vma, vpn, flags.exclusive === true);
    mlockVmaPage(m, pfn, vma, compound);
  },
);

/** No page of the folio is mapped by an entry of its own. */
const onlyMappedWhole = (m: Machine, folio: Pfn): boolean => {
  const nr = folioNrPages(m, folio);
  for (let i = 0; i < nr; i++) if (m.pages.mapcount.get(folio + i) > 0) return false;
  return true;
};

/**
 * One more mapping of a page of the page cache. (In the kernel a huge mapping counts in each page too; here, as for
 * anonymous folios, only in the folio.)
 *
 * Kernel: `mm/rmap.c: page_add_file_rmap`
 */
export const pageAddFileRmap = (m: Machine, pfn: Pfn, vma: Vma, compound = false): void => {
  if (compound) {
    const first = m.pages.compoundMapcount.get(pfn) === 0;
    m.pages.compoundMapcount.set(pfn, m.pages.compoundMapcount.get(pfn) + 1);
    if (first && testFlags(m, pfn, PG_double_map) && onlyMappedWhole(m, pfn)) {
      clearFlags(m, pfn, PG_double_map);
    }
  } else {
    if (pageCompound(m, pfn) && pageMapping(m, pfn) !== 0) setFlags(m, compoundHead(m, pfn), PG_double_map);
    m.pages.mapcount.set(pfn, m.pages.mapcount.get(pfn) + 1);
  }
  mlockVmaPage(m, pfn, vma, compound);
};

/** Kernel: `mm/rmap.c: page_remove_anon_compound_rmap` */
const pageRemoveAnonCompoundRmap = (m: Machine, folio: Pfn): void => {
  const left = m.pages.compoundMapcount.get(folio) - 1;
  m.pages.compoundMapcount.set(folio, left);
  if (left > 0 || pageHuge(m, folio) || !testClearFlags(m, folio, PG_double_map)) return;
  const nr = folioNrPages(m, folio);
  let unmapped = 0;
  for (let i = 0; i < nr; i++) if (m.pages.mapcount.get(folio + i) === 0) unmapped++;
  if (unmapped > 0 && unmapped < nr) deferredSplitHugePage(m, folio);
};

/**
 * A mapping goes away; the caller drops its reference.
 *
 * Kernel: `mm/rmap.c: page_remove_rmap`
 */
export const pageRemoveRmap = atomic('page_remove_rmap', (m, pfn: Pfn, vma: Vma, compound: boolean): void => {
  if (compound && pageAnon(m, pfn)) {
    pageRemoveAnonCompoundRmap(m, pfn);
  } else if (compound) {
    m.pages.compoundMapcount.set(pfn, m.pages.compoundMapcount.get(pfn) - 1);
  } else {
    bugOn(m.pages.mapcount.get(pfn) <= 0, 'page_remove_rmap: page is not mapped');
    m.pages.mapcount.set(pfn, m.pages.mapcount.get(pfn) - 1);
    const head = compoundHead(m, pfn);
    const last = m.pages.mapcount.get(pfn) === 0 && !testFlags(m, head, PG_double_map);
    if (last && pageAnon(m, pfn) && pageCompound(m, pfn)) deferredSplitHugePage(m, head);
  }
  munlockVmaPage(m, pfn, vma, compound);
});

/** The last owner of a page takes it over. Kernel: `mm/rmap.c: page_move_anon_rmap` */
export const pageMoveAnonRmap = atomic('page_move_anon_rmap', (m, pfn: Pfn, vma: Vma): void => {
  m.pages.mapping.set(compoundHead(m, pfn), m.vmas.get(vma.id).anonVma * 2 + 1);
  setFlags(m, pfn, PG_anon_exclusive);
});

/**
 * Gives up exclusivity before an entry goes away; a page that may be pinned keeps it. The entry is clear already.
 *
 * Kernel: `include/linux/rmap.h: page_try_share_anon_rmap`
 *
 * @returns whether exclusivity was given up
 */
export const pageTryShareAnonRmap = (m: Machine, pfn: Pfn): boolean => {
  if (!isDevicePrivatePage(m, pfn) && pageMaybeDmaPinned(m, pfn)) {
    m.trace.decide('migrate.maybe-pinned', pfn, m.pages.refcount.get(compoundHead(m, pfn)));
    return false;
  }
  clearFlags(m, pfn, PG_anon_exclusive);
  return true;
};

// --- walking from a page to its entries --------------------------------------------------------------------

/** One place where a page could be mapped. */
export interface RmapPlace {
  readonly vma: Vma;
  readonly vpn: Vpn;
}

/**
 * VMAs of a folio's reverse map that cover it, in the order of the walk.
 *
 * Kernel: `mm/rmap.c: rmap_walk_anon, rmap_walk_file`
 */
export const rmapPlaces = (m: Machine, folio: Pfn): RmapPlace[] => {
  const mapping = m.pages.mapping.get(folio);
  if (mapping === 0) return [];
  if (testFlags(m, folio, PG_ksm)) return ksmPlaces(m, folio);
  const ids = (mapping & 1) === 1 ? m.anonVmas.get(mapping >> 1).tree : m.files.get(mapping >> 1).iMmap;
  const pgoff = m.pages.index.get(folio);
  const npages = folioNrPages(m, folio);
  const places: RmapPlace[] = [];
  for (const id of ids) {
    const vma = m.vmas.find(id);
    if (vma === undefined) continue;
    const vpn = vmaPgoffAddress(vma, pgoff, npages);
    if (vpn >= 0) places.push({ vma, vpn });
  }
  return places;
};

/** Row and address of each entry in a VMA that refers to a page of the folio by a small entry. */
export interface FoundEntry {
  readonly row: EntryRow;
  readonly vpn: Vpn;
  readonly page: Pfn;
}

/**
 * Small entries of a VMA that refer to the folio.
 *
 * Kernel: `mm/page_vma_mapped.c: page_vma_mapped_walk, check_pte`
 * Simplified: looking for migration entries, the kernel takes device-exclusive ones too and then loses their reference;
 * only a device that gives its memory up gets there.
 *
 * @param migration - look for migration entries instead of mappings
 */
export const pageVmaMappedEntries = (
  m: Machine,
  folio: Pfn,
  place: RmapPlace,
  migration: boolean,
): FoundEntry[] => {
  const npages = folioNrPages(m, folio);
  const mm = m.mms.get(place.vma.mm);
  const wanted = (entry: Entry): boolean =>
    migration
      ? isMigrationEntry(entry)
      : ptePresent(entry) || isDevicePrivateEntry(entry) || isDeviceExclusiveEntry(entry);
  if (pageHuge(m, folio)) {
    const row = hugePteOffset(m, mm, place.vpn, hstateVma(m, place.vma));
    const entry = row === NO_ROW ? 0 : m.entries.get(row);
    return wanted(entry) && entryPfn(entry) === folio ? [{ row, vpn: place.vpn, page: folio }] : [];
  }
  // a merged page has an address of its own in each of its places
  const firstVpn = testFlags(m, folio, PG_ksm)
    ? place.vpn
    : place.vma.vmStart + m.pages.index.get(folio) - place.vma.vmPgoff;
  const found: FoundEntry[] = [];
  const from = Math.max(firstVpn, place.vma.vmStart);
  const to = Math.min(firstVpn + npages, place.vma.vmEnd);
  for (let vpn = from; vpn < to; vpn++) {
    const row = walkPte(m, mm, vpn);
    if (row === NO_ROW) continue;
    const entry = m.entries.get(row);
    if (entry === 0) continue;
    const page = entryPfn(entry);
    if (page < folio || page >= folio + npages) continue;
    if (wanted(entry)) found.push({ row, vpn, page });
  }
  return found;
};

/** Row of the huge entry that maps the folio in a VMA, or NO_ROW. Ours: the PMD half of page_vma_mapped_walk. */
export const pageVmaMappedPmd = (m: Machine, folio: Pfn, place: RmapPlace, migration: boolean): EntryRow => {
  if (!folioTestLarge(m, folio) || pageHuge(m, folio)) return NO_ROW;
  const row = pmdOffset(m, m.mms.get(place.vma.mm), place.vpn);
  if (row === NO_ROW) return NO_ROW;
  const entry = m.entries.get(row);
  const fits = migration ? isMigrationEntry(entry) : pmdLeaf(entry);
  return entry !== 0 && fits && entryPfn(entry) === folio ? row : NO_ROW;
};

/** What try_to_migrate does with huge entries: split them, or replace them by one huge migration entry. */
export type HugeEntries = 'split' | 'keep';

/** Turns one small entry into a migration entry; false if the page may be pinned and keeps it. */
const migrateOneEntry = (m: Machine, folio: Pfn, vma: Vma, found: FoundEntry): boolean => {
  const { row, page } = found;
  const entry = m.entries.get(row);
  const anonExclusive = pageAnon(m, folio) && testFlags(m, page, PG_anon_exclusive);
  m.entries.set(row, 0);
  if (ptePresent(entry) && pteDirty(entry)) setPageDirty(m, folio);
  if (anonExclusive && !pageTryShareAnonRmap(m, page)) {
    m.entries.set(row, entry);
    return false;
  }
  const writable = ptePresent(entry) ? pteWrite(entry) : isWritableDevicePrivateEntry(entry);
  const type = writable
    ? SWP_MIGRATION_WRITE
    : anonExclusive
      ? SWP_MIGRATION_READ_EXCLUSIVE
      : SWP_MIGRATION_READ;
  const present = ptePresent(entry);
  m.entries.set(row, mkSwapEntry(type, page, present && pteYoung(entry), present && pteDirty(entry)));
  pageRemoveRmap(m, page, vma, pageHuge(m, folio));
  if (vmaMlocksPages(vma)) mlockPageDrainLocal(m);
  folioPut(m, folio, 'page table entry');
  return true;
};

/**
 * Replaces a folio's mappings in one VMA by migration entries.
 *
 * Kernel: `mm/rmap.c: try_to_migrate_one`
 * Simplified: device-exclusive entries are left alone. The kernel takes them for entries of a page whose number it reads
 *   out of the wrong bits; it gets there only with a huge page that is mapped page by page, one of them exclusively.
 *
 * @returns false if the walk must stop: the page may be pinned
 */
const tryToMigrateOne = atomic(
  'try_to_migrate_one',
  (m, folio: Pfn, vma: Vma, vpn: Vpn, huge: HugeEntries): boolean => {
    if (huge === 'split') splitHugePmdAddress(m, vma, vpn, true, folio);
    const end = vmaAddressEnd(vma, vpn, m.pages.index.get(folio), folioNrPages(m, folio));
    const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start: vpn, end, owner: 0 };
    mmuNotifierInvalidateRangeStart(m, range);
    let ok = true;
    const pmdRow = pageVmaMappedPmd(m, folio, { vma, vpn }, false);
    if (pmdRow !== NO_ROW) {
      ok = setPmdMigrationEntry(m, folio, vma, pmdRow);
    } else {
      for (const found of pageVmaMappedEntries(m, folio, { vma, vpn }, false)) {
        if (isDeviceExclusiveEntry(m.entries.get(found.row))) continue;
        ok = migrateOneEntry(m, folio, vma, found);
        if (!ok) break;
      }
    }
    mmuNotifierInvalidateRangeEnd(m, range);
    return ok;
  },
);

/**
 * Replaces all mappings of a locked folio by migration entries; stops early once it is unmapped everywhere.
 *
 * Kernel: `mm/rmap.c: try_to_migrate`
 */
export const tryToMigrate = atomic('try_to_migrate', (m, folio: Pfn, huge: HugeEntries): void => {
  bugOn(!testFlags(m, folio, PG_locked), 'try_to_migrate: folio is not locked');
  if (isZoneDevicePage(m, folio) && !isDevicePrivatePage(m, folio) && !isDeviceCoherentPage(m, folio)) return;
  for (const { vma, vpn } of rmapPlaces(m, folio)) {
    if (!tryToMigrateOne(m, folio, vma, vpn, huge)) return;
    if (!folioMapped(m, folio)) return;
  }
});
