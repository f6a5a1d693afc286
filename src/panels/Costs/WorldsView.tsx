import { useRef } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { STAYING, WORLDS, type World } from '../../store/worlds.ts';
import { useWords } from '../../store/use-words.ts';
import { Button } from '../../ui/Button.tsx';
import { formatCount } from '../../ui/format.ts';
import { useSize } from '../../ui/use-size.ts';
import {
  costGroups,
  costsWords,
  movingAnswer,
  shortAnswer,
  stayingAnswer,
  worldWords,
} from '../../words/index.ts';
import { answerOf, COST_GROUPS, formatNs, stackedBars, waitingNs } from './rows.ts';

/** One workload in five worlds, and the series' question. */
export const WorldsView = () => {
  const { status } = useApp((state) => state.worlds);
  const { runWorlds } = useActions();
  return (
    <section className="costs-worlds" aria-labelledby="costs-worlds-heading">
      <h3 id="costs-worlds-heading">What did migration on pin cost, what would staying have cost?</h3>
      <p className="costs-about">{costsWords.worlds}</p>
      <Button look="solid" icon="play" disabled={status === 'running'} onClick={() => void runWorlds()}>
        {status === 'none' || status === 'running' ? costsWords.ask : costsWords.again}
      </Button>
      <p role="status" className="costs-about">
        {status === 'running' ? costsWords.running : status === 'stale' ? costsWords.stale : ''}
      </p>
      {status === 'ready' || status === 'stale' ? (
        <>
          <Answers />
          <Plot />
          <Table />
        </>
      ) : null}
    </section>
  );
};

const Answers = () => {
  const { questions } = useApp((state) => state.worlds);
  const [first] = STAYING.flatMap((world) => questions[world] ?? []);
  if (first === undefined) return null;
  const { intent, 'as-coded': asCoded } = questions;
  const short = shortAnswer(intent && answerOf(intent), asCoded && answerOf(asCoded));
  return (
    <div className="costs-answers">
      {short === '' ? null : <p className="costs-short">{short}</p>}
      <p>{movingAnswer(answerOf(first))}</p>
      {STAYING.map((world) => {
        const question = questions[world];
        return question === undefined || question.pagesMoved + question.pagesHeld === 0 ? null : (
          <p key={world}>
            <b>{worldWords[world].label}</b> <span className="costs-tag">hypothetical</span>{' '}
            {stayingAnswer(world, answerOf(question))}
          </p>
        );
      })}
    </div>
  );
};

/** Before the panel is on screen. */
const USUAL_WIDTH = 560;
const BAR = 30;
const LABEL = 138;
const ROOM_FOR_VALUE = 72;
/** For a room, its smallest words, of 11 px, are 18 px high. */
const SCALE_FOR_A_ROOM = 18 / 11;

const useResults = () => {
  const { results } = useApp((state) => state.worlds);
  return WORLDS.flatMap((world) => {
    const result = results[world];
    return result === undefined ? [] : [{ world, ...result }];
  });
};

/** Bars beside each other; every pattern is one thing that time is spent on. */
const isStaying = (world: World): boolean => STAYING.some((staying) => staying === world);

const Plot = () => {
  const results = useResults();
  const figure = useRef<HTMLElement>(null);
  // in pixels of the page: what is scaled down cannot be read
  const scale = useApp(({ layout }) => (layout.preset === 'present' ? SCALE_FOR_A_ROOM : 1));
  const width = (useSize(figure).width || USUAL_WIDTH) / scale;
  const bars = stackedBars<World>(
    results.map(({ world, costs }) => ({ key: world, total: costs.total })),
    width - LABEL - ROOM_FOR_VALUE,
  );
  const title = `Simulated time by world: ${bars.map(({ key, ns }) => `${worldWords[key].label} ${formatNs(ns)}`).join(', ')}`;
  return (
    <figure ref={figure} className="costs-plot">
      <svg viewBox={`0 0 ${width} ${bars.length * BAR}`} role="img" aria-label={title}>
        <Patterns />
        {bars.map(({ key, parts, end, ns }, i) => (
          <g key={key} transform={`translate(0 ${i * BAR})`}>
            <text className="costs-plot-label" x={LABEL - 10} y={isStaying(key) ? 13 : 19} textAnchor="end">
              {worldWords[key].label}
            </text>
            {isStaying(key) ? (
              <text className="costs-plot-label costs-plot-tag" x={LABEL - 10} y={26} textAnchor="end">
                hypothetical
              </text>
            ) : null}
            <g transform={`translate(${LABEL} 0)`}>
              {parts.map(({ group, x, width }) => (
                <rect
                  key={group}
                  className="costs-part"
                  fill={`url(#costs-${group})`}
                  x={x}
                  y={5}
                  width={Math.max(0, width)}
                  height={BAR - 10}
                />
              ))}
              <text className="costs-plot-value" x={end + 8} y={19}>
                {formatNs(ns)}
              </text>
            </g>
          </g>
        ))}
      </svg>
      <figcaption>
        <ul className="costs-legend">
          {COST_GROUPS.map((group) => (
            <li key={group}>
              <svg viewBox="0 0 16 12" aria-hidden="true">
                <rect className="costs-part" fill={`url(#costs-${group})`} width="16" height="12" />
              </svg>
              {costGroups[group]}
            </li>
          ))}
        </ul>
        Step after step, without waiting for VRAM.
      </figcaption>
    </figure>
  );
};

/** Hue says where a page lives and nothing else, so these are patterns of ink. */
const Patterns = () => (
  <defs>
    <pattern id="costs-access" width="8" height="8" patternUnits="userSpaceOnUse">
      <rect width="8" height="8" className="costs-ink-1" />
    </pattern>
    <pattern id="costs-faults" width="8" height="8" patternUnits="userSpaceOnUse">
      <rect width="8" height="8" className="costs-ink-3" />
    </pattern>
    <pattern
      id="costs-migration"
      width="7"
      height="7"
      patternUnits="userSpaceOnUse"
      patternTransform="rotate(45)"
    >
      <rect width="7" height="7" className="costs-ink-0" />
      <rect width="3" height="7" className="costs-ink-3" />
    </pattern>
    <pattern id="costs-tlb" width="6" height="6" patternUnits="userSpaceOnUse">
      <rect width="6" height="6" className="costs-ink-0" />
      <circle cx="3" cy="3" r="1.5" className="costs-ink-3" />
    </pattern>
    <pattern id="costs-pins" width="6" height="6" patternUnits="userSpaceOnUse">
      <rect width="6" height="6" className="costs-current" />
    </pattern>
    <pattern id="costs-queues" width="6" height="6" patternUnits="userSpaceOnUse">
      <rect width="6" height="6" className="costs-ink-0" />
      <rect width="6" height="2" className="costs-ink-3" />
    </pattern>
  </defs>
);

const Table = () => {
  const results = useResults();
  const { failed } = useApp((state) => state.worlds);
  const { say } = useWords();
  return (
    <>
      <table className="costs-table" aria-label="The worlds in numbers">
        <thead>
          <tr>
            <th scope="col">world</th>
            <th scope="col">step after step</th>
            <th scope="col">areas in parallel</th>
            <th scope="col">waiting for VRAM</th>
            <th scope="col">pages moved by pins</th>
            <th scope="col">left in VRAM</th>
          </tr>
        </thead>
        <tbody>
          {results.map(({ world, costs: { total }, leftOut }) => (
            <tr key={world}>
              <th scope="row">
                {worldWords[world].label}
                <span className="costs-note">
                  {worldWords[world].about}
                  {leftOut === 0 ? '' : `; ${leftOut} steps could not be run`}
                </span>
              </th>
              <td className="costs-number">{formatNs(total.serialNs - waitingNs(total))}</td>
              <td className="costs-number">{formatNs(total.overlappedNs)}</td>
              <td className="costs-number">{waitingNs(total) === 0 ? '' : formatNs(waitingNs(total))}</td>
              <td className="costs-number">{formatCount(total.pin.pagesMoved)}</td>
              <td className="costs-number">{formatCount(total.pin.pagesLeft)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {WORLDS.map((world) => {
        const message = failed[world];
        return message === undefined ? null : (
          <p key={world} className="costs-about">
            {worldWords[world].label}: {say(message)}
          </p>
        );
      })}
    </>
  );
};
