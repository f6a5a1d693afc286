// What big steps have in common: pages of the plain shape (small, anonymous, one process's own, in the state in which
// a page rests), found and written over raw sections instead of one by one. Only when nothing can happen in between.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { type Column, SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import {
  type DecisionId,
  decisionIndex,
  type HolderKind,
  holderId,
  type PageOutcome,
} from '../../uapi/events.ts';
import {
  PG_active,
  PG_anon_exclusive,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  PG_uptodate,
} from '../../uapi/page-flags.ts';
import {
  entryPfn,
  isWritableDevicePrivateEntry,
  pmdLeaf,
  PTE_PRESENT,
  PTE_RW,
  PTE_SPECIAL,
} from '../../uapi/pte.ts';
import { type KernelFunctionName, kernelFunctionId } from '../../uapi/source-refs.ts';
import { type EntryRow, NO_ROW, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { VM_LOCKED, VM_SPECIAL } from '../../uapi/vm-flags.ts';
import { pmdOffset, pteOffset } from './page-table.ts';
import { vmaIsAnonymous } from './vma.ts';

/** Pages that a chunk has at most: those of one page table. */
export const CHUNK_PAGES = PTRS_PER_TABLE;

/** Flags that a plain page may have, beside those that its place demands. */
const HARMLESS = PG_uptodate | PG_dirty | PG_swapbacked | PG_anon_exclusive | PG_referenced;
/** Flags that it must have. */
const DEMANDED = PG_swapbacked | PG_anon_exclusive;

/**
 * Ours: whether the flags of a page are those of a plain one.
 *
 * @param flags - that it must have beside the demanded ones
 * @param optional - that it may have besides
 */
export const flagsArePlain = (word: number, flags: number, optional: number): boolean =>
  (word & ~(HARMLESS | flags | optional)) === 0 && (word & (DEMANDED | flags)) === (DEMANDED | flags);

/**
 * Ours: whether a big step runs, and alone, so that chunks of pages can be done at once. One that is run again for a page
 * may stop telling all here, where nothing was about the page for long.
 */
export const inChunks = (m: Machine): boolean =>
  m.isAlone && (m.trace.tally !== undefined || m.trace.watch?.rest() === true);

/**
 * Ours: how many pages a chunk may have before one that somebody follows; that one is left to the mechanism.
 *
 * @param isFollowed - of the i-th page
 */
export const unfollowed = (
  m: Machine,
  n: number,
  isFollowed: (numbers: ReadonlySet<number>, i: number) => boolean,
): number => {
  const { watch } = m.trace;
  if (watch === undefined) return n;
  for (let i = 0; i < n; i++) {
    if (!isFollowed(watch.numbers, i)) continue;
    if (i === 0) watch.meet();
    return i;
  }
  return n;
};

/** Ours: counts calls and decisions that a chunk stands for. */
export const countCalls = (m: Machine, names: readonly KernelFunctionName[], times: number): void => {
  const calls = m.trace.tally?.calls;
  if (calls !== undefined) for (const name of names) calls[kernelFunctionId(name)] += times;
};

/** Ours: the same for decisions. */
export const countDecisions = (m: Machine, names: readonly DecisionId[], times: number): void => {
  const decisions = m.trace.tally?.decisions;
  if (decisions !== undefined) for (const name of names) decisions[decisionIndex(name)] += times;
};

/**
 * Ours: how many frames from `at` on follow each other by the same step within one section. Negative: downwards.
 *
 * @param pfns - `n` frames
 */
export const runLength = (pfns: Float64Array, at: number, n: number): number => {
  const first = pfns[at];
  if (at + 1 >= n) return 1;
  const step = pfns[at + 1] - first;
  if (step !== 1 && step !== -1) return 1;
  const row = first & SECTION_MASK;
  const most = Math.min(n - at, step === 1 ? SECTION_ROWS - row : row + 1);
  let length = 1;
  while (length < most && pfns[at + length] === first + step * length) length++;
  return step === 1 || length === 1 ? length : -length;
};

/**
 * Ours: writes what a column says of many frames.
 *
 * @param valueOf - of the i-th one, from what the column said before
 */
export const changePages = (
  column: Column,
  pfns: Float64Array,
  n: number,
  valueOf: (old: number, i: number) => number,
): void => {
  for (let at = 0; at < n; ) {
    const length = Math.abs(runLength(pfns, at, n));
    const elements = column.writableSection(pfns[at]);
    for (let i = at; i < at + length; i++) {
      const row = pfns[i] & SECTION_MASK;
      elements[row] = valueOf(elements[row], i);
    }
    at += length;
  }
};

/** Ours: net change of one holder's references on each of `n` frames. */
export const holdPages = (
  m: Machine,
  pfns: Float64Array,
  n: number,
  holder: HolderKind,
  by: number,
): void => {
  for (let at = 0; at < n; ) {
    const run = runLength(pfns, at, n);
    const length = Math.abs(run);
    m.journal.holderRuns.addRun(holderId(holder), run < 0 ? pfns[at + length - 1] : pfns[at], length, by);
    at += length;
  }
};

/** Ours: tells the trace what became of a chunk's pages. `to` may be the same array. */
export const tellPages = (
  m: Machine,
  outcome: PageOutcome,
  vpn: Vpn,
  from: Float64Array,
  to: Float64Array,
  n: number,
): void => {
  const { tally } = m.trace;
  if (tally === undefined) return;
  tally.pages += n;
  for (let at = 0; at < n; ) {
    const [a, b] = [runLength(from, at, n), runLength(to, at, n)];
    const length = Math.min(Math.abs(a), Math.abs(b));
    const stepOf = (run: number): number => (length === 1 ? 0 : Math.sign(run));
    tally.addPages(outcome, vpn + at, from[at], stepOf(a), to[at], stepOf(b), length);
    at += length;
  }
};

/** Pages of one page table whose mappings are plain: present, of small anonymous pages that are this process's own. */
export interface PlainRun {
  /** Row of the first entry; the others follow it. */
  row: EntryRow;
  n: number;
  /** All of them are active, or none. */
  isActive: boolean;
  readonly pfns: Float64Array;
  readonly entries: Float64Array;
}

/**
 * Ours: room for a chunk. A declared function with nothing of this file in it: others make room while they load, and
 * the files of mm import each other both ways.
 */
export function newPlainRun(): PlainRun {
  return {
    row: NO_ROW,
    n: 0,
    isActive: false,
    pfns: new Float64Array(PTRS_PER_TABLE),
    entries: new Float64Array(PTRS_PER_TABLE),
  };
}

/** Ours: the row of an address's entry and how many addresses from there on have theirs in the same table; NO_ROW: no table. */
export const tableRow = (m: Machine, mm: number, vpn: Vpn): EntryRow => {
  const pmdRow = pmdOffset(m, m.mms.get(mm), vpn);
  return pmdRow === NO_ROW || pmdLeaf(m.entries.get(pmdRow)) ? NO_ROW : pteOffset(m, pmdRow, vpn);
};

/** Ours: whether pages of an area can be plain: anonymous, not locked, and its anchor belongs to it alone. */
export const vmaIsPlain = (m: Machine, vma: Vma): boolean => {
  if (!vmaIsAnonymous(vma) || (vma.vmFlags & (VM_LOCKED | VM_SPECIAL)) !== 0 || vma.anonVma === 0)
    return false;
  const { tree } = m.anonVmas.get(vma.anonVma);
  return tree.length === 1 && tree[0] === vma.id;
};

/**
 * Ours: finds the plain pages at the beginning of a range, under one page table.
 *
 * @param refcount - what each page's count must be
 * @param flags - flags that each page must have beside the demanded ones; no others but harmless ones
 * @param optional - flags that it may have besides
 * @param bits - bits that each entry must have
 * @param privateEntries - the entries are writable ones of private device memory, and become PTE_RW alone in the run
 */
export const findPlainRun = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  want: {
    readonly refcount: number;
    readonly flags: number;
    readonly optional: number;
    readonly bits: number;
    readonly privateEntries?: boolean;
  },
  run: PlainRun,
): void => {
  run.n = 0;
  run.row = tableRow(m, vma.mm, start);
  if (run.row === NO_ROW || !vmaIsPlain(m, vma)) return;
  const most = Math.min(end - start, PTRS_PER_TABLE - (run.row % PTRS_PER_TABLE));
  const entries = m.entries.readable(run.row);
  const at = run.row & SECTION_MASK;
  const { flags, refcount, mapcount, mapping, index } = m.pages;
  const anchor = vma.anonVma * 2 + 1;
  const pgoff = start - vma.vmStart + vma.vmPgoff;
  let allowed = HARMLESS | want.flags | want.optional;
  let demanded = DEMANDED | want.flags;
  const bits = PTE_PRESENT | want.bits;
  let no = -1;
  let [f, r, c, a, x] = [flags, refcount, mapcount, mapping, index].map((column) => column.readable(0));
  let n = 0;
  for (; n < most; n++) {
    const entry = entries[at + n];
    if (want.privateEntries === true) {
      if (!isWritableDevicePrivateEntry(entry)) break;
    } else if ((entry & (bits | PTE_SPECIAL)) !== bits || entry >= 2 ** 52) {
      break; // bit 52 marks DAX memory
    }
    const pfn = want.privateEntries === true ? entryPfn(entry) : Math.floor(entry / 4096);
    const section = Math.floor(pfn / SECTION_ROWS);
    if (section !== no) {
      no = section;
      f = flags.readable(pfn);
      r = refcount.readable(pfn);
      c = mapcount.readable(pfn);
      a = mapping.readable(pfn);
      x = index.readable(pfn);
    }
    const i = pfn & SECTION_MASK;
    const word = f[i];
    if (n === 0) {
      run.isActive = (word & PG_active) !== 0;
      if (run.isActive) demanded |= PG_active;
      else allowed &= ~PG_active;
    }
    if ((word & ~allowed) !== 0 || (word & demanded) !== demanded) break;
    if (r[i] !== want.refcount || c[i] !== 1 || a[i] !== anchor || x[i] !== pgoff + n) break;
    run.pfns[n] = pfn;
    run.entries[n] = want.privateEntries === true ? PTE_RW : entry;
  }
  run.n = unfollowed(m, n, (numbers, i) => numbers.has(start + i) || numbers.has(run.pfns[i]));
};

/** Ours: the ranges of memory of a chunk's frames: how many from the first on lie in its range. */
export const inOneRange = (m: Machine, pfns: Float64Array, n: number): number => {
  const range = m.rangeOf(pfns[0]);
  if (range === undefined) return 0;
  let same = 1;
  while (same < n && pfns[same] >= range.start && pfns[same] < range.end) same++;
  return same;
};
