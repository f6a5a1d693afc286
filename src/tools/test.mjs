// npm test: everything that is checked, in order. All stages run, also after one has failed; the summary names those
// that did. `npm test -- lint types` runs only the named stages.

import { spawnSync } from 'node:child_process';
import { ensureBrowser } from './browser.mjs';
import { ensureInstalled, root } from './install.mjs';

/** @param {string} script @param {readonly string[]} args */
const npmRun =
  (script, ...args) =>
  () => {
    const { status } = spawnSync(
      'npm',
      ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])],
      {
        cwd: root,
        stdio: ['ignore', 'inherit', 'inherit'],
        shell: process.platform === 'win32',
      },
    );
    return status === 0;
  };

/** @type {readonly { name: string, run: () => boolean }[]} */
const STAGES = [
  { name: 'format', run: npmRun('format:check') },
  { name: 'lint', run: npmRun('lint') },
  { name: 'types', run: npmRun('typecheck') },
  { name: 'unit', run: npmRun('unit') },
  { name: 'deadcode', run: npmRun('deadcode') },
  { name: 'conformance', run: npmRun('conformance', '--calls') },
  // 20,000 generated programs
  { name: 'programs', run: npmRun('programs') },
  // a beginning of what `npm run soup` runs, which takes longer than all other stages together
  { name: 'soup', run: npmRun('soup', '--ops', '300') },
  { name: 'build', run: npmRun('build', '--logLevel', 'warn') },
  { name: 'browser', run: ensureBrowser },
  { name: 'e2e', run: npmRun('e2e:built') },
];

const names = process.argv.slice(2);
const unknown = names.filter((name) => !STAGES.some((stage) => stage.name === name));
if (unknown.length > 0) {
  console.error(`no stage ${unknown.join(', ')}; there are ${STAGES.map((stage) => stage.name).join(', ')}`);
  process.exit(2);
}

ensureInstalled();
const results = STAGES.filter((stage) => names.length === 0 || names.includes(stage.name)).map(
  ({ name, run }) => {
    console.log(`\n=== ${name}`);
    const startedMs = performance.now();
    const passed = run();
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    if (!passed) console.log(`=== ${name} FAILED`);
    return { name, passed, seconds };
  },
);

console.log('\n=== summary');
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(12)} ${seconds.padStart(6)} s`);
}
const failed = results.filter((result) => !result.passed);
if (failed.length > 0) console.log(`\nFailed: ${failed.map((result) => result.name).join(', ')}`);
process.exit(failed.length > 0 ? 1 : 0);
