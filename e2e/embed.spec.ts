// The page in a frame of somebody else's page: the stage and the transport, and a way to the whole.

import type { Locator } from '@playwright/test';
import { expect, test } from './app-page.ts';

const AROUND = 'frame.html';
const INSIDE = './?scenario=coherent-longterm-pin-fast&embed=1&controls=min&theme=dark&motion=reduce&t=3';

test('in a frame one plays a step, nothing is kept, and Open in full leads to the same moment', async ({
  app,
  page,
  context,
}) => {
  await page.route(`**/${AROUND}`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<title>A lecture</title><div style="height:40px">A lecture</div><iframe title="Migrascope" width="960" height="540" src="${INSIDE}"></iframe><div style="height:900px"></div>`,
    }),
  );
  await page.goto(`./${AROUND}`);
  const frame = page.frames().find((each) => each.parentFrame() !== null);
  if (frame === undefined) throw new Error('no frame');
  const idle = async (): Promise<void> => {
    await frame.waitForFunction(() => 'simIdle' in window);
    await frame.evaluate(async () => {
      const wait: unknown = Reflect.get(window, 'simIdle');
      if (typeof wait === 'function') await wait();
    });
  };
  await idle();
  await expect(frame.getByRole('region', { name: 'Page table of process A' })).toBeVisible();
  await expect(frame.getByRole('application', { name: /^Map of VRAM/ }).first()).toBeVisible();
  await expect(frame.getByRole('button', { name: /Scenario|Find and do|Keys and help/ })).toHaveCount(0);
  await expect(frame.getByRole('combobox', { name: 'Speed' })).toBeHidden();
  await expect(frame.getByRole('radio', { name: 'Event' })).toBeHidden();
  const overflowPx = await frame.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflowPx).toBeLessThanOrEqual(0);
  // a wheel over a map is for the page around
  const place = frame.locator('.bank-scale').first();
  const scale = await place.textContent();
  await frame
    .getByRole('application', { name: /^Map of VRAM/ })
    .first()
    .hover();
  await page.mouse.wheel(0, 200);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(0);
  expect(await place.textContent()).toBe(scale);
  // a finger on it, too, and up from the timeline, which stays where it is
  const finger = await context.newCDPSession(page);
  const slider = frame.getByRole('slider', { name: 'Position in the timeline, in events' });
  const position = async (): Promise<number> => Number(await slider.getAttribute('aria-valuenow'));
  const dragUp = async (from: Locator): Promise<void> => {
    await page.evaluate(() => window.scrollTo(0, 0));
    const box = await from.boundingBox();
    if (box === null) throw new Error('nothing to drag');
    const [x, y] = [Math.round(box.x + box.width / 4), Math.round(box.y + box.height / 2)];
    const touch = async (type: 'touchStart' | 'touchMove' | 'touchEnd', upPx: number): Promise<void> => {
      const touchPoints = type === 'touchEnd' ? [] : [{ x, y: y - upPx, id: 0 }];
      await finger.send('Input.dispatchTouchEvent', { type, touchPoints });
    };
    await touch('touchStart', 0);
    for (let i = 1; i <= 10; i++) await touch('touchMove', 20 * i);
    await touch('touchEnd', 0);
    await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(0);
  };
  const before = await position();
  await dragUp(frame.getByRole('application', { name: /^Map of VRAM/ }).first());
  await expect(frame.getByText('Two fingers move the map')).toBeVisible();
  await dragUp(slider);
  await idle();
  expect(await position()).toBe(before);

  await frame.getByRole('button', { name: 'Forward one moment' }).click();
  await idle();
  expect(await position()).toBeGreaterThan(before);
  await frame.getByRole('button', { name: 'Back one moment' }).click();
  await frame.getByRole('button', { name: /^Play/ }).click();
  await expect.poll(position).toBeGreaterThan(before);
  await frame.getByRole('button', { name: 'Pause' }).click();
  await idle();
  // single keys of what is not there do nothing
  await frame.locator('body').press('Control+k');
  await expect(frame.getByRole('dialog')).toHaveCount(0);
  expect(await frame.evaluate(() => localStorage.length)).toBe(0);

  const link = frame.getByRole('link', { name: 'Open in full' });
  const href = (await link.getAttribute('href')) ?? '';
  expect(href).toMatch(/^\/?\?scenario=coherent-longterm-pin-fast&theme=dark.*&t=\d+.*#v1\./);
  expect(href).not.toMatch(/embed|controls|motion/);
  const [full] = await Promise.all([context.waitForEvent('page'), link.click()]);
  expect(full.url()).toContain(href.slice(href.indexOf('?')));
  await full.close();
  // what stands in the frame, by itself
  await app.open('./?scenario=coherent-longterm-pin-fast&embed=1&t=3');
  await app.expectAccessibleInBothThemes();
});
