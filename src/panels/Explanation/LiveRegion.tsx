import { useEffect, useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';

/** While playing, a screen reader hears a sentence no more often than this. */
const SETTLE_MS = 900;

/** Says each sentence politely; what follows too fast is left out. */
export const LiveRegion = () => {
  const caption = useApp((state) => state.trace.moment?.caption);
  const playing = useApp((state) => state.playback.playing);
  const { say } = useWords();
  const [spoken, setSpoken] = useState('');
  useEffect(() => {
    if (caption === undefined) return;
    const timer = setTimeout(() => setSpoken(say(caption)), playing ? SETTLE_MS : 150);
    return () => clearTimeout(timer);
  }, [caption, playing, say]);
  return (
    <p className="hidden-visually" aria-live="polite">
      {spoken}
    </p>
  );
};
