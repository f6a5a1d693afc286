/// <reference lib="webworker" />
// The worker: message in, session, message out. A message with a port connects the painter of the maps. A step that is
// appended runs in slices, and what is asked meanwhile is answered between them.

import type { AppendRequest, FromWorker, ToWorker } from './protocol.ts';
import { type FromPainter, pictureBuffers } from './protocol-map.ts';
import { Session } from './session.ts';
import { transferables } from './transfer.ts';

/** How long a slice may last before messages are looked at. */
const SLICE_MS = 8;

const session = new Session();
const { port1: wake, port2: alarm } = new MessageChannel();
let sliceEndMs = 0;
let running: Generator<void, FromWorker, void> | undefined;
/** What changes runs waits until no step is running. */
const waiting: ToWorker[] = [];

const send = (answer: FromWorker | undefined): void => {
  if (answer !== undefined) self.postMessage(answer, { transfer: transferables(answer) });
};

/** One more slice; the next one comes behind the messages that are there already. */
const goOn = (): void => {
  sliceEndMs = performance.now() + SLICE_MS;
  const slice = running?.next();
  if (slice === undefined) return;
  if (slice.done !== true) {
    wake.postMessage(undefined);
    return;
  }
  running = undefined;
  send(slice.value);
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    take(next);
    if (running !== undefined) return;
  }
};
alarm.addEventListener('message', goOn);
alarm.start();

const append = (request: AppendRequest): void => {
  running = session.appendInSlices(request, () => performance.now() < sliceEndMs);
  goOn();
};

const changesRuns = ({ kind }: ToWorker): boolean => kind === 'open' || kind === 'append' || kind === 'close';

const take = (message: ToWorker): void => {
  if (running !== undefined && changesRuns(message)) waiting.push(message);
  else if (message.kind === 'append') append(message);
  else send(session.handle(message));
};

const connectPainter = (port: MessagePort): void => {
  session.maps.connect((picture) => port.postMessage(picture, pictureBuffers(picture)));
  port.addEventListener('message', ({ data }: MessageEvent<FromPainter>) => session.maps.receive(data));
  port.start();
};

self.addEventListener('message', ({ data, ports: [port] }: MessageEvent<ToWorker>) => {
  if (port === undefined) take(data);
  else connectPainter(port);
});
