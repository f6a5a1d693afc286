import { expect, test } from 'vitest';
import { stepThatDrops } from './handles.ts';

const steps = [
  { end: 10, step: { op: 'unpin', proc: 'A', handle: 'h1' } },
  { end: 20, step: { op: 'gup', proc: 'A', as: 'h1' } },
  { end: 30, step: { op: 'put', proc: 'A', handle: 'h2' } },
  { end: 40, step: { op: 'concurrent', steps: [{ op: 'exit' }, { op: 'unpin', handle: 'h1' }] } },
];

test('the step that drops a handle ends behind the position, alone or among the tasks of one step', () => {
  expect(stepThatDrops(steps, 9, 'h1')).toBe(steps[0]);
  expect(stepThatDrops(steps, 10, 'h1')).toBe(steps[3]);
  expect(stepThatDrops(steps, 0, 'h2')).toBe(steps[2]);
  expect(stepThatDrops(steps, 40, 'h1')).toBeUndefined();
  expect(stepThatDrops(steps, 0, 'h3')).toBeUndefined();
});
