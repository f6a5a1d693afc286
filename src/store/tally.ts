// A step's migrations in a line: pages of processes by place, before and after.

import type { DeviceView, ResidenceCount } from './views.ts';

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

/** Space in VRAM that buffer objects have, and how much of it is in use page by page. */
export interface HeldSpace {
  readonly heldPages: number;
  readonly usedPages: number;
  /** `VRAM 0`, or `VRAM on 8 devices` */
  readonly where: string;
}

/** Of all devices whose objects have more than what is in use; undefined: of none. */
export const heldSpace = (
  devices: readonly Pick<DeviceView, 'id' | 'heldPages' | 'usedPages'>[],
): HeldSpace | undefined => {
  const found = devices.filter(({ heldPages = 0, usedPages }) => heldPages > usedPages);
  const [first] = found;
  if (first === undefined) return undefined;
  return {
    heldPages: found.reduce((sum, { heldPages = 0 }) => sum + heldPages, 0),
    usedPages: found.reduce((sum, { usedPages }) => sum + usedPages, 0),
    where: found.length === 1 ? `VRAM ${first.id}` : `VRAM on ${found.length} devices`,
  };
};
