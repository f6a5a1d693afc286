import { useActions, useApp } from '../../store/use-app.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { Term } from '../../ui/Term.tsx';
import { homecoming } from '../../words/index.ts';
import { homeRows, pinnedFrames } from './rows.ts';
import './homecoming.css';

/** What the first run came to: before and after in a line, and why it matters. Where to go from here. */
export const Homecoming = () => {
  const before = useApp((state) => state.walkthrough.homecoming);
  const after = useApp((state) => state.trace.moment?.residence);
  const frames = useApp((state) => state.trace.moment?.frames);
  const arrived = useApp(
    ({ walkthrough, playback }) => !playback.playing && playback.position === walkthrough.homeAt,
  );
  const { closeHomecoming, watchAPageComeHome, openByName, startTour } = useActions();
  if (!arrived || before === undefined || after === undefined || frames === undefined) return null;
  const pinned = pinnedFrames(frames);
  return (
    <section className="homecoming" aria-labelledby="homecoming-heading">
      <div className="homecoming-head tips-end">
        <h2 id="homecoming-heading">{homecoming.heading}</h2>
        <IconButton icon="close" label="Close the summary" onClick={closeHomecoming} />
      </div>
      <ul className="homecoming-sum">
        {homeRows(before, after).map(({ place, from, to }) => (
          <li key={place}>
            {place} <strong>{from}</strong>
            <Icon name="arrow" />
            <span className="hidden-visually">became</span> <strong>{to}</strong>
          </li>
        ))}
        {pinned === 0 ? null : (
          <li>
            <Term id="evictable">{homecoming.evictable}</Term>
          </li>
        )}
      </ul>
      <p>
        {homecoming.done(pinned)} {homecoming.kept} {pinned === 0 ? '' : homecoming.evictableWhy}
      </p>
      <p className="homecoming-next">
        <Button look="solid" onClick={startTour}>
          Look around
        </Button>
        <Button onClick={() => void watchAPageComeHome()}>Watch again</Button>
        <Button onClick={() => void openByName('patch-6-without')}>A kernel that cannot do it</Button>
      </p>
    </section>
  );
};
