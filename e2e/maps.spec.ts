import type { Page } from '@playwright/test';
import { type AppPage, expect, test } from './app-page.ts';

const SCENE = './?scenario=lab-node&t=3';
/** Takes away what lets a canvas be painted in a worker: the page paints then. */
const withoutWorkerCanvas = async (page: Page): Promise<void> => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(HTMLCanvasElement.prototype, 'transferControlToOffscreen');
  });
};

/** The pixel of a map that comes nearest to a colour of the theme, on the screen; of many the last. */
const nearest = async (page: Page, map: string, color: string): Promise<{ x: number; y: number }> =>
  await page
    .getByRole('application', { name: map })
    .locator('canvas')
    .evaluate((canvas, name) => {
      if (!(canvas instanceof HTMLCanvasElement)) throw new Error('no canvas');
      const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      const wanted = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const pen = copy.getContext('2d');
      pen?.drawImage(canvas, 0, 0);
      const data = pen?.getImageData(0, 0, copy.width, copy.height).data ?? [];
      let best = 0;
      let bestDistance = Number.POSITIVE_INFINITY;
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] !== 255) continue;
        const distance = wanted.reduce((sum, value, i) => sum + Math.abs(value - (data[at + i] ?? 0)), 0);
        if (distance <= bestDistance) {
          bestDistance = distance;
          best = at / 4;
        }
      }
      const { left, top } = canvas.getBoundingClientRect();
      return { x: left + (best % canvas.width) + 0.5, y: top + Math.floor(best / canvas.width) + 0.5 };
    }, color);

const scale = (page: Page) => page.locator('.bank-scale');

/** All pixels of a map, as one number. */
const hash = async (app: AppPage, map: string): Promise<number> => {
  await app.settlePaint();
  return await app.page
    .getByRole('application', { name: map })
    .locator('canvas')
    .evaluate((canvas) => {
      if (!(canvas instanceof HTMLCanvasElement)) return 0;
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const pen = copy.getContext('2d');
      pen?.drawImage(canvas, 0, 0);
      let sum = 0;
      for (const byte of pen?.getImageData(0, 0, copy.width, copy.height).data ?? [])
        sum = Math.imul(sum ^ byte, 0x01000193);
      return sum >>> 0;
    });
};

for (const way of ['in a worker', 'in the page'] as const) {
  test(`painted ${way}, one zoom leads from all memory to a page and back`, async ({ app, page }) => {
    test.slow();
    if (way === 'in the page') await withoutWorkerCanvas(page);
    await app.open(SCENE);
    expect(page.workers()).toHaveLength(way === 'in a worker' ? 2 : 1);
    await page.getByRole('button', { name: 'All memory in one map' }).click();
    await app.idle();
    const map = 'Map of All memory';
    const seen = new Set<string>();
    for (let turn = 0; turn < 60; turn++) {
      const { x, y } = await nearest(page, map, 'coherent');
      seen.add((await scale(page).innerText()).trim());
      if (
        (await scale(page).innerText()).includes('4 KiB') &&
        (await app.pixels('All memory', 'coherent')) > 2000
      )
        break;
      await page.mouse.move(x, y);
      await page.mouse.wheel(0, -240);
      await app.idle();
    }
    expect([...seen].map((text) => /\d+ [KM]iB/.exec(text)?.[0])).toEqual(['128 MiB', '2 MiB', '4 KiB']);
    const at = await nearest(page, map, 'coherent');
    // the corner of a page: a little further in lies the page itself
    await page.mouse.click(at.x - 4, at.y - 4);
    await app.idle();
    await expect(app.inspector).toContainText('_refcount');
    await app.expectAccessibleInBothThemes('.maps');
    await page.getByRole('button', { name: 'Show all memory' }).click();
    await app.idle();
    await expect(scale(page)).toContainText('128 MiB');
  });
}

test('both ways paint the same picture, pixel by pixel', async ({ app, browser, baseURL }) => {
  test.slow();
  const look = async (page: Page): Promise<number[]> => {
    const other = app.at(page);
    await page.goto(new URL(SCENE, baseURL).href);
    await other.idle();
    await page.getByRole('button', { name: 'Show all memory' }).click();
    await other.idle();
    const all = await hash(other, 'Map of VRAM, device 0');
    await page.getByRole('application', { name: 'Map of VRAM, device 0' }).focus();
    for (let zoom = 0; zoom < 8; zoom++) await other.press('+');
    return [all, await hash(other, 'Map of VRAM, device 0')];
  };
  const [first, second] = [await browser.newPage(), await browser.newPage()];
  await withoutWorkerCanvas(second);
  const pictures = await look(first);
  expect(pictures[0]).not.toBe(pictures[1]);
  expect(await look(second)).toEqual(pictures);
});

test('with keys: N shows all memory, an arrow lands on a page in use, the text says what is there', async ({
  app,
  page,
}) => {
  await app.open(SCENE);
  await app.press('n');
  const map = page.getByRole('application', { name: 'Map of All memory' });
  await map.focus();
  await app.press('ArrowRight');
  await expect(app.inspector).toContainText('_refcount');
  await expect(scale(page)).toContainText('4 KiB');
  expect(await app.ownedRows('All memory')).toContainEqual(expect.stringContaining('buf'));
  await app.press('n');
  await expect(page.getByRole('application', { name: 'Map of VRAM, device 0' })).toBeVisible();
});

test('all memory in one map, and the part of the timeline, are in the link and found again', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=longterm-pin&t=3');
  await page.getByRole('button', { name: 'All memory in one map' }).click();
  await page.getByRole('radio', { name: 'This step' }).check({ force: true });
  await app.idle();
  await expect(page).toHaveURL(/[?&]map=whole(&|#).*/);
  await expect(page).toHaveURL(/[?&]extent=step/);
  const expectBoth = async (): Promise<void> => {
    await expect(page.getByRole('button', { name: 'All memory in one map' })).toHaveAttribute(
      'aria-pressed',
      'true',
    );
    await expect(page.getByRole('application', { name: /^Map of/ })).toHaveCount(1);
    await expect(page.getByRole('radio', { name: 'This step' })).toBeChecked();
  };
  const link = page.url();
  await page.reload();
  await app.idle();
  await expectBoth();
  // without the link, the next visit knows it, too
  await app.open('./?scenario=longterm-pin&t=3');
  await expectBoth();
  // and who gets the link sees it without ever having chosen it
  await page.evaluate(() => localStorage.clear());
  await app.open(link);
  await expectBoth();
});
