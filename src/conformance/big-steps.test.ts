import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseScenario } from '../core/index.ts';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { bigStepDifferences } from './big-steps.ts';
import { MACHINE_KINDS, programArbitrary } from './generator/program.ts';
import { runProgram } from './programs.ts';

const folder = new URL('../../public/recordings/', import.meta.url);
const recordings = readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'index.json');

test('every recording leaves the same when each of its steps is a big one', { timeout: 300_000 }, () => {
  for (const name of recordings) {
    const scenario = parseScenario(JSON.parse(readFileSync(new URL(name, folder), 'utf8')));
    expect(bigStepDifferences(scenario, 0), name).toEqual([]);
  }
});

test('so does every test of the kernel', { timeout: 120_000 }, async () => {
  for (const { name, scenario } of SELFTESTS)
    expect(bigStepDifferences(await scenario(), 0), name).toEqual([]);
});

test('so do random programs, some of whose steps are big ones', { timeout: 120_000 }, () => {
  const anyProgram = fc.constantFrom(...MACHINE_KINDS).chain(programArbitrary);
  const property = fc.property(anyProgram, fc.constantFrom(0, 1, 3), (program, bigStepPages) => {
    expect(bigStepDifferences(runProgram(program).scenario, bigStepPages)).toEqual([]);
  });
  fc.assert(property, { seed: 5, numRuns: 60 });
});
