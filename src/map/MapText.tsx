import { useSyncExternalStore } from 'react';
import { useActions, useApp } from '../store/use-app.ts';
import { formatCount, formatCounted, formatHex } from '../ui/format.ts';
import type { MapController } from './controller.ts';
import { bankTitle, type MapRow, mapRows, scaleOf, zoneInView } from './describe.ts';
import type { Bank } from './layout.ts';
import './map-text.css';

/** More rows than this nobody reads; zooming out makes fewer. */
const MAX_ROWS = 250;

/** The maps as tables, from the same cells that are painted. */
export const MapText = ({ maps }: { readonly maps: MapController }) => {
  const banks = useSyncExternalStore(maps.subscribe, maps.banksNow);
  return (
    <section aria-labelledby="map-text-heading">
      <h2 id="map-text-heading" className="heading">
        Memory, as text
      </h2>
      {banks.map((bank) => (
        <BankText key={bank.id} bank={bank} maps={maps} />
      ))}
    </section>
  );
};

const BankText = ({ bank, maps }: { readonly bank: Bank; readonly maps: MapController }) => {
  const view = useSyncExternalStore(maps.subscribe, () => maps.viewOf(bank.id));
  const moment = useApp((state) => state.trace.moment);
  // Read so that new tiles draw new rows.
  const tiles = useApp((state) => state.queries.tiles[bank.id]);
  if (view === undefined || moment === undefined) return null;
  const rows = mapRows(maps.cellsOf(bank.id, moment));
  const about = `${zoneInView(view)}, ${formatCounted(bank.npages, 'page')}, cell: ${scaleOf(view).size} ${scaleOf(view).unit}`;
  return (
    <table className="map-rows" data-position={tiles?.position}>
      <caption>
        <strong>{bankTitle(bank)}</strong> <span className="muted">{about}</span>
      </caption>
      <thead>
        <tr>
          <th scope="col">pfn</th>
          <th scope="col">pages</th>
          <th scope="col">owner</th>
          <th scope="col">state</th>
        </tr>
      </thead>
      <tbody>
        {rows.slice(0, MAX_ROWS).map((row) => (
          <Row key={row.start} row={row} />
        ))}
      </tbody>
      {rows.length > MAX_ROWS ? (
        <tfoot>
          <tr>
            <td colSpan={4} className="muted">
              and {formatCount(rows.length - MAX_ROWS)} more rows
            </td>
          </tr>
        </tfoot>
      ) : null}
    </table>
  );
};

const Row = ({ row }: { readonly row: MapRow }) => {
  const { select } = useActions();
  const isSelected = useApp(
    ({ selection: { selected } }) => selected?.kind === 'page' && selected.pfn === row.start,
  );
  return (
    <tr data-selected={isSelected}>
      <th scope="row">
        <button
          type="button"
          className="map-row-page"
          aria-pressed={isSelected}
          onClick={() => select({ kind: 'page', pfn: row.start })}
        >
          {formatHex(row.start)}
          {row.npages > 1 ? `…${formatHex(row.start + row.npages - 1)}` : ''}
        </button>
      </th>
      <td className="map-row-count">{formatCount(row.npages)}</td>
      <td>
        <code>{row.owner}</code>
      </td>
      <td>{row.state}</td>
    </tr>
  );
};
