import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { Run } from '../run.ts';
import { momentAt } from './moment.ts';

const area = { proc: 'A', vma: 'buf' };
const failedAfter = (steps: readonly Record<string, unknown>[], position: (run: Run) => number) => {
  const sim = createSimulation(
    parseScenario({ devices: [{ id: 0, kind: 'coherent' }], steps: steps.map((step) => ({ step })) }),
  );
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  const at = position(run);
  run.seek(at);
  return momentAt(run, at).moves.filter(({ phase }) => phase === 'failed');
};
const TO_DEVICE = [
  { op: 'mmap', ...area, pages: 4, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...area, value: 1 },
  { op: 'gup', ...area, call: 'pin_user_pages_fast', as: 'h', page: 1, count: 1, flags: ['FOLL_WRITE'] },
  { op: 'migrate_to_dev', ...area, device: 0 },
];
const endOf =
  (step: number) =>
  (run: Run): number =>
    run.sim.steps[step]?.end ?? -1;

test('a page that is refused when the range is collected stays, and the map is told why', () => {
  const failed = failedAfter(TO_DEVICE, endOf(3));
  expect(failed).toMatchObject([{ dst: -1, because: 'migrate.maybe-pinned' }]);
});

test('it is told to the end of its step, not before and not after', () => {
  expect(failedAfter(TO_DEVICE, (run) => (run.sim.steps[3]?.begin ?? 0) + 1)).toEqual([]);
  const more = [...TO_DEVICE, { op: 'read', ...area }];
  expect(failedAfter(more, endOf(3))).toHaveLength(1);
  expect(failedAfter(more, endOf(4))).toEqual([]);
});

test('pages that nobody wanted have not failed', () => {
  const steps = [
    ...TO_DEVICE.slice(0, 2),
    { op: 'migrate_to_dev', ...area, device: 0 },
    { op: 'migrate_to_dev', ...area, device: 0 },
  ];
  expect(failedAfter(steps, endOf(3))).toEqual([]);
});
