// Runs a TypeScript file in Node: node src/tools/run.mjs FILE [ARGUMENTS...]
// Adds nothing to stdout and passes the exit code through.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureInstalled, root } from './install.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined || !existsSync(resolve(root, file))) {
  console.error(file === undefined ? 'Which file?' : `${file} does not exist.`);
  process.exit(2);
}

ensureInstalled();
const tsx = createRequire(join(root, 'package.json')).resolve('tsx');
const child = spawn(process.execPath, ['--import', pathToFileURL(tsx).href, resolve(root, file), ...args], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
