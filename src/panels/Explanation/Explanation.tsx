import type { AppState } from '../../store/app.ts';
import { useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { breakable } from '../../ui/breakable.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Term } from '../../ui/Term.tsx';
import { StepSum } from './StepSum.tsx';
import { toldEvent } from './told.ts';
import './explanation.css';

/** What there is to see in a scene, as long as nothing has happened in it. */
const aboutScene = ({ scenario, trace }: AppState): string =>
  trace.moment?.step === -1
    ? (scenario.catalogue.entries.find(({ name }) => name === scenario.run?.name)?.about ?? '')
    : '';

/** Why it happens, and in which kernel function. */
export const Explanation = () => {
  const why = useApp((state) => state.trace.moment?.why);
  const event = useApp(({ trace }) => (trace.moment === undefined ? undefined : toldEvent(trace.moment)));
  const current = useApp((state) => state.trace.moment?.stack.at(-1));
  const isEnd = useApp(({ trace }) => trace.moment?.caption.id === 'step.end');
  const about = useApp(aboutScene);
  const { aboutFunction, pieces, textPieces } = useWords();
  if (why === undefined) return null;
  return (
    <section className="explanation" aria-labelledby="explanation-heading">
      <h2 id="explanation-heading" className="heading">
        Why
      </h2>
      <p className="explanation-why">
        <Prose pieces={pieces(why)} />
      </p>
      {about === '' ? null : (
        <p className="explanation-event">
          <Prose pieces={textPieces(about)} />
        </p>
      )}
      {isEnd ? <StepSum /> : null}
      {event === undefined ? null : (
        <p className="explanation-event">
          <Prose pieces={pieces(event.text)} />{' '}
          <span className="explanation-provenance">{event.provenance}</span>
        </p>
      )}
      {current === undefined ? null : (
        <p className="explanation-source">
          <Term code id={`fn:${current.fn}`}>
            {current.fn}
          </Term>{' '}
          <Prose pieces={textPieces(aboutFunction(current.fn))} />{' '}
          <span className="explanation-provenance">{breakable(current.file)}</span>
        </p>
      )}
    </section>
  );
};
