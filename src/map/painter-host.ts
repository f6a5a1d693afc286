// Starts the painter: in a worker where canvases can go there, else in the page; the same painter and the same messages.

import interUrl from '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?url';
import monoUrl from '@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2?url';
import type { FontMessage, FromPainter, PaintCanvas, ToPainter } from './painter-messages.ts';

export interface PainterLink {
  post(message: ToPainter): void;
  /** A canvas as the painter takes it. */
  canvasOf(element: HTMLCanvasElement): PaintCanvas;
}

const canPaintInWorker = (): boolean =>
  'transferControlToOffscreen' in HTMLCanvasElement.prototype &&
  typeof OffscreenCanvas !== 'undefined' &&
  new OffscreenCanvas(1, 1).getContext('2d') !== null;

const transferables = (message: ToPainter): Transferable[] => {
  if (message.kind === 'feed') return [message.port];
  const canvas = message.kind === 'canvas' || message.kind === 'overlay' ? message.canvas : undefined;
  return typeof OffscreenCanvas !== 'undefined' && canvas instanceof OffscreenCanvas ? [canvas] : [];
};

const inWorker = (report: (message: FromPainter) => void): PainterLink => {
  const worker = new Worker(new URL('./map.worker.ts', import.meta.url), { type: 'module', name: 'maps' });
  worker.addEventListener('message', ({ data }: MessageEvent<FromPainter>) => report(data));
  const post = (message: ToPainter): void => worker.postMessage(message, transferables(message));
  const sendFont = (family: string, url: string): void =>
    worker.postMessage({
      kind: 'font',
      family,
      url: new URL(url, document.baseURI).href,
    } satisfies FontMessage);
  sendFont('Inter Variable', interUrl);
  sendFont('JetBrains Mono Variable', monoUrl);
  return { post, canvasOf: (element) => element.transferControlToOffscreen() };
};

const inPage = (report: (message: FromPainter) => void): PainterLink => {
  const waiting: ToPainter[] = [];
  let post = (message: ToPainter): void => void waiting.push(message);
  void import('./painter.ts').then(({ Painter }) => {
    const painter = new Painter({
      report,
      requestFrame: (paint) => void requestAnimationFrame(paint),
      nowMs: () => performance.now(),
    });
    post = (message) => painter.handle(message);
    for (const message of waiting) post(message);
  });
  return { post: (message) => post(message), canvasOf: (element) => element };
};

export const startPainter = (report: (message: FromPainter) => void): PainterLink =>
  canPaintInWorker() ? inWorker(report) : inPage(report);
