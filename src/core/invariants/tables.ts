// The page tables of all processes, found by walking them, with what their entries are; and kept up when entries are
// written.

import { type Machine, RSS_ANON, RSS_FILE, RSS_SHMEM, RSS_SWAP } from '../machine/machine.ts';
import { holderId } from '../uapi/events.ts';
import { PG_hugetlb, PG_swapbacked } from '../uapi/page-flags.ts';
import {
  type Entry,
  entryPfn,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isRealSwapEntry,
  pmdLeaf,
  ptePresent,
} from '../uapi/pte.ts';
import { type EntryRow, type Pfn, PTRS_PER_TABLE, type Vpn } from '../uapi/units.ts';
import type { Mapping, Uses } from './page-use.ts';

const DEVICE_EXCLUSIVE = holderId('device-exclusive entry');
const PAGE_TABLE = holderId('page table');

/** Level of the top table. */
const TOP = 3;
/** A table that is kept for a huge entry is no level of a walk. */
const DEPOSITED = -1;
/** Ranges of 2 MiB that an address space can have. */
const PMD_RANGE = 2 ** 27;
/** What counts for no process: a zero page, a page of the hugetlb pool, an entry of no page. */
const UNCOUNTED = -1;

/** A page of page table with what its entries are or lead to. */
interface Table {
  readonly pfn: Pfn;
  readonly mm: number;
  /** 3 = PGD … 0 = PTE. */
  readonly level: number;
  readonly base: Vpn;
  readonly items: (Mapping | Table | undefined)[];
}

const isTable = (item: Mapping | Table): item is Table => 'items' in item;

export class TableSurvey {
  /** Pages of page table that a walk reaches or that are deposited. */
  readonly byPage = new Map<Pfn, Table>();
  /** Tables that are reached twice. */
  readonly shared: Pfn[] = [];
  /** Entries that name a slot of the swap device, by slot. */
  readonly slots = new Map<number, Set<Mapping>>();
  /** Resident pages by row of Machine.rss. */
  readonly rss = new Map<number, number>();
  /** Entries that are gone or new since the last update. */
  removed: Mapping[] = [];
  added: Mapping[] = [];

  /** By process and 2 MiB: the table of its entries, or one huge entry. */
  private readonly byPmd = new Map<number, Table | Mapping>();
  private readonly deposits = new Map<EntryRow, Pfn>();

  constructor(
    private readonly m: Machine,
    private readonly uses: Uses,
  ) {}

  mappingAt(mm: number, vpn: Vpn): Mapping | undefined {
    const item = this.byPmd.get(mm * PMD_RANGE + Math.floor(vpn / PTRS_PER_TABLE));
    if (item === undefined || !isTable(item)) return item;
    const small = item.items[vpn % PTRS_PER_TABLE];
    return small === undefined || isTable(small) ? undefined : small;
  }

  /** Where an entry may stand behind an address at which there is none. */
  nextEntry(mm: number, vpn: Vpn): Vpn {
    const item = this.byPmd.get(mm * PMD_RANGE + Math.floor(vpn / PTRS_PER_TABLE));
    return item === undefined ? vpn - (vpn % PTRS_PER_TABLE) + PTRS_PER_TABLE : vpn + 1;
  }

  /** All entries of a process, by address; without one, of all processes. */
  mappings(mm?: number): Mapping[] {
    const found: Mapping[] = [];
    const visit = (table: Table): void => {
      for (const item of table.items) {
        if (item === undefined) continue;
        if (isTable(item)) visit(item);
        else found.push(item);
      }
    };
    for (const table of this.byPage.values()) {
      if (table.level === TOP && (mm === undefined || table.mm === mm)) visit(table);
    }
    return found;
  }

  /** Walks the tables of a process that is new. */
  addProcess(id: number, pgd: Pfn): void {
    if (this.byPage.get(pgd)?.mm !== id) this.addTree(pgd, id, TOP, 0);
  }

  removeProcess(pgd: Pfn): void {
    const table = this.byPage.get(pgd);
    if (table !== undefined) this.removeTree(table);
  }

  private tableOf(row: EntryRow): Table | undefined {
    return this.byPage.get(Math.floor(row / PTRS_PER_TABLE));
  }

  private addTable(pfn: Pfn, mm: number, level: number, base: Vpn): Table {
    const known = this.byPage.get(pfn);
    if (known !== undefined) this.shared.push(pfn);
    const table: Table = { pfn, mm, level, base, items: Array(PTRS_PER_TABLE) };
    this.byPage.set(pfn, table);
    this.uses.hold(pfn, PAGE_TABLE, 1);
    return table;
  }

  private addTree(pfn: Pfn, mm: number, level: number, base: Vpn): Table {
    const table = this.addTable(pfn, mm, level, base);
    if (level === 0) this.byPmd.set(mm * PMD_RANGE + Math.floor(base / PTRS_PER_TABLE), table);
    const { entries } = this.m;
    for (let i = 0; i < PTRS_PER_TABLE; i++) {
      const entry = entries.get(pfn * PTRS_PER_TABLE + i);
      if (entry !== 0) this.addItem(table, i, entry);
    }
    return table;
  }

  private addItem(table: Table, i: number, entry: Entry): void {
    const { mm, level } = table;
    const npages = PTRS_PER_TABLE ** level;
    const vpn = table.base + i * npages;
    if (level > 0 && (level === TOP || (ptePresent(entry) && !pmdLeaf(entry)))) {
      table.items[i] = this.addTree(entryPfn(entry), mm, level - 1, vpn);
    } else {
      table.items[i] = this.addMapping(mm, vpn, table.pfn * PTRS_PER_TABLE + i, entry, npages);
    }
  }

  private removeItem(table: Table, i: number): void {
    const item = table.items[i];
    table.items[i] = undefined;
    if (item === undefined) return;
    if (isTable(item)) this.removeTree(item);
    else this.removeMapping(item);
  }

  private removeTree(table: Table): void {
    for (let i = 0; i < PTRS_PER_TABLE; i++) this.removeItem(table, i);
    if (table.level === 0) this.byPmd.delete(table.mm * PMD_RANGE + Math.floor(table.base / PTRS_PER_TABLE));
    this.byPage.delete(table.pfn);
    this.uses.hold(table.pfn, PAGE_TABLE, -1);
  }

  /** Drops what an entry was or led to, if it is something else now. */
  forgetEntry(row: EntryRow): void {
    const table = this.tableOf(row);
    const i = row % PTRS_PER_TABLE;
    const item = table?.items[i];
    if (table === undefined || item === undefined) return;
    const entry = this.m.entries.get(row);
    const same = isTable(item)
      ? ptePresent(entry) && !pmdLeaf(entry) && entryPfn(entry) === item.pfn
      : entry === item.entry;
    if (!same) this.removeItem(table, i);
  }

  /** Looks at an entry that was forgotten, or was empty before. */
  learnEntry(row: EntryRow): void {
    const table = this.tableOf(row);
    const i = row % PTRS_PER_TABLE;
    if (table === undefined || table.items[i] !== undefined) return;
    const entry = this.m.entries.get(row);
    if (entry !== 0 && table.level !== DEPOSITED) this.addItem(table, i, entry);
  }

  forgetDeposit(row: EntryRow): void {
    const pfn = this.deposits.get(row);
    if (pfn === undefined || this.m.deposits.get(row) === pfn) return;
    this.deposits.delete(row);
    this.byPage.delete(pfn);
    this.uses.hold(pfn, PAGE_TABLE, -1);
  }

  learnDeposit(row: EntryRow): void {
    const pfn = this.m.deposits.get(row);
    if (pfn === undefined || this.deposits.has(row)) return;
    this.deposits.set(row, pfn);
    this.addTable(pfn, this.tableOf(row)?.mm ?? 0, DEPOSITED, 0);
  }

  private addMapping(mm: number, vpn: Vpn, row: EntryRow, entry: Entry, npages: number): Mapping {
    const pfn = entryPfn(entry);
    const rssRow = this.rssRowOf(mm, entry, pfn);
    const mapping: Mapping = { mm, vpn, row, entry, npages, rssRow };
    this.added.push(mapping);
    for (let at = vpn; npages > 1 && at < vpn + npages; at += PTRS_PER_TABLE) {
      this.byPmd.set(mm * PMD_RANGE + Math.floor(at / PTRS_PER_TABLE), mapping);
    }
    this.countRss(rssRow, npages);
    if (isRealSwapEntry(entry)) {
      const named = this.slots.get(pfn);
      if (named === undefined) this.slots.set(pfn, new Set([mapping]));
      else named.add(mapping);
    } else if (this.countsAsMapping(entry, pfn)) {
      const use = this.uses.use(pfn);
      use.mappers.push(mapping);
      if (npages > 1) use.pmds++;
    } else if (isDeviceExclusiveEntry(entry)) {
      this.uses.hold(pfn, DEVICE_EXCLUSIVE, 1);
    }
    return mapping;
  }

  private removeMapping(mapping: Mapping): void {
    const { mm, vpn, entry, npages, rssRow } = mapping;
    const pfn = entryPfn(entry);
    this.removed.push(mapping);
    for (let at = vpn; npages > 1 && at < vpn + npages; at += PTRS_PER_TABLE) {
      this.byPmd.delete(mm * PMD_RANGE + Math.floor(at / PTRS_PER_TABLE));
    }
    this.countRss(rssRow, -npages);
    const use = this.uses.get(pfn);
    const at = use?.mappers.indexOf(mapping) ?? -1;
    if (isRealSwapEntry(entry)) {
      this.slots.get(pfn)?.delete(mapping);
    } else if (use !== undefined && at >= 0) {
      this.uses.touched.add(pfn);
      use.mappers.splice(at, 1);
      if (npages > 1) use.pmds--;
    } else if (isDeviceExclusiveEntry(entry)) {
      this.uses.hold(pfn, DEVICE_EXCLUSIVE, -1);
    }
  }

  /** The zero pages are mapped without being counted. */
  private countsAsMapping(entry: Entry, pfn: Pfn): boolean {
    return (ptePresent(entry) || isDevicePrivateEntry(entry)) && !this.uses.isZeroPage(pfn);
  }

  private rssRowOf(mm: number, entry: Entry, pfn: Pfn): number {
    if (isRealSwapEntry(entry)) return mm * 4 + RSS_SWAP;
    if (this.uses.isZeroPage(pfn)) return UNCOUNTED;
    const head = pfn - this.m.pages.tailOffset.get(pfn);
    const flags = this.m.pages.flags.get(head);
    if ((flags & PG_hugetlb) !== 0) return UNCOUNTED;
    const anon = (this.m.pages.mapping.get(head) & 1) === 1;
    return mm * 4 + (anon ? RSS_ANON : (flags & PG_swapbacked) === 0 ? RSS_FILE : RSS_SHMEM);
  }

  private countRss(row: number, by: number): void {
    if (row !== UNCOUNTED) this.rss.set(row, (this.rss.get(row) ?? 0) + by);
  }
}
