import { type MouseEvent, useMemo, useState } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import type { HeldHandle } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { formatCount, formatCounted, formatHex } from '../../ui/format.ts';
import { blockRows, consequences } from './pin-rows.ts';
import './pin-detail.css';

/** What a handle holds, what it blocks, and a way to drop it. */
export const PinDetail = ({ name }: { readonly name: string }) => {
  const query = useMemo(() => ({ view: 'pin-detail', name }) as const, [name]);
  const view = useView(query);
  if (view?.name !== name || view.held === undefined) return null;
  const { held } = view;
  return (
    <>
      <Blocked held={held} />
      <Pages held={held} />
      <Drop name={name} held={held} />
    </>
  );
};

const Blocked = ({ held }: { readonly held: HeldHandle }) => {
  const rows = blockRows(held);
  return (
    <section aria-labelledby="blocks-heading">
      <h3 id="blocks-heading" className="heading">
        What it blocks now
      </h3>
      {rows.length === 0 ? (
        <p className="muted pin-detail-text">Nothing: its pages are not counted.</p>
      ) : (
        <dl className="pin-blocks">
          {rows.map(({ block, title, text, npages }) => (
            <div key={block}>
              <dt>
                {title} <span className="muted">{formatCounted(npages, 'page')}</span>
              </dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
};

const Pages = ({ held }: { readonly held: HeldHandle }) => {
  const { select } = useActions();
  return (
    <section aria-labelledby="held-heading">
      <h3 id="held-heading" className="heading">
        Its pages
      </h3>
      <ul className="held-pages">
        {held.pages.map(({ pfn, name, residence, refcount, others }) => (
          <li key={pfn}>
            <button type="button" className="history-entry" onClick={() => select({ kind: 'page', pfn })}>
              <span>
                <Chip tone={residence}>{formatHex(pfn)}</Chip> {name}
                {others.length === 0 ? null : <span className="muted"> also {others.join(', ')}</span>}
              </span>
              <span className="muted">_refcount {formatCount(refcount)}</span>
            </button>
          </li>
        ))}
      </ul>
      {held.npages > held.pages.length ? (
        <p className="muted pin-detail-text">and {formatCount(held.npages - held.pages.length)} more</p>
      ) : null}
    </section>
  );
};

/** The button goes with the pin; the focus stays near. */
const leaveButton = (event: MouseEvent<HTMLButtonElement>): void =>
  event.currentTarget.closest<HTMLElement>('.inspector')?.focus({ preventScroll: true });

const Drop = ({ name, held }: { readonly name: string; readonly held: HeldHandle }) => {
  const { addStep, seekStep } = useActions();
  const run = useApp((state) => state.scenario.run);
  const computing = useApp((state) => state.scenario.computing);
  const [busy, setBusy] = useState(false);
  if (run === undefined) return null;
  if (held.droppedIn >= 0) {
    return (
      <p className="muted pin-detail-text">
        <button
          type="button"
          className="link-button"
          onClick={(event) => {
            leaveButton(event);
            void seekStep(held.droppedIn, 'end');
          }}
        >
          Step {held.droppedIn}
        </button>{' '}
        of this run drops {name}.
      </p>
    );
  }
  const drop = (event: MouseEvent<HTMLButtonElement>): void => {
    leaveButton(event);
    setBusy(true);
    void addStep(held.drop).finally(() => setBusy(false));
  };
  return (
    <section aria-labelledby="drop-heading">
      <h3 id="drop-heading" className="heading">
        Drop it
      </h3>
      <p className="pin-detail-text" id="drop-consequence">
        This adds the step{' '}
        <code>
          {held.drop.op} {name}
        </code>{' '}
        behind step {run.steps.length - 1}, the last of the run, and goes there.{' '}
        {consequences(held).join(' ')}
      </p>
      <Button onClick={drop} disabled={busy || computing} aria-describedby="drop-consequence">
        Drop {name}
      </Button>
    </section>
  );
};
