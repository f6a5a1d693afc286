// VRAM that buffer objects have. An object uses no struct page of its own: TTM's manager keeps the account of the space, so
// the columns of pages say nothing of it.

import type { TtmBo } from '../../core/machine/gpu.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { PAGEBLOCK_NR_PAGES } from '../../core/uapi/units.ts';
import type { FrameRun } from './frame-runs.ts';

const NONE: readonly FrameRun[] = [];

/** Frames of an object in VRAM whose pages the CPU's memory manager knows. */
const framesOf = (m: Machine, bo: TtmBo): readonly FrameRun[] => {
  const gpu = bo.memType === 'vram' ? m.gpus.find(bo.gpu) : undefined;
  if (gpu === undefined || gpu.pgmap === 0) return NONE;
  return bo.blocks.map(({ start, order }) => ({ first: gpu.vramStart + start, npages: 2 ** order }));
};

export class HeldVram {
  /** Frames of each object, as they were when it was looked at last. */
  private objects = new Map<number, { readonly bo: TtmBo; readonly frames: readonly FrameRun[] }>();
  /** All of them, by address. */
  private runs: readonly FrameRun[] = NONE;

  /**
   * Finds out what objects have got and lost since the last time.
   *
   * @param touch - told of each pageblock in which something is different
   */
  compare(m: Machine, touch: (block: number) => void): void {
    const before = this.objects;
    const bos = m.ttmBos.values();
    if (bos.length === before.size && bos.every((bo) => before.get(bo.id)?.bo === bo)) return;
    this.objects = new Map(bos.map((bo) => [bo.id, { bo, frames: framesOf(m, bo) }]));
    const changed = (id: number): boolean => before.get(id)?.bo.blocks !== this.objects.get(id)?.bo.blocks;
    for (const [id, { frames }] of [...before, ...this.objects])
      if (changed(id) || before.get(id)?.bo.memType !== this.objects.get(id)?.bo.memType)
        for (const run of frames) touchAll(run, touch);
    this.runs = [...this.objects.values()].flatMap(({ frames }) => frames).sort((a, b) => a.first - b.first);
  }

  /** Those of which something lies in `[from, to)`, by address. */
  within(from: number, to: number): readonly FrameRun[] {
    const { runs } = this;
    let low = 0;
    for (let high = runs.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const run = runs[middle];
      if (run !== undefined && run.first + run.npages <= from) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while ((runs[end]?.first ?? to) < to) end += 1;
    return end === low ? NONE : runs.slice(low, end);
  }
}

const touchAll = ({ first, npages }: FrameRun, touch: (block: number) => void): void => {
  const last = Math.floor((first + npages - 1) / PAGEBLOCK_NR_PAGES);
  for (let block = Math.floor(first / PAGEBLOCK_NR_PAGES); block <= last; block++) touch(block);
};
