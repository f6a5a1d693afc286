import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import type { Machine } from '../../machine/machine.ts';
import { tracedCalls } from '../../scenario/recording.ts';
import { GFP_HIGHUSER_MOVABLE, GFP_USER } from '../../uapi/gfp.ts';
import { PG_readahead, PG_uptodate } from '../../uapi/page-flags.ts';
import { NO_PFN } from '../../uapi/units.ts';
import { folioMigrateFlags } from './migrate-folio.ts';
import { allocPage, allocPages, freePages } from './page-alloc.ts';
import { folioRefAdd, setFlags } from './page-ref.ts';

it('moves 512 pages in a batch, so each huge page has a batch of its own', () => {
  const big = { proc: 'A', vma: 'big' };
  const sim = createSimulation(
    parseScenario({
      boot: 'movable',
      devices: [],
      steps: [
        { op: 'mmap', ...big, pages: 1024, prot: 'rw', kind: 'anon-private' },
        { op: 'madvise', ...big, advice: 'HUGEPAGE' },
        { op: 'write', ...big, value: 1 },
        { op: 'gup', ...big, call: 'pin_user_pages', flags: ['FOLL_LONGTERM'], as: 'pins' },
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  const pin = sim.steps[3];
  const entries = (name: string): number => tracedCalls(sim, pin).filter((call) => call === name).length;
  expect(pin.result.ret).toBe(1024);
  expect(pin.vmstat).toMatchObject({ pgmigrate_success: 1024, thp_migration_success: 2 });
  expect([entries('migrate_pages'), entries('migrate_pages_batch')]).toEqual([1, 2]);
});

it('hands the readahead marker of a page on to its copy', () => {
  const { machine: m } = createSimulation(parseScenario({ devices: [], steps: [] }));
  const [src, dst] = [allocPage(m, GFP_HIGHUSER_MOVABLE), allocPage(m, GFP_HIGHUSER_MOVABLE)];
  setFlags(m, src, PG_uptodate | PG_readahead);
  folioMigrateFlags(m, dst, src);
  expect(m.pages.flags.get(dst)).toBe(PG_uptodate | PG_readahead);
});

/** Blocks of ordinary memory, until there are no more. */
const takeAll = (m: Machine, order: number): number[] => {
  const blocks: number[] = [];
  for (let pfn = allocPages(m, GFP_USER, order); pfn !== NO_PFN; pfn = allocPages(m, GFP_USER, order))
    blocks.push(pfn);
  return blocks;
};

/** Leaves plenty of ordinary memory, but no two neighbouring blocks of 256 pages. */
const fragment = (m: Machine): void => {
  for (const pfn of takeAll(m, 8)) {
    if (pfn % 512 !== 0) continue;
    folioRefAdd(m, pfn, -1, 'allocation');
    freePages(m, pfn, 8);
  }
  takeAll(m, 9); // what the watermark held back
};

/** One written huge page in ZONE_MOVABLE, ordinary memory in pieces, then a long-term pin of its pages 3 and 4. */
const pinInFragments = (...before: readonly object[]): Simulation => {
  const big = { proc: 'A', vma: 'big' };
  const sim = createSimulation(
    parseScenario({
      boot: 'movable',
      devices: [],
      steps: [
        { op: 'mmap', ...big, pages: 512, prot: 'rw', kind: 'anon-private' },
        { op: 'madvise', ...big, advice: 'HUGEPAGE' },
        { op: 'write', ...big, page: 3, count: 2, value: 10 },
        ...before,
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  fragment(sim.machine);
  sim.runStep({
    op: 'gup',
    ...big,
    page: 3,
    count: 2,
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
    as: 'pins',
  });
  return sim;
};

it('splits a huge page that finds no huge page for its copy, and moves its pages one by one', () => {
  // migrate_pages_batch: the split counts as a failure of the huge page, the call succeeds
  const sim = pinInFragments();
  const pin = sim.steps[3];
  expect(pin.result.ret).toBe(2);
  expect(pin.vmstat).toEqual({
    pgmigrate_success: 512,
    thp_migration_fail: 1,
    thp_migration_split: 1,
    thp_split_page: 1,
    thp_split_pmd: 1,
    thp_deferred_split_page: 1,
    nr_foll_pin_acquired: 4,
    nr_foll_pin_released: 2,
  });
  const calls = tracedCalls(sim, pin);
  expect(calls.filter((name) => name === 'migrate_pages_batch').length).toBe(1);
  expect(calls.filter((name) => name === 'migrate_folio_unmap').length).toBe(1 + 512);
});

it('tries a huge page again, in pieces or whole, while somebody else holds it', () => {
  const hold = {
    op: 'gup',
    proc: 'A',
    vma: 'big',
    page: 9,
    count: 1,
    call: 'get_user_pages',
    flags: [],
    as: 'g',
  };
  const sim = pinInFragments(hold);
  const pin = sim.steps[4];
  expect(pin.result).toEqual({ ret: -1, errno: 'ENOMEM' });
  expect(pin.vmstat).toEqual({
    pgmigrate_fail: 512,
    thp_migration_fail: 1,
    thp_split_page_failed: 10,
    nr_foll_pin_acquired: 2,
    nr_foll_pin_released: 2,
  });
});
