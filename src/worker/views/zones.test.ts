import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { Run } from '../run.ts';
import { zonesAt } from './zones.ts';

const runOf = (): Run => {
  const sim = createSimulation(
    parseScenario({
      devices: [
        { id: 0, kind: 'coherent' },
        { id: 1, kind: 'private' },
      ],
      steps: [
        { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' } },
        { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
      ],
    }),
  );
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

test('ranges come by address and do not overlap; device memory is among them', () => {
  const run = runOf();
  const { firmware } = zonesAt(run, run.sim.length);
  firmware.slice(1).forEach(({ start }, i) => expect(start).toBeGreaterThanOrEqual(firmware[i]?.end ?? 0));
  expect(new Set(firmware.map(({ kind }) => kind))).toEqual(new Set(['ram', 'soft-reserved', 'private']));
});

test('the free blocks of a zone add up to its free pages (/proc/buddyinfo), and watermarks rise', () => {
  const run = runOf();
  for (const position of [run.sim.bootEnd, run.sim.length]) {
    for (const { blocks, free, min, low, high, managed } of zonesAt(run, position).zones) {
      if (managed === 0) continue;
      const pages = blocks.flatMap(({ counts }) => counts.map((count, order) => count * 2 ** order));
      expect(pages.reduce((sum, n) => sum + n, 0)).toBe(free);
      expect(min).toBeLessThan(low);
      expect(low).toBeLessThan(high);
    }
  }
});
