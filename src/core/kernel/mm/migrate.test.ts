import { expect, it } from 'vitest';
import { createSimulation, parseScenario } from '../../index.ts';
import { tracedCalls } from '../../scenario/recording.ts';
import { GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PG_readahead, PG_uptodate } from '../../uapi/page-flags.ts';
import { folioMigrateFlags } from './migrate.ts';
import { allocPage } from './page-alloc.ts';
import { setFlags } from './page-ref.ts';

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
