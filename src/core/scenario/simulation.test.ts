// The core in Node: a scenario, one step, one line.

import { expect, it } from 'vitest';
import { createSimulation, parseScenario, StepError } from '../index.ts';
import { ScenarioError } from '../uapi/scenario.ts';
import { FrameNamer } from './recording.ts';
import type { Simulation } from './simulation.ts';

const steps = (...list: readonly object[]): unknown => ({
  devices: [{ id: 0, kind: 'coherent' }],
  steps: list.map((step) => ({ step })),
});

const MMAP = { op: 'mmap', proc: 'A', vma: 'buf', pages: 2, prot: 'rw', kind: 'anon-private' };
const WRITE = { op: 'write', proc: 'A', vma: 'buf', value: 100 };
const TO_DEVICE = { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 };
const PIN = {
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  call: 'pin_user_pages_fast',
  flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
  as: 'h1',
};

/** `f5 device-coherent r1 m1 = 100`, one line a page of process A's area. */
const draw = (sim: Simulation): string => {
  const state = new FrameNamer().observe(sim.machine);
  const pages = state.procs['A']?.['buf']?.pages ?? [];
  return pages
    .map(({ entry, frame, value }) => {
      const { kind, refcount, mapcount } = state.frames.get(frame ?? '') ?? {};
      return frame === undefined ? entry : `${kind} r${refcount} m${mapcount} = ${value}`;
    })
    .join('\n');
};

it('brings a device-coherent page home on a long-term pin, and pins the page of system memory', () => {
  const sim = createSimulation(parseScenario(steps(MMAP, WRITE, TO_DEVICE, PIN)));
  sim.runStep(sim.scenario.steps[0].step);
  expect(draw(sim)).toBe('none\nnone');
  sim.runStep(sim.scenario.steps[1].step);
  expect(draw(sim)).toBe('anon r1 m1 = 100\nanon r1 m1 = 101');
  sim.runStep(sim.scenario.steps[2].step);
  expect(draw(sim)).toBe('device-coherent r1 m1 = 100\ndevice-coherent r1 m1 = 101');
  sim.runStep(sim.scenario.steps[3].step);
  expect(draw(sim)).toBe('anon r1025 m1 = 100\nanon r1025 m1 = 101');
});

it('runs a scenario again as on a machine that has just booted', () => {
  const sim = createSimulation(parseScenario(steps(MMAP, WRITE, TO_DEVICE, PIN)));
  const run = (): unknown => {
    sim.runAll();
    const { procs, frames } = new FrameNamer().observe(sim.machine);
    return { procs, frames: [...frames], steps: sim.steps.map(({ result, vmstat }) => ({ result, vmstat })) };
  };
  const once = run();
  const { length } = sim;
  sim.seek(length - 20);
  sim.restart();
  expect(sim.length).toBe(sim.bootEnd);
  expect(run()).toEqual(once);
  expect(sim.length).toBe(length);
});

it('stands at any moment of the past as it stood then', () => {
  const sim = createSimulation(parseScenario(steps(MMAP, WRITE, TO_DEVICE, PIN)));
  const drawn = sim.scenario.steps.map(({ step }) => {
    sim.runStep(step);
    return draw(sim);
  });
  for (const index of [3, 0, 2, 1, 3]) {
    sim.seek(sim.steps[index]?.end ?? 0);
    expect(draw(sim)).toBe(drawn[index]);
  }
});

it('names the step and field of what cannot be run, and stays as it was', () => {
  const sim = createSimulation(parseScenario(steps(MMAP, WRITE)));
  sim.runAll();
  const before = [draw(sim), sim.length];
  const attempt = (step: object): string => {
    try {
      sim.runStep(parseScenario(steps(step)).steps[0].step);
      return 'it ran';
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      return `${error.field}: ${error.message}`;
    }
  };
  expect(attempt({ ...TO_DEVICE, vma: 'nothing' })).toBe('vma: process A has no area nothing');
  expect(attempt({ ...TO_DEVICE, device: 7 })).toBe('device: the machine has no device 7');
  expect(attempt({ ...WRITE, proc: 'Z' })).toBe('proc: there is no living process Z');
  expect(attempt({ op: 'unpin', proc: 'A', handle: 'h9' })).toBe(
    'handle: no references are held under the name h9',
  );
  expect(attempt({ ...WRITE, count: 300000 })).toContain('count: ');
  expect([draw(sim), sim.length]).toEqual(before);
});

it('refuses a scenario that does not fit the schema, and says where', () => {
  const refusal = (input: unknown): string => {
    try {
      parseScenario(input);
      return 'accepted';
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      return error.place;
    }
  };
  expect(refusal(steps({ ...WRITE, page: -1 }))).toBe('steps[0].step.page');
  expect(refusal(steps(MMAP, { ...WRITE, op: 'explode' }))).toBe('steps[1].step.op');
  expect(refusal({ steps: 'none' })).toContain('devices');
});

it('gives the same event log every time', () => {
  const run = (): string => {
    const sim = createSimulation(parseScenario(steps(MMAP, WRITE, TO_DEVICE, PIN)));
    sim.runAll();
    const { log } = sim.machine.journal;
    return Array.from({ length: log.length }, (_, i) => JSON.stringify(log.at(i))).join('\n');
  };
  expect(run()).toBe(run());
});
