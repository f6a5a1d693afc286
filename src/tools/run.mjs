// Runs a TypeScript file in Node: node src/tools/run.mjs [--built] FILE [ARGUMENTS...]
// --built: as one file made by the build of the app, which is what its users run; for what is measured, and what runs long.
// Adds nothing to stdout and passes the exit code through.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureInstalled, root } from './install.mjs';

const isBuilt = process.argv[2] === '--built';
const [file, ...args] = process.argv.slice(isBuilt ? 3 : 2);
if (file === undefined || !existsSync(resolve(root, file))) {
  console.error(file === undefined ? 'Which file?' : `${file} does not exist.`);
  process.exit(2);
}

ensureInstalled();

/** @returns {Promise<string[]>} what node is given to run the file */
const built = async () => {
  const { build } = await import('vite');
  const name = basename(file, '.ts');
  const outDir = join(root, 'node_modules', '.cache', 'built', name);
  await build({
    root,
    logLevel: 'warn',
    ssr: { noExternal: true },
    publicDir: false,
    build: { ssr: resolve(root, file), outDir, emptyOutDir: true, minify: true },
  });
  return [join(outDir, `${name}.js`)];
};

/** @returns {string[]} */
const plain = () => {
  const tsx = createRequire(join(root, 'package.json')).resolve('tsx');
  return ['--import', pathToFileURL(tsx).href, resolve(root, file)];
};

const child = spawn(process.execPath, [...(isBuilt ? await built() : plain()), ...args], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
