import { useMemo } from 'react';
import { useActions } from '../../store/use-app.ts';
import { useView } from '../../store/use-view.ts';
import { useWords } from '../../store/use-words.ts';
import type {
  CompareView,
  ComparedSide,
  Message,
  Parting,
  PartingSide,
  ResidenceCount,
  RunInfo,
} from '../../store/views.ts';
import { Chip } from '../../ui/Chip.tsx';
import { breakable } from '../../ui/breakable.tsx';
import { formatCount } from '../../ui/format.ts';
import { Prose } from '../../ui/Prose.tsx';
import { stepText } from '../../words/step.ts';
import { notRunBecause, pageRows, placeText, residenceText, sideText, stepRows } from './rows.ts';

const MAX_PAGES = 32;
const NBSP = '\u00a0';

export interface World {
  readonly run: RunInfo;
  readonly label: string;
}

interface SidesProps {
  readonly run: RunInfo;
  readonly otherRunId: string;
  /** Of a third world in step. */
  readonly besideRunId: string | undefined;
  readonly worlds: readonly World[];
}

/** What differs, each thing in one row with all worlds beside each other. */
export const Sides = ({ run, otherRunId, besideRunId, worlds }: SidesProps) => {
  const query = useMemo(
    () =>
      ({
        view: 'compare',
        other: otherRunId,
        ...(besideRunId === undefined ? {} : { beside: besideRunId }),
      }) as const,
    [otherRunId, besideRunId],
  );
  const view = useView(query);
  const views = view === undefined ? [] : [view, ...(view.beside === undefined ? [] : [view.beside])];
  const parted = views.map(({ parting }, which) => (
    <Parted key={worlds[which]?.label} parting={parting} run={run} world={worlds[which]} />
  ));
  // of three worlds the table that has them all side by side comes first
  const isPair = worlds.length === 1;
  return (
    <>
      {isPair ? parted : null}
      <Results
        run={run}
        worlds={worlds}
        now={view?.step}
        isParted={views.some(({ parting }) => parting !== undefined)}
      />
      {isPair ? null : parted}
      {view === undefined ? null : <Now views={views} labels={worlds.map(({ label }) => label)} />}
    </>
  );
};

interface PartedProps {
  readonly parting: Parting | undefined;
  readonly run: RunInfo;
  readonly world: World | undefined;
}

/** Where two runs part first, and the reason in each: what one looks for in all the rows. */
const Parted = ({ parting, run, world }: PartedProps) => {
  const { seek } = useActions();
  if (world === undefined) return null;
  const { label } = world;
  if (parting === undefined)
    return (
      <p className="compare-same">
        Here and {label} the same moments follow each other, from the first step to the last. If anything is
        different, it stands below.
      </p>
    );
  const { step, position, sides } = parting;
  return (
    <>
      <h3 className="compare-heading">Where they part: here and {label}</h3>
      <p className="compare-parting">
        <button type="button" className="compare-step" onClick={() => void seek(position)}>
          {step} {stepText(run.steps[step]?.step ?? {}).command}
        </button>
      </p>
      <dl className="compare-now">
        <PartedSide label="here" side={sides[0]} reason="" />
        <PartedSide label={label} side={sides[1]} reason={notRunBecause(world.run)} />
      </dl>
    </>
  );
};

interface PartedSideProps {
  readonly label: string;
  readonly side: PartingSide | undefined;
  readonly reason: string;
}

const PartedSide = ({ label, side, reason }: PartedSideProps) => {
  const { pieces, textPieces } = useWords();
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {side === undefined ? (
          <>
            Nothing more happens in this step. <Prose pieces={textPieces(reason)} />
          </>
        ) : (
          <>
            <Prose pieces={pieces(side.text)} />
            <span className="muted compare-residence">
              <Prose plain pieces={pieces(side.why)} />
            </span>
          </>
        )}
      </dd>
    </div>
  );
};

/** A text in whose lines a number stands beside what it is of: `−1 EAGAIN`, `4 pages`. */
const Outcome = ({ text }: { readonly text: string }) => {
  let before = '';
  return text.split(/((?:−|\d)\S* \S+)/).map((part, at) => {
    before += part;
    return at % 2 === 0 ? (
      part
    ) : (
      <span key={before} className="compare-whole">
        {part}
      </span>
    );
  });
};

/** The sign of a difference; one that is none says so. */
const Differs = () => (
  <span className="compare-mark" aria-hidden="true">
    ≠
  </span>
);
const Same = () => <span className="muted">the same</span>;

interface HeadProps {
  readonly first: string;
  readonly labels: readonly string[];
}

const Head = ({ first, labels }: HeadProps) => (
  <thead>
    <tr>
      {[first, 'here', ...labels].map((label) => (
        <th key={label} scope="col">
          {label}
        </th>
      ))}
    </tr>
  </thead>
);

interface ResultsProps {
  readonly run: RunInfo;
  readonly worlds: readonly World[];
  /** Step of the cursor. */
  readonly now: number | undefined;
  /** Whether the moments are not the same, whatever the results. */
  readonly isParted: boolean;
}

const Results = ({ run, worlds, now, isParted }: ResultsProps) => {
  const { seekStep } = useActions();
  const rows = stepRows(
    run,
    worlds.map((world) => world.run),
  );
  return (
    <>
      <h3 className="compare-heading">Results of the steps</h3>
      {rows.length === 0 ? (
        <p className="compare-same" data-parted={isParted}>
          {isParted ? 'They part on the way only: all' : 'All'} {run.steps.length} steps give the same result
          in {worlds.length === 1 ? 'both' : 'all'}.
        </p>
      ) : (
        <table className="compare-table" data-worlds={worlds.length + 1}>
          <Head first="step" labels={worlds.map(({ label }) => label)} />
          <tbody>
            {rows.map(({ index, command, here, others }) => (
              <tr key={index} aria-current={now === index ? 'step' : undefined}>
                <th scope="row">
                  <button type="button" className="compare-step" onClick={() => void seekStep(index, 'end')}>
                    <Outcome text={`${index} ${command}`} />
                  </button>
                </th>
                <td>
                  <Outcome text={here} />
                </td>
                {others.map((other, which) => (
                  <td key={worlds[which]?.label}>
                    {other === undefined ? (
                      <Same />
                    ) : (
                      <>
                        <Differs />
                        {NBSP}
                        <Outcome text={other} />
                      </>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
};

interface WorldNowProps {
  readonly label: string;
  readonly message: Message | undefined;
  readonly residence: readonly ResidenceCount[];
}

const WorldNow = ({ label, message, residence }: WorldNowProps) => {
  const { pieces } = useWords();
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {message === undefined ? null : <Prose pieces={pieces(message)} />}
        <span className="muted compare-residence">{residenceText(residence)}</span>
      </dd>
    </div>
  );
};

interface NowProps {
  /** Of each world against the run that is shown. */
  readonly views: readonly CompareView[];
  readonly labels: readonly string[];
}

/** All runs at the cursor. */
const Now = ({ views, labels }: NowProps) => {
  const [first] = views;
  if (first === undefined) return null;
  return (
    <>
      <h3 className="compare-heading">At this moment</h3>
      <dl className="compare-now">
        <WorldNow label="here" message={first.captions[0]} residence={first.residence[0]} />
        {views.map(({ captions, residence }, which) => (
          <WorldNow
            key={labels[which]}
            label={labels[which] ?? ''}
            message={captions[1]}
            residence={residence[1]}
          />
        ))}
      </dl>
      <Pages views={views} labels={labels} />
      {views.length === 1 ? <Calls view={first} labels={labels} /> : null}
    </>
  );
};

interface SideProps {
  readonly side: ComparedSide;
  /** What it stands beside. */
  readonly beside: readonly (ComparedSide | undefined)[];
}

const Side = ({ side, beside }: SideProps) => (
  <>
    {side.residence === undefined ? null : <Chip tone={side.residence}>{placeText(side)}</Chip>}{' '}
    {sideText(side, beside)}
  </>
);

const Pages = ({ views, labels }: NowProps) => {
  const rows = pageRows(views);
  const seen = Math.max(...views.map(({ pagesSeen }) => pagesSeen));
  if (rows.length === 0)
    return (
      <p className="compare-same">
        {seen === 0
          ? `No memory in ${views.length === 1 ? 'either' : 'any'}.`
          : `All ${formatCount(seen)} pages are in the same place and state.`}
      </p>
    );
  return (
    <>
      <table className="compare-table" data-worlds={labels.length + 1}>
        <Head first="page" labels={labels} />
        <tbody>
          {rows.slice(0, MAX_PAGES).map(({ name, here, others }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>
                <Side side={here} beside={others} />
              </td>
              {others.map((other, which) => (
                <td key={labels[which]}>
                  {other === undefined ? (
                    <Same />
                  ) : (
                    <>
                      <Differs /> <Side side={other} beside={[here]} />
                    </>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MAX_PAGES ? (
        <p className="muted">and {rows.length - MAX_PAGES} more pages that differ</p>
      ) : null}
    </>
  );
};

/** With a third world, these would hide what matters. */
const Calls = ({
  view: { calls },
  labels,
}: {
  readonly view: CompareView;
  readonly labels: readonly string[];
}) =>
  calls.length === 0 ? null : (
    <>
      <h3 className="compare-heading">Calls in this step</h3>
      <table className="compare-table">
        <Head first="function" labels={labels} />
        <tbody>
          {calls.map(({ fn, counts }) => (
            <tr key={fn}>
              <th scope="row">
                <code>{breakable(fn)}</code>
              </th>
              <td>{counts[0]}</td>
              <td>{counts[1]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
