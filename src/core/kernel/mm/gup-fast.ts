// mm/gup.c: the fast walk. No lock, no fault; it ends at the first page that it may not take.

import type { Mm } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE } from '../../uapi/gup-flags.ts';
import { PG_referenced } from '../../uapi/page-flags.ts';
import {
  type Entry,
  entryPfn,
  pmdLeaf,
  PTE_PRESENT,
  pteDevmap,
  pteProtnone,
  ptePresent,
  pteSpecial,
  pteWrite,
} from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo } from '../sched/locks.ts';
import { type FoundPages, grabPlainPages } from './gup-bulk.ts';
import { gupCanFollowProtnone, gupMustUnshare, gupPutFolio, tryGrabFolio } from './gup-grab.ts';
import { pgmapIsLive } from './memremap.ts';
import { compoundHead, pageMapping, setFlags } from './page-ref.ts';
import { countDecisions, inChunks } from './plain-pages.ts';
import { PMD_PAGES, PUD_PAGES, pmdOffset, pteOffset, pudOffset } from './page-table.ts';

/** What the walk has got so far. */
interface FastPages {
  readonly pages: FoundPages;
  n: number;
  /** Of those, pages that the trace has been told of. */
  told: number;
}

/** Hardware's view of an entry. Kernel: `arch/x86/include/asm/pgtable.h: pte_access_permitted` */
const accessPermitted = (entry: Entry, write: boolean): boolean =>
  (entry & PTE_PRESENT) !== 0 && (!write || pteWrite(entry));

/** Kernel: `include/linux/secretmem.h: page_is_secretmem` */
const pageIsSecretmem = (m: Machine, page: Pfn): boolean => {
  const file = pageMapping(m, page);
  return file !== 0 && m.files.get(file).kind === 'secretmem';
};

/** All pages wanted of one huge page; false: the walk ends here. */
const grabHuge = (
  m: Machine,
  vpn: Vpn,
  end: Vpn,
  flags: number,
  row: EntryRow,
  got: FastPages,
  hugePages: number,
): boolean => {
  const entry = m.entries.get(row);
  if (!accessPermitted(entry, (flags & FOLL_WRITE) !== 0)) return false;
  const first = entryPfn(entry) + (vpn % hugePages);
  const refs = end - vpn;
  const folio = tryGrabFolio(m, first, refs, flags);
  if (folio === NO_PFN) return false;
  if (!pteWrite(entry) && gupMustUnshare(m, flags, folio)) {
    m.trace.decide('gup.fast.refused.unshare', vpn, first);
    gupPutFolio(m, folio, refs, flags);
    return false;
  }
  for (let i = 0; i < refs; i++) got.pages[got.n++] = first + i;
  setFlags(m, folio, PG_referenced);
  // where decisions are only counted, one for each page
  if (m.trace.tally !== undefined) countDecisions(m, ['gup.fast.grabbed'], refs);
  else m.trace.decide('gup.fast.grabbed', vpn, first, refs);
  return true;
};

const gupHugePmd = atomic(
  'gup_huge_pmd',
  (m, vpn: Vpn, end: Vpn, flags: number, pmdRow: EntryRow, got: FastPages): boolean =>
    grabHuge(m, vpn, end, flags, pmdRow, got, PMD_PAGES),
);

/** A gigantic page of hugetlb. */
const gupHugePud = atomic(
  'gup_huge_pud',
  (m, vpn: Vpn, end: Vpn, flags: number, pudRow: EntryRow, got: FastPages): boolean =>
    grabHuge(m, vpn, end, flags, pudRow, got, PUD_PAGES),
);

const gupPteRange = atomic(
  'gup_pte_range',
  (m, vpn: Vpn, end: Vpn, flags: number, pmdRow: EntryRow, got: FastPages, mm: Mm): boolean => {
    const write = (flags & FOLL_WRITE) !== 0;
    const first = got.n;
    for (let at = vpn; at < end; at++) {
      const many = grabPlainPages(m, mm, at, end, flags, got.pages, got.n);
      if (many > 0) {
        got.n += many;
        got.told += many;
        at += many - 1;
        continue;
      }
      const entry = m.entries.get(pteOffset(m, pmdRow, at));
      if (pteProtnone(entry) && !gupCanFollowProtnone(flags)) return false;
      if (!accessPermitted(entry, write)) {
        m.trace.decide(
          (entry & PTE_PRESENT) !== 0 ? 'gup.fast.refused.read-only' : 'gup.fast.refused.none',
          at,
        );
        return false;
      }
      const page = entryPfn(entry);
      if (pteDevmap(entry)) {
        if ((flags & FOLL_LONGTERM) !== 0) {
          m.trace.decide('gup.fast.refused.longterm', page);
          return false;
        }
        // everything of this page table that was grabbed so far is given back
        if (!pgmapIsLive(m, page)) {
          for (let i = first; i < got.n; i++) gupPutFolio(m, compoundHead(m, got.pages[i]), 1, flags);
          got.n = first;
          return false;
        }
      } else if (pteSpecial(entry)) {
        m.trace.decide('gup.fast.refused.special', at);
        return false;
      }
      const folio = tryGrabFolio(m, page, 1, flags);
      if (folio === NO_PFN) return false;
      if (pageIsSecretmem(m, page)) {
        gupPutFolio(m, folio, 1, flags);
        return false;
      }
      if (!pteWrite(entry) && gupMustUnshare(m, flags, page)) {
        m.trace.decide('gup.fast.refused.unshare', at, page);
        gupPutFolio(m, folio, 1, flags);
        return false;
      }
      setFlags(m, folio, PG_referenced);
      m.trace.decide('gup.fast.grabbed', at, page, 1);
      got.pages[got.n++] = page;
    }
    return true;
  },
);

/** Between page tables a task that is alone lets go of the worker; others never see the walk half done. */
const gupPgdRange = sleepable(
  'gup_pgd_range',
  function* (m, start: Vpn, end: Vpn, flags: number, mm: Mm, got: FastPages): Sleeps<void> {
    for (let vpn = start; vpn < end; ) {
      const pudRow = pudOffset(m, mm, vpn);
      const pud = pudRow === NO_ROW ? 0 : m.entries.get(pudRow);
      if (pmdLeaf(pud)) {
        const gibEnd = Math.min(end, (Math.floor(vpn / PUD_PAGES) + 1) * PUD_PAGES);
        if (!gupHugePud(m, vpn, gibEnd, flags, pudRow, got)) return;
        yield* letGo(m, 'gup_pgd_range', gibEnd - vpn);
        vpn = gibEnd;
        continue;
      }
      const next = Math.min(end, (Math.floor(vpn / PMD_PAGES) + 1) * PMD_PAGES);
      const pmdRow = pmdOffset(m, mm, vpn);
      const pmd = pmdRow === NO_ROW ? 0 : m.entries.get(pmdRow);
      if (!ptePresent(pmd)) return;
      if (pmdLeaf(pmd)) {
        if (pteProtnone(pmd) && !gupCanFollowProtnone(flags)) return;
        if (!gupHugePmd(m, vpn, next, flags, pmdRow, got)) return;
      } else if (!gupPteRange(m, vpn, next, flags, pmdRow, got, mm)) {
        return;
      }
      yield* letGo(m, 'gup_pgd_range', next - vpn - got.told);
      got.told = 0;
      vpn = next;
    }
  },
);

/**
 * Kernel: `mm/gup.c: lockless_pages_from_mm`
 *
 * @returns the pages, in address order
 */
export const locklessPagesFromMm = sleepable(
  'lockless_pages_from_mm',
  function* (m, start: Vpn, end: Vpn, flags: number, mm: Mm): Sleeps<FoundPages> {
    if ((flags & FOLL_PIN) !== 0 && mm.writeProtectSeq % 2 === 1) return [];
    const got: FastPages = { pages: inChunks(m) ? new Float64Array(end - start) : [], n: 0, told: 0 };
    yield* gupPgdRange(m, start, end, flags, mm, got);
    return got.n === got.pages.length ? got.pages : got.pages.slice(0, got.n);
  },
);
