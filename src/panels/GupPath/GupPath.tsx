import { useEffect, useRef } from 'react';
import type { GupBranch, GupPathView, GupStation } from '../../store/views.ts';
import { useActions } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import { useWords } from '../../store/use-words.ts';
import { formatCount } from '../../ui/format.ts';
import { Prose } from '../../ui/Prose.tsx';
import { CHART, callText, countOf, LEADS_BACK, RETRY_TO, stationOf } from './rows.ts';
import './gup-path.css';

const QUERY = { view: 'gup-path' } as const;

interface StationProps {
  readonly path: GupPathView;
  readonly station: GupStation;
  readonly compact?: boolean;
}

/** One station: what happens there, and what has happened there in this call. */
const Station = ({ path, station, compact = false }: StationProps) => {
  const { seek } = useActions();
  const { pieces, say } = useWords();
  const { state, facts, position } = stationOf(path, station);
  const box = useRef<HTMLDivElement>(null);
  const isHere = state === 'here';
  useEffect(() => {
    if (!isHere) return undefined;
    // with the next frame, whose layout is done anyway
    const frame = requestAnimationFrame(() => box.current?.scrollIntoView({ block: 'nearest' }));
    return () => cancelAnimationFrame(frame);
  }, [isHere]);
  const name = say({ id: `gup-path.station.${station}`, params: {} });
  const about = { id: `gup-path.about.${station}`, params: {} };
  return (
    <div ref={box} className="gup-station" data-state={state} aria-current={isHere ? 'step' : undefined}>
      <h3>
        {position < 0 ? (
          <span>{name}</span>
        ) : (
          <button type="button" className="link-button" onClick={() => void seek(position)}>
            {name}
          </button>
        )}
        {isHere ? <span className="gup-here">now here</span> : null}
        {state === 'failed' ? <span className="gup-failed">failed here</span> : null}
      </h3>
      {compact ? null : (
        <p className="gup-about muted">
          <Prose pieces={pieces(about)} />
        </p>
      )}
      {facts.length === 0 ? null : (
        <ul className="gup-facts">
          {facts.map((fact) => (
            <li key={fact.id}>
              <Prose pieces={pieces(fact)} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
};

interface WayProps {
  readonly path: GupPathView;
  readonly branch: GupBranch;
  readonly direction: 'down' | 'aside' | 'back' | 'retry';
}

/** A way to another station, with how many pages went it. */
const Way = ({ path, branch, direction }: WayProps) => {
  const { say } = useWords();
  const count = countOf(path, branch);
  return (
    <p className="gup-way" data-direction={direction} data-taken={count > 0}>
      <span className="gup-way-label">{say({ id: `gup-path.branch.${branch}`, params: {} })}</span>
      <span className="gup-count">{count > 0 ? `× ${formatCount(count)}` : ''}</span>
    </p>
  );
};

const RETRY_FROM_ROW = CHART.findIndex(({ station }) => station === RETRY_TO);

/** The way of the last GUP call as a graph of decisions, with the live values on its branches. */
export const GupPath = () => {
  const path = useView(QUERY);
  const { say } = useWords();
  if (path === undefined) return null;
  const { call } = path;
  return (
    <section className="gup-path" aria-labelledby="gup-path-heading">
      <h2 id="gup-path-heading" className="heading">
        The way of the pin
      </h2>
      {call === undefined ? (
        <p className="muted">
          No step has asked for pages yet. The way of each call is shown from its first moment on.
        </p>
      ) : (
        <>
          <p className="gup-call">
            <code>{callText(path)}</code>
            <span className="muted">
              by {call.process}, step {call.step}
            </span>
          </p>
          <div className="gup-chart">
            {CHART.map(({ station, aside, asideTo, down }, row) => (
              <div key={station} className="gup-row" style={{ gridRow: row + 1 }}>
                <Station path={path} station={station} />
                {aside.length === 0 ? null : (
                  <div className="gup-aside">
                    {aside.map((branch) => (
                      <Way
                        key={branch}
                        path={path}
                        branch={branch}
                        direction={LEADS_BACK.has(branch) ? 'back' : 'aside'}
                      />
                    ))}
                  </div>
                )}
                {asideTo === 'fault' ? <Station path={path} station="fault" compact /> : null}
                {asideTo === 'done' ? (
                  <p className="gup-exit muted">{say({ id: 'gup-path.station.done', params: {} })}</p>
                ) : null}
                {down === undefined ? null : <Way path={path} branch={down} direction="down" />}
              </div>
            ))}
            <div className="gup-retry" style={{ gridRow: `${RETRY_FROM_ROW + 1} / ${CHART.length + 1}` }}>
              <Way path={path} branch="retry" direction="retry" />
            </div>
          </div>
          <Station path={path} station="done" compact />
        </>
      )}
    </section>
  );
};
