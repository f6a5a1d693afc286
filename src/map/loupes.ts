// Where what a window is about lies too far apart to be drawn in cells that can be read, each part is shown large above the
// map, with a line to where it lies: a page that moves from one zone of a node to another, for example.

import type { Camera } from '../store/viewport.ts';
import { boundsOf, fitRect, type SizePx, toScreen } from './camera.ts';
import { indexMoment, type MapMoment } from './cells.ts';
import { framesOfInterest, framesThatMove, READABLE_PX } from './follow.ts';
import { type Bank, rangeOf, type WorldPoint, type WorldRect } from './layout.ts';
import { regionName } from './regions.ts';

export interface Loupe {
  /** Its place in the window. */
  readonly x: number;
  readonly y: number;
  readonly size: SizePx;
  /** Of its own picture. */
  readonly camera: Camera;
  /** What it is about, and the name of the region that this lies in. */
  readonly subject: WorldRect;
  readonly title: string;
}

/** Frames nearer to each other than this are one part. */
const NEAR_PAGES = 96;
const GAP_PX = 8;
const COLUMNS = 7.4;
const ROWS = 3.4;

/** Frames that lie together, each part by address. */
export const partsOf = (pfns: Iterable<number>): number[][] => {
  const parts: number[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const pfn of [...new Set(pfns)].toSorted((a, b) => a - b)) {
    if (pfn - last > NEAR_PAGES) parts.push([pfn]);
    else parts.at(-1)?.push(pfn);
    last = pfn;
  }
  return parts;
};

/** Parts between which an area has every frame are one: of a long area a moment lists only the ends. */
const joined = (parts: readonly number[][], moments: readonly MapMoment[]): number[][] => {
  if (parts.length < 2) return [...parts];
  const runs = moments.flatMap((moment) => indexMoment(moment).runs).toSorted((a, b) => a.start - b.start);
  /** How far frames follow each other without a hole. */
  const reach = (from: number): number =>
    runs.reduce((to, { start, npages }) => (start <= to + 1 ? Math.max(to, start + npages - 1) : to), from);
  const found: number[][] = [];
  for (const part of parts) {
    const before = found.at(-1);
    const isNext = before !== undefined && reach(before.at(-1) ?? 0) >= (part[0] ?? 0) - 1;
    if (isNext) before.push(...part);
    else found.push([...part]);
  }
  return found;
};

/** The two parts that a window is about; undefined: it is about one, or about too many. */
const pairOf = (bank: Bank, moments: readonly MapMoment[]): readonly [number[], number[]] | undefined => {
  const inBank = (pfn: number): boolean => rangeOf(bank, pfn) !== undefined;
  const moving = moments.flatMap(framesThatMove).filter(inBank);
  const all = joined(partsOf([...moments.flatMap(framesOfInterest).filter(inBank), ...moving]), moments);
  const [first, second, third] = all.length > 2 ? partsOf(moving) : all;
  return first === undefined || second === undefined || third !== undefined ? undefined : [first, second];
};

/**
 * Loupes above a window, from left to right as their subjects lie.
 *
 * @param camera - what the window itself shows
 * @param pagePx - how large a page is drawn where there is room
 */
export const loupesOf = (
  bank: Bank,
  moments: readonly MapMoment[],
  camera: Camera,
  size: SizePx,
  pagePx: number,
): readonly Loupe[] => {
  if (camera.k >= READABLE_PX) return [];
  const pair = pairOf(bank, moments);
  if (pair === undefined) return [];
  const width = Math.floor(Math.min(COLUMNS * pagePx, (size.width - 3 * GAP_PX) / 2));
  const height = Math.floor(Math.min(ROWS * pagePx, size.height * 0.5 - GAP_PX));
  if (width < 3 * pagePx || height < 1.7 * pagePx) return [];
  const inner = { width, height };
  const shown = pair.flatMap((pfns) => {
    const subject = boundsOf(bank, pfns.slice(0, Math.floor(width / pagePx)));
    const range = rangeOf(bank, pfns[0] ?? -1);
    return subject === undefined || range === undefined ? [] : [{ subject, title: regionName(range) }];
  });
  const spots = shown.map(({ subject }) => toScreen(camera, middleOf(subject)));
  const y = heightFor(spots, size, height);
  const left = (size.width - 2 * width) / 3;
  return shown
    .toSorted((a, b) => a.subject.x - b.subject.x)
    .map(({ subject, title }, i) => ({
      x: Math.round(left + i * (width + left)),
      y,
      size: inner,
      camera: fitRect(bank, subject, inner, pagePx),
      subject,
      title,
    }));
};

export const middleOf = ({ x, y, width, height }: WorldRect): WorldPoint => ({
  x: x + width / 2,
  y: y + height / 2,
});

/** Where loupes hide as little as possible of what they are about: in the middle, or at an end. */
const heightFor = (spots: readonly WorldPoint[], size: SizePx, height: number): number => {
  const places = [(size.height - height) / 2, size.height - height - GAP_PX, GAP_PX];
  const hidden = (y: number): number =>
    spots.filter((spot) => spot.y > y - GAP_PX && spot.y < y + height + GAP_PX).length;
  return Math.round(places.reduce((best, y) => (hidden(y) < hidden(best) ? y : best)));
};

/** The loupe over a point of a window. */
export const loupeAt = (loupes: readonly Loupe[], { x, y }: WorldPoint): Loupe | undefined =>
  loupes.find(
    (loupe) =>
      x >= loupe.x && y >= loupe.y && x < loupe.x + loupe.size.width && y < loupe.y + loupe.size.height,
  );
