import { useActions } from '../../store/use-app.ts';
import { Chip } from '../../ui/Chip.tsx';
import type { DeviceCell, DeviceColumn } from './device-rows.ts';
import type { EntryRow } from './rows.ts';

/** What one device has for the pages of a row. */
const Held = ({ cell }: { readonly cell: DeviceCell }) => {
  const { hover, select } = useActions();
  if (cell === undefined) return <span className="device-none">none</span>;
  const { access, accessWords, pfn, frame, tone, isSame } = cell;
  return (
    <button
      type="button"
      className="device-entry"
      data-same={isSame}
      onClick={(event) => {
        event.stopPropagation();
        select({ kind: 'page', pfn });
      }}
      onPointerMove={(event) => {
        event.stopPropagation();
        hover({ kind: 'page', pfn });
      }}
    >
      <span className="hidden-visually">{accessWords}, </span>
      <span className="device-access" aria-hidden="true">
        {access}
      </span>{' '}
      <Chip tone={tone}>{frame}</Chip>
      {isSame ? <span className="device-same">same</span> : null}
    </button>
  );
};

interface CellsProps {
  readonly columns: readonly DeviceColumn[];
  readonly row: EntryRow;
}

/** The devices' entries, each in its column. */
export const DeviceCells = ({ columns, row }: CellsProps) =>
  columns.map(({ device }, at) => (
    <td key={device} className="device-cell">
      <Held cell={row.devices[at]} />
    </td>
  ));

/** The same in a line of its own below the row, where there is no room for columns. */
export const FoldedDevices = ({ columns, row, span }: CellsProps & { readonly span: number }) =>
  row.devices.every((cell) => cell === undefined) ? null : (
    <tr className="device-folded">
      <td colSpan={span}>
        {columns.map(({ device, title }, at) =>
          row.devices[at] === undefined ? null : (
            <span key={device} className="device-line">
              <span className="muted">{title}</span> <Held cell={row.devices[at]} />
            </span>
          ),
        )}
      </td>
    </tr>
  );
