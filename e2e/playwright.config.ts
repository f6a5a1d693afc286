import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';
import { browserLaunchOptions } from './browser.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

// Each run has a port of its own. Playwright reads this file again in each worker, which inherits the variable.
process.env.E2E_PORT ??= execFileSync(process.execPath, ['src/tools/free-port.mjs', '4273'], {
  cwd: root,
  encoding: 'utf8',
}).trim();
const port = Number(process.env.E2E_PORT);
const baseURL = `http://127.0.0.1:${port}/`;

export default defineConfig({
  testDir: '.',
  ...(process.env.PICTURES === undefined
    ? { testIgnore: 'pictures.spec.ts' }
    : { testMatch: 'pictures.spec.ts' }),
  outputDir: '../test-results',
  // One more than a small machine has cores: a test waits for pictures part of the time.
  workers: 3,
  fullyParallel: true,
  forbidOnly: process.env.CI !== undefined,
  retries: 0,
  // A busy machine is no failure; what hangs still ends.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: {
    baseURL,
    viewport: { width: 1280, height: 800 },
    locale: 'en',
    timezoneId: 'UTC',
    launchOptions: browserLaunchOptions(),
  },
  // Serves what `npm run build` made.
  webServer: {
    command: `npx vite preview --host 127.0.0.1 --port ${port} --strictPort --logLevel warn`,
    cwd: root,
    url: baseURL,
    reuseExistingServer: false,
  },
});
