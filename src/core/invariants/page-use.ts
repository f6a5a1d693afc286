// What refers to a page, by the page's own number: the entries that map it, and how many references each kind of holder
// has besides them.

import { NOBODY } from '../machine/holders.ts';
import type { Entry } from '../uapi/pte.ts';
import type { EntryRow, Pfn, Vpn } from '../uapi/units.ts';

/** One entry that is not empty and points to no table. */
export interface Mapping {
  /** Id of the process. */
  readonly mm: number;
  readonly vpn: Vpn;
  readonly row: EntryRow;
  readonly entry: Entry;
  /** Pages that it stands for: 1, or those of a huge page. */
  readonly npages: number;
  /** Row of Machine.rss in which its pages count, or UNCOUNTED. */
  readonly rssRow: number;
}

/** What refers to one page by its own number; of a huge page, each page has its own. */
export class PageUse {
  /** Entries that count as mappings: present ones and device-private ones. */
  readonly mappers: Mapping[] = [];
  /** Of these, how many are huge: on the first page. */
  pmds = 0;
  /** References apart from those of the mappers, by position in HOLDER_KINDS; a pin counts 1. */
  others: number[] | undefined;

  get ptes(): number {
    return this.mappers.length - this.pmds;
  }

  get empty(): boolean {
    return this.mappers.length === 0 && (this.others === undefined || this.others.every((n) => n === 0));
  }
}

/** The pages that something refers to. */
export class Uses {
  private readonly byPage = new Map<Pfn, PageUse>();
  /** Pages whose use changed since the last update. */
  touched: Set<Pfn> = new Set();
  /** Of these, pages that nothing referred to before. */
  appeared: Set<Pfn> = new Set();
  /** Mapped without being counted. */
  zeroPages: readonly Pfn[] = [];

  get(pfn: Pfn): PageUse | undefined {
    return this.byPage.get(pfn);
  }

  has(pfn: Pfn): boolean {
    return this.byPage.has(pfn);
  }

  pages(): Iterable<Pfn> {
    return this.byPage.keys();
  }

  isZeroPage(pfn: Pfn): boolean {
    return this.zeroPages.includes(pfn);
  }

  /** What refers to a page, to be changed. */

  use(pfn: Pfn): PageUse {
    this.touched.add(pfn);
    let use = this.byPage.get(pfn);
    if (use === undefined) {
      use = new PageUse();
      this.byPage.set(pfn, use);
      this.appeared.add(pfn);
    }
    return use;
  }

  hold(pfn: Pfn, holder: number, amount: number): void {
    const use = this.use(pfn);
    use.others ??= NOBODY.slice();
    use.others[holder] += amount;
  }

  /** Forgets a page if nothing refers to it any more. */
  settle(pfn: Pfn): void {
    if (this.byPage.get(pfn)?.empty !== true) return;
    this.byPage.delete(pfn);
    this.appeared.delete(pfn);
  }
}
