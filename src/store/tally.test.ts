import { expect, test } from 'vitest';
import { createSimulation } from '../core/index.ts';
import { longtermPin } from '../scenarios/longterm-pin.ts';
import { Run } from '../worker/run.ts';
import { momentAt } from '../worker/views/moment.ts';
import { heldSpace, tallyRows } from './tally.ts';

const PIN_STEP = 3;

test('a long-term pin brings four pages home: VRAM 4 to 0, system 0 to 4', () => {
  const run = new Run('run', createSimulation(longtermPin.scenario));
  run.sim.runAll();
  run.indexNewSteps();
  const step = run.sim.steps[PIN_STEP];
  if (step === undefined) throw new Error('no step');
  const at = (position: number) => {
    const { residenceBefore, residence } = momentAt(run, position);
    return tallyRows(residenceBefore, residence);
  };
  expect(at(step.end)).toEqual([
    { place: 'VRAM 0', from: 4, to: 0 },
    { place: 'system', from: 0, to: 4 },
  ]);
  expect(at(step.begin + 1)).toEqual([]);
  // whichever way one comes
  expect(at(step.end)).toHaveLength(2);
});

test('space of buffer objects is told where more of it is taken than is in use, in one sum', () => {
  const device = (id: number, heldPages: number | undefined, usedPages: number) => ({
    id,
    heldPages,
    usedPages,
  });
  expect(heldSpace([device(0, undefined, 4), device(1, 16, 16)])).toBeUndefined();
  expect(heldSpace([device(0, 4096, 0)])).toEqual({ heldPages: 4096, usedPages: 0, where: 'VRAM 0' });
  expect(heldSpace([device(0, 16, 12), device(1, 16, 16), device(2, 16, 12)])).toEqual({
    heldPages: 32,
    usedPages: 24,
    where: 'VRAM on 2 devices',
  });
});
