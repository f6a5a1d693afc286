// To a call ahead, or to its next time: from the call tree, the list of functions and the timeline, by key, button, palette.

import { expect, test } from './app-page.ts';

const FN = 'migrate_device_coherent_page';

test('runs to the call that was chosen, and then to its next time', async ({ app, page }) => {
  await app.open('./?scenario=coherent-longterm-pin&t=3.5');
  await app.showPanel('Call tree');
  const tree = page.getByRole('region', { name: /^Calls/ });
  const button = tree.getByRole('button', { name: /^Run to/ });
  await expect(button).toBeDisabled();
  // a call is chosen when it has the focus
  const now = page.getByRole('region', { name: 'Kernel call stack' }).getByRole('listitem').last();
  const fold = tree.getByRole('button', { name: /^Calls of __gup_longterm_locked/ });
  if ((await fold.getAttribute('aria-expanded')) === 'false') await fold.click();
  await app.idle();
  const call = tree.getByRole('button', { name: /^check_and_migrate_movable_pages/ }).first();
  await call.focus();
  await expect(button).toHaveAccessibleName('Run to here: check_and_migrate_movable_pages');
  await page.keyboard.press('c');
  await app.idle();
  await expect(now).toContainText('check_and_migrate_movable_pages');
  const first = await app.position();
  // it lies behind now
  await expect(button).toHaveAccessibleName('Run to the next check_and_migrate_movable_pages');
  await button.click();
  await app.idle();
  await expect(now).toContainText('check_and_migrate_movable_pages');
  expect(await app.position()).toBeGreaterThan(first);
});

test('does so in the list of functions and from the palette, and stops at a breakpoint before it', async ({
  app,
  page,
}) => {
  await app.open(`./?scenario=coherent-longterm-pin&t=3&stop=fn:collect_longterm_unpinnable_pages`);
  await app.showPanel('Functions');
  const list = page.getByRole('region', { name: 'Timeline, as text' });
  const call = list.getByRole('row', { name: FN }).getByRole('button').first();
  await call.focus();
  await app.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Find and do' });
  await palette.getByRole('combobox').fill('run to the call');
  await page.keyboard.press('Enter');
  await app.idle();
  const now = page.getByRole('region', { name: 'Kernel call stack' }).getByRole('listitem').last();
  await expect(now).toContainText('collect_longterm_unpinnable_pages');
  await list.getByRole('button', { name: /^Run to here/ }).click();
  await app.idle();
  await expect(now).toContainText(FN);
});

test('does so on the timeline, and says so where a call does not come again', async ({ app, page }) => {
  await app.open('./?scenario=coherent-longterm-pin&t=3');
  const timeline = page.getByRole('slider', { name: 'Position in the timeline, in events' });
  const box = await timeline.boundingBox();
  if (box === null) throw new Error('no timeline');
  // the lane of the steps; the last of them ends at the right
  const at = { x: box.width - 20, y: 24 };
  await timeline.hover({ position: at });
  await expect(page.locator('.timeline-tip')).toContainText('Shift and click runs to it');
  const before = await app.position();
  await timeline.click({ position: at, modifiers: ['Shift'] });
  await app.idle();
  expect(await app.position()).toBeGreaterThan(before);
  // without Shift: the button beside it goes to the call that was pointed at
  await app.press('Home');
  await page
    .getByRole('contentinfo')
    .getByRole('button', { name: /^Run to here: / })
    .click();
  await app.idle();
  expect(await app.position()).toBeGreaterThan(before);
  await app.press('End', 'c');
  await expect(page.getByRole('alert')).toContainText('is not called again');
});

test('the palette asks for a breakpoint, copies the link and changes motion; the signs of a table have their help', async ({
  app,
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await app.open('./?scenario=coherent-longterm-pin&t=3');
  const act = async (text: string): Promise<void> => {
    await app.press('Control+k');
    await page.getByRole('dialog', { name: 'Find and do' }).getByRole('combobox').fill(text);
    await page.keyboard.press('Enter');
    await app.idle();
  };
  await act('add a breakpoint');
  await expect(page.getByRole('combobox', { name: 'Condition' })).toBeFocused();
  await act('copy a link');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
  const share = page.getByRole('button', { name: 'Share this moment' });
  await share.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Share this moment' });
  await expect(dialog.getByRole('button', { name: 'Copy: Link', exact: true })).toBeFocused();
  await expect(dialog.getByRole('textbox', { name: 'Link', exact: true })).toHaveValue(page.url());
  await expect(dialog).toContainText('Nothing was uploaded');
  await expect(dialog.getByRole('row', { name: /^t=3 / })).toContainText('The place in time');
  await dialog.getByRole('checkbox', { name: 'Fewer controls' }).check();
  await dialog.getByRole('button', { name: 'Copy: HTML' }).click();
  await expect(dialog.getByRole('button', { name: 'Copy: HTML' })).toHaveText('Copied');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(
    /^<iframe src="http[^"]*embed=1&amp;controls=min&amp;[^"]*t=3[^"]*" title="Migrascope: /,
  );
  await dialog.getByText('What else an address can say').click();
  await app.expectAccessibleInBothThemes('dialog[open]');
  await app.press('Escape');
  await expect(share).toBeFocused();
  await act('motion: reduced');
  await act('fn:try_grab_page');
  await expect(page.getByText('try_grab_page is entered')).toBeVisible();
  // one stop for Tab, and arrow keys along the signs
  await page.getByRole('button', { name: 'Signs in the table of buf' }).focus();
  await page.keyboard.press('Enter');
  const signs = page.getByRole('toolbar', { name: 'Bits of an entry, and page flags' });
  await page.keyboard.press('Tab');
  const tip = page.getByRole('tooltip');
  await expect(signs.getByRole('button', { name: 'P present' })).toBeFocused();
  await expect(tip).toContainText('present');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await expect(signs.getByRole('button', { name: 'D dirty' })).toBeFocused();
  await expect(tip).toContainText('dirty (D)');
  await page.keyboard.press('Tab');
  await expect(signs.getByRole('button').nth(0)).not.toBeFocused();
  await app.expectAccessibleInBothThemes('.page-tables');
});
