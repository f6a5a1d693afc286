import { describe, expect, test } from 'vitest';
import { say } from '../words/index.ts';
import { stateIndex } from '../worker/protocol-map.ts';
import { HOME_SCENARIO } from './walkthrough.ts';
import { AT_HOME, ON_DEVICE, opened, residence } from './page-fixture.ts';

describe('first load', () => {
  test('nothing is open, nothing plays, the introduction is shown, the catalogue comes when it is asked for', async () => {
    const { state, actions } = await opened();
    expect(state().scenario.run).toBeUndefined();
    expect(state().playback.playing).toBe(false);
    expect(state().walkthrough.introduction).toBe(true);
    expect(state().scenario.catalogue).toEqual({ status: 'loading', entries: [] });
    await actions.loadCatalogue();
    expect(state().scenario.catalogue.status).toBe('ready');
    expect(state().scenario.catalogue.entries.filter(({ source }) => source === 'recording')).toHaveLength(
      163,
    );
  });

  test('the one button opens the long-term pin before the pin and plays until the pages are home', async () => {
    const page = await opened();
    page.actions.setMotion('reduce');
    await page.actions.watchAPageComeHome();
    expect(page.state().walkthrough.introduction).toBe(false);
    expect(page.state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(page.state().playback.playing).toBe(true);
    expect(residence(page)).toEqual(ON_DEVICE);
    page.actions.setSpeed(8);
    page.actions.togglePlay();
    expect(page.state().playback.playing).toBe(false);
    page.actions.togglePlay();
    await page.app.idle();
    expect(page.state().playback.playing).toBe(false);
    expect(page.state().trace.moment?.step).toBe(3);
    expect(page.state().trace.moment?.handles[0]?.longterm).toBe(true);
    expect(residence(page)).toEqual(AT_HOME);
  });
});

describe('moving in time', () => {
  const openHome = async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.app.idle();
    return page;
  };

  test('opening is paused, before step 0', async () => {
    const page = await openHome();
    expect(page.state().playback).toMatchObject({ playing: false, moving: false });
    expect(page.state().trace.moment?.step).toBe(-1);
  });

  test('a step of any grain shows a transition and arrives', async () => {
    const page = await openHome();
    await page.actions.seekStep(3, 'begin');
    const from = page.state().playback.position;
    await page.actions.stepBy('beat', 1);
    const { stage, moving, position } = page.state().playback;
    expect(moving).toBe(true);
    expect(stage).toMatchObject({ before: { position: from }, after: { position }, t: 0 });
    await page.app.idle();
    expect(page.state().playback).toMatchObject({ moving: false, stage: { t: 1, before: { position } } });
    await page.actions.stepBy('beat', -1);
    expect(page.state().playback.position).toBe(from);
    expect(page.state().playback.stage).toMatchObject({
      before: { position: from },
      after: { position },
      t: 1,
    });
  });

  test('three quick presses go three steps', async () => {
    const page = await openHome();
    const from = page.state().playback.position;
    void page.actions.stepBy('event', 1);
    void page.actions.stepBy('event', 1);
    await page.actions.stepBy('event', 1);
    await page.app.idle();
    expect(page.state().playback.position).toBe(from + 3);
  });

  test('presses that come while an earlier one is under way count, too', async () => {
    const page = await openHome();
    const from = page.state().playback.position;
    for (let i = 0; i < 20; i++) {
      void page.actions.stepBy('event', 1);
      await new Promise((resolve) => setTimeout(resolve, i % 3));
    }
    await page.app.idle();
    expect(page.state().playback.position).toBe(from + 20);
  });

  test('of many seeks the last one counts', async () => {
    const page = await openHome();
    for (let position = 2200; position < 2300; position++) void page.actions.seek(position);
    await page.app.idle();
    expect(page.state().playback.position).toBe(2299);
    expect(page.asked('moment')).toBeLessThan(10);
    expect(page.state().trace.moment?.position).toBe(2299);
  });

  test('pausing halts between two moments; playing goes on from there', async () => {
    const page = await openHome();
    await page.actions.seekStep(3, 'begin');
    page.actions.play();
    await new Promise((resolve) => setTimeout(resolve, 120));
    page.actions.pause();
    await page.app.idle();
    const halted = page.state().playback;
    expect(halted).toMatchObject({ playing: false, moving: false });
    expect(halted.position).toBeGreaterThan(page.state().scenario.run?.steps[3]?.begin ?? Infinity);
    page.actions.setSpeed(8);
    page.actions.play();
    await page.app.idle();
    expect(page.state().playback.position).toBe(page.state().scenario.run?.length);
    expect(page.state().scenario.run?.agreement.kind).toBe('agrees');
  }, 30_000);

  test('a step that was chosen is played from its beginning; after any other move playing goes on', async () => {
    const page = await openHome();
    const steps = page.state().scenario.run?.steps ?? [];
    await page.actions.seekStep(3, 'end');
    expect(page.state().playback).toMatchObject({ position: steps[3]?.end, chosen: 3 });
    page.actions.play(steps[3]?.begin);
    await page.app.idle();
    expect(page.state().playback).toMatchObject({ position: steps[3]?.begin, chosen: undefined });
    await page.actions.seekStep(3, 'end');
    await page.actions.stepBy('event', -1);
    await page.app.idle();
    page.actions.play(steps[3]?.begin);
    await page.app.idle();
    expect(page.state().playback.position).toBe((steps[3]?.end ?? 0) - 1);
  });

  test('the end has all pages back on the device, after the pin they are at home', async () => {
    const page = await openHome();
    await page.actions.seekStep(3, 'end');
    expect(residence(page)).toEqual(AT_HOME);
    await page.actions.toEnd();
    expect(residence(page)).toEqual(ON_DEVICE);
    await page.actions.toStart();
    expect(residence(page)).toEqual([]);
  });

  test('selection and tiles follow the cursor', async () => {
    const page = await openHome();
    await page.actions.seekStep(3, 'end');
    const pfn = page.state().trace.moment?.handles[0]?.pfns[0] ?? -1;
    page.actions.wantTiles('map', [{ start: pfn, cells: 8, pagesPerCell: 1 }]);
    page.actions.select({ kind: 'page', pfn });
    await page.app.idle();
    expect(page.state().queries.tiles['map']?.tiles[0]?.counts[stateIndex('mapped')]).toBe(1);
    expect(page.state().queries.inspected?.inspection.title).toContain('buf+0');
    await page.actions.toStart();
    await page.app.idle();
    expect(page.state().queries.tiles['map']?.tiles[0]?.counts[stateIndex('mapped')]).toBe(0);
    expect(page.state().queries.inspected?.position).toBe(page.state().scenario.run?.bootEnd);
  });
});

describe('when something goes wrong', () => {
  test('the last good state stays on screen', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO, { beforeStep: 3 });
    const before = page.state().trace.moment;
    expect(await page.actions.openByName('no-such-thing')).toBe(false);
    expect(say(page.state().problem.problem?.message ?? { id: '', params: {} })).toContain('no-such-thing');
    expect(await page.actions.openText('{ not json')).toBe(false);
    expect(await page.actions.openScenario({ devices: [], steps: [{ step: { op: 'bang' } }] })).toBe(false);
    expect(page.state().problem.problem?.place).toBe('steps[0].step.op');
    expect(await page.actions.addStep({ op: 'read', proc: 'A', vma: 'nowhere' })).toBe(false);
    expect(page.state().trace.moment).toBe(before);
    page.actions.dismissProblem();
    expect(page.state().problem.problem).toBeUndefined();
  });

  test('of two scenarios opened at once the later one is shown', async () => {
    const page = await opened();
    const first = page.actions.openByName('coherent-cow');
    const second = page.actions.openByName('first-touch');
    expect(await second).toBe(true);
    await first;
    await page.app.idle();
    expect(page.state().scenario.run?.name).toBe('first-touch');
  });

  test('a worker that dies is reported, and nothing waits for ever', async () => {
    const page = await opened();
    const opening = page.actions.openByName(HOME_SCENARIO);
    page.client.crash('out of memory');
    expect(page.state().problem.problem?.about).toBe('worker');
    expect(await opening).toBe(false);
    expect(await page.actions.openByName('first-touch')).toBe(false);
    await page.app.idle();
    expect(page.state().scenario.opening).toBeUndefined();
  });
});

describe('machine and settings', () => {
  test('another machine runs the same scenario', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    expect(await page.actions.setMachine('teaching')).toBe(true);
    expect(page.state().scenario.run?.machine.preset).toBe('teaching');
    expect(page.state().scenario.run?.agreement.kind).toBe('nothing-recorded');
    await page.app.idle();
    expect(page.address()).toContain('machine=teaching');
  });

  test('settings are found again at the next visit; rubbish counts as none', async () => {
    const page = await opened();
    page.actions.setTheme('light');
    page.actions.setSingleKeys(false);
    const again = await opened('', page.saved.text);
    expect(again.state().settings).toMatchObject({ theme: 'light', singleKeys: false, motion: 'system' });
    const rubbish = await opened('', '{"theme": 7');
    expect(rubbish.state().settings.theme).toBe('system');
  });
});
