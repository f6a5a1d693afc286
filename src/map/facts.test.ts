import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../core/index.ts';
import { freeBlocksWithin } from '../core/kernel/mm/buddy.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import type { MapMode } from '../store/views.ts';
import { machineInfo } from '../worker/run-info.ts';
import { Run } from '../worker/run.ts';
import { tileOf } from '../worker/views/tiles.ts';
import { cellsInView } from './cells.ts';
import { factsOf } from './facts.ts';
import { drawMoment } from './fixture.ts';
import { layOutBanks, placeOf } from './layout.ts';

const STEPS = [
  { op: 'mmap', proc: 'A', vma: 'buf', pages: 3, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc: 'A', vma: 'buf', value: 1 },
].map((step) => ({ step }));
const run = new Run(
  'run',
  createSimulation(parseScenario({ machine: 'teaching', devices: [], steps: STEPS })),
);
run.sim.runAll();
run.indexNewSteps();
run.pyramid.update(false);
const m = run.sim.machine;
const machine = machineInfo(m.config, new Set());
const [bank] = layOutBanks(machine);
const pgd = m.mms.values()[0]?.pgd ?? 0;

/** What is said of a page, or of all its pageblock. */
const said = (pfn: number, mode: MapMode, pagesPerCell: 1 | 512 = 1): string[] => {
  if (bank === undefined) throw new Error('no system memory');
  const start = pfn - (pfn % 512);
  const request = { start, cells: 512 / pagesPerCell, pagesPerCell };
  const tiles = [tileOf(run.pyramid, m, request, run.shades.reader(mode))];
  const { x, y } = placeOf(bank, pagesPerCell === 1 ? pfn : start) ?? { x: 0, y: 0 };
  const k = pagesPerCell === 1 ? 20 : 1;
  const [cell] = cellsInView(
    bank,
    { k, x: -(x + 0.2) * k, y: -(y + 0.2) * k },
    { width: k / 2, height: k / 2 },
    drawMoment({}),
    () => undefined,
  );
  if (cell === undefined) throw new Error('nothing in sight');
  return factsOf(cell, { tiles, mode, machine, processes: ['A'] });
};

test('a page says what its colour says', () => {
  expect(said(pgd, 'refcount')).toEqual(['refcount: 1']);
  expect(said(pgd, 'owner')).toEqual(['owner: in use, not mapped']);
  expect(said(pgd, 'type')).toEqual(['migratetype: Unmovable']);
  expect(said(pgd, 'node')).toEqual(['node: node 0, distance 10']);
  expect(said(pgd, 'state')).toEqual([]);
});

test('a pageblock says how many of its pages are in which class', () => {
  expect(said(pgd, 'type', 512)).toEqual(['migratetype: Unmovable: 512 pages']);
  expect(said(pgd, 'age', 512)[0]).toMatch(/^last change: in this step: \d+ pages/);
});

test('free blocks are those that the allocator counts, and a free page names its own', () => {
  const counted = zoneInfo(m)
    .flatMap(({ blocks }) => blocks)
    .reduce<number[]>((sums, counts) => counts.map((count, order) => count + (sums[order] ?? 0)), []);
  const drawn = Array.from({ length: 11 }, () => 0);
  const last = Math.max(...m.config.ranges.map(({ end }) => end));
  for (const { start } of m.config.ranges.slice(0, 1)) {
    const blocks = freeBlocksWithin(m, start, last);
    for (let at = 1; at < blocks.length; at += 2) drawn[blocks[at] ?? 0] = (drawn[blocks[at] ?? 0] ?? 0) + 1;
    expect(drawn).toEqual(counted);
    const [first = 0, order = 0] = blocks;
    expect(said(first, 'state')).toEqual([expect.stringContaining(`free block of order ${order}`)]);
  }
});
