// Many pages on and off one of the lists of anonymous pages in one go, for big steps. The mechanisms, whose every effect
// on the state is here too, are swap.ts: folioAddLru with its batches, and isolate.ts: folioIsolateLru.

import { matchingRows } from '../../machine/column-runs.ts';
import type { Machine } from '../../machine/machine.ts';
import { LRU_HEAD, LRU_NR, LRU_TAIL, lruRow } from '../../machine/scalars.ts';
import { PG_active, PG_lru, PG_referenced } from '../../uapi/page-flags.ts';
import { folioNid, LRU_ACTIVE_ANON, LRU_INACTIVE_ANON } from './mm-inline.ts';
import { changeAlike, inOneRange, passingPages, runLength } from './plain-pages.ts';
import { batchSlots, folioAddLru, PAGEVEC_SIZE } from './swap.ts';

const anonList = (isActive: boolean): number => (isActive ? LRU_ACTIVE_ANON : LRU_INACTIVE_ANON);

/** How many frames from one on make a stretch of a list, each in front of the one before, within one section. */
const chainLength = (m: Machine, pfns: Float64Array, at: number, n: number): number => {
  const first = pfns[at];
  const run = Math.max(1, runLength(pfns, at, n));
  const next = matchingRows(m.pages.lruNext, first + 1, run - 1, first + 1, 1);
  return 1 + matchingRows(m.pages.lruPrev, first, next, first + 2, 1);
};

/** Takes anonymous pages off their list. Kernel: `mm/vmscan.c: folio_isolate_lru` */
export const isolatePages = (m: Machine, pfns: Float64Array, n: number, isActive: boolean): void => {
  const { lruNext, lruPrev } = m.pages;
  const node = folioNid(m, pfns[0]);
  const list = anonList(isActive);
  const headRow = lruRow(node, list, LRU_HEAD);
  const tailRow = lruRow(node, list, LRU_TAIL);
  for (let at = 0; at < n; ) {
    const length = chainLength(m, pfns, at, n);
    const next = lruNext.get(pfns[at]);
    const prev = lruPrev.get(pfns[at + length - 1]);
    lruNext.writeLine(pfns[at], length, 0, 0);
    lruPrev.writeLine(pfns[at], length, 0, 0);
    if (prev === 0) m.scalars.set(headRow, next);
    else lruNext.writeLine(prev - 1, 1, next, 0);
    if (next === 0) m.scalars.set(tailRow, prev);
    else lruPrev.writeLine(next - 1, 1, prev, 0);
    at += length;
  }
  const nrRow = lruRow(node, list, LRU_NR);
  m.scalars.set(nrRow, m.scalars.get(nrRow) - n);
};

/** Links a run of neighbouring frames, ascending within one section, in front of what is linked so far. */
const linkRun = (m: Machine, first: number, length: number, head: number): void => {
  m.pages.lruNext.writeLine(first, 1, head, 0);
  if (length === 1) return;
  m.pages.lruNext.writeLine(first + 1, length - 1, first + 1, 1);
  m.pages.lruPrev.writeLine(first, length - 1, first + 2, 1);
};

/** Ours: puts anonymous pages in front of their list, one after another. */
export const linkPages = (m: Machine, pfns: Float64Array, n: number, isActive: boolean): void => {
  if (n === 0) return;
  const node = folioNid(m, pfns[0]);
  const list = anonList(isActive);
  const headRow = lruRow(node, list, LRU_HEAD);
  let head = m.scalars.get(headRow);
  if (head === 0) m.scalars.set(lruRow(node, list, LRU_TAIL), pfns[0] + 1);
  for (let at = 0; at < n; ) {
    const run = runLength(pfns, at, n);
    const length = run > 1 ? run : 1;
    linkRun(m, pfns[at], length, head);
    if (head !== 0) m.pages.lruPrev.writeLine(head - 1, 1, pfns[at] + 1, 0);
    head = pfns[at + length - 1] + 1;
    at += length;
  }
  m.pages.lruPrev.writeLine(head - 1, 1, 0, 0);
  m.scalars.set(headRow, head);
  const nrRow = lruRow(node, list, LRU_NR);
  m.scalars.set(nrRow, m.scalars.get(nrRow) + n);
};

/**
 * Ours: how many pages from the first on go to the list of active ones when they are touched, by whole batches.
 *
 * @param pfns - `n` anonymous pages that are not active
 */
export const activatablePages = (m: Machine, pfns: Float64Array, n: number): number => {
  if (n === 0 || batchSlots(m, 'activate').count() > 0) return 0;
  const marked = PG_lru | PG_referenced;
  const same = passingPages(m.pages.flags, pfns, n, (word) => (word & (marked | PG_active)) === marked);
  const ready = same === 0 ? 0 : inOneRange(m, pfns, same);
  return ready - (ready % PAGEVEC_SIZE);
};

/**
 * Moves pages to the list of active ones, through the batch of the CPU as single ones would go.
 *
 * Kernel: `mm/swap.c: folio_activate`, many times
 * Requires: activatablePages found them.
 */
export const activatePages = (m: Machine, pfns: Float64Array, n: number): void => {
  isolatePages(m, pfns, n, false);
  changeAlike(m.pages.flags, pfns, n, (word) => (word | PG_active) & ~PG_referenced);
  linkPages(m, pfns, n, true);
  batchSlots(m, 'activate').fill(pfns.subarray(n - PAGEVEC_SIZE, n));
};

/**
 * Puts fresh anonymous pages on their list, through the batch of the CPU as single ones would go: those behind its last
 * drain wait in it.
 *
 * Kernel: `mm/swap.c: folio_add_lru`, many times
 * Requires: none of the pages is locked in memory or unevictable; all are active, or none.
 *
 * @param called - counts the calls for pages that are not added one by one
 */
export const folioAddLruBulk = (
  m: Machine,
  pfns: Float64Array,
  n: number,
  isActive: boolean,
  called: (times: number) => void,
): void => {
  let at = 0;
  // what waits already leaves together with the first ones
  while (at < n && batchSlots(m, 'lruAdd').count() > 0) folioAddLru(m, pfns[at++]);
  const many = inOneRange(m, pfns, n) < n ? 0 : Math.floor((n - at) / PAGEVEC_SIZE) * PAGEVEC_SIZE;
  if (many > 0) {
    const part = pfns.subarray(at, at + many);
    linkPages(m, part, many, isActive);
    changeAlike(m.pages.flags, part, many, (word) => word | PG_lru);
    batchSlots(m, 'lruAdd').fill(part.subarray(many - PAGEVEC_SIZE));
    called(many);
    at += many;
  }
  while (at < n) folioAddLru(m, pfns[at++]);
};
