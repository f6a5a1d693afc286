// mm/vmscan.c: what becomes of pages that were taken off the LRU lists: unmapped, written to the swap device, freed, or
// kept. Device pages are on no list, so none ever comes here.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON, RSS_SWAP } from '../../machine/machine.ts';
import type { MmuNotifierRange } from '../../machine/ops.ts';
import {
  PG_active,
  PG_anon_exclusive,
  PG_dirty,
  PG_ksm,
  PG_mlocked,
  PG_private,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
} from '../../uapi/page-flags.ts';
import {
  clearBits,
  type Entry,
  mkRealSwapEntry,
  PTE_ACCESSED,
  pteDirty,
  ptePresent,
  pteYoung,
} from '../../uapi/pte.ts';
import { NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_LOCKED } from '../../uapi/vm-flags.ts';
import { atomic } from '../sched/kernel-function.ts';
import { trylockPage, unlockPage } from '../sched/locks.ts';
import { mmCounter } from './fault.ts';
import { canSplitFolio, splitHugePageToList, splitHugePmdAddress } from './huge-split.ts';
import { folioPutbackLru } from './isolate.ts';
import { mlockPageDrainLocal } from './mlock.ts';
import {
  mmuNotifierInvalidateRange,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import {
  clearFlags,
  folioIsFileLru,
  folioMapcount,
  folioMapped,
  folioMaybeDmaPinned,
  folioNrPages,
  folioTestLarge,
  pageAnon,
  pageMapping,
  setFlags,
  testClearFlags,
  testFlags,
} from './page-ref.ts';
import {
  type FoundEntry,
  mlockVmaPage,
  pageRemoveRmap,
  pageTryShareAnonRmap,
  pageVmaMappedEntries,
  pageVmaMappedPmd,
  rmapPlaces,
} from './rmap.ts';
import { folioEvictable, folioPut, setPageDirty } from './swap.ts';
import {
  addToSwap,
  deleteFromSwapCache,
  folioFreeSwap,
  folioTestSwapcache,
  swapDuplicate,
  swapWritepage,
  vmSwapFull,
} from './swapfile.ts';
import { vmaAddressEnd } from './vma.ts';

/**
 * An entry becomes the name of a slot on the swap device; false if the page may be pinned. The entry is clear already.
 *
 * Kernel: `mm/rmap.c: try_to_unmap_one`, the part for anonymous folios
 */
const swapOutEntry = (m: Machine, folio: Pfn, vma: Vma, found: FoundEntry, entry: Entry): boolean => {
  const { row, vpn, page } = found;
  const slot = m.pages.private.get(folio);
  const anonExclusive = testFlags(m, page, PG_anon_exclusive);
  if (anonExclusive && !pageTryShareAnonRmap(m, page)) {
    m.entries.set(row, entry);
    return false;
  }
  swapDuplicate(m, slot);
  m.addRss(vma.mm, RSS_ANON, -1);
  m.addRss(vma.mm, RSS_SWAP, 1);
  m.entries.set(row, mkRealSwapEntry(slot, anonExclusive));
  mmuNotifierInvalidateRange(m, vma.mm, vpn, vpn + 1);
  pageRemoveRmap(m, page, vma, false);
  folioPut(m, folio, 'page table entry');
  return true;
};

/** Takes one entry away; false if the page must stay mapped. */
const unmapOneEntry = (m: Machine, folio: Pfn, vma: Vma, found: FoundEntry): boolean => {
  const { row, vpn, page } = found;
  const entry = m.entries.get(row);
  m.entries.set(row, 0);
  if (pteDirty(entry)) setPageDirty(m, folio);
  if (pageAnon(m, folio)) {
    if (testFlags(m, folio, PG_swapbacked)) return swapOutEntry(m, folio, vma, found, entry);
    // lazily freed: the only references may be the isolation's and those of the mappings
    const unused = m.pages.refcount.get(folio) === 1 + folioMapcount(m, folio);
    if (!unused || testFlags(m, folio, PG_dirty)) {
      m.entries.set(row, entry);
      setFlags(m, folio, PG_swapbacked);
      return false;
    }
    mmuNotifierInvalidateRange(m, vma.mm, vpn, vpn + 1);
    m.addRss(vma.mm, RSS_ANON, -1);
  } else {
    m.addRss(vma.mm, mmCounter(m, page), -1);
  }
  pageRemoveRmap(m, page, vma, false);
  if ((vma.vmFlags & VM_LOCKED) !== 0) mlockPageDrainLocal(m);
  folioPut(m, folio, 'page table entry');
  return true;
};

/**
 * Looks how many entries the processors have used since the last look, and makes them old.
 *
 * Kernel: `mm/rmap.c: folio_referenced, folio_referenced_one`
 *
 * @returns `locked`: a locked area maps it, so it does not belong on this list
 */
export const folioReferenced = (
  m: Machine,
  folio: Pfn,
): { readonly ptes: number; readonly locked: boolean } => {
  let ptes = 0;
  for (const place of rmapPlaces(m, folio)) {
    const pmdRow = pageVmaMappedPmd(m, folio, place, false);
    const found =
      pmdRow === NO_ROW ? pageVmaMappedEntries(m, folio, place, false).map(({ row }) => row) : [pmdRow];
    for (const row of found) {
      const entry = m.entries.get(row);
      if (!ptePresent(entry)) continue;
      if ((place.vma.vmFlags & VM_LOCKED) !== 0) {
        mlockVmaPage(m, folio, place.vma, pmdRow !== NO_ROW);
        return { ptes, locked: true };
      }
      if (!pteYoung(entry)) continue;
      m.entries.set(row, clearBits(entry, PTE_ACCESSED));
      ptes++;
    }
  }
  return { ptes, locked: false };
};

/** Kernel: include/linux/rmap.h: enum ttu_flags */
export interface TtuFlags {
  /** Locked areas lose the page, too. */
  readonly ignoreMlock: boolean;
}

/**
 * Unmaps a folio from one VMA.
 *
 * Kernel: `mm/rmap.c: try_to_unmap_one`
 * Simplified: no hwpoison.
 *
 * @returns false if the walk must stop
 */
const tryToUnmapOne = atomic(
  'try_to_unmap_one',
  (m, folio: Pfn, vma: Vma, vpn: Vpn, { ignoreMlock }: TtuFlags): boolean => {
    if (folioTestLarge(m, folio)) splitHugePmdAddress(m, vma, vpn, false, folio);
    const end = vmaAddressEnd(vma, vpn, m.pages.index.get(folio), folioNrPages(m, folio));
    const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start: vpn, end, owner: 0 };
    mmuNotifierInvalidateRangeStart(m, range);
    let ok = true;
    for (const found of pageVmaMappedEntries(m, folio, { vma, vpn }, false)) {
      if (!ptePresent(m.entries.get(found.row))) continue;
      if ((vma.vmFlags & VM_LOCKED) !== 0 && !ignoreMlock) {
        mlockVmaPage(m, folio, vma, false);
        ok = false;
      } else {
        ok = unmapOneEntry(m, folio, vma, found);
      }
      if (!ok) break;
    }
    mmuNotifierInvalidateRangeEnd(m, range);
    return ok;
  },
);

/** Kernel: `mm/rmap.c: try_to_unmap` */
export const tryToUnmap = (m: Machine, folio: Pfn, flags: TtuFlags): void => {
  for (const { vma, vpn } of rmapPlaces(m, folio)) {
    if (!tryToUnmapOne(m, folio, vma, vpn, flags) || !folioMapped(m, folio)) return;
  }
};

/** Splits an isolated huge page; its pages follow it in the list of candidates. Kernel: `mm/huge_memory.c: split_folio_to_list` */
const splitFolioToList = (m: Machine, folio: Pfn, candidates: Pfn[]): boolean => {
  const tails: Pfn[] = [];
  if (splitHugePageToList(m, folio, 'LRU isolation', tails) !== 0) return false;
  candidates.unshift(...tails.reverse());
  return true;
};

/** Gives anonymous memory a place on the swap device; a huge page comes apart on the way, also if there is none. */
const placeInSwap = (m: Machine, folio: Pfn, candidates: Pfn[]): 'placed' | 'activate' | 'keep' => {
  if (folioTestSwapcache(m, folio)) return 'placed';
  // Simplified: merged pages are not swapped out
  if (testFlags(m, folio, PG_ksm)) return 'activate';
  if (folioMaybeDmaPinned(m, folio)) return 'keep';
  if (!folioTestLarge(m, folio)) return addToSwap(m, folio) ? 'placed' : 'activate';
  if (!canSplitFolio(m, folio)) return 'activate';
  const wholeMapping = m.pages.compoundMapcount.get(folio) > 0;
  if (!splitFolioToList(m, folio, candidates)) return 'activate';
  if (wholeMapping) m.countVmEvent('thp_swpout_fallback');
  return addToSwap(m, folio) ? 'placed' : 'activate';
};

/** Drops a clean page's buffers. Kernel: `mm/filemap.c: filemap_release_folio` */
const releaseBuffers = (m: Machine, folio: Pfn): void => {
  if (!testFlags(m, folio, PG_private)) return;
  clearFlags(m, folio, PG_private);
  m.pages.private.set(folio, 0);
  folioPut(m, folio, 'buffer heads');
};

/** Takes a page that nobody else holds out of the page cache or swap cache. Kernel: `mm/vmscan.c: __remove_mapping` */
const removeMapping = (m: Machine, folio: Pfn): boolean => {
  if (folioTestSwapcache(m, folio)) {
    if (m.pages.refcount.get(folio) !== 2 || testFlags(m, folio, PG_dirty)) return false;
    deleteFromSwapCache(m, folio);
    folioPut(m, folio, 'swap cache');
    return true;
  }
  const file = pageMapping(m, folio);
  if (file === 0 || m.pages.refcount.get(folio) !== 2 || testFlags(m, folio, PG_dirty)) return false;
  m.journal.mapById(m.files.get(file).pages).delete(m.pages.index.get(folio));
  m.pages.mapping.set(folio, 0);
  folioPut(m, folio, 'page cache');
  return true;
};

/**
 * Whether the processors have used a folio since somebody looked: then it gets another round.
 *
 * Kernel: `mm/vmscan.c: folio_check_references`
 * Simplified: no executable mappings.
 */
const folioCheckReferences = (m: Machine, folio: Pfn): 'activate' | 'keep' | 'reclaim' | 'reclaim-clean' => {
  const { ptes, locked } = folioReferenced(m, folio);
  const marked = testClearFlags(m, folio, PG_referenced);
  if (locked) return 'activate';
  if (ptes > 0) {
    setFlags(m, folio, PG_referenced);
    return marked || ptes > 1 ? 'activate' : 'keep';
  }
  return marked && folioIsFileLru(m, folio) ? 'reclaim-clean' : 'reclaim';
};

/** What becomes of one locked candidate. */
const reclaimOne = (m: Machine, folio: Pfn, candidates: Pfn[]): 'free' | 'keep' | 'activate' => {
  if (!folioEvictable(m, folio)) return 'activate';
  const references = folioCheckReferences(m, folio);
  if (references === 'activate' || references === 'keep') return references;
  const anon = pageAnon(m, folio);
  if (anon && testFlags(m, folio, PG_swapbacked)) {
    const place = placeInSwap(m, folio, candidates);
    if (place !== 'placed') return place;
  }
  if (folioMapped(m, folio)) {
    tryToUnmap(m, folio, { ignoreMlock: false });
    if (folioMapped(m, folio)) return 'activate';
  }
  if (folioMaybeDmaPinned(m, folio)) return 'activate';
  if (testFlags(m, folio, PG_dirty)) {
    if (!folioTestSwapcache(m, folio)) {
      // a file's pages are left to the flusher
      if (folioIsFileLru(m, folio)) setFlags(m, folio, PG_reclaim);
      // shared memory has no swap space to go to, and pageout() does not even try if somebody holds the page
      else if (m.pages.refcount.get(folio) !== 1 + folioNrPages(m, folio)) return 'keep';
      return 'activate';
    }
    // whoever else holds the page could still write to it
    if (m.pages.refcount.get(folio) !== 2) return 'keep';
    swapWritepage(m, folio);
  }
  releaseBuffers(m, folio);
  if (anon && !testFlags(m, folio, PG_swapbacked)) return m.pages.refcount.get(folio) === 1 ? 'free' : 'keep';
  return removeMapping(m, folio) ? 'free' : 'keep';
};

export interface Shrunk {
  /** Pages that were freed. */
  readonly reclaimed: number;
  /** Folios that stay, still isolated. */
  readonly kept: readonly Pfn[];
}

/**
 * Frees what can be freed of a list of isolated folios.
 *
 * Kernel: `mm/vmscan.c: shrink_folio_list`
 * Simplified: dirty pages of files are not written back, shared memory is not swapped, no demotion.
 */
export const shrinkFolioList = (m: Machine, candidates: Pfn[]): Shrunk => {
  const kept: Pfn[] = [];
  let reclaimed = 0;
  for (let folio = candidates.shift(); folio !== undefined; folio = candidates.shift()) {
    if (!trylockPage(m, folio)) {
      kept.push(folio);
      continue;
    }
    const verdict = reclaimOne(m, folio, candidates);
    if (verdict === 'activate') {
      if (vmSwapFull(m) || testFlags(m, folio, PG_mlocked)) folioFreeSwap(m, folio);
      if (!testFlags(m, folio, PG_mlocked)) setFlags(m, folio, PG_active);
    }
    unlockPage(m, folio);
    if (verdict === 'free') {
      reclaimed += folioNrPages(m, folio);
      folioPut(m, folio, 'LRU isolation');
    } else {
      kept.push(folio);
    }
  }
  return { reclaimed, kept };
};

/**
 * Reclaims isolated pages; those that must stay return to the LRU.
 *
 * Kernel: `mm/vmscan.c: reclaim_pages`
 * Requires: every folio is isolated from the LRU.
 */
export const reclaimPages = atomic('reclaim_pages', (m, folios: readonly Pfn[]): void => {
  if (folios.length === 0) return;
  for (const folio of folios) clearFlags(m, folio, PG_active);
  for (const folio of shrinkFolioList(m, [...folios]).kept) folioPutbackLru(m, folio);
});
