// Makes sure that node_modules is what package-lock.json says. Built-ins only: it runs before anything is installed.
// Whatever it prints goes to stderr, so that stdout belongs to the command that needed it.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, with a slash at its end. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

const stamp = join(root, 'node_modules', '.lock-hash');

/** @param {string} text */
const hash = (text) => createHash('sha256').update(text).digest('hex');
const lockHash = () => hash(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const isInstalled = () => existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === lockHash();

/** @param {number} ms */
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Installs once when several commands start at the same time. The others wait. @param {() => void} action */
function exclusively(action) {
  const busy = join(tmpdir(), `migrascope-install-${hash(root).slice(0, 16)}`);
  const staleAfterMs = 10 * 60_000;
  for (;;) {
    try {
      mkdirSync(busy);
      break;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
      const since = statSync(busy, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
      if (Date.now() - since > staleAfterMs) rmSync(busy, { recursive: true, force: true });
      else sleep(200);
    }
  }
  try {
    action();
  } finally {
    rmSync(busy, { recursive: true, force: true });
  }
}

/** Runs `npm ci` if the lock has changed since the last time, or was never installed. */
export function ensureInstalled() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) {
    console.error(`Node 20 or newer is needed; this is ${process.versions.node}.`);
    process.exit(1);
  }
  if (isInstalled()) return;
  exclusively(() => {
    if (isInstalled()) return;
    console.error('Installing packages (npm ci) ...');
    const { status } = spawnSync('npm', ['ci', '--include=dev', '--no-fund', '--no-audit'], {
      cwd: root,
      stdio: ['ignore', process.stderr, process.stderr],
      shell: process.platform === 'win32',
    });
    if (status !== 0) {
      console.error('npm ci failed.');
      process.exit(status ?? 1);
    }
    writeFileSync(stamp, `${lockHash()}\n`);
  });
}
