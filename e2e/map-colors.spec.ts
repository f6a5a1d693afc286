// What the colours of the maps say: another fact in each mode, with a legend whose entries are switches.

import { type AppPage, expect, test } from './app-page.ts';

const AT_PIN = './?scenario=longterm-pin&t=3.300';
const VRAM = 'VRAM, device 0';

const colorBy = async (app: AppPage, mode: string): Promise<void> => {
  await app.page.getByRole('combobox', { name: 'Colour by' }).selectOption(mode);
  await app.idle();
};

test('each mode has colours and a legend of its own, and stands in the address', async ({ app, page }) => {
  await app.open(AT_PIN);
  const legend = page.getByRole('group', { name: /^Legend/ });
  expect(await app.pixels(VRAM, 'coherent')).toBeGreaterThan(0);
  await colorBy(app, 'refcount');
  await expect(legend.getByRole('button', { name: /1 024 and more: pinned/ })).toBeVisible();
  // two pages are pinned in VRAM already: 1 + 1024 references each
  expect(await app.pixels(VRAM, 'ramp-5')).toBeGreaterThan(0);
  expect(await app.pixels(VRAM, 'coherent')).toBe(0);
  await colorBy(app, 'owner');
  await expect(legend.getByRole('button')).toHaveText(['AA', '∗several processes', '–in use, not mapped']);
  expect(await app.pixels(VRAM, 'hue-1')).toBeGreaterThan(0);
  await colorBy(app, 'type');
  expect(await app.pixels('System memory, node 0', 'hue-2')).toBeGreaterThan(0);
  await expect(page).toHaveURL(/[?&]map=type/);
  await app.expectAccessibleInBothThemes('.maps');
  await page.reload();
  await app.idle();
  await expect(page.getByRole('combobox', { name: 'Colour by' })).toHaveValue('type');
});

test('entries of the legend are switches: what is pressed stands out, by mouse and by key', async ({
  app,
  page,
}) => {
  await app.open(AT_PIN);
  const legend = page.getByRole('group', { name: /^Legend/ });
  const entry = (name: string) => legend.getByRole('button', { name, exact: true });
  const [system, coherent] = [
    await app.pixels('System memory, node 0', 'system'),
    await app.pixels(VRAM, 'coherent'),
  ];
  expect(Math.min(system, coherent)).toBeGreaterThan(0);
  await entry('coherent').click();
  await app.idle();
  await expect(entry('coherent')).toHaveAttribute('aria-pressed', 'true');
  expect(await app.pixels('System memory, node 0', 'system')).toBe(0);
  expect(await app.pixels(VRAM, 'coherent')).toBe(coherent);
  await entry('system').press('Enter');
  await app.idle();
  expect(await app.pixels('System memory, node 0', 'system')).toBe(system);
  await expect(page).toHaveURL(/[?&]map=state:coherent,system/);
  await legend.getByRole('button', { name: 'Show all' }).click();
  await expect(legend.locator('[aria-pressed=true]')).toHaveCount(0);
});

test('768 GiB by node and by reference count: pixels of what is far away too', async ({ app, page }) => {
  await app.open('./?scenario=lab-node&t=3&map=node');
  const strip = page.getByRole('list', { name: 'Physical memory by address' });
  await expect(strip.getByRole('button', { name: /memory of device \d/ })).toHaveCount(4);
  await app.press('n');
  await expect(page.getByRole('main')).toContainText(/All memory\s*4 zones\s*768 GiB/);
  for (const color of ['hue-1', 'hue-2', 'hue-3', 'hue-4'])
    expect(await app.pixels('All memory', color)).toBeGreaterThan(0);
  await expect(page.getByRole('group', { name: /^Legend/ })).toContainText('node 3, distance 12');
});

test('a link keeps breakpoints and what is compared', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin&t=3&compare=without-patch-6&stop=fn:try_grab_page');
  // what the link asks for is what one sees
  await expect(page.getByRole('tab', { name: 'Compare', exact: true })).toHaveAttribute(
    'aria-selected',
    'true',
  );
  await expect(page.getByRole('combobox', { name: 'Compare with' })).toHaveValue('without-patch-6');
  await app.showPanel('Call tree');
  const stops = page.getByRole('region', { name: 'Stop when' });
  await expect(stops.getByRole('listitem')).toContainText('try_grab_page is entered');
  await stops.getByRole('button', { name: 'Run back' }).click();
  await app.idle();
  await expect(page).toHaveURL(/compare=without-patch-6&stop=fn:try_grab_page/);
});

test('the strip leads to a zone, the text says what the colours say, search finds a frame', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=longterm-pin&t=3.300&map=type');
  const strip = page.getByRole('list', { name: 'Physical memory by address' });
  await strip.getByRole('button', { name: /a CMA area/ }).click();
  await app.idle();
  expect(await app.pixels('System memory, node 0', 'hue-4')).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Find a frame, an address, a process or a pin' }).click();
  const field = page.getByRole('dialog').getByRole('combobox');
  await field.fill('0x100404');
  await field.press('Enter');
  await app.idle();
  await app.showText(true);
  const rows = page.getByRole('table', { name: 'System memory, node 0' }).locator('tbody');
  await expect(rows).toContainText('migratetype: Unmovable');
  await expect(rows).toContainText(/in a free block of order \d/);
});

test('a step is summed up in a line: where pages were, where they are, and that they may not be moved', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=longterm-pin&t=3');
  const maps = page.getByRole('region', { name: 'Memory', exact: true });
  await expect(maps).toContainText(/VRAM 0: 0 .*4.*system: 4 .*0/);
  await expect(maps).not.toContainText('evictable');
  await app.press(']');
  await expect(maps).toContainText(/VRAM 0: 4 .*0.*system: 0 .*4/);
  await expect(maps).toContainText('pinned for long: 4 pages, evictable: no');
  await app.expectAccessibleInBothThemes('.maps');
});
