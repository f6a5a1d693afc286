import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseScenario } from '../core/index.ts';
import { type Program, programArbitrary } from './generator.ts';
import { type Extra, minimize, type Outcome, runProgram, runScenario, writeScenario } from './programs.ts';

/** Checks random programs; a failure is shrunk and written to a file that the app opens. */
const checkPrograms = (extra: Extra, seed: number, numRuns: number): Outcome[] => {
  const outcomes: Outcome[] = [];
  const property = fc.property(programArbitrary, (program) => {
    const outcome = runProgram(program, extra);
    outcomes.push(outcome);
    return outcome.problems.length === 0;
  });
  const counterexample: Program | undefined = fc.check(property, { seed, numRuns }).counterexample?.[0];
  if (counterexample !== undefined) {
    const small = minimize(runProgram(counterexample, extra, `failing-${seed}`), extra);
    const file = writeScenario(small.scenario, mkdtempSync(join(tmpdir(), 'programs-')));
    expect.fail(`${small.problems.join('\n')}\n${file}`);
  }
  return outcomes;
};

test('random programs keep the invariants after every step', { timeout: 60_000 }, () => {
  const outcomes = checkPrograms({}, 1, 250);
  const steps = outcomes.map((outcome) => outcome.steps).toSorted((a, b) => a - b);
  const all = steps.reduce((sum, n) => sum + n, 0);
  const succeeded = outcomes.reduce((sum, outcome) => sum + outcome.succeeded, 0);
  expect(steps[Math.floor(steps.length / 2)]).toBeGreaterThanOrEqual(15);
  expect(succeeded / all).toBeGreaterThanOrEqual(0.7);
});

test('random programs keep the invariants after every event', { timeout: 60_000 }, () => {
  checkPrograms({ events: true }, 2, 30);
});

test('back(forward(s)) is s, down to the very beginning', { timeout: 60_000 }, () => {
  checkPrograms({ history: true }, 3, 30);
});

test('the same program gives the same events, and agrees with its own recording', { timeout: 60_000 }, () => {
  checkPrograms({ again: true, recorded: true }, 4, 15);
});

const recordings = readdirSync(new URL('../../public/recordings/', import.meta.url))
  .filter((name) => name.endsWith('.json') && name !== 'index.json')
  .map((name) => new URL(`../../public/recordings/${name}`, import.meta.url));

test('every recording keeps the invariants', { timeout: 120_000 }, () => {
  for (const file of recordings) {
    const scenario = parseScenario(JSON.parse(readFileSync(file, 'utf8')));
    const { problems, steps } = runScenario(scenario);
    expect(problems, file.pathname).toEqual([]);
    expect(steps).toBe(scenario.steps.length);
  }
});

test('a failure shrinks to a scenario that can be opened', () => {
  const scenario = parseScenario({ name: 'grown', devices: [], steps: [] });
  const at = { proc: 'A', vma: 'v' };
  const steps = [
    { op: 'mmap' as const, ...at, pages: 4, prot: 'rw' as const, kind: 'anon-private' as const },
    { op: 'read' as const, ...at },
    { op: 'write' as const, ...at, value: 1 },
  ].map((step) => ({ step }));
  const outcome = { ...runScenario({ ...scenario, steps }), problems: ['made up'] };
  const small = minimize(outcome);
  expect(small.steps).toBe(3); // nothing else fails, so nothing is taken away
  const file = writeScenario(small.scenario, mkdtempSync(join(tmpdir(), 'programs-')));
  expect(parseScenario(JSON.parse(readFileSync(file, 'utf8'))).steps).toHaveLength(3);
});
