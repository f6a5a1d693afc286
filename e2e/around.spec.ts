// Things around a run: words that the palette finds, a pin that is dropped by hand, the tour.

import { expect, test } from './app-page.ts';

test('the palette finds words of the glossary, and opens it there', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin&t=3');
  await page.keyboard.press('Control+k');
  const field = page.getByRole('dialog').getByRole('combobox');
  await field.fill('pageblock');
  await page
    .getByRole('group', { name: 'Glossary' })
    .getByRole('option', { name: /^pageblock/ })
    .click();
  await app.idle();
  await expect(page).toHaveURL(/[?&]page=glossary\/term-pageblock/);
  await expect(page.getByRole('term').filter({ hasText: /^pageblock$/ })).toBeFocused();
});

test('a pin is dropped by hand: what that means stands beside, and its step is added to the run', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=patch-6&t=4&sel=handle:long');
  const drop = app.inspector.getByRole('button', { name: 'Drop long' });
  await expect(drop).toHaveAccessibleDescription(/adds the step.*unpin long/s);
  const steps = page.getByRole('region', { name: 'Steps' }).getByRole('listitem');
  const before = await steps.count();
  await app.expectAccessibleInBothThemes('.inspector');
  await drop.press('Enter');
  await app.idle();
  await expect(steps).toHaveCount(before + 1);
  await expect(steps.last()).toContainText('unpin long');
});

test('the tour points at each part, by key and by button, and can be left at any time', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=longterm-pin&t=3');
  const start = async () => {
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').getByRole('combobox').fill('Show me around');
    await page.keyboard.press('Enter');
    await app.idle();
  };
  await start();
  const tour = page.getByRole('dialog');
  await expect(tour).toBeFocused();
  await expect(tour).toContainText(/1 of \d/);
  await app.expectAccessibleInBothThemes('.tour');
  await page.keyboard.press('ArrowRight');
  await expect(tour).toContainText(/2 of \d/);
  await tour.getByRole('button', { name: 'Back' }).click();
  await expect(tour).toContainText(/1 of \d/);
  await page.keyboard.press('Escape');
  await expect(tour).toHaveCount(0);
  await start();
  for (let spot = 0; spot < 20 && (await tour.getByRole('button', { name: 'Next' }).count()) > 0; spot++)
    await tour.getByRole('button', { name: 'Next' }).click();
  await tour.getByRole('button', { name: 'Done' }).click();
  await expect(tour).toHaveCount(0);
});

test('what has no key is done from the palette: a theme, a colour of the maps, a comparison', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=longterm-pin&t=4');
  const choose = async (words: string) => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Find and do' }).fill(words);
    await page.getByRole('dialog').getByRole('option').first().click();
    await app.idle();
  };
  await choose('theme dark');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await choose('colour maps refcount');
  await expect(page.getByRole('group', { name: 'Legend, colour by refcount' })).toBeVisible();
  await choose('compare without patch 6');
  await expect(page.getByRole('combobox', { name: 'Compare with' })).toHaveValue('without-patch-6');
  await choose('costs change TLB shootdown');
  await expect(page.getByRole('textbox', { name: 'TLB shootdown' })).toBeFocused();
  // what is in sight is there by its name: it is pressed, or gets the focus
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Find and do' }).fill('further panels');
  await page.getByRole('option', { name: 'Further panels', exact: true }).first().click();
  await expect(page.getByRole('separator', { name: 'Further panels' })).toBeFocused();
  await choose('kernel patches configuration');
  await expect(page.getByRole('dialog', { name: 'Kernel' })).toBeVisible();
});
