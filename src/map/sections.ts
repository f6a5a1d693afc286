// What the painter knows of memory: the counts of each section that was touched, single pages where they are looked at.
// All else follows from the firmware's ranges.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import {
  MAP_STATES,
  type MapPicture,
  PAGE_HUGE,
  PAGE_LOCKED,
  PAGE_LONGTERM,
  PAGE_MIGRATING,
  PAGE_PINNED,
  PAGE_RESERVED,
  PAGE_USE_MASK,
  type MapMode,
  type RangeInfo,
  SHADES,
  stateIndex,
} from '../store/views.ts';
import { shadeOfRange } from './coloring.ts';
import { type CellCounts, COUNTS_A_CELL, type CountsOf, readCounts } from './counts.ts';

export const BLOCKS_A_SECTION = PAGES_PER_SECTION / PAGEBLOCK_NR_PAGES;

export interface StoredSection {
  /** A row of MAP_STATES for each pageblock. */
  readonly counts: Uint16Array;
  /** Sums of the rows. */
  readonly sums: Uint32Array;
  /** A byte a page; undefined where nobody looks, or where nothing was ever done. */
  readonly pages: Uint8Array | undefined;
  /** Whether anything was ever done to any of its pages. */
  readonly touched: boolean;
  /** A row of SHADES for each pageblock; undefined: they follow from the ranges. */
  readonly shadeCounts: Uint16Array | undefined;
  readonly shades: Uint8Array | undefined;
  /** First frame and order of free blocks, one after the other; undefined where nobody looks. */
  readonly freeBlocks: Int32Array | undefined;
}

const NO_BLOCKS = new Int32Array(0);
/** Kernel: `include/linux/mmzone.h: MAX_ORDER` */
const MAX_ORDER = 11;
const RESERVED = stateIndex('reserved');
const CMA = stateIndex('cma');
const BITS = [
  [PAGE_PINNED, stateIndex('pinned')],
  [PAGE_LONGTERM, stateIndex('longterm')],
  [PAGE_MIGRATING, stateIndex('migrating')],
  [PAGE_LOCKED, stateIndex('locked')],
  [PAGE_HUGE, stateIndex('huge')],
] as const;

const sumRows = (counts: Uint16Array): Uint32Array => {
  const sums = new Uint32Array(COUNTS_A_CELL);
  for (let at = 0; at < counts.length; at++) {
    const state = at % COUNTS_A_CELL;
    sums[state] = (sums[state] ?? 0) + (counts[at] ?? 0);
  }
  return sums;
};

const NOTHING: StoredSection = {
  counts: new Uint16Array(BLOCKS_A_SECTION * COUNTS_A_CELL),
  sums: new Uint32Array(COUNTS_A_CELL),
  pages: undefined,
  touched: false,
  shadeCounts: undefined,
  shades: undefined,
  freeBlocks: undefined,
};

const overlap = (range: RangeInfo, start: number, npages: number): number =>
  Math.max(0, Math.min(start + npages, range.start + range.npages) - Math.max(start, range.start));

const isReserved = ({ kind, reserved }: RangeInfo): boolean => kind === 'mmio' || reserved !== '';

export class SectionStore {
  private readonly touched = new Map<number, StoredSection>();
  private readonly untouched = new Map<number, StoredSection>();
  private readonly untouchedShades = new Map<number, Uint16Array>();
  /** What the shades are about. */
  mode: MapMode = 'state';
  private readonly ranges: readonly RangeInfo[];

  constructor(ranges: readonly RangeInfo[]) {
    this.ranges = ranges;
  }

  /** @returns the sections that are different now; undefined: any may be */
  apply({ fresh, sections, mode }: MapPicture): ReadonlySet<number> | undefined {
    if (fresh) this.touched.clear();
    const anew = fresh || mode !== this.mode;
    if (mode !== this.mode) {
      this.mode = mode;
      this.untouchedShades.clear();
      // what is known belongs to the other mode
      for (const [no, section] of this.touched)
        this.touched.set(no, { ...section, shadeCounts: undefined, shades: undefined });
    }
    for (const { section, counts, pages, shadeCounts, shades, freeBlocks } of sections)
      this.touched.set(section, {
        counts,
        pages,
        sums: sumRows(counts),
        touched: true,
        shadeCounts,
        shades,
        freeBlocks,
      });
    return anew ? undefined : new Set(sections.map(({ section }) => section));
  }

  section(no: number): StoredSection {
    return this.touched.get(no) ?? this.untouchedSection(no);
  }

  readonly countsOf: CountsOf = (start, npages) => {
    const section = this.section(Math.floor(start / PAGES_PER_SECTION));
    const at = start % PAGES_PER_SECTION;
    if (npages === PAGES_PER_SECTION) return readCounts(section.sums, 0);
    if (npages === PAGEBLOCK_NR_PAGES) {
      return readCounts(section.counts, Math.floor(at / PAGEBLOCK_NR_PAGES) * COUNTS_A_CELL);
    }
    if (npages === 1) return this.pageCounts(section, start);
    return undefined;
  };

  /** What firmware ranges say of a page that nobody has touched. */
  untouchedByte(pfn: number): number {
    return this.ranges.some((range) => isReserved(range) && overlap(range, pfn, 1) > 0) ? PAGE_RESERVED : 0;
  }

  /** The shade of a page; undefined where single pages are not known. */
  shadeOf(pfn: number): number | undefined {
    const { shades, shadeCounts } = this.section(Math.floor(pfn / PAGES_PER_SECTION));
    if (shades !== undefined) return shades[pfn % PAGES_PER_SECTION];
    if (shadeCounts !== undefined) return undefined;
    const range = this.ranges.find((each) => overlap(each, pfn, 1) > 0);
    return range === undefined ? 0 : shadeOfRange(this.mode, range);
  }

  /** How many pages have which shade: a row of SHADES for each pageblock of a section. */
  shadeCountsOf(no: number): Uint16Array {
    return this.section(no).shadeCounts ?? this.shadesOfRanges(no);
  }

  /** First frame and order of each free block that begins in a section; of what was never touched the largest. */
  freeBlocksOf(no: number): Int32Array {
    const { touched, freeBlocks } = this.section(no);
    if (freeBlocks !== undefined || touched) return freeBlocks ?? NO_BLOCKS;
    const found: number[] = [];
    for (const range of this.ranges) {
      if (range.kind !== 'ram' || isReserved(range)) continue;
      const end = Math.min(range.start + range.npages, (no + 1) * PAGES_PER_SECTION);
      for (let start = Math.max(range.start, no * PAGES_PER_SECTION); start < end; ) {
        let order = MAX_ORDER - 1;
        while (start % 2 ** order !== 0 || start + 2 ** order > range.start + range.npages) order -= 1;
        found.push(start, order);
        start += 2 ** order;
      }
    }
    return Int32Array.from(found);
  }

  private shadesOfRanges(no: number): Uint16Array {
    const known = this.untouchedShades.get(no);
    if (known !== undefined) return known;
    const counts = new Uint16Array(BLOCKS_A_SECTION * SHADES);
    for (let block = 0; block < BLOCKS_A_SECTION; block++) {
      const start = no * PAGES_PER_SECTION + block * PAGEBLOCK_NR_PAGES;
      for (const range of this.ranges) {
        const npages = overlap(range, start, PAGEBLOCK_NR_PAGES);
        const at = block * SHADES + (npages === 0 ? 0 : shadeOfRange(this.mode, range));
        counts[at] = (counts[at] ?? 0) + npages;
      }
    }
    this.untouchedShades.set(no, counts);
    return counts;
  }

  private pageCounts(section: StoredSection, pfn: number): CellCounts | undefined {
    const { pages, touched, counts } = section;
    if (touched && pages === undefined) return undefined;
    const at = pfn % PAGES_PER_SECTION;
    const byte = pages === undefined ? this.untouchedByte(pfn) : (pages[at] ?? 0);
    const row = new Uint16Array(COUNTS_A_CELL);
    const use = byte & PAGE_USE_MASK;
    // the uses are numbered as the states are, behind free
    if (use !== 0) row[use - 1] = 1;
    for (const [bit, state] of BITS) if ((byte & bit) !== 0) row[state] = 1;
    const block = Math.floor(at / PAGEBLOCK_NR_PAGES) * COUNTS_A_CELL;
    for (let state = CMA; state < MAP_STATES.length; state++)
      if ((counts[block + state] ?? 0) > 0) row[state] = 1;
    return readCounts(row, 0);
  }

  private untouchedSection(no: number): StoredSection {
    const known = this.untouched.get(no);
    if (known !== undefined) return known;
    const start = no * PAGES_PER_SECTION;
    const special = this.ranges.filter(
      (range) => (isReserved(range) || range.cma) && overlap(range, start, PAGES_PER_SECTION) > 0,
    );
    const made = special.length === 0 ? NOTHING : fromRanges(special, start);
    this.untouched.set(no, made);
    return made;
  }
}

const fromRanges = (ranges: readonly RangeInfo[], start: number): StoredSection => {
  const counts = new Uint16Array(BLOCKS_A_SECTION * COUNTS_A_CELL);
  for (let block = 0; block < BLOCKS_A_SECTION; block++) {
    const row = block * COUNTS_A_CELL;
    for (const range of ranges) {
      const npages = overlap(range, start + block * PAGEBLOCK_NR_PAGES, PAGEBLOCK_NR_PAGES);
      if (isReserved(range)) counts[row + RESERVED] = (counts[row + RESERVED] ?? 0) + npages;
      if (range.cma) counts[row + CMA] = (counts[row + CMA] ?? 0) + npages;
    }
  }
  return { ...NOTHING, counts, sums: sumRows(counts) };
};
