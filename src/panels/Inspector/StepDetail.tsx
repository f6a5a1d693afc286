import { useActions, useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import type { Selection } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { formatCount } from '../../ui/format.ts';
import './page-detail.css';

/** What a big step did about the selected page. The step leaves counts only, so it runs again for that. */
export const StepDetail = ({ target, step }: { readonly target: Selection; readonly step: number }) => {
  const { askStepDetail } = useActions();
  const { pieces } = useWords();
  const runId = useApp((state) => state.scenario.runId);
  const computing = useApp((state) => state.scenario.computing || state.scenario.working !== undefined);
  const found = useApp((state) => state.stepDetail.found);
  const isOurs =
    found?.runId === runId && found.step === step && JSON.stringify(found.target) === JSON.stringify(target);
  return (
    <section aria-labelledby="step-detail-heading">
      <h3 id="step-detail-heading" className="heading">
        In step {step}
      </h3>
      {isOurs ? (
        <>
          <ol className="page-events" aria-label={`Events of step ${step}`}>
            {found.events.map(({ index, kind, text }) => (
              <li key={index} data-kind={kind}>
                <Prose plain pieces={pieces(text)} />
              </li>
            ))}
          </ol>
          {found.more > 0 ? <p className="muted detail-small">and {formatCount(found.more)} more.</p> : null}
        </>
      ) : (
        <>
          <p className="muted detail-small">
            This step was about so many pages that it left counts instead of events. It can run once more and
            tell all that happened to this one.
          </p>
          <Button onClick={() => void askStepDetail(target)} disabled={computing}>
            Every event of this page
          </Button>
        </>
      )}
    </section>
  );
};
