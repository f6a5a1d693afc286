import { expect, it } from 'vitest';
import { createSimulation, type Simulation } from '../../scenario/simulation.ts';
import type { PatchNumber } from '../../uapi/config.ts';
import { entryPfn, pteWrite } from '../../uapi/pte.ts';
import { parseScenario, type Step } from '../../uapi/scenario.ts';
import { lruProblems } from './mm-inline.ts';
import { isZoneDevicePage } from './page-ref.ts';
import { walkPte } from './page-table.ts';

const ALL: readonly PatchNumber[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

const simulate = (steps: readonly object[], patches = ALL): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: steps.map((step) => ({ step: { proc: 'A', ...step } })),
    }),
    { kernel: { patches } },
  );
  sim.runAll();
  return sim;
};

const run = (sim: Simulation, step: object) => sim.runStep({ proc: 'A', ...step } as Step).result;

const entries = (sim: Simulation): number[] => {
  const m = sim.machine;
  const [mm] = m.mms.values();
  const [area] = mm.areas;
  return Array.from({ length: area.npages }, (_, i) => m.entries.get(walkPte(m, mm, area.start + i)));
};
const frames = (sim: Simulation): number => new Set(entries(sim).map(entryPfn)).size;

/** A write gives page k the number value + k: pages 0, 1 and 2 shall be equal. */
const EQUAL = [
  { op: 'mmap', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
  { op: 'madvise', vma: 'buf', advice: 'MERGEABLE' },
  { op: 'write', vma: 'buf', page: 0, count: 1, value: 100 },
  { op: 'write', vma: 'buf', page: 1, count: 1, value: 99 },
  { op: 'write', vma: 'buf', page: 2, count: 1, value: 98 },
  { op: 'write', vma: 'buf', page: 3, count: 1, value: 7 },
];

it('merges equal pages, read-only, and copies for the next writer', () => {
  const sim = simulate(EQUAL);
  expect(run(sim, { op: 'ksm_scan', vma: 'buf' })).toEqual({ ret: 2 });
  expect(frames(sim)).toBe(2);
  expect(entries(sim).map(pteWrite)).toEqual([false, false, false, true]);
  expect(run(sim, { op: 'write', vma: 'buf', page: 1, count: 1, value: 50 }).ret).toBe(1);
  expect(run(sim, { op: 'read', vma: 'buf' }).values).toEqual([100, 51, 100, 10]);
  expect(frames(sim)).toBe(3);
  expect(run(sim, { op: 'ksm_scan', vma: 'buf' })).toEqual({ ret: 0 });
});

it('gives back own copies with MADV_UNMERGEABLE', () => {
  const sim = simulate([
    ...EQUAL,
    { op: 'ksm_scan', vma: 'buf' },
    { op: 'madvise', vma: 'buf', advice: 'UNMERGEABLE' },
  ]);
  expect(frames(sim)).toBe(4);
  expect(run(sim, { op: 'read', vma: 'buf' }).values).toEqual([100, 100, 100, 10]);
});

it('leaves areas alone that did not ask', () => {
  expect(run(simulate(EQUAL.filter(({ op }) => op !== 'madvise')), { op: 'ksm_scan', vma: 'buf' }).ret).toBe(
    0,
  );
});

it('never merges a device page, though its content is equal', () => {
  const sim = simulate([...EQUAL, { op: 'migrate_to_dev', vma: 'buf', page: 0, count: 2, device: 0 }]);
  const before = entries(sim);
  expect(run(sim, { op: 'ksm_scan', vma: 'buf' })).toEqual({ ret: 0 });
  expect(entries(sim)).toEqual(before);
});

it('merges device pages without the fourth patch: one page of the device then stands for three', () => {
  const sim = simulate(
    [...EQUAL, { op: 'migrate_to_dev', vma: 'buf', page: 0, count: 2, device: 0 }],
    ALL.filter((patch) => patch !== 4),
  );
  expect(run(sim, { op: 'ksm_scan', vma: 'buf' }).ret).toBe(2);
  const [first] = entries(sim).map(entryPfn);
  expect(isZoneDevicePage(sim.machine, first)).toBe(true);
  expect(frames(sim)).toBe(2);
});

it('finds all places of a merged page when it migrates, those of a child included', () => {
  const sim = simulate([...EQUAL, { op: 'ksm_scan', vma: 'buf' }, { op: 'fork', child: 'B' }]);
  expect(run(sim, { op: 'migrate_to_dev', vma: 'buf', page: 0, count: 1, device: 0 }).ret).toBe(0);
  expect(frames(sim)).toBe(2);
  expect(isZoneDevicePage(sim.machine, entryPfn(entries(sim)[2]))).toBe(true);
  expect(run(sim, { op: 'read', vma: 'buf' }).values).toEqual([100, 100, 100, 10]);
  expect(run(sim, { proc: 'B', op: 'write', vma: 'buf', value: 1 }).ret).toBe(4);
  expect(run(sim, { op: 'exit' }).ret).toBe(0);
  expect(run(sim, { proc: 'B', op: 'read', vma: 'buf' }).values).toEqual([1, 2, 3, 4]);
  expect(lruProblems(sim.machine, [0])).toEqual([]);
});

it('finds the places of a child whose parent has ended, before the scanner came again and after', () => {
  const sim = simulate([
    ...EQUAL,
    { op: 'ksm_scan', vma: 'buf' },
    { op: 'fork', child: 'B' },
    { op: 'fork', child: 'C' },
    { op: 'exit' },
    { proc: 'B', op: 'migrate_to_dev', vma: 'buf', page: 0, count: 1, device: 0 },
  ]);
  const ofChild = (name: string): number[] => {
    const m = sim.machine;
    const mm = m.mms.values().find((one) => one.name === name);
    return mm === undefined
      ? []
      : mm.areas
          .flatMap(({ start }) => [0, 1, 2].map((i) => walkPte(m, mm, start + i)))
          .map((row) => entryPfn(m.entries.get(row)));
  };
  const onDevice = (): boolean[] =>
    [...ofChild('B'), ...ofChild('C')].map((pfn) => isZoneDevicePage(sim.machine, pfn));
  expect(onDevice()).toEqual(Array.from({ length: 6 }, () => true));
  expect(run(sim, { proc: 'B', op: 'ksm_scan', vma: 'buf' }).ret).toBe(0);
  expect(run(sim, { proc: 'C', op: 'migrate_to_sys', vma: 'buf', device: 0 }).ret).toBe(0);
  expect(onDevice()).toEqual(Array.from({ length: 6 }, () => false));
});

it('forgets with the mapping that a device page was merged, so that its next user is found', () => {
  const sim = simulate([
    ...EQUAL,
    { op: 'ksm_scan', vma: 'buf' },
    { op: 'migrate_to_dev', vma: 'buf', page: 0, count: 1, device: 0 },
    { op: 'munmap', vma: 'buf' },
    { op: 'mmap', vma: 'next', pages: 1, prot: 'rw', kind: 'anon-private' },
    { op: 'write', vma: 'next', value: 5 },
    { op: 'migrate_to_dev', vma: 'next', device: 0 },
  ]);
  expect(run(sim, { op: 'read', vma: 'next' }).values).toEqual([5]);
  const m = sim.machine;
  const [mm] = m.mms.values();
  const next = mm.areas.find(({ name }) => name === 'next');
  expect(next && isZoneDevicePage(m, entryPfn(m.entries.get(walkPte(m, mm, next.start))))).toBe(true);
});
