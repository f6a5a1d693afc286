// Invariants between two steps, judged by a survey of the whole machine. Pages that the step touched, and pages
// that are or were referred to, are compared; the others were found right before and have not changed.

import { deviceUsage } from '../kernel/drivers/test-hmm.ts';
import { LRU_UNEVICTABLE, lruProblems, lruvecLruSize } from '../kernel/mm/mm-inline.ts';
import { getNrSwapPages, swapCount } from '../kernel/mm/swapfile.ts';
import { type Amounts, type Ledger, NOBODY } from '../machine/holders.ts';
import type { DmirrorDevice } from '../machine/entities.ts';
import { type Machine, RSS_ANON, RSS_FILE, RSS_SHMEM, RSS_SWAP } from '../machine/machine.ts';
import {
  DEVICE_BASE,
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  deviceRow,
  HUGE_ZERO_PFN,
  HUGETLB_FREE,
  HUGETLB_TOTAL,
  notifierActiveRow,
  notifierSeqRow,
  pgmapRefRow,
  ZONE_BASE,
} from '../machine/scalars.ts';
import { EventKind, HOLDER_KINDS, type HolderKind, holderId, vmstatIndex } from '../uapi/events.ts';
import {
  PG_anon_exclusive,
  PG_buddy,
  PG_head,
  PG_hugetlb,
  PG_hugetlb_freed,
  PG_locked,
  PG_lru,
  PG_reserved,
  PG_swapbacked,
  PG_table,
  PG_unevictable,
} from '../uapi/page-flags.ts';
import { entryPfn, isRealSwapEntry } from '../uapi/pte.ts';
import { type EntryRow, PTRS_PER_TABLE, type Pfn } from '../uapi/units.ts';
import { checkAreas } from './areas.ts';
import { BuddyChecker } from './buddy.ts';
import { checkDeviceTables } from './device-tables.ts';
import { MappingChecker } from './mappings.ts';
import { type PageUse, Survey } from './survey.ts';
import { Findings, pageText, type Violation } from './violation.ts';

const FOLL_PIN = holderId('FOLL_PIN');
const FOLL_GET = holderId('FOLL_GET');
const PAGE_CACHE = holderId('page cache');
const LRU_BATCH = holderId('LRU batch');
const PAGE_TABLE_ENTRY = holderId('page table entry');
const DEVICE_EXCLUSIVE = holderId('device-exclusive entry');

const heldText = (held: Amounts): string => {
  const parts = HOLDER_KINDS.flatMap((kind: HolderKind, id) =>
    held[id] === 0 ? [] : [`${kind} ${held[id]}`],
  );
  return parts.length === 0 ? 'nobody' : parts.join(', ');
};

const sameUse = (a: PageUse, b: PageUse | undefined): boolean =>
  a.ptes === b?.ptes && a.pmds === b.pmds && a.held.every((amount, id) => amount === b.held[id]);

/** What the events since the last check have touched. */
interface Touched {
  readonly pages: Set<Pfn>;
  readonly entryRows: Set<EntryRow>;
  /** A list or count of the page allocator. */
  buddy: boolean;
}

/** Checks a machine at rest; keeps what it saw last time to know which pages to look at. */
export class RestChecker {
  private previous: Survey | undefined;
  private readonly pageColumns: ReadonlySet<number>;
  private readonly buddy: BuddyChecker;

  constructor(
    private readonly m: Machine,
    private readonly ledger: Ledger,
  ) {
    this.pageColumns = new Set(Object.values(m.pages).map(({ id }) => id));
    this.buddy = new BuddyChecker(m);
  }

  /** The survey of the last check. */
  get survey(): Survey | undefined {
    return this.previous;
  }

  /**
   * Checks the machine as it stands.
   *
   * @param begin - position of the last check; 0 for the first one
   */
  check(begin: number): Violation[] {
    const findings = new Findings();
    const survey = new Survey(this.m);
    this.ledger.seek(this.m.journal.position);
    const touched = this.touchedSince(begin);
    for (const pfn of touched.pages) this.checkPage(findings, survey, pfn);
    this.checkChangedUses(findings, survey, touched.pages);
    new MappingChecker(findings, survey).check(this.previous, touched.pages);
    this.checkProcesses(findings, survey);
    this.checkTables(findings, survey, touched.entryRows);
    this.checkPools(findings, survey);
    this.checkSwap(findings, survey);
    this.checkLru(findings, survey);
    for (const device of this.m.devices.values()) this.checkDevice(findings, survey, device);
    this.buddy.check(findings, survey, touched.buddy);
    checkAreas(findings, this.m);
    checkDeviceTables(findings, survey);
    this.previous = survey;
    return findings.found;
  }

  private touchedSince(begin: number): Touched {
    const touched: Touched = { pages: new Set(), entryRows: new Set(), buddy: false };
    const { journal, entries, scalars } = this.m;
    const { log } = journal;
    for (let i = begin; i < journal.position; i++) {
      const kind = log.kindAt(i);
      if (kind === EventKind.REF || kind === EventKind.HOLDER) touched.pages.add(log.rowAt(i));
      if (kind !== EventKind.COLUMN) continue;
      const id = log.idAt(i);
      const row = log.rowAt(i);
      if (id === entries.id) touched.entryRows.add(row);
      else if (this.pageColumns.has(id)) touched.pages.add(row);
      else if (id === scalars.id && row >= ZONE_BASE && row < DEVICE_BASE) touched.buddy = true;
    }
    return touched;
  }

  // --- one page --------------------------------------------------------------------------------------------------

  /** Pages that no event touched, but that are referred to in another way than at the last check. */
  private checkChangedUses(findings: Findings, survey: Survey, touched: ReadonlySet<Pfn>): void {
    const before = this.previous?.uses;
    for (const [pfn, use] of survey.uses) {
      if (touched.has(pfn) || sameUse(use, before?.get(pfn))) continue;
      this.checkPage(findings, survey, pfn);
    }
    for (const pfn of before?.keys() ?? []) {
      if (!touched.has(pfn) && !survey.uses.has(pfn)) this.checkPage(findings, survey, pfn);
    }
  }

  private checkPage(findings: Findings, survey: Survey, pfn: Pfn): void {
    const { pages } = this.m;
    const use = survey.uses.get(pfn);
    const flags = pages.flags.get(pfn);
    const head = survey.head(pfn);
    const mapcount = pages.mapcount.get(pfn);
    const ptes = use?.ptes ?? 0;
    if (mapcount !== ptes) {
      findings.add('I2', `${pageText(pfn)}: mapcount ${mapcount}, ${ptes} entries map it`);
    }
    if ((flags & PG_locked) !== 0) findings.add('I6', `${pageText(pfn)} is locked at rest`);
    if ((flags & PG_anon_exclusive) !== 0) this.checkExclusive(findings, survey, pfn, head);
    if (head !== pfn) this.checkTail(findings, pfn, head);
    else this.checkFolio(findings, survey, pfn, use);
  }

  private checkTail(findings: Findings, pfn: Pfn, head: Pfn): void {
    const { pages } = this.m;
    if ((pages.flags.get(head) & PG_head) === 0 || pfn >= head + 2 ** pages.order.get(head)) {
      findings.add('I4', `${pageText(pfn)}: tail of ${pageText(head)}, which is no compound page around it`);
    }
    const count = pages.refcount.get(pfn);
    if (count !== 0) findings.add('I1', `${pageText(pfn)}: tail with _refcount ${count}`);
  }

  private checkFolio(findings: Findings, survey: Survey, pfn: Pfn, use: PageUse | undefined): void {
    const { pages } = this.m;
    const large = (pages.flags.get(pfn) & PG_head) !== 0;
    const held = use?.held ?? NOBODY;
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
      const holders = heldText(held);
      findings.add(
        'I1',
        `${pageText(pfn)}: _refcount ${count}, holders add up to ${references} (${holders})`,
      );
    }
    const pmds = use?.pmds ?? 0;
    const compound = pages.compoundMapcount.get(pfn);
    if (compound !== pmds || (pmds > 0 && !large)) {
      findings.add('I2', `${pageText(pfn)}: compound_mapcount ${compound}, ${pmds} huge entries map it`);
    }
    const pincount = pages.compoundPincount.get(pfn);
    if (large && pincount !== held[FOLL_PIN]) {
      findings.add('I1', `${pageText(pfn)}: pincount ${pincount}, ${held[FOLL_PIN]} pins`);
    }
    if (count === 0) this.checkFree(findings, survey, pfn);
    else this.checkInUse(findings, survey, pfn, held);
  }

  private checkFree(findings: Findings, survey: Survey, pfn: Pfn): void {
    const { pages } = this.m;
    const flags = pages.flags.get(pfn);
    const mapping = pages.mapping.get(pfn);
    if (mapping !== 0) findings.add('I4', `${pageText(pfn)} is free, its mapping is ${mapping}`);
    if ((flags & PG_hugetlb) !== 0) {
      const listed = (flags & PG_hugetlb_freed) !== 0 && survey.hugetlbFree.includes(pfn);
      if (!listed) findings.add('I4', `${pageText(pfn)} is free and not in the hugetlb pool`);
      return;
    }
    // a device page keeps most flags for its next user
    const device = survey.pgmapOf(pfn) !== undefined;
    const wrong = device ? flags & (PG_anon_exclusive | PG_lru) : flags & ~(PG_reserved | PG_buddy);
    if (wrong !== 0) findings.add('I4', `${pageText(pfn)} is free, flags 0x${wrong.toString(16)} remain`);
  }

  private checkInUse(findings: Findings, survey: Survey, pfn: Pfn, held: Amounts): void {
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
    const pgmap = survey.pgmapOf(pfn);
    if (pgmap !== undefined) {
      const listed = (flags & (PG_lru | PG_head)) !== 0 || held[LRU_BATCH] + held[PAGE_CACHE] > 0;
      if (listed || !anon) {
        findings.add('I7', `${pageText(pfn)} of a device: flags 0x${flags.toString(16)}, ${heldText(held)}`);
      }
      if (pgmap.type === 'MEMORY_DEVICE_PRIVATE' && held[FOLL_PIN] + held[FOLL_GET] > 0) {
        findings.add('I8', `${pageText(pfn)}: device-private, held by ${heldText(held)}`);
      }
      return;
    }
    const used = held[PAGE_TABLE_ENTRY] + held[DEVICE_EXCLUSIVE] + held[PAGE_CACHE] > 0;
    if (used && mapping !== 0 && (flags & (PG_hugetlb | PG_lru)) === 0) {
      findings.add('I23', `${pageText(pfn)}: user page at rest on no LRU list`);
    }
  }

  /** AnonExclusive of a page: of its folio's first one if a huge entry maps it. */
  private checkExclusive(findings: Findings, survey: Survey, pfn: Pfn, head: Pfn): void {
    const { pages } = this.m;
    // the bit means something else on a page of a file
    if ((pages.mapping.get(head) & 1) === 0) return;
    const small = survey.uses.get(pfn)?.ptes ?? 0;
    const huge = survey.uses.get(head)?.pmds ?? 0;
    if (small + huge > 1) {
      findings.add('I12', `${pageText(pfn)}: AnonExclusive with ${small} small and ${huge} huge mappings`);
    }
    if (pages.refcount.get(head) <= 0) findings.add('I12', `${pageText(pfn)}: AnonExclusive and free`);
  }

  // --- whole machine -----------------------------------------------------------------------------------------------

  private checkProcesses(findings: Findings, survey: Survey): void {
    const { m } = this;
    const rss = new Map<number, number>();
    const add = (row: number, by: number): void => void rss.set(row, (rss.get(row) ?? 0) + by);
    for (const { mm, entry, huge } of survey.mappings) {
      const pfn = entryPfn(entry);
      if (isRealSwapEntry(entry)) {
        add(mm.id * 4 + RSS_SWAP, 1);
        continue;
      }
      if (pfn === m.zeroPfn || (huge && m.scalars.get(HUGE_ZERO_PFN) === pfn + 1)) continue;
      const head = survey.head(pfn);
      const flags = m.pages.flags.get(head);
      if ((flags & PG_hugetlb) !== 0) continue;
      const anon = (m.pages.mapping.get(head) & 1) === 1;
      const member = anon ? RSS_ANON : (flags & PG_swapbacked) !== 0 ? RSS_SHMEM : RSS_FILE;
      add(mm.id * 4 + member, huge ? PTRS_PER_TABLE : 1);
    }
    for (const mm of m.mms.values()) {
      for (const [name, member] of [
        ['anon', RSS_ANON],
        ['file', RSS_FILE],
        ['shmem', RSS_SHMEM],
        ['swap', RSS_SWAP],
      ] as const) {
        const counted = m.rss.get(mm.id * 4 + member);
        const found = rss.get(mm.id * 4 + member) ?? 0;
        findings.expect(
          counted === found,
          'I24',
          () => `process ${mm.name}: RSS ${name} ${counted}, mapped ${found}`,
        );
      }
      const seq = m.scalars.get(notifierSeqRow(mm.id));
      const active = m.scalars.get(notifierActiveRow(mm.id));
      findings.expect(
        mm.writeProtectSeq % 2 === 0 && seq % 2 === 0 && active === 0,
        'I29',
        () =>
          `process ${mm.name} at rest: write_protect_seq ${mm.writeProtectSeq}, notifier sequence ${seq}, ${active} invalidations`,
      );
    }
    const { current, mmapLocks } = m;
    findings.expect(!current.memallocPin, 'I29', () => 'PF_MEMALLOC_PIN is set at rest');
    const locks = [...mmapLocks].filter(([, holders]) => holders !== 0);
    findings.expect(locks.length === 0, 'I6', () => `mmap_lock of process ${locks[0]?.[0]} is held at rest`);
    const acquired = m.vmstat.get(vmstatIndex('nr_foll_pin_acquired'));
    const released = m.vmstat.get(vmstatIndex('nr_foll_pin_released'));
    findings.expect(
      acquired - released === survey.pins,
      'I20',
      () => `${survey.pins} live pins, NR_FOLL_PIN_ACQUIRED - RELEASED is ${acquired} - ${released}`,
    );
  }

  private checkTables(findings: Findings, survey: Survey, entryRows: ReadonlySet<EntryRow>): void {
    const { m } = this;
    for (const table of survey.sharedTables) {
      findings.add('page tables', `table ${pageText(table)} is reached twice`);
    }
    for (const table of survey.tables.keys()) {
      if ((m.pages.flags.get(table) & PG_table) !== 0) continue;
      findings.add('page tables', `${pageText(table)} is used as a page table and is none`);
    }
    for (const row of entryRows) {
      const table = Math.floor(row / PTRS_PER_TABLE);
      if (m.entries.get(row) === 0 || survey.tables.has(table)) continue;
      findings.add(
        'page tables',
        `${pageText(table)} is no page table any more, its entry ${row % PTRS_PER_TABLE} is not empty`,
      );
    }
  }

  private checkPools(findings: Findings, survey: Survey): void {
    const { m } = this;
    const listed = survey.hugetlbFree;
    const counted = m.scalars.get(HUGETLB_FREE);
    findings.expect(
      listed.length === counted && new Set(listed).size === listed.length,
      'I4',
      () => `hugetlb pool: ${listed.length} pages listed, ${counted} counted`,
    );
    const used = [...survey.uses.keys()].filter(
      (pfn) => survey.head(pfn) === pfn && (m.pages.flags.get(pfn) & PG_hugetlb) !== 0,
    ).length;
    const total = m.scalars.get(HUGETLB_TOTAL);
    findings.expect(
      used + listed.length === total,
      'I4',
      () => `hugetlb pool of ${total}: ${used} used, ${listed.length} free`,
    );
  }

  /** Each slot is counted by the entries that name it and by the cache. */
  private checkSwap(findings: Findings, survey: Survey): void {
    const { m } = this;
    const { swapPages } = m.config;
    if (swapPages === 0) return;
    let used = 0;
    for (let slot = 1; slot <= swapPages; slot++) {
      const count = m.swapMap.get(slot);
      if (count !== 0) used++;
      const named = survey.slots.get(slot) ?? 0;
      const cached = m.swapCache.has(slot);
      if (swapCount(m, slot) !== named || (count !== named) !== cached) {
        findings.add(
          'swap',
          `slot ${slot}: count 0x${count.toString(16)}, ${named} entries, cached: ${cached}`,
        );
      }
    }
    const free = getNrSwapPages(m);
    if (free + used !== swapPages)
      findings.add('swap', `${swapPages} slots: ${used} used, ${free} counted as free`);
  }

  /** Every page that is on an LRU list is on one, and the lists are sound. */
  private checkLru(findings: Findings, survey: Survey): void {
    const { m } = this;
    const nodes = [...new Set(m.zones.map(({ node }) => node))];
    for (const problem of lruProblems(m, nodes)) findings.add('LRU', problem);
    let listed = 0;
    for (const node of nodes) {
      for (let lru = 0; lru < LRU_UNEVICTABLE; lru++) listed += lruvecLruSize(m, node, lru);
    }
    let flagged = 0;
    for (const pfn of survey.uses.keys()) {
      if (survey.head(pfn) !== pfn || (m.pages.flags.get(pfn) & (PG_lru | PG_unevictable)) !== PG_lru)
        continue;
      flagged += 2 ** m.pages.order.get(pfn);
    }
    if (listed !== flagged)
      findings.add('LRU', `${listed} pages on the lists, ${flagged} say they are on one`);
  }

  private checkDevice(findings: Findings, survey: Survey, device: DmirrorDevice): void {
    const { m } = this;
    // without memory after its driver gave it up
    if (device.pgmap === 0) return;
    const { start, end } = m.pgmaps.get(device.pgmap);
    const name = `device ${device.configId}`;
    const free = new Set<Pfn>();
    for (let link = m.scalars.get(deviceRow(device.id, DEVICE_FREE_HEAD)); link !== 0; ) {
      const pfn = link - 1;
      const outside = pfn < start || pfn >= end || free.has(pfn) || m.pages.refcount.get(pfn) !== 0;
      findings.expect(!outside, 'I25', () => `${name}: ${pageText(pfn)} does not belong on the free list`);
      if (outside) break;
      free.add(pfn);
      link = m.pages.zoneDeviceData.get(pfn);
    }
    const fresh = m.scalars.get(deviceRow(device.id, DEVICE_FRESH));
    let allocated = 0;
    for (const pfn of survey.uses.keys()) if (pfn >= start && pfn < end) allocated++;
    const ref = m.scalars.get(pgmapRefRow(device.pgmap));
    const { used } = deviceUsage(m, device);
    findings.expect(
      free.size + fresh + allocated === end - start && used === allocated && ref === 1 + allocated,
      'I25',
      () =>
        `${name} of ${end - start}: ${free.size} on the free list, ${fresh} never used, ${allocated} in use, ` +
        `${used} counted by the driver, pgmap reference ${ref}`,
    );
  }
}
