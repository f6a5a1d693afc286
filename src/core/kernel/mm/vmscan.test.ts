import { expect, it } from 'vitest';
import { kswapdFailuresRow, ZONE_NR_FREE, zoneRow } from '../../machine/scalars.ts';
import { RSS_ANON, RSS_SWAP } from '../../machine/machine.ts';
import { createSimulation, type Simulation } from '../../scenario/simulation.ts';
import { EventKind, vmstatIndex } from '../../uapi/events.ts';
import { entryKind, entryPfn } from '../../uapi/pte.ts';
import { parseScenario, type Step } from '../../uapi/scenario.ts';
import { KERNEL_FUNCTIONS } from '../../uapi/source-refs.ts';
import { lruProblems } from './mm-inline.ts';
import { isZoneDevicePage } from './page-ref.ts';
import { walkPte } from './page-table.ts';
import { getNrSwapPages, swapCount } from './swapfile.ts';

const simulate = (swap: number, steps: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({
      machine: 'teaching',
      swap,
      devices: [{ id: 0, kind: 'coherent' }],
      steps: steps.map((step) => ({ step: { proc: 'A', ...step } })),
    }),
  );
  sim.runAll();
  return sim;
};

const run = (sim: Simulation, step: object) => sim.runStep({ proc: 'A', ...step } as Step).result;

/** Kinds of the entries of an area of the first process. */
const kinds = (sim: Simulation, vma: string, count: number, proc = 'A'): string => {
  const m = sim.machine;
  const mm = m.mms.values().find(({ name }) => name === proc);
  const area = mm?.areas.find(({ name }) => name === vma);
  if (mm === undefined || area === undefined) throw new Error('no such area');
  return Array.from({ length: count }, (_, i) => {
    const row = walkPte(m, mm, area.start + i);
    const entry = row < 0 ? 0 : m.entries.get(row);
    const kind = entryKind(entry);
    if (kind !== 'present') return kind[0];
    return isZoneDevicePage(m, entryPfn(entry)) ? 'D' : 'S';
  }).join('');
};

const area = (vma: string, pages: number) => ({ op: 'mmap', vma, pages, prot: 'rw', kind: 'anon-private' });
const event = (sim: Simulation, name: Parameters<typeof vmstatIndex>[0]): number =>
  sim.machine.vmstat.get(vmstatIndex(name));

it('writes ordinary pages out on MADV_PAGEOUT and leaves device pages where they are', () => {
  const sim = simulate(64, [
    area('buf', 8),
    { op: 'write', vma: 'buf', value: 100 },
    { op: 'migrate_to_dev', vma: 'buf', count: 4, device: 0 },
    { op: 'madvise', vma: 'buf', advice: 'PAGEOUT' },
  ]);
  const m = sim.machine;
  expect(kinds(sim, 'buf', 8)).toBe('DDDDssss');
  const [mm] = m.mms.values();
  expect(m.rss.get(mm.id * 4 + RSS_ANON)).toBe(4);
  expect(m.rss.get(mm.id * 4 + RSS_SWAP)).toBe(4);
  expect(getNrSwapPages(m)).toBe(60);
  expect(run(sim, { op: 'read', vma: 'buf' })).toEqual({
    ret: 8,
    values: [100, 101, 102, 103, 104, 105, 106, 107],
  });
  expect(kinds(sim, 'buf', 8)).toBe('DDDDSSSS');
  expect(getNrSwapPages(m)).toBe(64);
  expect(event(sim, 'pswpout')).toBe(4);
  expect(event(sim, 'pswpin')).toBe(4);
});

it('keeps pages without swap space', () => {
  const sim = simulate(0, [
    area('buf', 4),
    { op: 'write', vma: 'buf', value: 1 },
    { op: 'madvise', vma: 'buf', advice: 'PAGEOUT' },
  ]);
  expect(kinds(sim, 'buf', 4)).toBe('SSSS');
});

it('shares a swapped page after fork, and each process gets its own bytes', () => {
  const sim = simulate(64, [
    area('buf', 2),
    { op: 'write', vma: 'buf', value: 10 },
    { op: 'madvise', vma: 'buf', advice: 'PAGEOUT' },
    { op: 'fork', child: 'B' },
  ]);
  const m = sim.machine;
  expect(kinds(sim, 'buf', 2, 'B')).toBe('ss');
  expect(swapCount(m, 1)).toBe(2);
  run(sim, { proc: 'B', op: 'write', vma: 'buf', value: 50 });
  expect(run(sim, { op: 'read', vma: 'buf' }).values).toEqual([10, 11]);
  expect(run(sim, { proc: 'B', op: 'read', vma: 'buf' }).values).toEqual([50, 51]);
  run(sim, { proc: 'B', op: 'exit' });
  run(sim, { op: 'munmap', vma: 'buf' });
  expect(getNrSwapPages(m)).toBe(64);
});

it('migrates a page that is in the swap cache, and a device faults a swapped page in', () => {
  const sim = simulate(64, [
    area('buf', 4),
    { op: 'write', vma: 'buf', value: 7 },
    { op: 'madvise', vma: 'buf', advice: 'PAGEOUT' },
    { op: 'fork', child: 'B' },
    { op: 'read', vma: 'buf' },
    { op: 'migrate_to_dev', vma: 'buf', device: 0 },
  ]);
  expect(run(sim, { op: 'read', vma: 'buf' }).values).toEqual([7, 8, 9, 10]);
  expect(run(sim, { proc: 'B', op: 'dev_read', vma: 'buf', device: 0 }).values).toEqual([7, 8, 9, 10]);
});

// machine-and-drivers.md §2.3; scene 16 of its catalogue
it('makes room by swapping cold system pages; idle device pages stay', () => {
  const sim = simulate(16_384, [
    area('cold', 2048),
    { op: 'write', vma: 'cold', value: 1000 },
    area('dev', 512),
    { op: 'write', vma: 'dev', value: 5 },
    { op: 'migrate_to_dev', vma: 'dev', device: 0 },
    area('hot', 13_000),
  ]);
  const before = kinds(sim, 'dev', 512);
  expect(before).toBe('D'.repeat(512));
  expect(run(sim, { op: 'write', vma: 'hot', value: 1 }).ret).toBe(13_000);
  expect(kinds(sim, 'dev', 512)).toBe(before);
  expect(event(sim, 'pgsteal_kswapd')).toBeGreaterThan(0);
  expect(kinds(sim, 'cold', 2048)).toContain('s');
  expect(lruProblems(sim.machine, [0])).toEqual([]);
  const { values } = run(sim, { op: 'read', vma: 'cold' });
  expect(values?.every((value, i) => value === 1000 + i)).toBe(true);
}, 60_000);

// mm/vmscan.c: kswapd: balance_pgdat runs in the node's thread, never in the task that asks for memory
it('reclaims in a thread beside the task that asks', () => {
  const sim = simulate(16_384, [area('buf', 14_000), { op: 'write', vma: 'buf', count: 13_400, value: 1 }]);
  run(sim, { op: 'write', vma: 'buf', page: 13_400, count: 250, value: 5 });
  const { log } = sim.machine.journal;
  const { begin, operationEnd, isBig } = sim.steps[2];
  expect(isBig).toBe(false);
  const tasks = new Set<number>();
  let task = 1;
  for (let i = begin; i < operationEnd; i++) {
    if (log.kindAt(i) === EventKind.TASK) task = log.idAt(i);
    if (log.kindAt(i) !== EventKind.SPAN_BEGIN) continue;
    if (KERNEL_FUNCTIONS[log.idAt(i)].name !== 'balance_pgdat') continue;
    tasks.add(task);
    expect(log.parentAt(i)).toBe(-1);
  }
  expect([...tasks]).toEqual([2]);
  expect(event(sim, 'pgsteal_kswapd')).toBeGreaterThan(500);
  // what it has freed is above the high watermark again
  expect(event(sim, 'pgscan_direct')).toBe(0);
});

it('kills the largest process when nothing can be reclaimed, and its device pages go to the driver', () => {
  const sim = simulate(0, [
    area('small', 64),
    { op: 'write', vma: 'small', value: 1 },
    { op: 'fork', child: 'B' },
    { proc: 'B', ...area('dev', 3000) },
    { proc: 'B', op: 'write', vma: 'dev', value: 1 },
    { proc: 'B', op: 'migrate_to_dev', vma: 'dev', device: 0 },
    { proc: 'B', ...area('big', 6000) },
    { proc: 'B', op: 'write', vma: 'big', value: 1 },
    { op: 'fork', child: 'C' },
    { proc: 'C', ...area('more', 8000) },
  ]);
  const written = run(sim, { proc: 'C', op: 'write', vma: 'more', value: 1 });
  expect(written).toEqual({ ret: 8000 });
  expect(event(sim, 'oom_kill')).toBe(1);
  expect(run(sim, { proc: 'B', op: 'read', vma: 'small' })).toEqual({ ret: -1, signal: 'SIGKILL' });
  const m = sim.machine;
  const device = m.pgmaps.values()[0];
  let used = 0;
  for (let pfn = device.start; pfn < device.end; pfn++) used += m.pages.refcount.get(pfn);
  expect(used).toBe(0);
  expect(run(sim, { op: 'read', vma: 'small', count: 1 })).toEqual({ ret: 1, values: [1] });
});

it('kills the process that asks, if it is the largest', () => {
  const sim = simulate(0, [area('big', 20_000)]);
  const result = run(sim, { op: 'write', vma: 'big', value: 1 });
  expect(result.signal).toBe('SIGKILL');
  expect(sim.machine.mms.values().filter(({ alive }) => alive)).toEqual([]);
  expect(lruProblems(sim.machine, [0])).toEqual([]);
  // mm/vmscan.c: wakeup_kswapd: a node is hopeless after 16 runs that freed nothing; only direct reclaim tries on
  const [step] = sim.steps.slice(-1);
  expect(sim.machine.scalars.get(kswapdFailuresRow(0))).toBe(16);
  expect(sim.callTotals(step).get('balance_pgdat')).toBe(16);
  expect(sim.callTotals(step).get('try_to_free_pages')).toBeGreaterThan(0);
});

// mm/huge_memory.c: deferred_split_scan, called by shrink_slab when little is left: the unmapped parts of huge pages are
// free then; what is still mapped stays
it('splits huge pages of which parts are unmapped before memory ends', () => {
  const sim = simulate(0, [
    area('huge', 1024),
    { op: 'madvise', vma: 'huge', advice: 'HUGEPAGE' },
    { op: 'write', vma: 'huge', value: 100 },
    { op: 'munmap', vma: 'huge', page: 12, count: 500 },
    { op: 'madvise', vma: 'huge', page: 512, count: 500, advice: 'DONTNEED' },
  ]);
  const m = sim.machine;
  expect(event(sim, 'thp_deferred_split_page')).toBe(2);
  expect(m.deferredSplit.size).toBe(2);
  const free = m.zones.reduce((sum, zone) => sum + m.scalars.get(zoneRow(zone.id, ZONE_NR_FREE)), 0);
  // more than there is as long as the huge pages stay whole
  const wanted = free + 200;
  run(sim, area('much', wanted));
  expect(run(sim, { op: 'write', vma: 'much', value: 1 })).toEqual({ ret: wanted });
  expect(event(sim, 'thp_split_page')).toBe(2);
  expect(event(sim, 'oom_kill')).toBe(0);
  expect(m.deferredSplit.size).toBe(0);
  expect(run(sim, { op: 'read', vma: 'huge', page: 0, count: 12 }).values?.at(-1)).toBe(111);
  expect(run(sim, { op: 'read', vma: 'huge', page: 1012, count: 12 }).values?.[0]).toBe(1112);
});
