// GPUs as a person meets them: the way of memory from the firmware to VRAM, who has VRAM and what blocks an eviction,
// what it costs, and worlds that never shipped. Outcomes of reference machine-and-drivers.md §1.1, §4.3 and §4.5.

import type { Page } from '@playwright/test';
import { type AppPage, expect, test } from './app-page.ts';

const showEndOf = async (app: AppPage, step: number): Promise<void> => {
  await app.step(step).getByRole('button').click();
  await app.idle();
};

/** Opens what somebody has in a file. */
const openFile = async (app: AppPage, page: Page, scenario: object): Promise<void> => {
  await page.getByRole('button', { name: /^Scenario/ }).click();
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByText('Open a file').click(),
  ]);
  const buffer = Buffer.from(JSON.stringify(scenario));
  await chooser.setFiles({ name: 'machine.json', mimeType: 'application/json', buffer });
  await app.idle();
};

test.describe('From firmware to VRAM', () => {
  test('station by station, as the machine comes up', async ({ app, page }) => {
    await app.open('./');
    await app.openScenario('Firmware says: for a device');
    await app.showPanel('Firmware to VRAM');
    const way = page.getByRole('region', { name: 'From firmware to usable VRAM' });
    const station = (name: string) => way.getByRole('listitem', { name: new RegExp(`^${name}`) });
    await expect(station('UEFI memory map')).toContainText('not yet');
    await showEndOf(app, 0);
    await expect(station('UEFI memory map')).toHaveAttribute('aria-current', 'step');
    await expect(station('UEFI memory map')).toContainText(
      /10000000000-10fffffffff\s*64 GiB\s*EFI_MEMORY_SP/,
    );
    await showEndOf(app, 1);
    await expect(station('e820 table')).toContainText(/64 GiB\s*SOFT_RESERVED/);
    await showEndOf(app, 2);
    await expect(way.getByLabel('/proc/iomem', { exact: true })).toContainText(
      '10000000000-10fffffffff : Soft Reserved',
    );
    await expect(station('The driver registers')).toContainText('not yet');
    await showEndOf(app, 4);
    const driver = station('The driver registers');
    await expect(driver).toContainText('1 GiB of system memory');
    await expect(driver.getByText(': passed')).toHaveCount(8);
    await app.expectAccessibleInBothThemes('[data-panel=iomem]');
  });

  test('with efi=nosoftreserve VRAM is RAM, and the driver is refused', async ({ app, page }) => {
    await app.open('./?scenario=spm-ignored&t=5');
    await app.showPanel('Firmware to VRAM');
    const way = page.getByRole('region', { name: 'From firmware to usable VRAM' });
    await expect(way).toContainText('768 GiB RAM, 0 B soft reserved');
    await expect(way.getByRole('status')).toContainText('-ENXIO');
    await expect(way.getByRole('status')).toContainText('These addresses are ordinary RAM for the kernel');
    await app.expectAccessibleInBothThemes('[data-panel=iomem]');
  });

  test('the driver waits for the last page before it goes', async ({ app, page }) => {
    await app.open('./?scenario=driver-leaves');
    await app.showPanel('Firmware to VRAM');
    await showEndOf(app, 2);
    const way = page.getByRole('region', { name: 'From firmware to usable VRAM' });
    await expect(way).toContainText('4 pages of 4');
    const isWaiting = way.getByText('It waits until the last page in use is free.');
    for (let moment = 0; moment < 40 && (await isWaiting.count()) === 0; moment++)
      await app.press('ArrowRight');
    await expect(isWaiting).toBeVisible();
    await app.press('End');
    await expect(way).toContainText('The registration has ended');
  });
});

test('what the kernel refuses, typed as a step, gets its error and a plain sentence', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=longterm-pin');
  await openFile(app, page, {
    machine: 'teaching',
    gpu: { coldBoot: true },
    devices: [
      { id: 0, kind: 'coherent' },
      { id: 1, kind: 'coherent' },
    ],
    steps: [
      ...['efi', 'e820', 'memblock', 'init'].map((stage) => ({
        step: { op: 'boot', proc: 'kernel', stage },
      })),
      { step: { op: 'probe', proc: 'kernel', device: 0 } },
    ],
  });
  const field = page.getByLabel('Next step');
  let steps = 5;
  const type = async (line: string): Promise<void> => {
    await field.fill(line);
    await field.press('Enter');
    await app.idle();
    await expect(app.step(steps++)).toBeAttached();
  };
  await app.showPanel('Firmware to VRAM');
  const refusal = page.getByRole('region', { name: 'From firmware to usable VRAM' }).getByRole('status');
  for (const { aperture, errno, sentence, mend } of [
    {
      aperture: 'start 0x200000',
      errno: 'ENOMEM',
      sentence: 'Two GPUs claim the same memory.',
      mend: 'give the second one another start',
    },
    {
      aperture: 'start 0x201003',
      errno: 'EINVAL',
      sentence: 'does not begin and end on a border of 2 MiB',
      mend: 'multiples of 512 pages',
    },
    {
      aperture: 'pages 0x400000000',
      errno: 'EINVAL',
      sentence: 'There is more VRAM than addresses',
      mend: 'fewer pages',
    },
  ]) {
    await type(`probe 1 ${aperture}`);
    await expect(app.step(steps - 1)).toContainText(errno);
    await expect(refusal).toContainText(`-${errno}`);
    await expect(refusal).toContainText(sentence);
    await expect(refusal).toContainText(mend);
    await type('unbind 1');
  }
  await type('mmap buf 4');
  await type('svm_attr buf ACCESS GPU 1');
  await expect(app.step(steps - 1)).toContainText('EINVAL');
  await showEndOf(app, steps - 1);
  await app.press('ArrowLeft');
  await expect(app.caption).toContainText('names a GPU that cannot have ranges');
  await field.fill('svm_attr buf GRANULARITY 300');
  await field.press('Enter');
  await app.idle();
  await expect(page.getByRole('alert')).toContainText('300 is too much; the most is 255');
});

test('GPU: a range in both page tables, and how VRAM is taken back', async ({ app, page }) => {
  await app.open('./');
  await app.openScenario('Eviction with the rule of the series');
  await app.showPanel('GPU');
  const gpu = page.getByRole('region', { name: 'GPU', exact: true });
  await showEndOf(app, 4);
  const objects = gpu.getByRole('list', { name: /^Buffer objects of GPU 0/ });
  await expect(objects.getByRole('listitem')).toHaveText([/#1 ranges of A, 16 pages in VRAM, 15 in use/]);
  const range = gpu.getByRole('article', { name: 'Range A buf+0' });
  await expect(range).toContainText('PREFETCH_LOCGPU 0');
  await expect(range).toContainText('GRANULARITY2 MiB');
  const entries = range.getByRole('table', { name: 'Entries of A buf+0' });
  await expect(entries.getByRole('row', { name: /^A buf\+4 / })).toContainText(/C0x\w+ rw/);
  await expect(entries.getByRole('row', { name: /^A buf\+5 / })).toContainText(/S0x\w+ rw/);
  await app.expectAccessibleInBothThemes('[data-panel=gpu]');
  // the other process asks, TTM waits for the fence, and gets all of it
  const waits = gpu.getByText(
    /B looks for VRAM on GPU 0: 4.096 pages for big; TTM waits for its fence of #1/,
  );
  for (let moment = 0; moment < 40 && (await waits.count()) === 0; moment++) await app.press('ArrowRight');
  await expect(waits).toBeVisible();
  await showEndOf(app, 5);
  await expect(objects).toContainText('compute object of B “big”, 4 096 pages in VRAM');
  await expect(gpu).toContainText('15 pages home');
  // the same way as a list; a line leads to its moment
  const way = gpu.getByRole('region', { name: 'Eviction, step by step' });
  const line = (text: string) => way.getByRole('listitem').filter({ hasText: text });
  await expect(way.getByRole('listitem')).toHaveCount(8);
  await expect(line('VRAM for 4\u202f096 pages has its new owner')).toHaveAttribute('aria-current', 'step');
  await way.getByRole('button', { name: /TTM waits for its eviction fence/ }).click();
  await app.idle();
  await expect(line('TTM waits for its eviction fence')).toHaveAttribute('aria-current', 'step');
  await expect(line('The fence is signalled')).toContainText('(to come)');
  await expect(gpu).toContainText('B looks for VRAM on GPU 0: 4 096 pages for big');
  await app.expectAccessibleInBothThemes('[data-panel=gpu]');
});

test('GPU: a scene runs on the generic device and back; the link keeps it', async ({ app, page }) => {
  await app.open('./?scenario=svm-prefetch&t=99');
  await app.showPanel('GPU');
  const gpu = page.getByRole('region', { name: 'GPU', exact: true });
  await gpu.getByRole('button', { name: 'Run this scenario on the generic GPU' }).click();
  await app.idle();
  await expect(gpu).toContainText('Generic GPU: invented, of no vendor');
  await page.reload();
  await app.idle();
  await expect(page.getByRole('button', { name: /^Scenario/ })).toContainText('(generic GPU)');
  await app.expectAccessibleInBothThemes('[data-panel=gpu]');
  await gpu.getByRole('button', { name: 'Run this scenario on the amdgpu preset' }).click();
  await app.idle();
  await expect(page).toHaveURL(/scenario=svm-prefetch/);
});

test('GPU: without XNACK all queues stop, and run again', async ({ app, page }) => {
  await app.open('./?scenario=svm-xnack-off');
  await app.showPanel('GPU');
  await showEndOf(app, 3);
  const gpu = page.getByRole('region', { name: 'GPU', exact: true });
  await expect(gpu).toContainText('queues run XNACK off');
  const stopped = gpu.getByText('queues stopped');
  for (let moment = 0; moment < 40 && (await stopped.count()) === 0; moment++) await app.press('ArrowRight');
  await expect(stopped).toBeVisible();
  await expect(gpu).toContainText('a kernel thread maps again, then the queues run');
  await showEndOf(app, 4);
  await expect(stopped).toHaveCount(0);
});

test('GPU: what blocks an eviction stands where it blocks, and has two owners where nobody looks', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=ttm-intent');
  await app.showPanel('GPU');
  const gpu = page.getByRole('region', { name: 'GPU', exact: true });
  await showEndOf(app, 4);
  await expect(gpu).toContainText('A buf+5 (mr of A) is pinned for long in VRAM');
  const blocks = gpu.getByText('it blocks the eviction for as long as the pin lasts');
  for (let moment = 0; moment < 60 && (await blocks.count()) === 0; moment++) await app.press('ArrowRight');
  await expect(blocks).toBeVisible();
  await app.openScenario('Hypothetical: without the rule, as the code would go');
  await showEndOf(app, 6);
  await expect(gpu).toContainText('two owners A buf+5');
  await app.expectAccessibleInBothThemes('[data-panel=gpu]');
});

test('Costs: figures can be changed, are kept over a reload, and can be had back', async ({ app, page }) => {
  await app.open('./?scenario=ttm-evicts&t=7');
  await app.showPanel('Costs');
  const costs = page.getByRole('region', { name: 'Costs', exact: true });
  const times = costs.getByRole('table', { name: 'Time by what it is spent on' });
  const faults = times.getByRole('row', { name: /^faults/ });
  // 16 pages at 700 ns
  await expect(faults).toContainText('11.2 µs');
  await expect(times.getByRole('row', { name: /^TLB shootdowns/ })).toBeVisible();
  await expect(costs.getByRole('table', { name: 'Link traffic and accesses' })).toContainText(
    'link between CPU and GPU',
  );
  await costs.getByText(/^Figures of the cost model/).click();
  const field = costs.getByRole('textbox', { name: 'page fault that needs a new page' });
  // what is no figure is said, and changes nothing
  await field.fill('-5');
  await field.press('Enter');
  await expect(field).toHaveAccessibleDescription('Write a number above 0. It stays at 700 ns.');
  await field.fill('1000');
  await field.press('Enter');
  await app.idle();
  await expect(faults).toContainText('16 µs');
  await app.expectAccessibleInBothThemes('[data-panel=costs]');
  await page.reload();
  await app.idle();
  await expect(faults).toContainText('16 µs');
  await costs.getByText(/^Figures of the cost model \(\d+, 1 of them your own/).click();
  await costs.getByRole('button', { name: 'Reset all figures' }).click();
  await app.idle();
  await expect(faults).toContainText('11.2 µs');
});

test('Costs: one workload in five worlds answers the question of the series', async ({ app, page }) => {
  await app.open('./?scenario=ttm-evicts&t=7');
  await app.showPanel('Costs');
  const costs = page.getByRole('region', { name: 'Costs', exact: true });
  await costs.getByRole('button', { name: 'Run it in all worlds' }).click();
  await app.idle();
  await expect(costs).toContainText('Moving one page home before it was pinned took');
  await expect(costs).toContainText('One eviction could not end: 15 s of waiting for nothing.');
  await expect(costs).toContainText(
    /Moving one page home cost [\d.]+ µs; staying would have cost an eviction that cannot end \(15 s of waiting\) or, as the code would go, VRAM of one page with two owners\./,
  );
  await expect(costs).toContainText('two owners write to one place');
  await expect(
    costs.getByRole('img', { name: /^Simulated time by world: Coherent .* Private .* System only/ }),
  ).toBeVisible();
  const worlds = costs.getByRole('table', { name: 'The worlds in numbers' }).locator('tbody tr');
  await expect(worlds).toHaveText([
    /^Coherent/,
    /^Private/,
    /^System only/,
    /intent.*hypothetical/,
    /as coded.*hypothetical/,
  ]);
  await app.expectAccessibleInBothThemes('[data-panel=costs]');
  // no work is left over
  await expect(page.getByRole('button', { name: 'Cancel' })).toHaveCount(0);
});

test('Kernel: a world that never shipped is chosen, labelled, and travels in the address', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=ttm-evicts');
  await page.getByRole('button', { name: /^Kernel:/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Kernel' });
  await dialog.getByRole('radio', { name: 'Intent' }).check();
  await expect(dialog).toContainText('Hypothetical, it never shipped.');
  await app.expectAccessibleInBothThemes('dialog[open]');
  await dialog.getByRole('button', { name: 'Run on this kernel' }).click();
  await app.idle();
  await expect(page.getByRole('button', { name: /^Kernel: .*hypothetical/ })).toBeVisible();
  await app.press('End');
  await expect(app.step(5)).toContainText('ENOMEM');
  await expect(page).toHaveURL(/longterm_policy=intent/);
  await page.reload();
  await app.idle();
  await expect(app.step(5)).toContainText('ENOMEM');
});

test('Compare: three worlds in step, one click away', async ({ app, page }) => {
  await app.open('./?scenario=longterm-pin');
  await app.showPanel('Compare');
  const compare = page.getByRole('region', { name: 'Compare', exact: true });
  const all = compare.getByRole('button', { name: 'Compare all three' });
  await all.click();
  await app.idle();
  await showEndOf(app, 5);
  // who is in the scene already keeps their place
  const at = await app.position();
  await compare.getByLabel('Compare with').selectOption('');
  await all.click();
  await app.idle();
  expect(await app.position()).toBe(at);
  // here B has its VRAM and the pinned page is at home; there it blocks, or lies under B's object
  await expect(compare.getByRole('row', { name: /^5 .*bo_alloc/ }).first()).toHaveText(/≠.*ENOMEM/);
  const pinned = compare.getByRole('row', { name: /^A buf\+5/ });
  await expect(pinned).toHaveText([/system pinned.*≠.*device 0.*≠.*device 0/]);
  await expect(compare.getByRole('columnheader', { name: /as coded/ }).first()).toBeInViewport();
  await app.expectAccessibleInBothThemes('[data-panel=compare]');
});
