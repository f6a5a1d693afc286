// A recording of long areas is judged in slices: what the worker answers in between may move over the timeline.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../core/index.ts';
import { compareRecordingInSlices } from '../core/scenario/compare.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../public/recordings/${name}.json`, import.meta.url), 'utf8'));

test('judges 65,000 pages in parts, wherever somebody goes meanwhile', { timeout: 60_000 }, () => {
  const input = read('coherent-exhaustion') as { steps: unknown[] };
  // the first steps make the area; the others look at the same pages again and again
  const recording = { ...input, steps: input.steps.slice(0, 2) };
  const sim = createSimulation(parseScenario(recording));
  let questions = 0;
  const mayGoOn = (): boolean => sim.runningStep !== undefined || ++questions % 16 !== 0;
  const slices = compareRecordingInSlices(recording, sim, mayGoOn);
  let pauses = 0;
  let next = slices.next();
  for (; next.done !== true; next = slices.next()) if (++pauses % 8 === 0) sim.seek(sim.bootEnd);
  expect(next.value.stepsAgree).toBe(2);
  expect(next.value.differences).toEqual([]);
  // four times 128 parts at each of the two states
  expect(pauses).toBeGreaterThan(50);
});
