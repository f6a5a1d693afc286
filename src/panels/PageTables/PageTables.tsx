import { useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import type { Moment } from '../../store/views.ts';
import { AreaTable } from './AreaTable.tsx';
import { areaRows, type AreaRows, changedRows } from './rows.ts';
import './page-tables.css';

/** What the panel showed before what it shows now. */
const usePrevious = (moment: Moment | undefined): Moment | undefined => {
  const [[before, shown], setShown] = useState<readonly (Moment | undefined)[]>([undefined, moment]);
  if (shown !== moment) setShown([shown, moment]);
  return before?.runId === moment?.runId ? before : undefined;
};

const tablesOf = (moment: Moment | undefined): { process: string; alive: boolean; areas: AreaRows[] }[] =>
  (moment?.processes ?? []).map((process) => ({
    process: process.name,
    alive: process.alive,
    areas: moment === undefined ? [] : process.areas.map((area) => areaRows(process, area, moment)),
  }));

/** The page tables of all processes. */
export const PageTables = () => {
  const moment = useApp((state) => state.trace.moment);
  const before = tablesOf(usePrevious(moment)).flatMap(({ areas }) => areas);
  const tables = tablesOf(moment);
  return (
    <section className="page-tables" aria-labelledby="page-tables-heading">
      <h2 id="page-tables-heading" className="hidden-visually">
        Page tables
      </h2>
      {moment !== undefined && tables.length === 0 ? (
        <p className="muted process-empty">No process lives yet.</p>
      ) : null}
      {tables.map(({ process, alive, areas }) => (
        <section key={process} className="process" aria-label={`Page table of process ${process}`}>
          <h3 className="heading">
            Process {process} <small>{alive ? 'page table' : 'has exited'}</small>
          </h3>
          {areas.length === 0 && alive ? <p className="muted process-empty">No memory area yet.</p> : null}
          {areas.map((area) => (
            <AreaTable
              key={area.key}
              area={area}
              changed={changedRows(before.find(({ key }) => key === area.key)?.rows, area.rows)}
            />
          ))}
        </section>
      ))}
    </section>
  );
};
