import { useMemo } from 'react';
import { LONGTERM_POLICIES } from '../../core/uapi/config.ts';
import { type BesideRun, CONTRASTS, isContrast } from '../../store/compare.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import { useWords } from '../../store/use-words.ts';
import type { CompareView, Message, RunInfo } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Select } from '../../ui/Select.tsx';
import { contrastWords, longtermPolicies } from '../../words/index.ts';
import { placeText, residenceText, sideText, stepDifferences } from './rows.ts';
import './compare.css';

/** The same scenario in two worlds, in lockstep. */
export const Compare = () => {
  const { contrast, other, otherRunId, beside } = useApp((state) => state.compare);
  const run = useApp((state) => state.scenario.run);
  const { compareWith } = useActions();
  return (
    <section className="compare" aria-labelledby="compare-heading">
      <h2 id="compare-heading" className="heading">
        Compare
      </h2>
      <div className="compare-choice">
        <Select
          label="Compare with"
          value={contrast ?? ''}
          onChange={(value) => void compareWith(isContrast(value) ? value : undefined)}
        >
          <option value="">nothing</option>
          {CONTRASTS.map((each) => (
            <option key={each} value={each}>
              {contrastWords(each).label}
            </option>
          ))}
        </Select>
        <p className="muted compare-about">
          {contrast === undefined
            ? 'Runs the same steps once more in another world, and keeps step with this one.'
            : contrastWords(contrast).about}
        </p>
      </div>
      {contrast === undefined ? <Worlds /> : null}
      {other === undefined || run === undefined || contrast === undefined ? null : (
        <Sides
          run={run}
          other={other}
          otherRunId={otherRunId}
          label={contrastWords(contrast === 'policies' ? policyOf(other) : contrast).label}
          beside={beside}
        />
      )}
    </section>
  );
};

const policyOf = ({ kernel }: RunInfo): string => `policy-${kernel.longtermPolicy}`;

/** One scene in each of the worlds of long-term pins, a click away; and all three in step. */
const Worlds = () => {
  const { compareWith, openByName } = useActions();
  return (
    <div className="compare-worlds">
      <h3 className="compare-heading">An eviction that meets a long-term pin</h3>
      <p className="muted">
        Three worlds: the kernel, and two that never shipped, in which the pinned page stays in VRAM.
      </p>
      <p className="compare-worlds-buttons">
        <Button
          look="solid"
          icon="compare"
          onClick={() => {
            void (async () => {
              if (await openByName('ttm-evicts')) await compareWith('policies');
            })();
          }}
        >
          Compare all three
        </Button>
        {LONGTERM_POLICIES.map((policy) => (
          <Button key={policy} onClick={() => void openByName(SCENE_OF_POLICY[policy])}>
            {longtermPolicies[policy].label}
          </Button>
        ))}
      </p>
    </div>
  );
};

/** The eviction with a pin, in each world. */
const SCENE_OF_POLICY = { on: 'ttm-evicts', intent: 'ttm-intent', 'as-coded': 'ttm-as-coded' } as const;

interface SidesProps {
  readonly run: RunInfo;
  readonly other: RunInfo;
  readonly otherRunId: string;
  readonly label: string;
  /** A third world in step. */
  readonly beside: BesideRun | undefined;
}

const Sides = ({ run, other, otherRunId, label, beside }: SidesProps) => {
  const besideId = beside?.runId;
  const query = useMemo(
    () =>
      ({
        view: 'compare',
        other: otherRunId,
        ...(besideId === undefined ? {} : { beside: besideId }),
      }) as const,
    [otherRunId, besideId],
  );
  const view = useView(query);
  return (
    <>
      <Results run={run} other={other} label={label} now={view?.step} />
      {view === undefined ? null : <Now view={view} label={label} calls={beside === undefined} />}
      {beside === undefined ? null : (
        <section className="compare-beside" aria-label={contrastWords(beside.contrast).label}>
          <Results
            run={run}
            other={beside.run}
            label={contrastWords(beside.contrast).label}
            now={view?.step}
          />
          {view?.beside === undefined ? null : (
            <Now view={view.beside} label={contrastWords(beside.contrast).label} calls={false} />
          )}
        </section>
      )}
    </>
  );
};

interface ResultsProps {
  readonly run: RunInfo;
  readonly other: RunInfo;
  readonly label: string;
  /** Step of the cursor. */
  readonly now: number | undefined;
}

const Results = ({ run, other, label, now }: ResultsProps) => {
  const { seekStep } = useActions();
  const differing = stepDifferences(run, other);
  return (
    <>
      <h3 className="compare-heading">Results of the steps</h3>
      {differing.length === 0 ? (
        <p className="compare-same">All {run.steps.length} steps give the same result in both.</p>
      ) : (
        <table className="compare-table">
          <thead>
            <tr>
              <th scope="col">step</th>
              <th scope="col">here</th>
              <th scope="col">{label}</th>
            </tr>
          </thead>
          <tbody>
            {differing.map(({ index, command, here, there }) => (
              <tr key={index} aria-current={now === index ? 'step' : undefined}>
                <th scope="row">
                  <button type="button" className="compare-step" onClick={() => void seekStep(index, 'end')}>
                    {index} {command}
                  </button>
                </th>
                <td>{here}</td>
                <td>
                  <span className="compare-mark" aria-hidden="true">
                    ≠
                  </span>{' '}
                  {there}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
};

const Caption = ({ message }: { readonly message: Message | undefined }) => {
  const { pieces } = useWords();
  return message === undefined ? null : <Prose pieces={pieces(message)} />;
};

interface NowProps {
  readonly view: CompareView;
  readonly label: string;
  /** Whether the calls are listed, too: with a third world they would hide it. */
  readonly calls: boolean;
}

/** Both runs at the cursor. */
const Now = ({ view, label, calls: withCalls }: NowProps) => {
  const { captions, pages, pagesSeen, calls, residence } = view;
  return (
    <>
      <h3 className="compare-heading">At this moment</h3>
      <dl className="compare-now">
        <div>
          <dt>here</dt>
          <dd>
            <Caption message={captions[0]} />
            <span className="muted compare-residence">{residenceText(residence[0])}</span>
          </dd>
        </div>
        <div>
          <dt>{label}</dt>
          <dd>
            <Caption message={captions[1]} />
            <span className="muted compare-residence">{residenceText(residence[1])}</span>
          </dd>
        </div>
      </dl>
      {pages.length === 0 ? (
        <p className="compare-same">
          {pagesSeen === 0
            ? 'No memory in either.'
            : `All ${pagesSeen} pages are in the same place and state.`}
        </p>
      ) : (
        <table className="compare-table">
          <thead>
            <tr>
              <th scope="col">page</th>
              <th scope="col">here</th>
              <th scope="col">{label}</th>
            </tr>
          </thead>
          <tbody>
            {pages.slice(0, 32).map(({ name, sides }) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                {sides.map((side, which) => (
                  // two sides, always in this order
                  // eslint-disable-next-line react/no-array-index-key
                  <td key={which}>
                    {which === 1 ? (
                      <span className="compare-mark" aria-hidden="true">
                        ≠
                      </span>
                    ) : null}{' '}
                    {side.residence === undefined ? null : (
                      <Chip tone={side.residence}>{placeText(side)}</Chip>
                    )}{' '}
                    {sideText(side)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {pages.length > 32 ? <p className="muted">and {pages.length - 32} more pages that differ</p> : null}
      {calls.length === 0 || !withCalls ? null : (
        <>
          <h3 className="compare-heading">Calls in this step</h3>
          <table className="compare-table">
            <thead>
              <tr>
                <th scope="col">function</th>
                <th scope="col">here</th>
                <th scope="col">{label}</th>
              </tr>
            </thead>
            <tbody>
              {calls.map(({ fn, counts }) => (
                <tr key={fn}>
                  <th scope="row">
                    <code>{fn}</code>
                  </th>
                  <td>{counts[0]}</td>
                  <td>{counts[1]}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </>
  );
};
