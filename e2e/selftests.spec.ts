import { expect, test } from './app-page.ts';

const GUP = 'hmm.hmm_device_coherent.hmm_gup_test';

test('the picker lists every kind in groups, is accessible, and arrows, filter and Enter open one', async ({
  app,
  page,
}) => {
  await app.open();
  await page.getByRole('button', { name: /^Scenario/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Scenarios' });
  for (const heading of ['Made by hand', 'Recorded on Linux 6.1.192', 'The kernel’s selftests'])
    await expect(dialog.getByRole('heading', { name: heading, exact: true })).toBeVisible();
  await expect(dialog.getByRole('region', { name: /selftests: / }).getByRole('button')).toHaveCount(58);
  await expect(
    dialog.getByRole('region', { name: /With and without a patch/ }).getByRole('button'),
  ).toHaveCount(12);

  const filter = dialog.getByRole('searchbox');
  await expect(filter).toBeFocused();
  await app.expectAccessibleInBothThemes('dialog[open]');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('PageDown');
  await expect(
    dialog
      .getByRole('region', { name: /What may stay pinned/ })
      .getByRole('button')
      .first(),
  ).toBeFocused();
  await page.keyboard.press('ArrowUp');
  await expect(
    dialog
      .getByRole('region', { name: /: Scenes/ })
      .getByRole('button')
      .last(),
  ).toBeFocused();
  // typing goes to the filter again
  await page.keyboard.type('selftest coherent gup');
  await expect(filter).toBeFocused();
  await expect(filter).toHaveValue('selftest coherent gup');
  await expect(dialog.getByRole('status')).toHaveText(/^1 of /);
  await page.keyboard.press('Enter');
  await app.idle();
  await expect(page.getByRole('button', { name: /Scenario: References and long-term pins/ })).toBeVisible();
  await expect(app.badge).toHaveAccessibleName('selftest passes: all 22 assertions hold');
});

test('Enter opens what was typed, though the list is still being looked through', async ({ app, page }) => {
  await app.open();
  await page.getByRole('button', { name: /^Scenario/ }).click();
  await expect(page.getByRole('searchbox')).toBeFocused();
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: 12 });
  await page.keyboard.type('selftest coherent gup');
  await page.keyboard.press('Enter');
  await session.send('Emulation.setCPUThrottlingRate', { rate: 1 });
  await app.idle();
  await expect(page.getByRole('button', { name: /Scenario: References and long-term pins/ })).toBeVisible();
});

test('steps of selftests are fetched when one is opened, not before', async ({ app, page }) => {
  const fetched: string[] = [];
  page.on('request', (request) => fetched.push(new URL(request.url()).pathname));
  await app.open();
  expect(fetched.filter((path) => /without-migration|two-devices|\/source-(?!refs-)/.test(path))).toEqual([]);
  await app.openScenario('hmm2.hmm2_device_private.snapshot');
  expect(fetched.filter((path) => /two-devices/.test(path))).toHaveLength(1);
  await expect(app.badge).toHaveAccessibleName(/^selftest passes/);
});

test('a selftest shows assertion by assertion what holds and what does not', async ({ app, page }) => {
  await app.open(`./?scenario=${GUP}&patches=1-5,7-14`);
  await expect(app.badge).toHaveAccessibleName('selftest fails: 14 of 22 assertions hold');
  await app.press('End');
  await expect(app.step(8)).toContainText('perms[2]: expected w, found coherent-local:w');
  await app.badge.click();
  const dialog = page.getByRole('dialog', { name: /own test/ });
  await expect(dialog.getByRole('row', { name: /perms\[2\]/ })).toContainText('does not hold');
  await expect(dialog.getByRole('row', { name: /not reached/ })).toHaveCount(5);
  await expect(dialog.getByRole('row', { name: /^ret .*holds/ })).not.toHaveCount(0);
  await app.expectAccessibleInBothThemes('dialog[open]');
  await dialog.getByRole('button', { name: /step 3 migrate_to_dev/ }).click();
  await app.idle();
  await expect(app.caption).toContainText('step 3');
});

test('without the patch that brought it, a test does not exist', async ({ app, page }) => {
  await app.open('./?scenario=hmm.hmm_device_private.hmm_cow_in_device&patches=1-13');
  await expect(app.badge).toHaveAccessibleName('no such selftest on this kernel');
  await app.badge.click();
  await expect(page.getByRole('dialog')).toContainText('Without patch 14 hmm-tests has no such test.');
});
