// One selection for all panels.

import type { RunId, Selection } from '../worker/protocol.ts';

export interface SelectionSlice {
  readonly runId: RunId;
  readonly selected: Selection | undefined;
  /** Under the pointer or the focus; other panels outline the same thing. */
  readonly hovered: Selection | undefined;
}

export interface SelectionActions {
  /** Selects a thing and asks for its inspection; undefined: nothing. Pauses. */
  readonly select: (target: Selection | undefined) => void;
  readonly hover: (target: Selection | undefined) => void;
}

export const initialSelection: SelectionSlice = { runId: '', selected: undefined, hovered: undefined };
