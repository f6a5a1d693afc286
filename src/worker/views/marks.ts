// Small numbers beside page frames, for few of very many: how often something holds of a page.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../../core/uapi/units.ts';

export class Marks {
  private readonly sections = new Map<number, { readonly counts: Uint16Array; sum: number }>();
  private readonly onChange: (block: number) => void;

  /** @param onChange - told of each pageblock in which a mark changes */
  constructor(onChange: (block: number) => void) {
    this.onChange = onChange;
  }

  add(pfn: number, by: 1 | -1): void {
    const no = Math.floor(pfn / PAGES_PER_SECTION);
    let section = this.sections.get(no);
    if (section === undefined) {
      section = { counts: new Uint16Array(PAGES_PER_SECTION), sum: 0 };
      this.sections.set(no, section);
    }
    const at = pfn % PAGES_PER_SECTION;
    section.counts[at] = (section.counts[at] ?? 0) + by;
    section.sum += by;
    if (section.sum === 0) this.sections.delete(no);
    this.onChange(Math.floor(pfn / PAGEBLOCK_NR_PAGES));
  }

  /** Counts of a section; undefined: all are 0. */
  section(no: number): Uint16Array | undefined {
    return this.sections.get(no)?.counts;
  }
}
