import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { Invariants } from '../../invariants/invariants.ts';
import { MIGRATE_ISOLATE, MIGRATE_MOVABLE } from '../../uapi/config.ts';
import { PAGEBLOCK_NR_PAGES, type Pfn } from '../../uapi/units.ts';
import { longtermPinnability } from './normal-page.ts';
import { pageblockMigratetype } from './page-ref.ts';
import { mappedFrame } from './page-table.ts';

const area = (op: string, more: object = {}): object => ({ op, proc: 'A', vma: 'buf', ...more });

const PIN = area('gup', { call: 'pin_user_pages_fast', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h1' });

const run = (...steps: readonly object[]): Simulation => {
  const all = [
    area('mmap', { pages: 4, prot: 'rw', kind: 'anon-private' }),
    area('write', { value: 100 }),
    ...steps,
  ];
  const sim = createSimulation(parseScenario({ devices: [], steps: all.map((step) => ({ step })) }));
  sim.runAll();
  return sim;
};

const frame = ({ machine: m }: Simulation, page = 0): Pfn => {
  const mm = m.mms.get(1);
  return mappedFrame(m, mm, (mm.areas[0]?.start ?? 0) + page);
};

it('makes a page unfit for a long-term pin, which then moves it out of the block', () => {
  const sim = run(area('isolate'));
  const { machine: m } = sim;
  const block = Math.floor(frame(sim) / PAGEBLOCK_NR_PAGES);
  expect(pageblockMigratetype(m, frame(sim))).toBe(MIGRATE_ISOLATE);
  expect(longtermPinnability(m, frame(sim))).toBe('isolate');
  sim.runStep(parseScenario({ devices: [], steps: [{ step: PIN }] }).steps[0].step);
  for (let page = 0; page < 4; page++)
    expect(Math.floor(frame(sim, page) / PAGEBLOCK_NR_PAGES)).not.toBe(block);
  expect(m.pages.refcount.get(frame(sim))).toBe(1025);
});

it('gives nothing out of the block while it is isolated, and again afterwards', () => {
  const sim = run(area('isolate'));
  const block = Math.floor(frame(sim) / PAGEBLOCK_NR_PAGES);
  sim.runStep({ op: 'mmap', proc: 'A', vma: 'more', pages: 8, prot: 'rw', kind: 'anon-private' });
  sim.runStep({ op: 'write', proc: 'A', vma: 'more', value: 1 });
  const mm = sim.machine.mms.get(1);
  const more = mappedFrame(sim.machine, mm, mm.areas[1]?.start ?? 0);
  expect(Math.floor(more / PAGEBLOCK_NR_PAGES)).not.toBe(block);
  sim.runStep({ op: 'isolate', proc: 'A', vma: 'buf', undo: true });
  expect(pageblockMigratetype(sim.machine, frame(sim))).toBe(MIGRATE_MOVABLE);
});

it('refuses a block that is isolated already, or that holds what cannot move', () => {
  const sim = run(area('isolate'), area('isolate'));
  expect(sim.steps.at(-1)?.result).toEqual({ ret: -1, errno: 'EBUSY' });
  const pinned = run(area('gup', { call: 'pin_user_pages', flags: ['FOLL_WRITE'], as: 'h1' }), {
    op: 'munmap',
    proc: 'A',
    vma: 'buf',
  });
  expect(() => pinned.runStep({ op: 'isolate', proc: 'A', vma: 'buf' })).toThrow(
    'no page of buf is in memory',
  );
});

it('keeps the allocator sound', () => {
  const sim = run();
  const invariants = new Invariants(sim);
  const found = invariants.afterBoot();
  for (const step of [
    { op: 'isolate', proc: 'A', vma: 'buf' },
    { op: 'munmap', proc: 'A', vma: 'buf', page: 2, count: 2 },
    { op: 'isolate', proc: 'A', vma: 'buf', undo: true },
    { op: 'munmap', proc: 'A', vma: 'buf' },
  ] as const) {
    found.push(...invariants.afterStep(sim.runStep(step)));
  }
  expect(found).toEqual([]);
});
