// What the colours of the memory maps say, and which of them stand out. Kept over visits and in links.

import * as v from 'valibot';
import { MAP_MODES, type MapMode } from '../worker/protocol-map.ts';
import { type Context, type Environment, update } from './context.ts';
import { writeSaved } from './saved.ts';

export interface MapsSlice {
  readonly mode: MapMode;
  /** Entries of the legend that stand out, all else is dimmed; empty: all. Not kept over visits. */
  readonly only: readonly string[];
  /** All memory in one map, instead of one for each bank. */
  readonly whole: boolean;
}

export interface MapsActions {
  /** Colours by another fact; what stood out does so no more. */
  readonly colorBy: (mode: MapMode) => void;
  /** Lets an entry of the legend stand out among the others, or no more. */
  readonly toggleEntry: (entry: string) => void;
  readonly showAllEntries: () => void;
  readonly showWhole: (whole: boolean) => void;
}

export const initialMaps: MapsSlice = { mode: 'state', only: [], whole: false };

const ENTRY = /^[a-z][a-z0-9-]{0,20}$/;
const MAX_ENTRIES = 12;

const isMode = (text: string): text is MapMode => MAP_MODES.some((mode) => mode === text);

const WHOLE = 'whole';

/** `refcount`, `state:coherent,pin`, `whole`, `whole,refcount`; undefined: the usual one, with all in sight. */
export const mapsText = ({ mode, only, whole }: MapsSlice): string | undefined => {
  const usual = mode === initialMaps.mode ? '' : mode;
  const colors = only.length > 0 ? `${mode}:${only.join()}` : usual;
  return whole ? [WHOLE, colors].join().replace(/,$/, '') : colors || undefined;
};

export const parseMaps = (text: string): MapsSlice | undefined => {
  const whole = text === WHOLE || text.startsWith(`${WHOLE},`);
  if (text === WHOLE) return { ...initialMaps, whole };
  const [mode = '', entries = '', ...rest] = text.slice(whole ? WHOLE.length + 1 : 0).split(':');
  const only = entries === '' ? [] : entries.split(',');
  const fits = rest.length === 0 && only.length <= MAX_ENTRIES && only.every((entry) => ENTRY.test(entry));
  return fits && isMode(mode) ? { mode, only: [...new Set(only)], whole } : undefined;
};

/** The mode of an earlier visit, and whether all was in one map; what cannot be read counts as not there. */
export const readMaps = (environment: Environment): MapsSlice => {
  try {
    const saved = v.safeParse(
      v.object({ maps: v.picklist(MAP_MODES), wholeMap: v.fallback(v.boolean(), false) }),
      JSON.parse(environment.readSetting() ?? '{}'),
    );
    return saved.success ? { mode: saved.output.maps, only: [], whole: saved.output.wholeMap } : initialMaps;
  } catch {
    return initialMaps;
  }
};

export const mapsActions = (context: Context): MapsActions => {
  const now = (): MapsSlice => context.store.getState().maps;
  return {
    colorBy: (mode) => {
      if (mode === now().mode) return;
      update(context, 'maps', { ...now(), mode, only: [] });
      writeSaved(context);
    },
    toggleEntry: (entry) => {
      const { only } = now();
      const others = only.filter((each) => each !== entry);
      update(context, 'maps', { ...now(), only: others.length < only.length ? others : [...only, entry] });
    },
    showAllEntries: () => update(context, 'maps', { ...now(), only: [] }),
    showWhole: (whole) => {
      update(context, 'maps', { ...now(), whole });
      writeSaved(context);
    },
  };
};
