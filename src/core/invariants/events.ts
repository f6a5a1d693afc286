// Invariants after every single event: what the event touched is looked at, at the moment after it.

import { type Ledger, holdersText } from '../machine/holders.ts';
import type { Mm, Vma } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import { HUGE_ZERO_PFN } from '../machine/scalars.ts';
import { EventKind, holderId } from '../uapi/events.ts';
import type { LogEvent } from '../trace/log.ts';
import { PG_anon_exclusive, PG_head, PG_locked, PG_lru } from '../uapi/page-flags.ts';
import {
  type Entry,
  entryKind,
  entryPfn,
  isDevicePrivateEntry,
  isMigrationEntry,
  isRealSwapEntry,
  pmdLeaf,
  ptePresent,
  pteSpecial,
  pteWrite,
} from '../uapi/pte.ts';
import { kernelFunctionId } from '../uapi/source-refs.ts';
import { type EntryRow, type Pfn, PTRS_PER_TABLE, type Vpn } from '../uapi/units.ts';
import { isCowMapping, VM_HUGETLB, VM_WRITE } from '../uapi/vm-flags.ts';
import { Findings, pageText, type Violation } from './violation.ts';

/** Where a page of page table stands in its process. */
interface TablePlace {
  readonly mm: number;
  /** 3 = PGD … 0 = PTE. */
  readonly level: number;
  readonly base: Vpn;
}

const ISOLATION = holderId('LRU isolation');
const LRU_BATCH = holderId('LRU batch');
const FOLL_PIN = holderId('FOLL_PIN');
const FOLL_GET = holderId('FOLL_GET');
const GUP_FAST = kernelFunctionId('gup_pgd_range');

const isMm = (value: unknown): value is Mm =>
  typeof value === 'object' && value !== null && 'hasPinned' in value && 'pgd' in value;

/** Runs along the log. The machine must stand where the checker does: see `check`. */
export class EventChecker {
  private readonly tables = new Map<Pfn, TablePlace>();
  private readonly m: Machine;

  constructor(
    m: Machine,
    private readonly ledger: Ledger,
  ) {
    this.m = m;
    for (const mm of m.mms.values()) this.learn(mm.pgd, { mm: mm.id, level: 3, base: 0 });
    for (const row of m.deposits.keys()) this.learnDeposit(row);
  }

  /**
   * Takes the machine forward to `end`, event by event, and checks after each.
   *
   * @returns the first violations, with the index of their event in front
   */
  check(end: number): Violation[] {
    const { journal } = this.m;
    const found: Violation[] = [];
    this.ledger.seek(journal.position);
    while (journal.position < end && found.length < 20) {
      const event = journal.log.at(journal.position);
      journal.seek(journal.position + 1);
      this.ledger.seek(journal.position);
      const findings = new Findings();
      this.checkEvent(findings, event);
      for (const { invariant, message } of findings.found) {
        found.push({ invariant, message: `event ${event.index}: ${message}` });
      }
    }
    return found;
  }

  private checkEvent(findings: Findings, event: LogEvent): void {
    const { m } = this;
    switch (event.kind) {
      case EventKind.REF:
      case EventKind.HOLDER:
        this.checkReferences(findings, event.row);
        return;
      case EventKind.COLUMN:
        if (event.id === m.entries.id) this.checkEntry(findings, event);
        else if (event.id === m.pages.flags.id) this.checkFlags(findings, event);
        else if (event.id === m.pages.mapcount.id) this.checkMapcount(findings, event.row);
        return;
      case EventKind.MAP:
        if (event.id === m.deposits.id && !Number.isNaN(event.now)) this.learnDeposit(event.row);
        return;
      case EventKind.CELL:
        this.checkProcess(findings, event);
        return;
      default:
        return;
    }
  }

  // --- pages -------------------------------------------------------------------------------------------------------

  private checkReferences(findings: Findings, pfn: Pfn): void {
    const { m, ledger } = this;
    const count = m.pages.refcount.get(pfn);
    const text = (): string => `${pageText(pfn)}: _refcount ${count}, ${holdersText(ledger.holdersOf(pfn))}`;
    findings.expect(count >= 0 && ledger.sum(pfn) === count, 'I1', text);
    const amounts = ledger.amountsOf(pfn);
    for (const amount of amounts) findings.expect(amount >= 0, 'I1', text);
    findings.expect(amounts[ISOLATION] <= 1, 'I23', text);
    this.checkMapcount(findings, pfn);
    const type = this.memoryType(pfn);
    if (type === undefined) return;
    findings.expect(amounts[LRU_BATCH] + amounts[ISOLATION] === 0, 'I7', text);
    if (type === 'MEMORY_DEVICE_PRIVATE') {
      findings.expect(amounts[FOLL_PIN] + amounts[FOLL_GET] === 0, 'I8', text);
    }
  }

  private checkMapcount(findings: Findings, pfn: Pfn): void {
    const { pages } = this.m;
    const mapcount = pages.mapcount.get(pfn);
    findings.expect(mapcount >= 0, 'I2', () => `${pageText(pfn)}: mapcount ${mapcount}`);
    const head = pfn - pages.tailOffset.get(pfn);
    if (head !== pfn || (pages.flags.get(pfn) & PG_head) !== 0) return;
    const count = pages.refcount.get(pfn);
    findings.expect(
      count >= mapcount,
      'I3',
      () => `${pageText(pfn)}: _refcount ${count} below mapcount ${mapcount}`,
    );
    const shared = mapcount >= 2 && (pages.mapping.get(pfn) & 1) === 1;
    findings.expect(
      !shared || (pages.flags.get(pfn) & PG_anon_exclusive) === 0,
      'I15',
      () => `${pageText(pfn)}: AnonExclusive with mapcount ${mapcount}`,
    );
  }

  private checkFlags(findings: Findings, { row: pfn, old }: LogEvent): void {
    const { pages } = this.m;
    const flags = pages.flags.get(pfn);
    const head = pfn - pages.tailOffset.get(pfn);
    if ((flags & PG_lru) !== 0) {
      findings.expect(
        this.memoryType(pfn) === undefined,
        'I7',
        () => `${pageText(pfn)} of a device is on an LRU list`,
      );
    }
    // a page that is being freed loses its flags last
    const exclusive = (flags & ~old & PG_anon_exclusive) !== 0 && (pages.mapping.get(head) & 1) === 1;
    findings.expect(
      !exclusive || pages.refcount.get(head) > 0,
      'I12',
      () => `${pageText(pfn)}: AnonExclusive and free`,
    );
  }

  private memoryType(pfn: Pfn): string | undefined {
    if (this.m.rangeOf(pfn)?.kind === 'ram') return undefined;
    return this.m.pgmaps.values().find(({ start, end }) => pfn >= start && pfn < end)?.type;
  }

  // --- entries -----------------------------------------------------------------------------------------------------

  private learn(table: Pfn, place: TablePlace): void {
    this.tables.set(table, place);
    if (place.level === 0) return;
    for (let i = 0; i < PTRS_PER_TABLE; i++) this.learnChild(table * PTRS_PER_TABLE + i);
  }

  /** The table that an entry points to, if it does. */
  private learnChild(row: EntryRow): void {
    const place = this.tables.get(Math.floor(row / PTRS_PER_TABLE));
    const entry = this.m.entries.get(row);
    if (place === undefined || place.level === 0 || !ptePresent(entry) || pmdLeaf(entry)) return;
    this.learn(entryPfn(entry), this.childPlace(place, row));
  }

  private childPlace(place: TablePlace, row: EntryRow): TablePlace {
    return { mm: place.mm, level: place.level - 1, base: this.vpnOf(place, row) };
  }

  private vpnOf(place: TablePlace, row: EntryRow): Vpn {
    return place.base + (row % PTRS_PER_TABLE) * PTRS_PER_TABLE ** place.level;
  }

  private learnDeposit(row: EntryRow): void {
    const place = this.tables.get(Math.floor(row / PTRS_PER_TABLE));
    const table = this.m.deposits.get(row);
    if (place !== undefined && table !== undefined) this.tables.set(table, this.childPlace(place, row));
  }

  private checkEntry(findings: Findings, { row, parent }: LogEvent): void {
    findings.expect(!this.insideFastGup(parent), 'I30', () => `fast GUP wrote entry ${row}`);
    const place = this.tables.get(Math.floor(row / PTRS_PER_TABLE));
    const entry = this.m.entries.get(row);
    if (place === undefined || entry === 0) return;
    if (place.level > 1 || (place.level === 1 && ptePresent(entry) && !pmdLeaf(entry))) {
      this.learnChild(row);
      return;
    }
    const vpn = this.vpnOf(place, row);
    const text = (): string =>
      `0x${vpn.toString(16)} → ${pageText(entryPfn(entry))}, ${entryKind(entry)} 0x${entry.toString(16)}`;
    this.checkTarget(findings, entry, place.level === 1, text);
    if (ptePresent(entry) && pteWrite(entry)) this.checkWritable(findings, place, vpn, entry, text);
  }

  private insideFastGup(parent: number): boolean {
    const { log } = this.m.journal;
    for (let span = parent; span >= 0; span = log.parentAt(span))
      if (log.idAt(span) === GUP_FAST) return true;
    return false;
  }

  private checkTarget(findings: Findings, entry: Entry, huge: boolean, text: () => string): void {
    const { m } = this;
    if (isRealSwapEntry(entry)) return;
    const pfn = entryPfn(entry);
    if (pfn === m.zeroPfn || (huge && m.scalars.get(HUGE_ZERO_PFN) === pfn + 1)) {
      findings.expect(!pteWrite(entry) && (huge || pteSpecial(entry)), 'I9', text);
      return;
    }
    const head = pfn - m.pages.tailOffset.get(pfn);
    findings.expect(m.pages.refcount.get(head) > 0, 'I5', text);
    if (isMigrationEntry(entry)) {
      findings.expect((m.pages.flags.get(head) & PG_locked) !== 0, 'I6', text);
      return;
    }
    findings.expect(!ptePresent(entry) || !pteSpecial(entry), 'I9', text);
    const isPrivate = this.memoryType(pfn) === 'MEMORY_DEVICE_PRIVATE';
    findings.expect(isPrivate === isDevicePrivateEntry(entry), 'I8', text);
  }

  private checkWritable(
    findings: Findings,
    place: TablePlace,
    vpn: Vpn,
    entry: Entry,
    text: () => string,
  ): void {
    const { m } = this;
    const vma = this.vmaAt(place.mm, vpn);
    findings.expect(vma !== undefined && (vma.vmFlags & (VM_WRITE | VM_HUGETLB)) !== 0, 'I16', text);
    if (vma === undefined || !isCowMapping(vma.vmFlags)) return;
    const pfn = entryPfn(entry);
    const head = pfn - m.pages.tailOffset.get(pfn);
    const anon = (m.pages.mapping.get(head) & 1) === 1;
    findings.expect(anon && (m.pages.flags.get(pfn) & PG_anon_exclusive) !== 0, 'I14', text);
  }

  private vmaAt(mm: number, vpn: Vpn): Vma | undefined {
    for (const id of this.m.mms.find(mm)?.vmas ?? []) {
      const vma = this.m.vmas.find(id);
      if (vma !== undefined && vpn >= vma.vmStart && vpn < vma.vmEnd) return vma;
    }
    return undefined;
  }

  // --- processes -----------------------------------------------------------------------------------------------------

  private checkProcess(findings: Findings, { old, now }: LogEvent): void {
    const { journal } = this.m;
    const after = journal.objectAt(now);
    if (!isMm(after)) return;
    this.tables.set(after.pgd, { mm: after.id, level: 3, base: 0 });
    const before = journal.objectAt(old);
    findings.expect(
      !isMm(before) || !before.hasPinned || after.hasPinned,
      'I29',
      () => `process ${after.name}: MMF_HAS_PINNED was cleared`,
    );
  }
}
