import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { readPlaces } from './places.ts';
import type { PteRow } from '../protocol-moment.ts';

const simAfter = (pages: number, more: readonly Record<string, unknown>[]) => {
  const area = { proc: 'A', vma: 'buf' };
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { step: { op: 'mmap', ...area, pages, prot: 'rw', kind: 'anon-private' } },
        { step: { op: 'write', ...area, value: 1 } },
        ...more.map((step) => ({ step: { ...area, ...step } })),
      ],
    }),
  );
  sim.runAll();
  return sim;
};

const rowsOf = ({ machine }: ReturnType<typeof simAfter>): readonly PteRow[] => {
  const parts = readPlaces(machine);
  let part = parts.next();
  while (part.done !== true) part = parts.next();
  return part.value.areas.flatMap((where) => where.rows);
};

test('a row says what the device has for its pages: the frames of the CPU, in runs, too', () => {
  const sim = simAfter(300, [{ op: 'migrate_to_dev', device: 0, page: 100, count: 80 }]);
  const held = rowsOf(sim).filter(({ mirrors }) => mirrors.length > 0);
  expect(held.reduce((sum, { npages }) => sum + npages, 0)).toBe(80);
  for (const { pfn, mirrors } of held)
    expect(mirrors).toEqual([{ device: 0, access: 'w', pfn, isSame: true }]);
  // one entry that is out of date is enough
  const run = held.find(({ npages }) => npages > 2);
  const table = sim.machine.dmirrors.values()[0]?.pt;
  if (run === undefined || table === undefined) throw new Error('no run, or no table');
  const map = sim.machine.journal.mapById(table);
  map.set(run.vpn + 1, (map.get(run.vpn + 1) ?? 0) + 4);
  const rows = rowsOf(sim).filter(({ mirrors }) => mirrors.length > 0);
  expect(rows.filter(({ mirrors }) => mirrors[0]?.isSame === false)).toHaveLength(1);
});

test('a page that the device reads where it is stands in its row, with what the CPU may do', () => {
  const rows = rowsOf(simAfter(4, [{ op: 'dev_read', device: 0, page: 1, count: 2 }]));
  expect(rows.map(({ mirrors }) => mirrors.map(({ access }) => access).join(''))).toEqual(['', 'w', 'w', '']);
});
