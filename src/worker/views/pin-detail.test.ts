import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { Run } from '../run.ts';
import { pinDetailAt } from './pin-detail.ts';

const runRecording = (name: string): Run => {
  const file = new URL(`../../../public/recordings/${name}.json`, import.meta.url);
  const sim = createSimulation(parseScenario(JSON.parse(readFileSync(file, 'utf8'))));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

test('a long-term pin blocks eviction, migration and sharing, until the step that drops it', () => {
  const run = runRecording('coherent-longterm-pin');
  const gup = run.sim.steps.find(({ step }) => step.op === 'gup');
  const { held } = pinDetailAt(run, gup?.end ?? 0, 'h1');
  expect(held?.longterm).toBe(true);
  expect(held?.pages.map(({ blocks }) => blocks)).toEqual(
    Array.from({ length: 4 }, () => ['eviction', 'migration', 'sharing']),
  );
  expect(held?.pages.every(({ isLast }) => !isLast)).toBe(true);
  const drop = run.sim.steps.find(({ step }) => step.op === 'unpin');
  expect(held?.droppedIn).toBe(drop?.index ?? -1);
  expect(pinDetailAt(run, drop?.end ?? 0, 'h1').held).toBeUndefined();
});

test('the drop that is offered is a step that runs, and frees what it holds the last reference of', () => {
  const sim = createSimulation(
    parseScenario({
      devices: [],
      steps: [
        { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 2, prot: 'rw', kind: 'anon-private' } },
        { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
        {
          step: { op: 'gup', proc: 'A', vma: 'buf', call: 'pin_user_pages', flags: ['FOLL_WRITE'], as: 'h' },
        },
        { step: { op: 'munmap', proc: 'A', vma: 'buf' } },
        { step: { op: 'unpin', proc: 'A', handle: 'h' } },
      ],
    }),
  );
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  const { held } = pinDetailAt(run, run.sim.steps[3]?.end ?? 0, 'h');
  expect(held?.pages.map(({ isLast }) => isLast)).toEqual([true, true]);
  expect(held?.droppedIn).toBe(4);
  expect(held?.drop).toEqual(run.sim.steps[4]?.step);
  const frames = held?.pages.map(({ pfn }) => pfn) ?? [];
  run.seek(run.sim.length);
  for (const pfn of frames) expect(run.sim.machine.pages.refcount.get(pfn)).toBe(0);
});
