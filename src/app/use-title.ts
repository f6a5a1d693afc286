import { useEffect } from 'react';
import { pageOf } from '../pages/list.ts';
import { runTitle } from '../store/run-title.ts';
import { useApp } from '../store/use-app.ts';

/** Names the tab and the entry in the history after the document that is open, else after the run. */
export const useTitle = (): void => {
  const title = useApp((state) => pageOf(state.page.page)?.title ?? runTitle(state));
  useEffect(() => {
    document.title = title === undefined ? 'Migrascope' : `${title} · Migrascope`;
  }, [title]);
};
