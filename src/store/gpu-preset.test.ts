import { expect, test } from 'vitest';
import { opened } from './page-fixture.ts';
import { runTitle } from './run-title.ts';
import { otherGpu } from './compare.ts';
import { openOnOtherPreset } from './gpu-preset.ts';

test('a scene runs on the other preset and back, with what was added, at the same step; a link keeps it', async () => {
  const page = await opened('?scenario=svm-prefetch');
  const { actions, state } = page;
  const title = runTitle(state());
  await actions.addStep({ op: 'read', proc: 'A', vma: 'buf' });
  await actions.seekStep(2, 'end');
  expect(await openOnOtherPreset(state(), actions)).toBe(true);
  await page.app.idle();
  expect(otherGpu(state().scenario.given)).toBe('mi250x-gcd');
  expect(runTitle(state())).toBe(`${title} (generic GPU)`);
  expect([state().trace.moment?.step, state().scenario.added.length]).toEqual([2, 1]);

  const later = await opened(page.address());
  expect(otherGpu(later.state().scenario.given)).toBe('mi250x-gcd');
  expect(later.state().scenario.run?.steps).toHaveLength(state().scenario.run?.steps.length ?? -1);
  await openOnOtherPreset(later.state(), later.actions);
  expect(later.state().scenario.origin).toEqual({ kind: 'catalogue', name: 'svm-prefetch' });
  expect(runTitle(later.state())).toBe(title);
});

test('without a GPU there is no other preset', async () => {
  const page = await opened('?scenario=longterm-pin');
  expect(otherGpu(page.state().scenario.given)).toBeUndefined();
  expect(await openOnOtherPreset(page.state(), page.actions)).toBe(false);
});

test('both presets in lockstep: the same steps, ranges of other sizes', async () => {
  const page = await opened('?scenario=ttm-evicts');
  await page.actions.compareWith('other-gpu');
  const { run } = page.state().scenario;
  const { other } = page.state().compare;
  expect(other?.steps.map(({ result }) => result['ret'])).toEqual(
    run?.steps.map(({ result }) => result['ret']),
  );
  expect(other?.length).not.toBe(run?.length);
});
