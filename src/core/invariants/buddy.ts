// The page allocator between two steps: its lists are sound, and every frame of a zone is either free there or
// owned by exactly one user that the survey found.

import { pageblockMigratetype } from '../kernel/mm/page-ref.ts';
import type { Zone } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import { regionRow, ZONE_FREE_LISTS, ZONE_NR_FREE, ZONE_NR_FREE_CMA, zoneRow } from '../machine/scalars.ts';
import { MIGRATE_CMA } from '../uapi/config.ts';
import { PG_buddy } from '../uapi/page-flags.ts';
import type { Pfn } from '../uapi/units.ts';
import type { Census } from './census.ts';
import type { Survey } from './survey.ts';
import { type Findings, pageText } from './violation.ts';

interface Block {
  readonly start: Pfn;
  readonly npages: number;
  readonly cma: boolean;
  /** On a list of the allocator; otherwise the part of a region that was never handed out. */
  readonly listed: boolean;
}

/** Kernel: include/linux/mmzone.h: MAX_ORDER */
const ORDERS = 11;
const MIGRATETYPES = 6;

const blockKey = ({ start, npages }: Block): string => `${start} ${npages}`;

const pagesIn = (blocks: readonly Block[]): number => blocks.reduce((sum, { npages }) => sum + npages, 0);

/** Blocks of one list; stops at the first that cannot be there. */
const blocksOf = (
  findings: Findings,
  m: Machine,
  zone: Zone,
  migratetype: number,
  order: number,
): Block[] => {
  const blocks: Block[] = [];
  const row = zoneRow(zone.id, ZONE_FREE_LISTS + migratetype * ORDERS + order);
  let before = 0;
  for (let link = m.scalars.get(row); link !== 0; link = m.pages.lruNext.get(link - 1)) {
    const start = link - 1;
    const sound =
      (m.pages.flags.get(start) & PG_buddy) !== 0 &&
      m.pages.private.get(start) === order &&
      m.pages.lruPrev.get(start) === before &&
      start % 2 ** order === 0 &&
      zone.regions.some((region) => start >= region.start && start + 2 ** order <= region.end);
    if (!sound) {
      findings.add('buddy', `block ${pageText(start)} does not fit list ${migratetype} of order ${order}`);
      break;
    }
    const actual = pageblockMigratetype(m, start);
    if (actual !== migratetype) {
      findings.add('buddy', `block ${pageText(start)} is on list ${migratetype}, its pageblock is ${actual}`);
    }
    blocks.push({ start, npages: 2 ** order, cma: migratetype === MIGRATE_CMA, listed: true });
    before = link;
  }
  return blocks;
};

/** All free blocks of a zone, those that were never touched included; their numbers are checked. */
const freeBlocks = (findings: Findings, m: Machine, zone: Zone): Block[] => {
  const blocks: Block[] = [];
  for (let migratetype = 0; migratetype < MIGRATETYPES; migratetype++) {
    for (let order = 0; order < ORDERS; order++) {
      blocks.push(...blocksOf(findings, m, zone, migratetype, order));
    }
  }
  for (const region of zone.regions) {
    const taken = m.scalars.get(regionRow(region.id));
    const npages = region.end - region.start - taken;
    if (npages > 0) blocks.push({ start: region.start + taken, npages, cma: region.cma, listed: false });
  }
  const free = pagesIn(blocks);
  const freeCma = pagesIn(blocks.filter(({ cma }) => cma));
  const counted = m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE));
  const countedCma = m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE_CMA));
  if (free !== counted || freeCma !== countedCma) {
    findings.add(
      'buddy',
      `zone ${zone.name}: ${free} free pages (${freeCma} CMA) in lists, ${counted} (${countedCma}) counted`,
    );
  }
  return blocks;
};

/** Checks the allocator; walks its lists only when they may have changed. */
export class BuddyChecker {
  /** By zone, and all of them by address. */
  private free: readonly Block[][] = [];
  private sorted: readonly Block[] = [];

  constructor(
    private readonly survey: Survey,
    private readonly census: Census,
  ) {}

  /**
   * @param changed - a list or count of a zone was written since the last check
   * @param pages - pages that were written or are referred to in another way
   */
  check(findings: Findings, changed: boolean, pages: ReadonlySet<Pfn>): void {
    const { m } = this.survey;
    if (changed) this.walk(findings);
    const pool = m.zones.map(() => 0);
    for (const pfn of this.survey.hugetlbFree) {
      const zone = this.census.zoneOf(pfn);
      if (zone >= 0) pool[zone] += this.survey.folioPages(pfn);
    }
    for (const { id, name, managedPages } of m.zones) {
      const sum = pagesIn(this.free[id]) + this.census.zonePages[id] + pool[id];
      if (sum !== managedPages) {
        findings.add('buddy', `zone ${name} of ${managedPages}: ${sum} pages are free or owned`);
      }
    }
    for (const pfn of this.survey.hugetlbFree) this.checkOwned(findings, pfn, this.survey.folioPages(pfn));
    for (const pfn of pages) {
      const folio = this.census.folios.get(pfn);
      if (folio !== undefined && folio.zone >= 0) this.checkOwned(findings, pfn, folio.npages);
    }
  }

  private walk(findings: Findings): void {
    const { m } = this.survey;
    const before = new Set(this.sorted.map(blockKey));
    this.free = m.zones.map((zone) => freeBlocks(findings, m, zone));
    this.sorted = this.free.flat().toSorted((a, b) => a.start - b.start);
    for (const [i, block] of this.sorted.entries()) {
      const below = this.sorted[i - 1];
      if (below !== undefined && below.start + below.npages > block.start) {
        findings.add('buddy', `${pageText(block.start)} is in two free blocks`);
      }
      if (!before.has(blockKey(block))) this.checkFree(findings, block);
    }
  }

  /** No page of a block that is new in the lists is in use. */
  private checkFree(findings: Findings, { start, npages, listed }: Block): void {
    // what was never handed out has no struct page that anybody wrote: who uses it is looked at by its own
    if (!listed) return;
    const { folios } = this.census;
    const inside = (pfn: Pfn): boolean => pfn >= start && pfn < start + npages;
    const used =
      npages < folios.size
        ? Array.from({ length: npages }, (_, i) => start + i).find((pfn) => folios.has(pfn))
        : [...folios.keys()].find(inside);
    const head = this.survey.head(start);
    if (used !== undefined || head !== start) {
      findings.add('buddy', `${pageText(used ?? head)} is in use and in the free block ${pageText(start)}`);
    }
  }

  private checkOwned(findings: Findings, pfn: Pfn, npages: number): void {
    const { sorted } = this;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle].start + sorted[middle].npages <= pfn) low = middle + 1;
      else high = middle;
    }
    const block = sorted[low];
    if (block !== undefined && block.start < pfn + npages) {
      findings.add('buddy', `${pageText(pfn)} is in use and in the free block ${pageText(block.start)}`);
    }
  }
}
