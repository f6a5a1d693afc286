import { useEffect, useRef, useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { newlyPrinted } from './rows.ts';

/**
 * Says politely what the kernel has printed when the cursor goes over it, whether or not the log is in sight. Where
 * the cursor stands on a line the caption says it already.
 */
export const KernelLogLive = () => {
  const log = useApp((state) => state.scenario.run?.kernelLog);
  const position = useApp((state) => state.playback.position);
  const { say } = useWords();
  const before = useRef({ log, position });
  const [spoken, setSpoken] = useState('');
  useEffect(() => {
    const from = before.current.log === log ? before.current.position : position;
    before.current = { log, position };
    const lines = newlyPrinted(log ?? [], from, position);
    if (lines.length > 0) setSpoken(`Kernel log: ${lines.map(({ text }) => say(text)).join(' ')}`);
  }, [log, position, say]);
  return (
    <p className="hidden-visually" aria-live="polite">
      {spoken}
    </p>
  );
};
