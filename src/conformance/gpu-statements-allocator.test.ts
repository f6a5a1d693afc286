// Statements of machine-and-drivers.md about the page allocator and the LRU that no other test cites (§2.1 to §2.3, §7).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step, type StepRecord } from '../core/index.ts';
import { MAX_ORDER } from '../core/kernel/mm/buddy.ts';
import { migrateDeviceCoherentPage } from '../core/kernel/mm/migrate-device.ts';
import { oomBadness } from '../core/kernel/mm/oom-kill.ts';
import { allocPage, allocPages, freePages } from '../core/kernel/mm/page-alloc.ts';
import { folioGet, folioRefAdd, pageblockMigratetype, pageZone } from '../core/kernel/mm/page-ref.ts';
import { batchPages, folioMarkAccessed, lruAddDrain, PAGEVEC_SIZE } from '../core/kernel/mm/swap.ts';
import { setupPerZoneWmarks } from '../core/kernel/mm/watermarks.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { zonelist } from '../core/kernel/mm/zonelists.ts';
import { atOnce } from '../core/kernel/sched/locks.ts';
import type { Machine } from '../core/machine/machine.ts';
import { kswapdFailuresRow } from '../core/machine/scalars.ts';
import { bootMachine } from '../core/scenario/boot.ts';
import {
  DEFAULT_KERNEL,
  type MachinePresetName,
  MIGRATE_CMA,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
} from '../core/uapi/config.ts';
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_TRANSHUGE,
  GFP_USER,
} from '../core/uapi/gfp.ts';
import { EBUSY } from '../core/uapi/errno.ts';
import { PG_active, PG_lru } from '../core/uapi/page-flags.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { NO_PFN, PAGEBLOCK_NR_PAGES, type Pfn } from '../core/uapi/units.ts';
import { framesOf, gpuScenario, messagesOf, resultTexts, runChecked } from './checked-run.ts';
import { map, places, prefetch } from './svm-fixture.ts';

const boot = (preset: MachinePresetName): Machine => bootMachine(machinePreset(preset), DEFAULT_KERNEL);
const zonesOf = (m: Machine, gfp: number, node: number): string[] =>
  zonelist(m, gfp, node).map((zone) => `${zone.name}(${zone.node})`);

describe('zones and their lists (§2.1)', () => {
  test('"a node’s zonelist = all nodes in distance order", each node from its highest zone down; no HighMem, no Device', () => {
    const m = boot('lab-node');
    const normal = [0, 1, 2, 3].map((node) => `Normal(${node})`);
    expect(new Set(zonesOf(m, GFP_HIGHUSER_MOVABLE, 1))).toEqual(new Set([...normal, 'DMA32(0)', 'DMA(0)']));
    expect(zonesOf(m, GFP_HIGHUSER_MOVABLE, 1)[0]).toBe('Normal(1)');
    const own = zonesOf(m, GFP_HIGHUSER_MOVABLE, 0);
    expect(own.slice(0, 3)).toEqual(['Normal(0)', 'DMA32(0)', 'DMA(0)']);
    expect(zonesOf(boot('teaching'), GFP_HIGHUSER_MOVABLE, 0)).toEqual(['Movable(0)', 'Normal(0)']);
  });

  test('"Movable is empty unless booted with kernelcore= …": there a movable request starts at Normal', () => {
    expect(zonesOf(boot('lab-node'), GFP_HIGHUSER_MOVABLE, 2)[0]).toBe('Normal(2)');
  });

  test('"Two lists per node: FALLBACK (all nodes) and NOFALLBACK (__GFP_THISNODE)"', () => {
    const m = boot('lab-node');
    expect(zonesOf(m, GFP_HIGHUSER_MOVABLE | __GFP_THISNODE, 2)).toEqual(['Normal(2)']);
  });

  test('"Bits": GFP_HIGHUSER adds HIGHMEM to GFP_USER, GFP_HIGHUSER_MOVABLE adds MOVABLE', () => {
    expect([GFP_HIGHUSER - GFP_USER, GFP_HIGHUSER_MOVABLE - GFP_HIGHUSER]).toEqual([
      __GFP_HIGHMEM,
      __GFP_MOVABLE,
    ]);
  });

  /** Table "Which zone and which migratetype does an allocation ask for?", by the GFP column. */
  test.each<[string, number, number, string, number, boolean]>([
    ['GFP_HIGHUSER_MOVABLE', GFP_HIGHUSER_MOVABLE, 0, 'Movable', MIGRATE_MOVABLE, true],
    ['GFP_HIGHUSER', GFP_HIGHUSER, 0, 'Normal', MIGRATE_UNMOVABLE, false],
    ['GFP_USER', GFP_USER, 0, 'Normal', MIGRATE_UNMOVABLE, false],
    ['GFP_KERNEL', GFP_KERNEL, 0, 'Normal', MIGRATE_UNMOVABLE, false],
    ['GFP_TRANSHUGE, order 9', GFP_TRANSHUGE, 9, 'Movable', MIGRATE_MOVABLE, true],
  ])('%s: highest zone, migratetype, and whether CMA may serve it', (_, gfp, order, zone, type, cma) => {
    const m = boot('teaching');
    const first = allocPages(m, gfp, order);
    expect([pageZone(m, first)?.name, pageblockMigratetype(m, first)]).toEqual([zone, type]);
    const blocks = new Set<number>();
    for (let i = 0; i < 30 * 512; i++) {
      const pfn = allocPages(m, gfp & ~__GFP_DIRECT_RECLAIM, order);
      if (pfn === NO_PFN) break;
      blocks.add(pageblockMigratetype(m, pfn));
    }
    expect(blocks.has(MIGRATE_CMA)).toBe(cma);
  });
});

describe('the buddy system (§2.2)', () => {
  test('constants: MAX_ORDER 11, a PAGEBLOCK of 512 pages, PAGEVEC_SIZE 15 (§7)', () => {
    expect([MAX_ORDER, PAGEBLOCK_NR_PAGES, PAGEVEC_SIZE]).toEqual([11, 512, 15]);
    const m = boot('teaching');
    // a block of the highest order there is, aligned to its size
    expect(allocPages(m, GFP_HIGHUSER_MOVABLE, MAX_ORDER - 1) % 2 ** (MAX_ORDER - 1)).toBe(0);
  });

  /** Takes every page there is, as a task may that reclaims. */
  const takeAll = (m: Machine, gfp: number): Pfn[] => {
    m.current.memalloc = true;
    const taken: Pfn[] = [];
    for (let pfn = allocPage(m, gfp); pfn !== NO_PFN; pfn = allocPage(m, gfp)) taken.push(pfn);
    return taken;
  };
  const blockOf = (pfn: Pfn): number => Math.floor(pfn / PAGEBLOCK_NR_PAGES);
  const give = (m: Machine, pfns: readonly Pfn[]): void => {
    for (const pfn of pfns) {
      folioRefAdd(m, pfn, -1, 'allocation');
      freePages(m, pfn, 0);
    }
  };

  test('an unmovable request falls back on another migratetype, largest block first, and never on CMA', () => {
    const m = boot('teaching');
    const all = takeAll(m, GFP_HIGHUSER_MOVABLE);
    const ofNormal = all.filter((pfn) => pageZone(m, pfn)?.name === 'Normal');
    const ofType = (type: number): Pfn[] => ofNormal.filter((pfn) => pageblockMigratetype(m, pfn) === type);
    give(m, ofType(MIGRATE_CMA));
    expect(allocPage(m, GFP_USER)).toBe(NO_PFN);
    // 32 pages of one movable pageblock, all of another one
    const movable = ofType(MIGRATE_MOVABLE).toSorted((x, y) => x - y);
    const [small = 0, whole = 0] = [...new Set(movable.map(blockOf))].filter(
      (block) => movable.filter((pfn) => blockOf(pfn) === block).length === PAGEBLOCK_NR_PAGES,
    );
    give(
      m,
      movable.filter((pfn) => blockOf(pfn) === small && pfn % PAGEBLOCK_NR_PAGES < 32),
    );
    give(
      m,
      movable.filter((pfn) => blockOf(pfn) === whole),
    );
    const taken = allocPage(m, GFP_USER);
    expect([blockOf(taken), pageblockMigratetype(m, taken)]).toEqual([whole, MIGRATE_UNMOVABLE]);
  });

  test('a movable request that has used up its own blocks takes CMA before the fallback on another type', () => {
    const m = boot('teaching');
    const unmovable = blockOf(allocPage(m, GFP_USER));
    const all = takeAll(m, GFP_USER | __GFP_MOVABLE);
    const cma = all.map((pfn) => pageblockMigratetype(m, pfn) === MIGRATE_CMA);
    expect(all.findIndex((pfn) => blockOf(pfn) === unmovable)).toBeGreaterThan(cma.lastIndexOf(true));
    expect(cma.filter(Boolean)).toHaveLength(4096);
    // "use it first when more than half of the zone's free pages are CMA": 4096 of 8191, and not before
    expect(cma.indexOf(true)).toBe(all.length - 8191);
  });

  test('whole pageblocks: "any request of order ≥ pageblock_order/2 (4)"; below that a movable page comes from the smallest block', () => {
    const m = boot('teaching');
    const unmovable = Array.from({ length: 2048 }, () => allocPage(m, GFP_USER));
    takeAll(m, GFP_USER | __GFP_MOVABLE);
    const [first = 0, second = 0] = [...new Set(unmovable.map(blockOf))].filter(
      (block) => unmovable.filter((pfn) => blockOf(pfn) === block).length === PAGEBLOCK_NR_PAGES,
    );
    const single = first * PAGEBLOCK_NR_PAGES;
    const group = Array.from({ length: 16 }, (_, i) => second * PAGEBLOCK_NR_PAGES + i);
    give(m, [single, ...group.slice(0, 8)]);
    expect(allocPage(m, GFP_USER | __GFP_MOVABLE)).toBe(single);
    give(m, [single, ...group.slice(8)]);
    expect(group).toContain(allocPage(m, GFP_USER | __GFP_MOVABLE));
    // less than half of either pageblock is free or movable: it keeps its type
    expect([single, group[0] ?? 0].map((pfn) => pageblockMigratetype(m, pfn))).toEqual([
      MIGRATE_UNMOVABLE,
      MIGRATE_UNMOVABLE,
    ]);
  });

  test('watermarks: "low = min + gap; high = low + gap; promo = high + gap", gap at least a quarter of min', () => {
    const [marks] = setupPerZoneWmarks([{ node: 0, name: 'Normal', managedPages: 16_384 }], 1024);
    expect(marks).toMatchObject({ min: 256, low: 320, high: 384, promo: 448 });
  });
});

describe('the way of a request (§2.2)', { timeout: 60_000 }, () => {
  test('1. and 2.: above low without more ado; below it kswapd, then the min watermark, then reclaim; then somebody dies', () => {
    const steps: Step[] = [
      { op: 'fork', proc: 'A', child: 'B' },
      ...map(4000, 'one'),
      ...[1, 2, 3, 4].flatMap((i): Step[] => map(3000, `more${i}`, 'B')),
    ];
    const sim = createSimulation(parseScenario(gpuScenario(steps, { devices: 1 })));
    sim.runAll();
    const records = sim.steps;
    const run = { sim, records, violations: [] };
    const wakes = (record: StepRecord): number => sim.callTotals(record).get('balance_pgdat') ?? 0;
    expect(records.slice(0, 3).map(wakes)).toEqual([0, 0, 0]);
    const woken = records.findIndex((record) => wakes(record) > 0);
    const killed = records.findIndex((record) => messagesOf(run, record).includes('oom.killed'));
    expect(woken).toBeGreaterThan(2);
    expect(killed).toBeGreaterThanOrEqual(woken);
    expect(resultTexts(records)[killed]).toBe('SIGKILL');
  });

  test('2.: "wake kswapd on all candidate nodes": of both nodes that could serve the request, of one if it may take no other', () => {
    const teaching = machinePreset('teaching');
    const ranges = teaching.ranges.map((range) =>
      range.zone === 'Movable' ? { ...range, zone: 'Normal' as const, node: 1 } : range,
    );
    const m = bootMachine({ ...teaching, ranges }, DEFAULT_KERNEL);
    /** Runs of each node's kswapd, all of them fruitless, when no more is to be had. */
    const failures = (gfp: number): number[] => {
      while (allocPage(m, gfp | __GFP_RETRY_MAYFAIL) !== NO_PFN);
      return [0, 1].map((node) => m.scalars.get(kswapdFailuresRow(node)));
    };
    expect(failures(GFP_KERNEL | __GFP_THISNODE)).toEqual([16, 0]);
    expect(failures(GFP_KERNEL)).toEqual([16, 16]);
  });

  test('1.: "need free − reserve > low watermark": a zone is left at its low mark for the next one of the list', () => {
    const m = boot('teaching');
    let pfn: Pfn = NO_PFN;
    do pfn = allocPage(m, GFP_HIGHUSER_MOVABLE);
    while (pageZone(m, pfn)?.name === 'Movable');
    const movable = zoneInfo(m).find(({ name }) => name === 'Movable');
    expect([pageZone(m, pfn)?.name, movable?.free]).toEqual(['Normal', movable?.watermarks.low]);
  });

  test('3.: nobody is killed for __GFP_RETRY_MAYFAIL, for __GFP_THISNODE, or for a costly order', () => {
    for (const [gfp, order] of [
      [GFP_USER | __GFP_RETRY_MAYFAIL, 0],
      [GFP_USER | __GFP_THISNODE, 0],
      [GFP_USER, 4],
    ] as const) {
      const { sim } = runChecked(gpuScenario(map(64), { devices: 1 }));
      const { machine: m } = sim;
      while (allocPages(m, gfp, order) !== NO_PFN);
      expect(m.mms.values().map(({ alive }) => alive)).toEqual([true]);
    }
  });

  test('3. and 4.: "RSS+swap+page tables": pages in VRAM and pages that are swapped out count as those in memory', () => {
    const points = (...steps: Step[]): number | undefined => {
      const { machine: m } = runChecked(gpuScenario([...map(4), ...steps], { devices: 1, swap: 64 })).sim;
      return oomBadness(m, m.mms.get(1));
    };
    const pageOut: Step = { op: 'madvise', proc: 'A', vma: 'buf', advice: 'PAGEOUT' };
    // four pages, and a table each of PTEs, PMDs and PUDs
    expect([points(), points(prefetch(0)), points(pageOut)]).toEqual([7, 7, 7]);
  });

  test('"no system page": no system page for a long-term pin of a D page: "the page is put back, … −EBUSY"', () => {
    const run = runChecked(gpuScenario([...map(2), prefetch(0)], { devices: 1 }));
    const { machine: m } = run.sim;
    const before = framesOf(run);
    // a task that reclaims takes the last page, and nobody dies for it
    m.current.memalloc = true;
    while (allocPage(m, GFP_HIGHUSER_MOVABLE) !== NO_PFN);
    // the reference that was a pin
    const [pfn = NO_PFN] = before;
    folioGet(m, pfn, 'FOLL_GET');
    expect(atOnce(() => migrateDeviceCoherentPage(m, pfn))).toBe(-EBUSY);
    expect([framesOf(run), places(run)]).toEqual([before, '11']);
    expect(before.map((each) => m.pages.refcount.get(each))).toEqual([1, 1]);
  });

  test('NUMA: "Normal(1) below low → Normal of the nearest nodes …"; "HBM is never reached"', () => {
    const m = boot('lab-node');
    const order = zonelist(m, GFP_HIGHUSER_MOVABLE, 1).map(({ node, name }) => [node, name]);
    expect(order.slice(0, 4).map(([, name]) => name)).toEqual(['Normal', 'Normal', 'Normal', 'Normal']);
    expect(order.slice(-2)).toEqual([
      [0, 'DMA32'],
      [0, 'DMA'],
    ]);
    const small = runChecked(gpuScenario([], { devices: 1 })).sim.machine;
    const device = small.pgmaps.values()[0];
    let highest = 0;
    for (let pfn = 0; pfn !== NO_PFN; pfn = allocPage(small, GFP_HIGHUSER_MOVABLE & ~__GFP_DIRECT_RECLAIM))
      highest = Math.max(highest, pfn);
    expect(highest).toBeLessThan(device?.start ?? 0);
  });
});

describe('lists (§2.3)', { timeout: 60_000 }, () => {
  test('"through a per-CPU batch of 15": while in the batch of 15 a page "has an extra reference and PG_lru clear"', () => {
    const run = runChecked(gpuScenario(map(14)));
    const { machine: m } = run.sim;
    const seen = (): [number, boolean][] =>
      framesOf(run).map((pfn) => [m.pages.refcount.get(pfn), (m.pages.flags.get(pfn) & PG_lru) !== 0]);
    const waiting = batchPages(m, m.current.cpu, 'lruAdd');
    for (const pfn of waiting)
      expect([m.pages.refcount.get(pfn), m.pages.flags.get(pfn) & PG_lru]).toEqual([2, 0]);
    expect(waiting.length).toBeLessThan(PAGEVEC_SIZE);
    lruAddDrain(m);
    expect(seen()).toEqual(Array.from({ length: 14 }, () => [1, true]));
  });

  test('"Second access promotes to active"', () => {
    const run = runChecked(gpuScenario(map(1)));
    const { machine: m } = run.sim;
    const [page = NO_PFN] = framesOf(run);
    const active = (): boolean => {
      lruAddDrain(m);
      return (m.pages.flags.get(page) & PG_active) !== 0;
    };
    expect(active()).toBe(false);
    folioMarkAccessed(m, page);
    expect(active()).toBe(false);
    folioMarkAccessed(m, page);
    expect(active()).toBe(true);
  });
});
