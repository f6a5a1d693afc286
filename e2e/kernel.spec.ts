import type { Page } from '@playwright/test';
import { expect, test } from './app-page.ts';

const PIN = 'coherent-longterm-pin-fast';
const BEFORE_PIN = `./?scenario=${PIN}&t=3`;

const openKernel = async (page: Page) => {
  await page.getByRole('button', { name: /^Kernel:/ }).click();
  return page.getByRole('dialog', { name: 'Kernel' });
};
const patch = (number: number) => new RegExp(`^Patch ${number}:`);

test('the kernel dialog is accessible, with a set that can be built and with one that cannot', async ({
  app,
  page,
}) => {
  test.slow();
  await app.open(BEFORE_PIN);
  const dialog = await openKernel(page);
  await app.expectAccessibleInBothThemes('dialog[open]');
  await dialog.getByRole('checkbox', { name: patch(3) }).uncheck();
  await dialog.getByRole('checkbox', { name: 'CONFIG_MIGRATION' }).uncheck();
  await expect(dialog.getByRole('alert')).toBeVisible();
  await app.expectAccessibleInBothThemes('dialog[open]');
});

test('without patch 6 the same scenario pins nothing, and nobody claims to have recorded that', async ({
  app,
  page,
}) => {
  await app.open(BEFORE_PIN);
  await expect(app.badge).toHaveAccessibleName(/agrees with Linux 6\.1\.192 in 7 of 7 steps/);
  const dialog = await openKernel(page);
  await expect(dialog.getByRole('checkbox', { name: /^Patch/ })).toHaveCount(14);
  await dialog.getByRole('button', { name: 'Without 6' }).click();
  await expect(dialog.getByRole('checkbox', { name: patch(6) })).not.toBeChecked();
  await dialog.getByRole('button', { name: 'Run on this kernel' }).click();
  await app.idle();
  await expect(page.getByRole('button', { name: 'Kernel: without patch 6' })).toBeVisible();
  await expect(app.badge).toHaveAccessibleName('kernel not recorded');
  expect(new URL(page.url()).search).toContain('patches=1-5,7-14');
  // it stands before the same step; the pin then fails, and the pages stay on the device
  await app.press(']');
  await expect(app.step(3)).toContainText('EAGAIN');
  expect(Object.values(await app.frames()).join(' ')).toMatch(/^(C0x\w+ *){4}$/);
  await expect(page.getByRole('list', { name: 'Steps that were not run' })).toContainText('unpin h1');

  await app.badge.click();
  const evidence = page.getByRole('dialog', { name: /recorded kernel/ });
  await expect(evidence).toContainText('patches=1-5,7-14');
  await evidence.getByRole('button', { name: 'Run it on the recorded kernel' }).click();
  await app.idle();
  await expect(app.badge).toHaveAccessibleName(/agrees with Linux 6\.1\.192 in 7 of 7 steps/);
});

test('the kernel survives a reload, and Back goes to the one before', async ({ app, page }) => {
  await app.open(BEFORE_PIN);
  const dialog = await openKernel(page);
  await dialog.getByRole('button', { name: 'None' }).click();
  await dialog.getByRole('checkbox', { name: 'CONFIG_CMA' }).uncheck();
  await dialog.getByRole('button', { name: 'Run on this kernel' }).click();
  await app.idle();
  const kernel = page.getByRole('button', { name: 'Kernel: without the series, CONFIG_CMA off' });
  await expect(kernel).toBeVisible();
  expect(new URL(page.url()).search).toContain('patches=none&config=CMA:n');
  await page.reload();
  await app.idle();
  await expect(kernel).toBeVisible();
  await expect(page.getByRole('region', { name: 'Steps' })).toContainText('the machine has no device 0');
  await page.goBack();
  await app.idle();
  await expect(page.getByRole('button', { name: 'Kernel: whole series' })).toBeVisible();
  await expect(app.badge).toHaveAccessibleName(/agrees/);
});

test('a set that cannot be built is refused in place, named, and can be put right', async ({ app, page }) => {
  await app.open(BEFORE_PIN);
  const dialog = await openKernel(page);
  const run = dialog.getByRole('button', { name: 'Run on this kernel' });
  await dialog.getByRole('checkbox', { name: patch(3) }).uncheck();
  await expect(dialog.getByRole('alert')).toContainText(
    'Patches 5, 6, 7 and 10 cannot be built without patch 3',
  );
  await expect(run).toBeDisabled();
  await expect(dialog.getByText('cannot be built without 3 and 5')).toHaveCount(0);
  await dialog.getByRole('button', { name: 'Take those out, too' }).click();
  await expect(dialog.getByRole('checkbox', { name: patch(6) })).not.toBeChecked();
  await expect(run).toBeEnabled();
  await dialog.getByRole('checkbox', { name: patch(7) }).check();
  await expect(run).toBeDisabled();
  await dialog.getByRole('button', { name: 'Put back what they need' }).click();
  await expect(dialog.getByRole('checkbox', { name: patch(5) })).toBeChecked();
  await expect(run).toBeEnabled();
  // nothing ran meanwhile
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Kernel: whole series' })).toBeVisible();
});

test("a scene's own kernel is where the picker starts, and a patch leads to its scene", async ({
  app,
  page,
}) => {
  await app.open('./?scenario=patch-4-without');
  let dialog = await openKernel(page);
  await expect(dialog.getByRole('button', { name: 'Without 4' })).toHaveAttribute('aria-pressed', 'true');
  await dialog.getByRole('button', { name: 'All 14' }).click();
  await expect(dialog.getByRole('button', { name: 'As the scenario asks: without patch 4' })).toBeVisible();
  await dialog.getByRole('button', { name: 'See it: without patch 6' }).click();
  await app.idle();
  await expect(page).toHaveTitle(/Without patch 6/);
  dialog = await openKernel(page);
  await expect(dialog.getByText('only moved declarations')).toBeVisible();
});

test('a switch and a reason lead to their scenes, on the kernel that shows them', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin');
  let dialog = await openKernel(page);
  await dialog.getByRole('button', { name: 'See it: CONFIG_CMA off' }).click();
  await app.idle();
  await expect(page.getByRole('button', { name: 'Kernel: whole series, CONFIG_CMA off' })).toBeVisible();
  dialog = await openKernel(page);
  await dialog.getByRole('button', { name: /^See it: Its pageblock is isolated/ }).click();
  await app.idle();
  await expect(page).toHaveURL(/scenario=pinnable-isolate/);
  dialog = await openKernel(page);
  await app.expectAccessible();
  await dialog.getByRole('button', { name: 'The same with patch 6' }).click();
  await app.idle();
  await expect(page).toHaveURL(/scenario=patch-6&/);
});

test('without patch 1 the screen says the old names, with it the new ones', async ({ app, page }) => {
  const inFunction = async (patches: string): Promise<string> => {
    await app.open(`./?scenario=${PIN}&patches=${patches}&t=3&sel=page:0x5fffd`);
    const stack = page.getByRole('region', { name: 'Kernel call stack' });
    const asked = stack.getByText(/^is_(longterm_)?pinnable_page$/);
    for (let i = 0; i < 20 && (await asked.count()) === 0; i++) await app.press('Shift+ArrowRight');
    await app.press('l');
    await app.showText(true);
    return (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ');
  };
  const before = await inFunction('2-14');
  expect(before).toContain('is_pinnable_page');
  expect(before).not.toContain('longterm_pinnable');
  const now = await inFunction('all');
  expect(now).toContain('is_longterm_pinnable_page');
  expect(now).not.toContain('is_pinnable_page');
});

test('an impossible set in the address is refused with what is missing', async ({ app, page }) => {
  await app.open(`./?scenario=${PIN}&patches=6`);
  await expect(page.getByRole('alert')).toContainText('cannot be built without patch 3');
  await expect(app.badge).toHaveAccessibleName(/agrees/);
});
