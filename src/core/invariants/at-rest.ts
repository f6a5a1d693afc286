// Invariants between two steps. What the step's events touched, and what is referred to in another way than before, is
// looked at; the rest was right before and has not changed. A check from scratch looks at everything.

import { type Hstate, HSTATES } from '../kernel/mm/hugetlb-pool.ts';
import type { Amounts, Ledger } from '../machine/holders.ts';
import type { Machine } from '../machine/machine.ts';
import { HOLDER_KINDS, type HolderKind, holderId } from '../uapi/events.ts';
import {
  PG_anon_exclusive,
  PG_buddy,
  PG_head,
  PG_deferred_split,
  PG_hugetlb,
  PG_hugetlb_freed,
  PG_ksm,
  PG_locked,
  PG_lru,
  PG_reserved,
  PG_table,
} from '../uapi/page-flags.ts';
import { type EntryRow, PTRS_PER_TABLE, type Pfn } from '../uapi/units.ts';
import { checkAreas } from './areas.ts';
import { BuddyChecker } from './buddy.ts';
import { Census } from './census.ts';
import { checkDevice, checkDeviceTables } from './devices.ts';
import { checkVram } from './vram.ts';
import { checkLru } from './lru.ts';
import { MappingChecker } from './mappings.ts';
import { checkProcesses } from './processes.ts';
import { checkSwap } from './swap.ts';
import { type Changes, Survey } from './survey.ts';
import { type Touched, touchedBetween } from './touched.ts';
import { Findings, pageText, type Violation } from './violation.ts';

const FOLL_PIN = holderId('FOLL_PIN');
const FOLL_GET = holderId('FOLL_GET');
const PAGE_CACHE = holderId('page cache');
const LRU_BATCH = holderId('LRU batch');
const SWAP_CACHE = holderId('swap cache');
const PAGE_TABLE_ENTRY = holderId('page table entry');
const DEVICE_EXCLUSIVE = holderId('device-exclusive entry');

const heldText = (held: Amounts): string => {
  const parts = HOLDER_KINDS.flatMap((kind: HolderKind, id) =>
    held[id] === 0 ? [] : [`${kind} ${held[id]}`],
  );
  return parts.length === 0 ? 'nobody' : parts.join(', ');
};

/** What one check has seen, for the checks that compare two moments. */
export interface Seen {
  readonly survey: Survey;
  readonly changes: Changes;
  readonly touched: Touched;
}

/** Checks a machine at rest; keeps what it saw last time to know what to look at. */
export class RestChecker {
  readonly survey: Survey;
  private readonly census: Census;
  private readonly mappings: MappingChecker;
  private readonly buddy: BuddyChecker;
  private position: number;
  /** Nothing was checked yet. */
  private first = true;

  /**
   * @param position - what was written before is not looked at, apart from what is in use; 0: everything
   */
  constructor(
    private readonly m: Machine,
    private readonly ledger: Ledger,
    position = 0,
  ) {
    this.position = position;
    this.survey = new Survey(m);
    this.census = new Census(this.survey);
    this.mappings = new MappingChecker(this.survey);
    this.buddy = new BuddyChecker(this.survey, this.census);
  }

  /** Checks the machine as it stands; `seen` is told what is different from the last time. */
  check(seen?: (seen: Seen) => void): Violation[] {
    const { m, survey } = this;
    const findings = new Findings();
    this.ledger.seek(m.journal.position);
    const touched = touchedBetween(m, this.position, m.journal.position);
    survey.aliased.read(this.position, m.journal.position);
    this.position = m.journal.position;
    const updated = survey.update(touched);
    const changes = this.first ? this.everything(touched) : updated;
    const { pages } = touched;
    for (const pfn of pages) pages.add(survey.head(pfn));
    this.census.update(pages);
    for (const pfn of pages) this.checkPage(findings, pfn);
    this.mappings.check(findings, touched, changes);
    checkProcesses(findings, survey);
    this.checkTables(findings, touched.entryRows, pages);
    this.checkPools(findings);
    if (touched.swap || touched.maps.has(m.swapCache.id)) checkSwap(findings, survey);
    if (touched.lru || pages.size > 0) checkLru(findings, m, this.census);
    if (touched.maps.has(m.deferredSplit.id)) this.checkSplitQueue(findings);
    if (touched.devices || pages.size > 0) {
      for (const device of m.devices.values()) checkDevice(findings, survey, this.census, device);
    }
    this.buddy.check(findings, touched.buddy, pages);
    if (touched.cells) checkAreas(findings, m);
    checkDeviceTables(findings, survey, touched, changes);
    checkVram(findings, survey, this.census);
    seen?.({ survey, changes, touched });
    return findings.found;
  }

  /**
   * Checks everything from scratch, and that this checker, which looked only at what changed, knows the same.
   *
   * @param begin - pages that were last written before are believed to be free if nothing refers to them
   */
  checkFromScratch(begin = 0): Violation[] {
    const other = new RestChecker(this.m, this.ledger, begin);
    const found = other.check();
    if (found.length > 0) return found;
    const difference = this.survey.differenceFrom(other.survey);
    return difference === undefined ? [] : [{ invariant: 'back and forth', message: difference }];
  }

  /** The first check has no survey before it: everything counts as changed. */
  private everything(touched: Touched): Changes {
    this.first = false;
    const { m, survey } = this;
    for (const pfn of survey.uses.pages()) touched.pages.add(pfn);
    touched.cells = true;
    touched.swap = true;
    touched.buddy = true;
    touched.devices = true;
    for (const { pt } of m.dmirrors.values()) touched.maps.set(pt, new Set(m.journal.mapById(pt).keys()));
    return { removed: [], added: survey.tables.mappings(), appeared: new Set(survey.uses.pages()), vmas: [] };
  }

  // --- one page --------------------------------------------------------------------------------------------------

  private checkPage(findings: Findings, pfn: Pfn): void {
    const { m, survey } = this;
    const { pages } = m;
    const use = survey.uses.get(pfn);
    const flags = pages.flags.get(pfn);
    const head = survey.head(pfn);
    const mapcount = pages.mapcount.get(pfn);
    const ptes = use?.ptes ?? 0;
    if (mapcount !== ptes) {
      findings.add('I2', `${pageText(pfn)}: mapcount ${mapcount}, ${ptes} entries map it`);
    }
    if ((flags & PG_locked) !== 0) findings.add('I6', `${pageText(pfn)} is locked at rest`);
    if ((flags & PG_anon_exclusive) !== 0) this.checkExclusive(findings, pfn, head, ptes);
    if (head !== pfn) this.checkTail(findings, pfn, head);
    else this.checkFolio(findings, pfn, use?.pmds ?? 0);
  }

  private checkTail(findings: Findings, pfn: Pfn, head: Pfn): void {
    const { pages } = this.m;
    if ((pages.flags.get(head) & PG_head) === 0 || pfn >= head + 2 ** pages.order.get(head)) {
      findings.add('I4', `${pageText(pfn)}: tail of ${pageText(head)}, which is no compound page around it`);
    }
    const count = pages.refcount.get(pfn);
    if (count !== 0) findings.add('I1', `${pageText(pfn)}: tail with _refcount ${count}`);
  }

  private checkFolio(findings: Findings, pfn: Pfn, pmds: number): void {
    const { pages } = this.m;
    const large = (pages.flags.get(pfn) & PG_head) !== 0;
    const held = this.survey.held(pfn);
    const count = pages.refcount.get(pfn);
    const logged = this.ledger.amountsOf(pfn);
    let references = 0;
    for (let id = 0; id < held.length; id++) {
      references += held[id];
      // the log names the same holders as the survey finds
      if (logged[id] === held[id]) continue;
      findings.add(
        'I1',
        `${pageText(pfn)}: by the log ${HOLDER_KINDS[id]} holds ${logged[id]}, found ${held[id]}`,
      );
    }
    if (count !== references) {
      findings.add(
        'I1',
        `${pageText(pfn)}: _refcount ${count}, holders add up to ${references} (${heldText(held)})`,
      );
    }
    const compound = pages.compoundMapcount.get(pfn);
    if (compound !== pmds || (pmds > 0 && !large)) {
      findings.add('I2', `${pageText(pfn)}: compound_mapcount ${compound}, ${pmds} huge entries map it`);
    }
    const pincount = pages.compoundPincount.get(pfn);
    if (large && pincount !== held[FOLL_PIN]) {
      findings.add('I1', `${pageText(pfn)}: pincount ${pincount}, ${held[FOLL_PIN]} pins`);
    }
    if (count === 0) this.checkFree(findings, pfn);
    else this.checkInUse(findings, pfn, held);
  }

  private checkFree(findings: Findings, pfn: Pfn): void {
    const { pages } = this.m;
    const flags = pages.flags.get(pfn);
    const mapping = pages.mapping.get(pfn);
    if (mapping !== 0) findings.add('I4', `${pageText(pfn)} is free, its mapping is ${mapping}`);
    if ((flags & PG_hugetlb) !== 0) {
      const listed = (flags & PG_hugetlb_freed) !== 0 && this.survey.hugetlbFree.includes(pfn);
      if (!listed) findings.add('I4', `${pageText(pfn)} is free and not in the hugetlb pool`);
      return;
    }
    // a device page keeps most flags for its next user
    const device = this.survey.pgmapOf(pfn) !== undefined;
    const wrong = device ? flags & (PG_anon_exclusive | PG_ksm | PG_lru) : flags & ~(PG_reserved | PG_buddy);
    if (wrong !== 0) findings.add('I4', `${pageText(pfn)} is free, flags 0x${wrong.toString(16)} remain`);
  }

  private checkInUse(findings: Findings, pfn: Pfn, held: Amounts): void {
    const { pages } = this.m;
    const flags = pages.flags.get(pfn);
    const large = (flags & PG_head) !== 0;
    const mapping = pages.mapping.get(pfn);
    const anon = (mapping & 1) === 1;
    if ((flags & PG_buddy) !== 0) {
      findings.add('I4', `${pageText(pfn)} is in use and in the buddy allocator`);
    }
    if (!large && pages.refcount.get(pfn) < pages.mapcount.get(pfn)) {
      findings.add('I3', `${pageText(pfn)}: _refcount ${pages.refcount.get(pfn)} is below its mapcount`);
    }
    if (anon && !large && held[FOLL_PIN] > 0 && (flags & PG_anon_exclusive) === 0) {
      findings.add('I13', `${pageText(pfn)}: pinned, not AnonExclusive`);
    }
    if ((flags & PG_ksm) !== 0 && !anon) findings.add('KSM', `${pageText(pfn)}: merged, not anonymous`);
    const pgmap = this.survey.pgmapOf(pfn);
    if (pgmap !== undefined) {
      // a merged page may be on a device: migrate_vma takes it, and folio_migrate_ksm goes with it
      const listed =
        (flags & (PG_lru | PG_head)) !== 0 || held[LRU_BATCH] + held[PAGE_CACHE] + held[SWAP_CACHE] > 0;
      if (listed || !anon) {
        findings.add('I7', `${pageText(pfn)} of a device: flags 0x${flags.toString(16)}, ${heldText(held)}`);
      }
      if (pgmap.type === 'MEMORY_DEVICE_PRIVATE' && held[FOLL_PIN] + held[FOLL_GET] > 0) {
        findings.add('I8', `${pageText(pfn)}: device-private, held by ${heldText(held)}`);
      }
      return;
    }
    const used = held[PAGE_TABLE_ENTRY] + held[DEVICE_EXCLUSIVE] + held[PAGE_CACHE] + held[SWAP_CACHE] > 0;
    if (used && mapping !== 0 && (flags & (PG_hugetlb | PG_lru)) === 0) {
      findings.add('I23', `${pageText(pfn)}: user page at rest on no LRU list`);
    }
  }

  /** AnonExclusive of a page: of its folio's first one if a huge entry maps it. */
  private checkExclusive(findings: Findings, pfn: Pfn, head: Pfn, small: number): void {
    const { pages } = this.m;
    // the bit means something else on a page of a file
    if ((pages.mapping.get(head) & 1) === 0) return;
    const huge = this.survey.uses.get(head)?.pmds ?? 0;
    if (small + huge > 1) {
      findings.add('I12', `${pageText(pfn)}: AnonExclusive with ${small} small and ${huge} huge mappings`);
    }
    if (pages.refcount.get(head) <= 0) findings.add('I12', `${pageText(pfn)}: AnonExclusive and free`);
    if ((pages.flags.get(pfn) & PG_ksm) !== 0) {
      findings.add('I12', `${pageText(pfn)}: AnonExclusive and merged by KSM`);
    }
  }

  // --- tables and pools ----------------------------------------------------------------------------------------------

  private checkTables(findings: Findings, rows: ReadonlySet<EntryRow>, pages: ReadonlySet<Pfn>): void {
    const { m, survey } = this;
    for (const table of survey.tables.shared) {
      findings.add('page tables', `table ${pageText(table)} is reached twice`);
    }
    for (const pfn of pages) {
      if ((m.pages.flags.get(pfn) & PG_table) !== 0 || !survey.tables.byPage.has(pfn)) continue;
      findings.add('page tables', `${pageText(pfn)} is used as a page table and is none`);
    }
    for (const row of rows) {
      if (m.entries.get(row) === 0) continue;
      const pfn = Math.floor(row / PTRS_PER_TABLE);
      const table = survey.tables.byPage.get(pfn);
      if (table !== undefined && table.level >= 0) continue;
      const what = table === undefined ? 'is no page table any more' : 'waits behind a huge entry';
      findings.add('page tables', `${pageText(pfn)} ${what}, its entry ${row % PTRS_PER_TABLE} is not empty`);
    }
  }

  /** Each huge page of the queue knows that it is there, and is there once. */
  private checkSplitQueue(findings: Findings): void {
    const { m } = this;
    const queued = m.deferredSplit.keys().map((key) => m.deferredSplit.get(key) ?? 0);
    for (const folio of queued) {
      const marks = PG_head | PG_deferred_split;
      const marked = (m.pages.flags.get(folio) & marks) === marks;
      const once = queued.indexOf(folio) === queued.lastIndexOf(folio);
      findings.expect(marked && once, 'LRU', () => `${pageText(folio)} is wrong in the deferred split queue`);
    }
  }

  private checkPools(findings: Findings): void {
    const { m } = this;
    const listed = this.survey.hugetlbFree;
    const sum = (rowOf: (h: Hstate) => number): number =>
      HSTATES.reduce((n, h) => n + m.scalars.get(rowOf(h)), 0);
    const counted = sum((h) => h.free);
    findings.expect(
      listed.length === counted && new Set(listed).size === listed.length,
      'I4',
      () => `hugetlb pools: ${listed.length} pages listed, ${counted} counted`,
    );
    const used = this.census.hugetlbFolios;
    const total = sum((h) => h.total);
    findings.expect(
      used + listed.length === total,
      'I4',
      () => `hugetlb pools of ${total}: ${used} used, ${listed.length} free`,
    );
  }
}
