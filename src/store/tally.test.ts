import { expect, test } from 'vitest';
import { createSimulation } from '../core/index.ts';
import { longtermPin } from '../scenarios/longterm-pin.ts';
import { Run } from '../worker/run.ts';
import { momentAt } from '../worker/views/moment.ts';
import { tallyRows } from './tally.ts';

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
