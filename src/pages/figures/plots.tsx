// Plots of the figures: bars for peers, lines for growth. Both on logarithmic scales, and both said in words.

import { line, scaleLog } from 'd3';
import { useRef } from 'react';
import { formatCount } from '../../ui/format.ts';
import { useSize } from '../../ui/use-size.ts';
import { AXIS_WORDS, SERIES_WORDS } from './about.ts';
import type { SeriesRow } from './results.ts';

/** Before the width of the page is known. */
const USUAL_WIDTH = 640;
const BAR_HEIGHT = 26;
const LABEL_WIDTH = 190;
/** Of what a bar's value takes behind it. */
const VALUE_WIDTH = 110;

const short = (value: number): string => {
  if (value >= 1e6)
    return value.toLocaleString('en-US', { maximumSignificantDigits: 3, notation: 'compact' });
  return value >= 1000 ? formatCount(Number(value.toPrecision(3))) : String(Number(value.toPrecision(3)));
};

/** A picture as wide as the page has room for, in CSS pixels: its letters stay as large as all others. */
const useWidth = () => {
  const frame = useRef<HTMLElement>(null);
  const { width } = useSize(frame);
  return { frame, width: width === 0 ? USUAL_WIDTH : width };
};

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly unit: string;
  /** Of the simulation itself, not of a peer. */
  readonly isOurs: boolean;
}

/** Costs beside each other; each tick is ten times the one before. */
export const CostBars = ({ title, bars }: { readonly title: string; readonly bars: readonly Bar[] }) => {
  const { frame, width } = useWidth();
  // on a phone the words stand above their bars
  const isNarrow = width < 480;
  const left = isNarrow ? 0 : LABEL_WIDTH;
  const height = isNarrow ? BAR_HEIGHT + 18 : BAR_HEIGHT;
  const top = height - BAR_HEIGHT;
  const values = bars.map(({ value }) => value);
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)) - 0.3);
  const scale = scaleLog()
    .domain([low, Math.max(...values)])
    .range([0, width - left - VALUE_WIDTH]);
  return (
    <figure className="plot" ref={frame}>
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${width} ${bars.length * height}`} role="img" aria-label={title}>
        {bars.map(({ label, value, unit, isOurs }, i) => (
          <g key={label} transform={`translate(0 ${i * height})`}>
            <text
              className="plot-label"
              x={isNarrow ? 0 : left - 10}
              y={17}
              textAnchor={isNarrow ? 'start' : 'end'}
            >
              {label}
            </text>
            <rect
              className="plot-bar"
              data-ours={isOurs}
              x={left}
              y={top + 4}
              width={Math.max(2, scale(value))}
              height={BAR_HEIGHT - 8}
            />
            <text className="plot-value" x={left + Math.max(2, scale(value)) + 8} y={top + 17}>
              {short(value)} {unit}
            </text>
          </g>
        ))}
      </svg>
    </figure>
  );
};

const HEIGHT = 260;
const MARGIN = { left: 64, right: 16, top: 12, bottom: 40 };
const DASHES = ['', '7 4', '2 3', '9 3 2 3'];

const powers = ([low, high]: readonly [number, number]): number[] => {
  const found: number[] = [];
  for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high) + 1e-9; power++)
    found.push(10 ** power);
  return found;
};

const extent = (values: readonly number[]): [number, number] => {
  const positive = values.filter((value) => value > 0);
  return [Math.min(...positive), Math.max(...positive)];
};

/** How measurements grow with the work: a straight line is a power of it, a flat one is constant. */
export const GrowthPlot = ({ series }: { readonly series: readonly SeriesRow[] }) => {
  const { frame, width } = useWidth();
  const [first] = series;
  if (first === undefined) return null;
  const [lowX, highX] = extent(series.flatMap(({ points }) => points.map(([x]) => x)));
  const [lowY, highY] = extent(series.flatMap(({ points }) => points.map(([, y]) => y)));
  const domainX: [number, number] = [lowX, highX];
  const domainY: [number, number] = [10 ** Math.floor(Math.log10(lowY)), 10 ** Math.ceil(Math.log10(highY))];
  const x = scaleLog()
    .domain(domainX)
    .range([MARGIN.left, width - MARGIN.right]);
  const y = scaleLog()
    .domain(domainY)
    .range([HEIGHT - MARGIN.bottom, MARGIN.top]);
  const path = line<[number, number]>()
    .x(([size]) => x(size))
    .y(([, value]) => y(value));
  const title = `${AXIS_WORDS[first.y] ?? first.y} by number of ${first.x}`;
  return (
    <figure className="plot" ref={frame}>
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={title}>
        {powers(domainY).map((value) => (
          <g key={value} transform={`translate(0 ${y(value)})`}>
            <line className="plot-grid" x1={MARGIN.left} x2={width - MARGIN.right} />
            <text className="plot-tick" x={MARGIN.left - 8} dy="0.32em" textAnchor="end">
              {short(value)}
            </text>
          </g>
        ))}
        {powers(domainX).map((value) => (
          <text
            key={value}
            className="plot-tick"
            x={x(value)}
            y={HEIGHT - MARGIN.bottom + 18}
            textAnchor="middle"
          >
            {short(value)}
          </text>
        ))}
        <text className="plot-tick" x={width - MARGIN.right} y={HEIGHT - 4} textAnchor="end">
          {first.x}
        </text>
        {series.map(({ name, points }, i) => (
          <g key={name} className="plot-line" strokeDasharray={DASHES[i % DASHES.length]}>
            <path d={path(points) ?? ''} />
            {points.map(([size, value]) => (
              <circle key={size} cx={x(size)} cy={y(value)} r={3} />
            ))}
          </g>
        ))}
      </svg>
      <ul className="plot-legend">
        {series.map(({ name }, i) => (
          <li key={name}>
            <svg viewBox="0 0 28 8" aria-hidden="true">
              <line className="plot-line" x2={28} y1={4} y2={4} strokeDasharray={DASHES[i % DASHES.length]} />
            </svg>
            {SERIES_WORDS[name] ?? name}
          </li>
        ))}
      </ul>
      <details className="plot-values">
        <summary>The values</summary>
        {series.map(({ name, points }) => (
          <table key={name}>
            <caption>{SERIES_WORDS[name] ?? name}</caption>
            <tbody>
              {points.map(([size, value]) => (
                <tr key={size}>
                  <th scope="row">
                    {short(size)} {first.x}
                  </th>
                  <td>
                    {short(value)} {first.y}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ))}
      </details>
    </figure>
  );
};
