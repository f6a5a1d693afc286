import { expect, test } from 'vitest';
import type { SelftestReport, StepInfo } from '../../store/views.ts';
import { leftOutRows, stepRows } from './rows.ts';

const step = (index: number, op: string): StepInfo => ({
  index,
  step: { op, proc: 'A' },
  begin: index * 10,
  end: index * 10 + 10,
  result: { ret: 0 },
  failed: false,
  isBig: false,
});

const selftest: SelftestReport = {
  test: 'hmm_gup_test',
  fixture: 'hmm',
  variant: 'coherent',
  ok: false,
  held: 1,
  assertions: [
    { step: 0, what: 'ret', expected: '0', found: '0', state: 'holds' },
    { step: 1, what: 'perms[2]', expected: '"w"', found: '"coherent-local:w"', state: 'differs' },
    { step: 2, what: 'ret', expected: '0', found: '', state: 'not-reached' },
  ],
  missingPatches: [],
  absentPatch: undefined,
};
const steps = [step(0, 'exit'), step(1, 'exit')];

test('a step shows what it returned, and what of a test does not hold, once it has run', () => {
  const shown = (current: number, inStep: boolean) =>
    stepRows({ steps, selftest }, current, inStep).map(({ state, result, wrong }) => [state, result, wrong]);
  expect(shown(1, true)).toEqual([
    ['done', '0', []],
    ['current', '', []],
  ]);
  expect(shown(1, false)[1]).toEqual(['current', '0', ['perms[2]: expected w, found coherent-local:w']]);
});

test('steps that were not run are listed with the reason of the first', () => {
  expect(leftOutRows([])).toBeUndefined();
  const left = { step: { op: 'exit', proc: 'B' }, reason: 'there is no living process B' };
  expect(leftOutRows([left, { ...left, reason: '' }])).toEqual({
    reason: { id: 'left-out.impossible', params: { reason: 'there is no living process B' } },
    rows: [
      { key: '0', command: 'B: exit' },
      { key: '1', command: 'B: exit' },
    ],
  });
  expect(leftOutRows([{ ...left, reason: '' }])?.reason.id).toBe('left-out.test-ended');
});
