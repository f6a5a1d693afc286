import { useActions, useApp } from '../../store/use-app.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { PinSign } from '../../ui/PinSign.tsx';
import { Term } from '../../ui/Term.tsx';
import { homecoming } from '../../words/index.ts';
import { homeRows, pinnedFrames } from './rows.ts';
import './homecoming.css';

/** The summary goes with the control that has the focus. */
const toCaption = (): void => document.getElementById('caption')?.focus({ preventScroll: true });

/** What the first run came to: before and after in a line, and why it matters. Where to go from here. */
export const Homecoming = () => {
  const before = useApp((state) => state.walkthrough.homecoming);
  const after = useApp((state) => state.trace.moment?.residence);
  const frames = useApp((state) => state.trace.moment?.frames);
  const arrived = useApp(
    ({ walkthrough, playback }) => !playback.playing && playback.position === walkthrough.homeAt,
  );
  const { closeHomecoming, watchAPageComeHome, openByName, startTour } = useActions();
  if (before === undefined || after === undefined || frames === undefined) return null;
  const pinned = pinnedFrames(frames);
  const said = `${homecoming.done(pinned)} ${homecoming.kept} ${pinned === 0 ? '' : homecoming.evictableWhy}`;
  // there before it has something to say: only then is it read aloud
  const aloud = (
    <p className="hidden-visually" aria-live="polite">
      {arrived ? `${homecoming.heading} ${said}` : ''}
    </p>
  );
  if (!arrived) return aloud;
  return (
    <>
      {aloud}
      <section className="homecoming" aria-labelledby="homecoming-heading">
        <div className="homecoming-said">
          <div className="homecoming-head">
            <h2 id="homecoming-heading">{homecoming.heading}</h2>
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
                  <PinSign solid />
                  <span>
                    {homecoming.pinned(pinned)}
                    <Term id="evictable">{homecoming.evictable}</Term>
                  </span>
                </li>
              )}
            </ul>
          </div>
          <p>{said}</p>
        </div>
        <p className="homecoming-next">
          <Button
            look="solid"
            onClick={() => {
              // what it would cover is what the tour points at
              toCaption();
              closeHomecoming();
              startTour();
            }}
          >
            Look around
          </Button>
          <Button
            onClick={() => {
              toCaption();
              void watchAPageComeHome();
            }}
          >
            Watch again
          </Button>
          <Button
            onClick={() => {
              toCaption();
              void openByName('patch-6-without');
            }}
          >
            A kernel that cannot do it
          </Button>
        </p>
        <span className="homecoming-close tips-end">
          <IconButton
            icon="close"
            label="Close the summary"
            onClick={() => {
              toCaption();
              closeHomecoming();
            }}
          />
        </span>
      </section>
    </>
  );
};
