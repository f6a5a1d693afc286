// The timeline as it is drawn: lanes of spans over an axis that counts events.

import { scaleLinear } from 'd3';
import type { SpanView } from '../../store/views.ts';

export const LANES = ['task', 'kernel', 'driver', 'device'] as const;
export type Lane = (typeof LANES)[number];

/** Rows of nested spans that a lane has room for. */
export const LANE_ROWS: Readonly<Record<Lane, number>> = { task: 1, kernel: 5, driver: 1, device: 1 };

export interface SpanBar {
  readonly span: SpanView;
  readonly lane: Lane;
  /** Row within the lane, outermost first. */
  readonly row: number;
  readonly leftPx: number;
  readonly widthPx: number;
  /** `current`: the innermost of those that are running. */
  readonly state: 'past' | 'running' | 'current' | 'next';
}

export interface TimeWindow {
  readonly from: number;
  readonly to: number;
}

export const timeScale = ({ from, to }: TimeWindow, widthPx: number) =>
  scaleLinear()
    .domain([from, Math.max(to, from + 1)])
    .range([0, widthPx]);

/** Round counts of events for the axis, relative to a beginning. */
export const axisTicks = ({ from, to }: TimeWindow, base: number, count: number): number[] =>
  scaleLinear()
    .domain([from - base, to - base])
    .ticks(count)
    .filter(Number.isInteger);

const MIN_BAR_PX = 1;

/** Bars that can be told apart, in the order in which they are painted: outer ones first. */
export const spanBars = (
  spans: readonly SpanView[],
  window: TimeWindow,
  widthPx: number,
  position: number,
): SpanBar[] => {
  const scale = timeScale(window, widthPx);
  const bars: SpanBar[] = [];
  for (const lane of LANES) {
    const ofLane = spans.filter((span) => span.lane === lane && !repeatsTask(span, spans));
    const rows = rowsOf(ofLane);
    for (const [i, span] of ofLane.entries()) {
      const row = rows[i] ?? 0;
      const widthOfBar = scale(span.end) - scale(span.begin);
      if (row >= LANE_ROWS[lane] || (widthOfBar < MIN_BAR_PX && row > 0)) continue;
      bars.push({
        span,
        lane,
        row,
        leftPx: scale(span.begin),
        widthPx: Math.max(MIN_BAR_PX, widthOfBar),
        state: span.end <= position ? 'past' : span.begin < position ? 'running' : 'next',
      });
    }
  }
  return markInnermost(bars);
};

/** The system call itself: the lane of the task already has it. */
const repeatsTask = (span: SpanView, spans: readonly SpanView[]): boolean =>
  span.lane === 'kernel' &&
  spans.some(
    ({ lane, label, begin, end }) =>
      lane === 'task' && label === span.label && begin <= span.begin && end >= span.end,
  );

const markInnermost = (bars: SpanBar[]): SpanBar[] => {
  let innermost = -1;
  for (const [i, { state, span }] of bars.entries())
    if (state === 'running' && span.depth >= (bars[innermost]?.span.depth ?? 0)) innermost = i;
  const bar = bars[innermost];
  if (bar !== undefined) bars[innermost] = { ...bar, state: 'current' };
  return bars;
};

/** How deep each span lies within its lane, whatever lies between in others. */
const rowsOf = (spans: readonly SpanView[]): number[] => {
  const order = spans
    .map((_, i) => i)
    .sort((a, b) => {
      const one = spans[a];
      const two = spans[b];
      return one === undefined || two === undefined ? 0 : one.begin - two.begin || one.depth - two.depth;
    });
  const rows: number[] = [];
  const open: SpanView[] = [];
  for (const i of order) {
    const span = spans[i];
    if (span === undefined) continue;
    for (let last = open.at(-1); last !== undefined && last.end <= span.begin; last = open.at(-1)) open.pop();
    rows[i] = open.length;
    open.push(span);
  }
  return rows;
};

/** The deepest bar at a point. */
export const barAt = (bars: readonly SpanBar[], lane: Lane, row: number, xPx: number): SpanBar | undefined =>
  bars.findLast(
    (bar) =>
      bar.lane === lane && bar.row === row && xPx >= bar.leftPx - 1 && xPx <= bar.leftPx + bar.widthPx + 1,
  );
