// What the summary of the first run says, from the state before and after.

import type { FrameView, ResidenceCount } from '../../store/views.ts';

export interface HomeRow {
  readonly place: string;
  readonly from: number;
  readonly to: number;
}

const placeText = (place: string): string =>
  place.startsWith('device') ? `VRAM of ${place}` : `${place} memory`;

const pagesAt = (counts: readonly ResidenceCount[], place: string): number =>
  counts.filter((count) => count.place === place).reduce((sum, { pages }) => sum + pages, 0);

/** How many pages each place had, and has. Devices come first: it is they whose pages leave. */
export const homeRows = (before: readonly ResidenceCount[], after: readonly ResidenceCount[]): HomeRow[] =>
  [...new Set([...before, ...after].map(({ place }) => place))]
    .toSorted((a, b) => Number(b.startsWith('device')) - Number(a.startsWith('device')) || a.localeCompare(b))
    .map((place) => ({ place: placeText(place), from: pagesAt(before, place), to: pagesAt(after, place) }));

/** Frames that nobody may move as long as they are pinned. */
export const pinnedFrames = (frames: readonly FrameView[]): number =>
  frames.filter(({ pins }) => pins > 0).length;
