// Breakpoints: conditions on the trace at which a run forward or back stops.

import type { Message, Position } from './protocol.ts';

/**
 * What of a page a condition can be about, by the kernel's name; counts of a huge page are those of its head. `pins` is no
 * field: it is how often GUP has pinned the folio, as its counts say.
 */
export const BREAK_FIELDS = [
  '_refcount',
  '_mapcount',
  'flags',
  'mapping',
  'index',
  'content',
  'compound_mapcount',
  'compound_pincount',
  'pins',
] as const;
export type BreakField = (typeof BREAK_FIELDS)[number];

/** Flags of a page by the names that recordings have for them. */
export const PAGE_FLAGS = [
  'locked',
  'referenced',
  'uptodate',
  'dirty',
  'lru',
  'active',
  'workingset',
  'swapbacked',
  'unevictable',
  'mlocked',
  'reserved',
  'head',
  'private',
  'writeback',
  'reclaim',
  'hwpoison',
  'anon_exclusive',
  'swapcache',
] as const;
export type PageFlag = (typeof PAGE_FLAGS)[number];

/** Longer ones first, so that reading from the left finds them. */
export const COMPARISONS = ['!=', '<=', '>=', '=', '<', '>'] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** What an entry can be: one of its kinds, or a bit that is set. */
export const ENTRY_STATES = [
  'none',
  'present',
  'migration',
  'device-private',
  'device-exclusive',
  'swap',
  'hwpoison',
  'protnone',
  'writable',
  'dirty',
  'accessed',
] as const;
export type EntryState = (typeof ENTRY_STATES)[number];

/** A page of a process: of an area, or at a virtual page. Without a process: of the first that has the area. */
export type Place =
  | { readonly process?: string; readonly area: string; readonly page: number }
  | { readonly process?: string; readonly vpn: number };

/** A frame, or whatever frame the entry of a place refers to. */
export type PageRef = { readonly pfn: number } | Place;

export interface FieldCondition {
  readonly kind: 'field';
  readonly field: BreakField;
  /** Absent: any page, and each page's own field. */
  readonly of?: PageRef;
  /** Absent: it changes. `flags` that are (or are not, !=) a name: that one among them. */
  readonly is?: readonly [how: Comparison, value: number] | readonly [how: '=' | '!=', flag: PageFlag];
}

export interface PteCondition {
  readonly kind: 'pte';
  /** Absent: any entry that maps a page or could; those that point to a table do not count. */
  readonly of?: Place;
  /** Absent: it changes. */
  readonly is?: readonly [how: '=' | '!=', state: EntryState];
}

/** A run stops where a condition begins to hold, or where that changes which it watches. */
export type Breakpoint =
  /** A kernel function is entered. */
  | { readonly kind: 'function'; readonly fn: string }
  /** Anything of this page's struct page is written, or its reference count changes. */
  | { readonly kind: 'page'; readonly of: PageRef }
  | FieldCondition
  | PteCondition
  /** The kernel writes a line to its log. */
  | { readonly kind: 'log' };

/** Where a run stops, and which of the breakpoints stopped it. */
export interface Hit {
  readonly position: Position;
  readonly breakpoint: number;
  /** It happened inside of a big step, which has no positions of its own for it. */
  readonly inside?: { readonly step: number; readonly text: Message };
}

/** What a search came to. */
export interface Search {
  readonly hit: Hit | undefined;
  /** Big steps that were passed without a look at every page: their single events are counted, not kept. */
  readonly unseen: readonly number[];
}
