// Invariants between two steps, judged by a survey of the whole machine. Pages that the step touched, and pages
// that are or were referred to, are compared; the others were found right before and have not changed.

import { deviceUsage } from '../kernel/drivers/test-hmm.ts';
import type { Ledger } from '../machine/holders.ts';
import type { DmirrorDevice } from '../machine/entities.ts';
import { type Machine, RSS_ANON, RSS_FILE, RSS_SHMEM } from '../machine/machine.ts';
import {
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  deviceRow,
  HUGE_ZERO_PFN,
  HUGETLB_FREE,
  HUGETLB_TOTAL,
  notifierActiveRow,
  notifierSeqRow,
  pgmapRefRow,
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
} from '../uapi/page-flags.ts';
import { PTRS_PER_TABLE, type Pfn } from '../uapi/units.ts';
import { checkAreas } from './areas.ts';
import { checkBuddy } from './buddy.ts';
import { checkDeviceTables } from './device-tables.ts';
import { checkMapping } from './mappings.ts';
import { type PageUse, Survey } from './survey.ts';
import { Findings, pageText, type Violation } from './violation.ts';

const FOLL_PIN = holderId('FOLL_PIN');
const FOLL_GET = holderId('FOLL_GET');
const PAGE_CACHE = holderId('page cache');
const LRU_BATCH = holderId('LRU batch');
const PAGE_TABLE_ENTRY = holderId('page table entry');
const DEVICE_EXCLUSIVE = holderId('device-exclusive entry');

const heldText = (held: Int32Array): string => {
  const parts = HOLDER_KINDS.flatMap((kind: HolderKind, id) =>
    held[id] === 0 ? [] : [`${kind} ${held[id]}`],
  );
  return parts.length === 0 ? 'nobody' : parts.join(', ');
};

/** Checks a machine at rest; keeps what it saw last time to know which pages to look at. */
export class RestChecker {
  private previous: Survey | undefined;
  private readonly pageColumns: ReadonlySet<number>;

  constructor(
    private readonly m: Machine,
    private readonly ledger: Ledger,
  ) {
    this.pageColumns = new Set(Object.values(m.pages).map(({ id }) => id));
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
    const end = this.m.journal.position;
    this.ledger.seek(end);
    const pages = this.pagesToCheck(survey, begin, end);
    for (const pfn of pages) this.checkPage(findings, survey, pfn);
    for (const mapping of survey.mappings) checkMapping(findings, survey, mapping);
    this.checkProcesses(findings, survey);
    this.checkTables(findings, survey, begin, end);
    this.checkPools(findings, survey);
    for (const device of this.m.devices.values()) this.checkDevice(findings, survey, device);
    checkBuddy(findings, survey);
    checkAreas(findings, this.m);
    checkDeviceTables(findings, survey);
    this.previous = survey;
    return findings.found;
  }

  private pagesToCheck(survey: Survey, begin: number, end: number): Set<Pfn> {
    const pages = new Set<Pfn>(survey.uses.keys());
    for (const pfn of this.previous?.uses.keys() ?? []) pages.add(pfn);
    const { log } = this.m.journal;
    for (let i = begin; i < end; i++) {
      const kind = log.kindAt(i);
      if (kind === EventKind.REF || (kind === EventKind.COLUMN && this.pageColumns.has(log.idAt(i)))) {
        pages.add(log.rowAt(i));
      }
    }
    return pages;
  }

  // --- one page --------------------------------------------------------------------------------------------------

  private checkPage(findings: Findings, survey: Survey, pfn: Pfn): void {
    const { pages } = this.m;
    const use = survey.uses.get(pfn);
    const head = survey.head(pfn);
    const mapcount = pages.mapcount.get(pfn);
    const ptes = use?.ptes ?? 0;
    findings.expect(
      mapcount === ptes,
      'I2',
      () => `${pageText(pfn)}: mapcount ${mapcount}, ${ptes} entries map it`,
    );
    findings.expect(
      (pages.flags.get(pfn) & PG_locked) === 0,
      'I6',
      () => `${pageText(pfn)} is locked at rest`,
    );
    if (head !== pfn) {
      this.checkTail(findings, survey, pfn, head);
      return;
    }
    const count = pages.refcount.get(pfn);
    const references = use?.references ?? 0;
    findings.expect(
      count === references,
      'I1',
      () =>
        `${pageText(pfn)}: _refcount ${count}, holders add up to ${references} (${use ? heldText(use.held) : 'nobody'})`,
    );
    this.checkLedger(findings, pfn, use);
    const pmds = use?.pmds ?? 0;
    const compound = pages.compoundMapcount.get(pfn);
    const large = (pages.flags.get(pfn) & PG_head) !== 0;
    findings.expect(
      compound === pmds && (large || pmds === 0),
      'I2',
      () => `${pageText(pfn)}: compound_mapcount ${compound}, ${pmds} huge entries map it`,
    );
    if (large) this.checkPincount(findings, pfn, use);
    if (count === 0) this.checkFree(findings, survey, pfn);
    else this.checkInUse(findings, survey, pfn, use);
  }

  /** The log names the same holders as the survey finds. */
  private checkLedger(findings: Findings, pfn: Pfn, use: PageUse | undefined): void {
    for (let id = 0; id < HOLDER_KINDS.length; id++) {
      const logged = this.ledger.amountOf(pfn, id);
      const held = use === undefined ? 0 : use.held[id];
      findings.expect(
        logged === held,
        'I1',
        () => `${pageText(pfn)}: by the log ${HOLDER_KINDS[id]} holds ${logged}, found ${held}`,
      );
    }
  }

  private checkTail(findings: Findings, survey: Survey, pfn: Pfn, head: Pfn): void {
    const { pages } = this.m;
    const order = pages.order.get(head);
    findings.expect(
      (pages.flags.get(head) & PG_head) !== 0 && pfn < head + 2 ** order,
      'I4',
      () => `${pageText(pfn)}: tail of ${pageText(head)}, which is no compound page around it`,
    );
    findings.expect(
      pages.refcount.get(pfn) === 0,
      'I1',
      () => `${pageText(pfn)}: tail with _refcount ${pages.refcount.get(pfn)}`,
    );
    this.checkExclusive(findings, survey, pfn, head);
  }

  private checkPincount(findings: Findings, pfn: Pfn, use: PageUse | undefined): void {
    const pins = use?.held[FOLL_PIN] ?? 0;
    const pincount = this.m.pages.compoundPincount.get(pfn);
    findings.expect(pincount === pins, 'I1', () => `${pageText(pfn)}: pincount ${pincount}, ${pins} pins`);
  }

  private checkFree(findings: Findings, survey: Survey, pfn: Pfn): void {
    const { pages } = this.m;
    const flags = pages.flags.get(pfn);
    const mapping = pages.mapping.get(pfn);
    findings.expect(mapping === 0, 'I4', () => `${pageText(pfn)} is free, its mapping is ${mapping}`);
    if ((flags & PG_hugetlb) !== 0) {
      findings.expect(
        (flags & PG_hugetlb_freed) !== 0 && survey.hugetlbFree.includes(pfn),
        'I4',
        () => `${pageText(pfn)} is free and not in the hugetlb pool`,
      );
      return;
    }
    const device = survey.pgmapOf(pfn) !== undefined;
    if (device) {
      findings.expect(
        (flags & (PG_anon_exclusive | PG_lru)) === 0,
        'I4',
        () => `${pageText(pfn)} is free, flags ${flags}`,
      );
      return;
    }
    const kept = flags & ~(PG_reserved | PG_buddy);
    findings.expect(kept === 0, 'I4', () => `${pageText(pfn)} is free, flags 0x${kept.toString(16)} remain`);
  }

  private checkInUse(findings: Findings, survey: Survey, pfn: Pfn, use: PageUse | undefined): void {
    const { pages } = this.m;
    const flags = pages.flags.get(pfn);
    const held = use?.held ?? new Int32Array(HOLDER_KINDS.length);
    const anon = (pages.mapping.get(pfn) & 1) === 1;
    findings.expect(
      (flags & PG_buddy) === 0,
      'I4',
      () => `${pageText(pfn)} is in use and in the buddy allocator`,
    );
    findings.expect(
      (flags & PG_head) !== 0 || pages.refcount.get(pfn) >= pages.mapcount.get(pfn),
      'I3',
      () =>
        `${pageText(pfn)}: _refcount ${pages.refcount.get(pfn)} below mapcount ${pages.mapcount.get(pfn)}`,
    );
    this.checkExclusive(findings, survey, pfn, pfn);
    const pgmap = survey.pgmapOf(pfn);
    if (pgmap !== undefined) {
      findings.expect(
        (flags & (PG_lru | PG_head)) === 0 && held[LRU_BATCH] === 0 && held[PAGE_CACHE] === 0 && anon,
        'I7',
        () => `${pageText(pfn)} of a device: flags 0x${flags.toString(16)}, ${heldText(held)}`,
      );
    }
    if (pgmap?.type === 'MEMORY_DEVICE_PRIVATE') {
      findings.expect(
        held[FOLL_PIN] === 0 && held[FOLL_GET] === 0,
        'I8',
        () => `${pageText(pfn)}: device-private, held by ${heldText(held)}`,
      );
    }
    const mapped = held[PAGE_TABLE_ENTRY] + held[DEVICE_EXCLUSIVE] + held[PAGE_CACHE] > 0;
    if (pgmap === undefined && mapped && pages.mapping.get(pfn) !== 0 && (flags & PG_hugetlb) === 0) {
      findings.expect(
        (flags & PG_lru) !== 0,
        'I23',
        () => `${pageText(pfn)}: user page at rest on no LRU list`,
      );
    }
    if (anon && (flags & PG_head) === 0 && held[FOLL_PIN] > 0) {
      findings.expect(
        (flags & PG_anon_exclusive) !== 0,
        'I13',
        () => `${pageText(pfn)}: pinned, not AnonExclusive`,
      );
    }
  }

  /** AnonExclusive of a page: of its folio's first one if a huge entry maps it. */
  private checkExclusive(findings: Findings, survey: Survey, pfn: Pfn, head: Pfn): void {
    const { pages } = this.m;
    // the bit means something else on a page of a file
    if ((pages.flags.get(pfn) & PG_anon_exclusive) === 0 || (pages.mapping.get(head) & 1) === 0) return;
    const small = survey.uses.get(pfn)?.ptes ?? 0;
    const huge = survey.uses.get(head)?.pmds ?? 0;
    findings.expect(
      small + huge <= 1,
      'I12',
      () => `${pageText(pfn)}: AnonExclusive with ${small} small and ${huge} huge mappings`,
    );
    findings.expect(pages.refcount.get(head) > 0, 'I12', () => `${pageText(pfn)}: AnonExclusive and free`);
  }

  // --- whole machine -----------------------------------------------------------------------------------------------

  private checkProcesses(findings: Findings, survey: Survey): void {
    const { m } = this;
    const rss = new Map<number, number>();
    const add = (row: number, by: number): void => void rss.set(row, (rss.get(row) ?? 0) + by);
    for (const { mm, entry, huge } of survey.mappings) {
      const pfn = Math.floor(entry / 4096);
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

  private checkTables(findings: Findings, survey: Survey, begin: number, end: number): void {
    const { m } = this;
    for (const table of survey.sharedTables) {
      findings.expect(false, 'page tables', () => `table ${pageText(table)} is reached twice`);
    }
    for (const table of survey.tables.keys()) {
      findings.expect(
        (m.pages.flags.get(table) & PG_table) !== 0,
        'page tables',
        () => `${pageText(table)} is used as a page table and is none`,
      );
    }
    const { log } = m.journal;
    for (let i = begin; i < end; i++) {
      if (log.kindAt(i) !== EventKind.COLUMN || log.idAt(i) !== m.entries.id) continue;
      const row = log.rowAt(i);
      const table = Math.floor(row / PTRS_PER_TABLE);
      findings.expect(
        survey.tables.has(table) || m.entries.get(row) === 0,
        'page tables',
        () => `${pageText(table)} is no page table any more, its entry ${row % PTRS_PER_TABLE} is not empty`,
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
