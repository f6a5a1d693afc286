// Which buffers of an answer move to the page instead of being copied.

import type { FromWorker } from './protocol.ts';

export const transferables = (answer: FromWorker): ArrayBuffer[] =>
  answer.kind === 'tiles' ? answer.tiles.map(({ counts }) => counts.buffer) : [];
