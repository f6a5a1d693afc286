import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../core/index.ts';
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

/** A process is killed in the midst of a step of another one, and goes bit by bit. */
const DEATH = parseScenario({
  machine: 'teaching',
  devices: [{ id: 0, kind: 'coherent' }],
  steps: [
    { op: 'mmap', proc: 'A', vma: 'x', pages: 1, prot: 'rw', kind: 'anon-private' },
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'mmap', proc: 'A', vma: 'buf', pages: 8000, prot: 'rw', kind: 'anon-private' },
    { op: 'mmap', proc: 'B', vma: 'buf', pages: 7900, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'buf', value: 1 },
    ...[0, 1975, 3950, 5925].map((page) => ({
      op: 'write',
      proc: 'B',
      vma: 'buf',
      page,
      count: 1975,
      value: 9,
    })),
    { op: 'write', proc: 'B', vma: 'buf', value: 3 },
  ].map((step) => ({ step })),
});

test('so does a death for want of memory, also in a step that becomes a big one by it', () => {
  expect(bigStepDifferences(DEATH, 4096)).toEqual([]);
  const sim = createSimulation(DEATH);
  sim.runAll();
  const kill = sim.steps.find(({ vmstat }) => vmstat['oom_kill'] === 1);
  expect([kill?.isBig, sim.steps.filter(({ isBig }) => isBig).length]).toEqual([true, 3]);
  expect(sim.machine.mms.values().map(({ alive }) => alive)).toEqual([false, true]);
});

test('so do random programs, some of whose steps are big ones', { timeout: 120_000 }, () => {
  const anyProgram = fc.constantFrom(...MACHINE_KINDS).chain(programArbitrary);
  const property = fc.property(anyProgram, fc.constantFrom(0, 1, 3), (program, bigStepPages) => {
    expect(bigStepDifferences(runProgram(program).scenario, bigStepPages)).toEqual([]);
  });
  fc.assert(property, { seed: 5, numRuns: 40 });
});
