// The panels that are loaded when somebody opens them, each over the scene that the app is about: four pages on a device,
// a long-term pin that brings them home.

import type { Locator } from '@playwright/test';
import { type AppPage, expect, test } from './app-page.ts';

const SCENE = './?scenario=longterm-pin';
const MIGRATE_STEP = 2;
const PIN_STEP = 3;

/** The end of a step: the whole of it has happened. */
const showEndOf = async (app: AppPage, step: number): Promise<void> => {
  await app.step(step).getByRole('button').click();
  await app.idle();
};

test('Way of the pin: four pages are moved, and all is pinned again', async ({ app, page }) => {
  await app.open(SCENE);
  await app.showPanel('Way of the pin');
  const chart = page.getByRole('region', { name: 'The way of the pin' });
  await showEndOf(app, MIGRATE_STEP);
  await expect(chart).toContainText('No step has asked for pages yet.');
  await showEndOf(app, PIN_STEP);
  await expect(chart).toContainText(
    'pin_user_pages_fast(buf+0, 4 pages, FOLL_WRITE | FOLL_LONGTERM)by A, step 3',
  );
  const way = (label: string): Locator =>
    chart.getByRole('paragraph').filter({ has: page.getByText(label, { exact: true }) });
  await expect(way('may not stay')).toHaveText('may not stay× 4');
  await expect(way('moved')).toHaveText('moved× 4');
  await expect(way('pin all again')).toHaveText('pin all again× 1');
  await expect(way('gave up')).toHaveText('gave up');
  await app.expectAccessibleInBothThemes('[data-panel=gup-path]');
  // a station leads to the moment at which it was reached
  const end = await app.position();
  await chart.getByRole('button', { name: 'Bring it home' }).click();
  await app.idle();
  expect(await app.position()).toBeLessThan(end);
  await expect(chart.locator('[aria-current=step]')).toContainText('Bring it home');
});

test('Call tree: the run stops at each of four calls, forward and back', async ({ app, page }) => {
  await app.open(SCENE);
  await app.press('Home');
  await app.showPanel('Call tree');
  const stops = page.getByRole('region', { name: 'Stop when' });
  const condition = stops.getByRole('combobox', { name: 'Condition' });
  await condition.fill('whenever');
  await condition.press('Enter');
  await expect(stops).toContainText('“whenever” cannot be read');
  await condition.fill('fn:migrate_device_coherent_page');
  await stops.getByRole('button', { name: 'Add' }).click();
  const entry = stops.getByRole('listitem');
  await expect(entry).toContainText('migrate_device_coherent_page is entered');
  const run = async (way: 'on' | 'back'): Promise<number> => {
    await stops.getByRole('button', { name: `Run ${way}` }).click();
    await app.idle();
    return await app.position();
  };
  const forward: number[] = [];
  for (let call = 0; call < 4; call++) {
    forward.push(await run('on'));
    await expect(entry).toContainText('stopped here');
    const running = page.getByRole('region', { name: 'Calls of step 3' }).locator('[data-state=running]');
    await expect(running.last()).toContainText('migrate_device_coherent_page');
  }
  expect([...new Set(forward)].sort((a, b) => a - b)).toEqual(forward);
  await app.expectAccessibleInBothThemes('[data-panel=call-tree]');
  expect(await run('on')).toBe(forward[3]);
  await expect(stops.getByRole('status')).toHaveText('Nothing of the kind comes after this moment.');
  expect([await run('back'), await run('back'), await run('back')]).toEqual(forward.slice(0, 3).reverse());
  expect(await run('back')).toBe(forward[0]);
  await expect(stops.getByRole('status')).toHaveText('Nothing of the kind came before this moment.');
});

test('Icicle: each call has a bar below the one that it lies in, the innermost too', async ({
  app,
  page,
}) => {
  await app.open(`${SCENE}&t=3.280`);
  await app.showPanel('Icicle');
  const stack = page.getByRole('region', { name: 'Kernel call stack' }).getByRole('listitem');
  await expect(stack.last()).toContainText('remove_migration_pte');
  const icicle = page.getByRole('slider', { name: 'Position in the icicle, in events' });
  const box = await icicle.boundingBox();
  const events = Number(await icicle.getAttribute('aria-valuemax'));
  const now = Number(await icicle.getAttribute('aria-valuenow'));
  // a hundredth of the run is left free at either end; the first lane and two gaps lie above the calls
  const x = (((now - 0.5) / events + 0.01) / 1.02) * (box?.width ?? 0);
  const rowY = (row: number): number => 39 + row * 15 + 7;
  await icicle.hover({ position: { x, y: rowY(0) } });
  await expect(page.locator('.timeline-tip')).toContainText('internal_get_user_pages_fast');
  await icicle.hover({ position: { x, y: rowY(7) } });
  await expect(page.locator('.timeline-tip')).toContainText(/^remove_migration_pte,/);
  await app.expectAccessibleInBothThemes('[data-panel=icicle]');
});

test('Tree: the walk to buf+0 ends at the frame that the page table names', async ({ app, page }) => {
  await app.open(SCENE);
  const tree = page.getByRole('region', { name: 'Page-table tree' });
  const walkAtEndOf = async (step: number) => {
    await showEndOf(app, step);
    await app.showPanel('Page tables');
    const frame = (await app.frames())['buf+0'] ?? '';
    await app.showPanel('Tree');
    for (const table of ['PGD', 'PUD', 'PMD', 'PTE'])
      await expect(tree.getByText(table, { exact: true }).last()).toBeVisible();
    // each table's entry on the way holds the next table: the last one is the PTE
    const way = tree.locator('[aria-current=true]');
    await expect(way).toHaveCount(4);
    await expect(way.last()).toContainText('buf+0');
    await expect(way.last()).toContainText(frame.replace(/^[A-Z]/, ''));
    return frame;
  };
  expect(await walkAtEndOf(MIGRATE_STEP)).toMatch(/^C0x/);
  expect(await walkAtEndOf(PIN_STEP)).toMatch(/^S0x/);
  await app.expectAccessibleInBothThemes('[data-panel=page-walk]');
  await tree.getByRole('radio', { name: '5 (LA57)' }).check();
  await expect(tree.getByRole('list', { name: 'Bits of the address' }).getByRole('listitem')).toHaveCount(6);
  // what four levels call PGD is the P4D of five: the entry above it names its frame, with signs and word as all others
  await tree.getByRole('checkbox', { name: '64-bit words' }).check();
  const p4d = /P4D in frame (0x[\da-f]+)/.exec((await tree.textContent()) ?? '')?.[1] ?? '';
  const fifth = tree.locator('[aria-current=true]').first();
  await expect(fifth).toHaveText(
    new RegExp(`^\\[0\\]table.*PWDA→ ${p4d}${`${p4d.slice(2)}067`.padStart(16, '0').replace(/^/, '0x')}$`),
  );
  await expect(tree.locator('[aria-current=true]')).toHaveCount(5);
  await tree.getByRole('radio', { name: '4 levels' }).check();
  await expect(tree).toContainText('the P4D is folded');
  await expect(tree.locator('[aria-current=true]')).toHaveCount(4);
});

test('Compare: without patch 6 the pin gives another result', async ({ app, page }) => {
  await app.open(SCENE);
  await showEndOf(app, PIN_STEP);
  await app.showPanel('Compare');
  const compare = page.getByRole('region', { name: 'Compare' });
  await compare.getByLabel('Compare with').selectOption('without-patch-6');
  await app.idle();
  const results = compare
    .getByRole('table')
    .filter({ has: page.getByRole('columnheader', { name: 'step' }) });
  const rows = results.getByRole('row').filter({ has: page.getByRole('rowheader') });
  await expect(rows.first()).toHaveText(/^3 pin_user_pages_fast buf.*≠.*EAGAIN/);
  await expect(rows.first()).toHaveAttribute('aria-current', 'step');
  await expect(compare).toContainText(
    /Where they part: here and without patch 6.*may not stay pinned where they are/,
  );
  // here the pages lie at home, there on the device
  const places = compare.getByRole('row', { name: /^buf\+\d/ });
  await expect(places).toHaveCount(4);
  for (const row of await places.all()) await expect(row).toHaveText(/system.*pinned.*≠.*device 0/);
  await app.expectAccessibleInBothThemes('[data-panel=compare]');
  // before the pin there is nothing to tell them apart
  await app.press('[');
  await expect(compare).toContainText('All 4 pages are in the same place and state.');
});

test('Traffic: four pages went out, and four came home', async ({ app, page }) => {
  await app.open(SCENE);
  await app.showPanel('Traffic');
  const traffic = page.getByRole('region', { name: 'Traffic' });
  await showEndOf(app, PIN_STEP);
  const way = (from: string, to: string): Locator =>
    traffic.getByRole('row', { name: new RegExp(`^${from}.*${to}`) }).getByRole('cell');
  await expect(way('System node 0', 'VRAM device 0')).toHaveText(['CPU copies', '4 pages, 16 KiB', '']);
  await expect(way('VRAM device 0', 'System node 0')).toHaveText([
    'CPU copies',
    '4 pages, 16 KiB',
    '4 pages, 16 KiB',
  ]);
  await app.expectAccessibleInBothThemes('[data-panel=traffic]');
  await traffic.getByRole('button', { name: 'Step 2: 4 pages to devices, 0 to system memory' }).click();
  await app.idle();
  await expect(way('VRAM device 0', 'System node 0')).toHaveCount(0);
});

test('Why: at the end of a step stands what changed the selected entry, else where the pages went', async ({
  app,
  page,
}) => {
  await app.open(SCENE);
  await showEndOf(app, PIN_STEP);
  const why = page.getByRole('region', { name: 'Why', exact: true });
  await expect(why).toContainText('Pages by place: VRAM 0 had 4, has 0; system had 0, has 4.');
  await expect(why).not.toContainText('returns');
  await page
    .getByRole('region', { name: 'Page table of process A' })
    .getByRole('button', { name: 'buf+2' })
    .click();
  await app.idle();
  await expect(why).toContainText(/The PTE of buf\+2 changes: migration 0x[\da-f]+ → present 0x[\da-f]+\./);
  const end = await app.position();
  await why.getByRole('button', { name: 'Go there' }).press('Enter');
  await app.idle();
  expect(await app.position()).toBeLessThan(end);
  await expect(why).toContainText('changes: migration');
});

test('Fork: what both share, and who copies with the next write', async ({ app, page }) => {
  await app.open('./?scenario=fork-and-pin&t=5');
  await app.showPanel('Fork');
  const fork = page.getByRole('region', { name: /Fork|fork/ }).first();
  await expect(fork).toContainText('Pages with one frame for both: 1.');
  await expect(fork.getByRole('row', { name: /^\+0 .*copies.*shared.*copies/ })).toBeVisible();
  // the pinned page was copied at the fork itself: each writes in place
  await expect(
    fork.getByRole('row', { name: /^\+1 .*writes in place.*not shared.*writes in place/ }),
  ).toBeVisible();
});

test('Page tables: what a device has stands in the row of its page, also on a phone', async ({
  app,
  page,
}) => {
  await app.open(SCENE);
  await showEndOf(app, MIGRATE_STEP);
  const table = page.getByRole('region', { name: 'Page table of process A' });
  const row = table
    .getByRole('row')
    .filter({ has: page.getByRole('button', { name: 'buf+2', exact: true }) });
  const held = row.getByRole('button', { name: /may read and write/ });
  await expect(held).toBeVisible();
  await expect(table.getByRole('columnheader', { name: 'device 0' })).toBeVisible();
  await held.click();
  await expect(app.inspector).toContainText((await app.frames())['buf+2']?.replace(/^C/, '') ?? '-');
  // the pin takes the pages home: the device's entries go, in the same rows
  await showEndOf(app, PIN_STEP);
  await expect(row.getByText('none', { exact: true })).toBeVisible();
  await expect(table).toContainText('Device 0: no entry of A');
  await app.step(MIGRATE_STEP).getByRole('button').click();
  await app.idle();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('radio', { name: 'Tables' }).check({ force: true });
  await app.idle();
  await expect(table.getByRole('columnheader', { name: 'device 0' })).toBeHidden();
  await expect(table.locator('.device-folded').getByRole('button')).toHaveCount(4);
  await expect(table.locator('.device-folded').first()).toBeVisible();
  const beyond = await page
    .locator('.entries-scroll')
    .evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth));
  expect(beyond).toEqual([0]);
  await app.expectAccessibleInBothThemes('[data-panel=tables]');
});

test('Page tables: after fork processes stand side by side where there is room, with what they share', async ({
  app,
  page,
}) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await app.open('./?scenario=coherent-cow&t=4.99');
  await page.getByRole('separator', { name: 'Tables', exact: true }).press('End');
  await app.idle();
  const tableOf = (process: string): Locator =>
    page.getByRole('region', { name: `Page table of process ${process}` });
  const left = await tableOf('A').boundingBox();
  const right = await tableOf('B').boundingBox();
  expect(right?.y).toBe(left?.y);
  expect(right?.x).toBeGreaterThan((left?.x ?? 0) + (left?.width ?? 0) - 1);
  // A has its own copy of the first page; the others are shared
  const share = tableOf('A').getByRole('button', { name: 'Same frame in B: select its entry' });
  await expect(share).toHaveCount(3);
  await tableOf('A').getByRole('button', { name: 'buf+2', exact: true }).hover();
  const marked = (process: string): Locator => tableOf(process).locator('tr[data-hovered=true]');
  await expect(marked('A')).toContainText('buf+2');
  await expect(marked('B')).toContainText('buf+2');
  await share.nth(1).click();
  await expect(tableOf('B').getByRole('button', { name: 'buf+2', exact: true })).toHaveAttribute(
    'aria-pressed',
    'true',
  );
  const beyond = await page
    .locator('.entries-scroll')
    .evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth));
  expect(beyond).toEqual([0, 0]);
  await page.getByRole('separator', { name: 'Tables', exact: true }).press('Home');
  await app.idle();
  expect((await tableOf('B').boundingBox())?.x).toBe((await tableOf('A').boundingBox())?.x);
});
