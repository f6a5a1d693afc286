// One workload in several worlds, and figures of the cost model that are kept.

import { describe, expect, test } from 'vitest';
import { SCENES } from '../scenarios/index.ts';
import { createSimulation, parseScenario } from '../core/index.ts';
import type { Client } from '../worker/client.ts';
import type { FromWorker } from '../worker/protocol.ts';
import { Session } from '../worker/session.ts';
import type { Environment } from './context.ts';
import { createApp } from './index.ts';
import { systemOnly } from './worlds.ts';

const sessionClient = (): Client => {
  const session = new Session();
  const handlers: ((answer: FromWorker) => void)[] = [];
  return {
    post: (message) => {
      const copy = structuredClone(message);
      setTimeout(() => {
        const answer = session.handle(copy);
        if (answer !== undefined) for (const handler of handlers) handler(structuredClone(answer));
      }, 0);
    },
    connectPainter: () => {},
    onAnswer: (handler) => void handlers.push(handler),
    onCrash: () => {},
  };
};

const openPage = (settings: { text: string | null } = { text: null }) => {
  let nowMs = 0;
  const environment: Environment = {
    client: sessionClient(),
    clock: {
      nowMs: () => nowMs,
      frame: (callback) => {
        const timer = setTimeout(() => callback((nowMs += 16)), 0);
        return () => clearTimeout(timer);
      },
    },
    address: {
      search: () => '',
      hash: () => '',
      replace: () => {},
      push: () => {},
      copy: () => Promise.resolve(),
      open: () => {},
      whole: (link) => link,
      onPop: () => {},
    },
    fetchJson: () => Promise.reject(new Error('no recordings here')),
    readSetting: () => settings.text,
    writeSetting: (text) => {
      settings.text = text;
    },
    systemPrefersReducedMotion: () => true,
  };
  const app = createApp(environment);
  return { ...app, state: () => app.store.getState() };
};

const scenarioOf = (name: string): unknown => SCENES.find((scene) => scene.name === name)?.scenario;

describe('worlds', { timeout: 60_000 }, () => {
  test('an eviction that meets a long-term pin: what moving cost, and what staying would have', async () => {
    const page = openPage();
    await page.actions.openByName('ttm-evicts');
    await page.actions.runWorlds();
    const { status, results, failed, questions } = page.state().worlds;
    expect([status, failed]).toEqual(['ready', {}]);
    expect(Object.keys(results)).toEqual(['coherent', 'private', 'system', 'intent', 'as-coded']);
    // reference machine-and-drivers.md §4.5: 5a never ends, 5b hands the block out all the same
    expect(questions.intent).toMatchObject({
      pagesMoved: 1,
      pagesHeld: 1,
      failedEvictions: 1,
      waitingNs: 15e9,
    });
    expect(questions['as-coded']).toMatchObject({ pagesHeld: 1, failedEvictions: 0, pagesAliased: 1 });
    expect(page.state().scenario.working).toBeUndefined();
  });

  test('other figures outdate the answer; another scenario ends it', async () => {
    const page = openPage();
    await page.actions.openByName('ttm-evicts');
    await page.actions.runWorlds();
    const before = page.state().worlds.questions.intent?.movingNs ?? 0;
    page.actions.setFigure({ kind: 'ops', name: 'gup.longterm.migrate' }, 103_000);
    expect(page.state().worlds.status).toBe('stale');
    await page.actions.runWorlds();
    expect((page.state().worlds.questions.intent?.movingNs ?? 0) - before).toBeCloseTo(100_000, 3);
    await page.actions.openByName('ttm-intent');
    expect(page.state().worlds).toMatchObject({ status: 'none', results: {} });
  });

  test('without VRAM no range ever leaves system memory, whatever the program asks for', () => {
    for (const name of ['frontier-coherent', 'svm-prefetch', 'svm-gpu-fault', 'frontier-ranks']) {
      const sim = createSimulation(parseScenario(systemOnly(scenarioOf(name))));
      sim.runAll();
      for (const { end } of sim.steps) {
        sim.seek(end);
        expect(sim.machine.svmBos.values()).toEqual([]);
        expect(sim.machine.svmRanges.values().filter(({ actualLoc }) => actualLoc !== 0)).toEqual([]);
      }
    }
  });
});

describe('the three policies of long-term pins', { timeout: 60_000 }, () => {
  test('stand side by side, whichever of them is on screen, and go with it', async () => {
    const page = openPage();
    await page.actions.openByName('ttm-intent');
    await page.actions.compareWith('policies');
    const { other, beside } = page.state().compare;
    expect([other, beside?.run].map((run) => run?.kernel.longtermPolicy)).toEqual(['on', 'as-coded']);
    // worlds are counted beside them, and the run on screen stays open
    await page.actions.runWorlds();
    expect(Object.keys(page.state().worlds.results)).toHaveLength(5);
    await page.actions.seekStep(3, 'end');
    expect(page.state().trace.moment?.step).toBe(3);
    await page.actions.openByName('ttm-evicts');
    expect(page.state().compare).toMatchObject({ contrast: undefined, beside: undefined });
  });
});

describe("figures of one's own", () => {
  test('are kept over visits, can be taken back one by one, and all at once', () => {
    const settings = { text: null as string | null };
    const page = openPage(settings);
    page.actions.setFigure({ kind: 'ops', name: 'fault.minor' }, 250);
    page.actions.setFigure({ kind: 'links', name: 'hbm' }, 2e12);
    page.actions.setFigure({ kind: 'efficiency' }, 0.9);
    const kept = { ops: { 'fault.minor': 250 }, links: { hbm: 2e12 }, efficiency: 0.9 };
    const later = openPage(settings);
    expect(later.state().costs.overrides).toEqual(kept);
    later.actions.setFigure({ kind: 'ops', name: 'fault.minor' }, undefined);
    expect(later.state().costs.overrides).toEqual({ ...kept, ops: {} });
    later.actions.resetFigures();
    expect(openPage(settings).state().costs.overrides).toEqual({});
  });

  test('what is no figure is not kept; settings of earlier versions are read as before', () => {
    const page = openPage();
    page.actions.setFigure({ kind: 'ops', name: 'fault.minor' }, -3);
    expect(page.state().costs.overrides).toEqual({ ops: {} });
    for (const text of ['{"theme":"dark"}', '{"costs":{"efficiency":-1}}'])
      expect(openPage({ text }).state().costs.overrides).toEqual({});
    // a figure that the model had once, or that is none, takes no other with it
    const text = '{"costs":{"links":{"nic":5,"hbm":7},"ops":{"fault.minor":-1}}}';
    expect(openPage({ text }).state().costs.overrides).toEqual({ links: { hbm: 7 }, ops: {} });
  });
});
