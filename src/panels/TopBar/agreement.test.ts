import { expect, test } from 'vitest';
import type { Agreement, SelftestReport } from '../../store/views.ts';
import { assertionSteps, badgeOf, differenceRows } from './agreement.ts';

const agreement = (more: Partial<Agreement>): Agreement => ({
  kind: 'agrees',
  kernel: '6.1.192',
  stepsAgree: 7,
  stepsTotal: 7,
  callOrderAgree: 7,
  callOrderTotal: 7,
  differences: [],
  callDifferences: [],
  ...more,
});

test('the badge says in how many steps the run agrees, or that nothing was recorded', () => {
  expect(badgeOf({ agreement: agreement({}), selftest: undefined })).toMatchObject({
    text: 'agrees with Linux 6.1.192 in 7 of 7 steps',
    steps: ' in 7 of 7 steps',
  });
  expect(
    badgeOf({ agreement: agreement({ kind: 'differs', stepsAgree: 5 }), selftest: undefined }).text,
  ).toBe('differs from Linux 6.1.192 in 2 of 7 steps');
  expect(badgeOf({ agreement: agreement({ kind: 'nothing-recorded' }), selftest: undefined }).text).toBe(
    'run not recorded',
  );
});

test('differences are listed, but not without end', () => {
  const one = { step: 3, path: 'state.frames.f3.refcount', kernel: '1', ours: '2' };
  expect(differenceRows(agreement({ differences: Array.from({ length: 1000 }, () => one) }))).toHaveLength(
    200,
  );
});

test('a run on another kernel is never said to agree or to differ', () => {
  const reason = { id: 'agreement.kernel', params: { patches: '1-5,7-14', off: '', followPage: 'v6.1' } };
  const nothing = agreement({ kind: 'nothing-recorded', reason });
  expect(badgeOf({ agreement: nothing, selftest: undefined })).toEqual({
    kind: 'nothing-recorded',
    icon: 'unknown',
    text: 'kernel not recorded',
    steps: '',
  });
});

const report = (more: Partial<SelftestReport>): SelftestReport => ({
  test: 'migrate',
  fixture: 'hmm',
  variant: 'private',
  ok: true,
  held: 2,
  assertions: [
    { step: 0, what: 'ret', expected: '0', found: '0', state: 'holds' },
    { step: 1, what: 'perms[2]', expected: '"w"', found: '"coherent-local:w"', state: 'holds' },
  ],
  missingPatches: [],
  absentPatch: undefined,
  ...more,
});

test.each([
  [{}, 'agrees', 'selftest passes: all 2 assertions hold'],
  [{ ok: false, held: 1 }, 'differs', 'selftest fails: 1 of 2 assertions hold'],
  [{ ok: false, absentPatch: 14 as const }, 'nothing-recorded', 'no such selftest on this kernel'],
])('a selftest is judged by its assertions: %j is %s', (more, kind, text) => {
  expect(badgeOf({ agreement: agreement({}), selftest: report(more) })).toMatchObject({ kind, text });
});

test('assertions stand under the step that makes them, also where the test ended before', () => {
  const step = (index: number, op: string) => ({
    index,
    step: { op },
    begin: 0,
    end: 0,
    result: {},
    failed: false,
    isBig: false,
  });
  const selftest = report({
    ok: false,
    assertions: [
      { step: 1, what: 'perms[2]', expected: '"w"', found: '"coherent-local:w"', state: 'differs' },
      { step: 2, what: 'ret', expected: '0', found: '', state: 'not-reached' },
    ],
  });
  const steps = [step(0, 'mmap'), step(1, 'exit')];
  const run = { selftest, steps, leftOut: [{ step: { op: 'exit', proc: 'B' }, reason: '' }] };
  expect(
    assertionSteps(run).map(({ index, command, ran, rows }) => [index, command, ran, rows[0]?.verdict]),
  ).toEqual([
    [1, 'exit', true, 'does not hold'],
    [2, 'B: exit', false, 'not reached'],
  ]);
  expect(assertionSteps(run)[0]?.rows[0]).toMatchObject({ expected: 'w', found: 'coherent-local:w' });
});
