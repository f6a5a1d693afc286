import { useEffect, useMemo, useRef } from 'react';
import { entryOfSelection } from '../../store/entries-of-page.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import type { PageWalkView, WalkLevel } from '../../store/views.ts';
import { IconButton } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { formatHex } from '../../ui/format.ts';
import { RovingTerms } from '../../ui/RovingTerms.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { termOf } from '../../words/index.ts';
import {
  accessWords,
  addressParts,
  addressText,
  differWithLa57,
  fifthTable,
  GLYPH_WORDS,
  levelName,
} from './rows.ts';
import { WalkTable } from './WalkTable.tsx';
import './page-walk.css';

/** The bits of the address, each group above the table in which it chooses the entry. */
const AddressBits = ({ walk, la57 }: { readonly walk: PageWalkView; readonly la57: boolean }) => (
  <ol className="walk-bits" data-la57={la57} aria-label="Bits of the address">
    {addressParts(walk, la57).map(({ key, table, bits, binary, value }) => (
      <li key={key} className="walk-part" data-offset={table === 'offset'}>
        <span className="walk-part-name">{table}</span>
        <span className="walk-part-value">{value}</span>
        <span className="walk-part-binary" aria-hidden="true">
          {binary}
        </span>
        <span className="walk-part-bits muted">bits {bits}</span>
      </li>
    ))}
  </ol>
);

const SIGNS = GLYPH_WORDS.flatMap(([sign, word]) => {
  const id = termOf(word);
  return id === undefined ? [] : [{ id, sign, word }];
});

const LEVELS = [
  { value: '4', label: '4 levels' },
  { value: '5', label: '5 (LA57)' },
] as const;

/** A process's page table, unfolded from the PGD down to one address. */
export const PageWalk = () => {
  const selected = useApp((state) => state.selection.selected);
  const choices = useApp((state) => state.choices);
  const { walkProcess: wanted, walkLevels: levels, walkRaw: raw, walkOpen: open, signsOf } = choices;
  const isExplained = signsOf === 'tree';
  const { choose, select } = useActions();
  const moment = useApp((state) => state.trace.moment);
  const place = useMemo(() => entryOfSelection(selected, moment, wanted), [selected, moment, wanted]);
  const process = place?.process ?? wanted;
  const vpn = place?.vpn;
  const query = useMemo(() => ({ view: 'page-walk', process, vpn, open }) as const, [process, vpn, open]);
  const walk = useView(query);
  const target = walk?.target;
  const section = useRef<HTMLElement>(null);
  const reached = walk?.levels.length;
  // of what is selected elsewhere the entry is brought in sight; where one works in the tree itself nothing moves
  useEffect(() => {
    if (vpn === undefined || reached === undefined) return undefined;
    const frame = requestAnimationFrame(() => {
      const here = section.current?.querySelectorAll('.walk-entry[aria-current="true"]');
      if (section.current?.contains(document.activeElement) === false)
        here?.item(here.length - 1)?.scrollIntoView({ block: 'nearest' });
    });
    return () => cancelAnimationFrame(frame);
  }, [process, vpn, reached]);
  const chooseProcess = (name: string): void => {
    choose({ walkProcess: name });
    select(undefined);
  };
  return (
    <section ref={section} className="page-walk" aria-labelledby="page-walk-heading">
      <h2 id="page-walk-heading" className="heading">
        Page-table tree
      </h2>
      {walk === undefined ? (
        <p className="muted panel-loading">Loading…</p>
      ) : target === undefined ? (
        <p className="muted">No process has memory yet.</p>
      ) : (
        <>
          <div className="walk-controls">
            {walk.processes.length > 1 ? (
              <Segmented
                label="Process"
                options={walk.processes.map((name) => ({ value: name, label: name }))}
                value={target.process}
                onChange={chooseProcess}
              />
            ) : null}
            <Segmented
              label="Paging"
              options={LEVELS}
              value={levels}
              onChange={(walkLevels) => choose({ walkLevels })}
            />
            <span className="walk-more">
              <label className="walk-raw">
                <input type="checkbox" checked={raw} onChange={() => choose({ walkRaw: !raw })} /> 64-bit
                words
              </label>
              <IconButton
                icon="help"
                label="Signs in the tables"
                aria-expanded={isExplained}
                onClick={() => choose({ signsOf: isExplained ? '' : 'tree' })}
              />
            </span>
            <p className="walk-address">
              {target.name === '' ? '' : <b>{target.name}</b>} <code>{addressText(target.vpn)}</code>
            </p>
          </div>
          {isExplained ? <RovingTerms label="Bits of an entry" terms={SIGNS} /> : null}
          <AddressBits walk={walk} la57={levels === '5'} />
          <Unfolded walk={walk} process={target.process} raw={raw} la57={levels === '5'} />
          <LevelNote walk={walk} la57={levels === '5'} raw={raw} />
          <ul className="walk-mirrors">
            {walk.mirrors.map(({ device, access, pfn }) => (
              <li key={device}>
                Device {device} has the same address in its own table: frame <code>{formatHex(pfn)}</code>,{' '}
                {accessWords(access)}.
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
};

interface LevelNoteProps {
  readonly walk: PageWalkView;
  readonly la57: boolean;
  readonly raw: boolean;
}

/** What the fifth level is here: folded away, or added to a machine that has booted without it. */
const LevelNote = ({ walk, la57, raw }: LevelNoteProps) => (
  <p className="muted walk-note">
    {la57 ? (
      <>
        This machine has booted with four levels: the tables from the P4D down are its own, the PGD above them
        is what LA57 would add. User addresses below 128 TiB have index 0 in it.
        {raw && differWithLa57(walk.levels)
          ? ' The words are those of four levels: a migration entry would keep A and D six bits higher.'
          : ''}
      </>
    ) : (
      <>
        Four levels: the P4D is folded, <code>p4d_offset()</code> gives back the entry of the PGD.
      </>
    )}
  </p>
);

interface UnfoldedProps {
  readonly walk: PageWalkView;
  readonly process: string;
  readonly raw: boolean;
  readonly la57: boolean;
}

/** Table below table: each stands inside the entry that leads to it. */
const Unfolded = ({ walk, process, raw, la57 }: UnfoldedProps) => {
  const tree = { branches: walk.branches, process, raw, la57 };
  const reached = walk.levels.filter(({ table }) => table >= 0);
  const nest = (levels: readonly WalkLevel[]) => {
    const [level, ...below] = levels;
    if (level === undefined) return null;
    return (
      <WalkTable tree={tree} level={level} name={levelName(level.level, la57)}>
        {below.length === 0 ? null : nest(below)}
      </WalkTable>
    );
  };
  const fifth = la57 ? fifthTable(walk) : undefined;
  return (
    <>
      {fifth === undefined ? (
        nest(reached)
      ) : (
        <WalkTable tree={tree} level={fifth} name="PGD">
          {nest(reached)}
        </WalkTable>
      )}
      {reached.length < walk.levels.length && !reached.at(-1)?.entries.some((entry) => entry.huge) ? (
        <p className="muted walk-note">
          The walk ends here: there is no table below. <Chip tone="free">an access would fault</Chip>
        </p>
      ) : null}
    </>
  );
};
