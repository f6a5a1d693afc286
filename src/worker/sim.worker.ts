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
/** Some frames in which the page lays out what it was answered. */
const REST_MS = 250;

const session = new Session();

// a message to oneself comes behind those that wait already; timers would come late
const turns = new MessageChannel();
const due: (() => void)[] = [];
turns.port1.addEventListener('message', () => due.shift()?.());
turns.port1.start();

const later = (work: () => void): void => {
  due.push(work);
  turns.port2.postMessage(undefined);
};
const slice = (): (() => boolean) => {
  const end = performance.now() + SLICE_MS;
  return () => performance.now() < end;
};

const jobs = new Jobs(session, {
  post: (answer) => self.postMessage(answer, { transfer: transferables(answer) }),
  later,
  atRest: (work) => void setTimeout(work, REST_MS),
  slice,
});

/** The rest of a picture for which one slice was too short. */
const goOnWithPicture = (): void => {
  if (session.maps.goOn(slice())) later(goOnWithPicture);
};

const connectPainter = (port: MessagePort): void => {
  session.maps.connect((picture) => port.postMessage(picture, pictureBuffers(picture)));
  port.addEventListener('message', ({ data }: MessageEvent<FromPainter>) => {
    session.maps.receive(data, slice());
    goOnWithPicture();
  });
  port.start();
};

self.addEventListener('message', ({ data, ports: [port] }: MessageEvent<ToWorker>) => {
  if (port !== undefined) {
    connectPainter(port);
    return;
  }
  jobs.receive(data);
});
