import { useMemo } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import type { ForkArea, ForkSide, ForkView } from '../../store/views.ts';
import { Chip } from '../../ui/Chip.tsx';
import { formatCount, formatHex } from '../../ui/format.ts';
import { Segmented } from '../../ui/Segmented.tsx';
import { Term } from '../../ui/Term.tsx';
import { Waiting } from '../../ui/Waiting.tsx';
import { factsOf, forkWords, summary, writeWords } from './rows.ts';
import './fork.css';

/** Parent and child page by page: what they share, and who would copy. */
export const Fork = () => {
  const wanted = useApp((state) => state.choices.forkChild);
  const { choose } = useActions();
  const query = useMemo(() => ({ view: 'fork', child: wanted }) as const, [wanted]);
  const view = useView(query);
  return (
    <section className="fork" aria-labelledby="fork-heading">
      <h2 id="fork-heading" className="heading">
        Fork
      </h2>
      {view === undefined ? (
        <Waiting />
      ) : view.parent === '' ? (
        <p className="muted">No process lives.</p>
      ) : (
        <>
          {view.pairs.length > 1 ? (
            <Segmented
              label="Parent and child"
              options={view.pairs.map(({ parent, child }) => ({
                value: child,
                label: `${parent}, ${child}`,
              }))}
              value={view.child}
              onChange={(forkChild) => choose({ forkChild })}
            />
          ) : null}
          <p className="fork-note">
            {view.child === '' ? `${view.parent} has no living child. ` : ''}
            {summary(view)}
          </p>
          {view.areas.map((area) => (
            <AreaTable key={area.name} view={view} area={area} />
          ))}
          <p className="muted fork-note">
            After a fork both have the page read-only. The first to write gets a copy, unless the page is{' '}
            <Term id="anon-exclusive">AnonExclusive</Term> or nobody else has a reference. A page that may be
            pinned is copied at the fork itself
            {view.hasPinned ? '' : `; ${view.parent} has never pinned one`}.
            {view.child === '' ? '' : ' ↔ stands between two entries that lead to one frame.'}
          </p>
        </>
      )}
    </section>
  );
};

const AreaTable = ({ view, area }: { readonly view: ForkView; readonly area: ForkArea }) => (
  <table className="fork-table">
    <caption>
      <b>{area.name}</b> <span className="muted">{area.kind}</span>
      {area.more > 0 ? <span className="muted">, {formatCount(area.more)} more pages</span> : null}
    </caption>
    <thead>
      <tr>
        <th scope="col">page</th>
        <th scope="col">{view.parent}, on a write</th>
        {view.child === '' ? null : (
          <>
            <th scope="col">
              <span className="hidden-visually">one frame for both</span>
            </th>
            <th scope="col">{view.child}, on a write</th>
          </>
        )}
        <th scope="col">at a fork of {view.parent}</th>
      </tr>
    </thead>
    <tbody>
      {area.pages.map(({ index, vpn, parent, child, shared }) => (
        <tr key={vpn} data-shared={shared}>
          <th scope="row">+{index}</th>
          <td className="fork-page">
            <Side side={parent} process={view.parent} vpn={vpn} />
          </td>
          {view.child === '' ? null : (
            <>
              <td className="fork-link">
                {shared ? <span aria-hidden="true">↔</span> : null}
                <span className="hidden-visually">{shared ? 'shared' : 'not shared'}</span>
              </td>
              <td className="fork-page">
                <Side side={child} process={view.child} vpn={vpn} />
              </td>
            </>
          )}
          <td className="fork-next" data-copy={parent?.atFork === 'early-copy'}>
            {parent === undefined ? '' : forkWords(parent)}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

interface SideProps {
  readonly side: ForkSide | undefined;
  readonly process: string;
  readonly vpn: number;
}

const Side = ({ side, process, vpn }: SideProps) => {
  const { select, hover } = useActions();
  if (side === undefined) return <span className="muted">no such area</span>;
  const { pfn, residence, entry } = side;
  return (
    <button
      type="button"
      className="fork-side"
      onClick={() => select({ kind: 'pte', process, vpn })}
      onPointerMove={() => hover(pfn < 0 ? undefined : { kind: 'page', pfn })}
      onPointerLeave={() => hover(undefined)}
    >
      {residence === undefined ? (
        <span className="muted">{entry}</span>
      ) : (
        <Chip tone={residence}>{formatHex(pfn)}</Chip>
      )}
      <span className="fork-write" data-copy={side.onWrite === 'copy'}>
        {writeWords(side)}
      </span>
      <span className="muted fork-facts">{factsOf(side)}</span>
    </button>
  );
};
