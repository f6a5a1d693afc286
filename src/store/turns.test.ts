import { describe, expect, test } from 'vitest';
import type { Client } from '../worker/client.ts';
import { createApp } from './index.ts';

/** A page that nothing answers, with frames that come when the test says so. */
const openPage = () => {
  const client: Client = { post: () => {}, connectPainter: () => {}, onAnswer: () => {}, onCrash: () => {} };
  const frames: ((nowMs: number) => void)[] = [];
  const app = createApp({
    client,
    clock: {
      nowMs: () => 0,
      frame: (callback) => {
        frames.push(callback);
        return () => {};
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
    fetchJson: () => Promise.resolve([]),
    readSetting: () => null,
    writeSetting: () => {},
    systemPrefersReducedMotion: () => false,
  });
  const nextFrame = (): void => {
    for (const callback of frames.splice(0)) callback(0);
  };
  const answer = (opening: string): void =>
    app.store.setState((state) => ({ ...state, scenario: { ...state.scenario, opening } }));
  return { ...app, nextFrame, answer };
};

const reading = (page: ReturnType<typeof openPage>) => {
  const reader = page.turns.reader();
  let calls = 0;
  const stop = reader.subscribe(() => {
    calls += 1;
  });
  return { opening: () => reader.getState().scenario.opening, reader, stop, calls: () => calls };
};

/** Turns of the event loop in which a page that is idle has long said so; a time would be short where others work. */
const TURNS = 20;
const isIdle = async (page: ReturnType<typeof openPage>): Promise<boolean> => {
  let isSaid = false;
  void page.idle().then(() => {
    isSaid = true;
  });
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  return isSaid;
};

describe('turns', () => {
  test('an answer reaches one panel a frame, and the page is not idle before the last', async () => {
    const page = openPage();
    const [a, b] = [reading(page), reading(page)];
    page.answer('one');
    expect([a.opening(), b.opening()]).toEqual([undefined, undefined]);
    expect(page.store.getState().scenario.opening).toBe('one');
    page.nextFrame();
    expect([a.opening(), b.opening()]).toEqual(['one', undefined]);
    expect(await isIdle(page)).toBe(false);
    page.nextFrame();
    expect([a.opening(), b.opening()]).toEqual(['one', 'one']);
    expect(await isIdle(page)).toBe(true);
  });

  test('several answers before a turn are one change', () => {
    const page = openPage();
    const a = reading(page);
    page.answer('one');
    page.answer('two');
    page.nextFrame();
    expect([a.opening(), a.calls()]).toEqual(['two', 1]);
    page.nextFrame();
    expect(a.calls()).toBe(1);
  });

  test('what somebody does is shown at once, but never beside an older answer', () => {
    const page = openPage();
    const [a, b] = [reading(page), reading(page)];
    page.actions.setTheme('dark');
    expect(a.reader.getState().settings.theme).toBe('dark');
    page.answer('one');
    page.nextFrame();
    page.actions.setTheme('light');
    expect(a.reader.getState().settings.theme).toBe('light');
    expect(b.reader.getState().settings.theme).toBe('dark');
    page.nextFrame();
    expect([b.opening(), b.reader.getState().settings.theme]).toEqual(['one', 'light']);
  });

  test('a panel that is gone takes no turn', async () => {
    const page = openPage();
    const [a, b] = [reading(page), reading(page)];
    page.answer('one');
    a.stop();
    page.nextFrame();
    expect(b.opening()).toBe('one');
    expect(await isIdle(page)).toBe(true);
  });

  test('panels that appear together do so one a frame', async () => {
    const page = openPage();
    const up: string[] = [];
    page.turns.next(() => up.push('b'));
    const withdraw = page.turns.next(() => up.push('c'));
    page.turns.next(() => up.push('d'));
    withdraw();
    page.nextFrame();
    expect(up).toEqual(['b']);
    page.nextFrame();
    expect(up).toEqual(['b', 'd']);
    expect(await isIdle(page)).toBe(true);
  });
});
