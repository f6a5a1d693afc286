// mm/vmscan.c: reclaiming the pages that madvise hands over. There is no swap space, so of anonymous memory only
// what MADV_FREE gave up can go.

import type { Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON } from '../../machine/machine.ts';
import type { MmuNotifierRange } from '../../machine/ops.ts';
import {
  PG_active,
  PG_dirty,
  PG_mlocked,
  PG_private,
  PG_reclaim,
  PG_swapbacked,
} from '../../uapi/page-flags.ts';
import { pteDirty, ptePresent } from '../../uapi/pte.ts';
import type { Pfn, Vpn } from '../../uapi/units.ts';
import { VM_LOCKED } from '../../uapi/vm-flags.ts';
import { atomic } from '../sched/kernel-function.ts';
import { trylockPage, unlockPage } from '../sched/locks.ts';
import { mmCounter } from './fault.ts';
import { canSplitFolio, splitHugePageToList, splitHugePmdAddress } from './huge-split.ts';
import { folioPutbackLru } from './isolate.ts';
import {
  mmuNotifierInvalidateRange,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import {
  clearFlags,
  folioGet,
  folioIsFileLru,
  folioMapcount,
  folioMapped,
  folioMaybeDmaPinned,
  folioNrPages,
  folioTestLarge,
  pageAnon,
  pageMapping,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { type FoundEntry, mlockVmaPage, pageRemoveRmap, pageVmaMappedEntries, rmapPlaces } from './rmap.ts';
import { folioEvictable, folioPut, setPageDirty } from './swap.ts';

/** Takes one entry away; false if the page must stay mapped. */
const unmapOneEntry = (m: Machine, folio: Pfn, vma: Vma, found: FoundEntry): boolean => {
  const { row, vpn, page } = found;
  const entry = m.entries.get(row);
  m.entries.set(row, 0);
  if (pteDirty(entry)) setPageDirty(m, folio);
  if (pageAnon(m, folio)) {
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
  folioPut(m, folio, 'page table entry');
  return true;
};

/**
 * Unmaps a folio from one VMA.
 *
 * Kernel: `mm/rmap.c: try_to_unmap_one`
 * Simplified: no swap entries, no hwpoison.
 *
 * @returns false if the walk must stop
 */
const tryToUnmapOne = atomic('try_to_unmap_one', (m, folio: Pfn, vma: Vma, vpn: Vpn): boolean => {
  if (folioTestLarge(m, folio)) splitHugePmdAddress(m, vma, vpn, false, folio);
  const end = Math.min(vpn + folioNrPages(m, folio), vma.vmEnd);
  const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start: vpn, end, owner: 0 };
  mmuNotifierInvalidateRangeStart(m, range);
  let ok = true;
  for (const found of pageVmaMappedEntries(m, folio, { vma, vpn }, false)) {
    if (!ptePresent(m.entries.get(found.row))) continue;
    if ((vma.vmFlags & VM_LOCKED) !== 0) {
      mlockVmaPage(m, folio, vma, false);
      ok = false;
    } else {
      ok = unmapOneEntry(m, folio, vma, found);
    }
    if (!ok) break;
  }
  mmuNotifierInvalidateRangeEnd(m, range);
  return ok;
});

/** Kernel: `mm/rmap.c: try_to_unmap` */
const tryToUnmap = (m: Machine, folio: Pfn): void => {
  for (const { vma, vpn } of rmapPlaces(m, folio)) {
    if (!tryToUnmapOne(m, folio, vma, vpn) || !folioMapped(m, folio)) return;
  }
};

/** Splits an isolated huge page; its pages follow it in the list of candidates. Kernel: `mm/huge_memory.c: split_folio_to_list` */
const splitFolioToList = (m: Machine, folio: Pfn, candidates: Pfn[]): boolean => {
  const nr = folioNrPages(m, folio);
  if (splitHugePageToList(m, folio, 'LRU isolation') !== 0) return false;
  const tails: Pfn[] = [];
  for (let page = folio + 1; page < folio + nr; page++) {
    if (m.pages.refcount.get(page) === 0) continue; // was not mapped: freed already
    folioGet(m, page, 'LRU isolation');
    tails.push(page);
  }
  candidates.unshift(...tails);
  return true;
};

/** Anonymous memory that is still wanted: without swap space it stays, but a huge page comes apart on the way. */
const failToSwap = (m: Machine, folio: Pfn, candidates: Pfn[]): 'activate' | 'keep' => {
  if (folioMaybeDmaPinned(m, folio)) return 'keep';
  if (!folioTestLarge(m, folio) || !canSplitFolio(m, folio)) return 'activate';
  const wholeMapping = m.pages.compoundMapcount.get(folio) > 0;
  if (splitFolioToList(m, folio, candidates) && wholeMapping) m.countVmEvent('thp_swpout_fallback');
  return 'activate';
};

/** Drops a clean page's buffers. Kernel: `mm/filemap.c: filemap_release_folio` */
const releaseBuffers = (m: Machine, folio: Pfn): void => {
  if (!testFlags(m, folio, PG_private)) return;
  clearFlags(m, folio, PG_private);
  m.pages.private.set(folio, 0);
  folioPut(m, folio, 'buffer heads');
};

/** Takes a page that nobody else holds out of the page cache. Kernel: `mm/vmscan.c: __remove_mapping` */
const removeMapping = (m: Machine, folio: Pfn): boolean => {
  const file = pageMapping(m, folio);
  if (file === 0 || m.pages.refcount.get(folio) !== 2 || testFlags(m, folio, PG_dirty)) return false;
  m.journal.mapById(m.files.get(file).pages).delete(m.pages.index.get(folio));
  m.pages.mapping.set(folio, 0);
  folioPut(m, folio, 'page cache');
  return true;
};

/** What becomes of one locked candidate. */
const reclaimOne = (m: Machine, folio: Pfn, candidates: Pfn[]): 'free' | 'keep' | 'activate' => {
  if (!folioEvictable(m, folio)) return 'activate';
  if (pageAnon(m, folio) && testFlags(m, folio, PG_swapbacked)) return failToSwap(m, folio, candidates);
  if (folioMapped(m, folio)) {
    tryToUnmap(m, folio);
    if (folioMapped(m, folio)) return 'activate';
  }
  if (folioMaybeDmaPinned(m, folio)) return 'activate';
  if (testFlags(m, folio, PG_dirty)) {
    // a file's pages are left to the flusher; shared memory has no swap space to go to
    if (folioIsFileLru(m, folio)) setFlags(m, folio, PG_reclaim);
    return 'activate';
  }
  releaseBuffers(m, folio);
  if (pageAnon(m, folio)) return m.pages.refcount.get(folio) === 1 ? 'free' : 'keep';
  return removeMapping(m, folio) ? 'free' : 'keep';
};

/** Kernel: `mm/vmscan.c: shrink_folio_list`. Simplified: no swap, no writeback, no demotion. */
const shrinkFolioList = (m: Machine, candidates: Pfn[]): Pfn[] => {
  const kept: Pfn[] = [];
  for (let folio = candidates.shift(); folio !== undefined; folio = candidates.shift()) {
    if (!trylockPage(m, folio)) {
      kept.push(folio);
      continue;
    }
    const verdict = reclaimOne(m, folio, candidates);
    if (verdict === 'activate' && !testFlags(m, folio, PG_mlocked)) setFlags(m, folio, PG_active);
    unlockPage(m, folio);
    if (verdict === 'free') folioPut(m, folio, 'LRU isolation');
    else kept.push(folio);
  }
  return kept;
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
  for (const folio of shrinkFolioList(m, [...folios])) folioPutbackLru(m, folio);
});
