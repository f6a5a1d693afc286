import { expect, test } from './app-page.ts';

const RESULT = {
  machine: { cpu: 'a processor', cores: 2 },
  versions: { node: 'v20' },
  figures: [
    {
      name: 'migrate_pin_home_ns_per_page',
      value: 900,
      unit: 'ns/page',
      bound: null,
      direction: '≤',
      ok: true,
    },
    { name: 'objects_ns_per_page', value: 2600, unit: 'ns/page', bound: null, direction: '≤', ok: true },
    { name: 'seek_10m_p95_ms', value: 4.2, unit: 'ms', bound: 16, direction: '≤', ok: true },
    { name: 'seek_10m_max_ms', value: 140, unit: 'ms', bound: 100, direction: '≤', ok: false },
  ],
  series: [
    {
      name: 'migrate_ms',
      x: 'pages',
      y: 'ms',
      points: [
        [1024, 2],
        [4096, 8],
        [16384, 33],
      ],
    },
  ],
};

test('the page of figures tells values, bounds, peers and growth', async ({ app, page }) => {
  await page.route('**/bench/node.json', (route) => route.fulfill({ json: RESULT }));
  await page.route('**/bench/browser.json', (route) => route.fulfill({ json: { figures: 'none' } }));
  await app.open('./?page=figures');
  const figures = page.getByRole('main', { name: 'Figures' });
  const travel = figures.getByRole('region', { name: 'Time travel' });
  await expect(travel.getByRole('row', { name: /^seek_10m_p95_ms/ })).toContainText(/4\.2 ms.*≤ 16.*kept/);
  await expect(travel.getByRole('row', { name: /^seek_10m_max_ms/ })).toContainText(/140 ms.*≤ 100.*missed/);
  await expect(figures.getByRole('img', { name: 'Time to migrate and pin one page' })).toBeVisible();
  await expect(figures.getByRole('img', { name: 'Time in milliseconds by number of pages' })).toBeVisible();
  await expect(figures).toContainText('bench/browser.json');
  // what a plot shows stands below it as numbers
  await figures.getByText('The values').first().click();
  await expect(figures.getByRole('row', { name: /16\s400 pages/ })).toContainText('33 ms');
  await app.expectAccessibleInBothThemes();
  // the last section is reached with the way back still in sight
  await figures.getByRole('button', { name: 'Nothing left behind' }).click();
  await expect(page.getByRole('button', { name: 'Back to the app' })).toBeInViewport({ ratio: 1 });
  expect(await app.overflowPx()).toBeLessThanOrEqual(0);
});
