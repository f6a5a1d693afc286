import { useActions, useApp } from '../store/use-app.ts';
import { IconButton } from '../ui/Button.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Prose } from '../ui/Prose.tsx';
import { pieces, say } from '../words/index.ts';

/** `steps[3].step.pages` as it is counted on the screen: `step 3, pages`; of a single step only the field. */
const placeText = (place: string): string =>
  place
    .replace(/^(?:steps\[(\d+)\]\.)?step\b\.?/, (_, index?: string) =>
      index === undefined ? '' : `step ${index}, `,
    )
    .replace(/, $/, '');

/** What went wrong last: where, what, and what to do. What was on screen stays there. */
export const ProblemBar = () => {
  const problem = useApp((state) => state.problem.problem);
  const { dismissProblem } = useActions();
  if (problem === undefined) return null;
  const place = placeText(problem.place);
  const { others = [] } = problem;
  // many of them scroll on a phone, with keys, too
  const scrolls =
    others.length > 1 ? ({ role: 'group', 'aria-label': 'What is wrong', tabIndex: 0 } as const) : {};
  return (
    <div className="problem tips-end" role="alert">
      <Icon name="warning" />
      <p className="scroll" {...scrolls}>
        {place === '' ? null : (
          <>
            <code className="problem-place">{place}</code>:{' '}
          </>
        )}
        <Prose pieces={pieces(problem.message)} />
        {others.map((message) => (
          <span key={say(message)} className="problem-other">
            <Prose pieces={pieces(message)} />
          </span>
        ))}
      </p>
      <IconButton icon="close" label="Dismiss" keys="Esc" onClick={dismissProblem} />
    </div>
  );
};
