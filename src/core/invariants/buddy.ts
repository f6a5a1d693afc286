// The page allocator between two steps: its lists are sound, and every frame of a zone is either free there or
// owned by exactly one user that the survey found.

import { pageblockMigratetype } from '../kernel/mm/page-ref.ts';
import type { Zone } from '../machine/entities.ts';
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

/** Blocks of one list; stops at the first that cannot be there. */
const blocksOf = (
  findings: Findings,
  survey: Survey,
  zone: Zone,
  migratetype: number,
  order: number,
): Block[] => {
  const { m } = survey;
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
    findings.expect(
      sound,
      'buddy',
      () => `block ${pageText(start)} does not fit list ${migratetype} of order ${order}`,
    );
    if (!sound) break;
    // larger blocks than a pageblock may be of a type that a fallback changed only in part
    findings.expect(
      pageblockMigratetype(m, start) === migratetype,
      'buddy',
      () =>
        `block ${pageText(start)} is on list ${migratetype}, its pageblock is ${pageblockMigratetype(m, start)}`,
    );
    blocks.push({ start, npages: 2 ** order, cma: migratetype === MIGRATE_CMA });
    before = link;
  }
  return blocks;
};

const checkZone = (findings: Findings, survey: Survey, zone: Zone, owned: readonly Block[]): void => {
  const { m } = survey;
  const blocks: Block[] = [];
  for (let migratetype = 0; migratetype < MIGRATETYPES; migratetype++) {
    for (let order = 0; order < ORDERS; order++)
      blocks.push(...blocksOf(findings, survey, zone, migratetype, order));
  }
  for (const region of zone.regions) {
    const taken = m.scalars.get(regionRow(region.id));
    const npages = region.end - region.start - taken;
    if (npages > 0) blocks.push({ start: region.start + taken, npages, cma: region.cma });
  }
  const count = (some: readonly Block[]): number => some.reduce((sum, block) => sum + block.npages, 0);
  const free = count(blocks);
  const freeCma = count(blocks.filter((block) => block.cma));
  const counted = m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE));
  const countedCma = m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE_CMA));
  findings.expect(
    free === counted && freeCma === countedCma,
    'buddy',
    () =>
      `zone ${zone.name}: ${free} free pages (${freeCma} CMA) in lists, ${counted} (${countedCma}) counted`,
  );
  findings.expect(
    free + count(owned) === zone.managedPages,
    'buddy',
    () =>
      `zone ${zone.name} of ${zone.managedPages}: ${free} free, ${count(owned)} owned; the others are lost`,
  );
  const all = [...blocks, ...owned].sort((a, b) => a.start - b.start);
  for (let i = 1; i < all.length; i++) {
    const [below, above] = [all[i - 1], all[i]];
    findings.expect(
      below.start + below.npages <= above.start,
      'buddy',
      () => `${pageText(above.start)} belongs to two: ${pageText(below.start)} has ${below.npages} pages`,
    );
  }
};

export const checkBuddy = (findings: Findings, survey: Survey): void => {
  const { m } = survey;
  const owned = m.zones.map((): Block[] => []);
  const own = (pfn: Pfn): void => {
    const range = m.rangeOf(pfn);
    const zone = m.zones.find(({ node, name }) => node === range?.node && name === range.zone);
    // the zero page lies in the kernel's own memory, device pages in no zone of the allocator
    if (zone === undefined || range?.kind !== 'ram' || range.reserved !== undefined) return;
    owned[zone.id].push({ start: pfn, npages: 2 ** m.pages.order.get(pfn), cma: false });
  };
  for (const pfn of survey.uses.keys()) if (survey.head(pfn) === pfn) own(pfn);
  for (const pfn of survey.hugetlbFree) own(pfn);
  for (const zone of m.zones) checkZone(findings, survey, zone, owned[zone.id]);
};
