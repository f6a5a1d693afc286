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
  type RangeInfo,
  stateIndex,
} from '../store/views.ts';
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
}

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
};

const overlap = (range: RangeInfo, start: number, npages: number): number =>
  Math.max(0, Math.min(start + npages, range.start + range.npages) - Math.max(start, range.start));

const isReserved = ({ kind, reserved }: RangeInfo): boolean => kind === 'mmio' || reserved !== '';

export class SectionStore {
  private readonly touched = new Map<number, StoredSection>();
  private readonly untouched = new Map<number, StoredSection>();
  private readonly ranges: readonly RangeInfo[];

  constructor(ranges: readonly RangeInfo[]) {
    this.ranges = ranges;
  }

  /** @returns the sections that are different now; undefined: any may be */
  apply({ fresh, sections }: MapPicture): ReadonlySet<number> | undefined {
    if (fresh) this.touched.clear();
    for (const { section, counts, pages } of sections)
      this.touched.set(section, { counts, pages, sums: sumRows(counts), touched: true });
    return fresh ? undefined : new Set(sections.map(({ section }) => section));
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
  return { counts, sums: sumRows(counts), pages: undefined, touched: false };
};
