import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseScenario, type Simulation, type StepRecord } from '../core/index.ts';
import { mappedFrame, walkPte } from '../core/kernel/mm/page-table.ts';
import { holderId } from '../core/uapi/events.ts';
import { PTE_RW, ptePresent, setBits } from '../core/uapi/pte.ts';
import { NO_PFN, NO_ROW } from '../core/uapi/units.ts';
import { MACHINE_KINDS, pick, programArbitrary } from './generator/program.ts';
import { Machines } from './machines.ts';
import { runProgram, runScenario } from './programs.ts';
import { minimize, writeScenario } from './shrink.ts';

/** Two processors, swap, coherent devices: there is much to take away. */
const KIND = pick(MACHINE_KINDS, 3);

type Fault = (sim: Simulation, record: StepRecord) => void;

/** Fork leaves the child's first page of each area writable, as if it had not been write-protected. */
const forgetWriteProtection: Fault = ({ machine: m }, { step, result }) => {
  if (step.op !== 'fork' || result.ret < 0) return;
  const child = m.mms.values().findLast(({ name }) => name === step.child);
  for (const { start, kind } of child?.areas ?? []) {
    const row = child === undefined ? NO_ROW : walkPte(m, child, start);
    const entry = row === NO_ROW ? 0 : m.entries.get(row);
    if (kind === 'anon-private' && ptePresent(entry)) m.entries.set(row, setBits(entry, PTE_RW));
  }
};

/** GUP takes a reference more than it reports. */
const leakReference: Fault = ({ machine: m }, { step, result }) => {
  if (step.op !== 'gup' || result.ret < 1) return;
  const [page] = m.handles.values().find(({ name }) => name === step.as)?.pages ?? [];
  if (page !== undefined) m.journal.setRefcount(page, m.pages.refcount.get(page) + 1, holderId('FOLL_GET'));
};

/** A page that comes home from a device comes without its bytes. */
const forgetToCopy: Fault = ({ machine: m }, { step, result }) => {
  if (step.op !== 'migrate_to_sys' || (result.cpages ?? 0) === 0) return;
  const mm = m.mms.values().findLast(({ name }) => name === step.proc);
  const area = mm?.areas.find(({ name }) => name === step.vma);
  for (let i = 0; i < (step.count ?? 1); i++) {
    const pfn =
      mm === undefined || area === undefined ? NO_PFN : mappedFrame(m, mm, area.start + (step.page ?? 0) + i);
    if (pfn !== NO_PFN && pfn !== m.zeroPfn) m.pages.content.set(pfn, 123_456_789);
  }
};

/** `npm run programs` does the same for a failure: fast-check takes actions away, then minimize simplifies. */
const shrunk = (fault: Fault, seed: number): ReturnType<typeof minimize> => {
  const machines = new Machines();
  const property = fc.property(programArbitrary(KIND), (program) => {
    return runProgram(program, { fault }, 'broken', machines).problems.length === 0;
  });
  const { counterexample } = fc.check(property, { seed, numRuns: 300 });
  if (counterexample === null) throw new Error('no program finds it');
  return minimize(runProgram(counterexample[0], { fault }, 'broken', machines), { fault });
};

test.each([
  ['a fork that forgets to write-protect', forgetWriteProtection, /: I1[45]: /, 'fork'],
  ['a GUP that takes a reference too many', leakReference, /: I1: /, 'gup'],
  ['a migration that forgets to copy', forgetToCopy, /: I17: /, 'migrate_to_sys'],
] as const)(
  '%s is found, in a scenario of at most six steps that can be opened',
  { timeout: 120_000 },
  (_, fault, problem, op) => {
    const small = shrunk(fault, 1);
    expect(small.problems[0]).toMatch(problem);
    const file = writeScenario(small.scenario, mkdtempSync(join(tmpdir(), 'programs-')));
    const opened = parseScenario(JSON.parse(readFileSync(file, 'utf8')));
    expect(opened.steps.length).toBeLessThanOrEqual(6);
    expect(opened.steps.at(-1)?.step.op).toBe(op);
    expect(runScenario(opened, { fault }).problems).toEqual(small.problems);
    // the product itself is not broken
    expect(runScenario(opened).problems).toEqual([]);
  },
);

test('what can be left out of a scenario is left out: steps, devices, swap, the kind of memory, concurrency', () => {
  const scenario = parseScenario({
    name: 'grown',
    boot: 'movable',
    swap: 16,
    devices: [
      { id: 0, kind: 'coherent' },
      { id: 2, kind: 'private' },
    ],
    steps: [
      { op: 'mmap', proc: 'A', vma: 'v', pages: 4, prot: 'rw', kind: 'anon-private' },
      { op: 'write', proc: 'A', vma: 'v', value: 1 },
      { op: 'migrate_to_dev', proc: 'A', vma: 'v', device: 0 },
      {
        op: 'concurrent',
        proc: 'A',
        seed: 1,
        steps: [
          { op: 'read', proc: 'A', vma: 'v' },
          { op: 'gup', proc: 'A', vma: 'v', count: 1, call: 'get_user_pages', flags: [], as: 'h' },
        ],
      },
      { op: 'gup', proc: 'A', vma: 'v', page: 1, count: 1, call: 'get_user_pages', flags: [], as: 'i' },
    ].map((step) => ({ step })),
  });
  const { scenario: small } = minimize(runScenario(scenario, { fault: leakReference }), {
    fault: leakReference,
  });
  expect(small.steps.map(({ step }) => step.op)).toEqual(['mmap', 'gup']);
  expect(small).toMatchObject({ devices: [], boot: 'default' });
  expect(small.swap).toBeUndefined();
});
