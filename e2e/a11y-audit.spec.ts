// Opens every view and lists every interactive element without an accessible name, without a way by keys, or too small
// to hit. `npm run -s a11y-audit` runs this alone and prints how many elements each view has.

import { type AppPage, expect, test } from './app-page.ts';
import { audit } from './audit.ts';

const RUN = './?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd';
const PRESETS = ['explore', 'teach', 'debug', 'present'];

const expectNoComplaints = async (app: AppPage, view: string) => {
  const { elements, complaints } = await audit(app.page);
  console.log(`${view}: ${elements} elements, ${complaints.length} complaints`);
  expect(complaints, view).toEqual([]);
  expect(elements, view).toBeGreaterThan(0);
};

test('every view can be operated by keys, and every control has a name', async ({ app, page }) => {
  test.setTimeout(300_000);
  await app.open();
  await expectNoComplaints(app, 'first visit');
  for (const preset of PRESETS) {
    await app.open(`${RUN}&layout=${preset}`);
    await expect(page.getByRole('region', { name: /^Page table of process/ })).toBeVisible();
    await expectNoComplaints(app, `preset ${preset}`);
  }
  await app.open(`${RUN}&layout=debug`);
  // what is read is the whole title, whatever word of it a narrow strip shows
  const tabs = await page
    .getByRole('tab')
    .evaluateAll((all) => all.map((tab) => tab.getAttribute('aria-label') ?? ''));
  expect(tabs.length).toBeGreaterThan(10);
  for (const name of tabs) {
    await app.showPanel(name);
    await app.settlePaint();
    await expectNoComplaints(app, `panel ${name}`);
  }
  await page
    .getByRole('button', { name: /^Soft Reserved/ })
    .first()
    .focus();
  await expectNoComplaints(app, 'tip of the strip of memory');
  await app.showText(true);
  await expectNoComplaints(app, 'maps as text');
  await app.showText(false);
});

test('so can panels that have little to show in that run', async ({ app, page }) => {
  test.setTimeout(300_000);
  for (const [scenario, panels] of [
    ['ttm-evicts', ['GPU', 'Firmware to VRAM', 'Costs', 'Traffic', 'Firmware and zones']],
    ['fork-and-pin', ['Fork', 'Way of the pin', 'Page tables']],
    ['gup-test-not-pinnable', ['Kernel log']],
  ] as const) {
    await app.open(`./?scenario=${scenario}&t=99&layout=debug`);
    for (const name of panels) {
      await app.showPanel(name);
      await app.settlePaint();
      await expectNoComplaints(app, `panel ${name} of ${scenario}`);
    }
  }
  await app.open(`${RUN}&layout=debug`);
  await app.showPanel('Compare');
  await page.getByRole('combobox', { name: 'Compare with' }).selectOption({ index: 1 });
  await app.idle();
  await expectNoComplaints(app, 'panel Compare with another world');
});

test('so can the first run to its end, and the tour', async ({ app, page }) => {
  test.setTimeout(300_000);
  await app.open();
  await page.getByRole('button', { name: 'Watch a page come home' }).click();
  await expect(app.caption).toContainText('pin_user_pages_fast');
  await page.keyboard.press('Space');
  await expectNoComplaints(app, 'first run');
  await app.press(']');
  const summary = page.getByRole('region', { name: 'Home. This is what happened:' });
  await expect(summary).toBeVisible();
  await expectNoComplaints(app, 'summary of the first run');
  await summary.getByRole('button', { name: 'Look around' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectNoComplaints(app, 'tour');
});

test('so it is in the dark, and with the colours of the system', async ({ app, page }) => {
  test.setTimeout(300_000);
  for (const media of [{ colorScheme: 'dark' }, { forcedColors: 'active' }] as const) {
    await page.emulateMedia(media);
    await app.open(`${RUN}&layout=debug`);
    await expectNoComplaints(app, JSON.stringify(media));
  }
});

test('the audit itself finds what nobody can name, reach or hit', async ({ app, page }) => {
  await app.open(`${RUN}&layout=debug`);
  await expectNoComplaints(app, 'before');
  const faults = [
    [{ tag: 'button', text: '', css: 'width:40px;height:40px' }, 'has no accessible name'],
    [{ tag: 'button', text: 'x', css: 'width:40px;height:40px', tabindex: '-1' }, 'cannot be reached by Tab'],
    [{ tag: 'button', text: 'x', css: 'width:9px;height:9px;padding:0' }, 'is too small a target'],
    [{ tag: 'span', text: '1', css: '', tabindex: '0', role: 'slider' }, 'has no accessible name'],
  ] as const;
  for (const [fault, complaint] of faults) {
    await page.evaluate((made) => {
      const element = document.createElement(made.tag);
      element.id = 'fault';
      element.textContent = made.text;
      element.style.cssText = made.css;
      if ('tabindex' in made) element.setAttribute('tabindex', made.tabindex);
      if ('role' in made) element.setAttribute('role', made.role);
      document.querySelector('main')?.append(element);
    }, fault);
    const { complaints } = await audit(page);
    expect(complaints.join('\n'), JSON.stringify(fault)).toContain(complaint);
    await page.evaluate(() => document.querySelector('#fault')?.remove());
  }
  await expectNoComplaints(app, 'after');
});

test('so can every dialog', async ({ app, page }) => {
  test.setTimeout(300_000);
  await app.open(RUN);
  const dialog = page.getByRole('dialog');
  const look = async (view: string) => {
    await expect(dialog).toBeVisible();
    await app.settlePaint();
    await expectNoComplaints(app, view);
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
  };
  for (const [key, view] of [
    ['o', 'scenarios'],
    ['?', 'keys and settings'],
    ['v', 'panels and layout'],
    ['Control+k', 'palette'],
    ['g', 'go to'],
  ] as const) {
    await page.keyboard.press(key);
    await look(view);
  }
  for (const name of [/^Kernel:/, 'Pages to read', /Linux 6/]) {
    await page.getByRole('button', { name }).click();
    await look(`dialog ${String(name)}`);
  }
});

test('so can every page to read', async ({ app, page }) => {
  test.setTimeout(300_000);
  await app.open();
  await page.getByRole('button', { name: 'Pages to read' }).click();
  const titles = await page.getByRole('dialog').getByRole('listitem').getByRole('button').allInnerTexts();
  expect(titles.length).toBeGreaterThan(1);
  await page.keyboard.press('Escape');
  for (const id of ['model', 'types', 'glossary', 'figures']) {
    await app.open(`./?page=${id}`);
    await expect(page.getByRole('navigation', { name: 'Contents' })).toBeVisible();
    await expectNoComplaints(app, `page ${id}`);
  }
});

test('on a phone, too', async ({ app, page }) => {
  test.setTimeout(300_000);
  await page.setViewportSize({ width: 390, height: 844 });
  await app.open(RUN);
  const panes = page.getByRole('group', { name: 'Panel' }).getByRole('radio');
  for (let i = 0; i < (await panes.count()); i++) {
    await panes.nth(i).check();
    await app.settlePaint();
    await expectNoComplaints(app, `phone, group ${i + 1}`);
    for (const tab of await page.getByRole('tab').all()) {
      await tab.click();
      await app.idle();
      await expectNoComplaints(app, `phone, panel ${(await tab.getAttribute('aria-label')) ?? ''}`);
    }
  }
});
