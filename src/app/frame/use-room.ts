import { useMedia } from '../../ui/use-media.ts';
import type { Room } from './arrange.ts';

/** How much room the window has for panels. */
export const useRoom = (): Room => {
  const wide = useMedia('(width >= 1400px)');
  const medium = useMedia('(width >= 1090px)');
  const narrow = useMedia('(width >= 820px)');
  if (wide) return 'wide';
  if (medium) return 'medium';
  return narrow ? 'narrow' : 'phone';
};
