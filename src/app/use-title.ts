import { useEffect } from 'react';
import { useApp } from '../store/use-app.ts';

/** Names the tab and the entry in the history after the run. */
export const useTitle = (): void => {
  const title = useApp((state) => state.scenario.run?.title);
  useEffect(() => {
    document.title = title === undefined ? 'Migrascope' : `${title} · Migrascope`;
  }, [title]);
};
