// A page without a browser: a session behind messages, a clock that goes 16 ms a frame, an address bar. For tests.

import { readFileSync } from 'node:fs';
import type { Client } from '../worker/client.ts';
import type { FromWorker, ToWorker } from '../worker/protocol.ts';
import { Session } from '../worker/session.ts';
import type { Environment } from './context.ts';
import { createApp } from './index.ts';

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
export const openPage = (start = '', settings: string | null = null) => {
  const history = [start];
  let at = 0;
  const pops: (() => void)[] = [];
  const saved = { text: settings };
  const copied: string[] = [];
  const windows: string[] = [];
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
      whole: (link) => link,
      copy: (link) => Promise.resolve(void copied.push(link)),
      open: (link) => void windows.push(link),
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
  return {
    app,
    client,
    nowMs: () => nowMs,
    history,
    back,
    saved,
    copied,
    windows,
    asked: client.asked,
    address: () => history[at] ?? '',
  };
};

export const opened = async (start = '', settings: string | null = null) => {
  const page = openPage(start, settings);
  await page.app.start();
  await page.app.idle();
  return { ...page, state: page.app.store.getState, actions: page.app.actions };
};

export const residence = (page: Awaited<ReturnType<typeof opened>>) => page.state().trace.moment?.residence;
export const ON_DEVICE = [{ place: 'device 0', residence: 'coherent', pages: 4 }];
export const AT_HOME = [{ place: 'system', residence: 'system', pages: 4 }];
