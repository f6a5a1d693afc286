// mm/gup.c: the references that GUP takes on a page, and how they are given back.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import {
  FOLL_FORCE,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_PIN,
  FOLL_WRITE,
  GUP_PIN_COUNTING_BIAS,
} from '../../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_dirty } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfn, type Pfns } from '../../uapi/units.ts';
import { bugOn, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, lockPage, unlockPage } from '../sched/locks.ts';
import { unpinPlainPages } from './gup-bulk.ts';
import { CHUNK_PAGES } from './plain-pages.ts';
import { isLongtermPinnablePage, leftByPolicy } from './normal-page.ts';
import {
  compoundHead,
  folioRefAdd,
  folioTestLarge,
  isZeroPfn,
  pageAnon,
  pageHuge,
  testFlags,
} from './page-ref.ts';
import { folioPutRefs, putPage, setPageDirty } from './swap.ts';

/**
 * The fast path's grab: several references on one folio at once; a long-term pin of an unfit page is refused here.
 *
 * Kernel: `mm/gup.c: try_grab_folio`
 *
 * @returns the folio, or NO_PFN
 */
export const tryGrabFolio = atomic('try_grab_folio', (m, page: Pfn, refs: number, flags: number): Pfn => {
  const folio = compoundHead(m, page);
  const live = m.pages.refcount.get(folio) > 0;
  if ((flags & FOLL_GET) !== 0) {
    if (live) folioRefAdd(m, folio, refs, 'FOLL_GET');
    return live ? folio : NO_PFN;
  }
  if ((flags & FOLL_PIN) === 0) {
    warn(m, 'gup.warn.neither', page);
    return NO_PFN;
  }
  if (isZeroPfn(m, page)) return folio;
  if ((flags & FOLL_LONGTERM) !== 0 && !isLongtermPinnablePage(m, page) && !leftByPolicy(m, page)) {
    m.trace.decide('gup.fast.refused.longterm', page);
    return NO_PFN;
  }
  if (!live) return NO_PFN;
  if (folioTestLarge(m, folio)) {
    folioRefAdd(m, folio, refs, 'FOLL_PIN');
    m.pages.compoundPincount.set(folio, m.pages.compoundPincount.get(folio) + refs);
  } else {
    folioRefAdd(m, folio, refs * GUP_PIN_COUNTING_BIAS, 'FOLL_PIN');
  }
  m.countVmEvent('nr_foll_pin_acquired', refs);
  return folio;
});

/**
 * The slow path's grab of one page. It has no long-term test: that comes after all pages are pinned.
 *
 * Kernel: `mm/gup.c: try_grab_page`
 */
export const tryGrabPage = atomic('try_grab_page', (m, page: Pfn, flags: number): boolean => {
  const folio = compoundHead(m, page);
  if (m.pages.refcount.get(folio) <= 0 && !isZeroPfn(m, page)) {
    warn(m, 'try_grab_page.refcount', page);
    return false;
  }
  if ((flags & FOLL_GET) !== 0) {
    folioRefAdd(m, folio, 1, 'FOLL_GET');
  } else if ((flags & FOLL_PIN) !== 0) {
    if (isZeroPfn(m, page)) return true;
    if (folioTestLarge(m, folio)) {
      folioRefAdd(m, folio, 1, 'FOLL_PIN');
      m.pages.compoundPincount.set(folio, m.pages.compoundPincount.get(folio) + 1);
    } else {
      folioRefAdd(m, folio, GUP_PIN_COUNTING_BIAS, 'FOLL_PIN');
    }
    m.countVmEvent('nr_foll_pin_acquired', 1);
  }
  return true;
});

/**
 * Drops references that GUP took.
 *
 * Kernel: `mm/gup.c: gup_put_folio`
 */
export const gupPutFolio = atomic('gup_put_folio', (m, folio: Pfn, refs: number, flags: number): void => {
  if ((flags & FOLL_PIN) === 0) {
    folioPutRefs(m, folio, refs, 'FOLL_GET');
    return;
  }
  if (isZeroPfn(m, folio)) return;
  m.countVmEvent('nr_foll_pin_released', refs);
  if (folioTestLarge(m, folio)) {
    m.pages.compoundPincount.set(folio, m.pages.compoundPincount.get(folio) - refs);
    folioPutRefs(m, folio, refs, 'FOLL_PIN');
  } else {
    folioPutRefs(m, folio, refs * GUP_PIN_COUNTING_BIAS, 'FOLL_PIN');
  }
});

/** Pinned anonymous memory stays its process's own until it is unpinned. Kernel: `mm/gup.c: sanity_check_pinned_pages` */
const sanityCheckPinnedPages = (m: Machine, pages: Pfns): void => {
  for (const page of pages) {
    const folio = compoundHead(m, page);
    if (isZeroPfn(m, page) || !pageAnon(m, folio)) continue;
    const exclusive = testFlags(m, folio, PG_anon_exclusive) || testFlags(m, page, PG_anon_exclusive);
    bugOn(!exclusive, 'sanity_check_pinned_pages: a pinned anonymous page is not exclusive');
  }
};

/** Kernel: `mm/gup.c: unpin_user_page` */
export const unpinUserPage = atomic('unpin_user_page', (m, page: Pfn): void => {
  sanityCheckPinnedPages(m, [page]);
  gupPutFolio(m, compoundHead(m, page), 1, FOLL_PIN);
});

/** Neighbours from `at` on that belong to one folio. Kernel: `mm/gup.c: gup_folio_next` */
const folioAt = (m: Machine, pages: Pfns, at: number): { folio: Pfn; nr: number } => {
  const folio = compoundHead(m, pages[at]);
  let nr = 1;
  while (at + nr < pages.length && compoundHead(m, pages[at + nr]) === folio) nr++;
  return { folio, nr };
};

/** Runs of neighbours that belong to one folio. Kernel: `mm/gup.c: gup_folio_next` */
const foliosOf = (m: Machine, pages: Pfns): { folio: Pfn; nr: number }[] => {
  const folios: { folio: Pfn; nr: number }[] = [];
  for (let i = 0; i < pages.length; ) {
    const next = folioAt(m, pages, i);
    folios.push(next);
    i += next.nr;
  }
  return folios;
};

/**
 * Drops the pins of an array of pages, neighbours of one folio together.
 *
 * Kernel: `mm/gup.c: unpin_user_pages`
 *
 * @param npages - as the pin call returned it; an error code is refused with a warning
 */
export const unpinUserPages = atomic('unpin_user_pages', (m, npages: number, pages: Pfns): void => {
  if (npages < 0) {
    warn(m, 'gup.warn.error-count', npages);
    return;
  }
  sanityCheckPinnedPages(m, pages);
  for (const { folio, nr } of foliosOf(m, pages)) gupPutFolio(m, folio, nr, FOLL_PIN);
});

/**
 * The same for many pages: it lets go of the worker now and then. Nothing else runs then, so that to the machine it is
 * one call.
 *
 * Kernel: `mm/gup.c: unpin_user_pages`
 */
export const unpinUserPagesInSlices = sleepable(
  'unpin_user_pages',
  function* (m, _npages: number, pages: Pfns): Sleeps<void> {
    for (let at = 0; at < pages.length; ) {
      let nr = unpinPlainPages(m, pages, at);
      if (nr === 0) {
        const next = folioAt(m, pages, at);
        nr = next.nr;
        for (let i = at; i < at + nr; i += CHUNK_PAGES) {
          sanityCheckPinnedPages(m, pages.slice(i, Math.min(i + CHUNK_PAGES, at + nr)));
          yield* letGo(m, 'unpin_user_pages', 0);
        }
        gupPutFolio(m, next.folio, nr, FOLL_PIN);
      }
      at += nr;
      yield* letGo(m, 'unpin_user_pages', 0);
    }
  },
);

/** Gives plain references of a caller back, one after another. Kernel: `include/linux/mm.h: put_page`, many times */
export function* putPages(m: Machine, pages: Pfns): Sleeps<void> {
  for (const page of pages) {
    putPage(m, page, 'FOLL_GET');
    yield* letGo(m, 'put_page', 1);
  }
}

/**
 * Drops the pins of pages that a device has written: each is marked dirty first.
 * Sleeps: page locks.
 *
 * Kernel: `mm/gup.c: unpin_user_pages_dirty_lock`
 */
export const unpinUserPagesDirtyLock = sleepable(
  'unpin_user_pages_dirty_lock',
  function* (m, npages: number, pages: Pfns, makeDirty: boolean): Sleeps<void> {
    if (!makeDirty) {
      unpinUserPages(m, npages, pages);
      return;
    }
    for (let at = 0; at < pages.length; at += CHUNK_PAGES) {
      sanityCheckPinnedPages(m, pages.slice(at, at + CHUNK_PAGES));
      yield* letGo(m, 'unpin_user_pages_dirty_lock', 0);
    }
    for (let at = 0; at < pages.length; ) {
      const many = unpinPlainPages(m, pages, at, 'dirty');
      if (many > 0) {
        at += many;
        yield* letGo(m, 'unpin_user_pages_dirty_lock', 0);
        continue;
      }
      const { folio, nr } = folioAt(m, pages, at);
      if (!testFlags(m, folio, PG_dirty)) {
        yield* lockPage(m, folio);
        setPageDirty(m, folio);
        unlockPage(m, folio);
      }
      gupPutFolio(m, folio, nr, FOLL_PIN);
      at += nr;
      yield* letGo(m, 'unpin_user_pages_dirty_lock', nr);
    }
  },
);

/**
 * The same for neighbouring frames, given by the first of them.
 * Sleeps: page locks.
 *
 * Kernel: `mm/gup.c: unpin_user_page_range_dirty_lock`
 */
export const unpinUserPageRangeDirtyLock = sleepable(
  'unpin_user_page_range_dirty_lock',
  function* (m, page: Pfn, npages: number, makeDirty: boolean): Sleeps<void> {
    const pages = Array.from({ length: npages }, (_, i) => page + i);
    for (const { folio, nr } of foliosOf(m, pages)) {
      if (makeDirty && !testFlags(m, folio, PG_dirty)) {
        yield* lockPage(m, folio);
        setPageDirty(m, folio);
        unlockPage(m, folio);
      }
      gupPutFolio(m, folio, nr, FOLL_PIN);
    }
  },
);

/**
 * A pin for reading needs the page to belong to this process alone, or a later copy on write would part them.
 *
 * Kernel: `include/linux/mm.h: gup_must_unshare`
 */
export const gupMustUnshare = (m: Machine, flags: number, page: Pfn): boolean => {
  if ((flags & (FOLL_WRITE | FOLL_PIN)) !== FOLL_PIN) return false;
  if (!pageAnon(m, page)) return false;
  return !testFlags(m, pageHuge(m, page) ? compoundHead(m, page) : page, PG_anon_exclusive);
};

/**
 * Only a forced access may use an entry that waits for a NUMA hint.
 *
 * Kernel: `include/linux/mm.h: gup_can_follow_protnone`
 */
export const gupCanFollowProtnone = (flags: number): boolean => (flags & FOLL_FORCE) !== 0;
