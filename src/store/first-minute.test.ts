import { expect, test } from 'vitest';
import { openPage } from './page-fixture.ts';

/** `welcome.playNote` says a minute and a quarter. */
const SAID_MS = 75_000;

// a stranger has seen a page come home within a minute, by the clock that pictures run on
test('a minute after the one button the pages are home, and the run ends when the page says', {
  timeout: 60_000,
}, async () => {
  const { app, nowMs } = openPage();
  await app.start();
  const begin = nowMs();
  let [firstMs, allMs] = [-1, -1];
  app.store.subscribe(({ trace, playback }) => {
    const residence = trace.moment?.residence ?? [];
    if (!playback.playing || residence.length === 0) return;
    const isHome = (isPlace: (name: string) => boolean): boolean =>
      residence.some(({ residence: where }) => isPlace(where));
    if (firstMs < 0 && isHome((where) => where === 'system')) firstMs = nowMs() - begin;
    if (allMs < 0 && !isHome((where) => where === 'coherent')) allMs = nowMs() - begin;
  });
  await app.actions.watchAPageComeHome();
  await app.idle();
  const endMs = nowMs() - begin;
  const { trace, playback, walkthrough } = app.store.getState();
  expect(playback).toMatchObject({ playing: false, position: walkthrough.homeAt });
  expect(trace.moment?.residence).toEqual([{ place: 'system', residence: 'system', pages: 4 }]);
  expect(firstMs).toBeGreaterThan(5000);
  expect(firstMs).toBeLessThan(50_000);
  expect(allMs).toBeGreaterThan(firstMs);
  expect(allMs).toBeLessThan(60_000);
  expect(Math.abs(endMs - SAID_MS)).toBeLessThan(5000);
});
