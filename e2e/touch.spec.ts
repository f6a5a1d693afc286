// By finger: a tap selects a page, two fingers zoom. And what keys and steps leave behind: sizes, a spoken line.

import { expect, test } from './app-page.ts';

test.describe('by finger', () => {
  test.use({ hasTouch: true });

  test('a tap selects a page on a map, and two fingers make it smaller and larger', async ({ app, page }) => {
    await app.open('./?scenario=lab-node&t=3');
    const map = page.getByRole('application', { name: 'Map of VRAM, device 0' });
    const box = await map.boundingBox();
    if (box === null) throw new Error('no map');
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await expect(app.inspector).toContainText('Select a page');
    await page.touchscreen.tap(x, y);
    await app.idle();
    await expect(app.inspector).toContainText('Page 0x');

    const fingers = await page.context().newCDPSession(page);
    const touch = async (type: 'touchStart' | 'touchMove' | 'touchEnd', apartPx: number): Promise<void> => {
      const touchPoints =
        type === 'touchEnd' ? [] : [-1, 1].map((side, id) => ({ x: x + (side * apartPx) / 2, y, id }));
      await fingers.send('Input.dispatchTouchEvent', { type, touchPoints });
    };
    const pinch = async (from: number, to: number): Promise<void> => {
      await touch('touchStart', from);
      for (let i = 1; i <= 5; i++) await touch('touchMove', from + ((to - from) * i) / 5);
      await touch('touchEnd', to);
      await app.idle();
    };
    const scale = page.locator('.bank', { has: map }).locator('.bank-scale');
    await expect(scale).toContainText('4 KiB');
    await pinch(300, 20);
    await pinch(300, 20);
    await expect(scale).not.toContainText('4 KiB');
    await pinch(20, 300);
    await pinch(20, 300);
    await expect(scale).toContainText('4 KiB');
  });
});

test('a splitter that keys have moved stands there after a reload', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin&t=2');
  const splitter = page.getByRole('separator', { name: 'Tables', exact: true });
  const placeX = async (): Promise<number> => (await splitter.boundingBox())?.x ?? -1;
  const before = await placeX();
  await splitter.focus();
  await app.press('ArrowRight', 'ArrowRight', 'ArrowRight');
  const moved = await placeX();
  expect(moved).toBeGreaterThan(before + 20);
  await page.reload();
  await app.idle();
  await expect.poll(placeX).toBeCloseTo(moved, 0);
});

test('after a step, a screen reader hears what happened', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin&t=2');
  await app.press(']');
  const said = await app.caption.locator('.caption-sentence').textContent();
  expect(said?.length).toBeGreaterThan(10);
  await expect(page.locator('[aria-live="polite"]', { hasText: said ?? '-' })).toHaveCount(1);
  // inside the next step, where the sentence stays the same
  await app.press('ArrowRight');
  await app.press('ArrowRight');
  await expect(page.locator('[aria-live="polite"]', { hasText: 'is entered' })).toHaveCount(1);
});
