// npm run -s programs -- [--count 20000] [--seed N] [--events] [--out DIR] [--jobs N] [FILES]
// Runs generated programs (or scenario files) and checks the invariants after every step.

import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { parseScenario } from '../core/index.ts';
import { MACHINE_KINDS, pick, programArbitrary } from './generator/program.ts';
import { Machines } from './machines.ts';
import { type Extra, runProgram, runScenario } from './programs.ts';
import { minimize, writeScenario } from './shrink.ts';
import { LABELS } from './vocabulary.ts';

interface Options {
  readonly count: number;
  readonly seed: number;
  readonly events: boolean;
  readonly out: string;
  readonly jobs: number;
  readonly files: readonly string[];
}

class UsageError extends Error {}

const parseOptions = (args: readonly string[]): Options => {
  let options: Options = {
    count: 20_000,
    seed: 1,
    events: false,
    out: 'test-results/programs',
    jobs: Math.min(availableParallelism(), 8),
    files: [],
  };
  const number = (name: string, text: string | undefined): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new UsageError(`${name} needs a number`);
    return value;
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--events') options = { ...options, events: true };
    else if (arg === '--count') options = { ...options, count: number(arg, args[++i]) };
    else if (arg === '--seed') options = { ...options, seed: number(arg, args[++i]) };
    else if (arg === '--jobs') options = { ...options, jobs: Math.max(1, number(arg, args[++i])) };
    else if (arg === '--out') options = { ...options, out: args[++i] ?? '' };
    else if (arg?.startsWith('--')) throw new UsageError(`unknown option ${arg}`);
    else if (arg !== undefined) options = { ...options, files: [...options.files, arg] };
  }
  return options;
};

/** What a worker has found in one batch of programs. */
interface BatchReport {
  readonly lengths: readonly number[];
  readonly ops: readonly (readonly [op: string, ran: number, succeeded: number])[];
  readonly failures: readonly string[];
}

const BATCH = 50;

/** What a batch checks besides the rest: all costs too much for every one. */
const extraOf = (batch: number, events: boolean): Extra => {
  if (batch % 200 === 100) return { events, recorded: true };
  return batch % 200 === 0 ? { events: true, history: true, again: true } : { events };
};

/** Machines that the programs of this process share. */
const machines = new Machines();

/** Runs a batch; a failure is shrunk, written to a file, and ends the batch. */
const runBatch = (batch: number, count: number, { seed, events, out }: Options): BatchReport => {
  const extra = extraOf(batch, events);
  const lengths: number[] = [];
  const ops = new Map<string, readonly [number, number]>();
  let failing = false;
  const property = fc.property(programArbitrary(pick(MACHINE_KINDS, batch)), (program) => {
    const outcome = runProgram(program, extra, 'generated', machines);
    if (!failing) {
      lengths.push(outcome.steps);
      for (const [op, [ran, good]] of outcome.ops) {
        const [a, b] = ops.get(op) ?? [0, 0];
        ops.set(op, [a + ran, b + good]);
      }
    }
    failing ||= outcome.problems.length > 0;
    return outcome.problems.length === 0;
  });
  const details = fc.check(property, { seed: seed * 100_000 + batch, numRuns: count });
  const failures: string[] = [];
  const counterexample = details.counterexample?.[0];
  if (counterexample !== undefined && counterexample !== null) {
    const name = `seed-${seed}-batch-${batch}`;
    const small = minimize(runProgram(counterexample, extra, name), extra);
    const file = writeScenario(small.scenario, out);
    failures.push(`${file}: ${small.steps} steps; ${small.problems.slice(0, 3).join('; ')}`);
  } else if (details.failed) {
    failures.push(`batch ${batch}: ${String(details.errorInstance)}`);
  }
  return { lengths, ops: [...ops].map(([op, [ran, good]]) => [op, ran, good]), failures };
};

// --- parent and workers -----------------------------------------------------------------------------------------------

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** What generated programs are to be like, so that they are worth running. */
const MIN_MEDIAN_STEPS = 15;
const MIN_SUCCEEDED_PERCENT = 70;
/** So many programs run every operation. */
const ENOUGH_PROGRAMS = 1000;

/** Prints what ran. Returns what is wrong with it. */
const printReport = (reports: readonly BatchReport[], seconds: number): string[] => {
  const ops = new Map<string, [number, number]>(LABELS.map((label) => [label, [0, 0]]));
  for (const [op, ran, good] of reports.flatMap((report) => report.ops)) {
    const [a, b] = ops.get(op) ?? [0, 0];
    ops.set(op, [a + ran, b + good]);
  }
  for (const [op, [ran, good]] of [...ops].toSorted((a, b) => b[1][0] - a[1][0])) {
    const share = ran === 0 ? '' : ` ${String(Math.round((100 * good) / ran)).padStart(4)} % succeeded`;
    console.log(`${op.padEnd(36)} ${String(ran).padStart(8)} run${share}`);
  }
  const sums = [...ops.values()];
  const ran = sums.reduce((sum, [n]) => sum + n, 0);
  const succeeded = sums.reduce((sum, [, n]) => sum + n, 0);
  const never = [...ops].filter(([, [n]]) => n === 0).map(([op]) => op);
  const lengths = reports.flatMap((report) => report.lengths);
  const percent = Math.round((1000 * succeeded) / Math.max(1, ran)) / 10;
  console.log(`${ops.size - never.length} of ${ops.size} operations of the vocabulary ran`);
  console.log(`median ${median(lengths)} steps, ${percent} % of ${ran} operations succeeded`);
  const problems = reports.flatMap((report) => report.failures);
  const failures = problems.length;
  if (lengths.length >= ENOUGH_PROGRAMS) {
    if (never.length > 0) problems.push(`never ran: ${never.join(', ')}`);
    if (median(lengths) < MIN_MEDIAN_STEPS) problems.push('the programs are too short');
    if (percent < MIN_SUCCEEDED_PERCENT) problems.push('too few operations succeed');
  }
  for (const problem of problems) console.log(`FAILED ${problem}`);
  console.log(`${lengths.length} programs, ${failures} failures, ${seconds.toFixed(0)} s`);
  return problems;
};

const runAll = async (options: Options): Promise<number> => {
  const begun = performance.now();
  const batches = Math.ceil(options.count / BATCH);
  const reports: BatchReport[] = [];
  let next = 0;
  const worker = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--worker'], {
        execArgv: process.execArgv,
      });
      const give = (): void => {
        if (next >= batches) {
          child.disconnect();
          resolve();
          return;
        }
        const batch = next++;
        child.send({ batch, count: Math.min(BATCH, options.count - batch * BATCH) });
      };
      child.on('message', (report: BatchReport) => {
        reports.push(report);
        for (const failure of report.failures) console.log(`failed: ${failure}`);
        give();
      });
      child.on('error', reject);
      child.on('exit', (code) => {
        if (code !== 0) reject(new Error(`a worker ended with ${code}`));
      });
      give();
    });
  await Promise.all(Array.from({ length: Math.min(options.jobs, batches) }, worker));
  return printReport(reports, (performance.now() - begun) / 1000).length === 0 ? 0 : 1;
};

const serve = (options: Options): void => {
  process.on('message', ({ batch, count }: { batch: number; count: number }) => {
    process.send?.(runBatch(batch, count, options));
  });
};

const runFiles = (files: readonly string[]): number => {
  let failed = 0;
  for (const file of files) {
    const scenario = parseScenario(JSON.parse(readFileSync(file, 'utf8')));
    const { problems, steps } = runScenario(scenario, {
      events: true,
      history: true,
      again: true,
      recorded: true,
    });
    if (problems.length > 0) failed++;
    console.log(
      problems.length === 0 ? `ok ${file}: ${steps} steps` : `not ok ${file}: ${problems.join('\n  ')}`,
    );
  }
  return failed === 0 ? 0 : 1;
};

try {
  const args = process.argv.slice(2);
  const options = parseOptions(args.filter((arg) => arg !== '--worker'));
  if (args.includes('--worker')) serve(options);
  else if (options.files.length > 0) process.exitCode = runFiles(options.files);
  else process.exitCode = await runAll(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`programs: ${error.message}`);
  process.exitCode = 2;
}
