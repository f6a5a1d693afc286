import { expect, test } from './app-page.ts';

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.use({ colorScheme });

    test('the first visit says what this is, offers one thing to do, and plays nothing', async ({
      app,
      page,
    }) => {
      await app.open();
      await expect(
        page.getByRole('heading', { level: 2, name: /Watch the Linux kernel bring memory home/ }),
      ).toBeVisible();
      await expect(page.getByRole('button', { name: 'Watch a page come home' })).toBeVisible();
      for (const term of ['device-coherent memory', 'long-term pin', 'migration'])
        await expect(page.getByRole('term').filter({ hasText: term })).toBeVisible();
      await expect(page.getByRole('button', { name: 'Pause' })).toHaveCount(0);
      await app.expectAccessible();
    });

    test('the running app is accessible, as pictures and as text', async ({ app, page }) => {
      test.slow();
      await app.open('./?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd');
      await expect(app.inspector).toContainText('_refcount');
      await app.expectAccessible();
      await app.showText(true);
      await app.expectAccessible();
      await app.showText(false);
      await page.getByRole('button', { name: /^Scenario/ }).click();
      await app.expectAccessible();
      await page.keyboard.press('Escape');
      await app.badge.click();
      await app.expectAccessible();
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await app.expectAccessible();
    });
  });
}

test('the one button loads the long-term pin, stands before it, and plays', async ({ app, page }) => {
  await app.open();
  await page.getByRole('button', { name: 'Watch a page come home' }).click();
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  await expect(app.caption).toContainText('pin_user_pages_fast');
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible();
});
