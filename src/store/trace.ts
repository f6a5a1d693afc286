// What happened: the moment that the panels show, and the spans that the timeline shows.

import type { Mark, Position, RunId, SpanView } from '../worker/protocol.ts';
import type { Moment } from '../worker/protocol-moment.ts';
import { type Context, update } from './context.ts';

export interface TraceSlice {
  readonly runId: RunId;
  /** The moment at the cursor; panels, text twin and live region read this one. */
  readonly moment: Moment | undefined;
  /** Part of the timeline that is shown. */
  readonly window: { readonly from: Position; readonly to: Position };
  readonly spans: readonly SpanView[];
  /** Events worth a mark in the window: beats, failures, warnings. */
  readonly marks: readonly Mark[];
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
  marks: [],
};

/** Most spans that a timeline can show apart from each other. */
const SPAN_LIMIT = 2000;

export const traceActions = (context: Context): TraceActions => {
  const fetchSpans = async (): Promise<void> => {
    const { scenario, trace } = context.store.getState();
    const { from, to } = trace.window;
    const { runId } = scenario;
    if (scenario.run === undefined) return;
    const answer = await context.link.ask({ kind: 'spans', runId, from, to, limit: SPAN_LIMIT });
    const now = context.store.getState();
    if (answer.kind === 'failed' || now.scenario.runId !== runId) return;
    if (now.trace.window.from === from && now.trace.window.to === to) {
      update(context, 'trace', { spans: answer.spans, marks: answer.marks });
    }
  };
  return {
    showWindow: (from, to) => {
      update(context, 'trace', { window: { from, to } });
      void fetchSpans();
    },
  };
};
