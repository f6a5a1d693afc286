// What a window shows when nobody has moved it: the frames that the picture is about, in cells that can be read.

import { interpolateZoom } from 'd3';
import type { Camera } from '../store/viewport.ts';
import { boundsOf, constrain, fitBank, fitRect, isInView, type SizePx, visibleRect } from './camera.ts';
import type { MapMoment } from './cells.ts';
import type { Bank, WorldRect } from './layout.ts';

/** Smallest page that still tells its glyph. */
export const READABLE_PX = 13;

export const framesOfInterest = (moment: MapMoment): number[] =>
  moment.frames
    .filter(({ refcount, kind }) => refcount > 0 && !kind.startsWith('zero'))
    .map(({ pfn }) => pfn);

export const framesThatMove = (moment: MapMoment): number[] =>
  moment.moves.flatMap(({ src, dst }) => (dst < 0 ? [src] : [src, dst]));

const union = (a: WorldRect | undefined, b: WorldRect | undefined): WorldRect | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
};

interface Subjects {
  readonly all: WorldRect | undefined;
  readonly moving: WorldRect | undefined;
}

const subjects = new WeakMap<MapMoment, WeakMap<Bank, Subjects>>();

/** Asked for at every frame of a transition, so each answer is kept. */
const subjectsOf = (bank: Bank, moment: MapMoment): Subjects => {
  let ofMoment = subjects.get(moment);
  if (ofMoment === undefined) subjects.set(moment, (ofMoment = new WeakMap()));
  let found = ofMoment.get(bank);
  if (found === undefined) {
    const moving = boundsOf(bank, framesThatMove(moment));
    found = { all: union(boundsOf(bank, framesOfInterest(moment)), moving), moving };
    ofMoment.set(bank, found);
  }
  return found;
};

/**
 * Where the window should be for some moments. It stays where it is as long as it shows what matters about as large
 * as it should be: a picture that jumps at every event explains nothing.
 *
 * @param previous - where it is now; undefined: nowhere yet
 * @param pagePx - how large a page is drawn where there is room
 * @param rest - where it is when there is nothing to follow; undefined: the whole bank
 */
export const followCamera = (
  bank: Bank,
  moments: readonly MapMoment[],
  size: SizePx,
  previous: Camera | undefined,
  pagePx: number,
  rest?: Camera,
): Camera => {
  const found = moments.map((moment) => subjectsOf(bank, moment));
  const everything = found.reduce<WorldRect | undefined>((sum, { all }) => union(sum, all), undefined);
  const moving = found.reduce<WorldRect | undefined>((sum, one) => union(sum, one.moving), undefined);
  // where nothing is left to follow, the window stays: what has gone from there may be the point
  if (everything === undefined) return previous ?? rest ?? fitBank(bank, size);
  const wide = fitRect(bank, everything, size, pagePx);
  const subject = wide.k < READABLE_PX && moving !== undefined ? moving : everything;
  const target = subject === everything ? wide : fitRect(bank, subject, size, pagePx);
  const stays =
    previous !== undefined &&
    previous.k > target.k * 0.6 &&
    previous.k < target.k * 1.5 &&
    isInView(previous, size, subject);
  return stays ? previous : target;
};

/** The same middle in a window of another size; undefined for one that showed the whole bank, and is to go on so. */
export const resizedCamera = (bank: Bank, camera: Camera, from: SizePx, to: SizePx): Camera | undefined => {
  if (camera.k <= fitBank(bank, from).k * 1.01) return undefined;
  const x = camera.x + (to.width - from.width) / 2;
  const y = camera.y + (to.height - from.height) / 2;
  return constrain(bank, { k: camera.k, x, y }, to);
};

/** A camera between two, on the path that keeps the apparent speed even. */
export const cameraBetween = (from: Camera, to: Camera, size: SizePx, t: number): Camera => {
  const view = (camera: Camera): [number, number, number] => {
    const rect = visibleRect(camera, size);
    return [rect.x + rect.width / 2, rect.y + rect.height / 2, rect.width];
  };
  const [x, y, width] = interpolateZoom(view(from), view(to))(t);
  const k = size.width / width;
  return { k, x: size.width / 2 - x * k, y: size.height / 2 - y * k };
};
