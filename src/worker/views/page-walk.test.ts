import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { walkPte } from '../../core/kernel/mm/page-table.ts';
import { entryPfn } from '../../core/uapi/pte.ts';
import { Run } from '../run.ts';
import { pageWalkAt } from './page-walk.ts';

const runRecording = (name: string): Run => {
  const file = new URL(`../../../public/recordings/${name}.json`, import.meta.url);
  const sim = createSimulation(parseScenario(JSON.parse(readFileSync(file, 'utf8'))));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

test('the walk ends at the entry that the kernel finds, for every page at every step', () => {
  for (const name of ['coherent-longterm-pin', 'coherent-cow', 'private-exclusive', 'thp-fork']) {
    const run = runRecording(name);
    for (const { end } of run.sim.steps) {
      run.seek(end);
      const m = run.sim.machine;
      for (const mm of m.mms.values().filter(({ alive }) => alive)) {
        for (const area of mm.areas) {
          for (let vpn = area.start; vpn < area.start + Math.min(area.npages, 8); vpn++) {
            const row = walkPte(m, mm, vpn);
            const last = pageWalkAt(run, end, mm.name, vpn).levels.at(-1);
            const found = last?.entries.find(({ index }) => index === last.index);
            const entry = row < 0 ? 0 : m.entries.get(row);
            expect(found?.kind === undefined ? 'none' : found.kind !== 'none').toEqual(
              entry === 0 ? 'none' : true,
            );
            if (entry !== 0 && found !== undefined && found.pfn >= 0) expect(found.pfn).toBe(entryPfn(entry));
          }
        }
      }
    }
  }
});

test('after fork, a shared frame names the other process', () => {
  const run = runRecording('coherent-cow');
  const fork = run.sim.steps.find(({ step }) => step.op === 'fork');
  const pte = pageWalkAt(run, fork?.end ?? 0, 'A', undefined).levels.at(-1);
  expect(pte?.entries.length).toBeGreaterThan(0);
  expect(pte?.entries.every(({ sharedWith }) => sharedWith.includes('B'))).toBe(true);
});

test('a huge page stands at its own level, and the walk ends there', () => {
  const run = runRecording('thp-basic');
  const views = run.sim.steps.map(({ end }) => pageWalkAt(run, end, undefined, undefined));
  const huge = views.find(({ levels }) => levels[2]?.entries.some((entry) => entry.huge));
  expect(huge?.levels[3]?.table).toBe(-1);
});

test('a table beside the way has the entries that a walk through it meets, of the process that is asked for', () => {
  const run = runRecording('coherent-exhaustion');
  const end = run.sim.steps[1]?.end ?? 0;
  const [, , pmd] = pageWalkAt(run, end, 'A', undefined).levels;
  const beside = (pmd?.entries ?? []).filter(({ kind, index }) => kind === 'table' && index !== pmd?.index);
  expect(beside.length).toBeGreaterThan(8);
  const open = beside.slice(2, 5).map(({ vpn }) => ({ process: 'A', level: 'pmd' as const, vpn }));
  const { branches } = pageWalkAt(run, end, 'A', undefined, [
    ...open,
    ...open.map((each) => ({ ...each, process: 'B' })),
  ]);
  expect(branches.map(({ vpn }) => vpn)).toEqual(open.map(({ vpn }) => vpn));
  for (const { vpn, table } of branches) {
    const pte = pageWalkAt(run, end, 'A', vpn).levels.at(-1);
    expect(table.index).toBe(-1);
    // all of it, up to what is listed of one table
    expect(table).toEqual({ ...pte, index: -1 });
    expect(table.entries.length).toBeLessThanOrEqual(64);
  }
});

test('what is no table is not unfolded, and of very many only some', () => {
  const run = runRecording('coherent-exhaustion');
  const end = run.sim.steps[1]?.end ?? 0;
  const at = (level: 'pmd' | 'pte', vpn: number) => ({ process: 'A', level, vpn });
  expect(pageWalkAt(run, end, 'A', undefined, [at('pte', 0x7f0000000), at('pmd', 5)]).branches).toEqual([]);
  const many = Array.from({ length: 60 }, (_, i) => at('pmd', 0x7f0000000 + 512 * i));
  expect(pageWalkAt(run, end, 'A', undefined, many).branches).toHaveLength(24);
});
