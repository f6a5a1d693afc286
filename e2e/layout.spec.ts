import { expect, test } from './app-page.ts';

const SIZES = [
  [390, 844],
  [768, 1024],
  [1024, 768],
  [1280, 800],
  [1440, 900],
  [1920, 1080],
  [2560, 1440],
] as const;
const RUN = './?scenario=pin-mixed-run&t=7.200';

for (const [width, height] of SIZES) {
  test.describe(`at ${width} x ${height}`, () => {
    test.use({ viewport: { width, height } });

    test('nothing is wider than the window, and the controls are in it', async ({ app, page }) => {
      await app.open();
      expect(await app.overflowPx()).toBe(0);
      await expect(page.getByRole('button', { name: 'Watch a page come home' })).toBeInViewport();
      await app.open(RUN);
      expect(await app.overflowPx()).toBe(0);
      await expect(app.caption).toBeInViewport();
      await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeInViewport({ ratio: 1 });
      await expect(page.getByLabel('Speed')).toBeInViewport({ ratio: 1 });
    });
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
    await app.expectAccessible();
  });
});
