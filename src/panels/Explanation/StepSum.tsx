import type { AppState } from '../../store/app.ts';
import { tallyRows } from '../../store/tally.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import type { HistoryEntry, ResidenceCount } from '../../store/views.ts';
import { formatCount } from '../../ui/format.ts';
import { Prose } from '../../ui/Prose.tsx';

const NOTHING: readonly ResidenceCount[] = [];

/** What the step did last to the selected thing; undefined: nothing, or nothing is selected. */
const lastChange = ({ queries: { inspected }, trace: { moment } }: AppState): HistoryEntry | undefined =>
  moment === undefined || inspected?.position !== moment.position
    ? undefined
    : inspected.inspection.history.findLast(
        ({ step, position }) => step === moment.step && position <= moment.position,
      );

/**
 * The end of a step. Its last event is some function's return, which explains nothing: what changed the selected thing
 * does, and else where the step's pages were and where they are.
 */
export const StepSum = () => {
  const change = useApp(lastChange);
  const title = useApp((state) => state.queries.inspected?.inspection.title);
  const before = useApp((state) => state.trace.moment?.residenceBefore ?? NOTHING);
  const after = useApp((state) => state.trace.moment?.residence ?? NOTHING);
  const { seek } = useActions();
  const { pieces } = useWords();
  if (change !== undefined)
    return (
      <p className="explanation-event">
        {title}: <Prose pieces={pieces(change.text)} />{' '}
        {change.retold ? null : (
          <button type="button" className="link-button" onClick={() => void seek(change.position)}>
            Go there
          </button>
        )}
      </p>
    );
  const rows = tallyRows(before, after);
  if (rows.length === 0) return null;
  return (
    <p className="explanation-event">
      Pages by place:{' '}
      {rows
        .map(({ place, from, to }) => `${place} had ${formatCount(from)}, has ${formatCount(to)}`)
        .join('; ')}
      .
    </p>
  );
};
