// What a breakpoint waits for, in words.

import {
  type Breakpoint,
  type Comparison,
  type EntryState,
  type PageRef,
  placeText,
} from '../../store/debug.ts';

/** Offered while one types; `buf` stands for an area of the run. */
export const examples = (area: string): readonly string[] => [
  'any page’s refcount falls to 0',
  'any page’s refcount > 1024',
  `mapcount of ${area}+1 <= 0`,
  `pins of ${area}+1 > 0`,
  `refcount of ${area}+1 changes`,
  `pte of ${area}+1 changes`,
  `pte of ${area}+1 is a migration entry`,
  'any pte is no longer writable',
  `${area}+1 becomes locked`,
  `page ${area}+1 changes`,
  'migrate_device_coherent_page',
  'check_and_migrate_movable_pages',
  'wp_page_copy',
  'log',
];

const COMPARES: Readonly<Record<Comparison, string>> = {
  '=': 'becomes',
  '!=': 'is no longer',
  '<': 'falls below',
  '<=': 'falls to or below',
  '>': 'rises above',
  '>=': 'rises to or above',
};

const STATES: Readonly<Record<EntryState, string>> = {
  none: 'none',
  present: 'present',
  migration: 'a migration entry',
  'device-private': 'a device-private entry',
  'device-exclusive': 'a device-exclusive entry',
  swap: 'a swap entry',
  hwpoison: 'a hwpoison entry',
  protnone: 'protnone',
  writable: 'writable',
  dirty: 'dirty',
  accessed: 'accessed',
};

const ofWhat = (of: PageRef | undefined): string => {
  if (of === undefined) return 'any page';
  return 'pfn' in of ? `pfn ${placeText(of)}` : placeText(of);
};

export const breakpointWords = (breakpoint: Breakpoint): string => {
  switch (breakpoint.kind) {
    case 'function':
      return `${breakpoint.fn} is entered`;
    case 'page':
      return `struct page of ${ofWhat(breakpoint.of)} changes`;
    case 'field': {
      const { field, is, of } = breakpoint;
      if (typeof is?.[1] === 'string') return `${ofWhat(of)} ${COMPARES[is[0]]} ${is[1]}`;
      return `${field} of ${ofWhat(of)} ${is === undefined ? 'changes' : `${COMPARES[is[0]]} ${is[1]}`}`;
    }
    case 'pte': {
      const { is, of } = breakpoint;
      const whose = of === undefined ? 'any entry' : `pte of ${placeText(of)}`;
      if (is === undefined) return `${whose} changes`;
      return `${whose} ${is[0] === '=' ? 'becomes' : 'is no longer'} ${STATES[is[1]]}`;
    }
    case 'log':
      return 'the kernel writes to its log';
  }
};
