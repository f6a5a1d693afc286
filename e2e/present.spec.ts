// Type for a room: nothing is smaller than 18 px, whatever panel is open, and no page table is wider than its panel.

import type { Page } from '@playwright/test';
import { type AppPage, expect, test } from './app-page.ts';

const PANELS = [
  'Page tables',
  'Tree',
  'Way of the pin',
  'Fork',
  'GPU',
  'Firmware to VRAM',
  'Costs',
  'Compare',
  'Call tree',
  'Traffic',
  'Firmware and zones',
  'Kernel log',
];

/** Type that can be seen and is set smaller, as it comes to the screen: what it says, and how large it is. */
const tooSmall = async (page: Page): Promise<string[]> =>
  await page.evaluate(() => {
    const found = new Set<string>();
    for (const element of document.querySelectorAll('body *')) {
      const own = [...element.childNodes].some(
        ({ nodeType, textContent }) => nodeType === Node.TEXT_NODE && textContent?.trim() !== '',
      );
      const { width, height } = element.getBoundingClientRect();
      const hidden = element.closest('.hidden-visually') !== null || Math.min(width, height) < 2;
      if (!own || hidden || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
        continue;
      const matrix = element instanceof SVGGraphicsElement ? element.getScreenCTM() : null;
      const scale = matrix === null ? 1 : Math.hypot(matrix.a, matrix.b);
      const px = Number.parseFloat(getComputedStyle(element).fontSize) * scale;
      if (px < 17.95)
        found.add(`${element.getAttribute('class')} "${element.textContent?.slice(0, 20)}" ${px.toFixed(1)}`);
    }
    return [...found];
  });

const bringUp = async (app: AppPage, name: string): Promise<void> => {
  const { page } = app;
  await page.keyboard.press('Control+k');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('combobox').fill(name);
  const entries = dialog.getByRole('option').filter({ hasText: 'show this panel' });
  await entries.filter({ hasText: name }).first().click();
  await app.idle();
};

const tableOverflow = async (page: Page): Promise<number[]> =>
  await page
    .locator('.entries-scroll')
    .evaluateAll((all) =>
      all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth).filter((px) => px > 0),
    );

test.describe('for a room', () => {
  test.use({ viewport: { width: 1280, height: 720 } });

  test('in no panel is type smaller than 18 px', async ({ app, page }) => {
    // the third page is on its way
    await app.open('./?scenario=longterm-pin&t=3.250&layout=present');
    await expect(page.locator('.entries .chip[data-toward]')).toBeVisible();
    for (const name of PANELS) {
      await bringUp(app, name);
      if (name === 'Costs') {
        await page.locator('.costs-worlds').getByRole('button').click();
        await expect(page.locator('.costs-plot-label').first()).toBeVisible();
      }
      expect.soft(await tooSmall(page), name).toEqual([]);
    }
  });

  test('the picture of the traffic between many banks is not made smaller', async ({ app, page }) => {
    await app.open('./?scenario=frontier-coherent&t=99&layout=present');
    expect(await tableOverflow(page)).toEqual([]);
    await bringUp(app, 'Traffic');
    await expect(page.locator('.traffic-name').first()).toBeVisible();
    expect(await tooSmall(page)).toEqual([]);
  });
});

test.describe('at 1440', () => {
  test.use({ viewport: { width: 1440, height: 900 } });

  test('no page table is wider than its panel, and an exclusive page has a sign of its own', async ({
    app,
    page,
  }) => {
    await app.open('./?scenario=frontier-coherent&t=60&layout=present');
    expect(await tableOverflow(page)).toEqual([]);
    await app.open('./?scenario=coherent-exclusive&t=3&layout=explore');
    expect(await tableOverflow(page)).toEqual([]);
    const frames = await app.frames();
    expect(frames).toMatchObject({
      'buf+0': expect.stringMatching(/^SX/),
      'buf+2': expect.stringMatching(/^S0/),
    });
    await app.showText(true);
    const map = page.getByRole('table', { name: 'System memory, node 0' });
    await expect(map.getByRole('row', { name: /buf\+0/ })).toContainText('device-exclusive entry');
    await expect(map.getByRole('row', { name: /buf\+2/ })).not.toContainText('device-exclusive');
  });
});
