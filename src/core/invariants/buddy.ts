// The page allocator between two steps: its lists are sound, and every frame of a zone is either free there or
// owned by exactly one user that the survey found.

import { pageblockMigratetype } from '../kernel/mm/page-ref.ts';
import type { Zone } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import { regionRow, ZONE_FREE_LISTS, ZONE_NR_FREE, ZONE_NR_FREE_CMA, zoneRow } from '../machine/scalars.ts';
import { MIGRATE_CMA } from '../uapi/config.ts';
import { PG_buddy } from '../uapi/page-flags.ts';
import type { Pfn } from '../uapi/units.ts';
import type { Survey } from './survey.ts';
import { type Findings, pageText } from './violation.ts';

interface Block {
  readonly start: Pfn;
  readonly npages: number;
  readonly cma: boolean;
}

/** Kernel: include/linux/mmzone.h: MAX_ORDER */
const ORDERS = 11;
const MIGRATETYPES = 6;

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
    blocks.push({ start, npages: 2 ** order, cma: migratetype === MIGRATE_CMA });
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
    if (npages > 0) blocks.push({ start: region.start + taken, npages, cma: region.cma });
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
  private free: readonly Block[][] | undefined;

  constructor(private readonly m: Machine) {}

  /**
   * @param changed - a list or count of a zone was written since the last check
   */
  check(findings: Findings, survey: Survey, changed: boolean): void {
    const { m } = this;
    if (changed || this.free === undefined) {
      this.free = m.zones.map((zone) => freeBlocks(findings, m, zone));
    }
    const owned = this.ownedBlocks(survey);
    for (const zone of m.zones) {
      const [free, used] = [this.free[zone.id], owned[zone.id]];
      const sum = pagesIn(free) + pagesIn(used);
      if (sum !== zone.managedPages) {
        findings.add('buddy', `zone ${zone.name} of ${zone.managedPages}: ${sum} pages are free or owned`);
      }
      this.checkOverlap(findings, [...free, ...used]);
    }
  }

  private ownedBlocks(survey: Survey): Block[][] {
    const { m } = this;
    const owned = m.zones.map((): Block[] => []);
    const own = (pfn: Pfn): void => {
      const range = m.rangeOf(pfn);
      // the zero page lies in the kernel's own memory, device pages in no zone of the allocator
      if (range?.kind !== 'ram' || range.reserved !== undefined) return;
      const zone = m.zones.find(({ node, name }) => node === range.node && name === range.zone);
      if (zone !== undefined)
        owned[zone.id].push({ start: pfn, npages: 2 ** m.pages.order.get(pfn), cma: false });
    };
    for (const pfn of survey.uses.keys()) if (survey.head(pfn) === pfn) own(pfn);
    for (const pfn of survey.hugetlbFree) own(pfn);
    return owned;
  }

  private checkOverlap(findings: Findings, blocks: Block[]): void {
    blocks.sort((a, b) => a.start - b.start);
    for (let i = 1; i < blocks.length; i++) {
      const [below, above] = [blocks[i - 1], blocks[i]];
      if (below.start + below.npages <= above.start) continue;
      findings.add(
        'buddy',
        `${pageText(above.start)} belongs to two: ${pageText(below.start)} has ${below.npages} pages`,
      );
    }
  }
}
