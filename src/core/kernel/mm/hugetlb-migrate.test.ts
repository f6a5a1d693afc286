// Pages of 2 MiB of the hugetlb pool move to another node: mm/migrate.c: unmap_and_move_huge_page, mm/hugetlb.c:
// alloc_huge_page_nodemask, move_hugetlb_state. And when a long-term pin does not move them.

import { describe, expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation, type Step } from '../../index.ts';
import { EventKind } from '../../uapi/events.ts';
import { HUGETLB_FREE, HUGETLB_RESV, HUGETLB_SURPLUS, HUGETLB_TOTAL } from '../../machine/scalars.ts';
import { observeFrame } from '../../scenario/observe.ts';
import { KERNEL_MESSAGES } from '../sched/bug.ts';
import { mappedFrame } from './page-table.ts';

const area = { proc: 'A', vma: 'h' };
const first = { ...area, page: 0, count: 1 };
const mmap = (more: object = {}): object => ({
  op: 'mmap',
  ...area,
  pages: 512,
  prot: 'rw',
  kind: 'hugetlb',
  ...more,
});
const write = { op: 'write', ...area, page: 3, count: 1, value: 100 };
const move = { op: 'move_pages', ...first, node: 1 };
const where = { op: 'move_pages', ...first };
const gup = (call: string, ...flags: string[]): object => ({ op: 'gup', ...first, call, flags, as: 'g' });

/** On the lab node, whose pool is empty: every page is one beyond its size. */
const labNode = (overcommit: number, ...steps: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({ machine: 'lab-node', devices: [], overcommit, steps: steps.map((step) => ({ step })) }),
  );
  sim.runAll();
  return sim;
};

const last = (sim: Simulation) => sim.steps[sim.steps.length - 1];
const callsOfLast = (sim: Simulation): string => sim.callsOf(last(sim)).join(' ');
const pool = ({ machine: m }: Simulation): readonly number[] =>
  [HUGETLB_TOTAL, HUGETLB_FREE, HUGETLB_RESV, HUGETLB_SURPLUS].map((row) => m.scalars.get(row));
const headOf = ({ machine: m }: Simulation): number =>
  mappedFrame(m, m.mms.get(1), m.mms.get(1).areas[0]?.start ?? 0);
const MOVED =
  'migrate_pages unmap_and_move_huge_page try_to_migrate try_to_migrate_one page_remove_rmap move_to_new_folio ' +
  'migrate_folio migrate_folio_extra folio_migrate_mapping folio_migrate_copy folio_migrate_flags ' +
  'remove_migration_ptes remove_migration_pte';

describe('a page of 2 MiB on the way to another node', () => {
  // alloc_migrate_huge_page: beyond what nr_overcommit_hugepages allows; move_hugetlb_state: the old page takes the mark
  // over that it is there for the time being, and free_huge_page gives it to the page allocator
  it('is copied to one that the page allocator lends, and goes in its stead', () => {
    const before = labNode(1, mmap(), write);
    const sim = labNode(1, mmap(), write, move);
    expect(last(sim).result.nodes).toEqual(['1']);
    expect(last(sim).vmstat).toEqual({ pgmigrate_success: 512, htlb_buddy_alloc_success: 1 });
    expect(callsOfLast(sim)).toContain(`${MOVED} migrate_pages_batch`);
    expect(headOf(sim)).not.toBe(headOf(before));
    // try_to_migrate_one hands the dirty bit of the entry to the page
    expect(observeFrame(sim.machine, headOf(sim))).toEqual({
      ...observeFrame(before.machine, headOf(before)),
      flags: ['uptodate', 'dirty', 'head', 'anon', 'hugetlb'],
    });
    expect(pool(sim)).toEqual([1, 0, 0, 1]);
    sim.runStep({ op: 'read', proc: 'A', vma: 'h', page: 3, count: 1 });
    expect(last(sim).result.values).toEqual([103]);
    // the new one is as migratable as the old one was
    sim.runStep({ op: 'mbind', proc: 'A', vma: 'h', node: 0 });
    sim.runStep({ op: 'move_pages', proc: 'A', vma: 'h', page: 0, count: 1 });
    expect(last(sim).result.nodes).toEqual(['0']);
    expect(pool(sim)).toEqual([1, 0, 0, 1]);
    sim.runStep({ op: 'munmap', proc: 'A', vma: 'h' });
    expect(pool(sim)).toEqual([0, 0, 0, 0]);
  });

  // migrate_huge_page_move_mapping: the cache holds the new page; the second reference is the isolation's
  it('takes its place in the page cache along, if its mapping is shared', () => {
    const shared = mmap({ shared: true, reserve: true });
    const sim = labNode(1, shared, write, move, { op: 'read', ...area, page: 3, count: 1 });
    expect(sim.steps[2].result.nodes).toEqual(['1']);
    expect(sim.callsOf(sim.steps[2])).not.toContain('migrate_folio');
    expect(last(sim).result.values).toEqual([103]);
    expect(observeFrame(sim.machine, headOf(sim))).toMatchObject({ kind: 'hugetlb', refcount: 2 });
    sim.runStep({ op: 'munmap', proc: 'A', vma: 'h' });
    expect(pool(sim)).toEqual([0, 0, 0, 0]);
  });

  // unmap_and_move_huge_page gives -EAGAIN, which migrate_hugetlbs meets ten times; each time the lent page goes back
  it.each([
    ['get_user_pages', 2, 'a reference'],
    ['pin_user_pages', 2, 'a pin, though try_to_migrate leaves the entry in place'],
  ])('stays after ten attempts while %s holds it', (call, refcount) => {
    const sim = labNode(1, mmap(), write, gup(call, 'FOLL_WRITE'), move);
    expect(last(sim).result.ret).toBe(1);
    expect(last(sim).vmstat).toEqual({ pgmigrate_fail: 512, htlb_buddy_alloc_success: 10 });
    expect(sim.callsOf(last(sim)).filter((name) => name === 'unmap_and_move_huge_page')).toHaveLength(10);
    expect(sim.callsOf(last(sim)).filter((name) => name === 'page_remove_rmap')).toHaveLength(
      call === 'get_user_pages' ? 10 : 0,
    );
    expect(observeFrame(sim.machine, headOf(sim))).toMatchObject({ refcount, compound_mapcount: 1 });
    expect(pool(sim)).toEqual([1, 0, 0, 1]);
    sim.runStep({ op: call === 'get_user_pages' ? 'put' : 'unpin', proc: 'A', handle: 'g' });
    // folio_putback_hugetlb has made it migratable again
    sim.runStep({ op: 'move_pages', proc: 'A', vma: 'h', page: 0, count: 1, node: 1 });
    expect(last(sim).result.nodes).toEqual(['1']);
  });

  // add_page_for_migration: what others map as well stays without MPOL_MF_MOVE_ALL; a page inside does not stand for it
  it('does not leave when a child shares it, nor when asked for by another page than the first', () => {
    const sim = labNode(
      1,
      mmap(),
      write,
      { op: 'move_pages', ...area, page: 1, count: 1, node: 1 },
      { op: 'fork', proc: 'A', child: 'B' },
      move,
      where,
    );
    expect([2, 4, 5].map((n) => sim.steps[n].result.nodes)).toEqual([['EACCES'], ['EACCES'], ['0']]);
  });
});

// machine-and-drivers.md §2.1, §6.5: hugetlb in Movable or CMA; scene 31 of its catalogue
describe('a long-term pin of a page of 2 MiB that may not stay', () => {
  const PIN = ['FOLL_WRITE', 'FOLL_LONGTERM'];
  const guest = (boot: string, ...steps: readonly object[]): Simulation => {
    const sim = createSimulation(
      parseScenario({ boot, devices: [], steps: steps.map((step) => ({ step })) }),
    );
    sim.runAll();
    return sim;
  };

  const kernelLog = (sim: Simulation): string[] => {
    const { log } = sim.machine.journal;
    const events = Array.from({ length: log.length }, (_, i) => log.at(i));
    return events.filter(({ kind }) => kind === EventKind.LOG).map(({ id }) => KERNEL_MESSAGES[id]);
  };

  // follow_hugetlb_page hands FOLL_LONGTERM to try_grab_folio, which asks folio_is_longterm_pinnable: no migration
  it.each(['pin_user_pages', 'pin_user_pages_fast'])(
    'is refused by the grab of %s, with a warning',
    (call) => {
      for (const boot of ['movable', 'cma']) {
        const sim = guest(boot, mmap(), write, gup(call, ...PIN));
        expect(last(sim).result).toEqual({ ret: -1, errno: 'ENOMEM' });
        expect(sim.callsOf(last(sim))).not.toContain('migrate_pages');
        expect(kernelLog(sim)).toEqual(['hugetlb.longterm-grab-failed']);
      }
    },
  );

  it.each([
    ['get_user_pages', [1, 0]],
    ['pin_user_pages', [1, 1]],
  ] as const)('stays under %s without FOLL_LONGTERM: references and pins grow by %j', (call, grown) => {
    const sim = guest('movable', mmap(), write);
    const { machine: m } = sim;
    const head = headOf(sim);
    const counts = (): number[] => [m.pages.refcount.get(head), m.pages.compoundPincount.get(head)];
    const [refs = 0, pins = 0] = counts();
    sim.runStep(gup(call, 'FOLL_WRITE') as Step);
    expect([headOf(sim), ...counts()]).toEqual([head, refs + grown[0], pins + grown[1]]);
  });

  // dequeue_huge_page_node_exact under PF_MEMALLOC_PIN passes such pages over; then the pool is as good as empty
  it('finds no page of the pool for a first touch', () => {
    const sim = guest('movable', mmap(), gup('pin_user_pages', ...PIN), write);
    expect(sim.steps[1].result).toEqual({ ret: -1, errno: 'EFAULT' });
    expect(last(sim).result).toEqual({ ret: 1 });
  });
});
