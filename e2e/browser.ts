import type { LaunchOptions } from '@playwright/test';
import { findBrowser } from '../src/tools/browser.mjs';

/** The same picture on every machine, and no traffic of the browser's own. */
const FLAGS = [
  '--force-color-profile=srgb',
  '--font-render-hinting=none',
  '--disable-lcd-text',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** CHROME_PATH or an installed Chrome or Chromium; without one, Playwright looks for its own. */
export function browserLaunchOptions(): LaunchOptions {
  const executablePath = findBrowser();
  return { args: FLAGS, ...(executablePath === undefined ? {} : { executablePath }) };
}
