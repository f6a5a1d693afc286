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

export const startWorker = (): Client => {
  const worker = new Worker(new URL('./sim.worker.ts', import.meta.url), {
    type: 'module',
    name: 'simulation',
  });
  return {
    post: (message) => worker.postMessage(message),
    connectPainter: (port) => worker.postMessage(undefined, [port]),
    onAnswer: (handler) => {
      worker.addEventListener('message', (event: MessageEvent<FromWorker>) => handler(event.data));
    },
    onCrash: (handler) => {
      worker.addEventListener('error', (event) => handler(event.message));
      worker.addEventListener('messageerror', () => handler('a message could not be read'));
    },
  };
};
