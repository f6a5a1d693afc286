// What crosses between the simulation worker and the painter of the maps, on a port of their own: the page is not in
// between, so a busy page does not hold pictures up, and busy pictures do not hold the page up.

import type { Position, RunId } from './protocol.ts';

// --- the state of one page, as a byte ------------------------------------------------------------------------------

/** What a page is in use for; exactly one holds. */
export const PAGE_USE_MASK = 7;
export const PAGE_FREE = 0;
/** Never handed out: firmware, kernel image, struct pages. */
export const PAGE_RESERVED = 1;
/** Page tables. */
export const PAGE_KERNEL = 2;
/** In use, and no process maps it: page cache, huge page pool, buffers of a driver. */
export const PAGE_OTHER = 3;
/** Mapped by a process, pinned, or on its way. */
export const PAGE_MAPPED = 4;

/** What else holds. */
export const PAGE_PINNED = 8;
/** Under a pin with FOLL_LONGTERM; PINNED holds as well. */
export const PAGE_LONGTERM = 16;
/** An entry that referred to it is a migration entry now. */
export const PAGE_MIGRATING = 32;
export const PAGE_LOCKED = 64;
/** Part of a compound page. */
export const PAGE_HUGE = 128;

// --- how many pages are in which state -----------------------------------------------------------------------------

/** States that are counted for pageblocks, sections and banks. What is none of the first four is free. */
export const MAP_STATES = [
  'reserved',
  'kernel',
  'other',
  'mapped',
  'pinned',
  'longterm',
  'migrating',
  'locked',
  'huge',
  'cma',
  'isolated',
] as const;
export type MapState = (typeof MAP_STATES)[number];
/** Where a state's count stands in a row of counts. */
export const stateIndex = (state: MapState): number => MAP_STATES.indexOf(state);

/** A section's counts: a row of MAP_STATES for each of its 64 pageblocks. */
export type SectionCounts = Uint16Array<ArrayBuffer>;
/** A section's pages: a byte each. */
export type SectionPages = Uint8Array<ArrayBuffer>;

// --- messages ------------------------------------------------------------------------------------------------------

/** Where the painter wants to look: a position, or a run that is still being computed. */
export type Place = Position | 'live';

/**
 * Sent when the painter shows another place or another part. Answered by a `picture`, also when nothing is different;
 * a place that is `live` by further ones, whenever the run has got further.
 */
export interface ShowRequest {
  readonly kind: 'show';
  /** Greater than that of the request before. */
  readonly number: number;
  readonly runId: RunId;
  readonly place: Place;
  /** Sections of which single pages are visible; of all others counts are enough. */
  readonly pageSections: readonly number[];
}

/** Sent when a picture was taken up: the next one may come. So a slow painter is never behind, it sees fewer pictures. */
export interface TakenReport {
  readonly kind: 'taken';
}

export type FromPainter = ShowRequest | TakenReport;

export interface SectionUpdate {
  readonly section: number;
  readonly counts: SectionCounts;
  /** Only of the sections that were asked for; undefined: what is known of them is out of date. */
  readonly pages: SectionPages | undefined;
}

/** What is different from the last picture that was sent. */
export interface Picture {
  readonly kind: 'picture';
  /** The last request that it takes into account. */
  readonly number: number;
  readonly runId: RunId;
  readonly place: Place;
  /** Forget everything first: another run. */
  readonly fresh: boolean;
  readonly sections: readonly SectionUpdate[];
}

export const pictureBuffers = ({ sections }: Picture): ArrayBuffer[] =>
  sections.flatMap(({ counts, pages }) =>
    pages === undefined ? [counts.buffer] : [counts.buffer, pages.buffer],
  );
