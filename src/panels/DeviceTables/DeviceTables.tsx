import { useActions, useApp } from '../../store/use-app.ts';
import { Chip } from '../../ui/Chip.tsx';
import { formatCount } from '../../ui/format.ts';
import { Term } from '../../ui/Term.tsx';
import { deviceTables, type MirrorRow } from './rows.ts';
import './device-tables.css';

/** What each device's own page table holds. */
export const DeviceTables = () => {
  const moment = useApp((state) => state.trace.moment);
  const ranges = useApp((state) => state.scenario.run?.machine.ranges);
  const tables = moment === undefined || ranges === undefined ? [] : deviceTables(moment, ranges);
  return tables.map(({ key, title, process, rows, more }) => (
    <section key={key} className="device-table" aria-label={`${title}, page table for process ${process}`}>
      <h3 className="heading">
        {title}{' '}
        <small>
          <Term id="device-table">page table</Term> for process {process}
        </small>
      </h3>
      {rows.length === 0 ? (
        <p className="muted device-empty">Holds no entry: the device would fault.</p>
      ) : (
        <table className="mirrors">
          <thead className="hidden-visually">
            <tr>
              <th scope="col">page</th>
              <th scope="col">access</th>
              <th scope="col">frame</th>
              <th scope="col">where</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Mirror key={row.key} row={row} />
            ))}
          </tbody>
        </table>
      )}
      {more > 0 ? <p className="muted device-empty">and {formatCount(more)} more pages</p> : null}
    </section>
  ));
};

const Mirror = ({ row }: { readonly row: MirrorRow }) => {
  const { hover, select } = useActions();
  const isSelected = useApp(
    ({ selection: { selected } }) => selected?.kind === 'page' && selected.pfn === row.pfn,
  );
  const selectPage = () => select({ kind: 'page', pfn: row.pfn });
  return (
    <tr
      onPointerMove={() => hover({ kind: 'page', pfn: row.pfn })}
      onPointerLeave={() => hover(undefined)}
      onClick={selectPage}
    >
      <th scope="row">
        <button type="button" className="mirror-page" aria-pressed={isSelected} onClick={selectPage}>
          {row.page}
        </button>
      </th>
      <td>{row.access}</td>
      <td>
        <Chip tone={row.tone}>{row.frame}</Chip>
      </td>
      <td className="muted">{row.where}</td>
    </tr>
  );
};
