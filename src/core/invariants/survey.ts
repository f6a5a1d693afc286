// The ground truth at rest: everything that refers to a page, found by walking all page tables, batches, caches,
// pools and handles. No counter is believed. A new survey walks everything; `update` brings it from one moment to the
// next by looking again at what was written in between, and a new one must then find the same (see at-rest.ts).

import { HSTATES } from '../kernel/mm/hugetlb-pool.ts';
import { batchPages } from '../kernel/mm/swap.ts';
import { mlockBatchPages } from '../kernel/mm/mlock.ts';
import type { AddressSpace, DevPagemap, Mm, PinHandle, Vma } from '../machine/entities.ts';
import { type Amounts, NOBODY } from '../machine/holders.ts';
import type { Block, TtmBo } from '../machine/gpu.ts';
import type { Machine } from '../machine/machine.ts';
import type { Pool } from '../machine/pool.ts';
import { HUGE_ZERO_PFN } from '../machine/scalars.ts';
import { holderId } from '../uapi/events.ts';
import { PG_head, PG_hugetlb, PG_private } from '../uapi/page-flags.ts';
import { entryPfn, isRealSwapEntry } from '../uapi/pte.ts';
import type { Pfn, Pfns, Vpn } from '../uapi/units.ts';
import { AliasedPages } from './aliased.ts';
import { type Mapping, type PageUse, Uses } from './page-use.ts';
import { TableSurvey } from './tables.ts';
import type { Touched } from './touched.ts';

const FOLL_PIN = holderId('FOLL_PIN');
const FOLL_GET = holderId('FOLL_GET');
const PAGE_TABLE_ENTRY = holderId('page table entry');
const LRU_BATCH = holderId('LRU batch');
const MLOCK_BATCH = holderId('mlock batch');
const PAGE_CACHE = holderId('page cache');
const BUFFER_HEADS = holderId('buffer heads');
const SWAP_CACHE = holderId('swap cache');
const DRIVER = holderId('driver');
const KERNEL = holderId('kernel');

const PIN_BIAS = 1024;
const LRU_BATCHES = ['lruAdd', 'deactivateFile', 'deactivate', 'lazyfree', 'activate'] as const;

/** What is different from the survey before. */
export interface Changes {
  readonly removed: readonly Mapping[];
  readonly added: readonly Mapping[];
  /** Pages that nothing referred to before. */
  readonly appeared: ReadonlySet<Pfn>;
  /** Areas that are new, gone or different: before and after. */
  readonly vmas: readonly (readonly [before: Vma | undefined, after: Vma | undefined])[];
}

/** Values of a pool as they were last seen. */
class Remembered<T> {
  private known: ReadonlySet<T> = new Set();

  /** Values that are gone or new since the last call; entities are never changed in place. */
  compare(pool: Pool<T>): { gone: T[]; fresh: T[] } {
    const before = this.known;
    const now = new Set(pool.values());
    this.known = now;
    const gone = [...before].filter((value) => !now.has(value));
    const fresh = [...now].filter((value) => !before.has(value));
    return { gone, fresh };
  }
}

const textOfUse = (use: PageUse | undefined): string =>
  use === undefined ? 'nothing' : `${use.ptes} and ${use.pmds} entries, ${(use.others ?? NOBODY).join(' ')}`;

export class Survey {
  readonly uses = new Uses();
  readonly tables: TableSurvey;
  /** Live pins of small and large folios together, the zero page apart. */
  pins = 0;
  /** Free pages of the hugetlb pools, in order. */
  readonly hugetlbFree: Pfn[] = [];
  /** Pages that hold the bytes of private device memory: to the device page, and from it. */
  readonly deviceOf = new Map<Pfn, Pfn>();
  private readonly backingOf = new Map<Pfn, Pfn>();
  /** Pages with a second owner, as far as the checker has read the trace. */
  readonly aliased: AliasedPages;

  private readonly mms = new Remembered<Mm>();
  private readonly vmas = new Remembered<Vma>();
  private readonly files = new Remembered<AddressSpace>();
  private readonly handles = new Remembered<PinHandle>();
  private readonly pgmapEntities = new Remembered<DevPagemap>();
  private readonly bos = new Remembered<TtmBo>();
  private pgmaps: readonly DevPagemap[] = [];
  /** Contents of page caches by their map. */
  private readonly caches = new Map<number, Map<number, Pfn>>();
  private readonly swapCached = new Map<number, Pfn>();
  private batched: (readonly [page: Pfn, holder: number])[] = [];
  private lastVma: Vma | undefined;
  private readonly heldNow = NOBODY.slice();

  constructor(readonly m: Machine) {
    this.aliased = new AliasedPages(m);
    this.tables = new TableSurvey(m, this.uses);
    this.updateZeroPages();
    this.updateEntities();
    for (const row of m.deposits.keys()) this.tables.learnDeposit(row);
    for (const slot of m.swapCache.keys()) this.updateSwapCache(slot);
    this.updateBatches();
    this.updatePools();
    this.settleUses(this.uses.touched);
  }

  /**
   * Brings the survey up to the present.
   *
   * @param touched - what was written since; the pages whose use changed are added to its pages
   */
  update(touched: Touched): Changes {
    const { m } = this;
    const { uses, tables } = this;
    uses.touched = touched.pages;
    uses.appeared = new Set();
    tables.removed = [];
    tables.added = [];
    const rows = [...touched.entryRows];
    for (const row of rows) tables.forgetEntry(row);
    for (const row of touched.maps.get(m.deposits.id) ?? []) tables.forgetDeposit(row);
    this.updateZeroPages();
    this.lastVma = undefined;
    const vmas = touched.cells ? this.updateEntities() : [];
    for (const row of rows) tables.learnEntry(row);
    for (const row of touched.maps.get(m.deposits.id) ?? []) tables.learnDeposit(row);
    for (const [map, keys] of touched.maps) {
      if (this.caches.has(map)) for (const index of keys) this.updateCache(map, index);
    }
    for (const slot of touched.maps.get(m.swapCache.id) ?? []) this.updateSwapCache(slot);
    if (touched.batches) this.updateBatches();
    this.updatePools();
    this.settleUses(touched.pages);
    return { removed: tables.removed, added: tables.added, appeared: uses.appeared, vmas };
  }

  /** What this survey and another one of the same moment do not agree on; undefined: nothing. */
  differenceFrom(other: Survey): string | undefined {
    const differs = (what: string, mine: unknown, theirs: unknown): string =>
      `${what}: ${String(mine)} when kept up from step to step, ${String(theirs)} when looked at afresh`;
    if (this.pins !== other.pins) return differs('pins', this.pins, other.pins);
    for (const pfn of new Set([...this.uses.pages(), ...other.uses.pages()])) {
      const [mine, theirs] = [textOfUse(this.uses.get(pfn)), textOfUse(other.uses.get(pfn))];
      if (mine !== theirs) return differs(`page 0x${pfn.toString(16)}`, mine, theirs);
    }
    for (const pfn of new Set([...this.tables.byPage.keys(), ...other.tables.byPage.keys()])) {
      const [mine, theirs] = [this.tables.byPage.get(pfn), other.tables.byPage.get(pfn)];
      if (mine?.level !== theirs?.level || mine?.base !== theirs?.base || mine?.mm !== theirs?.mm)
        return differs(`table 0x${pfn.toString(16)}`, mine?.base, theirs?.base);
    }
    for (const row of new Set([...this.tables.rss.keys(), ...other.tables.rss.keys()])) {
      const [mine, theirs] = [this.tables.rss.get(row) ?? 0, other.tables.rss.get(row) ?? 0];
      if (mine !== theirs) return differs(`resident pages ${row}`, mine, theirs);
    }
    const theirs = other.tables.mappings();
    const mine = this.tables.mappings().length;
    if (mine !== theirs.length) return differs('entries', mine, theirs.length);
    for (const { mm, vpn, entry } of theirs) {
      const known = this.tables.mappingAt(mm, vpn)?.entry;
      if (known !== entry) return differs(`0x${vpn.toString(16)} of process ${mm}`, known, entry);
    }
    return undefined;
  }

  head(pfn: Pfn): Pfn {
    return pfn - this.m.pages.tailOffset.get(pfn);
  }

  pgmapOf(pfn: Pfn): DevPagemap | undefined {
    for (const pgmap of this.pgmaps) if (pfn >= pgmap.start && pfn < pgmap.end) return pgmap;
    return undefined;
  }

  /** Pages of a folio, found by its first one. */
  folioPages(head: Pfn): number {
    const { flags, order } = this.m.pages;
    return (flags.get(head) & PG_head) === 0 ? 1 : 2 ** order.get(head);
  }

  /** Who refers to a folio, by position in HOLDER_KINDS. The array is the same at every call. */
  held(head: Pfn): Amounts {
    const { flags } = this.m.pages;
    const npages = this.folioPages(head);
    const held = this.heldNow.fill(0);
    for (let pfn = head; pfn < head + npages; pfn++) {
      const use = this.uses.get(pfn);
      if (use === undefined) continue;
      held[PAGE_TABLE_ENTRY] += use.mappers.length;
      const { others } = use;
      if (others !== undefined)
        for (let holder = 0; holder < others.length; holder++) held[holder] += others[holder];
    }
    if (npages === 1) held[FOLL_PIN] *= PIN_BIAS;
    if (held[PAGE_CACHE] > 0 && (flags.get(head) & PG_private) !== 0) held[BUFFER_HEADS] = 1;
    return held;
  }

  /** Whether anything refers to a page of a folio. */
  isUsed(head: Pfn): boolean {
    const npages = this.folioPages(head);
    for (let pfn = head; pfn < head + npages; pfn++) if (this.uses.has(pfn)) return true;
    return false;
  }

  /** The entries that map a page: its own, and the huge ones of its folio. */
  mappersOf(pfn: Pfn): readonly Mapping[] {
    const own = this.uses.get(pfn)?.mappers ?? [];
    const head = this.head(pfn);
    if (head === pfn) return own;
    const huge = this.uses.get(head)?.mappers.filter(({ npages }) => npages > 1) ?? [];
    return own.length === 0 ? huge : [...own, ...huge];
  }

  /** The page that a process finds at an address through any kind of entry; none if it is swapped out. */
  pageAt(mm: number, vpn: Vpn): Pfn | undefined {
    const mapping = this.tables.mappingAt(mm, vpn);
    if (mapping === undefined || isRealSwapEntry(mapping.entry)) return undefined;
    return entryPfn(mapping.entry) + (vpn - mapping.vpn);
  }

  /** The area around an address. */
  vmaAt(mm: number, vpn: Vpn): Vma | undefined {
    const last = this.lastVma;
    if (last !== undefined && last.mm === mm && vpn >= last.vmStart && vpn < last.vmEnd) return last;
    const { m } = this;
    for (const id of m.mms.find(mm)?.vmas ?? []) {
      const vma = m.vmas.find(id);
      if (vma === undefined || vpn < vma.vmStart || vpn >= vma.vmEnd) continue;
      this.lastVma = vma;
      return vma;
    }
    return undefined;
  }

  // --- uses ------------------------------------------------------------------------------------------------------

  /** Drops the pages that nothing refers to any more, and follows private memory to the pages with its bytes. */
  private settleUses(changed: Set<Pfn>): void {
    for (const pfn of changed) {
      this.uses.settle(pfn);
      const before = this.backingOf.get(pfn);
      // only the test driver keeps the bytes elsewhere
      const isPrivate =
        this.m.config.gpu === undefined &&
        this.uses.has(pfn) &&
        this.pgmapOf(pfn)?.type === 'MEMORY_DEVICE_PRIVATE';
      const after = isPrivate ? this.m.pages.zoneDeviceData.get(pfn) - 1 : undefined;
      if (before === after) continue;
      if (before !== undefined) {
        this.backingOf.delete(pfn);
        if (this.deviceOf.get(before) === pfn) this.deviceOf.delete(before);
        this.uses.hold(before, DRIVER, -1);
      }
      if (after !== undefined) {
        this.backingOf.set(pfn, after);
        this.deviceOf.set(after, pfn);
        this.uses.hold(after, DRIVER, 1);
      }
      // comes up again in this loop, last, when nothing else can change it
      for (const backing of [before, after]) {
        if (backing === undefined) continue;
        changed.delete(backing);
        changed.add(backing);
      }
    }
  }

  // --- entities ----------------------------------------------------------------------------------------------------

  private updateEntities(): Changes['vmas'] {
    const { m } = this;
    this.pgmaps = m.pgmaps.values();
    this.updateDriverPages();
    this.updateProcesses();
    const files = this.files.compare(m.files);
    for (const { id, pages } of files.gone) if (m.files.find(id)?.pages !== pages) this.forgetCache(pages);
    for (const { pages } of files.fresh) this.learnCache(pages);
    const handles = this.handles.compare(m.handles);
    for (const handle of handles.gone) this.countHandle(handle, -1);
    for (const handle of handles.fresh) this.countHandle(handle, 1);
    const vmas = this.vmas.compare(m.vmas);
    const pairs: [Vma | undefined, Vma | undefined][] = vmas.fresh.map((after) => [
      vmas.gone.find(({ id }) => id === after.id),
      after,
    ]);
    for (const before of vmas.gone) {
      if (!vmas.fresh.some(({ id }) => id === before.id)) pairs.push([before, undefined]);
    }
    return pairs;
  }

  private updateProcesses(): void {
    const { gone, fresh } = this.mms.compare(this.m.mms);
    for (const { id, pgd } of gone) {
      const now = this.m.mms.find(id);
      // an interval notifier keeps the mm_struct, and with it the top table
      if (now?.alive !== true && now?.hasNotifierSubscriptions !== true) this.tables.removeProcess(pgd);
    }
    for (const { id, pgd, alive, hasNotifierSubscriptions } of fresh) {
      if (alive || hasNotifierSubscriptions) this.tables.addProcess(id, pgd);
    }
  }

  private countHandle({ call, pages }: PinHandle, by: 1 | -1): void {
    const pin = call.startsWith('pin');
    for (const pfn of pages) {
      if (pin && pfn === this.m.zeroPfn) continue;
      this.uses.hold(pfn, pin ? FOLL_PIN : FOLL_GET, by);
      if (pin) this.pins += by;
    }
  }

  // --- everything else that holds pages ----------------------------------------------------------------------------

  private updateBatches(): void {
    const { m } = this;
    for (const [pfn, holder] of this.batched) this.uses.hold(pfn, holder, -1);
    this.batched = [];
    for (let cpu = 0; cpu < m.config.cpus; cpu++) {
      for (const batch of LRU_BATCHES) {
        for (const pfn of batchPages(m, cpu, batch)) this.batched.push([pfn, LRU_BATCH]);
      }
      for (const pfn of mlockBatchPages(m, cpu)) this.batched.push([pfn, MLOCK_BATCH]);
    }
    for (const [pfn, holder] of this.batched) this.uses.hold(pfn, holder, 1);
  }

  private forgetCache(map: number): void {
    for (const pfn of this.caches.get(map)?.values() ?? []) this.uses.hold(pfn, PAGE_CACHE, -1);
    this.caches.delete(map);
  }

  private learnCache(map: number): void {
    if (this.caches.has(map)) return;
    this.caches.set(map, new Map());
    for (const index of this.m.journal.mapById(map).keys()) this.updateCache(map, index);
  }

  private updateCache(map: number, index: number): void {
    this.follow(this.caches.get(map), index, this.m.journal.mapById(map).get(index), PAGE_CACHE);
  }

  private updateSwapCache(slot: number): void {
    this.follow(this.swapCached, slot, this.m.swapCache.get(slot), SWAP_CACHE);
  }

  /** One key of a map from numbers to pages, each of which it holds. */
  private follow(
    known: Map<number, Pfn> | undefined,
    key: number,
    now: Pfn | undefined,
    holder: number,
  ): void {
    const before = known?.get(key);
    if (known === undefined || before === now) return;
    if (before !== undefined) this.uses.hold(before, holder, -1);
    if (now === undefined) {
      known.delete(key);
    } else {
      known.set(key, now);
      this.uses.hold(now, holder, 1);
    }
  }

  private updateZeroPages(): void {
    const { m } = this;
    const huge = m.scalars.get(HUGE_ZERO_PFN);
    const now = huge === 0 ? [m.zeroPfn] : [m.zeroPfn, huge - 1];
    if (now.length === this.uses.zeroPages.length && now.every((pfn, i) => pfn === this.uses.zeroPages[i]))
      return;
    for (const pfn of this.uses.zeroPages) this.uses.hold(pfn, KERNEL, -1);
    for (const pfn of now) this.uses.hold(pfn, KERNEL, 1);
    this.uses.zeroPages = now;
  }

  /** Struct pages of device memory, and system memory that TTM has. */
  private updateDriverPages(): void {
    const { m } = this;
    const hold = (pages: Pfns, holder: number, by: number): void => {
      for (const pfn of pages) this.uses.hold(pfn, holder, by);
    };
    const firstOf = (blocks: readonly Block[]): Pfns => blocks.map(({ start }) => start);
    const pgmaps = this.pgmapEntities.compare(m.pgmaps);
    for (const { memmap } of pgmaps.gone) hold(firstOf(memmap), KERNEL, -1);
    for (const { memmap } of pgmaps.fresh) hold(firstOf(memmap), KERNEL, 1);
    const bos = this.bos.compare(m.ttmBos);
    for (const { ttPages } of bos.gone) hold(ttPages, DRIVER, -1);
    for (const { ttPages } of bos.fresh) hold(ttPages, DRIVER, 1);
  }

  /** The pages of the hugetlb pools that are free. */
  private updatePools(): void {
    const { m } = this;
    const most = HSTATES.reduce((sum, h) => sum + m.scalars.get(h.total), 0);
    this.hugetlbFree.length = 0;
    for (const h of HSTATES) {
      for (let link = m.scalars.get(h.freeHead); link !== 0; link = m.pages.lruNext.get(link - 1)) {
        this.hugetlbFree.push(link - 1);
        const isHugetlb = (m.pages.flags.get(link - 1) & PG_hugetlb) !== 0;
        if (this.hugetlbFree.length > most || !isHugetlb) break;
      }
    }
  }
}
