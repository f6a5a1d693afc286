import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createSimulation, type Simulation } from '../../scenario/simulation.ts';
import { parseScenario } from '../../uapi/scenario.ts';
import { walkPte } from './page-table.ts';
import { entryPfn } from '../../uapi/pte.ts';
import type { Pfn } from '../../uapi/units.ts';
import {
  LRU_ACTIVE_ANON,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  lruFolios,
  lruProblems,
  lruToFolio,
  lruvecLruSize,
} from './mm-inline.ts';

const simulate = (steps: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: steps.map((step) => ({ step: { proc: 'A', ...step } })),
    }),
  );
  sim.runAll();
  return sim;
};

const pages = (sim: Simulation, count: number): Pfn[] => {
  const m = sim.machine;
  const [mm] = m.mms.values();
  const start = mm.areas[0].start;
  return Array.from({ length: count }, (_, i) => entryPfn(m.entries.get(walkPte(m, mm, start + i))));
};

const MMAP = { op: 'mmap', vma: 'buf', pages: 20, prot: 'rw', kind: 'anon-private' };
const WRITE = { op: 'write', vma: 'buf', value: 1 };

it('links new pages in front, in the order in which they came', () => {
  const sim = simulate([MMAP, WRITE]);
  const list = lruFolios(sim.machine, 0, LRU_INACTIVE_ANON);
  expect(list).toEqual(pages(sim, 20).toReversed());
  expect(lruvecLruSize(sim.machine, 0, LRU_INACTIVE_ANON)).toBe(20);
  expect(lruToFolio(sim.machine, 0, LRU_INACTIVE_ANON)).toBe(list.at(-1));
});

// machine-and-drivers.md §2.3: five lists a node, and "D pages are on no list, ever"
it('has no device page on any list', () => {
  const sim = simulate([MMAP, WRITE, { op: 'migrate_to_dev', vma: 'buf', count: 8, device: 0 }]);
  const m = sim.machine;
  expect(lruvecLruSize(m, 0, LRU_INACTIVE_ANON)).toBe(12);
  const onDevice = pages(sim, 8);
  const listed = [0, 1, 2, 3].flatMap((lru) => lruFolios(m, 0, lru));
  expect(listed.filter((pfn) => onDevice.includes(pfn))).toEqual([]);
  expect(lruProblems(m, [0])).toEqual([]);
});

it('counts locked pages as unevictable and takes them back', () => {
  const sim = simulate([MMAP, WRITE, { op: 'mlock', vma: 'buf', count: 5 }]);
  expect(lruvecLruSize(sim.machine, 0, LRU_UNEVICTABLE)).toBe(5);
  sim.runStep({ op: 'munlock', proc: 'A', vma: 'buf', count: 5 });
  expect(lruvecLruSize(sim.machine, 0, LRU_UNEVICTABLE)).toBe(0);
  expect(lruvecLruSize(sim.machine, 0, LRU_INACTIVE_ANON)).toBe(20);
});

it('lets the pages of a split huge page follow each other', () => {
  const sim = simulate([
    { op: 'mmap', vma: 'buf', pages: 512, prot: 'rw', kind: 'anon-private', align: '2M' },
    { op: 'madvise', vma: 'buf', advice: 'HUGEPAGE' },
    WRITE,
  ]);
  const m = sim.machine;
  expect(lruFolios(m, 0, LRU_INACTIVE_ANON)).toHaveLength(1);
  expect(lruvecLruSize(m, 0, LRU_INACTIVE_ANON)).toBe(512);
  sim.runStep({ op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 3, count: 1, device: 0 });
  expect(lruProblems(m, [0])).toEqual([]);
  expect(lruvecLruSize(m, 0, LRU_INACTIVE_ANON) + lruvecLruSize(m, 0, LRU_ACTIVE_ANON)).toBe(511);
});

it('keeps file pages apart, and goes back exactly', () => {
  const sim = simulate([{ op: 'mmap', vma: 'f', pages: 8, prot: 'r', kind: 'file-private' }]);
  const before = sim.length;
  sim.runStep({ op: 'read', proc: 'A', vma: 'f' });
  const m = sim.machine;
  const list = lruFolios(m, 0, LRU_INACTIVE_FILE);
  expect(list.length).toBeGreaterThanOrEqual(8);
  const end = sim.length;
  sim.seek(before);
  expect(lruFolios(m, 0, LRU_INACTIVE_FILE)).toEqual([]);
  sim.seek(end);
  expect(lruFolios(m, 0, LRU_INACTIVE_FILE)).toEqual(list);
});

const RECORDINGS = [
  'lru-advice',
  'mlock',
  'thp',
  'thp-partial-pin',
  'collapse',
  'munmap-partial',
  'file-private',
];

it.each(RECORDINGS)('holds after every step of the recording coherent-%s', (name) => {
  const file = new URL(`../../../../public/recordings/coherent-${name}.json`, import.meta.url);
  const sim = createSimulation(parseScenario(JSON.parse(readFileSync(file, 'utf8'))));
  for (const { step } of sim.scenario.steps) {
    sim.runStep(step);
    expect(lruProblems(sim.machine, [0])).toEqual([]);
  }
});
