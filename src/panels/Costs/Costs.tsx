import { useMemo } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import type { CostsView } from '../../store/views.ts';
import { Term } from '../../ui/Term.tsx';
import { Waiting } from '../../ui/Waiting.tsx';
import { costsWords, type TermId } from '../../words/index.ts';
import { Figures } from './Figures.tsx';
import { accessRows, formatNs, kindRows, linkRows, nsUpTo } from './rows.ts';
import { WorldsView } from './WorldsView.tsx';
import './costs.css';

/** What the run takes under the cost model, what it would take in other worlds, and every figure of the model. */
export const Costs = () => {
  const overrides = useApp((state) => state.costs.overrides);
  const query = useMemo(() => ({ view: 'costs', overrides }) as const, [overrides]);
  const view = useView(query);
  return (
    <section className="costs" aria-labelledby="costs-heading">
      <h2 id="costs-heading" className="heading">
        Costs
      </h2>
      <p className="costs-about">{costsWords.about}</p>
      {view === undefined ? (
        <Waiting />
      ) : (
        <>
          <Sums view={view} />
          <WorldsView />
          <Tables view={view} />
          <Steps view={view} />
          <Figures model={view.model} />
        </>
      )}
    </section>
  );
};

const Sums = ({ view }: { readonly view: CostsView }) => {
  const step = useApp((state) => state.trace.moment?.step ?? -1);
  const { total } = view;
  return (
    <dl className="costs-sums">
      <div>
        <dt>{costsWords.soFar}</dt>
        <dd>{formatNs(nsUpTo(view, step))}</dd>
      </div>
      <div>
        <dt>{costsWords.serial}</dt>
        <dd>{formatNs(total.serialNs)}</dd>
      </div>
      <div>
        <dt>{costsWords.overlapped}</dt>
        <dd>{formatNs(total.overlappedNs)}</dd>
      </div>
    </dl>
  );
};

/** Of a row, explained where it is a term. */
const Name = ({ term, children }: { readonly term: TermId | undefined; readonly children: string }) =>
  term === undefined ? children : <Term id={term}>{children}</Term>;

const Tables = ({ view }: { readonly view: CostsView }) => {
  const { total } = view;
  return (
    <div className="costs-pair">
      <table className="costs-table" aria-label="Time by what it is spent on">
        <thead>
          <tr>
            <th scope="col">time spent on</th>
            <th scope="col">whole run</th>
            <th scope="col">
              <span className="hidden-visually">as a bar</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {kindRows(total).map(({ kind, term, ns, share }) => (
            <tr key={kind}>
              <th scope="row">
                <Name term={term}>{kind}</Name>
              </th>
              <td className="costs-number">{formatNs(ns)}</td>
              <td className="costs-bar-cell">
                <span className="costs-bar" style={{ width: `${100 * share}%` }} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Traffic view={view} />
    </div>
  );
};

const Traffic = ({ view: { total } }: { readonly view: CostsView }) => {
  return (
    <table className="costs-table" aria-label="Link traffic and accesses">
      <thead>
        <tr>
          <th scope="col">went over</th>
          <th scope="col">whole run</th>
        </tr>
      </thead>
      <tbody>
        {linkRows(total).map(({ link, name, term, bytes }) => (
          <tr key={link}>
            <th scope="row">
              <Name term={term}>{name}</Name>
            </th>
            <td className="costs-number">{bytes}</td>
          </tr>
        ))}
        {accessRows(total).map(({ name, times }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td className="costs-number">{times}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

/** A bar a step; it leads there. */
const Steps = ({ view: { steps } }: { readonly view: CostsView }) => {
  const { seekStep } = useActions();
  const now = useApp((state) => state.trace.moment?.step ?? -1);
  const most = Math.max(1, ...steps.map(({ serialNs }) => serialNs));
  if (steps.length === 0) return null;
  return (
    <>
      <h3>Step by step</h3>
      <ol className="costs-steps">
        {steps.map(({ step, serialNs }) => (
          <li key={step}>
            <button
              type="button"
              className="costs-step"
              aria-current={step === now ? 'step' : undefined}
              aria-label={`Step ${step}: ${formatNs(serialNs)}`}
              data-tip={`step ${step}: ${formatNs(serialNs)}`}
              onClick={() => void seekStep(step, 'end')}
            >
              <span className="costs-column" style={{ height: `${(100 * serialNs) / most}%` }} />
            </button>
          </li>
        ))}
      </ol>
    </>
  );
};
