// What the next visit finds again: the settings, the arrangement of the panels, and figures of the cost model.

import type { Context } from './context.ts';

export const writeSaved = ({ environment, store }: Context): void => {
  const { settings, layout, maps, costs } = store.getState();
  const { past: _past, ...arrangement } = layout;
  try {
    environment.writeSetting(
      JSON.stringify({ ...settings, layout: arrangement, maps: maps.mode, costs: costs.overrides }),
    );
  } catch {
    // no storage here, or full: it holds for this visit
  }
};
