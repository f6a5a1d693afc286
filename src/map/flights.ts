// What moves between two moments: a page's bytes from one frame to another, and pins that go and come.
// A page flies only when its bytes are copied. A pin never travels: it goes in one place and is taken anew in another.

import type { FrameView, MoveView } from '../store/views.ts';
import { indexMoment, type MapMoment } from './cells.ts';
import { stretchesThatMoved } from './stretches.ts';

export interface Flight {
  readonly src: number;
  readonly dst: number;
  readonly owner: string;
  /** Of a stretch of pages: how many; undefined: it is one page. */
  readonly pages?: number;
}

/** More than this many at once would be a swarm that shows nothing: they go in bundles, with their number. */
const MAX_FLIGHTS = 12;

/** Flights of the same way, drawn as one. */
export interface Bundle extends Flight {
  readonly count: number;
}

/**
 * Flights by the windows that they lead from and to; each bundle flies where the one in its middle does.
 *
 * @param windowOf - name of the window that shows a frame
 */
export const bundlesOf = (flights: readonly Flight[], windowOf: (pfn: number) => string): Bundle[] => {
  const ways = new Map<string, Flight[]>();
  for (const flight of flights) {
    const way = `${windowOf(flight.src)} ${windowOf(flight.dst)}`;
    const own = ways.get(way);
    if (own === undefined) ways.set(way, [flight]);
    else own.push(flight);
  }
  return [...ways.values()].flatMap((own) => {
    // the longest stretch stands for them, or the page in their middle
    const most = own.reduce((sum, { pages = 1 }) => Math.max(sum, pages), 1);
    const middle = most > 1 ? own.find(({ pages }) => pages === most) : own[Math.floor(own.length / 2)];
    const count = own.reduce((sum, { pages = 1 }) => sum + pages, 0);
    return middle === undefined ? [] : [{ ...middle, count }];
  });
};

/** Whether they are drawn with their number, not one by one. */
export const flyInBundles = (flights: readonly Flight[]): boolean =>
  flights.length > MAX_FLIGHTS || flights.some(({ pages = 1 }) => pages > 1);

/** The new page has the bytes. */
export const isCopied = (move: MoveView | undefined): boolean =>
  move?.phase === 'copied' || move?.phase === 'mapped';

const known = new WeakMap<MapMoment, WeakMap<MapMoment, readonly Flight[]>>();

/** Pages whose bytes are copied between the two moments. Asked for at every frame, so each answer is kept. */
export const flightsBetween = (before: MapMoment, after: MapMoment): readonly Flight[] => {
  if (before === after) return [];
  let ofBefore = known.get(before);
  if (ofBefore === undefined) known.set(before, (ofBefore = new WeakMap()));
  let flights = ofBefore.get(after);
  if (flights === undefined) ofBefore.set(after, (flights = findFlights(before, after)));
  return flights;
};

const findFlights = (before: MapMoment, after: MapMoment): Flight[] => {
  const was = new Map(before.moves.map((move) => [move.src, move]));
  const flights: Flight[] = [];
  const frames = indexMoment(before).frames;
  const flown = new Set<number>();
  for (const move of after.moves) {
    const earlier = was.get(move.src);
    if (move.dst < 0 || !isCopied(move) || isCopied(earlier)) continue;
    flights.push({ src: move.src, dst: move.dst, owner: frames.get(move.src)?.owner ?? '' });
    flown.add(move.src);
  }
  const stretches = stretchesThatMoved(before, after);
  for (const { src, dst, pages, owner } of stretches) flights.push({ src, dst, pages, owner });
  const inStretch = (pfn: number): boolean => stretches.some(({ low, high }) => pfn >= low && pfn <= high);
  for (const flight of ownersThatMoved(before, after))
    if (!flown.has(flight.src) && !inStretch(flight.src)) flights.push(flight);
  return flights;
};

/** Frames by whose page they are, `buf+2`. A page on its way is where its bytes are. */
export const ownersOf = (moment: MapMoment): ReadonlyMap<string, FrameView> => {
  const { moves } = indexMoment(moment);
  const isThere = (pfn: number): boolean => {
    const move = moves.get(pfn);
    return move === undefined || (move.role === 'dst') === isCopied(move.view);
  };
  return new Map(
    moment.frames
      .filter(({ pfn, owner, refcount }) => owner !== '' && refcount > 0 && isThere(pfn))
      .map((frame) => [frame.owner, frame]),
  );
};

/** Where a whole migration lies between the moments: the same page of the same process, in another frame. */
const ownersThatMoved = (before: MapMoment, after: MapMoment): Flight[] => {
  const now = ownersOf(after);
  return [...ownersOf(before)].flatMap(([owner, { pfn }]): Flight[] => {
    const dst = now.get(owner)?.pfn;
    return dst === undefined || dst === pfn ? [] : [{ src: pfn, dst, owner }];
  });
};

/** A pin as the map shows it: how much of it is there, and how far above its page. */
export interface Nail {
  readonly pfn: number;
  readonly count: number;
  readonly longterm: boolean;
  /** 0: not there, 1: wholly there. */
  readonly presence: number;
}

export const nailsBetween = (before: MapMoment, after: MapMoment, t: number): Nail[] => {
  const was = indexMoment(before).pins;
  const is = indexMoment(after).pins;
  const nails: Nail[] = [];
  for (const pfn of new Set([...was.keys(), ...is.keys()])) {
    const first = was.get(pfn);
    const second = is.get(pfn);
    const shown = second !== undefined && (t >= 0.5 || first === undefined) ? second : first;
    if (shown === undefined) continue;
    const presence = first !== undefined && second !== undefined ? 1 : second !== undefined ? t : 1 - t;
    nails.push({ pfn, ...shown, presence });
  }
  return nails;
};
