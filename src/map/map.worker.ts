/// <reference lib="webworker" />
// The painter in a worker of its own: pictures come straight from the simulation, pixels go straight to the screen.

import { Painter } from './painter.ts';
import type { FontMessage, ToPainter } from './painter-messages.ts';

const painter = new Painter({
  report: (message) => self.postMessage(message),
  requestFrame: (paint) => void self.requestAnimationFrame(paint),
  nowMs: () => performance.now(),
});

const addFont = async ({ family, url }: FontMessage): Promise<void> => {
  self.fonts.add(await new FontFace(family, `url(${url})`, { weight: '100 900' }).load());
};

/** Fonts come first. Chromium never looks again for one that a worker wanted before it was there. */
let fonts: Promise<unknown> = Promise.resolve();

self.addEventListener('message', ({ data }: MessageEvent<ToPainter | FontMessage>) => {
  // without a font, the maps have letters all the same
  if (data.kind === 'font') fonts = Promise.allSettled([fonts, addFont(data)]);
  else void fonts.then(() => painter.handle(data));
});
