import { Explanation } from '../../panels/Explanation/Explanation.tsx';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';

/** The explanation. For teaching it is hidden until somebody asks, so that a class can say first what it thinks. */
export const Why = () => {
  const teaching = useApp((state) => state.layout.preset === 'teach');
  const sentence = useApp((state) => state.trace.moment?.caption);
  const asked = useApp((state) => state.choices.askedFor);
  const { choose } = useActions();
  if (!teaching || (sentence !== undefined && asked === sentence)) return <Explanation />;
  return (
    <section className="explanation" aria-labelledby="why-hidden">
      <h2 id="why-hidden" className="heading">
        Why
      </h2>
      <p className="muted">What happens here, and why? Say it first.</p>
      <p>
        <Button disabled={sentence === undefined} onClick={() => choose({ askedFor: sentence })}>
          Show why
        </Button>
      </p>
    </section>
  );
};
