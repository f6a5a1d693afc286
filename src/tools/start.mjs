// npm start: installs what is missing, builds the app, serves it and prints its address on a line of its own.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { freePort } from './free-port.mjs';
import { ensureInstalled, root } from './install.mjs';

ensureInstalled();
const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');

const build = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
  cwd: root,
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(build.status ?? 1);

const port = await freePort();
const url = `http://localhost:${port}/`;
const preview = spawn(
  process.execPath,
  [vite, 'preview', '--host', '127.0.0.1', '--port', String(port), '--strictPort', '--logLevel', 'warn'],
  { cwd: root, stdio: 'inherit' },
);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => preview.kill(signal));
preview.on('exit', (code) => process.exit(code ?? 0));

// Who ends npm ends the server too: npm's shell does not pass the signal on.
const { ppid } = process;
if (process.env.npm_lifecycle_event !== undefined) {
  setInterval(() => process.ppid === ppid || preview.kill(), 500).unref();
}

/** The address is printed when it answers, not before. */
async function waitUntilServed() {
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      // Not listening yet; if the server died, its exit ends this process.
      await new Promise((resume) => setTimeout(resume, 50));
    }
  }
}

await waitUntilServed();
console.log(url);
