import { useLayoutEffect, useRef } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { welcome } from '../../words/index.ts';
import { HomeFigure } from './HomeFigure.tsx';
import './welcome.css';

/** The first visit: what this is, one thing to do, and the three words one needs. */
export const Welcome = () => {
  const { watchAPageComeHome, closeIntroduction, openPanel } = useActions();
  const opening = useApp((state) => state.scenario.opening);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const embedded = useApp((state) => state.embed.embedded);
  const section = useRef<HTMLElement>(null);
  // the button that was pressed goes: what follows begins at what is said of it
  useLayoutEffect(() => {
    const own = section.current;
    return () => {
      if (own?.contains(document.activeElement) !== true) return;
      requestAnimationFrame(() => document.getElementById('caption')?.focus({ preventScroll: true }));
    };
  }, []);
  return (
    <section ref={section} className="welcome" aria-labelledby="welcome-heading">
      <div className="welcome-body">
        <div className="welcome-what">
          <h2 id="welcome-heading">{welcome.heading}</h2>
          <p className="welcome-lead">{welcome.lead}</p>
          <p className="welcome-proof">
            <Icon name="check" /> {welcome.proof}
          </p>
        </div>
        <HomeFigure />
        <div className="welcome-actions">
          <Button
            look="solid"
            icon="play"
            aria-busy={opening !== undefined}
            onClick={() => void watchAPageComeHome()}
          >
            {welcome.play}
          </Button>
          {hasRun ? (
            <Button onClick={closeIntroduction}>Back to the run</Button>
          ) : embedded ? null : (
            <Button onClick={() => openPanel('scenarios')}>Choose another scenario</Button>
          )}
          <span className="muted">
            {welcome.playNote}
            <span className="welcome-keys">{welcome.playKeys}</span>
          </span>
        </div>
        <dl className="welcome-terms">
          {welcome.terms.map(([term, kernelWords, text]) => (
            <div key={term}>
              <dt>
                {term} <code>{kernelWords}</code>
              </dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      </div>
    </section>
  );
};
