// Detail on demand: a big step leaves counts instead of events, and its events about one page come from running it again.

import type { Position, RunId, Selection } from './protocol.ts';
import type { EventView } from './protocol-moment.ts';

/** Sent when somebody wants all that a big step did about one page. Answered by `detailed` or `failed`, after `progress`. */
export interface DetailRequest {
  readonly kind: 'detail';
  readonly id: number;
  readonly runId: RunId;
  /** Position at or behind which the step is the last one that has begun. */
  readonly position: Position;
  /** A page or an entry. */
  readonly target: Selection;
}

export interface DetailAnswer {
  readonly kind: 'detailed';
  readonly id: number;
  readonly runId: RunId;
  readonly step: number;
  readonly target: Selection;
  /** Calls, decisions and changes that are about the page or one of its frames, in their order. */
  readonly events: readonly EventView[];
  /** How many there are besides. */
  readonly more: number;
}

/**
 * Sent when the life of a page or an entry leads through big steps: runs the newest of them again that has not been told
 * of this one, and keeps what was found for `inspect` and `page-detail`. Waits for everything else that takes long.
 * Answered by `retold` or `failed`, after `progress`.
 */
export interface RetellRequest {
  readonly kind: 'retell';
  readonly id: number;
  readonly runId: RunId;
  readonly position: Position;
  readonly target: Selection;
}

export interface RetellAnswer {
  readonly kind: 'retold';
  readonly id: number;
  readonly runId: RunId;
  readonly target: Selection;
  /** Which step that was; -1: none is left. */
  readonly step: number;
}
