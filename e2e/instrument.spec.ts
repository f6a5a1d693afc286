// Parts of the instrument as somebody uses them: the introduction again, raw entries, devices' tables, compared kernels.

import { expect, test } from './app-page.ts';

const SCENE = './?scenario=longterm-pin';

test('the introduction can be shown again, and the run goes on where it was', async ({ app, page }) => {
  await app.open(`${SCENE}&t=3.200`);
  const at = await app.position();
  await page.getByRole('button', { name: 'Keys and help' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Show the introduction' }).click();
  await app.idle();
  await expect(
    page.getByRole('heading', { level: 2, name: /Watch the Linux kernel bring memory home/ }),
  ).toBeVisible();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.getByRole('button', { name: 'Back to the run' }).click();
  await app.idle();
  await expect(page.getByRole('region', { name: 'Steps' })).toBeVisible();
  expect(await app.position()).toBe(at);
});

test('an entry shows its 64 bits, and those of a migration entry are no address of the page', async ({
  app,
  page,
}) => {
  await app.open(`${SCENE}&t=2.999`);
  await app.showPanel('Tree');
  const tree = page.getByRole('region', { name: 'Page-table tree' });
  const last = tree.locator('[aria-current=true]').last();
  const pieces = async (): Promise<string[]> => (await last.innerText()).split('\n');
  const word = async () => (await pieces()).find((text) => /^0x[\da-f]{16}$/.test(text)) ?? '';
  expect(await word()).toBe('');
  await tree.getByRole('checkbox', { name: '64-bit words' }).check();
  await app.idle();
  const frame = (await pieces()).find((text) => /^0x[\da-f]{5,6}$/.test(text)) ?? '';
  // NX in bit 63, the frame from bit 12 on, present in bit 0
  const present = BigInt(await word());
  expect(present >> 63n).toBe(1n);
  expect(present & 1n).toBe(1n);
  expect((present >> 12n) & 0xffffffffffn).toBe(BigInt(frame));
  // the type in bits 59 to 63, an offset that is stored inverted, and nothing present
  await app.showPanel('Call tree');
  const stops = page.getByRole('region', { name: 'Stop when' });
  await stops.getByRole('combobox', { name: 'Condition' }).fill('pte of buf+0 is a migration entry');
  await stops.getByRole('combobox', { name: 'Condition' }).press('Enter');
  await stops.getByRole('button', { name: 'Run on' }).click();
  await app.idle();
  await expect(last).toContainText('migration');
  const migration = BigInt(await word());
  expect(migration & 1n).toBe(0n);
  expect([23n, 24n, 25n]).toContain(migration >> 59n);
  expect(((migration >> 9n) ^ 0x3ffffffffn) & 0x3ffffffffn).toBe(BigInt(frame));
});

test('a page selected on the map is marked in the page tables, and the tree leads to it', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd');
  const table = page.getByRole('region', { name: 'Page table of process A' });
  await expect(table.locator('[data-of-page=true]')).toHaveCount(1);
  await expect(table.locator('[data-of-page=true]')).toContainText('buf+2');
  await expect(table.getByText(/^buf\+2 is/)).toBeVisible();
  await app.showPanel('Tree');
  const tree = page.getByRole('region', { name: 'Page-table tree' });
  await expect(tree.locator('[aria-current=true]').last()).toContainText('buf+2');
});

test('tables beside the way unfold in place, two of them together, and fold again', async ({ app, page }) => {
  await app.open('./?scenario=device-full&t=1.999');
  await app.showPanel('Tree');
  const tree = page.getByRole('region', { name: 'Page-table tree' });
  const fold = (index: number) => tree.getByRole('button', { name: `Table below PMD [${index}]` });
  const address = await tree.locator('.walk-address').innerText();
  await fold(1).press('Enter');
  await fold(3).click();
  await app.idle();
  await expect(tree.locator('[aria-expanded=true]')).toHaveCount(2);
  await expect(tree.getByText('PTE', { exact: true })).toHaveCount(4);
  await expect(tree.locator('.walk-address')).toHaveText(address);
  await fold(1).click();
  await expect(tree.getByText('PTE', { exact: true })).toHaveCount(3);
});
