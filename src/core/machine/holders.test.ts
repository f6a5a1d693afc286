import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../index.ts';
import { holdersOf, holdersText, Ledger } from './holders.ts';

const scenario = parseScenario({
  devices: [{ id: 0, kind: 'coherent' }],
  steps: [
    { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 1, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', proc: 'A', vma: 'buf', value: 100 } },
    { step: { op: 'fork', proc: 'A', child: 'B' } },
    { step: { op: 'gup', proc: 'A', vma: 'buf', call: 'get_user_pages', flags: [], as: 'h' } },
  ],
});

test('the holders of a page are read from the log', () => {
  const sim = createSimulation(scenario);
  sim.runAll();
  const { journal, handles } = sim.machine;
  const [pfn = -1] = handles.values()[0]?.pages ?? [];
  expect(holdersText(holdersOf(journal, pfn))).toBe('page table entry 2, FOLL_GET 1');
  sim.seek(sim.steps[1]?.operationEnd ?? 0);
  expect(holdersText(holdersOf(journal, pfn))).toBe('page table entry 1, LRU batch 1');
  sim.seek(0);
  expect(holdersText(holdersOf(journal, pfn))).toBe('nobody');
});

test('a ledger gives the same in both directions, and adds up to the count', () => {
  const sim = createSimulation(scenario);
  sim.runAll();
  const { journal, handles, pages } = sim.machine;
  const [pfn = -1] = handles.values()[0]?.pages ?? [];
  const ledger = new Ledger(journal);
  for (const position of [sim.length, sim.bootEnd, sim.steps[2]?.end ?? 0, sim.steps[1]?.operationEnd ?? 0]) {
    ledger.seek(position);
    sim.seek(position);
    expect(ledger.holdersOf(pfn)).toEqual(holdersOf(journal, pfn));
    expect(ledger.sum(pfn)).toBe(pages.refcount.get(pfn));
  }
});
