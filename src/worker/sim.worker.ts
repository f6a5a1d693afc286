/// <reference lib="webworker" />
// The worker: message in, session, message out.

import type { ToWorker } from './protocol.ts';
import { Session } from './session.ts';
import { transferables } from './transfer.ts';

const session = new Session();

self.addEventListener('message', (event: MessageEvent<ToWorker>) => {
  const answer = session.handle(event.data);
  if (answer !== undefined) self.postMessage(answer, { transfer: transferables(answer) });
});
