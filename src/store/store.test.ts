import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { parsePatches, patchesText } from '../core/uapi/patches.ts';
import { say } from '../words/index.ts';
import type { Client } from '../worker/client.ts';
import type { FromWorker, ToWorker } from '../worker/protocol.ts';
import { stateIndex } from '../worker/protocol-map.ts';
import { Session } from '../worker/session.ts';
import type { Environment } from './context.ts';
import { createApp } from './index.ts';
import { HOME_SCENARIO } from './walkthrough.ts';

const readJson = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../public/${path}`, import.meta.url), 'utf8'));

interface TestClient extends Client {
  readonly crash: (reason: string) => void;
  /** How often a kind of question has come. */
  readonly asked: (kind: ToWorker['kind']) => number;
}

/** A session behind messages that take their time, as a worker's do. */
const sessionClient = (): TestClient => {
  const session = new Session();
  const kinds: ToWorker['kind'][] = [];
  const handlers: ((answer: FromWorker) => void)[] = [];
  const crashes: ((reason: string) => void)[] = [];
  return {
    post: (message) => {
      kinds.push(message.kind);
      const copy = structuredClone(message);
      setTimeout(() => {
        const answer = session.handle(copy);
        if (answer !== undefined) for (const handler of handlers) handler(structuredClone(answer));
      }, 0);
    },
    connectPainter: () => {},
    onAnswer: (handler) => void handlers.push(handler),
    onCrash: (handler) => void crashes.push(handler),
    asked: (kind) => kinds.filter((asked) => asked === kind).length,
    crash: (reason) => {
      for (const handler of crashes) handler(reason);
    },
  };
};

/** A page with a clock that goes 16 ms a frame, as fast as the machine allows. */
const openPage = (start = '', settings: string | null = null) => {
  const history = [start];
  let at = 0;
  const pops: (() => void)[] = [];
  const saved = { text: settings };
  let nowMs = 0;
  const client = sessionClient();
  const split = (): [string, string] => {
    const [search = '', hash = ''] = (history[at] ?? '').split('#');
    return [search, hash === '' ? '' : `#${hash}`];
  };
  const environment: Environment = {
    client,
    clock: {
      nowMs: () => nowMs,
      frame: (callback) => {
        const timer = setTimeout(() => {
          nowMs += 16;
          callback(nowMs);
        }, 0);
        return () => clearTimeout(timer);
      },
    },
    address: {
      search: () => split()[0],
      hash: () => split()[1],
      replace: (link) => {
        history[at] = link;
      },
      push: (link) => {
        history.length = at + 1;
        history.push(link);
        at += 1;
      },
      onPop: (handler) => void pops.push(handler),
    },
    fetchJson: (path) => Promise.resolve().then(() => readJson(path)),
    readSetting: () => saved.text,
    writeSetting: (text) => {
      saved.text = text;
    },
    systemPrefersReducedMotion: () => false,
  };
  const app = createApp(environment);
  const back = (by = -1): void => {
    at += by;
    for (const pop of pops) pop();
  };
  return { app, client, history, back, saved, asked: client.asked, address: () => history[at] ?? '' };
};

const opened = async (start = '', settings: string | null = null) => {
  const page = openPage(start, settings);
  await page.app.start();
  await page.app.idle();
  return { ...page, state: page.app.store.getState, actions: page.app.actions };
};

const residence = (page: Awaited<ReturnType<typeof opened>>) => page.state().trace.moment?.residence;
const ON_DEVICE = [{ place: 'device 0', residence: 'coherent', pages: 4 }];
const AT_HOME = [{ place: 'system', residence: 'system', pages: 4 }];

describe('first load', () => {
  test('nothing is open, nothing plays, the introduction is shown, the catalogue is there', async () => {
    const { state } = await opened();
    expect(state().scenario.run).toBeUndefined();
    expect(state().playback.playing).toBe(false);
    expect(state().walkthrough.introduction).toBe(true);
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

describe('the address', () => {
  test('reloading keeps scenario, place, selection and theme', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.actions.seekStep(3, 'begin');
    await page.actions.stepBy('beat', 1);
    page.actions.setTheme('dark');
    page.actions.select({ kind: 'pte', process: 'A', vpn: 0x7f0000002 });
    await page.app.idle();
    expect(page.address()).toMatch(
      /^\?scenario=coherent-longterm-pin-fast&theme=dark&t=3\.1&sel=pte:A:0x7f0000002#v1\./,
    );

    const again = await opened(page.address());
    expect(again.state().playback.position).toBe(page.state().playback.position);
    expect(again.state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(again.state().selection.selected).toEqual(page.state().selection.selected);
    expect(again.state().settings.theme).toBe('dark');
    expect(again.state().playback.playing).toBe(false);
    expect(again.state().walkthrough.introduction).toBe(false);
  });

  test('before a step is a place of its own', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO, { beforeStep: 3 });
    await page.app.idle();
    const again = await opened(page.address());
    expect(again.state().playback.position).toBe(page.state().playback.position);
  });

  test('a new scenario is a new entry of the history, and Back returns to the old one', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.app.idle();
    await page.actions.seekStep(2, 'end');
    await page.app.idle();
    await page.actions.openByName('first-touch');
    await page.app.idle();
    expect(page.history).toHaveLength(3);
    page.back();
    await page.app.idle();
    expect(page.state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(page.state().playback.position).toBe(page.state().scenario.run?.steps[2]?.end);
    page.back();
    await page.app.idle();
    expect(page.state().walkthrough.introduction).toBe(true);
    page.back(2);
    await page.app.idle();
    expect(page.state().scenario.run?.name).toBe('first-touch');
    expect(page.state().walkthrough.introduction).toBe(false);
  });

  test('a document is an entry of the history; below it the run stays as it is', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO, { beforeStep: 3 });
    await page.app.idle();
    const before = page.state();
    page.actions.openPage('model');
    await page.app.idle();
    expect(page.address()).toMatch(/^\?page=model&scenario=coherent-longterm-pin-fast&t=3#v1\./);
    page.actions.openPage('model', 'gup');
    await page.app.idle();
    expect(page.address()).toContain('page=model/gup&');
    expect(page.history).toHaveLength(3);
    page.back();
    await page.app.idle();
    expect(page.state().page.page).toBe('');
    expect(page.state().scenario).toBe(before.scenario);
    expect(page.state().playback.position).toBe(before.playback.position);
    page.back(1);
    await page.app.idle();
    expect(page.state().page).toEqual({ page: 'model', section: 'gup' });
    page.actions.closePage();
    await page.app.idle();
    expect(page.address()).not.toContain('page=');
    expect(page.asked('open')).toBe(1);
  });

  test('a document can be opened by its address alone, or with a run below it', async () => {
    const alone = await opened('?page=model');
    expect(alone.state().page.page).toBe('model');
    expect(alone.state().walkthrough.introduction).toBe(true);
    alone.actions.closePage();
    await alone.app.idle();
    expect(alone.address()).toBe('');
    const over = await opened(`?page=model&scenario=${HOME_SCENARIO}`);
    expect(over.state().page.page).toBe('model');
    expect(over.state().scenario.run?.name).toBe(HOME_SCENARIO);
    await over.actions.openByName('first-touch');
    expect(over.state().page.page).toBe('');
  });

  test("a scenario of one's own travels in the link, with the steps that were added", async () => {
    const page = await opened();
    const step = { op: 'mmap', proc: 'A', vma: 'mine', pages: 3, prot: 'rw', kind: 'anon-private' };
    expect(
      await page.actions.openScenario({
        devices: [{ id: 0, kind: 'coherent' }],
        title: 'Mine',
        steps: [{ step }],
      }),
    ).toBe(true);
    expect(await page.actions.addStep({ op: 'write', proc: 'A', vma: 'mine', value: 5 })).toBe(true);
    await page.app.idle();
    const again = await opened(page.address());
    expect(again.state().scenario.run?.steps.map((info) => info.step['op'])).toEqual(['mmap', 'write']);
    expect(again.state().scenario.run?.title).toBe('Mine');
    expect(again.state().playback.position).toBe(page.state().playback.position);
  });

  test('what can not be read is said, and the rest is opened', async () => {
    const page = await opened(`?scenario=${HOME_SCENARIO}&t=yesterday`);
    expect(page.state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(page.state().problem.problem).toMatchObject({ about: 'link', place: 't' });
  });

  test.each([['#v1.!!!'], ['#v1.AAAA'], ['#v9.AAAA'], ['?scenario=<script>'], ['?scenario=no-such-thing']])(
    'the hostile or broken link %s gives a message and leaves the page alive',
    async (link) => {
      const page = await opened(link);
      expect(page.state().problem.problem).toBeDefined();
      expect(page.state().walkthrough.introduction).toBe(true);
      expect(await page.actions.openByName('first-touch')).toBe(true);
      expect(page.state().problem.problem).toBeUndefined();
    },
  );
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
