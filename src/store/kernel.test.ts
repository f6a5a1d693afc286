import { describe, expect, test } from 'vitest';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { parsePatches, patchesText } from '../core/uapi/patches.ts';
import { say } from '../words/index.ts';
import { HOME_SCENARIO } from './walkthrough.ts';
import { opened } from './page-fixture.ts';

describe('the kernel', () => {
  const patchesOf = (page: Awaited<ReturnType<typeof opened>>): string =>
    patchesText(page.state().scenario.run?.kernel.patches ?? []);

  test('a chosen one runs the same scenario, before the same step, and stands in the address', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.actions.seekStep(3, 'begin');
    const kernel = { ...DEFAULT_KERNEL, patches: parsePatches('1-5,7-14'), CONFIG_CMA: false };
    expect(await page.actions.setKernel(kernel)).toBe(true);
    await page.app.idle();
    expect(page.state().scenario.run?.kernel).toEqual(kernel);
    expect(page.state().scenario.run?.agreement.kind).toBe('nothing-recorded');
    expect(page.state().playback.position).toBe(page.state().scenario.run?.steps[3]?.begin);
    expect(page.address()).toMatch(/^\?scenario=\S+&patches=1-5,7-14&config=CMA:n&t=3#v1\./);
    // the same again opens nothing
    const { runId } = page.state().scenario;
    expect(await page.actions.setKernel(kernel)).toBe(false);
    expect(page.state().scenario.runId).toBe(runId);
  });

  test('reloading and Back restore it; another scenario has its own', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.app.idle();
    await page.actions.setKernel({ ...DEFAULT_KERNEL, patches: [] });
    await page.app.idle();
    const again = await opened(page.address());
    expect(patchesOf(again)).toBe('none');
    expect(again.state().scenario.run?.leftOut[0]?.reason).toContain('no device 0');
    page.back();
    await page.app.idle();
    expect(patchesOf(page)).toBe('all');
    expect(page.state().scenario.run?.agreement.kind).toBe('agrees');
    page.back(1);
    await page.app.idle();
    expect(patchesOf(page)).toBe('none');
    await page.actions.openByName('patch-4-without');
    expect(patchesOf(page)).toBe('1-3,5-14');
    expect(page.state().scenario.kernel).toBeUndefined();
  });

  test('only what is not as the scenario asks is chosen, and the scenario can be had back', async () => {
    const page = await opened();
    await page.actions.openByName('patch-6-without');
    await page.actions.setKernel(DEFAULT_KERNEL);
    await page.app.idle();
    expect(page.state().scenario.kernel).toEqual({ patches: DEFAULT_KERNEL.patches });
    expect(page.address()).toContain('patches=all');
    const again = await opened(page.address());
    expect(patchesOf(again)).toBe('all');
    const own = page.state().scenario.run?.ownKernel ?? DEFAULT_KERNEL;
    await page.actions.setKernel(own);
    await page.app.idle();
    expect(page.address()).not.toContain('patches=');
    expect(patchesOf(page)).toBe('1-5,7-14');
  });

  test('machine and kernel are chosen apart from each other', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.actions.setMachine('teaching');
    await page.actions.setKernel({ ...DEFAULT_KERNEL, patches: parsePatches('2-14') });
    expect(page.state().scenario.run?.machine.preset).toBe('teaching');
    await page.actions.setMachine(undefined);
    expect(page.state().scenario.run?.machine.preset).toBe('guest');
    expect(patchesOf(page)).toBe('2-14');
  });

  test.each([
    ['patches=6', 'patches', /patch 6 .* without patch 3/],
    ['patches=1-99', 'patches', /is no patch of the series/],
    ['patches=<script>', 'patches', /is no patch of the series/],
    ['config=EVERYTHING:n', 'config', /MIGRATION:n/],
    ['config=MIGRATION', 'config', /MIGRATION:n/],
    ['follow_page=v7', 'follow_page', /v6\.1, v6\.0 or FOLL_LRU/],
    ['longterm_check=v5', 'longterm_check', /v6\.1 or v6\.0/],
    ['longterm_policy=off', 'longterm_policy', /on, intent or as-coded/],
  ])(
    'the address %s is refused with words, and the scenario runs on its own kernel',
    async (typed, place, words) => {
      const page = await opened(`?scenario=${HOME_SCENARIO}&${typed}`);
      const { problem } = page.state().problem;
      expect(problem).toMatchObject({ about: 'link', place });
      expect(say(problem?.message ?? { id: '', params: {} })).toMatch(words);
      expect(patchesOf(page)).toBe('all');
      expect(page.state().scenario.run?.agreement.kind).toBe('agrees');
    },
  );

  test('a selftest is fetched when it is opened, and judged', async () => {
    const page = await opened();
    await page.actions.loadCatalogue();
    expect(
      page.state().scenario.catalogue.entries.filter(({ source }) => source === 'selftest'),
    ).toHaveLength(58);
    await page.actions.openByName('hmm.hmm_device_private.anon_read');
    expect(page.state().scenario.run).toMatchObject({ source: 'selftest', selftest: { ok: true } });
    await page.app.idle();
    const again = await opened(`${page.address()}`);
    expect(again.state().scenario.run?.selftest?.test).toBe('anon_read');
  });
});
