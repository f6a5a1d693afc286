import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { PG_dirty } from '../../uapi/page-flags.ts';
import { entryPfn, pteWrite } from '../../uapi/pte.ts';
import { testFlags } from './page-ref.ts';
import { walkPte } from './page-table.ts';

const run = (...steps: readonly object[]): Simulation => {
  const sim = createSimulation(parseScenario({ devices: [], steps: steps.map((step) => ({ step })) }));
  sim.runAll();
  return sim;
};

const area = (kind: string, pages: number): object => ({
  op: 'mmap',
  proc: 'A',
  vma: 'f',
  pages,
  prot: 'rw',
  kind,
});
const read = (page: number, count: number): object => ({ op: 'read', proc: 'A', vma: 'f', page, count });

/** Entries of the first pages of the area. */
const entries = (sim: Simulation, count: number): number[] => {
  const m = sim.machine;
  const mm = m.mms.get(1);
  const start = mm.areas[0]?.start ?? 0;
  return Array.from({ length: count }, (_, i) => m.entries.get(walkPte(m, mm, start + i)));
};

it('faults twice on a cold page, then maps 16 pages at once', () => {
  const sim = run(area('file-private', 20), read(3, 1));
  expect(sim.steps[1]?.vmstat).toEqual({ pgfault: 2, pgmajfault: 1 });
  expect(entries(sim, 17).map((entry) => entry !== 0)).toEqual([...Array<boolean>(16).fill(true), false]);
});

it('reads on when the marked page is touched', () => {
  const sim = run(area('file-private', 40), read(0, 24), read(24, 1));
  expect(sim.steps[2]?.vmstat).toEqual({ pgfault: 2 });
  expect(sim.callsOf(sim.steps[2] ?? sim.steps[0]).filter((name) => name === 'folio_add_lru')).toHaveLength(
    32,
  );
});

it('maps a shared file read-only until its first write, and shared memory writable at once', () => {
  const file = run(area('file-shared', 4), read(0, 1));
  expect(entries(file, 4).some(pteWrite)).toBe(false);
  file.runStep({ op: 'write', proc: 'A', vma: 'f', page: 1, count: 1, value: 5 });
  const [, second = 0] = entries(file, 2);
  expect([pteWrite(second), testFlags(file.machine, entryPfn(second), PG_dirty)]).toEqual([true, true]);
  const shared = run(area('anon-shared', 4), read(0, 1));
  expect(pteWrite(entries(shared, 1)[0] ?? 0)).toBe(true);
});

it('stops an access behind the end of the file with SIGBUS', () => {
  const sim = run(area('file-private', 70), read(60, 10));
  expect(sim.steps[1]?.result).toEqual({ ret: 4, signal: 'SIGBUS', at: 4, values: [9060, 9061, 9062, 9063] });
});

it('frees shared memory with its last mapping, and keeps what is pinned', () => {
  const pin = {
    op: 'gup',
    proc: 'A',
    vma: 'f',
    page: 0,
    count: 1,
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE'],
    as: 'p',
  };
  const sim = run(area('anon-shared', 2), { op: 'write', proc: 'A', vma: 'f', value: 1 }, pin);
  const m = sim.machine;
  const [first, second] = entries(sim, 2).map(entryPfn);
  sim.runStep({ op: 'munmap', proc: 'A', vma: 'f' });
  expect([
    m.pages.refcount.get(first ?? 0),
    m.pages.mapping.get(first ?? 0),
    m.pages.refcount.get(second ?? 0),
  ]).toEqual([1024, 0, 0]);
});
