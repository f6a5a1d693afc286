// Reference zone-device-and-migration, table of the five types.

import { expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../core/index.ts';
import { entryKind, entryPfn, pteDevmap } from '../core/uapi/pte.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { pagePgmap } from '../core/kernel/mm/page-ref.ts';
import { SCENES } from './index.ts';

const run = (name: string, upTo = Number.POSITIVE_INFINITY): Simulation => {
  const scene = SCENES.find((candidate) => candidate.name === name);
  const sim = createSimulation(parseScenario(structuredClone(scene?.scenario)));
  for (const { step } of sim.scenario.steps.slice(0, upTo + 1)) sim.runStep(step);
  return sim;
};
const results = (sim: Simulation): unknown[] =>
  sim.steps.map(({ result }) => result.errno ?? result.values ?? result.cpages ?? result.ret);

/** Entry of page 0 of `buf`, and the memory behind it: `present devmap MEMORY_DEVICE_FS_DAX, 1`. */
const page = ({ machine: m }: Simulation): string => {
  const [mm] = m.mms.values();
  const area = mm?.areas.find(({ name }) => name === 'buf');
  const row = mm === undefined || area === undefined ? -1 : walkPte(m, mm, area.start);
  if (row < 0) return 'none';
  const e = m.entries.get(row);
  const pfn = entryPfn(e);
  const type = pagePgmap(m, pfn)?.type ?? 'system';
  return `${entryKind(e)}${pteDevmap(e) ? ' devmap' : ''} ${type}, ${m.pages.refcount.get(pfn)}`;
};

test('private: a short pin brings the page home', () => {
  expect(page(run('type-private', 2))).toBe('device-private MEMORY_DEVICE_PRIVATE, 1');
  expect(page(run('type-private', 3))).toBe('present system, 1025');
});

test('coherent: a short pin stays, a long one does not', () => {
  expect(page(run('type-coherent', 4))).toBe('present MEMORY_DEVICE_COHERENT, 1025');
  expect(page(run('type-coherent', 6))).toBe('present system, 1025');
});

test('FS_DAX: EOPNOTSUPP for a long-term pin, EINVAL for migrate_vma', () => {
  expect(results(run('type-fs-dax'))).toEqual([0, [0, 0, 0, 0], 4, 1, 0, 'EOPNOTSUPP', 'EINVAL', 0]);
  expect(page(run('type-fs-dax', 3))).toBe('present devmap MEMORY_DEVICE_FS_DAX, 1025');
});

test('GENERIC: a long-term pin in place outlives the mapping', () => {
  expect(results(run('type-generic'))).toEqual(['EINVAL', 0, 4, 1, 0, 1, 0, 0]);
  expect(page(run('type-generic', 5))).toBe('present devmap MEMORY_DEVICE_GENERIC, 1025');
});

test('PCI_P2PDMA: nothing to open, and one reference a page for good', () => {
  const sim = run('type-p2pdma');
  expect(results(sim)).toEqual(['ENOENT', 0, 1, 1, 0]);
  const pgmap = sim.machine.pgmaps.values().find(({ type }) => type === 'MEMORY_DEVICE_PCI_P2PDMA');
  expect(sim.machine.pages.refcount.get(pgmap?.start ?? 0)).toBe(1);
});

test('the file of a device keeps what was written, for the next who maps it', () => {
  const sim = run('type-fs-dax');
  const mmap = sim.scenario.steps[0]?.step;
  if (mmap === undefined) throw new Error('the scene has no steps');
  sim.runStep(mmap);
  expect(sim.runStep({ op: 'read', proc: 'A', vma: 'buf' }).result.values).toEqual([100, 101, 102, 103]);
});
