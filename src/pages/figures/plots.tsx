// Plots of the figures: bars for peers, lines for growth. Both on logarithmic scales, and both said in words.

import { line, scaleLog } from 'd3';
import { SERIES_WORDS } from './about.ts';
import type { SeriesRow } from './results.ts';

const WIDTH = 640;
const BAR_HEIGHT = 26;
const LABEL_WIDTH = 190;

const short = (value: number): string =>
  value.toLocaleString('en-US', {
    maximumSignificantDigits: 3,
    notation: value >= 1e6 ? 'compact' : 'standard',
  });

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly unit: string;
  /** Of the simulation itself, not of a peer. */
  readonly isOurs: boolean;
}

/** Costs beside each other; each tick is ten times the one before. */
export const CostBars = ({ title, bars }: { readonly title: string; readonly bars: readonly Bar[] }) => {
  const values = bars.map(({ value }) => value);
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)) - 0.3);
  const scale = scaleLog()
    .domain([low, Math.max(...values)])
    .range([0, WIDTH - LABEL_WIDTH - 110]);
  return (
    <figure className="plot">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${bars.length * BAR_HEIGHT}`} role="img" aria-label={title}>
        {bars.map(({ label, value, unit, isOurs }, i) => (
          <g key={label} transform={`translate(0 ${i * BAR_HEIGHT})`}>
            <text className="plot-label" x={LABEL_WIDTH - 10} y={17} textAnchor="end">
              {label}
            </text>
            <rect
              className="plot-bar"
              data-ours={isOurs}
              x={LABEL_WIDTH}
              y={4}
              width={Math.max(2, scale(value))}
              height={BAR_HEIGHT - 8}
            />
            <text className="plot-value" x={LABEL_WIDTH + Math.max(2, scale(value)) + 8} y={17}>
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
  const [first] = series;
  if (first === undefined) return null;
  const [lowX, highX] = extent(series.flatMap(({ points }) => points.map(([x]) => x)));
  const [lowY, highY] = extent(series.flatMap(({ points }) => points.map(([, y]) => y)));
  const domainX: [number, number] = [lowX, highX];
  const domainY: [number, number] = [10 ** Math.floor(Math.log10(lowY)), 10 ** Math.ceil(Math.log10(highY))];
  const x = scaleLog()
    .domain(domainX)
    .range([MARGIN.left, WIDTH - MARGIN.right]);
  const y = scaleLog()
    .domain(domainY)
    .range([HEIGHT - MARGIN.bottom, MARGIN.top]);
  const path = line<[number, number]>()
    .x(([size]) => x(size))
    .y(([, value]) => y(value));
  const title = `${first.y} by ${first.x}`;
  return (
    <figure className="plot">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
        {powers(domainY).map((value) => (
          <g key={value} transform={`translate(0 ${y(value)})`}>
            <line className="plot-grid" x1={MARGIN.left} x2={WIDTH - MARGIN.right} />
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
        <text className="plot-tick" x={WIDTH - MARGIN.right} y={HEIGHT - 4} textAnchor="end">
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
        {series.map(({ name, points }, i) => (
          <li key={name}>
            <svg viewBox="0 0 28 8" aria-hidden="true">
              <line className="plot-line" x2={28} y1={4} y2={4} strokeDasharray={DASHES[i % DASHES.length]} />
            </svg>
            {SERIES_WORDS[name] ?? name}:{' '}
            {points.map(([size, value]) => `${short(value)} at ${short(size)}`).join(', ')}
          </li>
        ))}
      </ul>
    </figure>
  );
};
