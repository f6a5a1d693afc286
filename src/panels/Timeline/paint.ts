// Draws the timeline on a canvas.

import type { Mark } from '../../store/views.ts';
import { LANES, type Lane, type LaneRows, type SpanBar } from './rows.ts';

const ROW_PX: Readonly<Record<Lane, number>> = { task: 18, kernel: 15, driver: 15, device: 15 };
/** What a finger hits without hitting the row beside it. */
const TALL = 1.5;
const LANE_GAP_PX = 5;
/** Type size that all measures here are for; the canvas is scaled to the page's. */
export const REM_PX = 14;
export const TOP_PX = 16;

export interface TimelineColors {
  readonly line: string;
  readonly ink: string;
  readonly 'ink-3': string;
  readonly span: string;
  readonly 'span-dim': string;
  readonly 'span-now': string;
  readonly 'span-ink': string;
  readonly 'span-now-ink': string;
  readonly current: string;
  readonly 'current-ink': string;
  readonly paper: string;
}

const rowPx = (lane: Lane, { tall }: LaneRows): number => ROW_PX[lane] * (tall === true ? TALL : 1);

export const laneTop = (lane: Lane, rows: LaneRows): number => {
  let top = TOP_PX;
  for (const each of LANES) {
    if (each === lane) return top;
    top += rows[each] * rowPx(each, rows) + LANE_GAP_PX;
  }
  return top;
};

export const lanesHeight = (rows: LaneRows): number =>
  laneTop('device', rows) + rows.device * rowPx('device', rows) + LANE_GAP_PX;

/** Lane and row at a height; undefined between lanes. */
export const rowAt = (
  yPx: number,
  rows: LaneRows,
): { readonly lane: Lane; readonly row: number } | undefined => {
  for (const lane of LANES) {
    const row = Math.floor((yPx - laneTop(lane, rows)) / rowPx(lane, rows));
    if (row >= 0 && row < rows[lane]) return { lane, row };
  }
  return undefined;
};

export interface TimelineScene {
  readonly rows: LaneRows;
  readonly bars: readonly SpanBar[];
  readonly marks: readonly { readonly xPx: number; readonly kind: Mark['kind'] }[];
  readonly ticks: readonly { readonly xPx: number; readonly text: string }[];
  readonly cursorPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Size of the type, in the same measure. */
  readonly fontPx: number;
}

const fontOf = ({ fontPx }: Pick<TimelineScene, 'fontPx'>): string =>
  `${fontPx}px "JetBrains Mono Variable", monospace`;

export const paintTimeline = (
  pen: CanvasRenderingContext2D,
  scene: TimelineScene,
  colors: TimelineColors,
): void => {
  const { rows, widthPx, heightPx, cursorPx } = scene;
  pen.clearRect(0, 0, widthPx, heightPx);
  pen.fillStyle = colors.line;
  for (const lane of LANES)
    pen.fillRect(0, laneTop(lane, rows) + rows[lane] * rowPx(lane, rows) + 1, widthPx, 1);
  paintTicks(pen, scene, colors);
  pen.font = fontOf(scene);
  for (const bar of scene.bars) paintBar(pen, bar, rows, colors);
  paintMarks(pen, scene, colors);
  pen.fillStyle = colors.current;
  pen.fillRect(cursorPx - 0.75, 6, 1.5, lanesHeight(rows) - 6);
  pen.beginPath();
  pen.moveTo(cursorPx - 5, 1);
  pen.lineTo(cursorPx + 5, 1);
  pen.lineTo(cursorPx, 9);
  pen.fill();
};

const LOOKS: Readonly<
  Record<SpanBar['state'], { readonly fill: keyof TimelineColors; readonly ink: keyof TimelineColors }>
> = {
  past: { fill: 'span', ink: 'span-ink' },
  running: { fill: 'span-now', ink: 'span-now-ink' },
  current: { fill: 'current', ink: 'current-ink' },
  next: { fill: 'span-dim', ink: 'ink-3' },
};

const paintBar = (
  pen: CanvasRenderingContext2D,
  bar: SpanBar,
  rows: LaneRows,
  colors: TimelineColors,
): void => {
  const look = LOOKS[bar.state];
  const x = bar.leftPx + (bar.widthPx > 4 ? 0.5 : 0);
  const y = laneTop(bar.lane, rows) + bar.row * rowPx(bar.lane, rows);
  const width = bar.widthPx - (bar.widthPx > 4 ? 1 : 0);
  const height = rowPx(bar.lane, rows) - 2;
  pen.fillStyle = colors[look.fill];
  if (width < 4) pen.fillRect(x, y, width, height);
  else {
    pen.beginPath();
    pen.roundRect(x, y, width, height, 3);
    pen.fill();
  }
  if (width < 30) return;
  pen.textBaseline = 'middle';
  pen.textAlign = 'left';
  pen.fillStyle = colors[look.ink];
  const left = Math.max(x, 0);
  const text = shorten(pen, bar.span.label, x + width - left - 10);
  if (text !== '') pen.fillText(text, left + 5, y + height / 2 + 0.5);
};

const shorten = (pen: CanvasRenderingContext2D, text: string, widthPx: number): string => {
  const charPx = pen.measureText('0').width;
  const room = Math.floor(widthPx / charPx);
  if (text.length <= room) return text;
  return room < 4 ? '' : `${text.slice(0, room - 1)}…`;
};

const paintTicks = (
  pen: CanvasRenderingContext2D,
  { rows, ticks, widthPx, fontPx }: TimelineScene,
  colors: TimelineColors,
): void => {
  pen.font = fontOf({ fontPx });
  pen.textBaseline = 'top';
  pen.fillStyle = colors['ink-3'];
  for (const { xPx, text } of ticks) {
    pen.textAlign = xPx < 12 ? 'left' : xPx > widthPx - 20 ? 'right' : 'center';
    pen.fillText(text, xPx, lanesHeight(rows) + 3);
  }
};

/** Crosses nearer to each other would run into one smudge. */
const CROSS_APART_PX = 8;

/** Where playback stops: a tick above the lanes; where something went wrong: a cross. */
const paintMarks = (
  pen: CanvasRenderingContext2D,
  { marks }: TimelineScene,
  colors: TimelineColors,
): void => {
  let crossPx = Number.NEGATIVE_INFINITY;
  for (const { xPx, kind } of marks) {
    if (kind === 'beat') {
      pen.fillStyle = colors['ink-3'];
      pen.fillRect(xPx - 0.5, TOP_PX - 6, 1, 4);
    } else if (xPx >= crossPx + CROSS_APART_PX) {
      crossPx = xPx;
      pen.strokeStyle = colors.ink;
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(xPx - 3, TOP_PX - 9);
      pen.lineTo(xPx + 3, TOP_PX - 3);
      pen.moveTo(xPx + 3, TOP_PX - 9);
      pen.lineTo(xPx - 3, TOP_PX - 3);
      pen.stroke();
    }
  }
};
