import { useState } from 'react';
import { pfnToPhysBytes } from '../../core/uapi/units.ts';
import { useActions } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import type { FirmwareRange, Selection, ZoneView } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { formatBytes, formatCount, formatHex } from '../../ui/format.ts';
import { Term } from '../../ui/Term.tsx';
import { Waiting } from '../../ui/Waiting.tsx';
import type { TermId } from '../../words/index.ts';
import './zones.css';

const QUERY = { view: 'zones' } as const;
const PAGE_BYTES = 4096;

interface Found {
  readonly title: string;
  readonly detail: string;
  readonly selection: Selection;
}

interface ZonesProps {
  /** What a text means as a place in memory. */
  readonly find: (text: string) => Found | undefined;
}

/** The firmware's map of memory, the zones of each node, and what is free in them. */
export const Zones = ({ find }: ZonesProps) => {
  const view = useView(QUERY);
  return (
    <section className="zones" aria-labelledby="zones-heading">
      <h2 id="zones-heading" className="heading">
        Firmware and zones
      </h2>
      <Search find={find} />
      {view === undefined ? (
        <Waiting />
      ) : (
        <>
          <p className="muted zones-note">
            The firmware’s map (<Term id="e820">e820</Term>): System RAM is for the page allocator,{' '}
            <Term id="soft-reserved">Soft Reserved</Term> memory for a driver
            {view.firmware.some(({ kind }) => kind === 'mmio') ? (
              <>
                , and the <Term id="mmio-hole">MMIO hole</Term> holds none
              </>
            ) : null}
            .
          </p>
          <Strip ranges={view.firmware} />
          <p className="muted zones-note">
            The zones of each <Term id="node">node</Term>: free blocks of the{' '}
            <Term id="buddy">buddy allocator</Term>, a row for each <Term id="migratetype">migratetype</Term>,
            a bar for each order. A block of order <i>n</i> has 2
            <sup>
              <i>n</i>
            </sup>{' '}
            pages.
          </p>
          <div className="zones-grid">
            {view.zones.map((zone) => (
              <Zone key={`${zone.node} ${zone.name}`} zone={zone} />
            ))}
          </div>
        </>
      )}
    </section>
  );
};

const Search = ({ find }: ZonesProps) => {
  const { select } = useActions();
  const [text, setText] = useState('');
  const [said, setSaid] = useState('');
  const go = (): void => {
    const found = text.trim() === '' ? undefined : find(text);
    setSaid(found === undefined ? 'No such place.' : `${found.title} ${found.detail}`);
    if (found !== undefined) select(found.selection);
  };
  return (
    <form
      className="zones-search"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <label>
        Find{' '}
        <input
          id="zones-find"
          type="text"
          value={text}
          placeholder="0x4804, an address, A buf+2"
          spellCheck={false}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <Button type="submit">Go there</Button>
      <output className="muted">{said}</output>
    </form>
  );
};

const addressOf = (pfn: number): string => formatHex(pfnToPhysBytes(pfn));

/** Ranges side by side; a width follows the logarithm of the size, so that small ones can be seen. */
const Strip = ({ ranges }: { readonly ranges: readonly FirmwareRange[] }) => {
  const { select } = useActions();
  return (
    <ol className="firmware" aria-label="Firmware map">
      {ranges.map(({ start, end, kind, name, node, about, cma }) => (
        <li key={start} style={{ flexGrow: Math.log2(end - start + 1) }}>
          <button
            type="button"
            className="firmware-range"
            data-kind={kind}
            data-cma={cma}
            onClick={() => select({ kind: 'page', pfn: start })}
            disabled={kind === 'mmio'}
          >
            <b>{name}</b>
            <span>{about}</span>
            <span className="muted">
              {kind === 'mmio' ? '' : `node ${node}, `}
              {formatBytes((end - start) * PAGE_BYTES)}
            </span>
            <code>{addressOf(start)}</code>
          </button>
        </li>
      ))}
    </ol>
  );
};

const ZONE_TERMS: Readonly<Record<string, TermId>> = {
  DMA: 'zone-dma',
  DMA32: 'zone-dma32',
  Normal: 'zone-normal',
  Movable: 'zone-movable',
  Device: 'zone-device',
};

const ZoneName = ({ name }: { readonly name: string }) => {
  const term = ZONE_TERMS[name];
  return term === undefined ? name : <Term id={term}>{name}</Term>;
};

const Zone = ({ zone }: { readonly zone: ZoneView }) => (
  <section className="zone" aria-label={`Node ${zone.node}, zone ${zone.name}`}>
    <h3 className="heading">
      Node {zone.node}, <ZoneName name={zone.name} />
    </h3>
    {zone.managed === 0 ? (
      <p className="zone-line muted">
        spans {formatCount(zone.spanned)} pages; the page allocator has none of them
      </p>
    ) : (
      <>
        <p className="zone-line">
          {formatCount(zone.free)} of {formatCount(zone.managed)} pages free
        </p>
        <p className="zone-line muted">
          <Term id="watermark">watermarks</Term>: min {formatCount(zone.min)}, low {formatCount(zone.low)},
          high {formatCount(zone.high)}
        </p>
        {zone.blocks.map((row) => (
          <Blocks key={row.type} {...row} />
        ))}
      </>
    )}
  </section>
);

/** A bar an order: its height follows the logarithm of the number of blocks. */
const Blocks = ({ type, counts }: ZoneView['blocks'][number]) => {
  const most = Math.log2(1 + Math.max(...counts));
  return (
    <div className="blocks">
      <span className="blocks-type">{type}</span>
      <ol className="blocks-bars" aria-label={`Free blocks, ${type}, by order`}>
        {counts.map((count, order) => (
          <li key={`order ${order}`}>
            <span className="hidden-visually">
              order {order}: {formatCount(count)} free
            </span>
            <span className="blocks-count" aria-hidden="true">
              {count === 0 ? '' : count}
            </span>
            <span className="blocks-bar" style={{ height: `${(1.6 * Math.log2(1 + count)) / most}rem` }} />
            <span className="blocks-order" aria-hidden="true">
              {order}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
};
