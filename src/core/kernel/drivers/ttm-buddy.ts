// drivers/gpu/drm/drm_buddy.c: VRAM in blocks of a power of two of pages. Pure: free lists in, free lists out.

import type { Block } from '../../machine/gpu.ts';

/** `free[order]`: first pages of the free blocks, ascending. */
export type FreeBlocks = readonly (readonly number[])[];

export interface Allocation {
  readonly free: FreeBlocks;
  readonly blocks: readonly Block[];
}

const floorLog2 = (n: number): number => Math.floor(Math.log2(n));

const withBlock = (free: FreeBlocks, order: number, start: number): FreeBlocks => {
  const lists = Array.from({ length: Math.max(free.length, order + 1) }, (_, i) => free[i] ?? []);
  lists[order] = [...lists[order], start].sort((a, b) => a - b);
  return lists;
};

const withoutBlock = (free: FreeBlocks, order: number, start: number): FreeBlocks =>
  free.map((list, i) => (i === order ? list.filter((other) => other !== start) : list));

/** All of VRAM free, in the largest blocks that fit. Ours: drm_buddy_init keeps a root for each. */
export const wholeVram = (npages: number): FreeBlocks => {
  let free: FreeBlocks = [];
  for (let start = 0; start < npages; ) {
    const order = floorLog2(npages - start);
    free = withBlock(free, order, start);
    start += 2 ** order;
  }
  return free;
};

/** Pages that are free. Ours: for the conservation of VRAM. */
export const freeVramPages = (free: FreeBlocks): number =>
  free.reduce((sum, list, order) => sum + list.length * 2 ** order, 0);

/**
 * The highest block of the smallest order that is large enough, split down to its upper end.
 *
 * Kernel: `drivers/gpu/drm/drm_buddy.c: alloc_from_freelist`
 */
const allocFromFreelist = (free: FreeBlocks, order: number): Allocation | undefined => {
  for (let from = order; from < free.length; from++) {
    const last = free[from].at(-1);
    if (last === undefined) continue;
    let lists = withoutBlock(free, from, last);
    let start = last;
    for (let half = from - 1; half >= order; half--) {
      lists = withBlock(lists, half, start);
      start += 2 ** half;
    }
    return { free: lists, blocks: [{ start, order }] };
  }
  return undefined;
};

/** The first pages of a block, in blocks; the rest is free again. Kernel: `drivers/gpu/drm/drm_buddy.c: drm_buddy_block_trim` */
const trim = (free: FreeBlocks, { start, order }: Block, npages: number): Allocation => {
  let lists = free;
  const blocks: Block[] = [];
  const cut = (from: number, size: number, wanted: number): void => {
    if (wanted === size) blocks.push({ start: from, order: Math.log2(size) });
    else if (wanted === 0) lists = freeBlock(lists, { start: from, order: Math.log2(size) });
    else {
      const half = size / 2;
      cut(from, half, Math.min(wanted, half));
      cut(from + half, half, Math.max(0, wanted - half));
    }
  };
  cut(start, 2 ** order, npages);
  return { free: lists, blocks };
};

/** A scatter-gather list cannot describe more at once: 2 GiB. */
const MAX_PIECE_PAGES = 2 ** 19;

/**
 * Blocks for a number of pages, as large as possible. What is at least as large as the smallest block is rounded up to
 * whole ones, and the last is trimmed.
 *
 * Kernel: `drivers/gpu/drm/drm_buddy.c: drm_buddy_alloc_blocks`
 *
 * @returns undefined when there is not enough
 */
const allocPiece = (free: FreeBlocks, npages: number, minOrder: number): Allocation | undefined => {
  const smallest = npages >= 2 ** minOrder ? 2 ** minOrder : 1;
  let lists = free;
  const blocks: Block[] = [];
  for (let left = Math.ceil(npages / smallest) * smallest; left > 0; ) {
    let found: Allocation | undefined;
    for (let order = floorLog2(left); 2 ** order >= smallest && found === undefined; order--)
      found = allocFromFreelist(lists, order);
    if (found === undefined) return undefined;
    lists = found.free;
    blocks.push(...found.blocks);
    left -= 2 ** found.blocks[0].order;
  }
  const whole = blocks.reduce((sum, { order }) => sum + 2 ** order, 0);
  if (whole === npages) return { free: lists, blocks };
  const last = blocks[blocks.length - 1];
  const trimmed = trim(lists, last, 2 ** last.order - (whole - npages));
  return { free: trimmed.free, blocks: [...blocks.slice(0, -1), ...trimmed.blocks] };
};

/**
 * Blocks for an object, in pieces of at most 2 GiB.
 *
 * Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_vram_mgr.c: amdgpu_vram_mgr_new`
 *
 * @returns undefined when there is not enough
 */
export const allocBlocks = (free: FreeBlocks, npages: number, minOrder: number): Allocation | undefined => {
  let found: Allocation = { free, blocks: [] };
  for (let left = npages; left > 0; left -= MAX_PIECE_PAGES) {
    const piece = allocPiece(found.free, Math.min(left, MAX_PIECE_PAGES), minOrder);
    if (piece === undefined) return undefined;
    found = { free: piece.free, blocks: [...found.blocks, ...piece.blocks] };
  }
  return found;
};

/** Gives a block back and joins it with its free buddies. Kernel: `drivers/gpu/drm/drm_buddy.c: drm_buddy_free_block` */
export const freeBlock = (free: FreeBlocks, { start, order }: Block): FreeBlocks => {
  const size = 2 ** order;
  const buddy = start % (size * 2) === 0 ? start + size : start - size;
  const joins = free[order]?.includes(buddy) === true;
  if (!joins) return withBlock(free, order, start);
  return freeBlock(withoutBlock(free, order, buddy), { start: Math.min(start, buddy), order: order + 1 });
};
