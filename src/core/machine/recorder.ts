// What columns and maps need of the journal.

import type { EventKind } from '../uapi/events.ts';

/** What a column tells of a change that is to be an event. */
export interface Recorder {
  /** Whether changes have no events just now, as those of big steps. */
  readonly isBulk: boolean;
  record(kind: EventKind, id: number, row: number, old: number, now: number): void;
}
