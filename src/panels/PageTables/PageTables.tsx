import { useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import type { Moment, RangeInfo } from '../../store/views.ts';
import { AreaTable } from './AreaTable.tsx';
import { deviceColumns, idsText } from './device-rows.ts';
import { areaRows, type AreaRows, changedRows } from './rows.ts';
import { withSharers } from './sharing.ts';
import './page-tables.css';
import './device-cells.css';

/** What the panel showed before what it shows now. */
const usePrevious = (moment: Moment | undefined): Moment | undefined => {
  const [[before, shown], setShown] = useState<readonly (Moment | undefined)[]>([undefined, moment]);
  if (shown !== moment) setShown([shown, moment]);
  return before?.runId === moment?.runId ? before : undefined;
};

interface ProcessTables {
  readonly process: string;
  readonly alive: boolean;
  readonly areas: readonly AreaRows[];
  /** Devices that have opened it and hold no entry. */
  readonly empty: readonly number[];
}

const tablesOf = (moment: Moment | undefined, ranges: readonly RangeInfo[]): ProcessTables[] => {
  if (moment === undefined) return [];
  const devicesOf = new Map(
    moment.processes.map(({ name }) => [name, deviceColumns(moment, name, ranges)] as const),
  );
  const areas = withSharers(
    moment.processes.flatMap((process) =>
      process.areas.map((area) =>
        areaRows(process, area, moment, devicesOf.get(process.name)?.columns ?? []),
      ),
    ),
  );
  return moment.processes.map(({ name, alive }) => ({
    process: name,
    alive,
    areas: areas.filter(({ process }) => process === name),
    empty: devicesOf.get(name)?.empty ?? [],
  }));
};

const NO_RANGES: readonly RangeInfo[] = [];

/** The page tables of all processes. */
export const PageTables = () => {
  const moment = useApp((state) => state.trace.moment);
  const ranges = useApp((state) => state.scenario.run?.machine.ranges) ?? NO_RANGES;
  const before = tablesOf(usePrevious(moment), ranges).flatMap(({ areas }) => areas);
  const tables = tablesOf(moment, ranges);
  return (
    <section
      className="page-tables"
      data-several={tables.filter(({ alive, areas }) => alive && areas.length > 0).length > 1}
      aria-labelledby="page-tables-heading"
    >
      <h2 id="page-tables-heading" className="hidden-visually">
        Page tables
      </h2>
      {moment !== undefined && tables.length === 0 ? (
        <p className="muted process-empty">No process lives yet.</p>
      ) : null}
      {tables.map(({ process, alive, areas, empty }) => (
        <section
          key={process}
          className="process"
          data-alive={alive}
          aria-label={`Page table of process ${process}`}
        >
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
          {alive && empty.length > 0 ? (
            <p className="muted device-empty">
              {empty.length > 1 ? 'Devices' : 'Device'} {idsText(empty)}: no entry of {process}, an access
              would fault.
            </p>
          ) : null}
        </section>
      ))}
    </section>
  );
};
