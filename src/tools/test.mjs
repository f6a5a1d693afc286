// npm test: everything that is checked, in order. All stages run, also after one has failed; the summary names those
// that did. `npm test -- lint types` runs only the named stages.

import { spawn } from 'node:child_process';
import { ensureBrowser } from './browser.mjs';
import { ensureInstalled, root } from './install.mjs';

/**
 * @param {string} script
 * @param {readonly string[]} args
 */
const npmRun =
  (script, ...args) =>
  /** @param {boolean} isAlone @returns {Promise<boolean>} */
  (isAlone) =>
    new Promise((resolve) => {
      const child = spawn('npm', ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])], {
        cwd: root,
        // of several at once each is told when it is done
        stdio: ['ignore', isAlone ? 'inherit' : 'pipe', isAlone ? 'inherit' : 'pipe'],
        shell: process.platform === 'win32',
      });
      /** @type {Buffer[]} */
      const told = [];
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part) => told.push(part));
      child.on('error', (error) => {
        console.error(String(error));
        resolve(false);
      });
      child.on('close', (status) => {
        process.stdout.write(Buffer.concat(told));
        resolve(status === 0);
      });
    });

/** @typedef {{ name: string, run: (isAlone: boolean) => boolean | Promise<boolean> }} Stage */

/** One after the other; those of one row at once, as none of them uses both cores all the time. */
/** @type {readonly (readonly Stage[])[]} */
const ROWS = [
  [
    { name: 'types', run: npmRun('typecheck') },
    { name: 'lint', run: npmRun('lint') },
    { name: 'format', run: npmRun('format:check') },
    { name: 'deadcode', run: npmRun('deadcode') },
  ],
  [{ name: 'unit', run: npmRun('unit') }],
  [{ name: 'conformance', run: npmRun('conformance', '--calls') }],
  // 20,000 generated programs
  [{ name: 'programs', run: npmRun('programs') }],
  // a beginning of what `npm run soup` runs, which takes longer than all other stages together
  [{ name: 'soup', run: npmRun('soup', '--ops', '600') }],
  [{ name: 'build', run: npmRun('build', '--logLevel', 'warn') }],
  [{ name: 'browser', run: ensureBrowser }],
  [{ name: 'e2e', run: npmRun('e2e:built') }],
];
const STAGES = ROWS.flat();

const names = process.argv.slice(2);
const unknown = names.filter((name) => !STAGES.some((stage) => stage.name === name));
if (unknown.length > 0) {
  console.error(`no stage ${unknown.join(', ')}; there are ${STAGES.map((stage) => stage.name).join(', ')}`);
  process.exit(2);
}

ensureInstalled();

/** @param {Stage} stage @param {boolean} isAlone */
const timed = async ({ name, run }, isAlone) => {
  if (isAlone) console.log(`\n=== ${name}`);
  const startedMs = performance.now();
  const passed = await run(isAlone);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  if (!passed) console.log(`=== ${name} FAILED`);
  return { name, passed, seconds };
};

/** @type {{ name: string, passed: boolean, seconds: string }[]} */
const results = [];
for (const row of ROWS) {
  const wanted = row.filter(({ name }) => names.length === 0 || names.includes(name));
  if (wanted.length > 1) console.log(`\n=== ${wanted.map(({ name }) => name).join(', ')}`);
  results.push(...(await Promise.all(wanted.map((stage) => timed(stage, wanted.length === 1)))));
}

console.log('\n=== summary');
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(12)} ${seconds.padStart(6)} s`);
}
const failed = results.filter((result) => !result.passed);
if (failed.length > 0) console.log(`\nFailed: ${failed.map((result) => result.name).join(', ')}`);
process.exit(failed.length > 0 ? 1 : 0);
