// What each preset is: sizes, what is put away, and which panels are in front. A person's own changes go above it.

import type { Layout, Preset, SplitterId } from '../../store/layout.ts';

/** In rem, or a share of the whole between 0 and 1; undefined: as high as what is in it. */
export interface Arrangement {
  readonly sizes: Readonly<Record<SplitterId, number | undefined>>;
  readonly closed: readonly SplitterId[];
  readonly front: Readonly<Record<string, string>>;
}

export interface PresetWords {
  readonly title: string;
  readonly about: string;
}

export const PRESET_WORDS: Readonly<Record<Preset, PresetWords>> = {
  explore: { title: 'Explore', about: 'Cause, tables, memory and reasons side by side.' },
  teach: { title: 'Teach', about: 'The reasons are hidden until somebody asks.' },
  debug: { title: 'Debug', about: 'All panels, functions and fields in front.' },
  present: { title: 'Present', about: 'Large type, and only what happens.' },
};

const EXPLORE: Arrangement = {
  sizes: {
    left: 18.5,
    'left-rows': undefined,
    right: 18,
    'right-rows': undefined,
    stage: 0.535,
    lower: 15,
    under: 8.6,
  },
  closed: ['lower'],
  front: {},
};

const ARRANGEMENTS: Readonly<Record<Preset, Arrangement>> = {
  explore: EXPLORE,
  teach: EXPLORE,
  debug: { ...EXPLORE, sizes: { ...EXPLORE.sizes, right: 20, stage: 0.55, lower: 17, under: 9 }, closed: [] },
  present: {
    ...EXPLORE,
    sizes: { ...EXPLORE.sizes, stage: 0.535 },
    closed: ['left', 'right', 'under', 'lower'],
  },
};

/** Limits of each splitter, in the unit of its size, and whether it can put its side away. */
export const LIMITS: Readonly<
  Record<SplitterId, { readonly min: number; readonly max: number; readonly close: boolean }>
> = {
  left: { min: 12, max: 40, close: true },
  'left-rows': { min: 6, max: 50, close: true },
  right: { min: 13, max: 50, close: true },
  'right-rows': { min: 5, max: 50, close: true },
  stage: { min: 0.2, max: 0.8, close: false },
  lower: { min: 8, max: 50, close: true },
  under: { min: 5, max: 50, close: true },
};

export interface Splitter {
  readonly size: number | undefined;
  readonly open: boolean;
}

export const splitterOf = ({ preset, sizes, open }: Layout, id: SplitterId): Splitter => {
  const usual = ARRANGEMENTS[preset];
  return {
    size: sizes[id] ?? usual.sizes[id],
    open: open[id] ?? !usual.closed.includes(id),
  };
};

export const frontOf = ({ preset, front }: Layout, area: string): string | undefined =>
  front[area] ?? ARRANGEMENTS[preset].front[area];
