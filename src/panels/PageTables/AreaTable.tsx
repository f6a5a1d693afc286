import { Fragment, type ReactNode } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { IconButton } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { RovingTerms } from '../../ui/RovingTerms.tsx';
import { Term } from '../../ui/Term.tsx';
import { termOf } from '../../words/index.ts';
import { DeviceCells, FoldedDevices } from './DeviceCells.tsx';
import { PathLine } from './PathLine.tsx';
import { type AreaRows, type Bit, BIT_WORDS, type EntryRow, leadsTo, TABLE_FLAGS } from './rows.ts';
import type { Sharer } from './sharing.ts';

interface AreaTableProps {
  readonly area: AreaRows;
  /** Keys of rows that have just changed. */
  readonly changed: ReadonlySet<string>;
}

/** Signs of the rows that the glossary explains. Where they stand they explain themselves to a pointer only. */
const SIGNS = [...BIT_WORDS, ...TABLE_FLAGS.map((flag) => ['', flag] as const)].flatMap(([sign, word]) => {
  const id = termOf(word);
  return id === undefined ? [] : [{ id, sign, word }];
});

/** With a longer name than `buf`, each row would be higher if every column had room for whatever may come. */
const SHORT_NAME = 4;
/** And so it is with frames of more than six digits. */
const SHORT_PFN = 0xff_ffff;

const isLong = ({ name, rows }: AreaRows): boolean =>
  name.length > SHORT_NAME || rows.some(({ frame }) => frame !== undefined && frame.pfn > SHORT_PFN);

/** Of a table without devices. */
const COLUMNS = 6;

/** The entries of one memory area. */
export const AreaTable = ({ area, changed }: AreaTableProps) => {
  const { choose, select } = useActions();
  const selected = useApp(({ selection }) => selection.selected);
  const table = `${area.process} ${area.name}`;
  const isExplained = useApp(({ choices }) => choices.signsOf === table);
  const isArea =
    selected?.kind === 'vma' && selected.process === area.process && selected.vpn === area.startVpn;
  // the moment in which its entries go is still shown entry by entry
  const isEmpty = area.isGone && changed.size === 0;
  return (
    <div className="area">
      <div className="area-head tips-end tips-below">
        <button
          type="button"
          className="area-name"
          aria-pressed={isArea}
          onClick={() => select({ kind: 'vma', process: area.process, vpn: area.startVpn })}
        >
          <code>{area.name}</code> <span className="muted">{area.about}</span>
        </button>
        {isEmpty ? null : (
          <IconButton
            icon="help"
            label={`Signs in the table of ${area.name}`}
            aria-expanded={isExplained}
            onClick={() => choose({ signsOf: isExplained ? '' : table })}
          />
        )}
      </div>
      {isEmpty ? (
        <p className="muted process-empty">Unmapped: nothing lies at its addresses any more.</p>
      ) : (
        <>
          {isExplained ? <RovingTerms label="Bits of an entry, and page flags" terms={SIGNS} /> : null}
          <PathLine process={area.process} area={area} />
          <Entries area={area} changed={changed} />
        </>
      )}
    </div>
  );
};

const Entries = ({ area, changed }: AreaTableProps) => (
  <div className="entries-scroll scroll">
    <table className="entries" data-long={isLong(area)} data-devices={Math.min(area.columns.length, 3)}>
      <thead>
        <tr>
          <th scope="col">page</th>
          <th scope="col">
            <Term id="entry-kind">entry</Term>
          </th>
          <th scope="col">
            <Term id="pte-bits">PTE bits</Term>
          </th>
          <th scope="col">
            <Term id="pfn">frame</Term>
          </th>
          {area.columns.map(({ device, title }) => (
            <th key={device} scope="col" className="device-cell">
              <Term id="device-table">{title}</Term>
            </th>
          ))}
          <th scope="col" className="entry-flags-head">
            <Term id="page-flags">page flags</Term>
          </th>
          <th scope="col" className="entry-value">
            <Term id="content">value</Term>
          </th>
        </tr>
      </thead>
      <tbody>
        {area.rows.map((row) => (
          <Fragment key={row.key}>
            <Entry process={area.process} row={row} columns={area.columns} changed={changed.has(row.key)} />
            <FoldedDevices columns={area.columns} row={row} span={COLUMNS + area.columns.length} />
          </Fragment>
        ))}
      </tbody>
    </table>
  </div>
);

interface EntryProps {
  readonly process: string;
  readonly row: EntryRow;
  readonly columns: AreaRows['columns'];
  readonly changed: boolean;
}

const Entry = ({ process, row, columns, changed }: EntryProps) => {
  const { select, hover } = useActions();
  const isSelected = useApp(
    ({ selection: { selected } }) =>
      selected?.kind === 'pte' && selected.process === process && selected.vpn === row.vpn,
  );
  // an entry of it; the selection itself is the page
  const isOfPage = useApp(
    ({ selection: { selected }, trace: { moment } }) =>
      selected?.kind === 'page' && leadsTo(row, moment?.moves ?? [], selected.pfn),
  );
  const isHovered = useApp(
    ({ selection: { hovered } }) => hovered?.kind === 'page' && hovered.pfn === row.frame?.pfn,
  );
  const selectEntry = () => select({ kind: 'pte', process, vpn: row.vpn });
  const hoverFrame = () => hover(row.frame === undefined ? undefined : { kind: 'page', pfn: row.frame.pfn });
  return (
    <tr
      data-changed={changed}
      data-selected={isSelected}
      data-of-page={isOfPage}
      data-hovered={isHovered}
      data-shared={row.sharers.length > 0}
      onClick={selectEntry}
      onPointerMove={hoverFrame}
      onPointerLeave={() => hover(undefined)}
    >
      <th scope="row" data-run={row.npages > 1}>
        <button
          type="button"
          className="entry-page"
          aria-pressed={isSelected}
          aria-current={isOfPage ? 'true' : undefined}
          onClick={selectEntry}
          onFocus={hoverFrame}
          onBlur={() => hover(undefined)}
        >
          {runParts(row.page)}
        </button>
      </th>
      <td data-kind={row.kind} className="entry-kind" data-term={termOf(row.kind)}>
        {row.entry}
      </td>
      <td>
        <Bits bits={row.bits} />
      </td>
      <td data-run={row.npages > 1}>
        {row.frame === undefined ? null : (
          <Chip tone={row.frame.tone} toward={row.frame.toward} exclusive={row.kind === 'device-exclusive'}>
            {runParts(row.frame.text)}
          </Chip>
        )}
      </td>
      <DeviceCells columns={columns} row={row} />
      <td className="entry-flags">
        {row.sharers.map((sharer) => (
          <Shared key={sharer.process} sharer={sharer} />
        ))}
        {row.pageFlags.map((flag) => (
          <PageFlag key={flag} flag={flag} />
        ))}
      </td>
      <td className="entry-value">{row.value}</td>
    </tr>
  );
};

/** Leads to the entry of another process for the same frame. */
const Shared = ({ sharer: { process, vpn } }: { readonly sharer: Sharer }) => {
  const { select } = useActions();
  return (
    <button
      type="button"
      className="entry-shared"
      aria-label={`Same frame in ${process}: select its entry`}
      onClick={(event) => {
        event.stopPropagation();
        select({ kind: 'pte', process, vpn });
      }}
    >
      <span aria-hidden="true">↔</span> {process}
    </button>
  );
};

/** `0x5fffd…0x5ffc0` may break behind the dots. */
const runParts = (text: string): ReactNode => {
  const [first, last] = text.split('…');
  if (last === undefined) return text;
  return (
    <>
      {first}…<wbr />
      {last}
    </>
  );
};

/** A long name may break before its second word where there is no room. */
const PageFlag = ({ flag }: { readonly flag: string }) => {
  const [head = '', ...rest] = flag.split(/(?=[A-Z])/);
  return (
    <span className="entry-flag" data-term={termOf(flag)}>
      {head}
      {rest.map((word) => (
        <Fragment key={word}>
          <wbr />
          {word}
        </Fragment>
      ))}
    </span>
  );
};

const Bits = ({ bits }: { readonly bits: readonly Bit[] }) => (
  <span className="bits">
    <span className="hidden-visually">
      {bits
        .filter(({ on }) => on)
        .map(({ name }) => name)
        .join(', ')}
    </span>
    {bits.map(({ letter, name, on }) => (
      <span key={letter} className="bit" data-on={on} data-term={termOf(name)} aria-hidden="true">
        {on ? letter : '·'}
      </span>
    ))}
  </span>
);
