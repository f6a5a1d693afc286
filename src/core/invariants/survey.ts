// The ground truth at rest: everything that refers to a page, found by walking all page tables, batches, caches,
// pools and handles. Nothing here reads the log, and no counter is believed.

import { batchPages } from '../kernel/mm/swap.ts';
import { mlockBatchPages } from '../kernel/mm/mlock.ts';
import type { DevPagemap, Mm, Vma } from '../machine/entities.ts';
import { type Amounts, NOBODY } from '../machine/holders.ts';
import type { Machine } from '../machine/machine.ts';
import { HUGE_ZERO_PFN, HUGETLB_FREE_HEAD } from '../machine/scalars.ts';
import { holderId } from '../uapi/events.ts';
import { PG_head, PG_hugetlb, PG_private } from '../uapi/page-flags.ts';
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

/** What refers to one page. References are on the first page of a folio, mappings on each page. */
export class PageUse {
  /** References by position in HOLDER_KINDS. */
  held: Amounts = NOBODY;
  /** Small entries that count as mappings: present ones and device-private ones. */
  ptes = 0;
  /** Huge entries, on the first page. */
  pmds = 0;
  /** Entries of both kinds that let their process write. */
  writable = 0;
}

/** One entry that is not empty and points to no table. */
export interface Mapping {
  readonly mm: Mm;
  /** The area around the address; undefined: a stray entry. */
  readonly vma: Vma | undefined;
  readonly vpn: Vpn;
  readonly row: EntryRow;
  readonly entry: Entry;
  readonly huge: boolean;
}

const FOLL_PIN = holderId('FOLL_PIN');
const FOLL_GET = holderId('FOLL_GET');
const PAGE_TABLE_ENTRY = holderId('page table entry');
const DEVICE_EXCLUSIVE = holderId('device-exclusive entry');
const PAGE_TABLE = holderId('page table');
const LRU_BATCH = holderId('LRU batch');
const MLOCK_BATCH = holderId('mlock batch');
const PAGE_CACHE = holderId('page cache');
const BUFFER_HEADS = holderId('buffer heads');
const SWAP_CACHE = holderId('swap cache');
const DRIVER = holderId('driver');
const KERNEL = holderId('kernel');

const PIN_BIAS = 1024;
/** Tables of PTEs that an address space can have. */
const TABLE_RANGE = 2 ** 26;

export class Survey {
  readonly uses = new Map<Pfn, PageUse>();
  readonly mappings: Mapping[] = [];
  /** Pages of page table that a walk reaches or that are deposited, with the process they belong to. */
  readonly tables = new Map<Pfn, number>();
  /** Tables that are reached twice. */
  readonly sharedTables: Pfn[] = [];
  /** Live pins of small and large folios together, the zero page apart. */
  pins = 0;
  /** Entries that name a slot of the swap device, by slot. */
  readonly slots = new Map<number, number>();
  /** Free pages of the hugetlb pool, in order. */
  readonly hugetlbFree: Pfn[] = [];
  /** Entries of one process under one PMD: by index, or one huge one. */
  private readonly byPmd = new Map<number, Mapping | (Mapping | undefined)[]>();
  private lastPmd = -1;
  private last: Mapping | (Mapping | undefined)[] | undefined;
  private readonly pgmaps: readonly DevPagemap[];

  constructor(readonly m: Machine) {
    this.pgmaps = m.pgmaps.values();
    for (const mm of m.mms.values()) {
      if (mm.alive) this.walk(mm);
      // an interval notifier keeps the mm_struct, and with it the top table
      else if (mm.hasNotifierSubscriptions) this.addTable(mm.pgd, mm.id);
    }
    for (const row of m.deposits.keys()) this.addDeposit(row);
    this.addBatches();
    this.addCaches();
    this.addSwapCache();
    this.addHandles();
    this.addPools();
  }

  use(pfn: Pfn): PageUse {
    let use = this.uses.get(pfn);
    if (use === undefined) {
      use = new PageUse();
      this.uses.set(pfn, use);
    }
    return use;
  }

  head(pfn: Pfn): Pfn {
    return pfn - this.m.pages.tailOffset.get(pfn);
  }

  pgmapOf(pfn: Pfn): DevPagemap | undefined {
    for (const pgmap of this.pgmaps) if (pfn >= pgmap.start && pfn < pgmap.end) return pgmap;
    return undefined;
  }

  mappingAt(mm: number, vpn: Vpn): Mapping | undefined {
    const pmd = mm * TABLE_RANGE + Math.floor(vpn / PTRS_PER_TABLE);
    if (pmd !== this.lastPmd) {
      this.lastPmd = pmd;
      this.last = this.byPmd.get(pmd);
    }
    return Array.isArray(this.last) ? this.last[vpn % PTRS_PER_TABLE] : this.last;
  }

  /** The page that a process finds at an address through any kind of entry; none if it is swapped out. */
  pageAt(mm: number, vpn: Vpn): Pfn | undefined {
    const mapping = this.mappingAt(mm, vpn);
    if (mapping === undefined || isRealSwapEntry(mapping.entry)) return undefined;
    return entryPfn(mapping.entry) + (mapping.huge ? vpn % PTRS_PER_TABLE : 0);
  }

  private hold(pfn: Pfn, holder: number, amount = 1): void {
    const use = this.use(this.head(pfn));
    const held = use.held.slice();
    held[holder] += amount;
    use.held = held;
  }

  // --- page tables -----------------------------------------------------------------------------------------------

  private addTable(table: Pfn, mm: number): void {
    if (this.tables.has(table)) this.sharedTables.push(table);
    this.tables.set(table, mm);
    this.hold(table, PAGE_TABLE);
  }

  private addDeposit(row: EntryRow): void {
    const owner = this.tables.get(Math.floor(row / PTRS_PER_TABLE)) ?? 0;
    this.addTable(this.m.deposits.get(row) ?? 0, owner);
  }

  private walk(mm: Mm): void {
    const vmas = mm.vmas.map((id) => this.m.vmas.get(id));
    let at = 0;
    const vmaAt = (vpn: Vpn): Vma | undefined => {
      while (at < vmas.length && vmas[at].vmEnd <= vpn) at++;
      const vma = vmas[at];
      return vma !== undefined && vma.vmStart <= vpn ? vma : undefined;
    };
    this.walkTable(mm, mm.pgd, 3, 0, vmaAt);
  }

  private walkTable(
    mm: Mm,
    table: Pfn,
    level: number,
    base: Vpn,
    vmaAt: (vpn: Vpn) => Vma | undefined,
  ): void {
    this.addTable(table, mm.id);
    const { entries } = this.m;
    const first = table * PTRS_PER_TABLE;
    const span = PTRS_PER_TABLE ** level;
    for (let i = 0; i < PTRS_PER_TABLE; i++) {
      const entry = entries.get(first + i);
      if (entry === 0) continue;
      const vpn = base + i * span;
      if (level > 1 || (level === 1 && ptePresent(entry) && !pmdLeaf(entry))) {
        this.walkTable(mm, entryPfn(entry), level - 1, vpn, vmaAt);
      } else {
        this.addMapping({ mm, vma: vmaAt(vpn), vpn, row: first + i, entry, huge: level === 1 });
      }
    }
  }

  private addMapping(mapping: Mapping): void {
    const { m } = this;
    this.mappings.push(mapping);
    const { mm, vpn, entry, huge } = mapping;
    this.remember(mm.id * TABLE_RANGE + Math.floor(vpn / PTRS_PER_TABLE), mapping);
    const pfn = entryPfn(entry);
    if (isRealSwapEntry(entry)) {
      this.slots.set(pfn, (this.slots.get(pfn) ?? 0) + 1);
      return;
    }
    // the zero pages are mapped without being counted
    if (pfn === m.zeroPfn || (huge && m.scalars.get(HUGE_ZERO_PFN) === pfn + 1)) return;
    const mapped = ptePresent(entry) || isDevicePrivateEntry(entry);
    if (mapped) {
      const use = this.use(pfn);
      if (huge) use.pmds++;
      else use.ptes++;
      this.hold(pfn, PAGE_TABLE_ENTRY);
    } else if (isDeviceExclusiveEntry(entry)) {
      this.hold(pfn, DEVICE_EXCLUSIVE);
    }
  }

  private remember(pmd: number, mapping: Mapping): void {
    if (mapping.huge) {
      this.byPmd.set(pmd, mapping);
      return;
    }
    let small = this.byPmd.get(pmd);
    if (!Array.isArray(small)) {
      small = Array<Mapping | undefined>(PTRS_PER_TABLE);
      this.byPmd.set(pmd, small);
    }
    small[mapping.vpn % PTRS_PER_TABLE] = mapping;
  }

  // --- everything else that holds pages ----------------------------------------------------------------------------

  private addBatches(): void {
    const { m } = this;
    for (let cpu = 0; cpu < m.config.cpus; cpu++) {
      for (const batch of ['lruAdd', 'deactivateFile', 'deactivate', 'lazyfree', 'activate'] as const) {
        for (const pfn of batchPages(m, cpu, batch)) this.hold(pfn, LRU_BATCH);
      }
      for (const pfn of mlockBatchPages(m, cpu)) this.hold(pfn, MLOCK_BATCH);
    }
  }

  private addCaches(): void {
    const { m } = this;
    for (const file of m.files.values()) {
      const map = m.journal.mapById(file.pages);
      for (const index of map.keys()) {
        const pfn = map.get(index) ?? 0;
        this.hold(pfn, PAGE_CACHE);
        if ((m.pages.flags.get(pfn) & PG_private) !== 0) this.hold(pfn, BUFFER_HEADS);
      }
    }
  }

  private addSwapCache(): void {
    const { swapCache } = this.m;
    for (const slot of swapCache.keys()) this.hold(swapCache.get(slot) ?? 0, SWAP_CACHE);
  }

  private addHandles(): void {
    const { m } = this;
    for (const handle of m.handles.values()) {
      const pin = handle.call.startsWith('pin');
      for (const pfn of handle.pages) {
        if (pin && pfn === m.zeroPfn) continue;
        const large = (m.pages.flags.get(this.head(pfn)) & PG_head) !== 0;
        this.hold(pfn, pin ? FOLL_PIN : FOLL_GET, pin && !large ? PIN_BIAS : 1);
        if (pin) this.pins++;
      }
    }
  }

  /** The zero pages, the hugetlb pool, and the pages that hold the bytes of private device memory. */
  private addPools(): void {
    const { m } = this;
    this.hold(m.zeroPfn, KERNEL);
    const hugeZero = m.scalars.get(HUGE_ZERO_PFN);
    if (hugeZero !== 0) this.hold(hugeZero - 1, KERNEL);
    for (let link = m.scalars.get(HUGETLB_FREE_HEAD); link !== 0; link = m.pages.lruNext.get(link - 1)) {
      this.hugetlbFree.push(link - 1);
      if (this.hugetlbFree.length > m.config.hugetlbPages || !this.isHugetlb(link - 1)) break;
    }
    for (const pfn of this.uses.keys()) {
      if (this.pgmapOf(pfn)?.type === 'MEMORY_DEVICE_PRIVATE')
        this.hold(m.pages.zoneDeviceData.get(pfn) - 1, DRIVER);
    }
  }

  private isHugetlb(pfn: Pfn): boolean {
    return (this.m.pages.flags.get(pfn) & PG_hugetlb) !== 0;
  }
}
