import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseScenario } from '../core/index.ts';
import { MACHINE_KINDS, programArbitrary } from './generator/program.ts';
import { Machines } from './machines.ts';
import { type Extra, runProgram, runScenario } from './programs.ts';

// `npm run programs` runs 20,000 of them with other seeds, and is a stage of `npm test`

test.each(
  MACHINE_KINDS.map((kind) => [`${kind.mix} ${kind.place}${kind.swap ? ' swap' : ''}`, kind] as const),
)(
  'programs on %s keep the invariants after every step and event, come back, and repeat',
  { timeout: 120_000 },
  (_, kind) => {
    const extra: Extra = { events: true, history: true, again: true, recorded: true };
    for (const program of fc.sample(programArbitrary(kind), { seed: 7, numRuns: 2 })) {
      const { problems, steps } = runProgram(program, extra);
      expect(problems).toEqual([]);
      expect(steps).toBeGreaterThan(0);
    }
  },
);

const recordings = readdirSync(new URL('../../public/recordings/', import.meta.url))
  .filter((name) => name.endsWith('.json') && name !== 'index.json')
  .map((name) => new URL(`../../public/recordings/${name}`, import.meta.url));

test('every recording keeps the invariants', { timeout: 300_000 }, () => {
  const machines = new Machines();
  for (const file of recordings) {
    const scenario = parseScenario(JSON.parse(readFileSync(file, 'utf8')));
    const { problems, steps } = runScenario(scenario, {}, machines);
    expect(problems, file.pathname).toEqual([]);
    expect(steps).toBe(scenario.steps.length);
  }
});
