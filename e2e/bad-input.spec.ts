import { expect, test } from './app-page.ts';

const RUN = './?scenario=coherent-longterm-pin-fast&t=3';

test('an unknown scenario is named, and the app goes on', async ({ app, page }) => {
  await app.open('./?scenario=no-such-thing&theme=purple');
  await expect(page.getByRole('alert')).toContainText('no-such-thing');
  await expect(page.getByRole('alert')).toContainText('The link names a theme that does not exist: purple.');
  await app.openScenario('private-cpu-read');
  await expect(page.getByRole('region', { name: 'Page table of process A' })).toBeAttached();
});

for (const hash of ['#v1.', '#v1.%%%', '#v1.AAAA', '#v9.abc', `#v1.${'A'.repeat(20_000)}`]) {
  test(`a link that cannot be read is said so: ${hash.slice(0, 12)}`, async ({ app, page }) => {
    await app.open(`./${hash}`);
    await expect(page.getByRole('alert')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Watch a page come home' })).toBeVisible();
  });
}

test('an impossible step is refused by name, and the last good state stays', async ({ app, page }) => {
  await app.open(RUN);
  const frames = await app.frames();
  const field = page.getByLabel('Next step');
  await field.fill('migrate_to_dev nowhere 0');
  await field.press('Enter');
  await app.idle();
  await expect(page.getByRole('alert')).toContainText('nowhere');
  expect(await app.frames()).toEqual(frames);
  await field.fill('nonsense');
  await field.press('Enter');
  await expect(page.getByText('There is no step nonsense.')).toBeVisible();
});

test('a file that is no scenario is refused with its place', async ({ app, page }) => {
  await app.open(RUN);
  await page.getByRole('button', { name: /^Scenario/ }).click();
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByText('Open a file').click(),
  ]);
  const bad = { format: 1, devices: [], steps: [{ step: { op: 'mmap', proc: 'A', vma: 'x', pages: -1 } }] };
  await chooser.setFiles({
    name: 'bad.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(bad)),
  });
  await app.idle();
  await expect(page.getByRole('alert')).toContainText('step 0, pages');
  await expect(page.getByRole('region', { name: 'Page table of process A' })).toBeVisible();
});
