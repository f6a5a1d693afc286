import { useActions, useApp } from '../store/use-app.ts';
import { IconButton } from '../ui/Button.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Prose } from '../ui/Prose.tsx';
import { pieces } from '../words/index.ts';

/** What went wrong last: where, what, and what to do. What was on screen stays there. */
export const ProblemBar = () => {
  const problem = useApp((state) => state.problem.problem);
  const { dismissProblem } = useActions();
  if (problem === undefined) return null;
  return (
    <div className="problem tips-end" role="alert">
      <Icon name="warning" />
      <p>
        {problem.place === '' ? null : <code className="problem-place">{problem.place}</code>}{' '}
        <Prose pieces={pieces(problem.message)} />
      </p>
      <IconButton icon="close" label="Dismiss" keys="Esc" onClick={dismissProblem} />
    </div>
  );
};
