// npm run -s conformance -- [--emit DIR] [--calls] [--verbose] [--patches SET] [DIRS or FILES]
// Runs recordings in the core and compares after every step; see README.md.
// npm run -s conformance -- --selftests [--patches SET] [NAMES]
// Runs the kernel's own tests instead. SET: all, none, or numbers of the series' patches such as 1,3-6.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  compareRecording,
  createSimulation,
  parsePatches,
  parseScenario,
  PatchSetError,
  recordingOf,
  ScenarioError,
  StepError,
} from '../core/index.ts';
import { isRecording } from '../core/scenario/compare.ts';
import { recordingText } from '../core/scenario/recording.ts';
import type { SimulationOverrides } from '../core/index.ts';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { runSelftest } from '../core/scenario/selftests.ts';
import { verdictLine } from './selftests.ts';

interface Options {
  readonly emit: string | undefined;
  readonly calls: boolean;
  readonly verbose: boolean;
  readonly selftests: boolean;
  /** What the machine's kernel is, if not the one of the recordings. */
  readonly overrides: SimulationOverrides;
  readonly inputs: readonly string[];
}

/** Every step is compared call by call, however many pages it has. */
const IN_DETAIL = { bigStepPages: Number.POSITIVE_INFINITY };

const DEFAULT_INPUTS = ['public/recordings'];

class UsageError extends Error {}

const parseOptions = (args: readonly string[]): Options => {
  let emit: string | undefined;
  let calls = false;
  let verbose = false;
  let selftests = false;
  let overrides: SimulationOverrides = {};
  const inputs: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--calls') calls = true;
    else if (arg === '--verbose') verbose = true;
    else if (arg === '--selftests') selftests = true;
    else if (arg === '--patches') {
      const set = args[++i];
      if (set === undefined) throw new UsageError('--patches needs a set: all, none, or 1,3-6');
      overrides = { kernel: { patches: parsePatches(set) } };
    } else if (arg === '--emit') {
      emit = args[++i];
      if (emit === undefined) throw new UsageError('--emit needs a directory');
    } else if (arg?.startsWith('--')) throw new UsageError(`unknown option ${arg}`);
    else if (arg !== undefined) inputs.push(arg);
  }
  return { emit, calls, verbose, selftests, overrides, inputs };
};

/** Recordings of a directory (not of its subfolders), or the file itself. */
const filesOf = (input: string): string[] => {
  if (!existsSync(input)) throw new UsageError(`${input} does not exist`);
  if (!statSync(input).isDirectory()) return [input];
  return readdirSync(input)
    .filter((name) => name.endsWith('.json') && name !== 'index.json')
    .sort()
    .map((name) => join(input, name));
};

const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ScenarioError('', `not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const explain = (error: unknown): string => {
  if (error instanceof ScenarioError) return `${error.place || 'file'}: ${error.message}`;
  if (error instanceof StepError) return `${error.field}: ${error.message}`;
  if (error instanceof Error) return error.stack?.split('\n').slice(0, 4).join(' | ') ?? error.message;
  return String(error);
};

interface Tally {
  passed: number;
  failed: number;
  callSteps: number;
  callStepsAgree: number;
}

const judge = (
  input: unknown,
  name: string,
  options: Options,
  tally: Tally,
): { ok: boolean; line: string } => {
  const comparison = compareRecording(
    input,
    createSimulation(parseScenario(input), { ...options.overrides, ...IN_DETAIL }),
  );
  tally.callSteps += comparison.callOrderTotal;
  tally.callStepsAgree += comparison.callOrderAgree;
  const found = [...comparison.differences, ...(options.calls ? comparison.callDifferences : [])];
  found.sort((a, b) => a.step - b.step);
  const [first] = found;
  if (first === undefined) return { ok: true, line: `ok ${name}` };
  let line = `not ok ${name}: step ${first.step}, ${first.path}: kernel ${first.kernel}, ours ${first.ours}`;
  if (options.verbose) {
    for (const d of found.slice(0, 40))
      line += `\n    step ${d.step}, ${d.path}: kernel ${d.kernel}, ours ${d.ours}`;
  }
  return { ok: false, line };
};

const checkFile = (file: string, options: Options, tally: Tally): void => {
  const name = basename(file, '.json');
  let verdict: { ok: boolean; line: string };
  try {
    const input = readJson(file);
    if (options.emit !== undefined) emitFile(options.emit, input, name);
    if (isRecording(input)) verdict = judge(input, name, options, tally);
    else if (options.emit !== undefined)
      verdict = { ok: true, line: `ok ${name}: written, no answers to compare with` };
    else
      verdict = {
        ok: false,
        line: `not ok ${name}: a scenario without answers; there is nothing to compare with`,
      };
  } catch (error) {
    verdict = { ok: false, line: `not ok ${name}: ${explain(error)}` };
  }
  if (verdict.ok) tally.passed++;
  else tally.failed++;
  console.log(verdict.line);
};

/** Writes what the simulation itself does; of the input only boot, devices and the steps are used. */
const emitFile = (directory: string, input: unknown, name: string): void => {
  const recording = recordingOf(createSimulation(parseScenario(input), IN_DETAIL), name);
  writeFileSync(join(directory, `${name}.json`), recordingText(recording));
};

const runSelftests = async (options: Options): Promise<number> => {
  const { inputs, overrides } = options;
  const chosen = SELFTESTS.filter(
    ({ name }) => inputs.length === 0 || inputs.some((part) => name.includes(part)),
  );
  if (chosen.length === 0) throw new UsageError('no selftest has such a name');
  let passed = 0;
  for (const entry of chosen) {
    const test = await entry.scenario();
    const verdict = runSelftest(test, createSimulation(test, { ...overrides, ...IN_DETAIL }));
    if (verdict.ok) passed++;
    console.log(verdictLine(test, verdict));
  }
  console.log(`${passed} passed, ${chosen.length - passed} failed`);
  return passed === chosen.length ? 0 : 1;
};

const main = async (): Promise<number> => {
  const options = parseOptions(process.argv.slice(2));
  if (options.selftests) return await runSelftests(options);
  const inputs = options.inputs.length > 0 ? options.inputs : DEFAULT_INPUTS;
  if (options.emit !== undefined) {
    if (options.inputs.length !== 1) throw new UsageError('--emit wants exactly one input directory');
    mkdirSync(options.emit, { recursive: true });
  }
  const files = inputs.flatMap(filesOf);
  if (files.length === 0) throw new UsageError('no recordings found');
  const tally: Tally = { passed: 0, failed: 0, callSteps: 0, callStepsAgree: 0 };
  for (const file of files) checkFile(file, options, tally);
  console.log(`call order: ${tally.callStepsAgree} of ${tally.callSteps} steps agree`);
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed === 0 ? 0 : 1;
};

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof PatchSetError)) throw error;
  console.error(`conformance: ${error.message}`);
  process.exitCode = 2;
}
