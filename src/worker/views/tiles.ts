// Cells of the memory maps: how many frames of each cell are in which state.

import type { Machine } from '../../core/machine/machine.ts';
import { PG_hugetlb_freed, PG_locked, PG_table } from '../../core/uapi/page-flags.ts';
import { PAGES_PER_SECTION } from '../../core/uapi/units.ts';
import { type MoveView, type Tile, TILE_CHANNELS, type TileRequest } from '../protocol.ts';
import { longtermPinnedFrames, pinsOf } from './frames.ts';

const CHANNELS = TILE_CHANNELS.length;
const CHANNEL = {
  used: 0,
  pinned: 1,
  longterm: 2,
  migrating: 3,
  locked: 4,
  kernel: 5,
  reserved: 6,
} as const satisfies Record<(typeof TILE_CHANNELS)[number], number>;

/** Adds the part of a reserved range that lies in the tile, without looking at single frames. */
const addReserved = (m: Machine, { start, cells, pagesPerCell }: TileRequest, counts: Uint32Array): void => {
  const end = start + cells * pagesPerCell;
  for (const range of m.config.ranges) {
    if (range.reserved === undefined && range.kind !== 'mmio') continue;
    const from = Math.max(start, range.start);
    const to = Math.min(end, range.end);
    for (let at = from; at < to; ) {
      const cell = Math.floor((at - start) / pagesPerCell);
      const next = Math.min(to, start + (cell + 1) * pagesPerCell);
      counts[cell * CHANNELS + CHANNEL.reserved] =
        (counts[cell * CHANNELS + CHANNEL.reserved] ?? 0) + next - at;
      at = next;
    }
  }
};

export const tileOf = (m: Machine, moves: readonly MoveView[], request: TileRequest): Tile => {
  const { start, cells, pagesPerCell } = request;
  const end = start + cells * pagesPerCell;
  const counts = new Uint32Array(cells * CHANNELS);
  const add = (pfn: number, channel: number): void => {
    if (pfn < start || pfn >= end) return;
    const at = Math.floor((pfn - start) / pagesPerCell) * CHANNELS + channel;
    counts[at] = (counts[at] ?? 0) + 1;
  };
  addReserved(m, request, counts);
  const { refcount, flags, tailOffset } = m.pages;
  const firstSection = Math.floor(start / PAGES_PER_SECTION);
  const lastSection = Math.floor((end - 1) / PAGES_PER_SECTION);
  // tail pages of a folio have no count of their own and can lie in a section where no count was ever written
  const sections = new Set([...refcount.sectionNumbers(), ...tailOffset.sectionNumbers()]);
  for (const section of sections) {
    if (section < firstSection || section > lastSection) continue;
    const from = Math.max(start, section * PAGES_PER_SECTION);
    const to = Math.min(end, (section + 1) * PAGES_PER_SECTION);
    for (let pfn = from; pfn < to; pfn++) {
      const head = pfn - tailOffset.get(pfn);
      const pageFlags = flags.get(head);
      if (refcount.get(head) <= 0 || (pageFlags & PG_hugetlb_freed) !== 0) continue;
      add(pfn, CHANNEL.used);
      if ((pageFlags & PG_locked) !== 0) add(pfn, CHANNEL.locked);
      if ((pageFlags & PG_table) !== 0) add(pfn, CHANNEL.kernel);
      if (pinsOf(m, pfn) > 0) add(pfn, CHANNEL.pinned);
    }
  }
  for (const pfn of longtermPinnedFrames(m)) add(pfn, CHANNEL.longterm);
  for (const { src, dst } of moves) {
    add(src, CHANNEL.migrating);
    if (dst >= 0) add(dst, CHANNEL.migrating);
  }
  return { start, cells, pagesPerCell, counts };
};
