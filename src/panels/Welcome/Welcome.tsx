import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { HomeFigure } from './HomeFigure.tsx';
import { TERMS } from './terms.ts';
import { Prose } from '../../ui/Prose.tsx';
import './welcome.css';

/** The first visit: what this is, one thing to do, and the three words one needs. */
export const Welcome = () => {
  const { watchAPageComeHome, closeIntroduction } = useActions();
  const opening = useApp((state) => state.scenario.opening);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  return (
    <section className="welcome" aria-labelledby="welcome-heading">
      <div className="welcome-body">
        <h2 id="welcome-heading">
          See, page by page, what the Linux kernel does when memory that lives on a device has to come home.
        </h2>
        <HomeFigure />
        <div className="welcome-actions">
          <Button
            look="solid"
            icon="play"
            aria-busy={opening !== undefined}
            onClick={() => void watchAPageComeHome()}
          >
            Watch a page come home
          </Button>
          {hasRun ? <Button onClick={closeIntroduction}>Back to the run</Button> : null}
          <span className="muted">or choose another scenario above</span>
        </div>
        <dl className="welcome-terms">
          {TERMS.map(({ term, words, pieces }) => (
            <div key={term}>
              <dt>
                {term} <code>{words}</code>
              </dt>
              <dd>
                <Prose pieces={pieces} />
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </section>
  );
};
