import { expect, test } from 'vitest';
import type { Agreement } from '../../store/views.ts';
import { badgeOf, differenceRows } from './agreement.ts';
import { groupEntries } from './scenarios.ts';

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
  expect(badgeOf(agreement({})).text).toBe('agrees with Linux 6.1.192 in 7 of 7 steps');
  expect(badgeOf(agreement({ kind: 'differs', stepsAgree: 5 })).text).toBe(
    'differs from Linux 6.1.192 in 2 of 7 steps',
  );
  expect(badgeOf(agreement({ kind: 'nothing-recorded' })).text).toBe('nothing recorded to compare with');
});

test('differences are listed, but not without end', () => {
  const one = { step: 3, path: 'state.frames.f3.refcount', kernel: '1', ours: '2' };
  expect(differenceRows(agreement({ differences: Array.from({ length: 1000 }, () => one) }))).toHaveLength(
    200,
  );
});

test('a filter finds scenarios by every word, in name, title or group', () => {
  const entry = (name: string, title: string, group: string) => ({
    name,
    title,
    group,
    about: '',
    source: 'recording' as const,
    boot: 'default',
    devices: [],
    steps: 7,
  });
  const entries = [
    entry('coherent-cow', 'fork with pages on a coherent device', 'Device-coherent memory'),
    entry('private-cow', 'fork with pages on a private device', 'Device-private memory'),
    entry('thp-fork', 'pin_user_pages of a THP', 'Huge pages'),
  ];
  expect(groupEntries(entries, '').map(({ group }) => group)).toHaveLength(3);
  expect(
    groupEntries(entries, 'FORK private').flatMap((group) => group.entries.map(({ name }) => name)),
  ).toEqual(['private-cow']);
  expect(groupEntries(entries, '').at(0)?.entries.at(0)?.title).toBe('Fork with pages on a coherent device');
  expect(groupEntries(entries, '').at(2)?.entries.at(0)?.title).toBe('pin_user_pages of a THP');
});
