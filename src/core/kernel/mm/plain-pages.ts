// What big steps have in common: pages of the plain shape (small, anonymous, one process's own, in the state in which
// a page rests), found and written over raw sections instead of one by one. Only when nothing can happen in between.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { type Column, SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import { changeRows, matchingRows, passingRows, readRun, writeRun } from '../../machine/column-runs.ts';
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
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, PTRS_PER_TABLE, type Vpn } from '../../uapi/units.ts';
import { VM_LOCKED, VM_SPECIAL } from '../../uapi/vm-flags.ts';
import { pmdOffset, pteOffset } from './page-table.ts';
import { vmaIsAnonymous } from './vma.ts';

/** Pages that a chunk has at most: those of one page table. */
export const CHUNK_PAGES = PTRS_PER_TABLE;
const scratch = new Float64Array(CHUNK_PAGES);

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
  if (at + 1 >= n) return 1;
  // small integers: they are counted on in a fraction of the time
  const first = pfns[at] | 0;
  const second = pfns[at + 1];
  const row = first & SECTION_MASK;
  if (second === first + 1) {
    const end = at + Math.min(n - at, SECTION_ROWS - row);
    let i = at + 2;
    for (let expected = first + 2; i < end && pfns[i] === expected; expected++) i++;
    return Math.min(i, end) - at;
  }
  if (second !== first - 1) return 1;
  const end = at + Math.min(n - at, row + 1);
  let i = at + 2;
  for (let expected = first - 2; i < end && pfns[i] === expected; expected--) i++;
  const length = Math.min(i, end) - at;
  return length === 1 ? 1 : -length;
};

/** Ours: frames of an array that follow each other within one section, upwards or downwards. */
export interface FrameRun {
  /** Index of its first frame. */
  at: number;
  length: number;
  /** Its lowest frame. */
  low: Pfn;
  down: boolean;
}

/** Ours: goes over frames run by run. What is passed is the same object each time. */
export const eachRun = (pfns: Float64Array, n: number, visit: (run: FrameRun) => void): void => {
  const run: FrameRun = { at: 0, length: 0, low: NO_PFN, down: false };
  for (let at = 0; at < n; at += run.length) {
    const length = runLength(pfns, at, n);
    run.at = at;
    run.down = length < 0;
    run.length = Math.abs(length);
    run.low = run.down ? pfns[at + run.length - 1] : pfns[at];
    visit(run);
  }
};

/** Ours: the step by which many frames follow each other within one section, all of them; 0: they do not, or there is one. */
export const stepOfAll = (pfns: Float64Array, n: number): number => {
  const length = runLength(pfns, 0, n);
  return n > 1 && Math.abs(length) === n ? Math.sign(length) : 0;
};

/** Ours: what the bits of all entries of a run are; undefined: they differ. */
export const commonBits = ({ bitsOfAll, bitsOfAny }: PlainRun): number | undefined =>
  bitsOfAll === bitsOfAny ? bitsOfAll : undefined;

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
    const run = runLength(pfns, at, n);
    const length = Math.abs(run);
    readRun(column, pfns[at], run < 0, scratch, 0, length);
    for (let i = 0; i < length; i++) scratch[i] = valueOf(scratch[i], at + i);
    writeRun(column, pfns[at], run < 0, scratch, 0, length);
    at += length;
  }
};

/** Ours: the same where what becomes of a page follows from what it was alone. */
export const changeAlike = (
  column: Column,
  pfns: Float64Array,
  n: number,
  becomes: (old: number) => number,
): void => eachRun(pfns, n, ({ low, length }) => changeRows(column, low, length, becomes));

/** Ours: how many of many frames hold words that pass. */
export const passingPages = (
  column: Column,
  pfns: Float64Array,
  n: number,
  passes: (word: number) => boolean,
): number => {
  for (let at = 0; at < n; ) {
    const run = runLength(pfns, at, n);
    const length = Math.abs(run);
    const low = run < 0 ? pfns[at + length - 1] : pfns[at];
    const passing = passingRows(column, low, length, passes);
    if (passing < length) return run < 0 ? at + passingDown(column, pfns[at], length, passes) : at + passing;
    at += length;
  }
  return n;
};

/** The same for frames that go down from one on. */
const passingDown = (column: Column, pfn: Pfn, n: number, passes: (word: number) => boolean): number => {
  let passing = 0;
  while (passing < n && passes(column.peek(pfn - passing))) passing++;
  return passing;
};

/** Ours: net change of one holder's references on each of `n` frames. */
export const holdPages = (
  m: Machine,
  pfns: Float64Array,
  n: number,
  holder: HolderKind,
  by: number,
): void => {
  const id = holderId(holder);
  eachRun(pfns, n, ({ low, length }) => m.journal.holderRuns.addRun(id, low, length, by));
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
    const a = runLength(from, at, n);
    const b = from === to ? a : runLength(to, at, n);
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
  /** Bits that all entries have, and that any has. */
  bitsOfAll: number;
  bitsOfAny: number;
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
    bitsOfAll: 0,
    bitsOfAny: 0,
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

/** What plain pages that are looked for have in common. */
interface Shape {
  readonly anchor: number;
  /** Offset of the page at the run's first entry. */
  readonly pgoff: number;
  readonly refcount: number;
  /** Flags that a page may have and must have; whether it is active the first one decides. */
  allowed: number;
  demanded: number;
  readonly bits: number;
  readonly isPrivate: boolean;
}

/** The frame that an entry of the shape maps; NO_PFN: it is none of these. */
const framed = ({ bits, isPrivate }: Shape, entry: number): Pfn => {
  if (isPrivate) return isWritableDevicePrivateEntry(entry) ? entryPfn(entry) : NO_PFN;
  // bit 52 marks DAX memory
  return (entry & (bits | PTE_SPECIAL)) !== bits || entry >= 2 ** 52 ? NO_PFN : Math.floor(entry / 4096);
};

/** The first page of a run says whether all of them are active. */
const decideActive = (shape: Shape, run: PlainRun, word: number): void => {
  run.isActive = (word & PG_active) !== 0;
  if (run.isActive) shape.demanded |= PG_active;
  else shape.allowed &= ~PG_active;
};

const addBits = (run: PlainRun, entry: number): void => {
  run.bitsOfAll &= entry;
  run.bitsOfAny |= entry & 0xfff;
};

/** One page, of the n-th entry of a run. @returns 1; 0: it is not plain */
const plainPage = (m: Machine, shape: Shape, run: PlainRun, n: number): number => {
  const { flags, refcount, mapcount, mapping, index } = m.pages;
  const entry = m.entries.get(run.row + n);
  const pfn = framed(shape, entry);
  if (pfn === NO_PFN) return 0;
  const word = flags.get(pfn);
  if (n === 0) decideActive(shape, run, word);
  if ((word & ~shape.allowed) !== 0 || (word & shape.demanded) !== shape.demanded) return 0;
  if (refcount.get(pfn) !== shape.refcount || mapcount.get(pfn) !== 1) return 0;
  if (mapping.get(pfn) !== shape.anchor || index.get(pfn) !== shape.pgoff + n) return 0;
  run.pfns[n] = pfn;
  run.entries[n] = shape.isPrivate ? PTE_RW : entry;
  addBits(run, run.entries[n]);
  return 1;
};

/**
 * Pages of neighbouring frames behind entries that differ by the frame alone, all plain; from the n-th entry of a run on.
 *
 * @returns how many; 0: look at one
 */
const straightPages = (m: Machine, shape: Shape, run: PlainRun, n: number, most: number): number => {
  const line = m.entries.progression(run.row + n, most - n);
  const down = line.step === -4096;
  const first = framed(shape, line.value);
  if ((line.step !== 4096 && !down) || first === NO_PFN) return 0;
  const { flags, refcount, mapcount, mapping, index } = m.pages;
  const inSection = first & SECTION_MASK;
  const length = Math.min(line.n, down ? inSection + 1 : SECTION_ROWS - inSection);
  const last = line.value + line.step * (length - 1);
  // the same bits all along, and no overflow into those above the frame
  if (length < 2 || framed(shape, last) !== first + (down ? 1 - length : length - 1)) return 0;
  const low = down ? first - length + 1 : first;
  if (n === 0) decideActive(shape, run, flags.peek(first));
  const { allowed, demanded } = shape;
  const offset = shape.pgoff + (down ? n + length - 1 : n);
  const arePlain =
    passingRows(flags, low, length, (word) => (word & ~allowed) === 0 && (word & demanded) === demanded) ===
      length &&
    refcount.isConstant(low, length, shape.refcount) &&
    mapcount.isConstant(low, length, 1) &&
    mapping.isConstant(low, length, shape.anchor) &&
    matchingRows(index, low, length, offset, down ? -1 : 1) === length;
  if (!arePlain) return 0;
  const { pfns, entries } = run;
  const step = down ? -1 : 1;
  for (let i = n, pfn = first | 0; i < n + length; i++, pfn += step) pfns[i] = pfn;
  if (shape.isPrivate) entries.fill(PTE_RW, n, n + length);
  else for (let i = 0; i < length; i++) entries[n + i] = line.value + line.step * i;
  addBits(run, run.entries[n]);
  return length;
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
  run.bitsOfAll = 0xfff;
  run.bitsOfAny = 0;
  run.row = tableRow(m, vma.mm, start);
  if (run.row === NO_ROW || !vmaIsPlain(m, vma)) return;
  const most = Math.min(end - start, PTRS_PER_TABLE - (run.row % PTRS_PER_TABLE));
  const shape: Shape = {
    anchor: vma.anonVma * 2 + 1,
    pgoff: start - vma.vmStart + vma.vmPgoff,
    refcount: want.refcount,
    allowed: HARMLESS | want.flags | want.optional,
    demanded: DEMANDED | want.flags,
    bits: PTE_PRESENT | want.bits,
    isPrivate: want.privateEntries === true,
  };
  let n = 0;
  while (n < most) {
    const straight = straightPages(m, shape, run, n, most);
    const found = straight > 0 ? straight : plainPage(m, shape, run, n);
    if (found === 0) break;
    n += found;
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
