// What happened: the moment that the panels show, and the spans that the timeline shows.

import type { Moment, Position, RunId, SpanView } from '../worker/protocol.ts';

export interface TraceSlice {
  readonly runId: RunId;
  /** The moment at the cursor; panels, text twin and live region read this one. */
  readonly moment: Moment | undefined;
  /** Part of the timeline that is shown. */
  readonly window: { readonly from: Position; readonly to: Position };
  readonly spans: readonly SpanView[];
}

export interface TraceActions {
  /** Shows this part of the timeline and asks for its spans. */
  readonly showWindow: (from: Position, to: Position) => void;
}

export const initialTrace: TraceSlice = {
  runId: '',
  moment: undefined,
  window: { from: 0, to: 0 },
  spans: [],
};
