import { expect, test } from './app-page.ts';

test('the kernel log follows the cursor, marks warnings, and a line leads to its moment', async ({
  app,
  page,
}) => {
  await app.open('./?scenario=gup-test-not-pinnable&t=0');
  await app.showPanel('Kernel log');
  const log = page.getByRole('region', { name: /^Kernel log/ });
  const lines = log.getByRole('listitem');
  await expect(lines).toHaveCount(0);
  await expect(log).toContainText('Nothing yet.');
  await log.getByRole('button', { name: 'Go to the next of 2 lines' }).click();
  await app.idle();
  await expect(lines).toHaveCount(1);
  await expect(lines).toContainText('WARNING');
  await expect(lines).toContainText('pages[0] is NOT pinnable but pinned');
  await expect(lines).toContainText('------------[ cut here ]------------');
  await expect(lines).toContainText(/WARNING: CPU: \d PID: \? at mm\/gup_test\.c:56 verify_dma_pinned\+0x\?/);
  await expect(log).toContainText(
    'registers, code bytes and the addresses of the call trace are not simulated',
  );
  await app.press('End');
  await expect(lines).toHaveCount(2);
  await expect(page.getByText(/^Kernel log: .*gup_test failure/)).toBeAttached();
  await expect(lines.nth(0).getByRole('button')).not.toHaveAttribute('aria-current');
  await lines.nth(0).getByRole('button').click();
  await app.idle();
  await expect(lines).toHaveCount(1);
  await expect(lines.nth(0).getByRole('button')).toHaveAttribute('aria-current', 'true');
  await expect(app.caption).toContainText('NOT pinnable but pinned');
});

test('flags that a call may not have are warned of, one line a call', async ({ app, page }) => {
  await app.open('./?scenario=gup-flags&t=99');
  await app.showPanel('Kernel log');
  const lines = page.getByRole('region', { name: /^Kernel log/ }).getByRole('listitem');
  await expect(lines).toHaveCount(7);
  await expect(lines.filter({ hasText: 'WARNING' })).toHaveCount(7);
  await app.expectAccessibleInBothThemes('.kernel-log');
});
