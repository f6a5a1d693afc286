import type { Page } from '@playwright/test';
import { expect, test } from './app-page.ts';

/** Where the focus is, as a person who hears the page would meet it; `body` is nowhere. */
const focus = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (element === null || element === document.body) return 'body';
    return element.getAttribute('aria-label') ?? element.getAttribute('aria-labelledby') ?? element.id;
  });

const RUN = './?scenario=coherent-longterm-pin-fast&t=4';

// what had the focus goes with what was done: nobody has to begin again at the top of the page
test('after deselecting and after dropping a pin the focus is in the inspector', async ({ app, page }) => {
  await app.open(`${RUN}&sel=handle:h1`);
  const dropStep = app.inspector.getByRole('button', { name: 'Step 5', exact: true });
  await dropStep.press('Enter');
  await app.idle();
  await expect(dropStep).toBeHidden();
  await expect.poll(() => focus(page)).toBe('inspector-heading');
  await app.inspector.getByRole('button', { name: 'Deselect' }).press('Enter');
  await app.idle();
  await expect.poll(() => focus(page)).toBe('inspector-heading');
  await app.open('./?scenario=patch-6&t=4&sel=handle:long');
  const drop = app.inspector.getByRole('button', { name: 'Drop long' });
  await drop.press('Enter');
  await app.idle();
  await expect(drop).toBeHidden();
  await expect.poll(() => focus(page)).toBe('inspector-heading');
});

test('when a breakpoint goes the focus is in the field for the next one', async ({ app, page }) => {
  await app.open(`${RUN}&stop=fn:try_grab_page`);
  await app.showPanel('Call tree');
  const stops = page.getByRole('region', { name: 'Stop when' });
  await stops.getByRole('button', { name: /^Remove/ }).press('Enter');
  await expect(stops.getByRole('listitem')).toHaveCount(0);
  await expect.poll(() => focus(page)).not.toBe('body');
  await expect(stops.locator(':focus')).toHaveCount(1);
});

test('a dialog gives the focus back, and to what is said where its opener is gone', async ({ app, page }) => {
  await app.open(RUN);
  const opener = page.getByRole('button', { name: 'Panels and layout' });
  await opener.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(opener).toBeFocused();
  await app.open();
  await page.getByRole('button', { name: 'Choose another scenario' }).press('Enter');
  await page.getByRole('searchbox').fill('first-touch');
  await page.keyboard.press('Enter');
  await app.idle();
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect.poll(() => focus(page)).not.toBe('body');
});

test('the first button and the summary of the first run leave the focus at what is said', async ({
  app,
  page,
}) => {
  await app.open();
  await page.getByRole('button', { name: 'Watch a page come home' }).press('Enter');
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  const said = page.locator('#caption');
  await expect(said).toBeFocused();
  await page.getByRole('button', { name: 'Pause' }).click();
  // where the first run ends: the summary stands there however one came to it
  await app.press('[', ']');
  await page.getByRole('button', { name: 'Close the summary' }).press('Enter');
  await expect(said).toBeFocused();
});

test('Escape ends the tour, and the focus is where it was', async ({ app, page }) => {
  await app.open(RUN);
  await page.getByRole('button', { name: 'Keys and help' }).press('Enter');
  const start = page.getByRole('dialog').getByRole('button', { name: /tour|Show me around/i });
  await start.press('Enter');
  await app.idle();
  await page.keyboard.press('Escape');
  await app.idle();
  await expect.poll(() => focus(page)).not.toBe('body');
});
