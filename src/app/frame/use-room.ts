import { useState } from 'react';
import { useMedia, usePrinting } from '../../ui/use-media.ts';
import type { Room } from './arrange.ts';

/** How much room the window has for panels. On paper the panels are those of the window: others would come too late. */
export const useRoom = (): Room => {
  const printing = usePrinting();
  const now = useWindowRoom();
  const [shown, setShown] = useState(now);
  if (!printing && shown !== now) setShown(now);
  return printing ? shown : now;
};

const useWindowRoom = (): Room => {
  const wide = useMedia('(width >= 1400px)');
  const medium = useMedia('(width >= 1090px)');
  const narrow = useMedia('(width >= 820px)');
  if (wide) return 'wide';
  if (medium) return 'medium';
  return narrow ? 'narrow' : 'phone';
};
