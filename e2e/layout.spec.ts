import { expect, test } from './app-page.ts';

const SIZES = [
  [390, 844],
  // a laptop at 200 %
  [720, 450],
  // a screen of 1920x1080 at 200 %, a phone on its side, a projector at 200 %
  [960, 540],
  [844, 390],
  [640, 360],
  [768, 1024],
  [1024, 768],
  [1280, 800],
  [1440, 900],
  [1920, 1080],
  [2560, 1440],
] as const;
const RUN = './?scenario=pin-mixed-run&t=7.200';

test('in every window, nothing of the first visit is wider than it, and the button is in it', async ({
  app,
  page,
}) => {
  await app.open();
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    const button = page.getByRole('button', { name: 'Watch a page come home' });
    await expect(button, `${width} x ${height}`).toBeInViewport();
    expect(await app.overflowPx(), `${width} x ${height}`).toBe(0);
  }
});

test('in every window, nothing of a run is wider than it, and the controls are in it', async ({
  app,
  page,
}) => {
  await app.open(RUN);
  const controls = [page.getByRole('button', { name: 'Play', exact: true }), page.getByLabel('Speed')];
  for (const [width, height] of SIZES) {
    const size = `${width} x ${height}`;
    await page.setViewportSize({ width, height });
    await app.idle();
    await expect(app.caption, size).toBeInViewport();
    // and memory can be seen
    const map = await page.locator('.bank-window').first().boundingBox();
    const foot = await page.locator('.foot').boundingBox();
    expect((foot?.y ?? 0) - (map?.y ?? 0), size).toBeGreaterThanOrEqual(56);
    for (const control of controls) await expect(control, size).toBeInViewport({ ratio: 1 });
    expect(await app.overflowPx(), size).toBe(0);
  }
});

for (const preset of ['teach', 'debug', 'present']) {
  test(`the preset ${preset} is accessible`, async ({ app, page }) => {
    await app.open(`${RUN}&layout=${preset}`);
    await expect(page.locator('html')).toHaveAttribute('data-preset', preset);
    await app.expectAccessibleInBothThemes();
    // a remote control tells the story; elsewhere it goes from step to step
    await page.keyboard.press('PageDown');
    await expect(app.caption).toContainText(
      preset === 'present' ? 'The fault at buf+5 is served' : 'The call returns',
    );
  });
}

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('each panel is one tap away', async ({ app, page }) => {
    await app.open(RUN);
    const panels = page.getByRole('group', { name: 'Panel' });
    await expect(page.getByRole('application', { name: 'Map of System memory, node 0' })).toBeVisible();
    await panels.getByRole('radio', { name: 'Tables' }).check();
    await expect(page.getByRole('region', { name: 'Page table of process A' })).toBeVisible();
    await panels.getByRole('radio', { name: 'Steps' }).check();
    await expect(page.getByRole('region', { name: 'Kernel call stack' })).toBeVisible();
    await panels.getByRole('radio', { name: 'Why' }).check();
    await expect(page.getByRole('region', { name: 'Why' })).toBeVisible();
    expect(await app.overflowPx()).toBe(0);
    await app.expectAccessibleInBothThemes();
  });
});

test('on paper stands what is shown and what it says, without what one presses', async ({ app, page }) => {
  await app.open('./?scenario=coherent-longterm-pin-fast&t=4');
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByText('A long-term pin brings coherent pages home')).toBeVisible();
  await expect(app.caption).toContainText('h1 holds 4 pages');
  await expect(page.getByRole('region', { name: 'Page table of process A' })).toBeVisible();
  for (const hidden of ['.maps-tools', '.transport', '.next-step', '.top-end'])
    await expect(page.locator(hidden), hidden).toBeHidden();
});

for (const [name, width] of [
  ['a phone', 390],
  ['a narrow window', 900],
] as const)
  test(`from ${name}, all panels of the view are on paper, at once`, async ({ app, page }) => {
    await page.setViewportSize({ width, height: 844 });
    await app.open('./?scenario=coherent-longterm-pin-fast&t=4');
    await expect(page.locator('[data-panel=steps]')).toHaveCount(0);
    // what a printer takes is there before the next frame
    await page.evaluate(() => {
      window.requestAnimationFrame = () => 0;
    });
    await page.emulateMedia({ media: 'print' });
    await expect(page.getByRole('region', { name: 'Steps' })).toBeVisible();
    await expect(page.getByRole('region', { name: 'Steps' }).getByRole('listitem')).toHaveCount(7);
    await expect(page.getByRole('region', { name: 'Page table of process A' })).toBeVisible();
    await expect(page.getByRole('application', { name: 'Map of System memory, node 0' })).toBeVisible();
    await expect(page.getByRole('region', { name: 'Why' })).toBeVisible();
    expect(await app.overflowPx()).toBe(0);
    // what a caption says stands beside the size of its cells, not on it
    const [numbers, scale] = await Promise.all(
      ['.bank-size', '.bank-scale'].map((part) => page.locator(part).first().boundingBox()),
    );
    if (scale !== null && scale !== undefined && scale.width > 1)
      expect((numbers?.x ?? 0) + (numbers?.width ?? 0)).toBeLessThan(scale.x);
    // and in the window all is as it was
    await page.emulateMedia({ media: 'screen' });
    await expect(page.locator('[data-panel=steps]')).toHaveCount(0);
  });

test('a printer gets as many sheets as all panels of the view take', async ({ app, page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await app.open('./?scenario=coherent-longterm-pin-fast&t=4&sel=page:0x5fffd');
  const file = (await page.pdf({ format: 'A4' })).toString('latin1');
  // maps, steps and tables alone are longer than a sheet
  expect(file.match(/\/Type \/Page\b/g)?.length).toBeGreaterThan(2);
});

test('what a wide window shows side by side stands on paper below each other, light in the dark theme too', async ({
  app,
  page,
}) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await app.open('./?scenario=coherent-longterm-pin-fast&t=4&theme=dark');
  // paper is narrower than the window, and the window cannot be asked to make other panels in time
  await page.emulateMedia({ media: 'print' });
  await page.setViewportSize({ width: 794, height: 1123 });
  const table = page.getByRole('region', { name: 'Page table of process A' });
  const map = page.getByRole('application', { name: 'Map of System memory, node 0' });
  await expect(table).toBeVisible();
  await expect(map).toBeVisible();
  const [above, below] = [await table.boundingBox(), await map.boundingBox()];
  expect((above?.y ?? 0) + (above?.height ?? 0)).toBeLessThan(below?.y ?? 0);
  const height = await page.locator('.app').evaluate((element) => element.scrollHeight);
  expect(height).toBeGreaterThan((below?.y ?? 0) + (below?.height ?? 0));
  await expect(table.getByText('buf', { exact: true }).first()).toHaveCSS('color', 'rgb(21, 26, 37)');
  // on paper the colours are those of the light theme: the map has them
  expect(await app.pixels('System memory, node 0', 'system')).toBeGreaterThan(100);
  await expect(map.locator('canvas')).toHaveAttribute('data-scheme', 'light');
});

test('after a fork, parent and child stand side by side without anything moved, and nothing of an entry is cut', async ({
  app,
  page,
}) => {
  for (const [width, height] of [
    [1440, 900],
    [1280, 800],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await app.open('./?scenario=fork-and-pin&t=5.20');
    if (width < 820) {
      await page.getByRole('group', { name: 'Panel' }).getByRole('radio', { name: 'Tables' }).check();
      await app.idle();
    }
    const boxes = await Promise.all(
      ['A', 'B'].map((name) =>
        page.getByRole('region', { name: `Page table of process ${name}` }).boundingBox(),
      ),
    );
    expect(boxes[0]?.y, `at ${width}`).toBe(boxes[1]?.y);
    const cut = await page
      .locator('.entries-scroll')
      .evaluateAll((all) => all.map((table) => table.scrollWidth - table.clientWidth));
    expect(cut, `at ${width}`).toEqual([0, 0]);
  }
});

test('a device that holds another page than the CPU has room for it below the entry', async ({
  app,
  page,
}) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await app.open('./?scenario=type-private&t=3.60');
  const table = page.getByRole('region', { name: 'Page table of process A' });
  await expect(table.getByText('AnonExclusive').first()).toBeVisible();
  expect(await table.locator('.entries-scroll').evaluate((all) => all.scrollWidth - all.clientWidth)).toBe(0);
});

test('a page that is selected on the map is marked in the page table, too', async ({ app, page }) => {
  // on a projector with everything open, the lowest rows of the table and of VRAM are in sight
  await page.setViewportSize({ width: 1280, height: 720 });
  await app.open('./?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd&layout=debug');
  await expect(page.locator('.entries tr[data-of-page="true"] th')).toHaveText('buf+2');
  await expect(page.locator('.entries tbody tr', { hasText: 'buf+3' }).first()).toBeInViewport({ ratio: 1 });
  for (const bank of await page.locator('.bank-window').all())
    await expect(bank).toBeInViewport({ ratio: 1 });
});

test('the tabs below the stage take one row in the window of a small laptop and on a phone', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=longterm-pin&layout=debug&t=3');
  const tabs = page.getByRole('tablist', { name: 'Further panels' });
  const rows = async (): Promise<number> =>
    new Set(await tabs.getByRole('tab').evaluateAll((all) => all.map((tab) => tab.getBoundingClientRect().y)))
      .size;
  expect(await rows()).toBe(1);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('group', { name: 'Panel' }).getByRole('radio', { name: 'More' }).check();
  await app.idle();
  expect(await rows()).toBe(1);
});

test('on a phone nothing of an entry is cut, of private memory neither', async ({ app, page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const run of ['coherent-longterm-pin-fast&t=3.250', 'lab-node&t=3.600', 'type-private&t=3.60']) {
    await app.open(`./?scenario=${run}`);
    await page.getByRole('group', { name: 'Panel' }).getByRole('radio', { name: 'Tables' }).check();
    const table = page.locator('.entries-scroll').first();
    await expect(table).toBeVisible();
    expect(await table.evaluate((all) => all.scrollWidth - all.clientWidth), run).toBe(0);
  }
});

test('a device has a column only beside the areas that it holds a part of, where there are many', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=frontier-coherent&t=10.99');
  const heads = (area: number): Promise<string[]> =>
    page.locator('.entries').nth(area).locator('thead .device-cell').allTextContents();
  expect(await heads(0)).toEqual(['device 0']);
  expect(await heads(1)).toEqual(['device 1']);
  expect(await heads(2)).toEqual([]);
});

test('a full stop stays with the value before it, a minus with the flag behind it', async ({ app, page }) => {
  await app.open('./?scenario=ttm-intent&t=5.300');
  await expect(page.locator('.explanation-event code', { hasText: /^1$/ })).toHaveCSS('display', 'inline');
  await app.open('./?scenario=type-private&t=3.60');
  await expect(page.locator('.explanation-event code', { hasText: '-buddy' })).toHaveCSS(
    'display',
    'inline-block',
  );
});
