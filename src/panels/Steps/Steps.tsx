import { useEffect, useRef } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { usePieces } from '../../store/use-turn.ts';
import { useWords } from '../../store/use-words.ts';
import { Icon } from '../../ui/Icon.tsx';
import { keepCurrentInSight } from '../../ui/keep-in-sight.ts';
import { Prose } from '../../ui/Prose.tsx';
import { leftOutRows, type StepRow, stepRows } from './rows.ts';
import './steps.css';

const NONE: readonly never[] = [];
/** Rows that one frame lays out; a workload has a hundred. */
const ROWS_A_TURN = 10;

/** The commands of the scenario: what has been done, what is being done, what comes next. */
export const Steps = () => {
  const run = useApp((state) => state.scenario.run);
  const current = useApp((state) => state.trace.moment?.step ?? -1);
  const inStep = useApp((state) => state.trace.moment?.inStep ?? false);
  const rows = run === undefined ? [] : stepRows(run, current, inStep);
  const shown = usePieces(rows.length, ROWS_A_TURN);
  return (
    <section className="steps" aria-labelledby="steps-heading">
      <h2 id="steps-heading" className="heading">
        Steps
      </h2>
      <ol ref={keepCurrentInSight} className="steps-list scroll">
        {rows.slice(0, shown).map((row) => (
          <StepItem key={row.index} row={row} />
        ))}
        <LeftOut />
      </ol>
    </section>
  );
};

/** What the scenario would have done further, and why it was not done. */
const LeftOut = () => {
  const leftOut = useApp((state) => state.scenario.run?.leftOut) ?? NONE;
  const { pieces } = useWords();
  const found = leftOutRows(leftOut);
  if (found === undefined) return null;
  return (
    <li className="left-out">
      <p>
        <Prose pieces={pieces(found.reason)} />
      </p>
      <ul aria-label="Steps that were not run">
        {found.rows.map(({ key, command }) => (
          <li key={key}>{command}</li>
        ))}
      </ul>
    </li>
  );
};

/** Where a command goes on to a second line, an arrow stands before what it points at, and a device has its number. */
const keptTogether = (command: string): string =>
  command.replaceAll(/[→←∥] \S+(?: \d+)?|GPU \d+/g, (part) => part.replaceAll(' ', '\u00a0'));

/** What a command ends in: beside it stands the result, whose line it shares. */
const headAndTail = (command: string): readonly [string, string] => {
  const text = keptTogether(command);
  const at = text.lastIndexOf(' ') + 1;
  return [text.slice(0, at), text.slice(at)];
};

const StepItem = ({ row }: { readonly row: StepRow }) => {
  const { seekStep } = useActions();
  const item = useRef<HTMLLIElement>(null);
  const isCurrent = row.state === 'current';
  const [head, tail] = headAndTail(row.command);
  useEffect(() => {
    if (!isCurrent) return undefined;
    const reveal = (): void => item.current?.scrollIntoView({ block: 'nearest' });
    // with the next frame, whose layout is done anyway: now it would be done twice; and with the one behind it, as rows that
    // come into sight take their own height only then
    let frame = requestAnimationFrame(() => {
      reveal();
      frame = requestAnimationFrame(reveal);
    });
    return () => cancelAnimationFrame(frame);
  }, [isCurrent]);
  return (
    <li ref={item} className="step" data-state={row.state} aria-current={isCurrent ? 'step' : undefined}>
      <button type="button" className="step-button" onClick={() => void seekStep(row.index, 'end')}>
        <span className="step-number">{row.index}</span>
        <span className="step-call">
          {head === '' ? null : <span className="step-command">{head}</span>}
          <span className="step-tail">
            <span className="step-command">{tail}</span>
            {row.result === '' ? null : (
              <span
                className="step-result"
                data-failed={row.failed}
                data-returned={/^[−\d]/.test(row.result)}
              >
                <span className="hidden-visually"> returned </span>
                {row.result}
              </span>
            )}
          </span>
        </span>
        {row.detail === '' ? null : <span className="step-detail">{row.detail}</span>}
        {row.wrong.map((text) => (
          <span key={text} className="step-wrong">
            <Icon name="differs" /> {text}
          </span>
        ))}
      </button>
    </li>
  );
};
