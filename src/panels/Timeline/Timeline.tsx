import { type PointerEvent, useEffect, useMemo, useRef, useState, type WheelEvent } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { formatCount } from '../../ui/format.ts';
import { Segmented } from '../../ui/Segmented.tsx';
import { useSize } from '../../ui/use-size.ts';
import { say } from '../../words/index.ts';
import { laneTop, lanesHeight, paintTimeline, rowAt } from './paint.ts';
import { axisTicks, barAt, LANES, spanBars, timeScale } from './rows.ts';
import { type Extent, useTimelineColors, useWindow, zoomWindow } from './use-window.ts';
import './timeline.css';

const EXTENTS: readonly { readonly value: Extent; readonly label: string }[] = [
  { value: 'run', label: 'Run' },
  { value: 'step', label: 'Step' },
];

/** Lanes of what ran, over an axis that counts events; drag, click or press keys to go elsewhere. */
export const Timeline = () => {
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(area);
  const run = useApp((state) => state.scenario.run);
  const position = useApp((state) => state.playback.position);
  const caption = useApp((state) => state.trace.moment?.caption);
  const spans = useApp((state) => state.trace.spans);
  const marks = useApp((state) => state.trace.marks);
  const window = useApp((state) => state.trace.window);
  const { seek, showWindow } = useActions();
  const { extent, setExtent, limits } = useWindow();
  const colors = useTimelineColors();
  const [tip, setTip] = useState('');

  const scale = useMemo(() => timeScale(window, size.width), [window, size.width]);
  const bars = useMemo(
    () => spanBars(spans, window, size.width, position),
    [spans, window, size.width, position],
  );

  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext('2d');
    if (element === null || !pen || colors === undefined) return;
    const ratio = globalThis.devicePixelRatio;
    element.width = Math.round(size.width * ratio);
    element.height = Math.round(size.height * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const base = run?.bootEnd ?? 0;
    paintTimeline(
      pen,
      {
        bars,
        marks: marks.map(({ position: at, kind }) => ({ xPx: scale(at), kind })),
        ticks: axisTicks(window, base, Math.max(2, size.width / 110)).map((n) => ({
          xPx: scale(n + base),
          text: formatCount(n),
        })),
        cursorPx: scale(position),
        widthPx: size.width,
        heightPx: size.height,
      },
      colors,
    );
  }, [bars, marks, scale, position, size, colors, window, run]);

  const pointOf = (event: PointerEvent) => {
    const origin = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - origin.left, y: event.clientY - origin.top };
  };
  const scrub = (event: PointerEvent) => {
    const to = Math.round(scale.invert(pointOf(event).x));
    void seek(Math.max(run?.bootEnd ?? 0, Math.min(run?.length ?? 0, to)));
  };
  const onPointerDown = (event: PointerEvent) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    scrub(event);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (event.buttons === 1) scrub(event);
    const { x, y } = pointOf(event);
    const at = rowAt(y);
    const bar = at && barAt(bars, at.lane, at.row, x);
    setTip(
      bar === undefined ? '' : `${bar.span.label} · ${formatCount(bar.span.end - bar.span.begin)} events`,
    );
  };
  const onWheel = (event: WheelEvent) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
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
    <section className="timeline" aria-labelledby="timeline-heading">
      <h2 id="timeline-heading" className="hidden-visually">
        Timeline
      </h2>
      <div className="timeline-lanes" aria-hidden="true">
        {LANES.map((lane) => (
          <span key={lane} style={{ top: laneTop(lane) }}>
            {lane}
          </span>
        ))}
        <span style={{ top: lanesHeight() }}>events</span>
      </div>
      <div
        ref={area}
        className="timeline-area"
        role="slider"
        tabIndex={0}
        aria-label="Position in the timeline, in events"
        aria-valuemin={0}
        aria-valuemax={(run?.length ?? 0) - (run?.bootEnd ?? 0)}
        aria-valuenow={Math.max(0, position - (run?.bootEnd ?? 0))}
        aria-valuetext={caption === undefined ? undefined : say(caption)}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerLeave={() => setTip('')}
        onWheel={onWheel}
      >
        <canvas ref={canvas} className="timeline-canvas" />
      </div>
      <div className="timeline-foot">
        <span className="timeline-tip">{tip}</span>
        <Segmented label="Show in the timeline" options={EXTENTS} value={extent} onChange={setExtent} />
      </div>
    </section>
  );
};
