import { useMemo } from 'react';
import { useActions } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import { useWords } from '../../store/use-words.ts';
import type { PageDetailView, PageOrigin, Standing } from '../../store/views.ts';
import { formatCount, formatHex } from '../../ui/format.ts';
import { Prose } from '../../ui/Prose.tsx';
import { Term } from '../../ui/Term.tsx';
import { Dump } from './Dump.tsx';
import './page-detail.css';

/** Why the page is there, who maps it, and what the kernel would print of it. */
export const PageDetail = ({ pfn }: { readonly pfn: number }) => {
  const query = useMemo(() => ({ view: 'page-detail', pfn }) as const, [pfn]);
  const view = useView(query);
  if (view?.pfn !== pfn) return null;
  return (
    <>
      {view.origin === undefined ? null : <Origin origin={view.origin} />}
      {view.isOriginUntold ? <UntoldOrigin /> : null}
      {view.standing === undefined ? null : <StandingOf standing={view.standing} />}
      <Mappings view={view} />
      <Dump view={view} />
    </>
  );
};

const UntoldOrigin = () => (
  <section aria-labelledby="origin-heading">
    <h3 id="origin-heading" className="heading">
      Why is it here?
    </h3>
    <p className="muted detail-small">A step that left counts put it there; that is not told yet.</p>
  </section>
);

/** What a call is known by: those around it, outermost first. */
const pathTo = (calls: PageOrigin['calls'], depth: number): string =>
  calls
    .slice(0, depth + 1)
    .map(({ fn }) => fn)
    .join(' ');

/** Calls in which the page's frame was taken. Of a big step there are no positions to go to. */
const Calls = ({ origin: { calls, retold } }: { readonly origin: PageOrigin }) => {
  const { seek } = useActions();
  return (
    <details className="origin-calls">
      <summary>The calls that led there</summary>
      <ol>
        {calls.map(({ fn, begin }, depth) => (
          <li key={pathTo(calls, depth)}>
            {retold ? (
              <Term id={`fn:${fn}`} code>
                {fn}
              </Term>
            ) : (
              <button type="button" className="link-button" onClick={() => void seek(begin)}>
                <code>{fn}</code>
              </button>
            )}
          </li>
        ))}
      </ol>
    </details>
  );
};

const Origin = ({ origin }: { readonly origin: PageOrigin }) => {
  const { seek, select } = useActions();
  const { pieces } = useWords();
  const { cause, source, step, position, calls, retold } = origin;
  const innermost = calls.at(-1);
  return (
    <section aria-labelledby="origin-heading">
      <h3 id="origin-heading" className="heading">
        Why is it here?
      </h3>
      {cause === undefined ? null : (
        <>
          <p className="origin-cause">
            <Prose plain pieces={pieces(cause.text)} />
          </p>
          <p className="muted origin-why">
            <Prose plain pieces={pieces(cause.why)} />
          </p>
        </>
      )}
      <p className="origin-way">
        {source < 0 ? 'Its frame was taken' : 'It came from '}
        {source < 0 ? null : (
          <button type="button" className="link-button" onClick={() => select({ kind: 'page', pfn: source })}>
            {formatHex(source)}
          </button>
        )}{' '}
        {step < 0 ? 'at boot' : `in step ${step}`}
        {innermost === undefined ? '' : ', in '}
        {innermost === undefined ? null : (
          <Term id={`fn:${innermost.fn}`} code>
            {innermost.fn}
          </Term>
        )}
        .
      </p>
      {calls.length < 2 ? null : <Calls origin={origin} />}
      <p className="origin-links">
        {cause === undefined || retold ? null : (
          <button type="button" className="link-button" onClick={() => void seek(cause.position)}>
            Go to the decision
          </button>
        )}
        <button type="button" className="link-button" onClick={() => void seek(position)}>
          {retold ? `Go to the end of step ${step}` : 'Go to the allocation'}
        </button>
      </p>
    </section>
  );
};

const StandingOf = ({ standing: { text, why, isFree, freed } }: { readonly standing: Standing }) => {
  const { seek } = useActions();
  const { pieces } = useWords();
  return (
    <section aria-labelledby="origin-heading">
      <h3 id="origin-heading" className="heading">
        {isFree ? 'Why is it free?' : 'Why is it here?'}
      </h3>
      <p className="origin-cause">
        <Prose plain pieces={pieces(text)} />
      </p>
      <p className="muted origin-why">
        <Prose plain pieces={pieces(why)} />
      </p>
      {freed === undefined ? null : (
        <p className="origin-way">
          It went in step {freed.step}, in{' '}
          <Term id={`fn:${freed.fn}`} code>
            {freed.fn}
          </Term>
          .{' '}
          <button type="button" className="link-button" onClick={() => void seek(freed.position)}>
            Go there
          </button>
        </p>
      )}
    </section>
  );
};

const Mappings = ({ view }: { readonly view: PageDetailView }) => {
  const { select } = useActions();
  return (
    <section aria-labelledby="rmap-heading">
      <h3 id="rmap-heading" className="heading">
        <Term id="rmap">Reverse map</Term>
      </h3>
      {view.mappings.length === 0 ? (
        <p className="muted detail-small">No entry of a process refers to it.</p>
      ) : (
        <ul className="rmap">
          {view.mappings.map(({ process, vpn, name, entry, level, writable }) => (
            <li key={`${process} ${vpn}`}>
              <button
                type="button"
                className="history-entry"
                onClick={() => select({ kind: 'pte', process, vpn })}
              >
                <span>{name}</span>
                <span className="muted">
                  {entry === 'present' ? level : `${entry} entry`}
                  {writable ? ', writable' : ', read-only'}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {view.more > 0 ? <p className="muted detail-small">and {formatCount(view.more)} more</p> : null}
    </section>
  );
};
