import { createContext, useContext, useEffect, useState } from 'react';
import { useAppInstance } from './use-app.ts';

/** Whether all appears at once: a printer does not wait for turns. */
export const AtOnce = createContext(false);

/**
 * How many of `count` things may be on the page yet: `piece` more with each turn. What takes long to lay out appears so,
 * part by part, one a frame.
 */
export const usePieces = (count: number, piece: number): number => {
  const { turns } = useAppInstance();
  const [done, setUp] = useState(0);
  const up = useContext(AtOnce) ? count : done;
  const isUp = up >= count;
  useEffect(() => (isUp ? undefined : turns.next(() => setUp(up + piece))), [isUp, up, piece, turns]);
  return Math.min(up, count);
};

/** Whether it has been the caller's turn to appear. */
export const useTurn = (): boolean => usePieces(1, 1) === 1;
