// npm run -s conformance -- [--emit DIR] [--calls] [--list FILE] [--all] [DIRS or FILES]
// Runs recordings in the core and compares after every step; see README.md.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compareRecording, createSimulation, parseScenario, recordingOf, ScenarioError, StepError } from '../core/index.ts';
import { recordingText } from '../core/scenario/recording.ts';

interface Options {
  readonly emit: string | undefined;
  readonly calls: boolean;
  readonly verbose: boolean;
  readonly list: string | undefined;
  readonly inputs: readonly string[];
}

const DEFAULT_INPUTS = ['public/recordings', 'src/conformance/random'];

class UsageError extends Error {}

const parseOptions = (args: readonly string[]): Options => {
  let emit: string | undefined;
  let list: string | undefined;
  let calls = false;
  let verbose = false;
  const inputs: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--calls') calls = true;
    else if (arg === '--verbose') verbose = true;
    else if (arg === '--emit' || arg === '--list') {
      const value = args[++i];
      if (value === undefined) throw new UsageError(`${arg} needs a path`);
      if (arg === '--emit') emit = value;
      else list = value;
    } else if (arg?.startsWith('--')) throw new UsageError(`unknown option ${arg}`);
    else if (arg !== undefined) inputs.push(arg);
  }
  return { emit, calls, verbose, list, inputs };
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

const checkFile = (file: string, options: Options, tally: Tally): void => {
  const name = basename(file, '.json');
  let line: string;
  let ok = false;
  try {
    const comparison = compareRecording(readJson(file));
    tally.callSteps += comparison.callOrderTotal;
    tally.callStepsAgree += comparison.callOrderAgree;
    const found = [...comparison.differences, ...(options.calls ? comparison.callDifferences : [])];
    found.sort((a, b) => a.step - b.step);
    ok = found.length === 0;
    const [first] = found;
    line =
      first === undefined
        ? `ok ${name}`
        : `not ok ${name}: step ${first.step}, ${first.path}: kernel ${first.kernel}, ours ${first.ours}`;
    if (options.verbose) for (const d of found.slice(0, 40)) line += `\n    step ${d.step} ${d.path}: kernel ${d.kernel}, ours ${d.ours}`;
  } catch (error) {
    line = `not ok ${name}: ${explain(error)}`;
  }
  if (ok) tally.passed++;
  else tally.failed++;
  console.log(line);
};

const emitFiles = (directory: string, options: Options): void => {
  if (options.inputs.length !== 1) throw new UsageError('--emit wants exactly one input directory');
  mkdirSync(directory, { recursive: true });
  for (const file of options.inputs.flatMap(filesOf)) {
    const name = basename(file, '.json');
    const recording = recordingOf(createSimulation(parseScenario(readJson(file))), name);
    writeFileSync(join(directory, `${name}.json`), recordingText(recording));
  }
};

const main = (): number => {
  const options = parseOptions(process.argv.slice(2));
  let inputs = options.inputs.length > 0 ? options.inputs : DEFAULT_INPUTS;
  if (options.list !== undefined) {
    inputs = readFileSync(options.list, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('#'));
  }
  const files = inputs.flatMap(filesOf);
  if (files.length === 0) throw new UsageError('no recordings found');
  const tally: Tally = { passed: 0, failed: 0, callSteps: 0, callStepsAgree: 0 };
  for (const file of files) checkFile(file, options, tally);
  if (options.emit !== undefined) emitFiles(options.emit, options);
  console.log(`call order: ${tally.callStepsAgree} of ${tally.callSteps} steps agree`);
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed === 0 ? 0 : 1;
};

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`conformance: ${error.message}`);
  process.exitCode = 2;
}
