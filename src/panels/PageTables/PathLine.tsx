import { Term } from '../../ui/Term.tsx';
import { vpnOfPage } from '../../store/entries-of-page.ts';
import { useApp } from '../../store/use-app.ts';
import { type AreaRows, addressOf, pathOf } from './rows.ts';
import './path-line.css';

/** The way to the selected page of an area, or to its first: PGD → PUD → PMD → PTE. */
export const PathLine = ({ process, area }: { readonly process: string; readonly area: AreaRows }) => {
  const selected = useApp(({ selection }) => selection.selected);
  const row = useApp(({ trace: { moment } }) => {
    const rows = moment?.processes
      .find(({ name }) => name === process)
      ?.areas.find(({ name }) => name === area.name)?.rows;
    const wanted = rows?.find((each) => {
      if (selected?.kind === 'page') return vpnOfPage(each, moment?.moves ?? [], selected.pfn) !== undefined;
      if (selected?.kind !== 'pte' || selected.process !== process) return false;
      return selected.vpn >= each.vpn && selected.vpn < each.vpn + each.npages;
    });
    return wanted ?? rows?.[0];
  });
  if (row === undefined) return null;
  return (
    <div className="path">
      <ol className="path-steps" aria-label={`Page table walk to ${area.name}+${row.index}`}>
        {pathOf(row).map(({ table, index, next }) => (
          <li key={table} className="path-step">
            <span className="path-table">
              <Term id={table.toLowerCase()}>{table}</Term>
            </span>{' '}
            <span className="path-index">{index}</span>
            {next === '' ? null : (
              <>
                <span className="path-arrow" aria-hidden="true">
                  →
                </span>
                <span className="hidden-visually"> points to </span>
                <span className="path-next">{next}</span>
              </>
            )}
          </li>
        ))}
      </ol>
      <p className="path-address muted">
        {area.name}+{row.index} is <code>{addressOf(row)}</code>
      </p>
    </div>
  );
};
