import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { HomeFigure } from './HomeFigure.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { explain, type TermId, textPieces } from '../../words/index.ts';
import './welcome.css';

/** The three terms that a newcomer needs, with how the kernel spells them. */
const TERMS: readonly (readonly [TermId, string])[] = [
  ['device-coherent', 'MEMORY_DEVICE_COHERENT'],
  ['pin', 'pin_user_pages, FOLL_PIN'],
  ['migration', 'migrate_vma, migrate_pages'],
];

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
          {TERMS.map(([id, kernelWords]) => (
            <div key={id}>
              <dt>
                {explain(id).term} <code>{kernelWords}</code>
              </dt>
              <dd>
                <Prose pieces={textPieces(explain(id).text)} />
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </section>
  );
};
