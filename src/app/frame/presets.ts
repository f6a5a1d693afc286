// What each preset is: sizes, what is put away, and which panels are in front. A person's own changes go above it.

import type { Layout, Preset } from '../../store/layout.ts';

/** In rem, or a share of the whole between 0 and 1; undefined: as high as what is in it. */
export interface Arrangement {
  readonly sizes: Readonly<Record<SplitterId, number | undefined>>;
  readonly closed: readonly SplitterId[];
  readonly front: Readonly<Record<string, string>>;
}

/** Each splitter by the side that it sizes. */
export type SplitterId = 'left' | 'left-rows' | 'right' | 'right-rows' | 'stage' | 'lower' | 'under';

const EXPLORE: Arrangement = {
  sizes: {
    left: 18.5,
    'left-rows': undefined,
    right: 18,
    'right-rows': undefined,
    stage: 0.535,
    lower: 15,
    under: 13,
  },
  closed: ['lower'],
  front: {},
};

const ARRANGEMENTS: Readonly<Record<Preset, Arrangement>> = {
  explore: EXPLORE,
  teach: EXPLORE,
  debug: { ...EXPLORE, sizes: { ...EXPLORE.sizes, right: 22 }, closed: [] },
  present: {
    ...EXPLORE,
    sizes: { ...EXPLORE.sizes, stage: 0.5 },
    closed: ['left', 'right', 'under', 'lower'],
  },
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
