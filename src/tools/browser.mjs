// Finds the browser for the end-to-end tests, and installs one where there is none.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { root } from './install.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'];
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/** CHROME_PATH, or an installed Chrome or Chromium. @returns {string | undefined} */
export function findBrowser() {
  const chosen = process.env.CHROME_PATH;
  if (chosen !== undefined && chosen !== '') {
    if (!existsSync(chosen)) throw new Error(`CHROME_PATH is ${chosen}, which does not exist`);
    return chosen;
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...onPath, ...PLACES].find((file) => existsSync(file));
}

/** @param {string} command @param {readonly string[]} args */
function succeeds(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return (
    spawnSync(command, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr], env }).status ===
    0
  );
}

function isDebianAsRoot() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return process.getuid?.() === 0 && /^ID="?debian"?$/m.test(release);
}

function aptInstallChromium() {
  const install = ['install', '-y', '--no-install-recommends', '--no-upgrade', 'chromium'];
  // A new machine has no package lists, an old one has lists that name files that are gone.
  return succeeds('apt-get', install) || (succeeds('apt-get', ['update']) && succeeds('apt-get', install));
}

/** Playwright's own Chromium, if it was downloaded earlier. */
function playwrightBrowser() {
  const { chromium } = createRequire(join(root, 'package.json'))('playwright');
  return existsSync(chromium.executablePath());
}

/** Returns whether there is a browser now. Needs the packages to be installed. */
export function ensureBrowser() {
  if (findBrowser() !== undefined || playwrightBrowser()) return true;
  console.error('Installing Chromium ...');
  if (isDebianAsRoot()) return aptInstallChromium();
  if (process.env.CI) return false;
  return succeeds(process.execPath, [
    join(root, 'node_modules', 'playwright', 'cli.js'),
    'install',
    'chromium',
  ]);
}
