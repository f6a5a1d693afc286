// The page's side of the worker; the only file that starts one.

import type { FromWorker, ToWorker } from './protocol.ts';

export interface Client {
  post(message: ToWorker): void;
  /** Gives the worker a port to the painter of the maps, in place of the one it has. */
  connectPainter(port: MessagePort): void;
  onAnswer(handler: (answer: FromWorker) => void): void;
  /** The worker could not be started or threw; nothing more will come from it. */
  onCrash(handler: (reason: string) => void): void;
}

/** The worker starts with the first question: a page that nobody has asked anything does without it. */
export const startWorker = (): Client => {
  let worker: Worker | undefined;
  let answer: (answer: FromWorker) => void = () => {};
  let crash: (reason: string) => void = () => {};
  const start = (): Worker => {
    const started = new Worker(new URL('./sim.worker.ts', import.meta.url), {
      type: 'module',
      name: 'simulation',
    });
    started.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => answer(data));
    started.addEventListener('error', (event) => crash(event.message));
    started.addEventListener('messageerror', () => crash('a message could not be read'));
    return started;
  };
  const running = (): Worker => (worker ??= start());
  return {
    post: (message) => running().postMessage(message),
    connectPainter: (port) => running().postMessage(undefined, [port]),
    onAnswer: (handler) => {
      answer = handler;
    },
    onCrash: (handler) => {
      crash = handler;
    },
  };
};
