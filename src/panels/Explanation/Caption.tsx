import { useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { formatCount } from '../../ui/format.ts';
import { Prose } from '../../ui/Prose.tsx';
import './explanation.css';

/** Where the cursor stands, in words. */
const usePlace = (): string => {
  const moment = useApp((state) => state.trace.moment);
  const step = useApp((state) => state.scenario.run?.steps[state.trace.moment?.step ?? -1]);
  if (moment === undefined) return '';
  if (step === undefined) return 'before step 0';
  return `step ${step.index}, event ${formatCount(moment.position - step.begin)} of ${formatCount(step.end - step.begin)}`;
};

/** One plain sentence of what is happening; during the first run its reason, too, where no panel has room for it. */
export const Caption = () => {
  const caption = useApp((state) => state.trace.moment?.caption);
  const why = useApp(({ walkthrough, trace }) =>
    walkthrough.homecoming === undefined ? undefined : trace.moment?.why,
  );
  const place = usePlace();
  const { pieces } = useWords();
  return (
    <section className="caption" aria-label="What is happening">
      <p className="caption-place">{place}</p>
      <p className="caption-sentence">{caption === undefined ? null : <Prose pieces={pieces(caption)} />}</p>
      {why === undefined ? null : (
        <p className="caption-why">
          <Prose pieces={pieces(why)} />
        </p>
      )}
    </section>
  );
};
