import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { GIGANTIC_FREE } from '../../machine/scalars.ts';
import { PG_anon_exclusive } from '../../uapi/page-flags.ts';
import { entryPfn, pmdLeaf, pteWrite } from '../../uapi/pte.ts';
import { GIB_PAGES, NO_ROW } from '../../uapi/units.ts';
import { testFlags } from './page-ref.ts';
import { pmdOffset, pudOffset } from './page-table.ts';

const area = { proc: 'A', vma: 'g' };
const mmap = { op: 'mmap', ...area, pages: GIB_PAGES, prot: 'rw', kind: 'hugetlb', page_size: '1G' };
const gup = (
  call: string,
  page: number,
  count: number,
  flags: readonly string[],
  as: string,
  proc = 'A',
) => ({
  op: 'gup',
  proc,
  vma: 'g',
  page,
  count,
  call,
  flags,
  as,
});

/** Runs steps on the lab node, which has set gigantic pages aside: one on each node in turn. */
const run = (gigantic: number, ...steps: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({
      machine: 'lab-node',
      gigantic,
      devices: [{ id: 0, kind: 'coherent' }],
      steps: steps.map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return sim;
};

const pudEntry = (sim: Simulation, process = 'A'): number => {
  const m = sim.machine;
  const mm = m.mms.values().find(({ name }) => name === process);
  if (mm === undefined) throw new Error(`no process ${process}`);
  const row = pudOffset(m, mm, mm.areas[0].start);
  expect(pmdOffset(m, mm, mm.areas[0].start)).toBe(NO_ROW);
  return row === NO_ROW ? 0 : m.entries.get(row);
};

it('maps a gigantic page with one PUD entry, and knows it again for the device', () => {
  const sim = run(
    1,
    mmap,
    { op: 'write', ...area, page: 700, count: 1, value: 0 },
    { op: 'write', ...area, page: GIB_PAGES - 1, count: 1, value: 0 },
    { op: 'snapshot', ...area, page: 699, count: 2, device: 0 },
    { op: 'dev_read', ...area, page: 700, count: 1, device: 0 },
  );
  const entry = pudEntry(sim);
  const m = sim.machine;
  expect(pmdLeaf(entry) && pteWrite(entry)).toBe(true);
  expect(sim.steps.map(({ vmstat }) => vmstat)).toEqual([{}, { pgfault: 1 }, {}, {}, {}]);
  expect(sim.steps[3].result).toMatchObject({ ret: 0, perms: ['w+pud', 'w+pud'] });
  expect(sim.steps[4].result).toMatchObject({ ret: 0, values: [700] });
  expect([m.pages.order.get(entryPfn(entry)), m.pages.compoundMapcount.get(entryPfn(entry))]).toEqual([
    18, 1,
  ]);
  expect(m.pages.content.get(entryPfn(entry) + 700)).toBe(700);
  expect(m.scalars.get(GIGANTIC_FREE)).toBe(0);
});

it('pins pages of a gigantic page in one go, on both ways, and keeps it from its pool until then', () => {
  const sim = run(
    1,
    mmap,
    { op: 'write', ...area, page: 0, count: 1, value: 1 },
    gup('pin_user_pages_fast', 510, 1000, ['FOLL_WRITE', 'FOLL_LONGTERM'], 'fast'),
    gup('pin_user_pages', 5, 3, ['FOLL_LONGTERM'], 'slow'),
    { op: 'munmap', ...area },
  );
  const m = sim.machine;
  const folio = m.handles.values()[0].pages[0] - 510;
  expect([sim.steps[2].result.ret, sim.steps[3].result.ret]).toEqual([1000, 3]);
  expect(sim.callsOf(sim.steps[2]).filter((name) => name.startsWith('gup_huge'))).toEqual(['gup_huge_pud']);
  expect(sim.callsOf(sim.steps[3])).toContain('follow_hugetlb_page');
  expect([m.pages.refcount.get(folio), m.pages.compoundPincount.get(folio)]).toEqual([1003, 1003]);
  expect(m.scalars.get(GIGANTIC_FREE)).toBe(0);
  sim.runStep({ op: 'unpin', proc: 'A', handle: 'fast' });
  sim.runStep({ op: 'unpin', proc: 'A', handle: 'slow' });
  expect(m.scalars.get(GIGANTIC_FREE)).toBe(1);
});

it('passes over a gigantic page that could not be kept while a long-term pin faults', () => {
  // dequeue_huge_page_node_exact with PF_MEMALLOC_PIN: the pageblock of the first page is isolated
  const sim = run(1, mmap);
  const m = sim.machine;
  const [free] = m.config.gigantic;
  m.pageblocks.set(Math.floor(free / 512), 6); // MIGRATE_ISOLATE, one more than its number
  sim.runStep(gup('pin_user_pages', 0, 1, ['FOLL_WRITE', 'FOLL_LONGTERM'], 'p') as never);
  expect(sim.steps[1].result).toEqual({ ret: -1, errno: 'EFAULT' });
  sim.runStep({ op: 'write', ...area, page: 0, count: 1, value: 1 });
  expect(sim.steps[2].result).toEqual({ ret: 1 });
  // a page that is mapped already is refused by the grab itself
  sim.runStep(gup('pin_user_pages', 0, 1, ['FOLL_WRITE', 'FOLL_LONGTERM'], 'q') as never);
  expect(sim.steps[3].result).toEqual({ ret: -1, errno: 'ENOMEM' });
});

it('shares a gigantic page at fork, copies it early when it is pinned, and on write if the pool has another', () => {
  const sim = run(
    2,
    mmap,
    { op: 'write', ...area, page: 9, count: 1, value: 1 },
    gup('pin_user_pages', 9, 1, [], 'p'),
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'write', ...area, proc: 'B', page: 9, count: 1, value: 50 },
    { op: 'exit', proc: 'B' },
    { op: 'unpin', proc: 'A', handle: 'p' },
    { op: 'fork', proc: 'A', child: 'C' },
    { op: 'write', ...area, page: 9, count: 1, value: 70 },
    { op: 'fork', proc: 'A', child: 'D' },
    { op: 'write', ...area, page: 9, count: 1, value: 90 },
  );
  const m = sim.machine;
  expect(sim.steps[4].vmstat).toEqual({}); // the child's early copy is writable
  expect(sim.steps[8].vmstat).toEqual({ pgfault: 1 });
  const [a, c] = [entryPfn(pudEntry(sim, 'A')), entryPfn(pudEntry(sim, 'C'))];
  expect([m.pages.content.get(a + 9), m.pages.content.get(c + 9)]).toEqual([79, 10]);
  expect(testFlags(m, a, PG_anon_exclusive)).toBe(false);
  // two pages in use, none left for D's sake
  expect(sim.steps[10].result).toEqual({ ret: 0, signal: 'SIGBUS', at: 0 });
});

it('unmaps, protects and moves whole gigantic pages only', () => {
  const sim = run(
    1,
    mmap,
    { op: 'write', ...area, page: 0, count: 1, value: 3 },
    { op: 'munmap', ...area, page: 0, count: 512 },
    { op: 'mprotect', ...area, page: 512, count: 512, prot: 'r' },
    { op: 'madvise', ...area, page: 512, count: 1, advice: 'DONTNEED' },
    { op: 'madvise', ...area, page: 0, count: 512, advice: 'DONTNEED' },
    { op: 'mprotect', ...area, prot: 'r' },
    { op: 'mremap', ...area, to: 'h' },
    { op: 'read', proc: 'A', vma: 'h', page: 0, count: 1 },
    { op: 'madvise', proc: 'A', vma: 'h', advice: 'DONTNEED' },
  );
  expect(sim.steps.slice(2).map(({ result }) => result)).toEqual([
    { ret: -1, errno: 'EINVAL' },
    { ret: -1, errno: 'EINVAL' },
    { ret: -1, errno: 'EINVAL' },
    { ret: 0 },
    { ret: 0 },
    { ret: 0 },
    { ret: 1, values: [3] },
    { ret: 0 },
  ]);
  expect(sim.machine.scalars.get(GIGANTIC_FREE)).toBe(1);
});

const headOf = (sim: Simulation): number => entryPfn(pudEntry(sim));
const free = (sim: Simulation): number => sim.machine.scalars.get(GIGANTIC_FREE);

// mm/migrate.c: add_page_for_migration, unmap_and_move_huge_page, alloc_huge_page_nodemask: gigantic pages come out of
// the pool or not at all; migrate_pages goes on to its batches, though nothing is left for them
it('moves to another node, if the pool has a page there', () => {
  const write = { op: 'write', ...area, page: 3, count: 1, value: 100 };
  const move = { op: 'move_pages', ...area, page: 0, count: 1, node: 1 };
  const before = run(2, mmap, write);
  const sim = run(2, mmap, write, move, { op: 'read', ...area, page: 3, count: 1 });
  expect(sim.steps[2].result.nodes).toEqual(['1']);
  expect(headOf(sim)).not.toBe(headOf(before));
  expect(sim.steps[3].result.values).toEqual([103]);
  expect(sim.steps[2].vmstat).toEqual({ pgmigrate_success: GIB_PAGES });
  expect(free(sim)).toBe(1);
  expect(testFlags(sim.machine, headOf(sim), PG_anon_exclusive)).toBe(true);
  const moved = sim.callsOf(sim.steps[2]).join(' ');
  expect(moved).toContain(
    'migrate_pages unmap_and_move_huge_page try_to_migrate try_to_migrate_one page_remove_rmap move_to_new_folio ' +
      'migrate_folio migrate_folio_extra folio_migrate_mapping folio_migrate_copy folio_migrate_flags ' +
      'remove_migration_ptes remove_migration_pte migrate_pages_batch',
  );
  const alone = run(1, mmap, write, move, { op: 'move_pages', ...area, page: 1, count: 1, node: 1 });
  expect(alone.steps[2].result).toMatchObject({ ret: -1, errno: 'ENOMEM' });
  // only the first page stands for all of them
  expect(alone.steps[3].result.nodes).toEqual(['EACCES']);
});

// mm/gup.c: try_grab_folio asks for the page that is wanted, collect_longterm_unpinnable_pages for the first one of its
// folio: that one may be in a pageblock that is to be emptied, though the other is not
it('moves before a long-term pin, if its first page may not stay', () => {
  const steps = [
    mmap,
    { op: 'write', ...area, page: 700, count: 1, value: 0 },
    { op: 'isolate', ...area, page: 0, count: 1 },
    gup('pin_user_pages', 700, 2, ['FOLL_LONGTERM', 'FOLL_WRITE'], 'h'),
  ];
  const from = headOf(run(2, ...steps.slice(0, 2)));
  const sim = run(2, ...steps);
  expect(sim.steps[3].result).toEqual({ ret: 2 });
  expect(headOf(sim)).not.toBe(from);
  expect(sim.machine.pages.content.get(headOf(sim) + 700)).toBe(700);
  expect(sim.steps[3].vmstat).toEqual({
    pgmigrate_success: GIB_PAGES,
    nr_foll_pin_acquired: 4,
    nr_foll_pin_released: 2,
  });
  const alone = run(1, ...steps);
  expect(alone.steps[3].result).toEqual({ ret: -1, errno: 'ENOMEM' });
  expect(alone.steps[3].vmstat).toMatchObject({ pgmigrate_fail: GIB_PAGES });
  expect(alone.machine.pages.refcount.get(headOf(alone))).toBe(1);
});

// mm/mempolicy.c: queue_pages_hugetlb, mbind_range: hugetlb_vm_op_split refuses to cut a page, and what was isolated is
// put back
it('moves by mbind, whole or not at all', () => {
  const write = { op: 'write', ...area, page: 3, count: 1, value: 100 };
  const sim = run(
    2,
    mmap,
    write,
    { op: 'mbind', ...area, page: 0, count: 512, node: 1 },
    { op: 'move_pages', ...area, page: 0, count: 1 },
    { op: 'mbind', ...area, node: 1 },
    { op: 'move_pages', ...area, page: 0, count: 1 },
  );
  expect(sim.steps.slice(2).map(({ result }) => result.nodes ?? result)).toEqual([
    { ret: -1, errno: 'EINVAL' },
    ['0'],
    { ret: 0 },
    ['1'],
  ]);
});
