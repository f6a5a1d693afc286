import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';

test('the page opens, stays silent, asks nobody else and is accessible', async ({ page, baseURL }) => {
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    const isOwn = origin === new URL(baseURL ?? '').origin || protocol === 'data:' || protocol === 'blob:';
    if (!isOwn) strangers.push(request.url());
  });

  await page.goto('./');
  await expect(page.getByRole('heading', { level: 1, name: 'Migrascope' })).toBeVisible();
  await page.waitForLoadState('networkidle');

  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)).toEqual([]);
  expect(complaints).toEqual([]);
  expect(strangers).toEqual([]);
});

test('the built page has a strict content security policy and no inline code', async ({ request }) => {
  const html = await (await request.get('./')).text();
  expect(html).toContain(
    `http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self'`,
  );
  expect(html).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=/);
});
