import { type CSSProperties, useId } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import type { MachineInfo, TrafficView } from '../../store/views.ts';
import { formatCount, formatCounted } from '../../ui/format.ts';
import { Term } from '../../ui/Term.tsx';
import { Waiting } from '../../ui/Waiting.tsx';
import { amountText, chartOf, placeName, WIDTH } from './chart.ts';
import './traffic.css';

const QUERY = { view: 'traffic' } as const;
const NO_LINKS: MachineInfo['links'] = [];

/** What has moved over which way, in all and in this step. */
export const Traffic = () => {
  const view = useView(QUERY);
  const links = useApp(({ scenario }) => scenario.run?.machine.links) ?? NO_LINKS;
  return (
    <section className="traffic" aria-labelledby="traffic-heading">
      <h2 id="traffic-heading" className="heading">
        Traffic
      </h2>
      {view === undefined ? (
        <Waiting />
      ) : (
        <>
          <Picture view={view} links={links} />
          <div className="traffic-sums">
            <p className="muted traffic-note">
              What <Term id="migration">migrations</Term> carried from the memory of a{' '}
              <Term id="node">node</Term> to <Term id="vram">VRAM</Term>, or home.
            </p>
            <Sums view={view} links={links} />
          </div>
          <Steps view={view} />
        </>
      )}
    </section>
  );
};

interface PictureProps {
  readonly view: TrafficView;
  readonly links: MachineInfo['links'];
}

const Picture = ({ view, links }: PictureProps) => {
  const { boxes, bands, height } = chartOf(view, links);
  const arrow = useId();
  return (
    <svg className="traffic-picture" viewBox={`0 0 ${WIDTH} ${height}`} aria-hidden="true">
      <defs>
        <marker
          id={arrow}
          viewBox="0 0 10 10"
          refX="7"
          refY="5"
          markerWidth="9"
          markerHeight="9"
          orient="auto"
          markerUnits="userSpaceOnUse"
        >
          <path d="M0 1 9 5 0 9z" className="traffic-head" />
        </marker>
      </defs>
      {bands.map(({ key, path, widthPx, to, pagesInStep, pages, labelX, labelY, labelAnchor }) => (
        <g key={key}>
          <path
            d={path}
            className="traffic-band"
            data-to={to.kind}
            data-now={pagesInStep > 0}
            strokeWidth={widthPx}
          />
          <path d={path} className="traffic-line" markerEnd={`url(#${arrow})`} />
          <text x={labelX} y={labelY} className="traffic-count" data-anchor={labelAnchor}>
            {formatCounted(pages, 'page')}
          </text>
        </g>
      ))}
      {boxes.map(({ place, x, y, width, height: boxHeight }) => (
        <g key={place.id} transform={`translate(${x}, ${y})`}>
          <rect width={width} height={boxHeight} rx="6" className="traffic-box" data-kind={place.kind} />
          <text x={width / 2} y={boxHeight / 2 + 4} className="traffic-name" data-kind={place.kind}>
            {placeName(place)}
          </text>
        </g>
      ))}
    </svg>
  );
};

/** The same as a table. */
const Sums = ({ view, links }: PictureProps) => {
  const { bands } = chartOf(view, links);
  if (bands.length === 0) return <p className="muted">Nothing has moved yet.</p>;
  // of a whole node's ways only some are in sight: those that the step uses stand on top
  const rows = bands.toSorted((a, b) => Number(b.pagesInStep > 0) - Number(a.pagesInStep > 0));
  return (
    <table className="traffic-table">
      <thead>
        <tr>
          <th scope="col">way</th>
          <th scope="col">link</th>
          <th scope="col">so far</th>
          <th scope="col">in this step</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, from, to, link, pages, pagesInStep }) => (
          <tr key={key} data-now={pagesInStep > 0}>
            <th scope="row" className="traffic-way">
              <span>{placeName(from)} →</span> <span>{placeName(to)}</span>
            </th>
            <td className="traffic-link">{link}</td>
            <td>{amountText(pages)}</td>
            <td>{pagesInStep === 0 ? '' : amountText(pagesInStep)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

/** How high a bar of most pages is, and its number; one page can be seen, too. */
const BAR_REM = 2.6;
const LEAST_REM = 0.15;
const NUMBER_REM = 1.1;

/** A bar a step, with its pages: out to devices above the line, home below it. */
const Steps = ({ view }: { readonly view: TrafficView }) => {
  const { seekStep } = useActions();
  const busy = view.steps.filter(({ toDevice, toSystem }) => toDevice + toSystem > 0);
  if (busy.length === 0) return null;
  const most = Math.max(...busy.flatMap(({ toDevice, toSystem }) => [toDevice, toSystem]));
  const heightRem = (pages: number): number => Math.max(LEAST_REM, (BAR_REM * pages) / most);
  const height = (pages: number): string => `${heightRem(pages)}rem`;
  // the bars of all steps stand on one line
  const room = (pages: number): string => (pages === 0 ? '0' : `${heightRem(pages) + NUMBER_REM}rem`);
  const rooms: CSSProperties & Record<`--${string}`, string> = {
    '--out': room(Math.max(...busy.map(({ toDevice }) => toDevice))),
    '--home': room(Math.max(...busy.map(({ toSystem }) => toSystem))),
  };
  return (
    <div className="traffic-by-step">
      <h3 className="traffic-heading">Pages moved, step by step</h3>
      <ol className="traffic-steps" style={rooms}>
        {busy.map(({ step, toDevice, toSystem }) => (
          <li key={step}>
            <button
              type="button"
              className="traffic-step"
              onClick={() => void seekStep(step, 'end')}
              aria-label={`Step ${step}: ${formatCounted(toDevice, 'page')} to devices, ${formatCount(toSystem)} to system memory`}
            >
              <span className="traffic-out">
                {toDevice === 0 ? null : (
                  <>
                    {formatCount(toDevice)}
                    <span className="traffic-bar" data-to="coherent" style={{ height: height(toDevice) }} />
                  </>
                )}
              </span>
              <span className="traffic-home">
                {toSystem === 0 ? null : (
                  <>
                    <span className="traffic-bar" data-to="system" style={{ height: height(toSystem) }} />
                    {formatCount(toSystem)}
                  </>
                )}
              </span>
              <span className="traffic-step-name">step {step}</span>
            </button>
          </li>
        ))}
      </ol>
      <p className="muted traffic-note">Above the line: to devices. Below: home to system memory.</p>
    </div>
  );
};
