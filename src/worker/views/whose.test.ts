import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { SCENES } from '../../scenarios/index.ts';
import { Run } from '../run.ts';
import { eventText } from './events.ts';
import { sceneAt } from './scene.ts';

/** What the log of a step says: sentence or function, and the page that it names. */
const said = (run: Run, step: number): string[] => {
  const record = run.sim.steps[step];
  if (record === undefined) throw new Error(`no step ${step}`);
  const { namer, tables } = sceneAt(run, record.end);
  const { log } = run.sim.machine.journal;
  const texts: string[] = [];
  for (let index = record.begin; index < record.end; index++) {
    const event = log.at(index);
    if (event.kind !== EventKind.DECISION && event.kind !== EventKind.SPAN_BEGIN) continue;
    const { id, params } = eventText(namer, tables, event);
    texts.push(id === 'event.call' ? `${params['fn']} ${params['args']}` : `${id} ${params['page'] ?? ''}`);
  }
  return texts;
};

const runOf = (scenario: Parameters<typeof createSimulation>[0]): Run => {
  const sim = createSimulation(scenario);
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

test('a kernel thread that empties VRAM of A while B waits works on the memory of A', () => {
  const scene = SCENES.find(({ name }) => name === 'ttm-evicts');
  if (scene === undefined) throw new Error('no such scene');
  const run = runOf(scene.scenario);
  const step = run.sim.scenario.steps.findIndex(
    ({ step: each }) => each.proc === 'B' && each.op === 'bo_alloc',
  );
  const moves = said(run, step).filter((text) => text.startsWith('smi.migrate-start'));
  expect(moves.length).toBeGreaterThan(0);
  for (const text of moves) expect(text).toMatch(/ A buf/);
});

test('a walk of a reverse map names each entry by the process that has it', () => {
  const area = { vma: 'buf' } as const;
  const run = runOf(
    parseScenario({
      machine: 'teaching',
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { op: 'mmap', proc: 'A', ...area, pages: 1, prot: 'rw', kind: 'anon-private' },
        { op: 'write', proc: 'A', ...area, value: 1 },
        { op: 'fork', proc: 'A', child: 'B' },
        { op: 'migrate_to_dev', proc: 'A', ...area, device: 0 },
      ].map((step) => ({ step })),
    }),
  );
  const walked = said(run, 3).filter((text) => text.startsWith('try_to_migrate_one'));
  const addresses = walked.map((text) => /address (.*)$/.exec(text)?.[1]);
  expect(new Set(addresses)).toEqual(new Set(['A buf+0', 'B buf+0']));
});
