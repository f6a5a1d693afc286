/// <reference lib="webworker" />
// The painter in a worker of its own: pictures come straight from the simulation, pixels go straight to the screen.

import { Painter } from './painter.ts';
import type { ToPainter } from './painter-messages.ts';

const painter = new Painter({
  report: (message) => self.postMessage(message),
  requestFrame: (paint) => void self.requestAnimationFrame(paint),
  nowMs: () => performance.now(),
  addFont: async (family, url) => {
    const font = await new FontFace(family, `url(${url})`, { weight: '100 900' }).load();
    self.fonts.add(font);
  },
});

self.addEventListener('message', ({ data }: MessageEvent<ToPainter>) => painter.handle(data));
