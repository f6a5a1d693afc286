// Where a frame lives, from the machine alone: for frames that a moment does not list.

import type { RangeInfo } from '../worker/protocol.ts';
import type { Residence } from '../worker/protocol-moment.ts';

/** In the terms of the colours; `free` for what is no memory. */
export const residenceAt = (ranges: readonly RangeInfo[], pfn: number): Residence => {
  const range = ranges.find(({ start, npages }) => pfn >= start && pfn < start + npages);
  switch (range?.kind) {
    case 'ram':
      return range.cma || range.zone === 'Movable' ? 'movable' : 'system';
    case 'coherent':
    case 'private':
      return range.kind;
    case 'fsdax':
    case 'devdax':
    case 'p2pdma':
      return 'reserved';
    case 'mmio':
    case undefined:
      return 'free';
  }
};
