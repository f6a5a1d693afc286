// Breakpoints: conditions on the trace at which a run forward or back stops.

/** Columns of struct page that a condition can be about, by the kernel's name. */
export const BREAK_FIELDS = ['_refcount', '_mapcount', 'flags', 'mapping', 'content'] as const;
export type BreakField = (typeof BREAK_FIELDS)[number];

export type Breakpoint =
  /** A kernel function is entered. */
  | { readonly kind: 'function'; readonly fn: string }
  /** Anything of this page's struct page is written, or its reference count changes. */
  | { readonly kind: 'page'; readonly pfn: number }
  /** A field of a page is written; `becomes`: only with this value; `pfn`: only of this page. */
  | {
      readonly kind: 'field';
      readonly field: BreakField;
      readonly becomes?: number | undefined;
      readonly pfn?: number | undefined;
    }
  /** The kernel writes a line to its log. */
  | { readonly kind: 'log' };
