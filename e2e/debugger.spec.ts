// The debugger as somebody uses it: conditions of each kind as they are typed, and moving by calls.

import { type AppPage, expect, test } from './app-page.ts';

const stopsOf = ({ page }: AppPage) => page.getByRole('region', { name: 'Stop when' });

/** Types a condition and runs on to it. */
const stopWhen = async (app: AppPage, text: string): Promise<void> => {
  const stops = stopsOf(app);
  await stops.getByRole('combobox', { name: 'Condition' }).fill(text);
  await stops.getByRole('combobox', { name: 'Condition' }).press('Enter');
  await stops.getByRole('button', { name: 'Run on' }).click();
  await app.idle();
};

const KINDS: readonly (readonly [typed: string, words: string, caller: string])[] = [
  ['any page’s refcount > 1024', '_refcount of any page rises above 1024', 'try_grab_page'],
  ['mapcount of buf+1 <= 0', '_mapcount of buf+1 falls to or below 0', 'page_remove_rmap'],
  ['refcount of buf+1 changes', '_refcount of buf+1 changes', 'try_grab_page'],
  ['the pte of buf+1 changes', 'pte of buf+1 changes', 'try_to_migrate_one'],
  ['pte of buf+1 is a migration entry', 'pte of buf+1 becomes a migration entry', 'try_to_migrate_one'],
  ['pte of A buf+1 is not present', 'pte of A buf+1 is no longer present', 'try_to_migrate_one'],
  ['page A buf+1 changes', 'struct page of A buf+1 changes', 'try_grab_page'],
  ['migrate_device_coherent_page', 'migrate_device_coherent_page is entered', 'migrate_device_coherent_page'],
];

test('stops at a condition of each kind, forward and back', async ({ app, page }) => {
  test.slow();
  await app.open('./?scenario=longterm-pin&t=3.1');
  await app.showPanel('Call tree');
  const item = stopsOf(app).getByRole('listitem');
  const stack = page.getByRole('region', { name: 'Kernel call stack' }).getByRole('listitem');
  // the others differ in what they ask only, which is tested without a page
  for (const [typed, words, caller] of KINDS.filter((_, i) => i % 2 === 0)) {
    await app.step(2).getByRole('button').first().click();
    await app.idle();
    const before = await app.position();
    await stopWhen(app, typed);
    await expect(item).toContainText(words);
    await expect(item).toContainText('stopped here');
    const at = await app.position();
    expect(at).toBeGreaterThan(before);
    await expect(stack.filter({ hasText: caller }).first()).toBeVisible();
    // back over it there may be none, and on again it is the same
    await app.press('ArrowLeft');
    await stopsOf(app).getByRole('button', { name: 'Run on' }).click();
    await app.idle();
    expect(await app.position()).toBe(at);
    await stopsOf(app)
      .getByRole('button', { name: /^Remove/ })
      .click();
  }
  await expect(item).toHaveCount(0);
});

test('a link has the conditions of each kind', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin&t=3.1');
  await app.showPanel('Call tree');
  const field = stopsOf(app).getByRole('combobox', { name: 'Condition' });
  for (const [typed] of KINDS) {
    await field.fill(typed);
    await field.press('Enter');
  }
  await app.idle();
  await expect(page).toHaveURL(/[?&]stop=/);
  await page.reload();
  await app.idle();
  await app.showPanel('Call tree');
  for (const [, words] of KINDS) await expect(stopsOf(app)).toContainText(words);
});

test('runs back to a condition, and says where there is none', async ({ app }) => {
  await app.open('./?scenario=longterm-pin&t=99');
  await app.showPanel('Call tree');
  const stops = stopsOf(app);
  await stops.getByRole('combobox', { name: 'Condition' }).fill('pte of buf+1 is swap');
  await stops.getByRole('combobox', { name: 'Condition' }).press('Enter');
  await stops.getByRole('button', { name: 'Run back' }).click();
  await app.idle();
  await expect(stops).toContainText('came before this moment');
  await stops.getByRole('button', { name: /^Remove/ }).click();
  await stops.getByRole('combobox', { name: 'Condition' }).fill('any pte is a migration entry');
  await stops.getByRole('combobox', { name: 'Condition' }).press('Enter');
  await stops.getByRole('button', { name: 'Run back' }).click();
  await app.idle();
  await expect(stops.getByRole('listitem')).toContainText('stopped here');
});

test('what cannot be read is named, with what could stand there; names are listed', async ({ app }) => {
  await app.open('./?scenario=longterm-pin&t=3.1');
  await app.showPanel('Call tree');
  const stops = stopsOf(app);
  const field = stops.getByRole('combobox', { name: 'Condition' });
  await field.fill('refcont of bfu+1 > 1024');
  await field.press('Enter');
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(stops).toContainText('“refcont” cannot be read');
  await expect(stops).toContainText('Did you mean refcount?');
  await field.fill('refcount of bfu+1 > 1024');
  await field.press('Enter');
  await expect(stops).toContainText('“bfu” cannot be read');
  await expect(stops.getByRole('listitem')).toHaveCount(0);
  await stops.getByText('What can be named').click();
  await expect(stops).toContainText('buf+0…3');
  await expect(stops).toContainText('compound_pincount');
  await expect(stops).toContainText('device-exclusive');
  await app.expectAccessibleInBothThemes('.breakpoints');
  await field.fill('refcount of buf+1 > 1024');
  await field.press('Enter');
  await expect(field).toHaveAttribute('aria-invalid', 'false');
  await expect(stops.getByRole('listitem')).toHaveCount(1);
});

test('moves into, over and out of calls, as the call stack shows', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin&t=3.1');
  await app.showPanel('Call tree');
  const tree = page.getByRole('region', { name: /^Calls/ });
  const stack = page.getByRole('region', { name: 'Kernel call stack' }).getByRole('listitem');
  const press = async (name: RegExp): Promise<void> => {
    await tree.getByRole('button', { name }).click();
    await app.idle();
  };
  const depth = async (): Promise<number> => await stack.count();
  await press(/^Into the next call/);
  await press(/^Into the next call/);
  await press(/^Into the next call/);
  const inside = await depth();
  const inner = await stack.last().textContent();
  // over: not deeper than before, and another call or another time
  const at = await app.position();
  await press(/^Over/);
  expect(await app.position()).toBeGreaterThan(at);
  expect(await depth()).toBeLessThanOrEqual(inside);
  const over = await app.position();
  // back to the call before
  await press(/^Back to the call before/);
  expect(await app.position()).toBeLessThan(over);
  await expect(stack.last()).toHaveText(inner ?? '');
  const deep = await depth();
  await press(/^Out/);
  expect(await depth()).toBe(deep - 1);
});

test('a big step is run again for a place, and one for any page that is too big is said to be unseen', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=lab-node&t=5');
  const next = page.getByLabel('Next step');
  for (const command of ['mmap big 200000', 'write big', 'migrate_to_dev big 0']) {
    await next.fill(command);
    await next.press('Enter');
    await expect(next).toHaveValue('');
    await app.idle();
  }
  await app.step(5).getByRole('button').first().click();
  await app.idle();
  await app.showPanel('Call tree');
  const stops = stopsOf(app);
  await stopWhen(app, 'pte of big+8 is a migration entry');
  await expect(stops.getByRole('listitem')).toContainText('stopped here');
  await expect(stops).toContainText('Inside of step 7, a big one');
  await expect(stops).toContainText(/The PTE of big\+8 changes: .* → migration 0x[\da-f]+/);
  await stops.getByRole('button', { name: /^Remove/ }).click();
  await app.step(5).getByRole('button').first().click();
  await app.idle();
  await stopWhen(app, 'refcount > 1024');
  await expect(stops).toContainText('Steps 6, 7 work on so many pages');
  await expect(stops).toContainText('Nothing of the kind comes after this moment');
});
