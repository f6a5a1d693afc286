import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, parseStep } from '../../core/index.ts';
import { Run } from '../run.ts';
import { residenceBefore } from './moment.ts';
import { sceneAt, sceneInParts } from './scene.ts';

const PAGES = 4096;

const runOf = (): Run => {
  const sim = createSimulation(
    parseScenario({
      title: 'A scene',
      machine: 'lab-node',
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        {
          step: { op: 'mmap', proc: 'A', vma: 'buf', pages: PAGES, prot: 'rw', kind: 'anon-private' },
        },
        { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
        { step: { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 } },
      ],
    }),
  );
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

describe('a scene', () => {
  test('is read once for all that is asked about a position', () => {
    const run = runOf();
    const scene = sceneAt(run, run.sim.length);
    expect(sceneAt(run, run.sim.length)).toBe(scene);
    const before = run.sim.steps[2]?.begin ?? -1;
    const earlier = sceneAt(run, before);
    expect(earlier).not.toBe(scene);
    expect(run.sim.machine.journal.position).toBe(before);
    expect(residenceBefore(run, before)).toEqual([{ place: 'system', residence: 'system', pages: PAGES }]);
  });

  test('is not kept of a step that has not ended: another one may stand there after it was taken back', () => {
    const run = runOf();
    const { sim } = run;
    const step = parseStep({ op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 });
    const slices = sim.runStepInSlices(step, () => false);
    while (sim.reached === sim.length) if (slices.next().done === true) throw new Error('one slice');
    const inside = sim.reached;
    const scene = sceneAt(run, inside);
    expect(sceneAt(run, inside)).not.toBe(scene);
  });
});

test('a scene that one reads in parts another one can finish, and what it tells is the same', () => {
  const run = runOf();
  const positions = [run.sim.length, run.sim.steps[1]?.end ?? 0];
  for (const position of positions) {
    const parts = sceneInParts(run, position);
    for (let i = 0; i < 3; i++) expect(parts.next().done).toBe(false);
    // somebody looks elsewhere, and somebody asks for the same place
    run.seek(run.sim.bootEnd);
    const { places } = sceneAt(run, position);
    expect(parts.next()).toMatchObject({ done: true, value: { places } });
    const fresh = runOf();
    expect(JSON.stringify(sceneAt(fresh, position).places.areas)).toBe(JSON.stringify(places.areas));
  }
});
