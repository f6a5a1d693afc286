import { useEffect, useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { nextSaid, toldEvent } from './told.ts';

/** While playing, a screen reader hears a sentence no more often than this. */
const SETTLE_MS = 900;

/**
 * Says each sentence politely, during the first run with its reason; what follows too fast is left out. Who goes on by hand
 * hears each event, too, unless it is hidden for teaching.
 */
export const LiveRegion = () => {
  const moment = useApp((state) => state.trace.moment);
  const withWhy = useApp(({ walkthrough }) => walkthrough.homecoming !== undefined);
  const playing = useApp((state) => state.playback.playing);
  const isHidden = useApp(
    ({ layout, choices, trace }) => layout.preset === 'teach' && choices.askedFor !== trace.moment?.caption,
  );
  const { say } = useWords();
  const [said, setSaid] = useState({ caption: '', text: '' });
  useEffect(() => {
    if (moment === undefined) return;
    const event = playing || isHidden ? undefined : toldEvent(moment)?.text;
    const next = {
      caption: say(moment.caption),
      why: withWhy ? say(moment.why) : '',
      event: event === undefined ? undefined : say(event),
    };
    const timer = setTimeout(() => setSaid((before) => nextSaid(before, next)), playing ? SETTLE_MS : 150);
    return () => clearTimeout(timer);
  }, [moment, withWhy, playing, isHidden, say]);
  return (
    <p className="hidden-visually" aria-live="polite">
      {said.text}
    </p>
  );
};
