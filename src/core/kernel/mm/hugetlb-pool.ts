// mm/hugetlb.c, the pools: huge pages that were set aside at boot, 2 MiB ones and gigantic ones of 1 GiB. Each size is a
// struct hstate. What a page table maps them with, and where in it, depends on the size alone.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import {
  GIGANTIC_FREE,
  GIGANTIC_FREE_HEAD,
  GIGANTIC_RESV,
  GIGANTIC_TOTAL,
  HUGETLB_FREE,
  HUGETLB_FREE_HEAD,
  HUGETLB_RESV,
  HUGETLB_SURPLUS,
  HUGETLB_TOTAL,
} from '../../machine/scalars.ts';
import {
  __GFP_COMP,
  __GFP_NOWARN,
  __GFP_THISNODE,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
} from '../../uapi/gfp.ts';
import { EBUSY } from '../../uapi/errno.ts';
import { PG_anon_exclusive, PG_head, PG_hugetlb, PG_hugetlb_freed } from '../../uapi/page-flags.ts';
import {
  type EntryRow,
  GIB_PAGES,
  HPAGE_PMD_NR,
  HPAGE_PMD_ORDER,
  NO_PFN,
  type Pfn,
  type Vpn,
} from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { newAddressSpace } from './filemap.ts';
import { isLongtermPinnablePage } from './normal-page.ts';
import { allocPages, freePages, localNode } from './page-alloc.ts';
import {
  clearFlags,
  folioGet,
  folioOrder,
  folioRefAdd,
  pageAnon,
  pageToNid,
  setFlags,
  setPageCount,
} from './page-ref.ts';
import { pmdAlloc, pmdOffset, pudAlloc, pudOffset } from './page-table.ts';
import { folioPut, setFreeHugetlb } from './swap.ts';
import { zonelist } from './zonelists.ts';

/** struct hstate: the huge pages of one size, and the rows of their pool. */
export interface Hstate {
  readonly order: number;
  readonly npages: number;
  /** Level of the page table whose entries map them. */
  readonly level: 'pmd' | 'pud';
  readonly freeHead: number;
  readonly free: number;
  readonly total: number;
  readonly resv: number;
  /** Row of the pages beyond the size of the pool; there are none of gigantic ones. */
  readonly surplus?: number;
}

const HSTATE_PMD: Hstate = {
  order: HPAGE_PMD_ORDER,
  npages: HPAGE_PMD_NR,
  level: 'pmd',
  freeHead: HUGETLB_FREE_HEAD,
  free: HUGETLB_FREE,
  total: HUGETLB_TOTAL,
  resv: HUGETLB_RESV,
  surplus: HUGETLB_SURPLUS,
};
const HSTATE_PUD: Hstate = {
  order: 18,
  npages: GIB_PAGES,
  level: 'pud',
  freeHead: GIGANTIC_FREE_HEAD,
  free: GIGANTIC_FREE,
  total: GIGANTIC_TOTAL,
  resv: GIGANTIC_RESV,
};

/** All sizes. Kernel: `include/linux/hugetlb.h: for_each_hstate` */
export const HSTATES: readonly Hstate[] = [HSTATE_PMD, HSTATE_PUD];

/** Kernel: `include/linux/hugetlb.h: size_to_hstate` */
export const hstateOfOrder = (order: number | undefined): Hstate =>
  order === HSTATE_PUD.order ? HSTATE_PUD : HSTATE_PMD;

/** Kernel: `include/linux/hugetlb.h: hstate_vma` */
export const hstateVma = (m: Machine, vma: Vma): Hstate => hstateOfOrder(m.files.get(vma.file).hugeOrder);

/** Kernel: `include/linux/hugetlb.h: folio_hstate` */
const folioHstate = (m: Machine, folio: Pfn): Hstate => hstateOfOrder(folioOrder(m, folio));

/** First page of the huge page around an address. Kernel: `include/linux/hugetlb.h: huge_page_mask` */
export const hugePageStart = (h: Hstate, vpn: Vpn): Vpn => vpn - (vpn % h.npages);

/** Row of the entry that maps an address; NO_ROW where there is no table. Kernel: `mm/hugetlb.c: huge_pte_offset` */
export const hugePteOffset = (m: Machine, mm: Mm, vpn: Vpn, h: Hstate): EntryRow =>
  h.level === 'pud' ? pudOffset(m, mm, vpn) : pmdOffset(m, mm, vpn);

/** The same, with tables made as needed; NO_ROW without memory. Kernel: `mm/hugetlb.c: huge_pte_alloc` */
export const hugePteAlloc = (m: Machine, mm: Mm, vpn: Vpn, h: Hstate): EntryRow =>
  h.level === 'pud' ? pudAlloc(m, mm, vpn) : pmdAlloc(m, mm, vpn);

/** Kernel: `mm/hugetlb.c: enqueue_huge_page` */
const enqueueHugePage = (m: Machine, folio: Pfn, h: Hstate): void => {
  m.pages.lruNext.set(folio, m.scalars.get(h.freeHead));
  m.scalars.set(h.freeHead, folio + 1);
  m.scalars.set(h.free, m.scalars.get(h.free) + 1);
  setFlags(m, folio, PG_hugetlb_freed);
};

/**
 * The last reference is gone: back to the pool. Page flags stay, so the next user may find PG_dirty set.
 *
 * Kernel: `mm/hugetlb.c: free_huge_page`
 */
const freeHugePage = (m: Machine, folio: Pfn): void => {
  bugOn(m.pages.compoundMapcount.get(folio) !== 0, 'free_huge_page: page is still mapped');
  if (pageAnon(m, folio)) clearFlags(m, folio, PG_anon_exclusive);
  m.pages.mapping.set(folio, 0);
  const h = folioHstate(m, folio);
  const temporary = hpageFlag(m, folio, HPG_temporary);
  m.pages.private.set(folio, 0);
  if (temporary) {
    updateAndFreePage(m, folio, h);
  } else if (surplusOf(m, h) > 0) {
    addSurplus(m, h, -1);
    updateAndFreePage(m, folio, h);
  } else {
    enqueueHugePage(m, folio, h);
  }
};

// --- pages beyond the size of the pool -------------------------------------------------------------------------------

const surplusOf = (m: Machine, h: Hstate): number => (h.surplus === undefined ? 0 : m.scalars.get(h.surplus));
const addSurplus = (m: Machine, h: Hstate, by: number): void => {
  if (h.surplus !== undefined) m.scalars.set(h.surplus, surplusOf(m, h) + by);
};

/**
 * One more page for the pool, as far as nr_overcommit_hugepages allows.
 *
 * Kernel: `mm/hugetlb.c: alloc_surplus_huge_page`
 * Simplified: surplus pages are counted for all nodes together.
 */
export const allocSurplusHugePage = (m: Machine, h: Hstate): Pfn => {
  if (h.surplus === undefined || surplusOf(m, h) >= (m.config.hugetlbOvercommit ?? 0)) return NO_PFN;
  const folio = allocFreshHugePage(m, h, GFP_HIGHUSER_MOVABLE, localNode(m));
  if (folio !== NO_PFN) addSurplus(m, h, 1);
  return folio;
};

/**
 * Makes sure that so many pages more can be promised, and promises them.
 *
 * Kernel: `mm/hugetlb.c: gather_surplus_pages`
 *
 * @returns false: there is not enough memory, or it is not allowed
 */
export const gatherSurplusPages = (m: Machine, h: Hstate, wanted: number): boolean => {
  const gathered: Pfn[] = [];
  while (availableHugePages(m, h) + gathered.length < wanted) {
    const folio = allocSurplusHugePage(m, h);
    if (folio === NO_PFN) break;
    gathered.push(folio);
  }
  const enough = availableHugePages(m, h) + gathered.length >= wanted;
  if (enough) m.scalars.set(h.resv, m.scalars.get(h.resv) + wanted);
  for (const folio of gathered) {
    folioRefAdd(m, folio, -1, 'allocation');
    if (enough) enqueueHugePage(m, folio, h);
    else freeHugePage(m, folio);
  }
  return enough;
};

/** Promises are taken back, and what was gathered for them goes. Kernel: `mm/hugetlb.c: return_unused_surplus_pages` */
export const returnUnusedSurplusPages = (m: Machine, h: Hstate, unused: number): void => {
  m.scalars.set(h.resv, m.scalars.get(h.resv) - unused);
  const last = Math.min(unused, surplusOf(m, h), m.scalars.get(h.free));
  for (let i = 0; i < last; i++) {
    const folio = m.scalars.get(h.freeHead) - 1;
    m.scalars.set(h.freeHead, m.pages.lruNext.get(folio));
    m.pages.lruNext.set(folio, 0);
    m.scalars.set(h.free, m.scalars.get(h.free) - 1);
    clearFlags(m, folio, PG_hugetlb_freed);
    addSurplus(m, h, -1);
    updateAndFreePage(m, folio, h);
  }
};

/** A page leaves its pool for good. Kernel: `mm/hugetlb.c: remove_hugetlb_page, update_and_free_page` */
const updateAndFreePage = (m: Machine, folio: Pfn, h: Hstate): void => {
  m.scalars.set(h.total, m.scalars.get(h.total) - 1);
  clearFlags(m, folio, PG_hugetlb);
  freePages(m, folio, h.order);
};

// --- pages that are to move ------------------------------------------------------------------------------------------

/** In `private` of the first page. Kernel: include/linux/hugetlb.h: enum hugetlb_page_flags */
const HPG_migratable = 2;
/** The page came from the page allocator for a migration, and returns there. */
const HPG_temporary = 4;

const hpageFlag = (m: Machine, folio: Pfn, flag: number): boolean =>
  (m.pages.private.get(folio) & flag) !== 0;
const setHpageFlag = (m: Machine, folio: Pfn, flag: number, on: boolean): void => {
  const others = m.pages.private.get(folio) & ~flag;
  m.pages.private.set(folio, on ? others | flag : others);
};

/** A page is mapped for the first time: from now on it may move. Kernel: `include/linux/hugetlb.h: SetHPageMigratable` */
export const setHpageMigratable = (m: Machine, folio: Pfn): void =>
  setHpageFlag(m, folio, HPG_migratable, true);

/**
 * Takes a page for migration, with a reference of its own.
 *
 * Kernel: `mm/hugetlb.c: folio_isolate_hugetlb`
 *
 * @returns 0, or -EBUSY: somebody else is moving it
 */
export const folioIsolateHugetlb = (m: Machine, folio: Pfn): number => {
  if (!hpageFlag(m, folio, HPG_migratable) || m.pages.refcount.get(folio) === 0) return -EBUSY;
  folioGet(m, folio, 'LRU isolation');
  setHpageFlag(m, folio, HPG_migratable, false);
  return 0;
};

/** Kernel: `mm/hugetlb.c: folio_putback_hugetlb` */
export const folioPutbackHugetlb = (m: Machine, folio: Pfn): void => {
  setHpageFlag(m, folio, HPG_migratable, true);
  folioPut(m, folio, 'LRU isolation');
};

/** A huge page straight from the page allocator; gigantic ones are not to be had. Kernel: `mm/hugetlb.c: alloc_fresh_huge_page, alloc_buddy_huge_page` */
const allocFreshHugePage = (m: Machine, h: Hstate, gfp: number, node: number): Pfn => {
  if (h.order !== HPAGE_PMD_ORDER) return NO_PFN;
  const folio = allocPages(m, gfp | __GFP_COMP | __GFP_NOWARN, h.order, node);
  m.countVmEvent(folio === NO_PFN ? 'htlb_buddy_alloc_fail' : 'htlb_buddy_alloc_success');
  if (folio === NO_PFN) return NO_PFN;
  setFlags(m, folio, PG_hugetlb);
  m.scalars.set(h.total, m.scalars.get(h.total) + 1);
  return folio;
};

/**
 * A page for the copy of one that moves: out of the pool, or one more for the time being.
 *
 * Kernel: `mm/hugetlb.c: alloc_huge_page_nodemask, alloc_migrate_huge_page`
 *
 * @param thisNode - no other node will do
 */
export const allocHugePageNodemask = (m: Machine, src: Pfn, node: number, thisNode: boolean): Pfn => {
  const h = folioHstate(m, src);
  const gfp = (h.level === 'pud' ? GFP_HIGHUSER : GFP_HIGHUSER_MOVABLE) | (thisNode ? __GFP_THISNODE : 0);
  const pooled = availableHugePages(m, h) > 0 ? dequeueHugePage(m, h, gfp, node) : NO_PFN;
  if (pooled !== NO_PFN) return pooled;
  const folio = allocFreshHugePage(m, h, gfp, node);
  if (folio !== NO_PFN) setHpageFlag(m, folio, HPG_temporary, true);
  return folio;
};

/** The new page takes the old one's place in the pool. Kernel: `mm/hugetlb.c: move_hugetlb_state` */
export const moveHugetlbState = (m: Machine, oldPage: Pfn, newPage: Pfn): void => {
  if (hpageFlag(m, newPage, HPG_temporary)) {
    setHpageFlag(m, oldPage, HPG_temporary, true);
    setHpageFlag(m, newPage, HPG_temporary, false);
  }
  setHpageMigratable(m, newPage);
};

// --- filling the pools, and taking from them ----------------------------------------------------------------------------

/** A page joins its pool for the first time. */
const addToPool = (m: Machine, folio: Pfn, h: Hstate): void => {
  setFlags(m, folio, PG_hugetlb);
  enqueueHugePage(m, folio, h);
  m.scalars.set(h.total, m.scalars.get(h.total) + 1);
};

/** A GiB that memblock gave away becomes one page. Kernel: `mm/hugetlb.c: gather_bootmem_prealloc, prep_compound_gigantic_page` */
const prepGiganticPage = (m: Machine, folio: Pfn): void => {
  setFlags(m, folio, PG_head);
  m.pages.order.set(folio, HSTATE_PUD.order);
  for (let i = 1; i < GIB_PAGES; i++) m.pages.tailOffset.set(folio + i, i);
  addToPool(m, folio, HSTATE_PUD);
};

/**
 * Fills the pools at boot.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_hstate_alloc_pages`
 */
export const hugetlbInit = (m: Machine): void => {
  setFreeHugetlb(m, freeHugePage);
  for (const folio of m.config.gigantic) prepGiganticPage(m, folio);
  for (let i = 0; i < m.config.hugetlbPages; i++) {
    const folio = allocPages(m, GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOWARN, HPAGE_PMD_ORDER);
    if (folio === NO_PFN) return;
    folioRefAdd(m, folio, -1, 'allocation');
    addToPool(m, folio, HSTATE_PMD);
  }
};

/** Free pages that nobody was promised. Kernel: `mm/hugetlb.c: available_huge_pages` */
export const availableHugePages = (m: Machine, h: Hstate): number =>
  m.scalars.get(h.free) - m.scalars.get(h.resv);

/** Whether the task may take a page: while a long-term pin runs, pages that it could not keep are passed over. */
const mayTake = (m: Machine, folio: Pfn): boolean =>
  !m.current.memallocPin || isLongtermPinnablePage(m, folio);

/** Kernel: `mm/hugetlb.c: dequeue_huge_page_node_exact` */
const dequeueHugePageNodeExact = (m: Machine, h: Hstate, node: number): Pfn => {
  let previous = NO_PFN;
  for (let link = m.scalars.get(h.freeHead); link !== 0; link = m.pages.lruNext.get(link - 1)) {
    const folio = link - 1;
    if (pageToNid(m, folio) === node && mayTake(m, folio)) {
      const next = m.pages.lruNext.get(folio);
      if (previous === NO_PFN) m.scalars.set(h.freeHead, next);
      else m.pages.lruNext.set(previous, next);
      m.pages.lruNext.set(folio, 0);
      m.scalars.set(h.free, m.scalars.get(h.free) - 1);
      clearFlags(m, folio, PG_hugetlb_freed);
      setPageCount(m, folio, 1, 'allocation');
      return folio;
    }
    previous = folio;
  }
  return NO_PFN;
};

/** Takes a page out of the pool, from the nearest node that has one. Kernel: `mm/hugetlb.c: dequeue_huge_page_nodemask` */
export const dequeueHugePage = (
  m: Machine,
  h: Hstate,
  gfp = GFP_HIGHUSER_MOVABLE,
  from = localNode(m),
): Pfn => {
  const nodes = new Set(zonelist(m, gfp, from).map((zone) => zone.node));
  for (const node of nodes) {
    const folio = dequeueHugePageNodeExact(m, h, node);
    if (folio !== NO_PFN) return folio;
  }
  return NO_PFN;
};

/** Every mapping has a file of its own on the internal mount. Kernel: `fs/hugetlbfs/inode.c: hugetlb_file_setup` */
export const newHugetlbFile = (m: Machine, npages: number, hugePages: number): number => {
  const file = newAddressSpace(m, 'hugetlb', 'hugetlb', npages);
  if (hugePages !== HPAGE_PMD_NR) m.files.update(file, { hugeOrder: Math.log2(hugePages) });
  return file;
};
