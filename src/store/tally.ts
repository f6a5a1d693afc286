// A step's migrations in a line: pages of processes by place, before and after.

import type { ResidenceCount } from './views.ts';

export interface TallyRow {
  /** `VRAM 0`, `system` */
  readonly place: string;
  readonly from: number;
  readonly to: number;
}

const pagesAt = (counts: readonly ResidenceCount[], place: string): number =>
  counts.filter((count) => count.place === place).reduce((sum, { pages }) => sum + pages, 0);

const placeText = (place: string): string => place.replace(/^device /, 'VRAM ');

/** Places whose number of pages is another one now; those of devices first, since it is they whose pages leave. */
export const tallyRows = (before: readonly ResidenceCount[], after: readonly ResidenceCount[]): TallyRow[] =>
  [...new Set([...before, ...after].map(({ place }) => place))]
    .map((place) => ({ place: placeText(place), from: pagesAt(before, place), to: pagesAt(after, place) }))
    .filter(({ from, to }) => from !== to)
    .toSorted((a, b) => Number(b.place.startsWith('VRAM')) - Number(a.place.startsWith('VRAM')));
