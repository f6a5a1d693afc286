// mm/memory.c: which entries stand for a page that the caller may touch; mm/internal predicates on it.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE } from '../../uapi/config.ts';
import { type Entry, entryPfn, pteSpecial } from '../../uapi/pte.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';
import { compoundHead, isDeviceCoherentPage, isZeroPfn, isZoneMovablePage, pageblockMigratetype } from './page-ref.ts';

/**
 * The page behind a present entry; NO_PFN for the zero page and other special entries.
 *
 * Kernel: `mm/memory.c: vm_normal_page`
 */
export const vmNormalPage = atomic('vm_normal_page', (_m, _vma: Vma, _vpn: Vpn, entry: Entry): Pfn =>
  pteSpecial(entry) ? NO_PFN : entryPfn(entry),
);

/**
 * Whether a page may stay pinned for long where it is.
 *
 * Kernel: `include/linux/mm.h: is_longterm_pinnable_page`
 */
export const isLongtermPinnablePage = (m: Machine, pfn: Pfn): boolean => {
  if (!m.kernel.CONFIG_MIGRATION) return true;
  if (m.kernel.CONFIG_CMA) {
    const migratetype = pageblockMigratetype(m, pfn);
    if (m.rangeOf(pfn)?.kind === 'ram' && migratetype === MIGRATE_CMA) {
      m.trace.decide('pinnable.cma', pfn);
      return false;
    }
    if (migratetype === MIGRATE_ISOLATE) {
      m.trace.decide('pinnable.isolate', pfn);
      return false;
    }
  }
  if (isZeroPfn(m, pfn)) {
    m.trace.decide('pinnable.zero-page', pfn);
    return true;
  }
  if (isDeviceCoherentPage(m, pfn)) {
    m.trace.decide('pinnable.coherent', pfn);
    return false;
  }
  if (isZoneMovablePage(m, pfn)) {
    m.trace.decide('pinnable.movable', pfn);
    return false;
  }
  m.trace.decide('pinnable.ordinary', pfn);
  return true;
};

/** Kernel: `include/linux/mm.h: folio_is_longterm_pinnable` */
export const folioIsLongtermPinnable = (m: Machine, pfn: Pfn): boolean =>
  isLongtermPinnablePage(m, compoundHead(m, pfn));
