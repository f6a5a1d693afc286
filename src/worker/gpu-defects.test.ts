// A fault of Linux itself that a step runs into is told in plain words, with the function and with what to do instead.

import { expect, test } from 'vitest';
import { Session } from './session.ts';
import { say } from '../words/index.ts';

const A = { proc: 'A', vma: 'buf' } as const;
const to = (loc: number | 'system') => ({ op: 'svm_attr', ...A, attrs: [{ type: 'PREFETCH_LOC', loc }] });
const STEPS = [
  { op: 'mmap', ...A, pages: 4, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...A, value: 1 },
  to(0),
  { op: 'fork', proc: 'A', child: 'B' },
  { op: 'write', ...A, value: 2 },
  to('system'),
];
const scenarioOf = (steps: readonly unknown[]) => ({
  machine: 'teaching',
  gpu: {},
  devices: [{ id: 0, kind: 'coherent' }],
  steps: steps.map((step) => ({ step })),
});

test('the words name the defect; the place is the step; what was there before stays', () => {
  const session = new Session();
  const open = (steps: readonly unknown[]) =>
    session.handle({ kind: 'open', id: 1, runId: 'r', scenario: scenarioOf(steps) });
  const failed = open([...STEPS, to(0)]);
  if (failed?.kind !== 'failed') throw new Error(failed?.kind);
  expect(failed.place).toBe('steps[6].step.op');
  const text = say(failed.message);
  expect(text).toContain('Linux 6.1 itself goes wrong at the step svm_attr');
  expect(text).toContain('svm_migrate_get_vram_page');
  expect(text).toContain('let the other process exit');
  expect(open(STEPS)?.kind).toBe('opened');
});
