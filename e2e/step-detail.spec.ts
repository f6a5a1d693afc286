// A step over thousands of pages leaves counts instead of events; about one page it can tell all, by running again.

import { expect, test } from './app-page.ts';

const PAGES = 6000;

test('a big step tells every event of the selected page when it is asked', async ({ app, page }) => {
  await app.open('./?scenario=lab-node&t=5');
  const field = page.getByLabel('Next step');
  for (const command of [`mmap big ${PAGES}`, 'write big', 'migrate_to_dev big 0']) {
    await field.fill(command);
    await field.press('Enter');
    await expect(field).toHaveValue('');
    await app.idle();
  }
  await expect(app.step(7)).toContainText('6\u202f000 pages');
  // rows of a run are one line: its first page is what is selected
  const entries = page.getByRole('region', { name: 'Page table of process A' });
  await entries.getByRole('button', { name: /^big\+8/ }).click();
  await app.idle();
  const detail = app.inspector.getByRole('region', { name: 'In step 7' });
  await expect(detail).toContainText('left counts instead of events');
  const ask = detail.getByRole('button', { name: 'Every event of this page' });
  await ask.focus();
  await page.keyboard.press('Enter');
  await app.idle();
  const events = detail.getByRole('list', { name: 'Events of step 7' }).getByRole('listitem');
  // the way of the page: taken, copied, mapped anew, and what is left behind is free
  for (const text of [
    /^A page of the memory of device 0 stands ready for big\+8/,
    /^The bytes of big\+8 are copied/,
    /^The PTE of big\+8 changes: migration 0x[\da-f]+ → present 0x[\da-f]+\.$/,
    /^big\+8 now lies at pfn 0x[\da-f]+\.$/,
    /held is gone: it is free\.$/,
  ])
    await expect(events.filter({ hasText: text })).toHaveCount(1);
  // nothing of its neighbours, and nothing of the lists that it stands in
  await expect(events.filter({ hasText: /big\+[79]\b|lru\.next|lru\.prev/ })).toHaveCount(0);
  await app.expectAccessibleInBothThemes('.inspector');
  // another page is asked for anew
  await entries.getByRole('button', { name: /^big\+0/ }).click();
  await app.idle();
  await expect(ask).toBeEnabled();
});

test('why a page is where it is, and its life, lead through big steps', async ({ app, page }) => {
  await app.open('./?scenario=lab-node&t=5');
  const field = page.getByLabel('Next step');
  for (const command of [
    `mmap big ${PAGES}`,
    'write big',
    'migrate_to_dev big 0',
    'pin_user_pages big FOLL_WRITE FOLL_LONGTERM as h',
  ]) {
    await field.fill(command);
    await field.press('Enter');
    await expect(field).toHaveValue('');
    await app.idle();
  }
  const entries = page.getByRole('region', { name: 'Page table of process A' });
  await entries.getByRole('button', { name: /^big\+0/ }).click();
  // a plain sign while it is computed, with a way out
  const sign = app.inspector.getByRole('region', { name: 'What is not told yet' });
  await expect(sign).toContainText(/left counts instead of events\. Step \d runs again/);
  await app.idle();
  await expect(sign).toHaveCount(0);
  const history = app.inspector.getByRole('region', { name: 'History' }).getByRole('listitem');
  // the life of the address: written, sent to the device, and home again for the pin
  for (const text of [
    /none → present 0x[\da-f]+.*step 6$/,
    /none → migration 0x[\da-f]+.*step 7$/,
    /migration 0x[\da-f]+ → present 0x[\da-f]+.*step 8$/,
  ])
    await expect(history.filter({ hasText: text })).toHaveCount(1);
  // the page itself
  const frame = app.inspector.locator('.fields div').filter({ hasText: /^pfn/ }).locator('dd');
  const pfn = /^0x[\da-f]+/.exec(await frame.innerText())?.[0] ?? '';
  await app.inspector.getByRole('button', { name: `Page ${pfn}: why it is there` }).click();
  await app.idle();
  const why = app.inspector.getByRole('region', { name: 'Why is it here?' });
  await expect(why).toContainText('coherent');
  await expect(why).toContainText('in step 8');
  await why.getByText('The calls that led there').click();
  await expect(why.getByRole('listitem').filter({ hasText: 'check_and_migrate_movable_pages' })).toHaveCount(
    1,
  );
  await expect(app.inspector.getByText('_refcount').first()).toBeVisible();
  await app.expectAccessibleInBothThemes('.inspector');
  // at the end of the step its "why" tells what happened to the selected page
  await expect(page.getByRole('region', { name: 'Why', exact: true })).toContainText(`Page ${pfn}`);
});
