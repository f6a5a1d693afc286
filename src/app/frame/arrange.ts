// From panels and an arrangement to a tree: what lies beside, above and behind what. Pure, so that tests can read it.

import { type AreaId, type Group, GROUPS, type Layout, type SplitterId } from '../../store/layout.ts';
import { frontOf, splitterOf } from './presets.ts';

/** How much room the window has: four columns, three, two, or one thing at a time. */
export type Room = 'wide' | 'medium' | 'narrow' | 'phone';

/** What the tree needs to know of a panel. */
interface Placed {
  readonly id: string;
  readonly title: string;
  readonly area: AreaId;
}

export type FrameNode<Panel extends Placed> =
  | {
      readonly kind: 'split';
      readonly id: SplitterId;
      readonly axis: 'x' | 'y';
      readonly sized: 'first' | 'second' | 'share';
      readonly label: string;
      readonly first: FrameNode<Panel>;
      readonly second: FrameNode<Panel>;
    }
  /** One below the other, as high as they are, in one scrolling whole. */
  | { readonly kind: 'flow'; readonly parts: readonly FrameNode<Panel>[] }
  /** Panels that share a place: one is in front. */
  | {
      readonly kind: 'area';
      readonly area: AreaId;
      readonly panels: readonly Panel[];
      readonly front: string;
    };
type Maybe<Panel extends Placed> = FrameNode<Panel> | undefined;

/** Panels of an area in their order, the ones that were moved there last. */
export const panelsIn = <Panel extends Placed>(
  panels: readonly Panel[],
  { places }: Pick<Layout, 'places'>,
  area: AreaId,
): Panel[] => [
  ...panels.filter((panel) => panel.area === area && (places[panel.id] ?? area) === area),
  ...panels.filter((panel) => panel.area !== area && places[panel.id] === area),
];

/** Area in which a panel lies now; undefined: it was put away. */
export const areaOf = ({ id, area }: Placed, { places }: Pick<Layout, 'places'>): AreaId | undefined => {
  const place = places[id] ?? area;
  return place === 'none' ? undefined : place;
};

class Arranger<Panel extends Placed> {
  private readonly panels: readonly Panel[];
  private readonly layout: Layout;

  constructor(panels: readonly Panel[], layout: Layout) {
    this.panels = panels;
    this.layout = layout;
  }

  area(area: AreaId): Maybe<Panel> {
    const panels = panelsIn(this.panels, this.layout, area);
    const [first] = panels;
    if (first === undefined) return undefined;
    const wanted = frontOf(this.layout, area);
    return { kind: 'area', area, panels, front: panels.find(({ id }) => id === wanted)?.id ?? first.id };
  }

  split(
    id: SplitterId,
    axis: 'x' | 'y',
    sized: 'first' | 'second' | 'share',
    label: string,
    first: Maybe<Panel>,
    second: Maybe<Panel>,
  ): Maybe<Panel> {
    if (first === undefined || second === undefined) return first ?? second;
    return { kind: 'split', id, axis, sized, label, first, second };
  }

  /** The reasons above the inspector, where there is too little height to divide it. */
  reasons(): Maybe<Panel> {
    const parts = [this.area('why'), this.area('inspect')].filter((part) => part !== undefined);
    return parts.length > 1 ? { kind: 'flow', parts } : parts[0];
  }

  group(group: Group): Maybe<Panel> {
    switch (group) {
      case 'left':
        return this.split('left-rows', 'y', 'first', 'Steps', this.area('cause'), this.area('stack'));
      case 'right':
        return this.split('right-rows', 'y', 'first', 'Why', this.area('why'), this.area('inspect'));
      case 'tables':
      case 'maps':
      case 'lower':
        return this.area(group);
    }
  }

  /** Further panels, or their tabs; before an audience nothing that is put away leaves a trace. */
  below(): Maybe<Panel> {
    const isBare = this.layout.preset === 'present' && !splitterOf(this.layout, 'lower').open;
    return isBare ? undefined : this.group('lower');
  }

  wide(): Maybe<Panel> {
    const stage = this.split('stage', 'x', 'share', 'Tables', this.group('tables'), this.group('maps'));
    const center = this.split('lower', 'y', 'second', 'Further panels', stage, this.below());
    const rest = this.split('right', 'x', 'second', 'Reasons', center, this.group('right'));
    return this.split('left', 'x', 'first', 'Cause', this.group('left'), rest);
  }

  /** The reasons move below the tables; where everything is open, each of two columns has two panels of some height. */
  medium(): Maybe<Panel> {
    if (this.layout.preset === 'debug' && splitterOf(this.layout, 'lower').open) return this.quarters();
    const tables = this.split('under', 'y', 'second', 'Reasons', this.group('tables'), this.reasons());
    const stage = this.split('stage', 'x', 'share', 'Tables', tables, this.group('maps'));
    const center = this.split('lower', 'y', 'second', 'Further panels', stage, this.below());
    return this.split('left', 'x', 'first', 'Cause', this.group('left'), center);
  }

  quarters(): Maybe<Panel> {
    const tables = this.split('lower', 'y', 'second', 'Further panels', this.group('tables'), this.below());
    const maps = this.split('under', 'y', 'second', 'Reasons', this.group('maps'), this.reasons());
    const stage = this.split('stage', 'x', 'share', 'Tables', tables, maps);
    return this.split('left', 'x', 'first', 'Cause', this.group('left'), stage);
  }

  /** A group that has all the height. */
  one(group: Group): Maybe<Panel> {
    return group === 'right' ? this.reasons() : this.group(group);
  }

  /** The maps, and beside them one group. */
  narrow(shown: Group): Maybe<Panel> {
    const other = this.one(shown === 'maps' ? 'tables' : shown) ?? this.group('tables');
    return this.split('stage', 'x', 'share', 'Tables', other, this.group('maps'));
  }
}

/** Which groups there is something in. */
export const groupsOf = <Panel extends Placed>(panels: readonly Panel[], layout: Layout): Group[] => {
  const arranger = new Arranger(panels, layout);
  return GROUPS.filter((group) => arranger.group(group) !== undefined);
};

/** @returns undefined if every panel was put away */
export const arrange = <Panel extends Placed>(
  panels: readonly Panel[],
  layout: Layout,
  room: Room,
  shown: Group,
): FrameNode<Panel> | undefined => {
  const arranger = new Arranger(panels, layout);
  switch (room) {
    case 'wide':
      return arranger.wide();
    case 'medium':
      return arranger.medium();
    case 'narrow':
      return arranger.narrow(shown);
    case 'phone':
      return arranger.one(shown) ?? arranger.group('maps');
  }
};

/** The stage alone: tables beside maps, or one of them. */
export const arrangeStage = <Panel extends Placed>(
  panels: readonly Panel[],
  layout: Layout,
  room: Room,
  shown: Group,
): FrameNode<Panel> | undefined => {
  const arranger = new Arranger(panels, layout);
  const [tables, maps] = [arranger.area('tables'), arranger.area('maps')];
  if (room !== 'phone') return arranger.split('stage', 'x', 'share', 'Tables', tables, maps);
  return shown === 'tables' ? (tables ?? maps) : (maps ?? tables);
};

/** What a window without room for all groups does not show, of what a wide one shows: paper has the room. */
export const restOnPaper = <Panel extends Placed>(
  panels: readonly Panel[],
  layout: Layout,
  room: Room,
  shown: Group,
): FrameNode<Panel>[] => {
  if (room === 'wide' || room === 'medium') return [];
  const arranger = new Arranger(panels, layout);
  const beside = room === 'narrow' && shown === 'maps' ? 'tables' : shown;
  const there = new Set<Group>(room === 'narrow' ? [beside, 'maps'] : [beside]);
  return PAPER.filter((group) => !there.has(group)).flatMap((group) => arranger.group(group) ?? []);
};
const PAPER: readonly Group[] = ['left', 'tables', 'maps', 'right'];
