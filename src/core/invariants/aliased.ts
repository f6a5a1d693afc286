// Pages that have two owners: the driver of 6.1 gives VRAM away with a page of a process in it when that page could not
// leave. The trace says so each time, and from then on the other owner's bytes are in it.

import type { Machine } from '../machine/machine.ts';
import { decisionIndex, EventKind } from '../uapi/events.ts';
import type { Pfn } from '../uapi/units.ts';

const ALIASED = decisionIndex('ttm.aliased');
const COPY_PAGE = decisionIndex('copy.page');

/** The pages in use that belong, or have belonged, to a second owner too, and what was copied from them. */
export class AliasedPages {
  private readonly pfns = new Set<Pfn>();

  constructor(private readonly m: Machine) {}

  has(pfn: Pfn): boolean {
    return this.pfns.has(pfn);
  }

  /** Reads the events in [begin, end), which must follow those read before. */
  read(begin: number, end: number): void {
    const { log } = this.m.journal;
    for (let i = begin; i < end; i++) {
      const kind = log.kindAt(i);
      if (kind === EventKind.REF) {
        if (log.nowAt(i) === 0) this.pfns.delete(log.rowAt(i));
      } else if (kind === EventKind.DECISION) {
        if (log.idAt(i) === ALIASED) this.pfns.add(log.rowAt(i));
        else if (log.idAt(i) === COPY_PAGE && this.pfns.has(log.rowAt(i))) this.pfns.add(log.oldAt(i));
      }
    }
  }
}
