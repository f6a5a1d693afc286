// One selection for all panels.

import type { RunId, Selection } from '../worker/protocol.ts';
import { type Context, update } from './context.ts';
import type { Queries } from './queries.ts';

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

export const sameSelection = (a: Selection | undefined, b: Selection | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));

export const selectionActions = (
  context: Context,
  queries: Queries,
  pause: () => void,
): SelectionActions => ({
  select: (target) => {
    if (sameSelection(context.store.getState().selection.selected, target)) return;
    pause();
    update(context, 'selection', { selected: target });
    queries.refreshInspection();
  },
  hover: (target) => {
    if (sameSelection(context.store.getState().selection.hovered, target)) return;
    update(context, 'selection', { hovered: target });
  },
});
