import { useActions, useApp } from '../store/use-app.ts';
import { Button } from '../ui/Button.tsx';
import { Prose } from '../ui/Prose.tsx';
import { pieces } from '../words/index.ts';

/** How far a long step is, and the way out of it. What was on screen stays there. */
export const WorkBar = () => {
  const working = useApp((state) => state.scenario.working);
  const { cancelWork } = useActions();
  if (working === undefined) return null;
  const { step, steps, pages } = working;
  const params = { step: step + 1, steps, pages };
  return (
    <div className="problem working" role="status">
      <p>
        <Prose pieces={pieces({ id: 'working.step', params })} />
      </p>
      <Button onClick={cancelWork}>Cancel</Button>
    </div>
  );
};
