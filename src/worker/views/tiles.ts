// Cells of the memory maps: how many frames of each cell are in which state.

import { freeBlocksWithin } from '../../core/kernel/mm/buddy.ts';
import type { Machine } from '../../core/machine/machine.ts';
import type { MachineConfig } from '../../core/uapi/config.ts';
import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../../core/uapi/units.ts';
import type { Tile, TileRequest } from '../protocol.ts';
import {
  MAP_STATES,
  PAGE_HUGE,
  PAGE_LOCKED,
  PAGE_LONGTERM,
  PAGE_MIGRATING,
  PAGE_PINNED,
  PAGE_USE_MASK,
  SHADES,
  stateIndex,
} from '../protocol-map.ts';
import type { Pyramid, PyramidSection } from './pyramid.ts';
import type { ShadeReader } from './shades.ts';

const STATES = MAP_STATES.length;
const RESERVED = stateIndex('reserved');
const CMA = stateIndex('cma');
const BITS = [
  [PAGE_PINNED, stateIndex('pinned')],
  [PAGE_LONGTERM, stateIndex('longterm')],
  [PAGE_MIGRATING, stateIndex('migrating')],
  [PAGE_LOCKED, stateIndex('locked')],
  [PAGE_HUGE, stateIndex('huge')],
] as const;

const add = (counts: Uint32Array, at: number, by: number): void => {
  counts[at] = (counts[at] ?? 0) + by;
};

/** Adds what holds of `[from, to)`, frames of one section, without having been touched. */
const addUntouched = (
  config: MachineConfig,
  from: number,
  to: number,
  counts: Uint32Array,
  row: number,
): void => {
  for (const range of config.ranges) {
    const npages = Math.min(to, range.end) - Math.max(from, range.start);
    if (npages <= 0) continue;
    if (range.reserved !== undefined || range.kind === 'mmio') add(counts, row + RESERVED, npages);
    if (range.cma === true) add(counts, row + CMA, npages);
  }
};

/** Adds the states of single pages of a section that was touched. */
const addPages = (
  section: PyramidSection,
  from: number,
  to: number,
  counts: Uint32Array,
  row: number,
): void => {
  for (let pfn = from; pfn < to; pfn++) {
    const at = pfn % PAGES_PER_SECTION;
    const byte = section.pages[at] ?? 0;
    const use = byte & PAGE_USE_MASK;
    // the uses are numbered as the states are, behind free
    if (use !== 0) add(counts, row + use - 1, 1);
    for (const [bit, state] of BITS) if ((byte & bit) !== 0) add(counts, row + state, 1);
    const block = Math.floor(at / PAGEBLOCK_NR_PAGES) * STATES;
    for (let state = CMA; state < STATES; state++)
      if ((section.counts[block + state] ?? 0) > 0) add(counts, row + state, 1);
  }
};

const addSection = (
  section: PyramidSection,
  from: number,
  to: number,
  counts: Uint32Array,
  row: number,
): void => {
  if (to - from === PAGES_PER_SECTION) {
    section.sums.forEach((sum, state) => add(counts, row + state, sum));
    return;
  }
  if (from % PAGEBLOCK_NR_PAGES !== 0 || to % PAGEBLOCK_NR_PAGES !== 0) {
    addPages(section, from, to, counts, row);
    return;
  }
  const first = ((from % PAGES_PER_SECTION) / PAGEBLOCK_NR_PAGES) * STATES;
  const end = first + ((to - from) / PAGEBLOCK_NR_PAGES) * STATES;
  for (let at = first; at < end; at++) add(counts, row + (at % STATES), section.counts[at] ?? 0);
};

/** What cells hold in another mode: of each how many pages are in which class. */
const shadesOf = (
  pyramid: Pyramid,
  { start, cells, pagesPerCell }: TileRequest,
  read: ShadeReader,
): Uint32Array<ArrayBuffer> => {
  const counts = new Uint32Array(cells * SHADES);
  const shades = new Uint8Array(PAGES_PER_SECTION);
  const end = start + cells * pagesPerCell;
  for (let no = Math.floor(start / PAGES_PER_SECTION); no * PAGES_PER_SECTION < end; no++) {
    const section = pyramid.section(no);
    if (section === undefined) continue;
    read(no, section, shades);
    const first = no * PAGES_PER_SECTION;
    for (let pfn = Math.max(start, first); pfn < Math.min(end, first + PAGES_PER_SECTION); pfn++)
      add(counts, Math.floor((pfn - start) / pagesPerCell) * SHADES + (shades[pfn - first] ?? 0), 1);
  }
  return counts;
};

const LARGEST_BLOCK = 1024;

const ordersOf = (m: Machine, { start, cells, pagesPerCell }: TileRequest): Int8Array<ArrayBuffer> => {
  if (pagesPerCell > 1) return new Int8Array(0);
  const orders = new Int8Array(cells).fill(-1);
  const blocks = freeBlocksWithin(m, start - (start % LARGEST_BLOCK), start + cells);
  for (let at = 0; at < blocks.length; at += 2) {
    const first = (blocks[at] ?? 0) - start;
    const order = blocks[at + 1] ?? 0;
    orders.fill(order, Math.max(0, first), Math.max(0, first + 2 ** order));
  }
  return orders;
};

/**
 * @param pyramid - caught up with the machine
 * @param read - of the mode that is shown; undefined: it has no shades to be read
 */
export const tileOf = (
  pyramid: Pyramid,
  m: Machine,
  request: TileRequest,
  read: ShadeReader | undefined,
): Tile => {
  const { config } = m;
  const { start, cells, pagesPerCell } = request;
  const counts = new Uint32Array(cells * STATES);
  for (let cell = 0; cell < cells; cell++) {
    const end = start + (cell + 1) * pagesPerCell;
    for (let from = start + cell * pagesPerCell; from < end; ) {
      const no = Math.floor(from / PAGES_PER_SECTION);
      const to = Math.min(end, (no + 1) * PAGES_PER_SECTION);
      const section = pyramid.section(no);
      if (section === undefined) addUntouched(config, from, to, counts, cell * STATES);
      else addSection(section, from, to, counts, cell * STATES);
      from = to;
    }
  }
  const shades = read && shadesOf(pyramid, request, read);
  return { start, cells, pagesPerCell, counts, shades, orders: ordersOf(m, request) };
};
