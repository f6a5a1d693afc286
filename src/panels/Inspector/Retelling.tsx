import { sameSelection } from '../../store/selection.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import type { Selection } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { formatCounted } from '../../ui/format.ts';
import './page-detail.css';

/** `step 7`, `steps 3, 5 and 7` */
const stepsText = (steps: readonly number[]): string =>
  steps.length === 1 ? `Step ${steps[0]}` : `Steps ${steps.slice(0, -1).join(', ')} and ${steps.at(-1)}`;

/** Says that big steps run again for what is selected, how far that is, and how to do without. */
export const Retelling = ({
  steps,
  target,
}: {
  readonly steps: readonly number[];
  readonly target: Selection;
}) => {
  const telling = useApp((state) => state.story.telling);
  const stopped = useApp((state) => sameSelection(state.story.stopped, target));
  const { stopStory, tellStory } = useActions();
  const step = telling === undefined || telling.step < 0 ? steps.at(-1) : telling.step;
  return (
    <section className="retelling" aria-label="What is not told yet">
      <p className="detail-small" role="status">
        {stepsText(steps)} left counts instead of events.{' '}
        {stopped
          ? 'What happened to this one there is missing below.'
          : `Step ${step} runs again to tell what happened to this one${
              telling === undefined || telling.pages === 0
                ? ''
                : `: ${formatCounted(telling.pages, 'page')} so far`
            }.`}
      </p>
      {stopped ? (
        <Button onClick={tellStory}>Tell it</Button>
      ) : (
        <Button onClick={stopStory} disabled={telling === undefined}>
          Stop
        </Button>
      )}
    </section>
  );
};
