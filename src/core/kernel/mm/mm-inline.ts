// include/linux/mm_inline.h: the LRU lists of each node. Reclaim takes folios from their tails; what is not on a list
// it never sees. Device pages are on none: the words of the links are the driver's.
//
// The lists are real ones, linked through lru.next and lru.prev: a batch of 15 is linked in one go, so a page costs
// about two journalled writes when it is added and four when it leaves, 3 % of what happens to it from its first
// touch to its migration home. Deriving the order instead would be no cheaper and would have to search memory.

import type { Machine } from '../../machine/machine.ts';
import { LRU_HEAD, LRU_NR, LRU_TAIL, lruRow } from '../../machine/scalars.ts';
import { PG_active, PG_lru, PG_unevictable } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { folioIsFileLru, folioNrPages, isZoneDevicePage, testFlags } from './page-ref.ts';

/** Kernel: include/linux/mmzone.h: enum lru_list */
export const LRU_INACTIVE_ANON = 0;
export const LRU_ACTIVE_ANON = 1;
export const LRU_INACTIVE_FILE = 2;
export const LRU_ACTIVE_FILE = 3;
export const LRU_UNEVICTABLE = 4;
export const LRU_LISTS = [
  'inactive_anon',
  'active_anon',
  'inactive_file',
  'active_file',
  'unevictable',
] as const;

/** Kernel: `include/linux/mm_inline.h: folio_lru_list` */
export const folioLruList = (m: Machine, folio: Pfn): number => {
  if (testFlags(m, folio, PG_unevictable)) return LRU_UNEVICTABLE;
  const base = folioIsFileLru(m, folio) ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON;
  return testFlags(m, folio, PG_active) ? base + 1 : base;
};

/** Node whose lists a folio belongs on. Kernel: `include/linux/mm.h: page_to_nid` */
export const folioNid = (m: Machine, folio: Pfn): number => m.rangeOf(folio)?.node ?? 0;

const addTo = (m: Machine, row: number, by: number): void => m.scalars.set(row, m.scalars.get(row) + by);

/** Links a run of folios in front of a list, the last one first. */
const spliceFront = (m: Machine, node: number, lru: number, folios: readonly Pfn[]): void => {
  const nr = folios.reduce((sum, folio) => sum + folioNrPages(m, folio), 0);
  addTo(m, lruRow(node, lru, LRU_NR), nr);
  // the words of the links hold mlock_count there
  if (lru === LRU_UNEVICTABLE) return;
  const headRow = lruRow(node, lru, LRU_HEAD);
  let next = m.scalars.get(headRow);
  if (next === 0) m.scalars.set(lruRow(node, lru, LRU_TAIL), folios[0] + 1);
  for (const folio of folios) {
    m.pages.lruNext.set(folio, next);
    if (next !== 0) m.pages.lruPrev.set(next - 1, folio + 1);
    next = folio + 1;
  }
  m.pages.lruPrev.set(next - 1, 0);
  m.scalars.set(headRow, next);
};

/**
 * Puts folios on their lists, each in front of those before it. Their flags say which list that is.
 *
 * Kernel: `include/linux/mm_inline.h: lruvec_add_folio`
 */
export const lruvecAddFolios = (m: Machine, folios: readonly Pfn[]): void => {
  let start = 0;
  while (start < folios.length) {
    const node = folioNid(m, folios[start]);
    const lru = folioLruList(m, folios[start]);
    let end = start;
    while (end < folios.length && folioNid(m, folios[end]) === node && folioLruList(m, folios[end]) === lru) {
      bugOn(isZoneDevicePage(m, folios[end]), 'lruvec_add_folio: device page');
      end++;
    }
    spliceFront(m, node, lru, folios.slice(start, end));
    start = end;
  }
};

/** Kernel: `include/linux/mm_inline.h: lruvec_add_folio` */
export const lruvecAddFolio = (m: Machine, folio: Pfn): void => lruvecAddFolios(m, [folio]);

/**
 * Takes a folio off its list. Its flags still say which one; its links are 0, which stands for poison.
 *
 * Kernel: `include/linux/mm_inline.h: lruvec_del_folio`
 */
export const lruvecDelFolio = (m: Machine, folio: Pfn): void => {
  const node = folioNid(m, folio);
  const lru = folioLruList(m, folio);
  addTo(m, lruRow(node, lru, LRU_NR), -folioNrPages(m, folio));
  if (lru === LRU_UNEVICTABLE) return;
  const next = m.pages.lruNext.get(folio);
  const prev = m.pages.lruPrev.get(folio);
  if (prev === 0) m.scalars.set(lruRow(node, lru, LRU_HEAD), next);
  else m.pages.lruNext.set(prev - 1, next);
  if (next === 0) m.scalars.set(lruRow(node, lru, LRU_TAIL), prev);
  else m.pages.lruPrev.set(next - 1, prev);
  m.pages.lruNext.set(folio, 0);
  m.pages.lruPrev.set(folio, 0);
};

/**
 * A page that was split off joins the list directly before its former head, whose count it was part of.
 *
 * Kernel: `mm/huge_memory.c: lru_add_page_tail`
 * Requires: the head is on a list.
 */
export const lruAddPageTail = (m: Machine, head: Pfn, tail: Pfn): void => {
  const lru = folioLruList(m, head);
  if (lru === LRU_UNEVICTABLE) return;
  const prev = m.pages.lruPrev.get(head);
  m.pages.lruNext.set(tail, head + 1);
  m.pages.lruPrev.set(tail, prev);
  if (prev === 0) m.scalars.set(lruRow(folioNid(m, head), lru, LRU_HEAD), tail + 1);
  else m.pages.lruNext.set(prev - 1, tail + 1);
  m.pages.lruPrev.set(head, tail + 1);
};

/** Pages on a list. Kernel: `mm/vmscan.c: lruvec_lru_size` */
export const lruvecLruSize = (m: Machine, node: number, lru: number): number =>
  m.scalars.get(lruRow(node, lru, LRU_NR));

/** Oldest folio of a list; undefined: empty. Kernel: `mm/vmscan.c: lru_to_folio` */
export const lruToFolio = (m: Machine, node: number, lru: number): Pfn | undefined => {
  const tail = m.scalars.get(lruRow(node, lru, LRU_TAIL));
  return tail === 0 ? undefined : tail - 1;
};

/** Folios of a list, newest first. Ours: for views and checks; the unevictable list is a count only. */
export const lruFolios = (m: Machine, node: number, lru: number): Pfn[] => {
  const folios: Pfn[] = [];
  if (lru === LRU_UNEVICTABLE) return folios;
  let link = m.scalars.get(lruRow(node, lru, LRU_HEAD));
  for (; link !== 0; link = m.pages.lruNext.get(link - 1)) folios.push(link - 1);
  return folios;
};

/** What is wrong with the lists; empty: nothing. Ours: for the invariants and tests. */
export const lruProblems = (m: Machine, nodes: readonly number[]): string[] => {
  const problems: string[] = [];
  for (const node of nodes) {
    for (let lru = 0; lru < LRU_UNEVICTABLE; lru++) {
      const folios = lruFolios(m, node, lru);
      const nr = folios.reduce((sum, folio) => sum + folioNrPages(m, folio), 0);
      const name = `${LRU_LISTS[lru]} of node ${node}`;
      if (nr !== lruvecLruSize(m, node, lru)) problems.push(`${name}: ${nr} pages, counted otherwise`);
      folios.forEach((folio, i) => {
        const prev = i === 0 ? 0 : folios[i - 1] + 1;
        const sound =
          testFlags(m, folio, PG_lru) &&
          folioLruList(m, folio) === lru &&
          m.pages.lruPrev.get(folio) === prev &&
          !isZoneDevicePage(m, folio);
        if (!sound) problems.push(`${name}: pfn ${folio} does not belong there`);
      });
      const tail = folios.at(-1);
      if ((tail === undefined ? 0 : tail + 1) !== m.scalars.get(lruRow(node, lru, LRU_TAIL)))
        problems.push(`${name}: tail is wrong`);
    }
  }
  return problems;
};
