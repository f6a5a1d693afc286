// The timeline as it is drawn: lanes of spans over an axis that counts events.

import { scaleLinear } from 'd3';
import type { CallHere } from '../../store/debug.ts';
import type { SpanView, StackFrame } from '../../store/views.ts';

export const LANES = ['task', 'kernel', 'driver', 'device'] as const;
export type Lane = (typeof LANES)[number];

/** Rows of nested spans that each lane has room for, and whether each of them is as high as a finger wants it. */
export type LaneRows = Readonly<Record<Lane, number>> & { readonly tall?: boolean };

/** Below the maps, where there is little room: the outer calls. */
export const LANE_ROWS: LaneRows = { task: 1, kernel: 5, driver: 1, device: 1 };
/** In a low window the maps and tables need the rest; the icicle shows every call. */
export const LOW_LANE_ROWS: LaneRows = { ...LANE_ROWS, kernel: 3 };

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

/** Round counts of events for the axis, relative to a beginning; before it there are none. */
export const axisTicks = ({ from, to }: TimeWindow, base: number, count: number): number[] =>
  scaleLinear()
    .domain([from - base, to - base])
    .ticks(count)
    .filter((n) => n >= 0 && Number.isInteger(n));

const MIN_BAR_PX = 1;

/** Bars that can be told apart, in the order in which they are painted: outer ones first. */
export const spanBars = (
  spans: readonly SpanView[],
  window: TimeWindow,
  widthPx: number,
  position: number,
  stack: readonly StackFrame[],
  laneRows: LaneRows = LANE_ROWS,
): SpanBar[] => {
  const scale = timeScale(window, widthPx);
  const bars: SpanBar[] = [];
  const calls = spans.filter(({ lane }) => lane === 'task');
  for (const lane of LANES) {
    const ofLane = spans.filter((span) => span.lane === lane && !repeatsTask(span, calls));
    const rows = rowsOf(ofLane, laneRows[lane]);
    for (const [i, span] of ofLane.entries()) {
      const row = rows[i] ?? 0;
      const widthOfBar = scale(span.end) - scale(span.begin);
      if (row >= laneRows[lane] || (widthOfBar < MIN_BAR_PX && row > 0)) continue;
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
  return markInnermost(bars, stack);
};

/** No call stack of the kernel that is modelled is deeper. */
const MOST_ROWS = 40;

/** Rows that show every call: as many as the deepest has around it, for each of the tasks that run at once. */
export const rowsOfAll = (spans: readonly SpanView[]): LaneRows => {
  const calls = spans.filter(({ lane }) => lane === 'task');
  const depthOf = (lane: Lane): number => {
    const ofLane = spans.filter((span) => span.lane === lane && !repeatsTask(span, calls));
    const tasks = Math.max(1, ...crowdsOf(ofLane).map((crowd) => crowd.tasks));
    const deepest = nested(ofLane).reduce((most, row) => Math.max(most, row + 1), 1);
    return Math.min(MOST_ROWS, deepest * tasks);
  };
  return { task: 1, kernel: depthOf('kernel'), driver: depthOf('driver'), device: depthOf('device') };
};

/** The system call itself: the lane of the task already has it. */
const repeatsTask = (span: SpanView, calls: readonly SpanView[]): boolean =>
  span.lane === 'kernel' &&
  calls.some(({ label, begin, end }) => label === span.label && begin <= span.begin && end >= span.end);

/** The innermost function of the call stack that has a bar. A span begins with the event before its frame. */
const markInnermost = (bars: SpanBar[], stack: readonly StackFrame[]): SpanBar[] => {
  for (const { begin } of stack.toReversed()) {
    const i = bars.findIndex(({ span, lane }) => lane !== 'task' && span.begin === begin - 1);
    const bar = bars[i];
    if (bar === undefined) continue;
    bars[i] = { ...bar, state: 'current' };
    break;
  }
  return bars;
};

/** How deep each span lies within its lane, whatever lies between in others. */
const rowsOf = (spans: readonly SpanView[], laneRows: number): number[] => {
  const rows = nested(spans);
  const crowds = crowdsOf(spans);
  return rows.map((row, i) => {
    const span = spans[i];
    const crowd = crowds.find(({ begin, end }) => span !== undefined && span.begin < end && span.end > begin);
    if (span === undefined || crowd === undefined) return row;
    // tasks that run at once share the lane: each has its own rows
    const room = Math.max(1, Math.floor(laneRows / crowd.tasks));
    return row < room ? row + (span.task - 1) * room : laneRows;
  });
};

/** Of each span, in how many of its task it lies. */
const nested = (spans: readonly SpanView[]): number[] => {
  const rows = spans.map(() => 0);
  for (const task of new Set(spans.map((span) => span.task))) nestTask(spans, task, rows);
  return rows;
};

/** Spans of one task nest. */
const nestTask = (spans: readonly SpanView[], task: number, rows: number[]): void => {
  const order = [...spans.entries()]
    .filter(([, span]) => span.task === task)
    .sort(([, a], [, b]) => a.begin - b.begin || a.depth - b.depth);
  const open: SpanView[] = [];
  for (const [i, span] of order) {
    for (let last = open.at(-1); last !== undefined && last.end <= span.begin; last = open.at(-1)) open.pop();
    rows[i] = open.length;
    open.push(span);
  }
};

interface Crowd {
  readonly begin: number;
  readonly end: number;
  readonly tasks: number;
}

/** Stretches in which several tasks run at once. */
const crowdsOf = (spans: readonly SpanView[]): Crowd[] => {
  const crowds: Crowd[] = [];
  for (const { task, begin, end } of spans
    .filter((span) => span.task > 1)
    .sort((a, b) => a.begin - b.begin)) {
    const last = crowds.at(-1);
    if (last !== undefined && begin < last.end)
      crowds[crowds.length - 1] = {
        begin: last.begin,
        end: Math.max(last.end, end),
        tasks: Math.max(last.tasks, task),
      };
    else crowds.push({ begin, end, tasks: task });
  }
  return crowds;
};

/** A span as what one can run to. */
export const callOf = ({ lane, fn, begin }: SpanView): CallHere =>
  lane === 'task' ? { kind: 'step', name: fn, begin } : { kind: 'function', name: fn, begin: begin + 1 };

/** The deepest bar at a point. */
export const barAt = (bars: readonly SpanBar[], lane: Lane, row: number, xPx: number): SpanBar | undefined =>
  bars.findLast(
    (bar) =>
      bar.lane === lane && bar.row === row && xPx >= bar.leftPx - 1 && xPx <= bar.leftPx + bar.widthPx + 1,
  );
