import { expect, test } from './app-page.ts';

const RUN = './?scenario=coherent-longterm-pin-fast&t=3';

test('events, functions, moments and steps go forward and exactly back', async ({ app }) => {
  await app.open(RUN);
  const trail = [await app.caption.textContent()];
  const forward = ['ArrowRight', 'Shift+ArrowRight', 'l', ']'];
  for (const key of forward) {
    await app.press(key);
    trail.push(await app.caption.textContent());
  }
  expect(new Set(trail).size).toBe(trail.length);
  await app.press('[');
  expect(await app.caption.textContent()).toBe(trail[0]);
  await app.press('Home');
  await expect(app.caption).toContainText('before step 0');
  await app.press('End');
  await expect(app.caption).toContainText('step 6');
});

test('the arrow keys of a focused map select pages, and the inspector follows', async ({ app, page }) => {
  await app.open(RUN);
  await page.getByRole('application', { name: 'Map of VRAM, device 0' }).focus();
  await app.press('ArrowLeft');
  await expect(app.inspector).toContainText('buf+0');
  await app.press('ArrowLeft');
  await expect(app.inspector).toContainText('buf+1');
  await app.press('Escape');
  await expect(app.inspector).toContainText('Select a page');
});

test('letters can be switched off', async ({ app, page }) => {
  await app.open(RUN);
  await page.keyboard.press('?');
  await page.getByRole('checkbox', { name: /single letter/ }).uncheck();
  await page.keyboard.press('Escape');
  const place = await app.caption.textContent();
  await app.press('l', 'k');
  expect(await app.caption.textContent()).toBe(place);
  await app.press('ArrowRight');
  expect(await app.caption.textContent()).not.toBe(place);
});

test('the history of a page leads to its moments', async ({ app, page }) => {
  await app.open(`${RUN}&sel=page:0x5fffd`);
  const history = page.getByRole('region', { name: 'History' });
  const before = await app.caption.textContent();
  await history.getByRole('button').first().click();
  await app.idle();
  expect(await app.caption.textContent()).not.toBe(before);
  await expect(app.inspector).toContainText('0x5fffd');
});

test('what is typed while a dialog is fetched stands in its field', async ({ page }) => {
  // the chunks of both dialogs come late
  let fetched = (): void => undefined;
  const late = (): Promise<void> =>
    new Promise<void>((resolve) => {
      fetched = resolve;
    });
  let gate = late();
  await page.route(/\/(Palette|ScenarioPicker)-[\w-]+\.js/, async (route) => {
    await gate;
    await route.continue();
  });
  await page.goto('./?scenario=longterm-pin&t=3');
  await expect(page.getByRole('region', { name: 'Page table of process A' })).toBeVisible();
  await page.keyboard.press('Control+k');
  const early = page.getByRole('textbox', { name: 'Find and do' });
  await expect(early).toBeFocused();
  await page.keyboard.type('kernel l');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  // another one begins anew
  await page.getByRole('button', { name: /^Scenario/ }).click();
  const filter = page.getByRole('textbox', { name: 'Scenarios' });
  await expect(filter).toBeFocused();
  await page.keyboard.type('mixed');
  await expect(filter).toHaveValue('mixed');
  fetched();
  const found = page.getByRole('searchbox', { name: 'Filter scenarios' });
  await expect(found).toHaveValue('mixed');
  await expect(found).toBeFocused();
  await page.keyboard.type('-r');
  await expect(found).toHaveValue('mixed-r');
  await page.getByRole('button', { name: 'Close' }).click();
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox', { name: 'Find and do' })).toHaveValue('');
  // Enter that came too early opens what was meant, as soon as that is known
  gate = late();
  await page.goto('./?scenario=longterm-pin&t=3');
  await page.getByRole('button', { name: /^Scenario/ }).click();
  await expect(filter).toBeFocused();
  await page.keyboard.type('busy-page');
  await page.keyboard.press('Enter');
  fetched();
  await expect(page).toHaveURL(/scenario=busy-page/);
});
