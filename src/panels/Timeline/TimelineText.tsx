import { useEffect, useRef } from 'react';
import { runToHereText } from '../../store/debug.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useKeys } from '../../store/use-keys.ts';
import { IconButton } from '../../ui/Button.tsx';
import { breakable } from '../../ui/breakable.tsx';
import { formatCount } from '../../ui/format.ts';
import { callOf, spanBars } from './rows.ts';

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

interface TimelineTextProps {
  /** Keeps the function that runs in sight; not where there is other text above. */
  readonly follow?: boolean;
}

/** The timeline as a table, from the same bars that are painted. */
export const TimelineText = ({ follow = true }: TimelineTextProps) => {
  const spans = useApp((state) => state.trace.spans);
  const window = useApp((state) => state.trace.window);
  const position = useApp((state) => state.playback.position);
  const bootEnd = useApp((state) => state.scenario.run?.bootEnd ?? 0);
  const stack = useApp((state) => state.trace.moment?.stack) ?? NO_FRAMES;
  const { chooseCall, runToHere, seek } = useActions();
  const runText = useApp(runToHereText);
  const keys = useKeys();
  const bars = spanBars(spans, window, WIDTH_PX, position, stack).sort(
    (a, b) => a.span.begin - b.span.begin || a.span.depth - b.span.depth,
  );
  // the rows around the cursor, where there are too many for all
  const at = bars.findIndex(({ state }) => state === 'current');
  const first = Math.max(0, Math.min(at - MAX_ROWS / 2, bars.length - MAX_ROWS));
  const current = useRef<HTMLTableRowElement>(null);
  const begin = bars[at]?.span.begin;
  useEffect(() => {
    if (follow && begin !== undefined) current.current?.scrollIntoView({ block: 'nearest' });
  }, [follow, begin]);
  return (
    <section className="timeline-text" aria-labelledby="timeline-text-heading">
      <header className="timeline-text-head">
        <h2 id="timeline-text-heading" className="heading">
          Timeline, as text
        </h2>
        <IconButton
          icon="target"
          label={runText ?? 'Run to here: choose a call first'}
          keys={keys('runToHere')}
          disabled={runText === undefined}
          onClick={() => void runToHere()}
        />
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">from event</th>
            <th scope="col">events</th>
            <th scope="col" className="timeline-text-lane">
              lane
            </th>
            <th scope="col">function</th>
            <th scope="col">state</th>
          </tr>
        </thead>
        <tbody>
          {bars.slice(first, first + MAX_ROWS).map(({ span, lane, state }) => (
            <tr
              key={`${span.begin} ${span.depth} ${span.fn}`}
              ref={state === 'current' ? current : undefined}
              data-state={state}
              aria-current={state === 'current' ? 'true' : undefined}
            >
              <td>{formatCount(span.begin - bootEnd)}</td>
              <td>{formatCount(span.end - span.begin)}</td>
              <td className="timeline-text-lane">{lane}</td>
              <th scope="row">
                <button
                  type="button"
                  onFocus={() => chooseCall(callOf(span))}
                  onClick={(event) => void (event.shiftKey ? runToHere(callOf(span)) : seek(span.begin))}
                >
                  {breakable(span.label)}
                </button>
              </th>
              <td>{STATE_WORDS[state]}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {bars.length > MAX_ROWS ? (
        <p className="muted">
          {MAX_ROWS} of {formatCount(bars.length)}, around the cursor
        </p>
      ) : null}
    </section>
  );
};
