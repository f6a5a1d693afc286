// The real outside world: worker, frames, address bar, storage.

import { startWorker } from '../worker/client.ts';
import type { App } from './app.ts';
import { createApp } from './index.ts';

const SETTINGS_KEY = 'migrascope.settings';

declare global {
  interface Window {
    /** Resolves when no request is pending and nothing moves. Tests wait for it. */
    simIdle?: () => Promise<void>;
  }
}

const fetchJson = async (path: string): Promise<unknown> => {
  const response = await fetch(new URL(path, document.baseURI), { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return await response.json();
};

/** Called once by main.tsx. */
export const createBrowserApp = (): App => {
  const bare = (searchAndHash: string): string => `${location.pathname}${searchAndHash}`;
  const app = createApp({
    client: startWorker(),
    clock: {
      nowMs: () => performance.now(),
      frame: (callback) => {
        const id = requestAnimationFrame(callback);
        return () => cancelAnimationFrame(id);
      },
    },
    address: {
      search: () => location.search,
      hash: () => location.hash,
      replace: (searchAndHash) => history.replaceState(null, '', bare(searchAndHash)),
      push: (searchAndHash) => history.pushState(null, '', bare(searchAndHash)),
      whole: (searchAndHash) => new URL(bare(searchAndHash), location.href).href,
      copy: (text) => navigator.clipboard.writeText(text),
      open: (searchAndHash) => window.open(bare(searchAndHash), '_blank', 'noopener'),
      onPop: (handler) => addEventListener('popstate', handler),
    },
    fetchJson,
    readSetting: () => localStorage.getItem(SETTINGS_KEY),
    writeSetting: (text) => localStorage.setItem(SETTINGS_KEY, text),
    systemPrefersReducedMotion: () => matchMedia('(prefers-reduced-motion: reduce)').matches,
  });
  window.simIdle = app.idle;
  return app;
};
