import { expect, test } from './app-page.ts';

const RUN = './?scenario=coherent-longterm-pin-fast&t=3.47';

test('a page opens over the run and gives it back as it was', async ({ app, page }) => {
  await app.open(RUN);
  const caption = await app.caption.textContent();
  await page.getByRole('button', { name: 'Pages to read' }).click();
  const menu = page.getByRole('dialog', { name: 'Pages to read' });
  await menu.getByRole('button', { name: /^What is modelled/ }).click();
  await app.idle();
  const document = page.getByRole('main', { name: 'What is modelled' });
  await expect(document.getByRole('navigation', { name: 'Contents' })).toBeVisible();
  await expect(page).toHaveURL(/\?page=model&scenario=/);
  await expect(page).toHaveTitle('What is modelled · Migrascope');
  await expect(app.caption).toBeHidden();
  await app.press('ArrowRight', 'Escape');
  await expect(document).toBeHidden();
  await expect(app.caption).toHaveText(caption ?? '');
  await page.goBack();
  await app.idle();
  await expect(document).toBeVisible();
  await page.goBack();
  await app.idle();
  await expect(app.caption).toHaveText(caption ?? '');
});

test('a page can be typed into the address, and one that does not exist is said', async ({ app, page }) => {
  await app.open('./?page=model');
  await expect(page.getByRole('heading', { name: 'What is modelled', level: 2 })).toBeVisible();
  await page.getByRole('button', { name: 'Back to the app' }).click();
  await expect(page.getByRole('button', { name: 'Watch a page come home' })).toBeVisible();
  await app.open('./?page=nothing');
  await expect(page.getByRole('heading', { name: 'No such page' })).toBeVisible();
  await page.getByRole('button', { name: /^What is modelled/ }).click();
  await expect(page.getByRole('heading', { name: 'What is modelled', level: 2 })).toBeVisible();
});

test('the model page filters by words and by state, and its rows open what shows them', async ({
  app,
  page,
}) => {
  await app.open('./?page=model/gup');
  const longterm = page
    .getByRole('listitem')
    .filter({ has: page.getByRole('heading', { name: 'Long-term pins' }) });
  await expect(longterm).toContainText('The retry after a failed isolation ends after 16 passes');
  await page.getByRole('searchbox', { name: 'Filter mechanisms' }).fill('patch 4');
  await expect(page.getByRole('status').filter({ hasText: 'mechanisms' })).toHaveText(
    /^\d+ of \d+ mechanisms/,
  );
  await expect(longterm).toBeHidden();
  await page.getByRole('searchbox', { name: 'Filter mechanisms' }).fill('');
  await page.getByRole('radio', { name: 'Not modelled' }).check();
  await expect(page.getByRole('heading', { name: 'Memory controllers' })).toBeVisible();
  await expect(page.getByRole('heading', { level: 3, name: 'References and pins' })).toBeHidden();
  await page.getByRole('radio', { name: 'All', exact: true }).check();
  await longterm.getByRole('button', { name: 'pin-mixed-busy' }).click();
  await app.idle();
  await expect(page).toHaveURL(/\?scenario=pin-mixed-busy/);
});

test('the types page gives the kernel’s own answers, and opens a scene', async ({ app, page }) => {
  await app.open('./?page=types');
  const pins = page.getByRole('region', { name: 'References and pins' }).getByRole('table');
  const longterm = pins
    .getByRole('row')
    .filter({ hasText: /^pin_user_pages, FOLL_LONGTERM/ })
    .getByRole('cell');
  await expect(longterm).toHaveText([/home/, /home/, /-EOPNOTSUPP/, /in place/, /not mapped/]);
  await page.getByRole('button', { name: 'See it run: FS_DAX' }).click();
  await app.idle();
  await expect(page).toHaveURL(/scenario=type-fs-dax/);
  await expect(pins).toBeHidden();
  await page.goBack();
  await app.idle();
  await expect(pins).toBeVisible();
});

for (const id of ['model', 'types', 'glossary']) {
  test(`the page ${id} is accessible and fits every window`, async ({ app, page }) => {
    test.slow();
    await page.setViewportSize({ width: 390, height: 844 });
    await app.open(`./?page=${id}`);
    await expect(page.getByRole('navigation', { name: 'Contents' })).toBeVisible();
    await app.expectAccessible();
    for (const width of [320, 390, 768, 1440, 1920, 2560]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await app.overflowPx(), `${width} px`).toBe(0);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await app.showTheme('dark');
    await app.expectAccessible();
  });
}
