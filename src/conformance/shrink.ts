// From a failing scenario to a short one that fails in the same way, and to a file that the app opens.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scenario, Step } from '../core/index.ts';
import { Machines } from './machines.ts';
import { type Extra, type Outcome, runScenario } from './programs.ts';

/** Invariant that a failure is about, or what the kernel stopped with, without the numbers. */
const kindOf = (problem: string): string =>
  /: (I\d+|BUG: [^\d\n]*|[A-Za-z ]+):/.exec(problem)?.[1] ?? problem.slice(0, 20);

const withSteps = (scenario: Scenario, steps: readonly Step[]): Scenario => ({
  ...scenario,
  steps: steps.map((step, n) => ({ n, step })),
});

const namesDevice = (step: Step, id: number): boolean =>
  step.op === 'concurrent'
    ? step.steps.some((simple) => namesDevice(simple, id))
    : 'device' in step && step.device === id;

/** Scenarios that are a little simpler than this one, the most promising ones first. */
function* simpler(scenario: Scenario): Generator<Scenario> {
  const steps = scenario.steps.map(({ step }) => step);
  // long runs first: most steps of a soup have nothing to do with it
  for (let size = Math.ceil(steps.length / 2); size > 1; size = Math.floor(size / 2)) {
    for (let end = steps.length; end > 0; end -= size) {
      const start = Math.max(0, end - size);
      yield withSteps(scenario, steps.toSpliced(start, end - start));
    }
  }
  for (let i = steps.length - 1; i >= 0; i--) yield withSteps(scenario, steps.toSpliced(i, 1));
  for (const [i, step] of steps.entries()) {
    // one after the other instead of at once
    if (step.op === 'concurrent') yield withSteps(scenario, steps.toSpliced(i, 1, ...step.steps));
  }
  for (const { id } of scenario.devices) {
    if (steps.some((step) => namesDevice(step, id))) continue;
    yield { ...scenario, devices: scenario.devices.filter((device) => device.id !== id) };
  }
  const { swap: _swap, ...withoutSwap } = scenario;
  if (scenario.swap !== undefined) yield withoutSwap;
  if (scenario.boot !== 'default') yield { ...scenario, boot: 'default' };
}

/** Makes a scenario simpler step by step while it still fails in the same way. */
export const minimize = (outcome: Outcome, extra: Extra = {}): Outcome => {
  const kind = kindOf(outcome.problems[0] ?? '');
  const machines = new Machines();
  let best = outcome;
  for (let smaller = true; smaller; ) {
    smaller = false;
    for (const scenario of simpler(best.scenario)) {
      const tried = runScenario(scenario, extra, machines);
      if (tried.problems.length === 0 || kindOf(tried.problems[0] ?? '') !== kind) continue;
      best = tried;
      smaller = true;
      break;
    }
  }
  return best;
};

/** Writes a scenario file that the app opens: one line for the header, then one line a step. */
export const writeScenario = (scenario: Scenario, directory: string): string => {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${scenario.name}.json`);
  const { steps, ...header } = scenario;
  const lines = steps.map((step) => JSON.stringify(step)).join(',\n');
  writeFileSync(file, `${JSON.stringify(header).slice(0, -1)},"steps":[\n${lines}\n]}\n`);
  return file;
};
