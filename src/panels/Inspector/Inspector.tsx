import { Fragment, lazy, Suspense, useEffect, useRef } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { breakable } from '../../ui/breakable.tsx';
import { IconButton } from '../../ui/Button.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Term } from '../../ui/Term.tsx';
import { termOf } from '../../words/index.ts';
import { type HistoryRow, historyRows, holderRows } from './rows.ts';
import { flagTerm } from './terms.ts';
import { formatAddress, formatCount } from '../../ui/format.ts';
import './inspector.css';

/** What only a selected page or handle has; loaded when one is. */
const PageDetail = lazy(async () => ({ default: (await import('./PageDetail.tsx')).PageDetail }));
const StepDetail = lazy(async () => ({ default: (await import('./StepDetail.tsx')).StepDetail }));
const Retelling = lazy(async () => ({ default: (await import('./Retelling.tsx')).Retelling }));
const PinDetail = lazy(async () => ({ default: (await import('./PinDetail.tsx')).PinDetail }));

/** All about the selected page, entry, area or handle. */
export const Inspector = () => {
  const inspection = useApp((state) => state.queries.inspected?.inspection);
  const selected = useApp((state) => state.selection.selected);
  const hasSelection = selected !== undefined;
  const bigStep = useApp((state) => {
    const at = state.scenario.run?.steps.findLast(({ begin }) => begin < state.playback.position);
    return at?.isBig === true ? at : undefined;
  });
  const { select } = useActions();
  const section = useRef<HTMLElement>(null);
  const shown = useRef(selected);
  const isThere = inspection !== undefined;
  // what somebody selects comes into sight, where the reasons above it leave no room
  useEffect(() => {
    if (shown.current === selected || !isThere) return;
    shown.current = selected;
    if (selected !== undefined) section.current?.scrollIntoView({ block: 'nearest' });
  }, [selected, isThere]);
  if (!hasSelection || inspection === undefined)
    return (
      <section ref={section} className="inspector" aria-labelledby="inspector-heading" tabIndex={-1}>
        <h2 id="inspector-heading" className="heading">
          Inspector
        </h2>
        <p className="muted inspector-hint">
          {hasSelection
            ? 'Looking it up…'
            : 'Select a page on a map, an entry, an area or a pin: its fields, who holds it, and its history.'}
        </p>
      </section>
    );
  const holders = holderRows(inspection);
  return (
    <section ref={section} className="inspector" aria-labelledby="inspector-heading" tabIndex={-1}>
      <header className="inspector-header tips-end">
        <h2 id="inspector-heading" className="inspector-title">
          {inspection.title}
        </h2>
        <IconButton
          icon="close"
          label="Deselect"
          onClick={() => {
            // the button goes, the panel stays
            section.current?.focus({ preventScroll: true });
            select(undefined);
          }}
        />
      </header>
      <dl className="fields">
        {inspection.fields.map(({ name, value, was }) => (
          <div key={name}>
            <dt>
              <FieldName name={name} />
            </dt>
            <dd>
              <FieldValue name={name} value={value} frame={selected.kind === 'pte'} />
              {was === undefined || was === value ? null : (
                <span className="muted"> (was: {valueText(name, was)})</span>
              )}
            </dd>
          </div>
        ))}
      </dl>
      {holders.rows.length === 0 ? null : (
        <section aria-label="Who holds references">
          <h3 className="heading inspector-sum">
            Reference count <span>{formatCount(holders.sum)}</span>
          </h3>
          <ul className="holders">
            {holders.rows.map(({ key, holder, detail, amount }) => (
              <li key={key}>
                <span>
                  {holder} {detail === '' ? null : <span className="muted">{detail}</span>}
                </span>
                <span className="holder-amount">{amount}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {inspection.untold.length > 0 ? (
        <Suspense>
          <Retelling steps={inspection.untold} target={selected} />
        </Suspense>
      ) : null}
      {selected?.kind === 'page' ? (
        <Suspense>
          <PageDetail pfn={selected.pfn} />
        </Suspense>
      ) : null}
      {selected?.kind === 'handle' ? (
        <Suspense>
          <PinDetail name={selected.name} />
        </Suspense>
      ) : null}
      {bigStep !== undefined && (selected.kind === 'page' || selected.kind === 'pte') ? (
        <Suspense>
          <StepDetail target={selected} step={bigStep.index} />
        </Suspense>
      ) : null}
      <History rows={historyRows(inspection)} />
    </section>
  );
};

interface FieldValueProps {
  readonly name: string;
  readonly value: string;
  /** A frame leads to its page, which knows why it is there. */
  readonly frame: boolean;
}

const FieldValue = ({ name, value, frame }: FieldValueProps) => {
  const { select } = useActions();
  if (name === 'flags') return <Flags value={value} />;
  if (!frame || name !== 'pfn' || !value.startsWith('0x')) return valueText(name, value);
  return (
    <button
      type="button"
      className="link-button"
      aria-label={`Page ${value}: why it is there`}
      onClick={() => select({ kind: 'page', pfn: Number(value) })}
    >
      {value}
    </button>
  );
};

/** Fields that count something. */
const COUNTS: ReadonlySet<string> = new Set(['pages', 'pins', '_refcount', '_mapcount', 'content']);

/** Fields that are addresses of a process. */
const ADDRESSES: ReadonlySet<string> = new Set(['address', 'vm_start', 'vm_end']);

const valueText = (name: string, value: string): string => {
  if (ADDRESSES.has(name)) return formatAddress(Number(value));
  if (value === '') return '\u2212';
  return COUNTS.has(name) && /^\d+$/.test(value) ? formatCount(Number(value)) : value;
};

/** Longer names of fields that the glossary has under another one. */
const FIELD_TERMS: Readonly<Record<string, string>> = { kind: 'struct-page', zone: 'zone-device' };

const FieldName = ({ name }: { readonly name: string }) => {
  const term = FIELD_TERMS[name] ?? termOf(name);
  return term === undefined ? breakable(name) : <Term id={term}>{name}</Term>;
};

/** Flags by name, each explained. */
const Flags = ({ value }: { readonly value: string }) =>
  value.split(' ').map((flag, index) => {
    const term = flagTerm(flag);
    return (
      <Fragment key={flag}>
        {index === 0 ? null : ' '}
        {term === undefined ? flag : <Term id={term}>{flag}</Term>}
      </Fragment>
    );
  });

const History = ({ rows }: { readonly rows: readonly HistoryRow[] }) => {
  const { seek } = useActions();
  const position = useApp((state) => state.playback.position);
  const { pieces } = useWords();
  if (rows.length === 0) return null;
  return (
    <section aria-labelledby="history-heading">
      <h3 id="history-heading" className="heading">
        History
      </h3>
      <ol className="history">
        {rows.map((row) => (
          <li key={row.key}>
            <button
              type="button"
              className="history-entry"
              data-future={row.position > position}
              aria-current={row.position === position ? 'true' : undefined}
              onClick={() => void seek(row.position)}
            >
              <span>
                <Prose plain pieces={pieces(row.text)} />
                {row.provenance === 'simulated' ? null : <span className="muted"> ({row.provenance})</span>}
              </span>
              <span className="history-step">
                {row.step < 0 ? 'boot' : `step ${row.step}`}
                {row.position > position ? <span className="hidden-visually">, still to come</span> : null}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
};
