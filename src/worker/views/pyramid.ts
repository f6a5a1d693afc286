// The state of all pages in three sizes: a byte a page, counts a pageblock, counts a section. Made from the machine's
// columns, section by section, and only of sections that were touched; what was written since the last time is counted
// anew, whether a step, undo or a keyframe wrote it. Untouched sections are not here: what they are follows from the
// firmware's ranges.

import type { PinHandle } from '../../core/machine/entities.ts';
import { BLOCK_ROWS, type Column, SECTION_MASK } from '../../core/machine/column.ts';
import type { Elements } from '../../core/machine/elements.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE } from '../../core/uapi/config.ts';
import { FOLL_LONGTERM, GUP_PIN_COUNTING_BIAS } from '../../core/uapi/gup-flags.ts';
import { PG_head, PG_hugetlb_freed, PG_locked, PG_table } from '../../core/uapi/page-flags.ts';
import { entryPfn, isMigrationEntry } from '../../core/uapi/pte.ts';
import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION, PTRS_PER_TABLE } from '../../core/uapi/units.ts';
import {
  MAP_STATES,
  PAGE_FREE,
  PAGE_HUGE,
  PAGE_KERNEL,
  PAGE_LOCKED,
  PAGE_LONGTERM,
  PAGE_MAPPED,
  PAGE_MIGRATING,
  PAGE_OTHER,
  PAGE_PINNED,
  PAGE_RESERVED,
  PAGE_USE_MASK,
  type SectionCounts,
  type SectionPages,
  stateIndex,
} from '../protocol-map.ts';
import { type FrameRun, frameRuns } from './frame-runs.ts';
import { HeldVram } from './held-vram.ts';
import { Marks } from './marks.ts';

const STATES = MAP_STATES.length;
const BLOCKS = PAGES_PER_SECTION / PAGEBLOCK_NR_PAGES;
const PINNED = stateIndex('pinned');
const LONGTERM = stateIndex('longterm');
const MIGRATING = stateIndex('migrating');
const LOCKED = stateIndex('locked');
const HUGE = stateIndex('huge');
const CMA = stateIndex('cma');
const ISOLATED = stateIndex('isolated');

export interface PyramidSection {
  readonly pages: SectionPages;
  readonly counts: SectionCounts;
  /** Sums of the counts over the section. */
  readonly sums: Uint32Array<ArrayBuffer>;
  /** Greater than that of all that changed before; a section that changes gets a new one. */
  version: number;
}

/** Pageblocks that are counted before it is asked whether there is time for more. */
const BLOCKS_BETWEEN_LOOKS = 8;
const TABLES_BETWEEN_LOOKS = 32;
const always = (): boolean => true;

export class Pyramid {
  private readonly m: Machine;
  private readonly sections = new Map<number, PyramidSection>();
  /** Pageblocks to be counted anew. */
  private readonly dirty = new Set<number>();
  /** Page tables to be looked through for migration entries. */
  private readonly tables = new Set<number>();
  /** Grows with every change. */
  private clock = 0;
  /** Sections of which pages were read anew; whoever works out more of them empties it. */
  readonly read = new Set<number>();

  /** Pages that the migration entries of a page table name, by table. */
  private readonly migrationEntries = new Map<number, readonly FrameRun[]>();
  private readonly migrating: Marks;
  private readonly longtermHandles: Marks;
  private readonly shortHandles: Marks;
  private handles = new Map<number, PinHandle>();
  private readonly held = new HeldVram();
  /** A call that pins for long is running: pins that no handle explains are its. */
  private longtermRunning = false;
  /** Blocks with tail pages of a head that lies in another one, by the block of the head: gigantic pages. */
  private readonly dependents = new Map<number, Set<number>>();
  private readonly watched: readonly Column[];

  constructor(m: Machine) {
    this.m = m;
    const touch = (block: number): void => void this.dirty.add(block);
    this.migrating = new Marks(touch);
    this.longtermHandles = new Marks(touch);
    this.shortHandles = new Marks(touch);
    const { refcount, flags, mapcount, tailOffset, compoundMapcount, compoundPincount } = m.pages;
    this.watched = [refcount, flags, mapcount, tailOffset, compoundMapcount, compoundPincount];
  }

  /**
   * Catches up with the machine.
   *
   * @param longtermRunning - whether a call that pins for long is running
   * @param mayGoOn - asked now and then; false leaves the rest for later
   * @returns whether it has caught up
   */
  update(longtermRunning: boolean, mayGoOn: () => boolean = always): boolean {
    this.collect(longtermRunning);
    // what a table says of pages is known before they are counted
    if (!this.scanTables(mayGoOn)) return false;
    const summed = new Set<PyramidSection>();
    let counted = 0;
    for (const block of this.dirty) {
      if (++counted % BLOCKS_BETWEEN_LOOKS === 0 && !mayGoOn()) break;
      this.dirty.delete(block);
      const section = this.sectionOf(Math.floor(block / BLOCKS));
      this.read.add(Math.floor(block / BLOCKS));
      if (this.count(section, block)) summed.add(section);
    }
    for (const section of summed) {
      section.version = ++this.clock;
      sumBlocks(section);
    }
    return this.dirty.size === 0;
  }

  /** Numbers of the sections that were touched. */
  sectionNumbers(): IterableIterator<number> {
    return this.sections.keys();
  }

  /** undefined: nothing was ever done to any of its pages. */
  section(no: number): PyramidSection | undefined {
    return this.sections.get(no);
  }

  /** The version of the section that changed last. */
  get version(): number {
    return this.clock;
  }

  bytes(): number {
    return this.sections.size * (PAGES_PER_SECTION + BLOCKS * STATES * 2 + STATES * 4);
  }

  private sectionOf(no: number): PyramidSection {
    let section = this.sections.get(no);
    if (section === undefined) {
      section = {
        pages: new Uint8Array(PAGES_PER_SECTION),
        counts: new Uint16Array(BLOCKS * STATES),
        sums: new Uint32Array(STATES),
        version: 0,
      };
      this.sections.set(no, section);
      // what is reserved, or CMA, is so without being touched
      for (let block = no * BLOCKS; block < (no + 1) * BLOCKS; block++) this.count(section, block);
      section.version = ++this.clock;
      sumBlocks(section);
    }
    return section;
  }

  /** Finds out which blocks have to be counted anew. */
  private collect(longtermRunning: boolean): void {
    const { m, dirty } = this;
    for (const column of this.watched) {
      for (const block of column.takeTouched() ?? allBlocks(column)) {
        dirty.add(block);
        for (const dependent of this.dependents.get(block) ?? []) dirty.add(dependent);
      }
    }
    for (const table of m.entries.takeTouched() ?? allBlocks(m.entries)) this.tables.add(table);
    for (const blocks of m.pageblocks.takeTouched() ?? allBlocks(m.pageblocks)) this.compareTypes(blocks);
    this.compareHandles();
    this.held.compare(m, (block) => void dirty.add(block));
    if (longtermRunning === this.longtermRunning) return;
    this.longtermRunning = longtermRunning;
    for (const [no, { counts }] of this.sections) {
      for (let block = 0; block < BLOCKS; block++)
        if ((counts[block * STATES + PINNED] ?? 0) > 0) dirty.add(no * BLOCKS + block);
    }
  }

  /** @returns whether all have been looked through */
  private scanTables(mayGoOn: () => boolean): boolean {
    let scanned = 0;
    for (const table of this.tables) {
      if (++scanned % TABLES_BETWEEN_LOOKS === 0 && !mayGoOn()) return false;
      this.tables.delete(table);
      this.scanTable(table);
    }
    return true;
  }

  private scanTable(table: number): void {
    const { m, migrating } = this;
    const found: FrameRun[] = [];
    const firstRow = table * PTRS_PER_TABLE;
    const entries = m.entries.readable(firstRow);
    const at = firstRow & SECTION_MASK;
    for (let i = 0; i < PTRS_PER_TABLE; i++) {
      const entry = entries[at + i] ?? 0;
      if (entry === 0 || !isMigrationEntry(entry)) continue;
      const first = entryPfn(entry);
      found.push({ first, npages: m.deposits.has(firstRow + i) ? 2 ** m.pages.order.get(first) : 1 });
    }
    for (const run of this.migrationEntries.get(table) ?? []) migrating.addRun(run, -1);
    for (const run of found) migrating.addRun(run, 1);
    if (found.length > 0) this.migrationEntries.set(table, found);
    else this.migrationEntries.delete(table);
  }

  /** Counts pageblocks whose type may be another one now: 512 of them lie beside each other in the column. */
  private compareTypes(group: number): void {
    for (let block = group * BLOCK_ROWS; block < (group + 1) * BLOCK_ROWS; block++) {
      const counts = this.sections.get(Math.floor(block / BLOCKS))?.counts;
      if (counts === undefined) {
        if (this.m.pageblocks.get(block) !== 0) this.dirty.add(block);
        continue;
      }
      const { cma, isolated } = this.typeOf(block);
      const at = (block % BLOCKS) * STATES;
      if (counts[at + CMA] !== cma || counts[at + ISOLATED] !== isolated) this.dirty.add(block);
    }
  }

  private compareHandles(): void {
    const now = new Map(this.m.handles.values().map((handle) => [handle.id, handle]));
    const mark = (handle: PinHandle, by: 1 | -1): void => {
      if (!handle.call.startsWith('pin')) return;
      const marks = (handle.gupFlags & FOLL_LONGTERM) === 0 ? this.shortHandles : this.longtermHandles;
      for (const run of frameRuns(handle.pages).runs) marks.addRun(run, by);
    };
    for (const [id, handle] of this.handles) if (now.get(id) !== handle) mark(handle, -1);
    for (const [id, handle] of now) if (this.handles.get(id) !== handle) mark(handle, 1);
    this.handles = now;
  }

  /** Counts one pageblock. @returns whether anything is different now */
  private count(section: PyramidSection, block: number): boolean {
    const { counts, pages } = section;
    const changed = this.readBlock(block, pages);
    const { cma, isolated } = this.typeOf(block);
    const at = (block % BLOCKS) * STATES;
    if (!changed && counts[at + CMA] === cma && counts[at + ISOLATED] === isolated) return false;
    counts[at + CMA] = cma;
    counts[at + ISOLATED] = isolated;
    if (changed) countBlock(section, block % BLOCKS);
    return true;
  }

  /** Reads the pages of a block. @returns whether any of them is different now */
  private readBlock(block: number, pages: SectionPages): boolean {
    const no = Math.floor(block / BLOCKS);
    const end = (block + 1) * PAGEBLOCK_NR_PAGES;
    let changed = false;
    for (let from = block * PAGEBLOCK_NR_PAGES; from < end; ) {
      const range = this.m.rangeOf(from);
      const reserved = range !== undefined && (range.reserved !== undefined || range.kind === 'mmio');
      const to = Math.min(end, range?.end ?? this.nextRange(from));
      if (this.readPages(no, from, to, reserved, pages)) changed = true;
      from = to;
    }
    return changed;
  }

  private nextRange(pfn: number): number {
    return this.m.config.ranges.find(({ start }) => start > pfn)?.start ?? Number.POSITIVE_INFINITY;
  }

  private readPages(no: number, from: number, to: number, reserved: boolean, pages: SectionPages): boolean {
    const base = no * PAGES_PER_SECTION;
    const first = from - base;
    const end = to - base;
    if (reserved) return fillPages(pages, first, end, PAGE_RESERVED);
    const columns = this.m.pages;
    // a pageblock lies within one section of a column
    const refcounts = int32(columns.refcount.readable(from));
    const flags = uint32(columns.flags.readable(from));
    const mapcounts = int32(columns.mapcount.readable(from));
    const tails = int32(columns.tailOffset.readable(from));
    const marks = this.marksOf(no);
    const held = this.held.within(from, to);
    let run = 0;
    let changed = false;
    for (let at = first; at < end; at++) {
      const row = at & SECTION_MASK;
      const count = refcounts[row] ?? 0;
      const tail = tails[row] ?? 0;
      const word = flags[row] ?? 0;
      let byte = PAGE_FREE;
      if (tail !== 0 || (word & PG_head) !== 0) byte = this.readCompound(base + at, tail);
      else if (count > 0) {
        // an ordinary page: everything about it is in this section
        byte = (mapcounts[row] ?? 0) > 0 ? PAGE_MAPPED : (word & PG_table) !== 0 ? PAGE_KERNEL : PAGE_OTHER;
        if (count >= GUP_PIN_COUNTING_BIAS) byte = PAGE_MAPPED | PAGE_PINNED;
        if ((word & PG_locked) !== 0) byte |= PAGE_LOCKED;
      }
      if (held.length > 0 && byte === PAGE_FREE) {
        while (run < held.length && endOf(held[run]) <= base + at) run += 1;
        if (base + at >= (held[run]?.first ?? to)) byte = PAGE_OTHER;
      }
      if (marks !== undefined && byte !== PAGE_FREE) byte = addMarks(marks, at, byte);
      if (pages[at] === byte) continue;
      pages[at] = byte;
      changed = true;
    }
    return changed;
  }

  /** What more has to be known of a section's pages than their columns say; undefined: nothing. */
  private marksOf(no: number): SectionMarks | undefined {
    const migrating = this.migrating.section(no);
    const longterm = this.longtermHandles.section(no);
    const running = this.longtermRunning;
    if (!running && migrating === undefined && longterm === undefined) return undefined;
    return {
      migrating: migrating ?? NO_MARKS,
      longterm: longterm ?? NO_MARKS,
      short: this.shortHandles.section(no) ?? NO_MARKS,
      running,
    };
  }

  /** A page of a folio: its head says most. */
  private readCompound(pfn: number, tail: number): number {
    const { pages } = this.m;
    const head = pfn - tail;
    const block = Math.floor(pfn / PAGEBLOCK_NR_PAGES);
    const headBlock = Math.floor(head / PAGEBLOCK_NR_PAGES);
    if (headBlock !== block) {
      const dependents = this.dependents.get(headBlock) ?? new Set();
      this.dependents.set(headBlock, dependents.add(block));
    }
    const word = pages.flags.get(head);
    if ((word & PG_hugetlb_freed) !== 0) return PAGE_OTHER | PAGE_HUGE;
    if (pages.refcount.get(head) <= 0) return PAGE_FREE;
    let byte = PAGE_HUGE;
    const isMapped = pages.mapcount.get(pfn) > 0 || pages.compoundMapcount.get(head) > 0;
    byte |= isMapped ? PAGE_MAPPED : (word & PG_table) !== 0 ? PAGE_KERNEL : PAGE_OTHER;
    if (pages.compoundPincount.get(head) > 0) byte = inUse(byte) | PAGE_PINNED;
    if ((word & PG_locked) !== 0) byte |= PAGE_LOCKED;
    return byte;
  }

  /** What kind of pageblock it is, as numbers of pages. */
  private typeOf(block: number): { readonly cma: number; readonly isolated: number } {
    const range = this.m.rangeOf(block * PAGEBLOCK_NR_PAGES);
    const set = range?.kind === 'ram' ? this.m.pageblocks.get(block) : 0;
    const isCma = set === 0 ? range?.cma === true : set - 1 === MIGRATE_CMA;
    return {
      cma: isCma ? PAGEBLOCK_NR_PAGES : 0,
      isolated: set - 1 === MIGRATE_ISOLATE ? PAGEBLOCK_NR_PAGES : 0,
    };
  }
}

interface SectionMarks {
  readonly migrating: Uint16Array;
  readonly longterm: Uint16Array;
  readonly short: Uint16Array;
  /** A call that pins for long is running. */
  readonly running: boolean;
}

const NO_MARKS = new Uint16Array(PAGES_PER_SECTION);

const addMarks = (
  { migrating, longterm, short, running }: SectionMarks,
  at: number,
  byte: number,
): number => {
  const marked = (migrating[at] ?? 0) > 0 ? inUse(byte) | PAGE_MIGRATING : byte;
  if ((byte & PAGE_PINNED) === 0) return marked;
  const isLong = (longterm[at] ?? 0) > 0 || (running && (short[at] ?? 0) === 0);
  return isLong ? marked | PAGE_LONGTERM : marked;
};

const endOf = (run: FrameRun | undefined): number => (run === undefined ? 0 : run.first + run.npages);

/** All blocks of a column of which anything was ever written. */
const allBlocks = (column: Column): number[] => column.writtenBlocks();

const NO_INT32 = new Int32Array(0);
const NO_UINT32 = new Uint32Array(0);
/** One type of array an expression keeps the loop fast. */
const int32 = (elements: Elements): Int32Array => (elements instanceof Int32Array ? elements : NO_INT32);
const uint32 = (elements: Elements): Uint32Array => (elements instanceof Uint32Array ? elements : NO_UINT32);

/** @returns whether that changed anything */
const fillPages = (pages: SectionPages, first: number, end: number, byte: number): boolean => {
  if (pages[first] === byte && pages[end - 1] === byte) return false;
  pages.fill(byte, first, end);
  return true;
};

/** Pinned or on its way: in use, whoever maps it. */
const inUse = (byte: number): number => (byte & ~PAGE_USE_MASK) | PAGE_MAPPED;

/** Counts of the uses and of single bits; those of the block's type stay. */
const countBlock = ({ pages, counts }: PyramidSection, block: number): void => {
  const row = block * STATES;
  counts.fill(0, row, row + CMA);
  const first = block * PAGEBLOCK_NR_PAGES;
  for (let at = first; at < first + PAGEBLOCK_NR_PAGES; at++) {
    const byte = pages[at] ?? 0;
    if (byte === PAGE_FREE) continue;
    // the uses are numbered as the states are, behind free
    const use = byte & PAGE_USE_MASK;
    if (use !== PAGE_FREE) add(counts, row + use - 1);
    if (byte < PAGE_PINNED) continue;
    if ((byte & PAGE_PINNED) !== 0) add(counts, row + PINNED);
    if ((byte & PAGE_LONGTERM) !== 0) add(counts, row + LONGTERM);
    if ((byte & PAGE_MIGRATING) !== 0) add(counts, row + MIGRATING);
    if ((byte & PAGE_LOCKED) !== 0) add(counts, row + LOCKED);
    if ((byte & PAGE_HUGE) !== 0) add(counts, row + HUGE);
  }
};

const add = (counts: SectionCounts, at: number): void => {
  counts[at] = (counts[at] ?? 0) + 1;
};

const sumBlocks = ({ counts, sums }: PyramidSection): void => {
  sums.fill(0);
  for (let row = 0; row < counts.length; row += STATES)
    for (let state = 0; state < STATES; state++)
      sums[state] = (sums[state] ?? 0) + (counts[row + state] ?? 0);
};
