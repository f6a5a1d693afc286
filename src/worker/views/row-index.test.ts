import { expect, it } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { readPlaces } from './places.ts';
import { RowIndex } from './row-index.ts';
import { rowOffsetOf } from './rows.ts';

it('finds the rows of a frame that looking at all of them finds', () => {
  const area = { proc: 'A', vma: 'buf' };
  const sim = createSimulation(
    parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { step: { op: 'mmap', ...area, pages: 6000, prot: 'rw', kind: 'anon-private' } },
        { step: { op: 'write', ...area, value: 1 } },
        { step: { op: 'migrate_to_dev', ...area, device: 0, page: 700, count: 900 } },
        { step: { op: 'fork', proc: 'A', child: 'B' } },
        { step: { op: 'write', proc: 'B', vma: 'buf', page: 3000, count: 40, value: 9 } },
      ],
    }),
  );
  sim.runAll();
  const parts = readPlaces(sim.machine);
  let part = parts.next();
  while (part.done !== true) part = parts.next();
  const rows = part.value.areas.flatMap((where) => where.rows);
  const index = new RowIndex<undefined>();
  for (const row of rows) index.add(row, undefined);
  let shared = 0;
  for (const { pfn, pfnStep, npages } of rows) {
    for (const at of [pfn - 1, pfn, pfn + pfnStep, pfn + (npages - 1) * pfnStep, pfn + npages * pfnStep]) {
      const all = rows.filter((row) => rowOffsetOf(row, at) >= 0);
      if (all.length > 1) shared++;
      expect(index.find(at).map(({ row, offset }) => [row.vpn, offset])).toEqual(
        all.map((row) => [row.vpn, rowOffsetOf(row, at)]),
      );
      expect(index.has(at)).toBe(all.length > 0);
    }
  }
  expect(shared).toBeGreaterThan(4);
});
