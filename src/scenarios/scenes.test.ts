import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../core/index.ts';
import { EventKind, decisionIndex } from '../core/uapi/events.ts';
import { SCENES } from './index.ts';

const run = (name: string): Simulation => {
  const scene = SCENES.find((candidate) => candidate.name === name);
  const sim = createSimulation(parseScenario(structuredClone(scene?.scenario)));
  sim.runAll();
  return sim;
};

const decisions = ({ machine: { journal } }: Simulation, id: Parameters<typeof decisionIndex>[0]): number => {
  let found = 0;
  for (let i = 0; i < journal.log.length; i++) {
    if (journal.log.idAt(i) !== decisionIndex(id)) continue;
    const kind = journal.log.kindAt(i);
    if (kind === EventKind.DECISION) found++;
    // a big step says how often
    if (kind === EventKind.DECISIONS) found += journal.log.rowAt(i);
  }
  return found;
};

const results = (sim: Simulation): string[] =>
  sim.steps.map(({ result }) => result.errno ?? String(result.ret));

describe('scenes made by hand', () => {
  test('have names of their own', () => {
    expect(new Set(SCENES.map(({ name }) => name)).size).toBe(SCENES.length);
  });

  test.each(SCENES.map(({ name }) => [name]))('%s runs', (name) => {
    const sim = run(name);
    expect(sim.steps).toHaveLength(sim.scenario.steps.length);
  });

  test('longterm-pin: pinned pages do not go to the device, unpinned ones do', () => {
    expect(results(run('longterm-pin'))).toEqual(['0', '4', '0', '4', 'ENOENT', '0', '0']);
  });

  test('short-pin: the driver moves nothing while the pin lasts', () => {
    const sim = run('short-pin');
    expect(sim.steps.slice(4).map(({ result }) => result.cpages)).toEqual([0, undefined, 2]);
  });

  test('busy-page: fails once, then succeeds', () => {
    expect(results(run('busy-page')).slice(4)).toEqual(['EBUSY', '0', '4', '0']);
  });

  test('movable-zone: the pages leave the zone', () => {
    const sim = run('movable-zone');
    expect(decisions(sim, 'pinnable.movable')).toBeGreaterThan(0);
    expect(decisions(sim, 'longterm.second-pass')).toBe(1);
  });

  test('cpu-touch: only the private pages fault', () => {
    const sim = run('cpu-touch');
    expect(sim.steps.slice(6).map(({ vmstat }) => vmstat['pgfault'] ?? 0)).toEqual([0, 2]);
  });

  test('fork-and-pin: the pinned page is copied early', () => {
    expect(decisions(run('fork-and-pin'), 'fork.early-copy')).toBe(1);
  });

  test('wait-for-migration: the child sleeps on a migration entry', () => {
    expect(decisions(run('wait-for-migration'), 'sleep.migration-entry')).toBeGreaterThan(0);
  });

  test('two-owners: only the owner moves the pages', () => {
    const sim = run('two-owners');
    expect(sim.steps[3]?.result.cpages).toBe(0);
    expect(sim.steps[4]?.result.perms).toEqual(['coherent-remote:w', 'coherent-remote:w']);
    expect(sim.steps[5]?.result.cpages).toBe(2);
  });

  test('device-full: what does not fit stays', () => {
    const sim = run('device-full');
    expect(decisions(sim, 'device.exhausted')).toBe(32);
    expect(results(sim)).toEqual(['0', '4128', 'ENOENT', '0', '0']);
  });
});
