import { type ReactNode, useState } from 'react';
import { ReaderProvider, useAppInstance } from '../../store/use-app.ts';
import { useTurn } from '../../store/use-turn.ts';

/** Part of the page that appears, and shows what the worker has answered, when it is its turn. */
export const InTurn = ({ children }: { readonly children: ReactNode }) => {
  const { turns } = useAppInstance();
  const [reader] = useState(() => turns.reader());
  return useTurn() ? <ReaderProvider value={reader}>{children}</ReaderProvider> : null;
};
