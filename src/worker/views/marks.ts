// Small numbers beside page frames, for few of very many: how often something holds of a page.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../../core/uapi/units.ts';

export class Marks {
  private readonly sections = new Map<number, { readonly counts: Uint16Array; sum: number }>();
  private readonly onChange: (block: number) => void;

  /** @param onChange - told of each pageblock in which a mark changes */
  constructor(onChange: (block: number) => void) {
    this.onChange = onChange;
  }

  /** Adds to the marks of some frames. Neighbours are cheap: a handle may hold a million. */
  addAll(pfns: Iterable<number>, by: 1 | -1): void {
    let block = -1;
    let no = -1;
    let section: { readonly counts: Uint16Array; sum: number } | undefined;
    for (const pfn of pfns) {
      const at = pfn % PAGES_PER_SECTION;
      const nextNo = (pfn - at) / PAGES_PER_SECTION;
      if (nextNo !== no || section === undefined) {
        this.drop(no, section);
        no = nextNo;
        section = this.sectionOf(no);
      }
      section.counts[at] = (section.counts[at] ?? 0) + by;
      section.sum += by;
      const nextBlock = Math.floor(pfn / PAGEBLOCK_NR_PAGES);
      if (nextBlock === block) continue;
      block = nextBlock;
      this.onChange(block);
    }
    this.drop(no, section);
  }

  private sectionOf(no: number): { readonly counts: Uint16Array; sum: number } {
    let section = this.sections.get(no);
    if (section === undefined) {
      section = { counts: new Uint16Array(PAGES_PER_SECTION), sum: 0 };
      this.sections.set(no, section);
    }
    return section;
  }

  /** A section without marks is as good as none. */
  private drop(no: number, section: { readonly sum: number } | undefined): void {
    if (section?.sum === 0) this.sections.delete(no);
  }

  /** Counts of a section; undefined: all are 0. */
  section(no: number): Uint16Array | undefined {
    return this.sections.get(no)?.counts;
  }
}
