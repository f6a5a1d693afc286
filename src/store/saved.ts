// What the next visit finds again: the settings, and the arrangement of the panels.

import type { Context } from './context.ts';

export const writeSaved = ({ environment, store }: Context): void => {
  const { settings, layout, maps } = store.getState();
  const { past: _past, ...arrangement } = layout;
  try {
    environment.writeSetting(JSON.stringify({ ...settings, layout: arrangement, maps: maps.mode }));
  } catch {
    // no storage here, or full: it holds for this visit
  }
};
