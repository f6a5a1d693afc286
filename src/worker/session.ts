// Answers the page's questions about runs. Pure: no Worker, no clock; the same questions get the same answers.

import type { FromWorker, ToWorker } from './protocol.ts';

export class Session {
  /** The answer, or undefined where none is due. Never throws. */
  handle(message: ToWorker): FromWorker | undefined {
    if (message.kind === 'close') return undefined;
    const { id, runId } = message;
    return { kind: 'failed', id, runId, place: '', message: { id: 'problem.not-built', params: {} } };
  }
}
