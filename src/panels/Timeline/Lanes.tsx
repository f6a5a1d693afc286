import { type PointerEvent, useEffect, useId, useMemo, useRef, useState, type WheelEvent } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { formatCount } from '../../ui/format.ts';
import { useSize } from '../../ui/use-size.ts';
import { laneTop, lanesHeight, paintTimeline, REM_PX, rowAt } from './paint.ts';
import {
  axisTicks,
  barAt,
  callOf,
  type LaneRows,
  LANES,
  type SpanBar,
  spanBars,
  type TimeWindow,
  timeScale,
} from './rows.ts';
import { useRootZoom } from './use-root-zoom.ts';
import { useTimelineColors, zoomWindow } from './use-window.ts';
import './timeline.css';

const NO_FRAMES: readonly never[] = [];
/** Below the lanes: the counts of events. */
const AXIS_PX = 16;

interface LanesProps {
  readonly heading: string;
  /** Of the control that holds the position. */
  readonly label: string;
  readonly rows: LaneRows;
  /** How far the wheel may go sideways and out; undefined: it scrolls what lies around. */
  readonly limits: TimeWindow | undefined;
}

/** Lanes of what ran, over an axis that counts events; drag, click or press keys to go elsewhere. */
export const Lanes = ({ heading, label, rows, limits }: LanesProps) => {
  const id = useId();
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const sizePx = useSize(area);
  const zoom = useRootZoom(sizePx);
  const size = useMemo(() => ({ width: sizePx.width / zoom, height: sizePx.height / zoom }), [sizePx, zoom]);
  const run = useApp((state) => state.scenario.run);
  const position = useApp((state) => state.playback.position);
  const caption = useApp((state) => state.trace.moment?.caption);
  const { say } = useWords();
  const spans = useApp((state) => state.trace.spans);
  const marks = useApp((state) => state.trace.marks);
  const stack = useApp((state) => state.trace.moment?.stack) ?? NO_FRAMES;
  const window = useApp((state) => state.trace.window);
  const { chooseCall, runToHere, seek, showWindow } = useActions();
  const colors = useTimelineColors();
  /** Where a finger came down, and whether it has moved along the timeline since. */
  const finger = useRef<{ readonly x: number; readonly y: number; isAlong: boolean }>(undefined);
  const [tip, setTip] = useState<{ readonly xPx: number; readonly text: string }>();

  const scale = useMemo(() => timeScale(window, size.width), [window, size.width]);
  const bars = useMemo(
    () => spanBars(spans, window, size.width, position, stack, rows),
    [spans, window, size.width, position, stack, rows],
  );

  useEffect(() => {
    const paint = (): void => {
      const element = canvas.current;
      const pen = element?.getContext('2d');
      if (element === null || !pen || colors === undefined) return;
      const ratio = globalThis.devicePixelRatio;
      element.width = Math.round(sizePx.width * ratio);
      element.height = Math.round(sizePx.height * ratio);
      // while a run is being opened there is no time yet
      if (run === undefined) return;
      pen.setTransform(ratio * zoom, 0, 0, ratio * zoom, 0, 0);
      const style = getComputedStyle(element);
      const fontPx = Number.parseFloat(style.fontSize) / zoom;
      element.dataset['scheme'] = style.colorScheme;
      const base = run.bootEnd;
      paintTimeline(
        pen,
        {
          rows,
          bars,
          marks: marks.map(({ position: at, kind }) => ({ xPx: scale(at), kind })),
          ticks: axisTicks(window, base, Math.max(2, size.width / 110)).map((n) => ({
            xPx: scale(n + base),
            text: formatCount(n),
          })),
          cursorPx: scale(position),
          widthPx: size.width,
          heightPx: size.height,
          fontPx,
        },
        colors,
      );
    };
    // with the next picture: to ask for the size of its type makes the browser lay out the page
    const frame = requestAnimationFrame(paint);
    return () => cancelAnimationFrame(frame);
  }, [rows, bars, marks, scale, position, size, sizePx, zoom, colors, window, run]);

  const pointOf = (event: PointerEvent) => {
    const origin = event.currentTarget.getBoundingClientRect();
    return { x: (event.clientX - origin.left) / zoom, y: (event.clientY - origin.top) / zoom };
  };
  const scrub = (event: PointerEvent) => {
    const to = Math.round(scale.invert(pointOf(event).x));
    void seek(Math.max(run?.bootEnd ?? 0, Math.min(run?.length ?? 0, to)));
  };
  const barUnder = (event: PointerEvent): SpanBar | undefined => {
    const { x, y } = pointOf(event);
    const at = rowAt(y, rows);
    return at && barAt(bars, at.lane, at.row, x);
  };
  const onPointerDown = (event: PointerEvent) => {
    const bar = barUnder(event);
    if (bar !== undefined && event.shiftKey) {
      void runToHere(callOf(bar.span));
      return;
    }
    // a finger points at nothing before it taps
    if (bar !== undefined) chooseCall(callOf(bar.span));
    event.currentTarget.setPointerCapture(event.pointerId);
    // a finger may be about to scroll what lies around: it counts when it moves along, or is lifted
    if (event.pointerType === 'touch') finger.current = { ...pointOf(event), isAlong: false };
    else scrub(event);
  };
  const goesAlong = (event: PointerEvent): boolean => {
    if (event.pointerType !== 'touch') return true;
    const from = finger.current;
    if (from === undefined) return false;
    const { x, y } = pointOf(event);
    from.isAlong ||= Math.abs(x - from.x) > Math.abs(y - from.y);
    return from.isAlong;
  };
  const onPointerUp = (event: PointerEvent) => {
    if (event.pointerType === 'touch') scrub(event);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (event.buttons === 1 && !event.shiftKey && goesAlong(event)) scrub(event);
    const bar = barUnder(event);
    if (bar === undefined) {
      setTip(undefined);
      return;
    }
    chooseCall(callOf(bar.span));
    const events = formatCount(bar.span.end - bar.span.begin);
    setTip({
      xPx: pointOf(event).x,
      text: `${bar.span.label}, ${events} events; Shift and click runs to it`,
    });
  };
  const onWheel = (event: WheelEvent) => {
    if (limits === undefined) return;
    const x = (event.clientX - event.currentTarget.getBoundingClientRect().left) / zoom;
    const factor = Math.exp(event.deltaY * 0.002);
    const next = zoomWindow(
      window,
      limits,
      scale.invert(x),
      factor,
      scale.invert(event.deltaX) - window.from,
    );
    showWindow(next.from, next.to);
  };

  return (
    <section className="timeline" aria-labelledby={id}>
      <h2 id={id} className="hidden-visually">
        {heading}
      </h2>
      <div className="timeline-lanes" aria-hidden="true">
        {LANES.map((lane) => (
          <span key={lane} style={{ top: `${laneTop(lane, rows) / REM_PX}rem` }}>
            {lane}
          </span>
        ))}
        <span style={{ top: `${lanesHeight(rows) / REM_PX}rem` }}>events</span>
      </div>
      <div
        ref={area}
        className="timeline-area"
        style={limits === undefined ? { height: `${(lanesHeight(rows) + AXIS_PX) / REM_PX}rem` } : undefined}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={(run?.length ?? 0) - (run?.bootEnd ?? 0)}
        aria-valuenow={Math.max(0, position - (run?.bootEnd ?? 0))}
        aria-valuetext={caption === undefined ? undefined : say(caption)}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerLeave={() => setTip(undefined)}
        onWheel={onWheel}
      >
        <canvas ref={canvas} className="timeline-canvas" />
        {tip === undefined ? null : (
          <span
            className="timeline-tip"
            data-side={tip.xPx > size.width / 2 ? 'end' : 'start'}
            style={{ left: tip.xPx * zoom }}
          >
            {tip.text}
          </span>
        )}
      </div>
    </section>
  );
};
