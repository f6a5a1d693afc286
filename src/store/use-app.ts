// React's side of the store: components read narrow selectors and call actions.

import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { App, AppActions, AppState } from './app.ts';
import type { Reader } from './turns.ts';

const Context = createContext<App | undefined>(undefined);
const PanelContext = createContext<Reader | undefined>(undefined);

/** Put around everything by main.tsx. */
export const AppProvider = Context.Provider;

/** Put around a panel: what is in it shows answers of the worker when it is the panel's turn (`Turns`). */
export const ReaderProvider = PanelContext.Provider;

/** For what paints outside of React: `useAppStore().subscribe(...)`. */
export const useAppInstance = (): App => {
  const app = useContext(Context);
  if (app === undefined) throw new Error('there is no AppProvider');
  return app;
};

/** `const position = useApp((state) => state.playback.position)` */
export const useApp = <T>(select: (state: AppState) => T): T => {
  const { store } = useAppInstance();
  return useStore(useContext(PanelContext) ?? store, select);
};

export const useActions = (): AppActions => useAppInstance().actions;
