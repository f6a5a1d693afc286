import { type ReactNode, useId, useState } from 'react';
import { useActions } from '../../store/use-app.ts';
import type { GpuStateView, SvmPageRow, SvmRangeView } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { formatCount, formatCounted } from '../../ui/format.ts';
import { Term } from '../../ui/Term.tsx';
import { gpuPanel, svmAttributes } from '../../words/index.ts';
import {
  cpuCell,
  type EntryCell,
  foundRanges,
  gpuCell,
  gpuColumns,
  gpuList,
  granularityText,
  orderedRanges,
  pagesText,
  placesText,
  rangeSums,
} from './rows.ts';

/** A node can have hundreds. */
const RANGES_AT_ONCE = 12;

/** Ranges of shared virtual memory: what is wished, what is, and both page tables side by side. */
export const Ranges = ({ view }: { readonly view: GpuStateView }) => {
  const id = useId();
  const [shown, setShown] = useState(RANGES_AT_ONCE);
  const [wanted, setWanted] = useState('');
  const { ranges } = view;
  const isMany = ranges.length > RANGES_AT_ONCE;
  const listed = isMany ? foundRanges(orderedRanges(ranges), wanted) : ranges;
  const more = listed.length - shown;
  return (
    <section className="gpu-ranges" aria-labelledby={id}>
      <h3 id={id}>
        <Term id="svm-range">Ranges of shared virtual memory</Term>
      </h3>
      {ranges.length === 0 ? <p className="muted">{gpuPanel.noRanges}</p> : null}
      {isMany ? (
        <>
          <Sums ranges={ranges} />
          <div className="gpu-find">
            <label htmlFor={`${id}-find`}>{gpuPanel.findRange}</label>
            <input
              id={`${id}-find`}
              type="search"
              placeholder="buf+12, 0x7f00…, GPU 1, #3"
              autoComplete="off"
              spellCheck={false}
              value={wanted}
              onChange={(event) => {
                setWanted(event.target.value);
                setShown(RANGES_AT_ONCE);
              }}
            />
            <output htmlFor={`${id}-find`}>
              {wanted.trim() === '' ? '' : `${formatCounted(listed.length, 'range')} found`}
            </output>
          </div>
        </>
      ) : null}
      {listed.slice(0, shown).map((range) => (
        <Range key={`${range.process} ${range.startVpn}`} range={range} />
      ))}
      {more <= 0 ? null : (
        <Button onClick={() => setShown(shown + RANGES_AT_ONCE)}>
          {formatCount(Math.min(more, RANGES_AT_ONCE))} of {formatCounted(more, 'range')} more
        </Button>
      )}
    </section>
  );
};

/** Of many ranges: how many are where. */
const Sums = ({ ranges }: Pick<GpuStateView, 'ranges'>) => (
  <>
    <table className="gpu-table" aria-label={gpuPanel.sums}>
      <thead>
        <tr>
          <th scope="col">process</th>
          <th scope="col">counts as being in</th>
          <th scope="col">ranges</th>
          <th scope="col">pages</th>
          <th scope="col">of them elsewhere</th>
        </tr>
      </thead>
      <tbody>
        {rangeSums(ranges).map(({ process, actual, ranges: number, pages, elsewhere }) => (
          <tr key={`${process} ${actual}`}>
            <th scope="row">{process}</th>
            <td>{actual}</td>
            <td>{formatCount(number)}</td>
            <td>{formatCount(pages)}</td>
            <td>{elsewhere === 0 ? 'none' : formatCount(elsewhere)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    <p className="muted">{gpuPanel.orderOfRanges}</p>
  </>
);

const notifierText = ({ notifier, work, startVpn, npages }: SvmRangeView): string => {
  if (notifier === undefined) return `not inserted yet${work === '' ? '' : `, ${work} is due`}`;
  const follows = notifier.startVpn === startVpn && notifier.npages === npages;
  const text = follows ? 'watches all of it' : `still watches ${pagesText(notifier.npages)}`;
  return work === '' ? text : `${text}, ${work} is due`;
};

const Range = ({ range }: { readonly range: SvmRangeView }) => {
  const { first, npages, preferred, prefetched, actual, granularity, access, accessInPlace } = range;
  const { flags, mapped, invalid, bo, boOffset } = range;
  return (
    <article className="gpu-range" aria-label={`Range ${first}`}>
      <h4>
        <code>{first}</code>, {pagesText(npages)}{' '}
        <small>
          {placesText(range)}; {mapped ? 'mapped on GPUs' : 'not mapped on GPUs'}
          {invalid === 0 ? '' : `; invalidated ${formatCounted(invalid, 'time')} since`}
        </small>
      </h4>
      <dl className="gpu-attributes">
        <Attribute of="preferred">{preferred}</Attribute>
        <Attribute of="prefetched">{prefetched}</Attribute>
        <Attribute of="actual">{actual}</Attribute>
        <Attribute of="granularity">{granularityText(granularity)}</Attribute>
        <Attribute of="access">{gpuList(access)}</Attribute>
        <Attribute of="inPlace">{gpuList(accessInPlace)}</Attribute>
        <Attribute of="flags">{flags.length === 0 ? 'none' : flags.join(' | ')}</Attribute>
        <Attribute of="notifier">{notifierText(range)}</Attribute>
        <Attribute of="object">{bo === 0 ? 'none' : `#${bo}, from page ${boOffset}`}</Attribute>
      </dl>
      <Table range={range} />
    </article>
  );
};

interface AttributeProps {
  readonly of: keyof typeof svmAttributes;
  readonly children: ReactNode;
}

const Attribute = ({ of, children }: AttributeProps) => {
  const { name, term } = svmAttributes[of];
  return (
    <div>
      <dt>{term === undefined ? name : <Term id={term}>{name}</Term>}</dt>
      <dd>{children}</dd>
    </div>
  );
};

/** The CPU's entries beside those of each GPU. */
const Table = ({ range: { rows, moreRows, first } }: { readonly range: SvmRangeView }) => {
  const { shown, empty } = gpuColumns(rows);
  return (
    <>
      <table className="gpu-table" aria-label={`Entries of ${first}`}>
        <thead>
          <tr>
            <th scope="col">page</th>
            <th scope="col">CPU</th>
            {shown.map((device) => (
              <th key={device} scope="col">
                GPU {device}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.vpn} row={row} shown={shown} />
          ))}
        </tbody>
      </table>
      {moreRows === 0 ? null : <p className="muted">and {formatCount(moreRows)} more rows</p>}
      {empty.length === 0 ? null : <p className="muted">No entries of it: {gpuList(empty)}</p>}
    </>
  );
};

const Row = ({ row, shown }: { readonly row: SvmPageRow; readonly shown: readonly number[] }) => (
  <tr data-aliased={row.aliased}>
    <th scope="row">
      <code>
        {row.name}
        {row.npages > 1 ? ` … +${formatCount(row.npages - 1)}` : ''}
      </code>
      {row.aliased ? <b className="gpu-aliased"> {gpuPanel.aliased}</b> : null}
    </th>
    <Cell cell={cpuCell(row)} pfn={row.cpu.pfn} />
    {row.gpus
      .filter(({ device }) => shown.includes(device))
      .map((entry) => (
        <Cell key={entry.device} cell={gpuCell(row, entry)} pfn={entry.pfn} />
      ))}
  </tr>
);

const Cell = ({ cell: { frame, tone, text }, pfn }: { readonly cell: EntryCell; readonly pfn: number }) => {
  const { select, hover } = useActions();
  return (
    <td>
      {frame === '' ? null : (
        <button
          type="button"
          className="gpu-frame"
          onClick={() => select({ kind: 'page', pfn })}
          onPointerMove={() => hover({ kind: 'page', pfn })}
          onPointerLeave={() => hover(undefined)}
        >
          <Chip tone={tone}>{frame}</Chip>
        </button>
      )}{' '}
      <span className={frame === '' ? 'muted' : ''}>{text}</span>
    </td>
  );
};
