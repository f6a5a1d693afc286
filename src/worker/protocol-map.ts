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

// --- what else a page can be coloured by ---------------------------------------------------------------------------

/** What the colours of a map say. */
export const MAP_MODES = ['state', 'owner', 'age', 'refcount', 'node', 'type'] as const;
export type MapMode = (typeof MAP_MODES)[number];

/** In all modes but `state` a page is in one of few classes, its shade; 0: there is nothing to say of it. */
export const SHADES = 12;
export const NO_SHADE = 0;

/** Owner: in use, and no process maps it; mapped by several; from here on by one, in order of creation. */
export const OWNER_NOBODY = 1;
export const OWNER_SEVERAL = 2;
export const OWNER_FIRST = 3;

/** Age: the step that runs or has just run changed it; one step before; two or three; more. */
export const AGE_NOW = 1;
export const AGE_BEFORE = 2;
export const AGE_RECENT = 3;
export const AGE_OLD = 4;

/** _refcount 0, 1, 2, 3 to 9, 10 to 1023, and 1024 or more: pinned. */
export const REFCOUNT_LIMITS = [0, 1, 2, 3, 10, 1024] as const;
export const refcountShade = (count: number): number => {
  let shade = 1;
  while (shade < REFCOUNT_LIMITS.length && count >= (REFCOUNT_LIMITS[shade] ?? 0)) shade += 1;
  return shade;
};

/** NUMA node; of those behind the last shade, the last one. */
export const nodeShade = (node: number): number => Math.min(SHADES - 1, node + 1);

/** Migratetype of the pageblock, numbered as the kernel does. */
export const typeShade = (migratetype: number): number => migratetype + 1;

/** A section's shades: a byte a page. */
export type SectionShades = Uint8Array<ArrayBuffer>;
/** A row of SHADES for each of its 64 pageblocks: how many pages have which. */
export type ShadeCounts = Uint16Array<ArrayBuffer>;

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
  readonly mode: MapMode;
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
  /** In modes that need them; undefined: they follow from the firmware's ranges. */
  readonly shadeCounts: ShadeCounts | undefined;
  /** Of the sections that were asked for. */
  readonly shades: SectionShades | undefined;
  /** Free blocks of the page allocator, of the sections that were asked for: first frame and order, one after the other. */
  readonly freeBlocks: Int32Array<ArrayBuffer> | undefined;
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
  readonly mode: MapMode;
  readonly sections: readonly SectionUpdate[];
}

export const pictureBuffers = ({ sections }: Picture): ArrayBuffer[] =>
  sections.flatMap(({ counts, pages, shadeCounts, shades, freeBlocks }) =>
    [counts, pages, shadeCounts, shades, freeBlocks].flatMap((array) =>
      array === undefined ? [] : [array.buffer],
    ),
  );
