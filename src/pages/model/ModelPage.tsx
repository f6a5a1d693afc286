import { useDeferredValue, useMemo, useState } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Prose } from '../../ui/Prose.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { textPieces } from '../../words/index.ts';
import { Document } from '../Document.tsx';
import { MECHANISMS } from './mechanisms.ts';
import { FAMILIES, type Mechanism, type ModelState } from './mechanisms/mechanism.ts';
import { countOf, FAMILY_IDS, filtered, functionOf, MODEL_STATES } from './rows.ts';
import './model-page.css';

const STATES: Readonly<Record<ModelState, { readonly label: string; readonly sign: string }>> = {
  exact: { label: 'Exact', sign: '●' },
  simplified: { label: 'Simplified', sign: '◐' },
  absent: { label: 'Not modelled', sign: '○' },
};
const CHOICES = [
  { value: 'all', label: 'All' },
  ...MODEL_STATES.map((value) => ({ value, label: STATES[value].label })),
] as const satisfies readonly { readonly value: ModelState | 'all'; readonly label: string }[];

const inWords = (mechanisms: readonly Mechanism[]): string =>
  MODEL_STATES.map((state) => `${countOf(mechanisms, state)} ${STATES[state].label.toLowerCase()}`).join(
    ', ',
  );

/** What the simulation takes over from Linux, how far, and what checks it. */
const ModelPage = () => {
  const [filter, setFilter] = useState('');
  const [state, setState] = useState<ModelState | 'all'>('all');
  const deferred = useDeferredValue(filter);
  const found = useMemo(() => filtered(deferred, state), [deferred, state]);
  const sections = FAMILY_IDS.map((family) => ({
    id: family,
    mechanisms: found.filter((mechanism) => mechanism.family === family),
  })).filter(({ mechanisms }) => mechanisms.length > 0);
  return (
    <Document
      lead={
        <>
          <p>
            The simulation follows Linux 6.1.192 function by function. <em>Exact</em> means that what the
            function decides and changes is the same, as far as the model has what it asks for;{' '}
            <em>simplified</em> names each departure at its function. All 163 recordings of a real kernel
            agree step by step; the ones named here show the mechanism best.
          </p>
          <div className="model-tools">
            <input
              id="model-filter"
              type="search"
              className="model-filter"
              aria-label="Filter mechanisms"
              placeholder="Filter: longterm, patch 4, migrate, swap…"
              value={filter}
              onChange={(event) => setFilter(event.target.value)}
            />
            <Segmented label="State" options={CHOICES} value={state} onChange={setState} />
          </div>
          <p role="status" className="muted">
            {found.length === MECHANISMS.length
              ? `${found.length} mechanisms: `
              : `${found.length} of ${MECHANISMS.length} mechanisms: `}
            {inWords(found)}
          </p>
        </>
      }
      count={(id) => sections.find((section) => section.id === id)?.mechanisms.length ?? 0}
      sections={sections.map(({ id, mechanisms }) => ({
        id,
        title: FAMILIES[id],
        body: (
          <>
            <p className="muted">{inWords(mechanisms)}</p>
            <ul className="mechanisms">
              {mechanisms.map((mechanism) => (
                <MechanismItem key={mechanism.title} mechanism={mechanism} />
              ))}
            </ul>
          </>
        ),
      }))}
    />
  );
};

const MechanismItem = ({ mechanism }: { readonly mechanism: Mechanism }) => {
  const { title, kernel, state, how, simplified = {}, patches = [], scene } = mechanism;
  const { openByName } = useActions();
  const { label, sign } = STATES[state];
  return (
    <li className="mechanism" data-state={state}>
      <div className="mechanism-head">
        <h4>{title}</h4>
        <p className="mechanism-state">
          <span aria-hidden="true">{sign}</span> {label}
        </p>
        <code className="page-source">{kernel}</code>
        {patches.length === 0 ? null : (
          <p className="muted">
            {patches.length === 1 ? 'Patch' : 'Patches'} {patches.join(', ')}
          </p>
        )}
        {scene === undefined ? null : (
          <button
            type="button"
            className="page-link"
            aria-label={`See it run: ${title}`}
            onClick={() => void openByName(scene)}
          >
            See it run
          </button>
        )}
      </div>
      <div className="mechanism-body">
        <p>
          <Prose pieces={textPieces(how)} />
        </p>
        {Object.keys(simplified).length === 0 ? null : (
          <ul className="departures" aria-label={`Simplified in ${title}`}>
            {Object.entries(simplified).map(([place, text]) => (
              <li key={place}>
                <code>{functionOf(place)}</code> <Prose pieces={textPieces(text)} />
              </li>
            ))}
          </ul>
        )}
        <Checks mechanism={mechanism} />
      </div>
    </li>
  );
};

/** Recordings and selftests open; test files are named. */
const Checks = ({ mechanism }: { readonly mechanism: Mechanism }) => {
  const { recordings = [], selftests = [], tests = [] } = mechanism;
  if (recordings.length + selftests.length + tests.length === 0) return null;
  return (
    <dl className="checks">
      {recordings.length === 0 ? null : (
        <div>
          <dt>Recordings</dt>
          <dd>
            {recordings.map((name) => (
              <OpenLink key={name} name={name} text={name} />
            ))}
          </dd>
        </div>
      )}
      {selftests.length === 0 ? null : (
        <div>
          <dt>Selftests</dt>
          <dd>
            {selftests.map((test) => (
              <SelftestLink key={test} test={test} />
            ))}
          </dd>
        </div>
      )}
      {tests.length === 0 ? null : (
        <div>
          <dt>Tests</dt>
          <dd>
            {tests.map((path) => (
              <code key={path}>{path}</code>
            ))}
          </dd>
        </div>
      )}
    </dl>
  );
};

const SelftestLink = ({ test }: { readonly test: string }) => {
  const name = useApp(
    ({ scenario }) =>
      scenario.catalogue.entries.find((entry) => entry.name.endsWith(`_coherent.${test}`))?.name,
  );
  return name === undefined ? <code>{test}</code> : <OpenLink name={name} text={test} />;
};

const OpenLink = ({ name, text }: { readonly name: string; readonly text: string }) => {
  const { openByName } = useActions();
  return (
    <button type="button" className="page-link check" onClick={() => void openByName(name)}>
      <code>{text}</code>
    </button>
  );
};

export default ModelPage;
