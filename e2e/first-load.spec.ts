import { gzipSync } from 'node:zlib';
import { expect, test } from './app-page.ts';

/** What `first_load_js_gzip_bytes` of the benchmark promises. */
const MAX_GZIP_BYTES = 256_000;

test('a first visit fetches few scripts, and no worker before something is opened', async ({ app, page }) => {
  const scripts = new Map<string, number>();
  const reading: Promise<void>[] = [];
  page.on('response', (response) => {
    if (!response.url().endsWith('.js')) return;
    reading.push(
      response.body().then((body) => void scripts.set(response.url(), gzipSync(body, { level: 9 }).length)),
    );
  });
  await app.open();
  await expect(page.getByRole('button', { name: 'Watch a page come home' })).toBeVisible();
  await page.waitForLoadState('networkidle');
  await Promise.all(reading);
  expect(page.workers()).toEqual([]);
  expect(scripts.size).toBeGreaterThan(0);
  const sum = [...scripts.values()].reduce((bytes, size) => bytes + size, 0);
  expect(sum).toBeGreaterThan(50_000);
  expect(sum).toBeLessThanOrEqual(MAX_GZIP_BYTES);
});
