import { useEffect, useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';

/** While playing, a screen reader hears a sentence no more often than this. */
const SETTLE_MS = 900;

/** Says each sentence politely, during the first run with its reason; what follows too fast is left out. */
export const LiveRegion = () => {
  const caption = useApp((state) => state.trace.moment?.caption);
  const why = useApp(({ walkthrough, trace }) =>
    walkthrough.homecoming === undefined ? undefined : trace.moment?.why,
  );
  const playing = useApp((state) => state.playback.playing);
  const { say } = useWords();
  const [spoken, setSpoken] = useState('');
  useEffect(() => {
    if (caption === undefined) return;
    const text = why === undefined ? say(caption) : `${say(caption)} ${say(why)}`;
    const timer = setTimeout(() => setSpoken(text), playing ? SETTLE_MS : 150);
    return () => clearTimeout(timer);
  }, [caption, why, playing, say]);
  return (
    <p className="hidden-visually" aria-live="polite">
      {spoken}
    </p>
  );
};
