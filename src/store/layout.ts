// How the panels are arranged: what a person changed of a preset. Kept over visits and in links; every change can be undone.

import * as v from 'valibot';
import { type Context, type Environment, update } from './context.ts';
import { writeSaved } from './saved.ts';

export const PRESETS = ['explore', 'teach', 'debug', 'present'] as const;
export type Preset = (typeof PRESETS)[number];

/**
 * Places for panels. `cause` and `stack` lie left, `tables` and `maps` on the stage, `why` and `inspect` right,
 * `lower` below the stage. An area with several panels has tabs.
 */
export const AREAS = ['cause', 'stack', 'tables', 'maps', 'why', 'inspect', 'lower'] as const;
export type AreaId = (typeof AREAS)[number];

/** Names of the panels. They stand in links and in saved arrangements, so none ever changes. */
export const PANEL_IDS = [
  ...([
    'steps',
    'stack',
    'tables',
    'maps',
    'why',
    'inspector',
    'page-walk',
    'gup-path',
    'fork',
    'gpu',
  ] as const),
  ...([
    'iomem',
    'costs',
    'call-tree',
    'compare',
    'traffic',
    'zones',
    'kernel-log',
    'icicle',
    'functions',
  ] as const),
] as const;
export type PanelId = (typeof PANEL_IDS)[number];

/** All but the preset is what differs from it. */
export interface Layout {
  readonly preset: Preset;
  /** By splitter: rem, or a share between 0 and 1. */
  readonly sizes: Readonly<Record<string, number>>;
  /** By splitter: whether the side that it can put away is there. */
  readonly open: Readonly<Record<string, boolean>>;
  /** By area: the panel in front. */
  readonly front: Readonly<Record<string, string>>;
  /** By panel: where it was moved to; `none`: put away. */
  readonly places: Readonly<Record<string, AreaId | 'none'>>;
}

export interface LayoutSlice extends Layout {
  /** Earlier arrangements, the last one at the end. */
  readonly past: readonly Layout[];
}

export interface LayoutActions {
  /** Arranges the panels as a preset does; what was changed by hand goes, and can be had back by undo. */
  readonly setPreset: (preset: Preset) => void;
  /** Moves a splitter; undefined: to where the preset has it. */
  readonly resize: (splitter: string, size: number | undefined) => void;
  readonly openSide: (splitter: string, open: boolean) => void;
  readonly bringToFront: (area: string, panel: string) => void;
  /** Opens what hides the area of a panel, and brings it to the front. */
  readonly showPanel: (area: AreaId, panel: string) => void;
  readonly movePanel: (panel: string, to: AreaId | 'none') => void;
  /** Back to the preset as it comes. */
  readonly resetLayout: () => void;
  readonly undoLayout: () => void;
  /** Large type for a room; and back to the arrangement before it. */
  readonly togglePresent: () => void;
}

/** Names of the splitters, each by the side that it sizes. They stand in links, so none ever changes. */
export const SPLITTERS = ['left', 'left-rows', 'right', 'right-rows', 'stage', 'lower', 'under'] as const;
export type SplitterId = (typeof SPLITTERS)[number];

/** Splitters that can put an area away. */
const SIDES_OF: Readonly<Record<AreaId, readonly SplitterId[]>> = {
  cause: ['left', 'left-rows'],
  stack: ['left'],
  tables: [],
  maps: [],
  why: ['right', 'right-rows', 'under'],
  inspect: ['right', 'under'],
  lower: ['lower'],
};

/** Areas that are shown together where there is room for one thing at a time; kept in `front.page`. */
export const GROUPS = ['maps', 'tables', 'left', 'right', 'lower'] as const;
export type Group = (typeof GROUPS)[number];
const GROUP_OF: Readonly<Record<AreaId, Group>> = {
  cause: 'left',
  stack: 'left',
  tables: 'tables',
  maps: 'maps',
  why: 'right',
  inspect: 'right',
  lower: 'lower',
};

const layoutOf = (preset: Preset): Layout => ({ preset, sizes: {}, open: {}, front: {}, places: {} });

export const initialLayout: LayoutSlice = { ...layoutOf('explore'), past: [] };

const MAX_ENTRIES = 60;
const MAX_PAST = 40;
const nameSchema = v.pipe(v.string(), v.regex(/^[a-z][\w-]{0,31}$/));
const entries = <Value>(value: v.GenericSchema<unknown, Value>) =>
  v.optional(
    v.pipe(
      v.record(nameSchema, value),
      v.check((record) => Object.keys(record).length <= MAX_ENTRIES, 'too many entries'),
    ),
    {},
  );

/** An arrangement from storage or from a link: small, and of known form. */
export const layoutSchema = v.object({
  preset: v.picklist(PRESETS),
  sizes: entries(v.pipe(v.number(), v.minValue(0), v.maxValue(200))),
  open: entries(v.boolean()),
  front: entries(nameSchema),
  places: entries(v.picklist([...AREAS, 'none'])),
});

export const isPreset = (text: string): text is Preset => PRESETS.some((preset) => preset === text);

/** The arrangement without its history. */
export const bareLayout = ({ preset, sizes, open, front, places }: Layout): Layout => ({
  preset,
  sizes,
  open,
  front,
  places,
});

const isUntouched = ({ sizes, open, front, places }: Layout): boolean =>
  [sizes, open, front, places].every((record) => Object.keys(record).length === 0);

/** What a link has to say: nothing of the usual arrangement, the name of a preset, or all of it. */
export const layoutInLink = (slice: LayoutSlice): Layout | Preset | undefined => {
  if (!isUntouched(slice)) return bareLayout(slice);
  return slice.preset === initialLayout.preset ? undefined : slice.preset;
};

/** The arrangement that a link means. */
export const layoutFromLink = (link: Layout | Preset): LayoutSlice => ({
  ...(typeof link === 'string' ? layoutOf(link) : link),
  past: [],
});

/** The arrangement of an earlier visit; what cannot be read counts as not there. */
export const readLayout = (environment: Environment): LayoutSlice => {
  try {
    const saved = v.safeParse(
      v.object({ layout: layoutSchema }),
      JSON.parse(environment.readSetting() ?? '{}'),
    );
    return saved.success ? { ...saved.output.layout, past: [] } : initialLayout;
  } catch {
    return initialLayout;
  }
};

/** What has to change so that a panel is seen: what hides its area opens, and it comes to the front. */
const inFront = ({ open, front }: Layout, area: AreaId, panel: string): Pick<Layout, 'open' | 'front'> => ({
  open: { ...open, ...Object.fromEntries(SIDES_OF[area].map((side) => [side, true])) },
  front: { ...front, [area]: panel, page: GROUP_OF[area] },
});

/** The arrangement with a panel in front, wherever it was moved to. @param home - its area until somebody moves it */
export const withInFront = (layout: LayoutSlice, panel: string, home: AreaId): LayoutSlice => {
  const area = layout.places[panel] ?? home;
  return area === 'none' ? layout : { ...layout, ...inFront(layout, area, panel) };
};

export const layoutActions = (context: Context): LayoutActions => {
  const now = (): LayoutSlice => context.store.getState().layout;
  /** Changes the arrangement. Steps of one and the same kind count as one for undo. */
  const change = (next: Partial<Layout>, isSameStep: (before: Layout) => boolean = () => false): void => {
    const { past } = now();
    const before = bareLayout(now());
    const last = past.at(-1);
    const kept = last !== undefined && isSameStep(last) ? past : [...past, before].slice(-MAX_PAST);
    update(context, 'layout', { ...next, past: kept });
    writeSaved(context);
  };
  return {
    setPreset: (preset) => change(layoutOf(preset)),
    resize: (splitter, size) => {
      const { [splitter]: old, ...others } = now().sizes;
      if (old === size) return;
      // a drag is a hundred steps: undo goes back to before it
      const without = ({ sizes: { [splitter]: _moved, ...sizes }, ...rest }: Layout): string =>
        JSON.stringify({ ...rest, sizes });
      const onlyThisDiffers = (before: Layout): boolean => without(before) === without(bareLayout(now()));
      change({ sizes: size === undefined ? others : { ...others, [splitter]: size } }, onlyThisDiffers);
    },
    openSide: (splitter, open) => {
      if (now().open[splitter] !== open) change({ open: { ...now().open, [splitter]: open } });
    },
    bringToFront: (area, panel) => {
      if (now().front[area] === panel) return;
      // which tab is in front is no step of its own
      update(context, 'layout', { front: { ...now().front, [area]: panel } });
      writeSaved(context);
    },
    showPanel: (area, panel) => change(inFront(now(), area, panel)),
    movePanel: (panel, to) => {
      if (now().places[panel] !== to) change({ places: { ...now().places, [panel]: to } });
    },
    resetLayout: () => {
      if (!isUntouched(now())) change(layoutOf(now().preset));
    },
    togglePresent: () => {
      if (now().preset !== 'present') change(layoutOf('present'));
      else change(now().past.findLast(({ preset }) => preset !== 'present') ?? layoutOf('explore'));
    },
    undoLayout: () => {
      const before = now().past.at(-1);
      if (before === undefined) return;
      update(context, 'layout', { ...before, past: now().past.slice(0, -1) });
      writeSaved(context);
    },
  };
};
