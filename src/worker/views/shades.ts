// What the colours of a map say in its other modes: a shade a page, worked out for the sections that somebody looks at,
// in the mode that is chosen, and not before.

import { compoundHead, pageblockMigratetype } from '../../core/kernel/mm/page-ref.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../../core/uapi/units.ts';
import {
  type MapMode,
  NO_SHADE,
  OWNER_NOBODY,
  PAGE_FREE,
  PAGE_RESERVED,
  PAGE_USE_MASK,
  refcountShade,
  SHADES,
  type ShadeCounts,
  typeShade,
} from '../protocol-map.ts';
import type { Run } from '../run.ts';
import { PageAges } from './page-ages.ts';
import { pageOwners } from './page-owners.ts';
import type { PyramidSection } from './pyramid.ts';

/** Writes the shades of a section. */
export type ShadeReader = (no: number, section: PyramidSection, shades: Uint8Array) => void;

const readRefcounts =
  (m: Machine): ShadeReader =>
  (no, { pages }, shades) => {
    const first = no * PAGES_PER_SECTION;
    for (let at = 0; at < shades.length; at++) {
      const reserved = ((pages[at] ?? 0) & PAGE_USE_MASK) === PAGE_RESERVED;
      // what was never given to the page allocator keeps the one reference of a new struct page
      shades[at] = refcountShade(reserved ? 1 : m.pages.refcount.get(compoundHead(m, first + at)));
    }
  };

const readTypes =
  (m: Machine): ShadeReader =>
  (no, _section, shades) => {
    for (let at = 0; at < shades.length; at += PAGEBLOCK_NR_PAGES) {
      const pfn = no * PAGES_PER_SECTION + at;
      const inAllocator = m.rangeOf(pfn)?.kind === 'ram';
      shades.fill(
        inAllocator ? typeShade(pageblockMigratetype(m, pfn)) : NO_SHADE,
        at,
        at + PAGEBLOCK_NR_PAGES,
      );
    }
  };

const readOwners = (m: Machine): ShadeReader => {
  const owners = pageOwners(m);
  return (no, { pages }, shades) => {
    const own = owners.get(no);
    for (let at = 0; at < shades.length; at++) {
      const isFree = ((pages[at] ?? 0) & PAGE_USE_MASK) === PAGE_FREE;
      shades[at] = own?.[at] || (isFree ? NO_SHADE : OWNER_NOBODY);
    }
  };
};

/** Keeps what is costly to find out of a run, as long as somebody looks. */
export class Shades {
  private readonly run: Run;
  private ages: PageAges | undefined;

  constructor(run: Run) {
    this.run = run;
  }

  /**
   * How to read shades of a mode where the machine stands; undefined: there are none to be read, they follow from what
   * the page allocator says already.
   */
  reader(mode: MapMode): ShadeReader | undefined {
    const { sim } = this.run;
    const m = sim.machine;
    switch (mode) {
      case 'state':
      case 'node':
        return undefined;
      case 'refcount':
        return readRefcounts(m);
      case 'type':
        return readTypes(m);
      case 'owner':
        return readOwners(m);
      case 'age': {
        this.ages ??= new PageAges(m.journal.log, new Set(Object.values(m.pages).map(({ id }) => id)));
        const { position } = m.journal;
        const read = this.ages.at(sim.steps, this.run.stepAt(position).index, position);
        return (no, _section, shades) => read(no, shades);
      }
    }
  }
}

/** How many pages of each pageblock of a section have which shade. */
export const countShades = (shades: Uint8Array): ShadeCounts => {
  const counts = new Uint16Array((shades.length / PAGEBLOCK_NR_PAGES) * SHADES);
  for (let at = 0; at < shades.length; at++) {
    const place = Math.floor(at / PAGEBLOCK_NR_PAGES) * SHADES + (shades[at] ?? 0);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return counts;
};
