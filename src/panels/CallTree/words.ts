// What a breakpoint waits for, in words.

import type { Breakpoint } from '../../store/debug.ts';

/** Offered while one types. */
export const EXAMPLES: readonly string[] = [
  'any page’s refcount falls to 0',
  'migrate_device_coherent_page',
  'check_and_migrate_movable_pages',
  'wp_page_copy',
  'log',
];

const hex = (n: number): string => `0x${n.toString(16)}`;

export const breakpointWords = (breakpoint: Breakpoint): string => {
  switch (breakpoint.kind) {
    case 'function':
      return `${breakpoint.fn} is entered`;
    case 'page':
      return `struct page of pfn ${hex(breakpoint.pfn)} changes`;
    case 'field': {
      const { field, becomes, pfn } = breakpoint;
      const whose = pfn === undefined ? 'any page' : `pfn ${hex(pfn)}`;
      return becomes === undefined
        ? `${field} of ${whose} changes`
        : `${field} of ${whose} becomes ${becomes}`;
    }
    case 'log':
      return 'the kernel writes to its log';
  }
};
