import { type ReactNode, useEffect, useState } from 'react';
import { ReaderProvider, useAppInstance } from '../../store/use-app.ts';

/** Part of the page that appears, and shows what the worker has answered, when it is its turn. */
export const InTurn = ({ children }: { readonly children: ReactNode }) => {
  const { turns } = useAppInstance();
  const [reader] = useState(() => turns.reader());
  const [isUp, setUp] = useState(false);
  useEffect(() => (isUp ? undefined : turns.next(() => setUp(true))), [isUp, turns]);
  return isUp ? <ReaderProvider value={reader}>{children}</ReaderProvider> : null;
};
