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
