import type { ReactNode } from 'react';
import { isUnfolded, withFolded } from '../../store/choices.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import type { WalkBranch, WalkEntry, WalkLevel } from '../../store/views.ts';
import { Chip } from '../../ui/Chip.tsx';
import { formatHex } from '../../ui/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { termOf } from '../../words/index.ts';
import { glyphsOf, kindWords, levelName } from './rows.ts';

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
      <span className="walk-target">
        {residence === undefined ? (
          <span className="walk-frame">{pfn < 0 ? '' : `→ ${formatHex(pfn)}`}</span>
        ) : (
          <Chip tone={residence}>{formatHex(pfn)}</Chip>
        )}
        {name === '' ? null : <span className="walk-name">{name}</span>}
      </span>
      {sharedWith.length === 0 ? null : (
        <span className="walk-shared">shared with {sharedWith.join(', ')}</span>
      )}
      {raw ? <code className="walk-word">{entry.raw}</code> : null}
    </button>
  );
};

/** What all tables of a tree have in common. */
interface Tree {
  readonly branches: readonly WalkBranch[];
  readonly process: string;
  readonly raw: boolean;
  readonly la57: boolean;
}

interface WalkTableProps {
  readonly tree: Tree;
  readonly level: WalkLevel;
  /** `PGD`; `P4D` with five levels. */
  readonly name: string;
  /** The table that the address's entry leads to. */
  readonly children?: ReactNode;
}

/** One table: which of its 512 entries are used, and what each says. */
export const WalkTable = ({ tree, level, name, children }: WalkTableProps) => {
  const { process, raw } = tree;
  const { entries, used, table, index } = level;
  const hasFolds = entries.some(({ kind, index: at }) => kind === 'table' && at !== index);
  const hasPath = index < 0 || entries.some((entry) => entry.index === index);
  return (
    <div className="walk-table" data-added={table < 0}>
      <div className="walk-head">
        <p>
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
      </div>
      <ul className="walk-entries" data-folds={hasFolds}>
        {entries.map((entry) =>
          entry.index === index || entry.kind !== 'table' ? (
            <li key={entry.index}>
              <Entry entry={entry} process={process} here={entry.index === index} raw={raw} />
              {entry.index === index ? children : null}
            </li>
          ) : (
            <Branch key={entry.index} tree={tree} level={level.level} name={name} entry={entry} />
          ),
        )}
        {hasPath ? null : (
          <li className="walk-entry walk-empty muted">
            <span className="walk-index">[{index}]</span> empty: nothing is mapped at this address
          </li>
        )}
      </ul>
    </div>
  );
};

interface BranchProps {
  readonly tree: Tree;
  readonly level: WalkLevel['level'];
  readonly name: string;
  readonly entry: WalkEntry;
}

/** An entry beside the way: the table that it leads to can be unfolded in place. */
const Branch = ({ tree, level, name, entry }: BranchProps) => {
  const { process, raw, la57, branches } = tree;
  const below = { process, level, vpn: entry.vpn };
  const open = useApp((state) => state.choices.walkOpen);
  const { choose } = useActions();
  const isOpen = isUnfolded(open, below);
  const branch = isOpen ? branches.find((each) => isUnfolded([each], below)) : undefined;
  return (
    <li>
      <div className="walk-line">
        <button
          type="button"
          className="walk-fold"
          aria-expanded={isOpen}
          aria-label={`Table below ${name} [${entry.index}]`}
          onClick={() => choose({ walkOpen: withFolded(open, below) })}
        >
          <Icon name={isOpen ? 'down' : 'next'} />
        </button>
        <Entry entry={entry} process={process} here={false} raw={raw} />
      </div>
      {branch === undefined ? null : (
        <WalkTable tree={tree} level={branch.table} name={levelName(branch.table.level, la57)} />
      )}
    </li>
  );
};
