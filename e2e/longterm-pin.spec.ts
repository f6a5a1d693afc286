import { expect, test } from './app-page.ts';

const PIN_STEP = 3;
const PAGES = ['buf+0', 'buf+1', 'buf+2', 'buf+3'];

test('a long-term pin brings all pages home, and back again in time', async ({ app, page }) => {
  test.slow();
  await app.open();
  await app.openScenario('coherent-longterm-pin-fast');
  await app
    .step(PIN_STEP - 1)
    .getByRole('button')
    .click();
  await app.idle();

  // before: all on the device
  const before = await app.frames();
  for (const name of PAGES) expect(before[name]).toMatch(/^C0x/);
  expect(await app.ownedRows('VRAM, device 0')).toHaveLength(4);
  expect(await app.pixels('VRAM, device 0', 'coherent')).toBeGreaterThan(500);
  expect(await app.pixels('System memory, node 0', 'system')).toBe(0);

  // the step that was chosen plays first; through the pin and on to the end, fast
  await page.getByLabel('Speed').selectOption('8');
  await page.getByRole('button', { name: 'Play from step 2' }).click();
  await app.idle();
  await expect(app.caption).toContainText('step 6');
  await app.step(PIN_STEP).getByRole('button').click();
  await app.idle();

  // after: all in system memory, pinned there; tables, text twin and map say so
  const after = await app.frames();
  for (const name of PAGES) expect(after[name]).toMatch(/^S0x/);
  const rows = await app.ownedRows('System memory, node 0');
  expect(rows).toHaveLength(4);
  for (const row of rows) expect(row).toMatch(/^buf\+\d system memory, 1 long-term pin/);
  expect(await app.ownedRows('VRAM, device 0')).toEqual([]);
  expect(await app.pixels('System memory, node 0', 'system')).toBeGreaterThan(500);
  expect(await app.pixels('VRAM, device 0', 'coherent')).toBe(0);
  await expect(app.badge).toHaveText('agrees with Linux 6.1.192 in 7 of 7 steps');

  // back to before the pin
  await app.press('[');
  const again = await app.frames();
  expect(again).toEqual(before);
  expect(await app.ownedRows('System memory, node 0')).toEqual([]);

  // a reload keeps scenario and step
  const place = await app.caption.textContent();
  await page.reload();
  await app.idle();
  expect(await app.caption.textContent()).toBe(place);
  expect(await app.frames()).toEqual(before);
});

test.describe('with reduced motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  test('the pin does not travel: it goes in VRAM and is taken anew in system memory', async ({ app }) => {
    await app.open('./?scenario=coherent-longterm-pin-fast&t=3');
    test.slow();
    await expect(app.caption).toContainText('read back');
    await app.showText(true);
    const seen: string[] = [];
    for (let i = 0; i < 34; i++) {
      await app.press('l');
      const { 'VRAM, device 0': vram, 'System memory, node 0': system } = await app.pinnedRows();
      const state = `${vram} ${system}`;
      if (seen.at(-1) !== state) seen.push(state);
      if ((await app.caption.textContent())?.includes('The call returns') === true) break;
    }
    // pinned in VRAM; each pin becomes a plain reference; only then, all at once, in system memory
    expect(seen).toEqual(['0 0', '4 0', '3 0', '2 0', '1 0', '0 0', '0 4']);
  });
});
