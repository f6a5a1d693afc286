// mm/memory.c: which entries stand for a page that the caller may touch; mm/internal predicates on it.

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE } from '../../uapi/config.ts';
import { type Entry, entryPfn, pteSpecial } from '../../uapi/pte.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { atomic } from '../sched/kernel-function.ts';
import {
  compoundHead,
  isDeviceCoherentPage,
  isZoneDevicePage,
  isZeroPfn,
  isZoneMovablePage,
  pageblockMigratetype,
} from './page-ref.ts';

/**
 * The page behind a present entry; NO_PFN for the zero page and other special entries.
 *
 * Kernel: `mm/memory.c: vm_normal_page`
 */
export const vmNormalPage = atomic(
  'vm_normal_page',
  (_m, _vma: Vma, _vpn: Vpn, entry: Entry): Pfn => (pteSpecial(entry) ? NO_PFN : entryPfn(entry)),
);

/**
 * Whether a walk over entries must leave a page alone because it is on no LRU list. The callers are those that the
 * series touched: without its fourth patch they take a device page for an ordinary one.
 *
 * Kernel: `include/linux/mmzone.h: is_zone_device_page`
 */
export const isNonLruPage = (m: Machine, pfn: Pfn): boolean =>
  hasPatch(m.kernel, 4) && isZoneDevicePage(m, pfn);

/** Why a page may stay pinned for long where it is, or not. */
export type Pinnability =
  | 'cma'
  | 'isolate'
  | 'zero-page'
  | 'coherent'
  | 'movable'
  | 'ordinary'
  | 'no-migration';

/**
 * The first condition that decides whether a page may stay pinned for long.
 *
 * Kernel: `include/linux/mm.h: is_longterm_pinnable_page`
 */
export const longtermPinnability = (m: Machine, pfn: Pfn): Pinnability => {
  if (!m.kernel.CONFIG_MIGRATION) return 'no-migration';
  if (m.kernel.CONFIG_CMA && m.rangeOf(pfn)?.kind === 'ram') {
    const migratetype = pageblockMigratetype(m, pfn);
    if (migratetype === MIGRATE_CMA) return 'cma';
    if (migratetype === MIGRATE_ISOLATE) return 'isolate';
  }
  if (isZeroPfn(m, pfn)) return 'zero-page';
  if (isDeviceCoherentPage(m, pfn)) return 'coherent';
  return isZoneMovablePage(m, pfn) ? 'movable' : 'ordinary';
};

/** Ours: the answer without its reason, and without a trace of the question. */
export const pinnableFor = (why: Pinnability): boolean =>
  why === 'zero-page' || why === 'ordinary' || why === 'no-migration';

/**
 * Whether a page may stay pinned for long where it is.
 *
 * Kernel: `include/linux/mm.h: is_longterm_pinnable_page`
 */
export const isLongtermPinnablePage = atomic('is_longterm_pinnable_page', (m, pfn: Pfn): boolean => {
  const why = longtermPinnability(m, pfn);
  if (why !== 'no-migration') m.trace.decide(`pinnable.${why}`, pfn);
  return pinnableFor(why);
});

/** Kernel: `include/linux/mm.h: folio_is_longterm_pinnable` */
export const folioIsLongtermPinnable = atomic('folio_is_longterm_pinnable', (m, pfn: Pfn): boolean =>
  isLongtermPinnablePage(m, compoundHead(m, pfn)),
);

/**
 * Whether a long-term pin leaves a page where it is although it is not fit for that: in the worlds of `longtermPolicy`
 * a coherent one. Movable and CMA pages move in every world, as they did before the series.
 *
 * Ours: no kernel ever did this.
 */
export const leftByPolicy = (m: Machine, folio: Pfn): boolean => {
  const left = m.kernel.longtermPolicy !== 'on' && isDeviceCoherentPage(m, folio);
  if (left) m.trace.decide('longterm.policy-off', folio);
  return left;
};
