// A panel's own question: asked while it is shown, and kept up to date with the cursor.

import { useEffect } from 'react';
import type { PanelViews, ViewQuery } from '../worker/protocol-views.ts';
import { useActions, useApp } from './use-app.ts';

/**
 * What the worker answers to a view's question at the cursor; undefined until it has.
 *
 * @param query - the same object as long as the question is the same: a constant, or out of `useMemo`
 */
export const useView = <Q extends ViewQuery>(query: Q): PanelViews[Q['view']]['answer'] | undefined => {
  const { wantView, dropView } = useActions();
  useEffect(() => {
    wantView(query);
    return () => dropView(query.view);
  }, [query, wantView, dropView]);
  const view: Q['view'] = query.view;
  return useApp((state) => state.queries.views[view])?.data;
};
