// How a benchmark ends: a table, words on what has changed since the result that was committed, and its JSON file.

import { existsSync } from 'node:fs';
import { type BenchResult, compareFigures, figureTable, readFigures, writeResult } from './figures.ts';

/** The file behind `--json`; undefined where there is none. @throws Error when the option has no file */
export const jsonFile = (args: readonly string[]): string | undefined => {
  const at = args.indexOf('--json');
  const file = at < 0 ? undefined : args[at + 1];
  if (at >= 0 && file === undefined) throw new Error('--json needs a file');
  return file;
};

/**
 * Prints a result and compares it with an earlier one.
 *
 * @param committed - file of the earlier result; it may be missing
 * @param file - where to write this one
 */
export const reportResult = (result: BenchResult, committed: string, file: string | undefined): void => {
  const { machine, versions, figures } = result;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(`${named.join(', ')}, ${machine.cores} x ${machine.cpu}`);
  console.log(figureTable(figures));
  if (existsSync(committed)) {
    const changes = compareFigures(readFigures(committed), figures);
    console.log(`\nSince ${committed}:`);
    for (const line of changes.length > 0 ? changes : ['nothing changed by more than the noise.'])
      console.log(`  ${line}`);
  }
  if (file !== undefined) writeResult(file, result);
  if (figures.some(({ ok }) => !ok)) process.exitCode = 1;
};
