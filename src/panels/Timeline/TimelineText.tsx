import { useActions, useApp } from '../../store/use-app.ts';
import { formatCount } from '../../ui/format.ts';
import { spanBars } from './rows.ts';

const MAX_ROWS = 250;
const NO_FRAMES: readonly never[] = [];
/** The text shows what a timeline of this width would. */
const WIDTH_PX = 1000;
const STATE_WORDS = {
  past: 'done',
  running: 'running',
  current: 'running, innermost',
  next: 'to come',
} as const;

/** The timeline as a table, from the same bars that are painted. */
export const TimelineText = () => {
  const spans = useApp((state) => state.trace.spans);
  const window = useApp((state) => state.trace.window);
  const position = useApp((state) => state.playback.position);
  const bootEnd = useApp((state) => state.scenario.run?.bootEnd ?? 0);
  const stack = useApp((state) => state.trace.moment?.stack) ?? NO_FRAMES;
  const { seek } = useActions();
  const bars = spanBars(spans, window, WIDTH_PX, position, stack).sort(
    (a, b) => a.span.begin - b.span.begin || a.span.depth - b.span.depth,
  );
  return (
    <section className="timeline-text" aria-labelledby="timeline-text-heading">
      <h2 id="timeline-text-heading" className="heading">
        Timeline, as text
      </h2>
      <table>
        <thead>
          <tr>
            <th scope="col">from event</th>
            <th scope="col">events</th>
            <th scope="col">lane</th>
            <th scope="col">function</th>
            <th scope="col">state</th>
          </tr>
        </thead>
        <tbody>
          {bars.slice(0, MAX_ROWS).map(({ span, lane, state }) => (
            <tr key={`${span.begin} ${span.depth} ${span.fn}`} data-state={state}>
              <td>{formatCount(span.begin - bootEnd)}</td>
              <td>{formatCount(span.end - span.begin)}</td>
              <td>{lane}</td>
              <th scope="row">
                <button type="button" onClick={() => void seek(span.begin)}>
                  {span.label}
                </button>
              </th>
              <td>{STATE_WORDS[state]}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {bars.length > MAX_ROWS ? (
        <p className="muted">and {formatCount(bars.length - MAX_ROWS)} more</p>
      ) : null}
    </section>
  );
};
