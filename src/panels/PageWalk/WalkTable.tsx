import type { ReactNode } from 'react';
import { useActions } from '../../store/use-app.ts';
import type { WalkEntry, WalkLevel } from '../../store/views.ts';
import { Chip } from '../../ui/Chip.tsx';
import { formatHex } from '../../ui/format.ts';
import { termOf } from '../../words/index.ts';
import { glyphsOf, kindWords } from './rows.ts';

const SLOTS = 512;

/** Where in the table the entries are that are not empty. */
const Occupancy = ({ level }: { readonly level: WalkLevel }) => (
  <svg className="walk-slots" viewBox={`0 0 ${SLOTS} 8`} preserveAspectRatio="none" aria-hidden="true">
    <rect className="walk-slots-ground" width={SLOTS} height={8} />
    {level.entries.map(({ index }) => (
      <rect
        key={index}
        className="walk-slot"
        data-here={index === level.index}
        x={index}
        width={3}
        height={8}
      />
    ))}
  </svg>
);

const Glyphs = ({ entry }: { readonly entry: WalkEntry }) => (
  <span className="walk-glyphs">
    <span className="hidden-visually">
      {glyphsOf(entry)
        .filter(({ on }) => on)
        .map(({ name }) => name)
        .join(', ')}
    </span>
    {glyphsOf(entry).map(({ letter, name, on }) => (
      <span key={letter} data-on={on} data-term={termOf(name)} aria-hidden="true">
        {on ? letter : '·'}
      </span>
    ))}
  </span>
);

interface EntryProps {
  readonly entry: WalkEntry;
  readonly process: string;
  readonly here: boolean;
  readonly raw: boolean;
}

const Entry = ({ entry, process, here, raw }: EntryProps) => {
  const { select, hover } = useActions();
  const { index, vpn, kind, pfn, residence, name, sharedWith } = entry;
  return (
    <button
      type="button"
      className="walk-entry"
      data-kind={kind}
      aria-current={here ? 'true' : undefined}
      onClick={() => select({ kind: 'pte', process, vpn })}
      onPointerMove={() => hover(pfn < 0 || kind === 'table' ? undefined : { kind: 'page', pfn })}
      onPointerLeave={() => hover(undefined)}
    >
      <span className="walk-index">[{index}]</span>
      <span className="walk-kind">{kindWords(entry)}</span>
      <Glyphs entry={entry} />
      {residence === undefined ? (
        <span className="walk-frame">{pfn < 0 ? '' : `→ ${formatHex(pfn)}`}</span>
      ) : (
        <Chip tone={residence}>{formatHex(pfn)}</Chip>
      )}
      {name === '' ? null : <span className="walk-name">{name}</span>}
      {sharedWith.length === 0 ? null : (
        <span className="walk-shared">shared with {sharedWith.join(', ')}</span>
      )}
      {raw ? <code className="walk-word">{entry.raw}</code> : null}
    </button>
  );
};

interface WalkTableProps {
  readonly level: WalkLevel;
  /** `PGD`; `P4D` with five levels. */
  readonly name: string;
  readonly process: string;
  readonly raw: boolean;
  /** The table that the address's entry leads to. */
  readonly children: ReactNode;
}

/** One table: which of its 512 entries are used, and what each says. */
export const WalkTable = ({ level, name, process, raw, children }: WalkTableProps) => {
  const { entries, used, table, index } = level;
  const hasPath = entries.some((entry) => entry.index === index);
  return (
    <div className="walk-table" data-added={table < 0}>
      <p className="walk-head">
        <b>{name}</b>{' '}
        {table < 0 ? (
          <Chip tone="free">with LA57 only</Chip>
        ) : (
          <>
            in frame <code>{formatHex(table)}</code>
          </>
        )}{' '}
        <span className="muted">
          {used} of {SLOTS} entries used{used > entries.length ? `, ${entries.length} shown` : ''}
        </span>
      </p>
      <Occupancy level={level} />
      <ul className="walk-entries">
        {entries.map((entry) => (
          <li key={entry.index}>
            <Entry entry={entry} process={process} here={entry.index === index} raw={raw} />
            {entry.index === index ? children : null}
          </li>
        ))}
        {hasPath ? null : (
          <li className="walk-entry walk-empty muted">
            <span className="walk-index">[{index}]</span> empty: nothing is mapped at this address
          </li>
        )}
      </ul>
    </div>
  );
};
