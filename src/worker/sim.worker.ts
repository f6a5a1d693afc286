/// <reference lib="webworker" />
// The worker: message in, session, message out. A message with a port connects the painter of the maps.

import type { ToWorker } from './protocol.ts';
import { type FromPainter, pictureBuffers } from './protocol-map.ts';
import { Session } from './session.ts';
import { transferables } from './transfer.ts';

const session = new Session();

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
  const answer = session.handle(data);
  if (answer !== undefined) self.postMessage(answer, { transfer: transferables(answer) });
});
