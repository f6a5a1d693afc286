import { expect, it } from 'vitest';
import { createSimulation, type Simulation } from '../../scenario/simulation.ts';
import type { PatchNumber } from '../../uapi/config.ts';
import { EventKind } from '../../uapi/events.ts';
import { entryBits, entryKind, entryPfn, mkEntry, PTE_PRESENT, PTE_PROTNONE } from '../../uapi/pte.ts';
import { parseScenario, type Step } from '../../uapi/scenario.ts';
import { KERNEL_FUNCTIONS } from '../../uapi/source-refs.ts';
import { atOnce } from '../sched/locks.ts';
import { doNumaPage } from './numa.ts';
import { pageToNid } from './page-ref.ts';
import { walkPte } from './page-table.ts';

const ALL: readonly PatchNumber[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

const simulate = (steps: readonly object[], patches = ALL): Simulation => {
  const sim = createSimulation(
    parseScenario({
      machine: 'lab-node',
      devices: [
        { id: 0, kind: 'coherent' },
        { id: 1, kind: 'coherent' },
        { id: 2, kind: 'coherent' },
        { id: 3, kind: 'coherent' },
      ],
      steps: steps.map((step) => ({ step: { proc: 'A', ...step } })),
    }),
    { kernel: { patches } },
  );
  sim.runAll();
  return sim;
};

const run = (sim: Simulation, step: object) => sim.runStep({ proc: 'A', ...step } as Step).result;

/** Of each page its entry and its node: `present 3`. */
const places = (sim: Simulation): string[] => {
  const m = sim.machine;
  const [mm] = m.mms.values();
  const area = mm.areas[0];
  return Array.from({ length: area.npages }, (_, i) => {
    const entry = m.entries.get(walkPte(m, mm, area.start + i));
    return `${entryKind(entry)} ${pageToNid(m, entryPfn(entry))}`;
  });
};

const frames = (sim: Simulation): number[] => {
  const m = sim.machine;
  const [mm] = m.mms.values();
  const area = mm.areas[0];
  return Array.from({ length: area.npages }, (_, i) =>
    entryPfn(m.entries.get(walkPte(m, mm, area.start + i))),
  );
};

// two pages on node 3, two on the device of node 3
const REMOTE = [
  { op: 'mmap', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
  { op: 'write', vma: 'buf', value: 20 },
  { op: 'move_pages', vma: 'buf', node: 3 },
  { op: 'migrate_to_dev', vma: 'buf', page: 2, count: 2, device: 3 },
];

it('takes the access from remote pages only, and never from device pages', () => {
  const sim = simulate(REMOTE);
  expect(places(sim)).toEqual(['present 3', 'present 3', 'present 3', 'present 3']);
  expect(run(sim, { op: 'numa_scan', vma: 'buf' })).toEqual({ ret: 2 });
  expect(places(sim)).toEqual(['protnone 3', 'protnone 3', 'present 3', 'present 3']);
});

it('brings a page to the node that reads it, and leaves it writable', () => {
  const sim = simulate([...REMOTE, { op: 'numa_scan', vma: 'buf' }]);
  expect(run(sim, { op: 'read', vma: 'buf' })).toEqual({ ret: 4, values: [20, 21, 22, 23] });
  expect(places(sim)).toEqual(['present 0', 'present 0', 'present 3', 'present 3']);
  const before = sim.steps.length;
  expect(run(sim, { op: 'write', vma: 'buf', value: 30 }).ret).toBe(4);
  expect(sim.callsOf(sim.steps[before])).not.toContain('handle_mm_fault');
});

// machine-and-drivers.md §2.4: a hinting fault restores the entry of a device page and moves nothing
it('hints a device page for nothing without the fourth patch', () => {
  const sim = simulate(
    REMOTE,
    ALL.filter((patch) => patch !== 4),
  );
  expect(run(sim, { op: 'numa_scan', vma: 'buf' })).toEqual({ ret: 4 });
  expect(run(sim, { op: 'read', vma: 'buf' }).values).toEqual([20, 21, 22, 23]);
  // the attempt to isolate it fails: it is on no list
  expect(places(sim)).toEqual(['present 0', 'present 0', 'present 3', 'present 3']);
});

// machine-and-drivers.md §2.4, "NUMA hinting fault: if hit anyway: PTE restored, no migration"; no walk of 6.1 makes such an
// entry of a device page, so it is made by hand
it('restores the entry of a device page that was hinted, without a try to isolate it', () => {
  const sim = simulate(REMOTE);
  const m = sim.machine;
  const [mm] = m.mms.values();
  const vpn = mm.areas[0].start + 2;
  const row = walkPte(m, mm, vpn);
  const before = m.entries.get(row);
  const vma = m.vmas.values().find(({ vmStart, vmEnd }) => vmStart <= vpn && vpn < vmEnd);
  if (vma === undefined) throw new Error('no area');
  m.entries.set(row, mkEntry(entryPfn(before), (entryBits(before) & ~PTE_PRESENT) | PTE_PROTNONE));
  const begin = m.journal.log.length;
  atOnce(() => doNumaPage(m, vma, vpn, row));
  const { log } = m.journal;
  const called = Array.from({ length: log.length - begin }, (_, i) => begin + i)
    .filter((i) => log.kindAt(i) === EventKind.SPAN_BEGIN)
    .map((i) => KERNEL_FUNCTIONS[log.idAt(i)]?.name);
  expect([entryKind(m.entries.get(row)), entryPfn(m.entries.get(row))]).toEqual([
    'present',
    entryPfn(before),
  ]);
  expect(called).toContain('do_numa_page');
  expect(called).not.toContain('isolate_lru_page');
});

// machine-and-drivers.md §2.1: the target of a long-term pin's migration of an LRU page is "on the page's own node preferred"
it('moves a page for a long-term pin within its own node, not to that of the task', () => {
  const pin = {
    op: 'gup',
    vma: 'buf',
    call: 'pin_user_pages',
    flags: ['FOLL_LONGTERM', 'FOLL_WRITE'],
    as: 'h',
  };
  const sim = simulate([...REMOTE.slice(0, 3), { op: 'isolate', vma: 'buf', page: 0, count: 4 }]);
  const before = frames(sim);
  expect(run(sim, pin).ret).toBe(4);
  expect(frames(sim).filter((pfn) => before.includes(pfn))).toEqual([]);
  expect(places(sim)).toEqual(['present 3', 'present 3', 'present 3', 'present 3']);
});

it('moves ordinary pages with mbind and passes device pages over in silence', () => {
  const sim = simulate(REMOTE);
  expect(run(sim, { op: 'mbind', vma: 'buf', node: 1 })).toEqual({ ret: 0 });
  expect(places(sim)).toEqual(['present 1', 'present 1', 'present 3', 'present 3']);
  expect(run(sim, { op: 'mbind', vma: 'buf', node: 9 })).toEqual({ ret: -1, errno: 'EINVAL' });
});

it('gives a child an empty area after MADV_WIPEONFORK, and the pages after MADV_KEEPONFORK', () => {
  const sim = simulate([
    ...REMOTE,
    { op: 'madvise', vma: 'buf', advice: 'WIPEONFORK' },
    { op: 'fork', child: 'B' },
  ]);
  expect(run(sim, { proc: 'B', op: 'read', vma: 'buf' }).values).toEqual([0, 0, 0, 0]);
  run(sim, { op: 'madvise', vma: 'buf', advice: 'KEEPONFORK' });
  run(sim, { op: 'fork', child: 'C' });
  expect(run(sim, { proc: 'C', op: 'read', vma: 'buf' }).values).toEqual([20, 21, 22, 23]);
});

it('refuses MADV_WIPEONFORK for a file, and gives an area back with MADV_DOFORK', () => {
  const sim = simulate([
    { op: 'mmap', vma: 'f', pages: 4, prot: 'r', kind: 'file-private' },
    { op: 'mmap', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
    { op: 'write', vma: 'buf', value: 1 },
    { op: 'madvise', vma: 'buf', advice: 'DONTFORK' },
    { op: 'fork', child: 'B' },
  ]);
  expect(run(sim, { op: 'madvise', vma: 'f', advice: 'WIPEONFORK' }).errno).toBe('EINVAL');
  expect(run(sim, { proc: 'B', op: 'read', vma: 'buf' }).signal).toBe('SIGSEGV');
  run(sim, { op: 'madvise', vma: 'buf', advice: 'DOFORK' });
  run(sim, { op: 'fork', child: 'C' });
  expect(run(sim, { proc: 'C', op: 'read', vma: 'buf' }).ret).toBe(4);
});

it('populates for reading with the zero page, for writing with pages of its own', () => {
  const sim = simulate([{ op: 'mmap', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' }]);
  expect(run(sim, { op: 'madvise', vma: 'buf', count: 2, advice: 'POPULATE_READ' })).toEqual({ ret: 0 });
  expect(run(sim, { op: 'madvise', vma: 'buf', page: 2, count: 2, advice: 'POPULATE_WRITE' })).toEqual({
    ret: 0,
  });
  const m = sim.machine;
  const [mm] = m.mms.values();
  const zero = [0, 1, 2, 3].map(
    (i) => entryPfn(m.entries.get(walkPte(m, mm, mm.areas[0].start + i))) === m.zeroPfn,
  );
  expect(zero).toEqual([true, true, false, false]);
  run(sim, { op: 'mprotect', vma: 'buf', prot: 'r' });
  expect(run(sim, { op: 'madvise', vma: 'buf', advice: 'POPULATE_WRITE' }).errno).toBe('EINVAL');
});

// mm/mempolicy.c: queue_folios_pmd: a huge page moves whole, if its first page is mapped once; what is mapped page by
// page counts by its folio, too
it('moves huge pages whole with mbind, and leaves shared ones', () => {
  const sim = simulate([
    { op: 'mmap', vma: 'buf', pages: 1024, prot: 'rw', kind: 'anon-private', align: '2M' },
    { op: 'madvise', vma: 'buf', advice: 'HUGEPAGE' },
    { op: 'write', vma: 'buf', value: 100 },
    { op: 'mprotect', vma: 'buf', page: 1000, count: 24, prot: 'r' },
  ]);
  expect(run(sim, { op: 'mbind', vma: 'buf', node: 2 })).toEqual({ ret: 0 });
  expect(sim.steps.at(-1)?.vmstat).toMatchObject({ pgmigrate_success: 1024, thp_migration_success: 2 });
  expect(run(sim, { op: 'move_pages', vma: 'buf', page: 700, count: 1 }).nodes).toEqual(['2']);
  expect(run(sim, { op: 'read', vma: 'buf', page: 1023, count: 1 }).values).toEqual([1123]);
  run(sim, { op: 'fork', child: 'B' });
  expect(run(sim, { op: 'mbind', vma: 'buf', node: 1 })).toEqual({ ret: 0 });
  expect(run(sim, { op: 'move_pages', vma: 'buf', page: 700, count: 1 }).nodes).toEqual(['2']);
});
