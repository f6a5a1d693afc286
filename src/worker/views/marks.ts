// Small numbers beside page frames, for few of very many: how often something holds of a page.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../../core/uapi/units.ts';
import type { FrameRun } from './frame-runs.ts';

const BLOCKS = PAGES_PER_SECTION / PAGEBLOCK_NR_PAGES;

export class Marks {
  private readonly sections = new Map<number, { readonly counts: Uint16Array; sum: number }>();
  private readonly onChange: (block: number) => void;

  /** @param onChange - told of each pageblock in which a mark changes */
  constructor(onChange: (block: number) => void) {
    this.onChange = onChange;
  }

  /** Adds to the marks of neighbouring frames. */
  addRun({ first, npages }: FrameRun, by: 1 | -1): void {
    for (let pfn = first; pfn < first + npages; ) {
      const no = Math.floor(pfn / PAGES_PER_SECTION);
      const from = pfn - no * PAGES_PER_SECTION;
      const to = Math.min(PAGES_PER_SECTION, from + first + npages - pfn);
      const section = this.sectionOf(no);
      const sum = section.sum + by * (to - from);
      if (section.sum === 0) section.counts.fill(by, from, to);
      else if (sum > 0)
        for (let at = from; at < to; at++) section.counts[at] = (section.counts[at] ?? 0) + by;
      section.sum = sum;
      const base = no * BLOCKS;
      for (
        let block = Math.floor(from / PAGEBLOCK_NR_PAGES);
        block <= Math.floor((to - 1) / PAGEBLOCK_NR_PAGES);
        block++
      )
        this.onChange(base + block);
      // a section without marks is as good as none
      if (sum === 0) this.sections.delete(no);
      pfn += to - from;
    }
  }

  private sectionOf(no: number): { readonly counts: Uint16Array; sum: number } {
    let section = this.sections.get(no);
    if (section === undefined) {
      section = { counts: new Uint16Array(PAGES_PER_SECTION), sum: 0 };
      this.sections.set(no, section);
    }
    return section;
  }

  /** Counts of a section; undefined: all are 0. */
  section(no: number): Uint16Array | undefined {
    return this.sections.get(no)?.counts;
  }
}
