/// <reference lib="webworker" />
// The worker: message in, session, message out. A message with a port connects the painter of the maps. A step that is
// appended runs in slices, and what is asked meanwhile is answered between them.

import type { ToWorker } from './protocol.ts';
import { type FromPainter, pictureBuffers } from './protocol-map.ts';
import { Jobs } from './jobs.ts';
import { Session } from './session.ts';
import { transferables } from './transfer.ts';

/** Other messages wait for one slice at most, and for the piece of work that it ends with. */
const SLICE_MS = 8;

const session = new Session();

// a message to oneself comes behind those that wait already; timers would come late
const turns = new MessageChannel();
const due: (() => void)[] = [];
turns.port1.addEventListener('message', () => due.shift()?.());
turns.port1.start();

const jobs = new Jobs(session, {
  post: (answer) => self.postMessage(answer, { transfer: transferables(answer) }),
  later: (work) => {
    due.push(work);
    turns.port2.postMessage(undefined);
  },
  slice: () => {
    const end = performance.now() + SLICE_MS;
    return () => performance.now() < end;
  },
});

const connectPainter = (port: MessagePort): void => {
  session.maps.connect((picture) => port.postMessage(picture, pictureBuffers(picture)));
  port.addEventListener('message', ({ data }: MessageEvent<FromPainter>) => session.maps.receive(data));
  port.start();
};

self.addEventListener('message', ({ data, ports: [port] }: MessageEvent<ToWorker>) => {
  if (port !== undefined) {
    connectPainter(port);
    return;
  }
  jobs.receive(data);
});
