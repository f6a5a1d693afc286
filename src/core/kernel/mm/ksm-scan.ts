// mm/ksm.c: merging. Equal pages of areas that asked for it (MADV_MERGEABLE) become one page, mapped read-only; the next
// write to one of them copies it. Device pages are refused: get_mergeable_page does not hand them out.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { PG_anon_exclusive, PG_dirty, PG_ksm } from '../../uapi/page-flags.ts';
import {
  clearBits,
  type Entry,
  entryPfn,
  isPfnSwapEntry,
  mkEntry,
  PTE_DIRTY,
  PTE_RW,
  pteDirty,
  ptePresent,
} from '../../uapi/pte.ts';
import { NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { FAULT_FLAG_REMOTE, FAULT_FLAG_UNSHARE, VM_FAULT_ERROR } from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, letGoMidway, trylockPage, unlockPage } from '../sched/locks.ts';
import { handleMmFault } from './fault.ts';
import { getMergeablePage } from './ksm.ts';
import {
  mmuNotifierChangePte,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import { folioGet, pageAnon, pageCompound, pageMapcount, setFlags, testFlags } from './page-ref.ts';
import { walkPte } from './page-table.ts';
import { pageAddAnonRmap, pageRemoveRmap, pageTryShareAnonRmap } from './rmap.ts';
import { markPageAccessed, putPage, setPageDirty } from './swap.ts';
import { freeSwapCache } from './swapfile.ts';
import { vmaLookup, vmPageProt } from './vma.ts';

const VPN_RANGE = 2 ** 36;
const itemKey = (mm: number, vpn: Vpn): number => mm * VPN_RANGE + vpn;
const mmOfItem = (key: number): number => Math.floor(key / VPN_RANGE);

/** A place whose page may be merged. Ours: struct ksm_rmap_item. */
interface RmapItem {
  readonly vma: Vma;
  readonly vpn: Vpn;
  readonly page: Pfn;
}

/** Entry of a small page that is mapped there; undefined: it is not any more. */
const mappedEntry = (m: Machine, { vma, vpn, page }: RmapItem): { row: number; entry: Entry } | undefined => {
  const row = walkPte(m, m.mms.get(vma.mm), vpn);
  const entry = row === NO_ROW ? 0 : m.entries.get(row);
  return ptePresent(entry) && entryPfn(entry) === page ? { row, entry } : undefined;
};

/** Runs a change of one entry between the calls of the notifiers. */
const notified = (m: Machine, { vma, vpn }: RmapItem, change: () => boolean): boolean => {
  const range: MmuNotifierRange = { event: 'CLEAR', mm: vma.mm, start: vpn, end: vpn + 1, owner: 0 };
  mmuNotifierInvalidateRangeStart(m, range);
  const ok = change();
  mmuNotifierInvalidateRangeEnd(m, range);
  return ok;
};

/**
 * Makes an entry read-only, if nobody besides the entries and the scanner holds the page.
 *
 * Kernel: `mm/ksm.c: write_protect_page`
 */
const writeProtectPage = (m: Machine, item: RmapItem): boolean =>
  notified(m, item, () => {
    const mapped = mappedEntry(m, item);
    if (mapped === undefined) return false;
    const { row, entry } = mapped;
    const { page } = item;
    m.entries.set(row, 0);
    const held = m.pages.refcount.get(page) !== pageMapcount(m, page) + 1;
    if (held || (testFlags(m, page, PG_anon_exclusive) && !pageTryShareAnonRmap(m, page))) {
      m.entries.set(row, entry);
      return false;
    }
    if (pteDirty(entry)) setPageDirty(m, page);
    m.entries.set(row, clearBits(entry, PTE_DIRTY | PTE_RW));
    return true;
  });

/** Maps the merged page in the place of an equal one. Kernel: `mm/ksm.c: replace_page` */
const replacePage = (m: Machine, item: RmapItem, kpage: Pfn): boolean =>
  notified(m, item, () => {
    const mapped = mappedEntry(m, item);
    if (mapped === undefined || !trylockPage(m, kpage)) return false;
    folioGet(m, kpage, 'page table entry');
    pageAddAnonRmap(m, kpage, item.vma, item.vpn, {});
    unlockPage(m, kpage);
    m.entries.set(mapped.row, 0);
    mmuNotifierChangePte(m, item.vma.mm, item.vpn);
    m.entries.set(mapped.row, mkEntry(kpage, clearBits(vmPageProt(item.vma), PTE_RW)));
    pageRemoveRmap(m, item.page, item.vma, false);
    freeSwapCache(m, item.page);
    putPage(m, item.page, 'page table entry');
    return true;
  });

/**
 * A place joins the merged page. It keeps the anchor of its area: through that a child is found even after the
 * process of the place itself has ended.
 *
 * Kernel: `mm/ksm.c: stable_tree_append, try_to_merge_with_ksm_page`
 */
const stableTreeAppend = (m: Machine, vma: Vma, vpn: Vpn, kpage: Pfn): void => {
  const key = itemKey(vma.mm, vpn);
  m.ksmItems.set(key, kpage);
  m.ksmAnchors.set(key, vma.anonVma);
};

/**
 * Makes a page the merged page of its content, or puts the merged page in its place.
 *
 * Kernel: `mm/ksm.c: try_to_merge_one_page`
 * Simplified: pages of huge pages are left alone.
 *
 * @param kpage - NO_PFN: this page becomes the merged one
 */
const tryToMergeOnePage = atomic(
  'try_to_merge_one_page',
  (m, page: Pfn, kpage: Pfn, item: RmapItem): boolean => {
    if (page === kpage) return true;
    if (!pageAnon(m, page) || pageCompound(m, page) || !trylockPage(m, page)) return false;
    let ok = writeProtectPage(m, item);
    if (ok && kpage === NO_PFN) {
      setFlags(m, page, PG_ksm);
      markPageAccessed(m, page);
      setFlags(m, page, PG_dirty);
    }
    unlockPage(m, page);
    if (ok && kpage !== NO_PFN) ok = replacePage(m, item, kpage);
    if (ok) stableTreeAppend(m, item.vma, item.vpn, kpage === NO_PFN ? page : kpage);
    return ok;
  },
);

/** Whether the place still names the page, be it with an entry that waits or one for a device's memory. */
const namesPage = (m: Machine, vma: Vma, vpn: Vpn, page: Pfn): boolean => {
  const row = walkPte(m, m.mms.get(vma.mm), vpn);
  const entry = row === NO_ROW ? 0 : m.entries.get(row);
  return (ptePresent(entry) || isPfnSwapEntry(entry)) && entryPfn(entry) === page;
};

/** The areas that the anchor of a place reaches at its address: its own, and those of children. */
const areasOfItem = (m: Machine, key: number): Vma[] => {
  const vpn = key % VPN_RANGE;
  const tree = m.anonVmas.find(m.ksmAnchors.get(key) ?? 0)?.tree ?? [];
  return tree.flatMap((id) => {
    const vma = m.vmas.find(id);
    return vma !== undefined && vma.vmStart <= vpn && vpn < vma.vmEnd ? [vma] : [];
  });
};

/**
 * Forgets places where the merged page is not mapped any more. A child that still maps it gets a place of its own.
 *
 * Kernel: `mm/ksm.c: remove_rmap_item_from_tree, scan_get_next_rmap_item`
 * Simplified: a round of ksmd comes to the children in its own time, and forgets places whose page it cannot follow
 * (private device memory); here children are looked at at once, and such places stay.
 */
const pruneItems = (m: Machine): void => {
  for (const key of m.ksmItems.keys()) {
    const vpn = key % VPN_RANGE;
    const page = m.ksmItems.get(key) ?? NO_PFN;
    const merged = testFlags(m, page, PG_ksm);
    const mapping = merged ? areasOfItem(m, key).filter((vma) => namesPage(m, vma, vpn, page)) : [];
    if (mapping.some((vma) => vma.mm === mmOfItem(key))) continue;
    for (const vma of mapping) stableTreeAppend(m, vma, vpn, page);
    m.ksmItems.delete(key);
    m.ksmAnchors.delete(key);
  }
};

/** The merged page with some content. Kernel: `mm/ksm.c: stable_tree_search` */
const stableTreeSearch = (m: Machine, content: number): Pfn => {
  for (const key of m.ksmItems.keys()) {
    const page = m.ksmItems.get(key) ?? NO_PFN;
    if (m.pages.content.get(page) === content) return page;
  }
  return NO_PFN;
};

/**
 * Looks through a range for pages that are equal to a merged one or to each other.
 *
 * Kernel: `mm/ksm.c: ksm_do_scan, cmp_and_merge_page`
 * Simplified: the range is given; a page need not stay the same for a whole round first.
 * Sleeps: mmap_lock.
 *
 * @returns pages that were merged into another one
 */
export const ksmDoScan = sleepable(
  'ksm_do_scan',
  function* (m, mm: number, start: Vpn, end: Vpn): Sleeps<number> {
    pruneItems(m);
    let merged = 0;
    const unstable = new Map<number, Vpn>();
    for (let vpn = start; vpn < end; vpn++) {
      yield* letGo(m, 'ksm_do_scan', 1);
      const page = yield* getMergeablePage(m, mm, vpn);
      if (page === NO_PFN) continue;
      const vma = vmaLookup(m, m.mms.get(mm), vpn);
      if (vma !== undefined && testFlags(m, page, PG_ksm)) {
        stableTreeAppend(m, vma, vpn, page);
      } else if (vma !== undefined) {
        const content = m.pages.content.get(page);
        const kpage = stableTreeSearch(m, content);
        const other = unstable.get(content);
        if (kpage !== NO_PFN) {
          if (tryToMergeOnePage(m, page, kpage, { vma, vpn, page })) merged++;
        } else if (other === undefined) {
          unstable.set(content, vpn);
        } else {
          merged += yield* mergeTwoPages(m, { vma, vpn, page }, other);
        }
      }
      putPage(m, page, 'FOLL_GET');
    }
    return merged;
  },
);

/** The later one becomes the merged page. Kernel: `mm/ksm.c: try_to_merge_two_pages` */
function* mergeTwoPages(m: Machine, item: RmapItem, otherVpn: Vpn): Sleeps<number> {
  const page = yield* getMergeablePage(m, item.vma.mm, otherVpn);
  if (page === NO_PFN) return 0;
  const vma = vmaLookup(m, m.mms.get(item.vma.mm), otherVpn);
  let merged = 0;
  if (vma !== undefined && page !== item.page && tryToMergeOnePage(m, item.page, NO_PFN, item)) {
    if (tryToMergeOnePage(m, page, item.page, { vma, vpn: otherVpn, page })) merged = 1;
  }
  putPage(m, page, 'FOLL_GET');
  return merged;
}

/**
 * Gives an area its own copies again.
 *
 * Kernel: `mm/ksm.c: unmerge_ksm_pages, break_ksm`
 */
export function* unmergeKsmPages(m: Machine, vma: Vma, start: Vpn, end: Vpn): Sleeps<number> {
  for (let vpn = start; vpn < end; vpn++) {
    yield* letGoMidway(m, 'unmerge_ksm_pages', vpn - start);
    const row = walkPte(m, m.mms.get(vma.mm), vpn);
    const entry = row === NO_ROW ? 0 : m.entries.get(row);
    if (!ptePresent(entry) || !testFlags(m, entryPfn(entry), PG_ksm)) continue;
    const ret = yield* handleMmFault(m, m.vmas.get(vma.id), vpn, FAULT_FLAG_UNSHARE | FAULT_FLAG_REMOTE);
    if ((ret & VM_FAULT_ERROR) !== 0) return -1;
  }
  return 0;
}

/**
 * Where a merged page may be mapped: its places, and those of children that were forked since the last round.
 *
 * Kernel: `mm/ksm.c: rmap_walk_ksm`
 */
export const ksmPlaces = (m: Machine, page: Pfn): { readonly vma: Vma; readonly vpn: Vpn }[] => {
  const places: { vma: Vma; vpn: Vpn }[] = [];
  const keys = m.ksmItems.keys().filter((key) => m.ksmItems.get(key) === page);
  for (const forks of [false, true]) {
    for (const key of keys) {
      for (const vma of areasOfItem(m, key)) {
        if ((vma.mm !== mmOfItem(key)) === forks) places.push({ vma, vpn: key % VPN_RANGE });
      }
    }
  }
  return places;
};

/** The places of a merged page follow it to another frame. Kernel: `mm/ksm.c: folio_migrate_ksm` */
export const folioMigrateKsm = (m: Machine, dst: Pfn, src: Pfn): void => {
  setFlags(m, dst, PG_ksm);
  for (const key of m.ksmItems.keys()) if (m.ksmItems.get(key) === src) m.ksmItems.set(key, dst);
};
