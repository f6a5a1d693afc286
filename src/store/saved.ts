// What the next visit finds again: the settings, the arrangement of the panels, and figures of the cost model.

import type { Context } from './context.ts';

export const writeSaved = ({ environment, store }: Context): void => {
  const { settings, layout, maps, costs, choices } = store.getState();
  const { past: _past, ...arrangement } = layout;
  const { walkLevels, walkRaw, grain, extent, asText } = choices;
  try {
    environment.writeSetting(
      JSON.stringify({
        ...settings,
        layout: arrangement,
        maps: maps.mode,
        wholeMap: maps.whole,
        costs: costs.overrides,
        choices: { walkLevels, walkRaw, grain, extent, asText },
      }),
    );
  } catch {
    // no storage here, or full: it holds for this visit
  }
};
