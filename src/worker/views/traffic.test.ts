import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { SCENES } from '../../scenarios/index.ts';
import { Run } from '../run.ts';

const runOf = (scenario: unknown): Run => {
  const sim = createSimulation(parseScenario(structuredClone(scenario)));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};
const scene = SCENES.find(({ name }) => name === 'longterm-pin')?.scenario;
const trafficAt = (run: Run, position: number) =>
  run.traffic.at(run.sim.steps, run.stepAt(position).index, position);

describe('the traffic between banks', () => {
  const run = runOf(scene);
  const [, , toDevice, pin] = run.sim.steps;
  if (toDevice === undefined || pin === undefined) throw new Error('no steps');

  test('is nothing before anything has moved', () => {
    expect(trafficAt(run, toDevice.begin).flows).toEqual([]);
  });

  test('counts four pages out and four pages home', () => {
    const { flows, places, steps } = trafficAt(run, pin.end);
    const kind = (id: number) => places[id]?.kind;
    expect(
      flows.map(({ from, to, pages, pagesInStep }) => [kind(from), kind(to), pages, pagesInStep]),
    ).toEqual([
      ['system', 'coherent', 4, 0],
      ['coherent', 'system', 4, 4],
    ]);
    expect(steps).toEqual([
      { step: 0, toDevice: 0, toSystem: 0 },
      { step: 1, toDevice: 0, toSystem: 0 },
      { step: 2, toDevice: 4, toSystem: 0 },
      { step: 3, toDevice: 0, toSystem: 4 },
    ]);
  });

  test('grows page by page inside a step', () => {
    const seen = new Set<number>();
    for (let position = pin.begin + 1; position <= pin.end; position++)
      seen.add(trafficAt(run, position).flows.find(({ pagesInStep }) => pagesInStep > 0)?.pages ?? 0);
    expect([...seen]).toEqual([0, 1, 2, 3, 4]);
  });
});

describe.each(['coherent', 'private'])('of a big step page by page, the traffic with a %s device', (kind) => {
  const PAGES = 5000;
  const AREA = { proc: 'A', vma: 'buf' };
  const run = runOf({
    machine: 'lab-node',
    devices: [{ id: 0, kind }],
    steps: [
      { step: { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' } },
      { step: { op: 'write', ...AREA, value: 1 } },
      { step: { op: 'migrate_to_dev', ...AREA, device: 0 } },
      { step: { op: 'migrate_to_sys', ...AREA, device: 0 } },
    ],
  });

  test('counts every page out and home', () => {
    const [, , out, home] = run.sim.steps;
    expect([out?.isBig, home?.isBig]).toEqual([true, true]);
    expect(trafficAt(run, run.sim.length).steps.slice(2)).toEqual([
      { step: 2, toDevice: PAGES, toSystem: 0 },
      { step: 3, toDevice: 0, toSystem: PAGES },
    ]);
  });
});
