// mm/vmscan.c: taking a folio off its LRU list, and putting it back.

import { EBUSY } from '../../uapi/errno.ts';
import { PG_lru } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';
import { lruvecDelFolio } from './mm-inline.ts';
import { clearFlags, compoundHead, folioGet, testFlags } from './page-ref.ts';
import { folioAddLru, folioPut } from './swap.ts';

/**
 * Takes a folio off the LRU with a reference of its own.
 *
 * Kernel: `mm/vmscan.c: folio_isolate_lru`
 *
 * @returns 0, or -EBUSY when it is on no list
 */
export const folioIsolateLru = atomic('folio_isolate_lru', (m, folio: Pfn): number => {
  if (!testFlags(m, folio, PG_lru)) return -EBUSY;
  lruvecDelFolio(m, folio);
  clearFlags(m, folio, PG_lru);
  folioGet(m, folio, 'LRU isolation');
  return 0;
});

/** Kernel: `mm/folio-compat.c: isolate_lru_page` */
export const isolateLruPage = atomic('isolate_lru_page', (m, pfn: Pfn): number =>
  folioIsolateLru(m, compoundHead(m, pfn)),
);

/** Kernel: `mm/vmscan.c: folio_putback_lru` */
export const folioPutbackLru = atomic('folio_putback_lru', (m, folio: Pfn): void => {
  folioAddLru(m, folio);
  folioPut(m, folio, 'LRU isolation');
});

/** Kernel: `mm/folio-compat.c: putback_lru_page` */
export const putbackLruPage = atomic('putback_lru_page', (m, pfn: Pfn): void =>
  folioPutbackLru(m, compoundHead(m, pfn)),
);
