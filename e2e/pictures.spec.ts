// `npm run -s pictures` opens every panel and preset in both themes at the size of a phone, a laptop and a projector, and
// leaves a picture of each in test-results/pictures, to be looked at. It is a suite of its own: nobody looks in CI.

import { mkdir } from 'node:fs/promises';
import { expect, test } from './app-page.ts';

const RUN = './?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd';
const FOLDER = 'test-results/pictures';
const SIZES = [
  ['phone', 390, 844],
  ['laptop', 1440, 900],
  ['projector', 1920, 1080],
  ['beamer', 1280, 720],
] as const;
const PRESETS = ['explore', 'teach', 'debug', 'present'] as const;

/** Scenes in which a panel has more to show than in the run above, with the panel to bring to the front. */
const SCENES: readonly (readonly [name: string, link: string, panel?: string])[] = [
  ['fork', './?scenario=fork-and-pin&t=6.0', 'Fork'],
  ['fork tables', './?scenario=fork-and-pin&t=6.0', 'Page tables'],
  ['gpu', './?scenario=ttm-evicts&t=99', 'GPU'],
  ['compare', './?scenario=longterm-pin&t=99&compare=without-patch-6'],
  ['costs', './?scenario=ttm-evicts&t=99', 'Costs'],
  ['firmware', './?scenario=lab-node&t=99', 'Firmware to VRAM'],
  ['log', './?scenario=gup-test-not-pinnable&t=99', 'Kernel log'],
];

/** A title as the name of a file: `Way of the pin` is `way-of-the-pin`. */
const fileName = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

for (const [size, width, height] of SIZES)
  for (const theme of ['light', 'dark'] as const)
    test.describe(`${size}, ${theme}`, () => {
      test.use({ viewport: { width, height }, colorScheme: theme });
      test.setTimeout(300_000);

      test('presets and panels', async ({ app, page }) => {
        await mkdir(FOLDER, { recursive: true });
        const shoot = async (name: string): Promise<void> => {
          await app.settlePaint();
          await page.screenshot({ path: `${FOLDER}/${fileName(`${name} ${size}`)}-${theme}.png` });
        };
        await app.open();
        await shoot('first visit');
        for (const preset of PRESETS) {
          await app.open(`${RUN}&layout=${preset}`);
          await shoot(`preset ${preset}`);
        }
        // a narrow window shows one group of panels at a time
        const groups = page.getByRole('group', { name: 'Panel', exact: true }).getByRole('radio');
        for (const [name, link, panel] of SCENES) {
          await app.open(link);
          if (panel !== undefined) {
            const tab = page.getByRole('tab', { name: panel, exact: true });
            for (let group = 0; group < (await groups.count()) && (await tab.count()) === 0; group++)
              await groups.nth(group).check({ force: true });
            await app.showPanel(panel);
          }
          await shoot(`scene ${name}`);
        }
        await app.open(RUN);
        const taken = new Set<string>();
        const shootTabs = async (): Promise<void> => {
          const tabs = await page
            .getByRole('tab')
            .evaluateAll((all) => all.map((tab) => tab.getAttribute('aria-label') ?? ''));
          for (const name of tabs.filter((each) => !taken.has(each))) {
            taken.add(name);
            await app.showPanel(name);
            await shoot(`panel ${name}`);
          }
        };
        for (let group = 0; group < (await groups.count()); group++) {
          await groups.nth(group).check({ force: true });
          await app.idle();
          await shoot(`group ${group}`);
          await shootTabs();
        }
        await shootTabs();
        expect(taken.size).toBeGreaterThan(10);
      });
    });

test.describe('for README.md', () => {
  test.use({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });

  test('the copy of the third page, to be put into public/screenshots', async ({ app, page }) => {
    await app.open('./?scenario=coherent-longterm-pin-fast&t=3.300');
    const copied = app.caption.getByText(/^The bytes of buf\+2 are copied/);
    while ((await copied.count()) === 0) await app.press('l');
    await app.settlePaint();
    await mkdir(FOLDER, { recursive: true });
    await page.screenshot({ path: `${FOLDER}/longterm-pin.png` });
  });
});
