import { useEffect, useState } from 'react';
import { formatBytes, formatCount } from '../../ui/format.ts';
import { Document } from '../Document.tsx';
import { FIGURE_SECTIONS, type FigureSection } from './about.ts';
import { type Bar, CostBars, GrowthPlot } from './plots.tsx';
import {
  type BenchName,
  fetchResult,
  FILES,
  type FigureRow,
  type Result,
  type SeriesRow,
} from './results.ts';
import './figures.css';

type Results = Readonly<Record<BenchName, Result | undefined>>;

const COMMANDS: Readonly<Record<BenchName, string>> = {
  node: 'npm run -s bench -- --json public/bench/node.json',
  browser: 'npm run -s bench:browser -- --json public/bench/browser.json',
};

/** Four digits say enough; bytes in the unit that fits. */
const amount = (value: number, unit: string): readonly [text: string, unit: string] => {
  if (unit === 'bytes') {
    const [text = '', shownUnit = ''] = formatBytes(value).split(' ');
    return [text, shownUnit];
  }
  const digits = Number(value.toPrecision(4));
  return [Math.abs(digits) >= 1000 ? formatCount(digits) : String(digits), unit === 'x' ? '×' : unit];
};

const amountText = (value: number, unit: string): string => {
  const [text, shownUnit] = amount(value, unit);
  return unit === 'bytes' ? `${text} ${shownUnit}` : text;
};

const useResults = (): Results | undefined => {
  const [results, setResults] = useState<Results>();
  useEffect(() => {
    let wanted = true;
    void Promise.all([fetchResult('node'), fetchResult('browser')]).then(([node, browser]) => {
      if (wanted) setResults({ node, browser });
    });
    return () => {
      wanted = false;
    };
  }, []);
  return results;
};

const Where = ({ name, result }: { readonly name: BenchName; readonly result: Result | undefined }) => (
  <p>
    {result === undefined ? (
      <>
        Not measured: <code>{COMMANDS[name]}</code> writes <code>{FILES[name]}</code>.
      </>
    ) : (
      <>
        <code>{COMMANDS[name]}</code> on {result.machine.cores} cores of {result.machine.cpu}, with{' '}
        {Object.entries(result.versions)
          .map(([what, version]) => `${what} ${version}`)
          .join(' and ')}
        .
      </>
    )}
  </p>
);

/** An exponent stands where exponents do: `of pages` is what is raised to it. */
const Value = ({ value, unit }: { readonly value: number; readonly unit: string }) => {
  const [text, shownUnit] = amount(value, unit);
  const base = /^of (.+)$/.exec(unit)?.[1];
  return base === undefined ? (
    <>
      {text} <span className="muted">{shownUnit}</span>
    </>
  ) : (
    <>
      <span className="muted">{base}</span>
      <sup className="figure-exponent">{text}</sup>
    </>
  );
};

const Row = ({ row, about }: { readonly row: FigureRow; readonly about: string }) => (
  <tr data-missed={!row.ok}>
    <th scope="row">
      <code>{row.name}</code>
      <span className="figure-about">{about}</span>
    </th>
    <td className="figure-value">
      {row.value === null ? 'not measured' : <Value value={row.value} unit={row.unit} />}
    </td>
    <td className="figure-value">
      {row.bound === null ? '' : `${row.direction} ${amountText(row.bound, row.unit)}`}
    </td>
    <td>{row.bound === null ? '' : row.ok ? 'kept' : 'missed'}</td>
  </tr>
);

const Table = ({
  section,
  rows,
}: {
  readonly section: FigureSection;
  readonly rows: readonly FigureRow[];
}) => (
  <table className="figure-table">
    <caption className="hidden-visually">{section.title}</caption>
    <thead>
      <tr>
        <th scope="col">figure</th>
        <th scope="col">value</th>
        <th scope="col">bound</th>
        <th scope="col">
          <span className="hidden-visually">Whether it keeps its bound</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {rows.map((row) => (
        <Row key={row.name} row={row} about={section.figures[row.name] ?? ''} />
      ))}
    </tbody>
  </table>
);

/** Bars for those of some figures that were measured. */
const barsOf = (
  rows: readonly FigureRow[],
  wanted: readonly (readonly [name: string, label: string, isOurs: boolean])[],
): Bar[] =>
  wanted.flatMap(([name, label, isOurs]) => {
    const row = rows.find((one) => one.name === name);
    if (row === undefined || row.value === null || row.value <= 0) return [];
    return [{ label, value: row.value, unit: row.unit, isOurs }];
  });

const Peers = ({ rows }: { readonly rows: readonly FigureRow[] }) => {
  const time = barsOf(rows, [
    ['floor_ns_per_page', 'plain stores', false],
    ['migrate_pin_home_ns_per_page', 'this simulation', true],
    ['objects_ns_per_page', 'one object a page', false],
    ['immer_ns_per_page', 'immer', false],
  ]);
  const memory = barsOf(rows, [
    ['migrate_pin_home_bytes_per_page', 'this simulation', true],
    ['objects_bytes_per_page', 'one object a page', false],
  ]);
  const zoom = barsOf(rows, [
    ['map_zoom_frame_p95_ms', 'these maps, all memory', true],
    ['svg_10k_zoom_frame_p95_ms', 'SVG, 10\u202f000 cells', false],
  ]);
  const plots = [
    { title: 'Time to migrate and pin one page', bars: time },
    { title: 'Memory that one page leaves', bars: memory },
    { title: 'A frame while somebody zooms (95 of 100 are faster)', bars: zoom },
  ];
  return plots
    .filter(({ bars }) => bars.length > 1)
    .map(({ title, bars }) => <CostBars key={title} title={title} bars={bars} />);
};

/** Lines of one plot: what is measured in the same unit by the same size. */
const plotsOf = (series: readonly SeriesRow[]): SeriesRow[][] => {
  const plots = new Map<string, SeriesRow[]>();
  for (const one of series) {
    if (one.points.length < 2) continue;
    const key = `${one.y} by ${one.x}`;
    plots.set(key, [...(plots.get(key) ?? []), one]);
  }
  return [...plots.values()];
};

const Body = ({ section, results }: { readonly section: FigureSection; readonly results: Results }) => {
  const all = [...(results.node?.figures ?? []), ...(results.browser?.figures ?? [])];
  const series = [...(results.node?.series ?? []), ...(results.browser?.series ?? [])];
  const rows = all.filter(({ name }) => name in section.figures);
  return (
    <>
      <p>{section.text}</p>
      {section.id === 'peers' ? <Peers rows={all} /> : null}
      {section.id === 'growth'
        ? plotsOf(series).map((lines) => <GrowthPlot key={lines[0]?.name} series={lines} />)
        : null}
      {rows.length === 0 ? (
        <p className="muted">Not measured yet.</p>
      ) : (
        <Table section={section} rows={rows} />
      )}
    </>
  );
};

const FiguresPage = () => {
  const results = useResults();
  const lead = (
    <>
      <p>
        How fast and how large this is, measured by two benchmarks that come with it. Times were taken on the
        machine named here and mean little on another; ratios within one run are what counts. A bound is a
        promise: the benchmark fails when it is missed.
      </p>
      {results === undefined ? (
        <p className="muted">Reading the results …</p>
      ) : (
        <>
          <Where name="node" result={results.node} />
          <Where name="browser" result={results.browser} />
        </>
      )}
    </>
  );
  const sections =
    results === undefined
      ? []
      : FIGURE_SECTIONS.map((section) => ({
          id: section.id,
          title: section.title,
          body: <Body section={section} results={results} />,
        }));
  return <Document lead={lead} sections={sections} />;
};

export default FiguresPage;
