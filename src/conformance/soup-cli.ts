// npm run -s soup -- [--ops N] [--seed N] [--series on|off|v6.0] [--out DIR]
// Runs the stress soup with the whole series, without it, and as Linux 6.0 was, each in a process of its own; exits with 1 at the first
// problem, and leaves a short scenario file that shows it.

import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runScenario } from './programs.ts';
import { minimize, writeScenario } from './shrink.ts';
import { runSoup, SERIES, type Series } from './soup.ts';

const { values } = parseArgs({
  options: {
    ops: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    /** Only one of them, in this process. */
    series: { type: 'string' },
    out: { type: 'string', default: 'test-results/soup' },
  },
});

const runOne = (series: Series): boolean => {
  const started = performance.now();
  const outcome = runSoup({ ops: Number(values.ops), seed: Number(values.seed), series });
  for (const problem of outcome.problems.slice(0, 20)) console.log(problem);
  const { ops, succeeded, failed, refused, lives, oomKills, hash } = outcome;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `series ${series}: ${ops} operations in ${lives} lives, ${succeeded} succeeded, ${failed} failed, ` +
      `${refused} not possible, ${oomKills} out of memory, hash ${hash.toString(16)}, ${seconds} s`,
  );
  if (outcome.failing === undefined) return true;
  console.log(
    `series ${series}: all of it in ${writeScenario(outcome.failing, values.out)}; looking for a shorter one`,
  );
  const again = runScenario(outcome.failing);
  if (again.problems.length === 0)
    console.log('it does not fail by itself: what it did before its boot matters');
  else console.log(`series ${series}: ${writeScenario(minimize(again).scenario, join(values.out, 'short'))}`);
  return false;
};

const runInProcess = (series: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--series', series], {
      execArgv: process.execArgv,
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code === 0));
  });

if (values.series === undefined) {
  const hold = (await Promise.all(SERIES.map(runInProcess))).every(Boolean);
  console.log(hold ? 'all invariants hold' : 'the invariants do not hold');
  process.exitCode = hold ? 0 : 1;
} else {
  const series = SERIES.find((each) => each === values.series);
  if (series === undefined) throw new Error(`--series is one of ${SERIES.join(', ')}`);
  process.exitCode = runOne(series) ? 0 : 1;
}
