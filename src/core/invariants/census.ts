// What kind of folio each used page begins, and how many there are of each: the sums that lists and counters of the
// whole machine must agree with.

import type { Machine } from '../machine/machine.ts';
import { PG_hugetlb, PG_lru, PG_mlocked, PG_unevictable } from '../uapi/page-flags.ts';
import type { Pfn } from '../uapi/units.ts';
import type { Survey } from './survey.ts';

/** What one used folio counts as. */
interface Folio {
  readonly npages: number;
  /** Zone of the page allocator that it comes from; -1: none. */
  readonly zone: number;
  /** Device memory: id of its dev_pagemap; 0: ordinary memory. */
  readonly pgmap: number;
  readonly hugetlb: boolean;
  /** On a list that reclaim looks through, or on the unevictable one. */
  readonly lru: 'listed' | 'unevictable' | 'none';
  readonly mlocked: boolean;
}

const NO_ZONE = -1;

export class Census {
  readonly folios = new Map<Pfn, Folio>();
  /** Pages by zone. */
  readonly zonePages: number[];
  readonly zoneMlocked: number[];
  /** Pages by dev_pagemap. */
  readonly devicePages = new Map<number, number>();
  hugetlbFolios = 0;
  listedPages = 0;
  unevictablePages = 0;
  private readonly m: Machine;

  constructor(private readonly survey: Survey) {
    this.m = survey.m;
    this.zonePages = this.m.zones.map(() => 0);
    this.zoneMlocked = this.m.zones.map(() => 0);
    this.update(survey.uses.pages());
  }

  /** Looks again at pages that were written or are referred to in another way. */
  update(pages: Iterable<Pfn>): void {
    const heads = new Set<Pfn>();
    for (const pfn of pages) heads.add(pfn).add(this.survey.head(pfn));
    for (const pfn of heads) {
      const before = this.folios.get(pfn);
      if (before !== undefined) this.count(before, -1);
      if (this.survey.head(pfn) === pfn && this.survey.isUsed(pfn)) {
        const folio = this.look(pfn);
        this.folios.set(pfn, folio);
        this.count(folio, 1);
      } else if (before !== undefined) {
        this.folios.delete(pfn);
      }
    }
  }

  /** Zone of the page allocator that a frame belongs to; -1 for device pages and the kernel's own memory. */
  zoneOf(pfn: Pfn): number {
    const range = this.m.rangeOf(pfn);
    if (range?.kind !== 'ram' || range.reserved !== undefined) return NO_ZONE;
    return this.m.zones.findIndex(({ node, name }) => node === range.node && name === range.zone);
  }

  private look(pfn: Pfn): Folio {
    const flags = this.m.pages.flags.get(pfn);
    const lru = flags & (PG_lru | PG_unevictable);
    return {
      npages: this.survey.folioPages(pfn),
      zone: this.zoneOf(pfn),
      pgmap: this.survey.pgmapOf(pfn)?.id ?? 0,
      hugetlb: (flags & PG_hugetlb) !== 0,
      lru: (lru & PG_lru) === 0 ? 'none' : lru === PG_lru ? 'listed' : 'unevictable',
      mlocked: (flags & PG_mlocked) !== 0,
    };
  }

  private count({ npages, zone, pgmap, hugetlb, lru, mlocked }: Folio, by: 1 | -1): void {
    if (zone !== NO_ZONE) {
      this.zonePages[zone] += by * npages;
      if (mlocked) this.zoneMlocked[zone] += by * npages;
    }
    if (pgmap !== 0) this.devicePages.set(pgmap, (this.devicePages.get(pgmap) ?? 0) + by * npages);
    if (hugetlb) this.hugetlbFolios += by;
    if (lru === 'listed') this.listedPages += by * npages;
    else if (lru === 'unevictable') this.unevictablePages += by * npages;
  }
}
