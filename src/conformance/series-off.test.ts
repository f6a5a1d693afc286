// Every recorded program, its device operations left out, and generated programs without devices must end every step
// alike with the series and without it, and enter the same functions in the same order.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSimulation, parseScenario, type Scenario } from '../core/index.ts';
import { MACHINE_KINDS, programArbitrary } from './generator/program.ts';
import { Machines } from './machines.ts';
import { runProgram } from './programs.ts';
import { type Chapter, DIFFERENCES, storyOf, withoutDevices } from './series-off.ts';

const FOLDER = 'public/recordings';
/** Takes longer than all others together and touches nothing that they do not. */
const TOO_LONG = 'coherent-exhaustion.json';

const recordings = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json') && name !== 'index.json' && name !== TOO_LONG)
  .map((name) => join(FOLDER, name));

const load = (file: string): Scenario =>
  withoutDevices(parseScenario(JSON.parse(readFileSync(file, 'utf8'))));

const storyOn = (scenario: Scenario): Chapter[] => storyOf(createSimulation(scenario));
const storyOff = (scenario: Scenario): Chapter[] =>
  storyOf(createSimulation(scenario, { kernel: { patches: [] } }));

const expectAlike = (scenario: Scenario): void => {
  const [on, off] = [storyOn(scenario), storyOff(scenario)];
  expect(off.map(({ told }) => told)).toEqual(on.map(({ told }) => told));
  expect(off.map(({ calls }) => calls)).toEqual(on.map(({ calls }) => calls));
};

describe('ordinary memory is the same with the series and without', () => {
  it.each(recordings)('%s', (file) => expectAlike(load(file)));

  const kinds = MACHINE_KINDS.filter(({ mix }) => mix === 'none');
  it.each(kinds.map((kind) => [kind.place, kind] as const))(
    'in generated programs on the machine %s',
    (_, kind) => {
      const machines = new Machines();
      for (const program of fc.sample(programArbitrary(kind), { seed: 9, numRuns: 10 })) {
        const { scenario, problems } = runProgram(program, {}, 'ordinary', machines);
        expect(problems).toEqual([]);
        expect(scenario.devices).toEqual([]);
        expectAlike(scenario);
      }
    },
    120_000,
  );

  it('and the comparison can tell: the predicate decides otherwise without CONFIG_CMA', () => {
    const scenario = load('public/recordings/cma-longterm-pin.json');
    const off = storyOf(createSimulation(scenario, { kernel: { CONFIG_CMA: false } }));
    expect(off.map(({ told }) => told)).not.toEqual(storyOn(scenario).map(({ told }) => told));
  });
});

describe('the differences are these', () => {
  const scenarios = ['cma-longterm-pin', 'hugetlb-longterm-pin'].map((name) =>
    load(`${FOLDER}/${name}.json`),
  );
  const on = scenarios.flatMap(storyOn).flatMap(({ spelled }) => spelled);
  const off = scenarios.flatMap(storyOff).flatMap(({ spelled }) => spelled);

  it.each(DIFFERENCES)('$without is $with: $why', (difference) => {
    const places = on.flatMap((name, i) => (name === difference.with ? [i] : []));
    expect(places.length).toBeGreaterThan(0);
    expect(off.flatMap((name, i) => (name === difference.without ? [i] : []))).toEqual(places);
    expect(off).not.toContain(difference.with);
  });

  it('and no others', () => {
    const others = on.filter(
      (name, i) => off[i] !== name && !DIFFERENCES.some(({ with: now }) => now === name),
    );
    expect(others).toEqual([]);
  });
});
