// axe on what no other test looks at with it: every panel in turn, where it has nothing to show, too; the strip of all
// memory, and the places one can go to.

import type { Page } from '@playwright/test';
import { COLOR_RULES, expect, test } from './app-page.ts';

const RUN = './?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd';

const tabNames = async (page: Page): Promise<string[]> =>
  await page.getByRole('tab').evaluateAll((all) => all.map((tab) => tab.getAttribute('aria-label') ?? ''));

test('every panel is accessible in both themes', async ({ app, page }) => {
  test.setTimeout(240_000);
  await app.open(`${RUN}&layout=debug`);
  const tabs = await tabNames(page);
  expect(tabs.length).toBeGreaterThan(10);
  for (const [theme, rules] of [
    ['light', undefined],
    ['dark', COLOR_RULES],
  ] as const) {
    await app.showTheme(theme);
    await app.expectAccessible('.inspector', rules);
    for (const name of tabs) {
      await app.showPanel(name);
      const panel = await page.getByRole('tab', { name, exact: true }).getAttribute('aria-controls');
      await app.expectAccessible(`[id="${panel}"]`, rules);
    }
  }
});

test('the strip of all memory cuts no word, and its tip can be put away', async ({ app, page }) => {
  for (const scenario of ['coherent-longterm-pin-fast', 'lab-node']) {
    await app.open(`./?scenario=${scenario}`);
    const strip = page.getByRole('list', { name: 'Physical memory by address' });
    const cut = await strip.getByRole('button').evaluateAll((parts) =>
      parts.flatMap((part) => {
        const box = part.getBoundingClientRect();
        const texts = [...part.querySelectorAll('span')].flatMap((span) => {
          const range = document.createRange();
          range.selectNodeContents(span);
          return span.childElementCount > 0
            ? []
            : [{ text: span.textContent, at: range.getBoundingClientRect() }];
        });
        // what is below the line is not shown
        return texts
          .filter(({ at }) => at.top < box.bottom - 4 && at.right > box.right + 0.5)
          .map(({ text }) => text);
      }),
    );
    expect(cut, scenario).toEqual([]);
    await expect(strip).toContainText(scenario === 'lab-node' ? 'N1' : 'device 0');
    const part = strip.getByRole('button', { name: /memory of device 0/ });
    await part.focus();
    const tip = page.locator('.overview-tip');
    await expect(tip).toHaveText((await part.getAttribute('aria-label')) ?? '');
    await app.expectAccessibleInBothThemes('.overview');
    await page.keyboard.press('Escape');
    await expect(tip).toBeHidden();
    await expect(part).toBeFocused();
    // under the pointer it stays while the pointer moves on to it
    await part.hover();
    await tip.hover();
    await expect(tip).toBeVisible();
  }
});

test('where one can go to is accessible: with places, without, and with a problem', async ({ app, page }) => {
  await app.open(RUN);
  await page.keyboard.press('g');
  const dialog = page.getByRole('dialog', { name: 'Go to' });
  const field = dialog.getByRole('combobox', { name: 'Go to' });
  await expect(dialog.getByRole('option').first()).toBeVisible();
  await app.expectAccessibleInBothThemes('dialog[open]');
  await field.fill('buf+9999');
  await expect(dialog.getByRole('status')).toContainText('No frame, address, page, process, pin or device');
  await app.expectAccessibleInBothThemes('dialog[open]');
  await field.fill('0x5fffc');
  await app.expectAccessibleInBothThemes('dialog[open]');
  await field.press('Enter');
  await app.idle();
  await expect(app.inspector).toContainText('Page 0x5fffc');
});
