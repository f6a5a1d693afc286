// Which processes map which pages: all page tables, walked as one array each.

import type { Mm } from '../../core/machine/entities.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { SECTION_MASK } from '../../core/machine/column.ts';
import { type Entry, entryPfn, isPfnSwapEntry, pmdLeaf, ptePresent } from '../../core/uapi/pte.ts';
import { PAGES_PER_SECTION, PTRS_PER_TABLE } from '../../core/uapi/units.ts';
import { NO_SHADE, OWNER_FIRST, OWNER_SEVERAL, SHADES } from '../protocol-map.ts';

const TOP_LEVEL = 3;

/** An owner's shade for each page that some entry refers to, by section. */
export type PageOwners = ReadonlyMap<number, Uint8Array>;

export const ownerShade = (order: number): number => Math.min(SHADES - 1, OWNER_FIRST + order);

class Walk {
  readonly owners = new Map<number, Uint8Array<ArrayBuffer>>();
  private readonly m: Machine;
  private shade = NO_SHADE;
  private no = -1;
  private section = new Uint8Array(0);

  constructor(m: Machine) {
    this.m = m;
  }

  process({ pgd }: Mm, shade: number): void {
    this.shade = shade;
    this.table(pgd, TOP_LEVEL);
  }

  private table(table: number, level: number): void {
    const first = table * PTRS_PER_TABLE;
    // a table lies within one section of the column
    const entries = this.m.entries.readable(first);
    for (let i = 0; i < PTRS_PER_TABLE; i++) {
      const entry: Entry = entries[(first + i) & SECTION_MASK] ?? 0;
      if (entry === 0) continue;
      if (level > 0 && ptePresent(entry) && !pmdLeaf(entry)) this.table(entryPfn(entry), level - 1);
      else if (ptePresent(entry) || isPfnSwapEntry(entry))
        this.mark(entryPfn(entry), PTRS_PER_TABLE ** level);
    }
  }

  private mark(start: number, npages: number): void {
    for (let pfn = start; pfn < start + npages; pfn++) {
      const at = pfn % PAGES_PER_SECTION;
      const no = (pfn - at) / PAGES_PER_SECTION;
      if (no !== this.no) this.open(no);
      const known = this.section[at] ?? 0;
      this.section[at] = known === NO_SHADE || known === this.shade ? this.shade : OWNER_SEVERAL;
    }
  }

  private open(no: number): void {
    this.no = no;
    const known = this.owners.get(no) ?? new Uint8Array(PAGES_PER_SECTION);
    this.owners.set(no, known);
    this.section = known;
  }
}

export const pageOwners = (m: Machine): PageOwners => {
  const walk = new Walk(m);
  m.mms.values().forEach((mm, order) => {
    if (mm.alive) walk.process(mm, ownerShade(order));
  });
  return walk.owners;
};
