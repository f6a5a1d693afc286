// Who holds which references of a page: read from the log, where every change of a count names its holder.

import { EventKind, HOLDER_KINDS, type HolderKind } from '../uapi/events.ts';
import type { Pfn } from '../uapi/units.ts';
import { addHolderEvent } from './holder-runs.ts';
import type { Journal } from './journal.ts';

/** References of one folio by holder; kinds that hold none are absent. */
export type Holders = ReadonlyMap<HolderKind, number>;

/** Amounts by position in HOLDER_KINDS. */
export type Amounts = readonly number[];
type Counting = number[];

export const NOBODY: Amounts = HOLDER_KINDS.map(() => 0);

const concernsHolders = (journal: Journal, index: number): boolean => {
  const kind = journal.log.kindAt(index);
  return kind === EventKind.REF || kind === EventKind.HOLDER;
};

const named = (amounts: Amounts): Holders => {
  const holders = new Map<HolderKind, number>();
  HOLDER_KINDS.forEach((kind, id) => {
    if (amounts[id] !== 0) holders.set(kind, amounts[id]);
  });
  return holders;
};

/**
 * Who holds a folio at the cursor. Reads the log from its beginning; for many pages keep a Ledger.
 *
 * @param folio - first page, if it is a compound one
 */
export const holdersOf = (journal: Journal, folio: Pfn): Holders => {
  const amounts = NOBODY.slice();
  for (let i = 0; i < journal.position; i++) {
    if (concernsHolders(journal, i) && journal.log.rowAt(i) === folio)
      addHolderEvent(journal.log, i, amounts, 1);
  }
  journal.addBulkHolders(folio, journal.position, amounts);
  return named(amounts);
};

/** The holders of all pages after some number of events; moves along the log in both directions. */
export class Ledger {
  /** Events counted so far. */
  position = 0;
  private readonly pages = new Map<Pfn, Counting>();

  constructor(private readonly journal: Journal) {}

  seek(position: number): void {
    while (this.position < position) this.apply(this.position++, 1);
    while (this.position > position) this.apply(--this.position, -1);
  }

  holdersOf(folio: Pfn): Holders {
    return named(this.amountsOf(folio));
  }

  amountsOf(folio: Pfn): Amounts {
    const single = this.pages.get(folio) ?? NOBODY;
    if (this.journal.holdersAreInLog) return single;
    const amounts = single.slice();
    this.journal.addBulkHolders(folio, this.position, amounts);
    return amounts;
  }

  /** References of all holders together: what _refcount must be. */
  sum(folio: Pfn): number {
    return this.amountsOf(folio).reduce((sum, amount) => sum + amount, 0);
  }

  private apply(index: number, sign: 1 | -1): void {
    if (!concernsHolders(this.journal, index)) return;
    const folio = this.journal.log.rowAt(index);
    let amounts = this.pages.get(folio);
    if (amounts === undefined) {
      amounts = NOBODY.slice();
      this.pages.set(folio, amounts);
    }
    addHolderEvent(this.journal.log, index, amounts, sign);
  }
}

/** `page table entry 2, LRU batch 1` */
export const holdersText = (holders: Holders): string =>
  holders.size === 0 ? 'nobody' : [...holders].map(([kind, amount]) => `${kind} ${amount}`).join(', ');
