// What the next visit finds again: the settings, the arrangement of the panels, and figures of the cost model.

import type { Context, Environment } from './context.ts';

/** As it was saved last; nothing where that is no object. */
const savedBefore = (environment: Environment): Readonly<Record<string, unknown>> => {
  try {
    const saved: unknown = JSON.parse(environment.readSetting() ?? '{}');
    return typeof saved === 'object' && saved !== null ? { ...saved } : {};
  } catch {
    return {};
  }
};

export const writeSaved = ({ environment, store, linked }: Context): void => {
  const { settings, layout, maps, costs, choices, embed } = store.getState();
  // in the frame of somebody else's page nobody arranges their own
  if (embed.embedded) return;
  const { past: _past, ...arrangement } = layout;
  const { walkLevels, walkRaw, grain, extent, asText } = choices;
  // what came with a link stands in place of what its reader chose only when they change it
  const before = linked === undefined ? {} : savedBefore(environment);
  const kept = (part: 'layout' | 'maps' | 'choices', names: readonly string[], now: object): object =>
    linked?.[part] === store.getState()[part]
      ? Object.fromEntries(names.flatMap((name) => (name in before ? [[name, before[name]]] : [])))
      : now;
  const isOfLink = linked?.theme !== undefined && linked.theme === settings.theme;
  const theme = isOfLink ? { theme: before['theme'] } : {};
  try {
    environment.writeSetting(
      JSON.stringify({
        ...settings,
        ...theme,
        ...kept('layout', ['layout'], { layout: arrangement }),
        ...kept('maps', ['maps', 'wholeMap'], { maps: maps.mode, wholeMap: maps.whole }),
        costs: costs.overrides,
        ...kept('choices', ['choices'], { choices: { walkLevels, walkRaw, grain, extent, asText } }),
      }),
    );
  } catch {
    // no storage here, or full: it holds for this visit
  }
};
