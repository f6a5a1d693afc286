// What an instrument for memory management has to show, clause by clause, where no other file shows it.

import type { Page } from '@playwright/test';
import { expect, test } from './app-page.ts';

test('what fails stays behind and says why; a huge entry stands at its level; private pages have entries of their own', async ({
  app,
  page,
}) => {
  // h1 pins two of six pages: the other four go
  await app.open('./?scenario=pin-blocks-to-dev&t=3.999');
  expect(await app.ownedRows('System memory, node 0')).toEqual([
    'buf+2 system memory, stays: it is probably pinned, 1 pin, AnonExclusive',
    'buf+3 system memory, stays: it is probably pinned, 1 pin, AnonExclusive',
  ]);
  expect(await app.ownedRows('VRAM, device 0')).toHaveLength(4);

  await app.open('./?scenario=thp-longterm-pin&t=3');
  await app.showPanel('Tree');
  const tree = page.getByRole('region', { name: 'Page-table tree' });
  await expect(tree).toContainText(/PMD in frame 0x4802.*\[0\]\s*huge page/);
  await expect(tree).not.toContainText('PTE in frame');

  await app.open('./?scenario=private-cpu-read&t=3');
  await app.showPanel('Page tables');
  const table = page.getByRole('region', { name: 'Page table of process A' });
  const [entry] = await table.locator('.entry-kind[data-kind="device-private"]').all();
  await expect(entry ?? table).toHaveText('device-private');
  await expect(table.locator('.chip[data-tone="private"]').first()).toHaveText(/^P\s*0x/);
});

test('the inspector: dump_page, who holds references, who maps; and what a pin blocks', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=coherent-longterm-pin-fast&t=4.0&sel=page:0x4804');
  const { inspector } = app;
  await expect(inspector).toContainText('page:ffffea0000120100 refcount:1025 mapcount:1');
  await expect(inspector).toContainText('bit 19 swapbacked');
  await expect(inspector).toContainText(
    /Reference count\s*1\s025\s*page table entry buf\+0\s*\+1\s*FOLL_PIN h1\s*\+1\s024/,
  );
  await expect(inspector).toContainText(/Reverse map\s*buf\+0/);
  await app.open('./?scenario=coherent-longterm-pin-fast&t=4.0');
  await page.getByRole('button', { name: /^h1/ }).click();
  await app.idle();
  for (const blocked of ['Eviction', 'Migration', 'Sharing at fork'])
    await expect(inspector).toContainText(blocked);
});

test('teach asks before it tells; two kernels, two kinds of memory and two sets of switches can be compared', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=coherent-longterm-pin-fast&t=3.250&layout=teach');
  const why = page.getByRole('region', { name: 'Why' });
  await expect(why).not.toContainText('The devices were told first, so');
  await why.getByRole('button', { name: 'Show why' }).click();
  await expect(why).toContainText('The devices were told first, so');
  const compared = page.getByRole('region', { name: 'Compare' });
  for (const [link, result] of [
    ['scenario=pinnable-not-all&compare=linux-6.0', /Linux 6\.0.*has become a plain reference/],
    ['scenario=longterm-pin&compare=private-devices', /≠/],
    ['scenario=pinnable-cma&compare=without-CONFIG_CMA', /CONFIG_CMA off.*long holds 4 pages/],
  ] as const) {
    await app.open(`./?${link}&t=99`);
    await expect(compared, link).toContainText('Where they part');
    await expect(compared, link).toContainText(result);
  }
});

/** How much of the overlay has been painted between two maps, picture by picture, while something is done. */
const paintedBetweenMaps = async (page: Page, act: () => Promise<void>): Promise<number[]> => {
  await page.evaluate(() => {
    const overlay = document.querySelector<HTMLCanvasElement>('.maps-overlay');
    const [upper, lower] = document.querySelectorAll('.bank-window');
    if (overlay === null || upper === undefined || lower === undefined) throw new Error('no maps');
    const painted: number[] = [];
    const look = (): void => {
      const box = overlay.getBoundingClientRect();
      const scale = overlay.width / box.width;
      const from = Math.round((upper.getBoundingClientRect().bottom - box.top) * scale);
      const to = Math.round((lower.getBoundingClientRect().top - box.top) * scale);
      // the canvas may belong to a worker: a copy of what it shows can be read
      const copy = new OffscreenCanvas(overlay.width, overlay.height);
      const pen = copy.getContext('2d');
      pen?.drawImage(overlay, 0, 0);
      const data = pen?.getImageData(0, from, overlay.width, to - from).data ?? [];
      painted.push(data.filter((value, at) => at % 4 === 3 && value > 0).length);
      if (!('painted' in window)) requestAnimationFrame(look);
    };
    look();
    Reflect.set(window, 'report', () => {
      Reflect.set(window, 'painted', painted);
      return painted;
    });
  });
  await act();
  return await page.evaluate(() => {
    const report: unknown = Reflect.get(window, 'report');
    const painted: unknown = typeof report === 'function' ? report() : [];
    return Array.isArray(painted) ? painted.map(Number) : [];
  });
};

test('pages fly from map to map: what is under way is between them, before and after nothing is', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=lab-node&t=2.0');
  const painted = await paintedBetweenMaps(page, async () => {
    await app.press(']');
    await app.settlePaint();
  });
  expect(painted.at(0)).toBe(0);
  expect(Math.max(...painted)).toBeGreaterThan(100);
  expect(painted.at(-1)).toBe(0);
});
