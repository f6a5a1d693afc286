import { expect, test } from './app-page.ts';

const RUN = './?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd';

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
  await app.expectAccessibleInBothThemes();
});

test('the running app is accessible, as pictures and as text', async ({ app }) => {
  test.slow();
  await app.open(RUN);
  await expect(app.inspector).toContainText('_refcount');
  await app.expectAccessibleInBothThemes();
  await app.showText(true);
  await app.expectAccessibleInBothThemes();
});

test('so are its dialogs', async ({ app, page }) => {
  test.slow();
  await app.open(RUN);
  const dialog = page.getByRole('dialog');
  const openers = [
    page.getByRole('button', { name: /^Scenario/ }),
    app.badge,
    page.getByRole('button', { name: 'Keys and help' }),
    page.getByRole('button', { name: 'Panels and layout' }),
    page.getByRole('button', { name: 'Find and do anything' }),
    page.getByRole('button', { name: 'Pages to read' }),
  ];
  for (const opener of openers) {
    await opener.click();
    await expect(dialog).toBeVisible();
    await app.expectAccessibleInBothThemes('dialog[open]');
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
  }
});

test('the one button loads the long-term pin, stands before it, and plays', async ({ app, page }) => {
  await app.open();
  await page.getByRole('button', { name: 'Watch a page come home' }).click();
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  await expect(app.caption).toContainText('pin_user_pages_fast');
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible();
});
