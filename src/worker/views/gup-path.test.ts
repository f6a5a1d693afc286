import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { SCENES } from '../../scenarios/index.ts';
import { hasWords, say } from '../../words/index.ts';
import { GUP_BRANCHES, GUP_STATIONS, type GupBranch, type GupStation } from '../protocol-views.ts';
import { Run } from '../run.ts';
import { gupPathAt } from './gup-path.ts';

const runOf = (scenario: unknown): Run => {
  const sim = createSimulation(parseScenario(structuredClone(scenario)));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};
const runRecording = (name: string): Run =>
  runOf(
    JSON.parse(readFileSync(new URL(`../../../public/recordings/${name}.json`, import.meta.url), 'utf8')),
  );

const summaryAt = (run: Run, position: number) => {
  const path = gupPathAt(run, position);
  const state = (station: GupStation) => path.stations.find((view) => view.station === station)?.state;
  const count = (branch: GupBranch) => path.branches.find((view) => view.branch === branch)?.count;
  const facts = (station: GupStation) =>
    (path.stations.find((view) => view.station === station)?.facts ?? []).map(say);
  return { call: path.call, state, count, facts };
};

describe('a long-term pin on four device-coherent pages', () => {
  const run = runOf(SCENES.find(({ name }) => name === 'longterm-pin')?.scenario);
  const step = run.sim.steps[3];
  if (step === undefined) throw new Error('no step');

  test('before it, no call has been made', () => {
    expect(gupPathAt(run, step.begin).call).toBeUndefined();
  });

  test('the whole way: refused, pinned, found unfit, moved, pinned again', () => {
    const { call, state, count, facts } = summaryAt(run, step.end);
    expect(call).toMatchObject({
      fn: 'pin_user_pages_fast',
      npages: 4,
      longterm: true,
      result: 4,
      first: 'buf+0',
    });
    expect(GUP_STATIONS.filter((station) => state(station) === 'unused')).toEqual(['fault']);
    expect(state('done')).toBe('here');
    expect(count('refused')).toBe(4);
    expect(count('grabbed')).toBe(0);
    expect(count('unpinnable')).toBe(4);
    expect(count('to-migrate')).toBe(4);
    expect(count('retry')).toBe(1);
    expect(count('all-pinnable')).toBe(4);
    expect(facts('fast')[0]).toContain('may not stay pinned for long');
    expect(facts('migrate')).toContain('4 pages moved to system memory.');
    expect(facts('done')).toEqual(['4 pages held.']);
  });

  test('in the middle, the station of the running function is marked', () => {
    const seen = new Set<string>();
    for (let position = step.begin + 2; position < step.end; position++) {
      for (const { station, state } of gupPathAt(run, position).stations)
        if (state === 'here') seen.add(station);
    }
    expect([...seen].toSorted()).toEqual([
      'call',
      'check',
      'collect',
      'done',
      'fast',
      'follow',
      'migrate',
      'slow',
    ]);
  });
});

test('a pin that the fast path takes at once needs no other station', () => {
  const run = runRecording('coherent-pin-short');
  const step = run.sim.steps.find(({ step: { op } }) => op === 'gup');
  if (step === undefined) throw new Error('no step');
  const { count, state } = summaryAt(run, step.end);
  expect(count('grabbed')).toBeGreaterThan(0);
  expect(state('check')).toBe('unused');
});

test('a busy page: the way ends at migrate, with who is in the way', () => {
  const run = runRecording('pin-mixed-busy');
  const failed = run.sim.steps.find(({ step: { op }, result }) => op === 'gup' && result.ret < 0);
  if (failed === undefined) throw new Error('no step');
  const { count, state, facts } = summaryAt(run, failed.end);
  expect(state('migrate')).toBe('failed');
  expect(count('gave-up')).toBe(1);
  expect(facts('migrate').some((fact) => fact.includes('Somebody else holds the page'))).toBe(true);
});

test('every station and branch has words, and so has every fact of every recording that pins', () => {
  const ids = [
    ...GUP_STATIONS.flatMap((station) => [`gup-path.station.${station}`, `gup-path.about.${station}`]),
    ...GUP_BRANCHES.map((branch) => `gup-path.branch.${branch}`),
  ];
  const names = [
    'cma-longterm-pin',
    'movable-longterm-pin',
    'pin-zero-page',
    'hugetlb-longterm-pin',
    'pin-file-private',
  ];
  for (const name of names) {
    const run = runRecording(name);
    for (const { end } of run.sim.steps)
      for (const { facts } of gupPathAt(run, end).stations) ids.push(...facts.map(({ id }) => id));
  }
  expect(ids.filter((id) => !hasWords(id))).toEqual([]);
});
