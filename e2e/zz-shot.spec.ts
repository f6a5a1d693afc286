import { test } from './app-page.ts';
const shots: [string, string, string, number, number][] = JSON.parse(process.env.SHOTS ?? '[]');
for (const [i, [url, panel, file, w, h]] of shots.entries())
  test(`shot ${i}`, async ({ app, page }) => {
    await page.setViewportSize({ width: w, height: h });
    await app.open(url);
    if (panel) {
      if (w < 700) {
        const tabs = page.getByRole('tab', { name: panel, exact: true });
        if (await tabs.count() === 0) { /* phone */ }
        else await tabs.first().click();
      } else await app.showPanel(panel);
    }
    await app.idle();
    if (process.env.CLICK) { await page.getByRole('button', { name: process.env.CLICK }).click(); await app.idle(); await page.waitForTimeout(3000); await app.idle(); }
    await page.waitForTimeout(400);
    await page.screenshot({ path: file });
    if (process.env.TALL) {
      const el = page.locator(`[data-panel=${process.env.TALL}]`);
      console.log(file, '\n', (await el.innerText()).slice(0, 6000));
    }
  });
