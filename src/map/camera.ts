// The window on a bank: one immutable transform, screenPx = world * k + (x, y).

import type { Camera, Look } from '../store/viewport.ts';
import { type Bank, type Level, placeOf, type WorldPoint, type WorldRect } from './layout.ts';

export interface SizePx {
  readonly width: number;
  readonly height: number;
}

/** A page is never drawn larger than this. */
export const MAX_PAGE_PX = 72;
/** Room left around what is fitted. */
const MARGIN_PX = 10;
/** From here on a page is wide enough to be a cell of its own: to be pointed at, and told in words. */
const PAGE_LEVEL_PX = 2.5;
const PAGE_LINED_PX = 4;
const PAGEBLOCK_LEVEL_PX = 0.14;
/** From here on a page, or a pageblock, is painted: sooner than it can be pointed at. */
const PAGE_PAINTED_PX = 0.9;
const PAGEBLOCK_PAINTED_PX = 0.06;

/** Whether there is room for a line between pages of a size. */
export const hasPageLines = (pagePx: number): boolean => pagePx >= PAGE_LINED_PX;

export const levelOf = ({ k }: Camera): Level =>
  k >= PAGE_LEVEL_PX ? 'page' : k >= PAGEBLOCK_LEVEL_PX ? 'pageblock' : 'section';

/** What is painted as a cell. */
export const paintedLevel = ({ k }: Camera): Level =>
  k >= PAGE_PAINTED_PX ? 'page' : k >= PAGEBLOCK_PAINTED_PX ? 'pageblock' : 'section';

export const toScreen = (camera: Camera, { x, y }: WorldPoint): WorldPoint => ({
  x: x * camera.k + camera.x,
  y: y * camera.k + camera.y,
});

export const toWorld = (camera: Camera, { x, y }: WorldPoint): WorldPoint => ({
  x: (x - camera.x) / camera.k,
  y: (y - camera.y) / camera.k,
});

/** What a window shows, apart from its size. */
export const lookOf = (camera: Camera, { width, height }: SizePx): Look => ({
  ...toWorld(camera, { x: width / 2, y: height / 2 }),
  k: camera.k,
});

/** The same in a window of some size. */
export const cameraOf = ({ x, y, k }: Look, { width, height }: SizePx): Camera => ({
  k,
  x: width / 2 - x * k,
  y: height / 2 - y * k,
});

/** The part of the world that a window shows. */
export const visibleRect = (camera: Camera, size: SizePx): WorldRect => ({
  ...toWorld(camera, { x: 0, y: 0 }),
  width: size.width / camera.k,
  height: size.height / camera.k,
});

/** The whole bank. */
export const fitBank = (bank: Bank, size: SizePx): Camera => {
  const k = Math.min(
    (size.width - 2 * MARGIN_PX) / bank.width,
    (size.height - 2 * MARGIN_PX) / bank.height,
    MAX_PAGE_PX,
  );
  return {
    k: Math.max(k, 1e-6),
    x: (size.width - bank.width * k) / 2,
    y: (size.height - bank.height * k) / 2,
  };
};

/** The smallest rectangle around some frames; undefined if none of them is in the bank. */
export const boundsOf = (bank: Bank, pfns: Iterable<number>): WorldRect | undefined => {
  let left = Number.POSITIVE_INFINITY;
  let top = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (const pfn of pfns) {
    const place = placeOf(bank, pfn);
    if (place === undefined) continue;
    left = Math.min(left, place.x);
    top = Math.min(top, place.y);
    right = Math.max(right, place.x + 1);
    bottom = Math.max(bottom, place.y + 1);
  }
  return left > right ? undefined : { x: left, y: top, width: right - left, height: bottom - top };
};

/** First whole row of a view that has a stretch in its middle, and wholly in it: behind a gap rows lie between whole ones. */
const firstInView = (start: number, extent: number, view: number): number => {
  const first = Math.floor(start + extent / 2 - view / 2);
  return start + extent > first + view ? first + 1 : first;
};

/** Rows that are seen around some frames: parts of them, so that a low window still has cells that can be read. */
const ROWS_AROUND = 0.8;

/** Some frames in the middle, with their neighbours around them; whole columns of cells where pages are drawn. */
export const fitRect = (bank: Bank, rect: WorldRect, size: SizePx, pagePx: number): Camera => {
  const inner = { width: size.width - 2 * MARGIN_PX, height: size.height - 2 * MARGIN_PX };
  const highest = (size.height - MARGIN_PX) / (rect.height + ROWS_AROUND);
  const widest = Math.min(pagePx, inner.width / (rect.width + 1), highest);
  const k = widest >= PAGE_LEVEL_PX ? inner.width / Math.ceil(inner.width / widest) : widest;
  const column = firstInView(rect.x, rect.width, inner.width / k);
  const row = firstInView(rect.y, rect.height, inner.height / k);
  return constrain(bank, { k, x: MARGIN_PX - column * k, y: MARGIN_PX - row * k }, size);
};

/** Whether a rectangle is wholly in the window. */
export const isInView = (camera: Camera, size: SizePx, rect: WorldRect): boolean => {
  const { x, y } = toScreen(camera, rect);
  return (
    x >= 0 && y >= 0 && x + rect.width * camera.k <= size.width && y + rect.height * camera.k <= size.height
  );
};

const constrainAxis = (offset: number, extentPx: number, windowPx: number): number => {
  if (extentPx + 2 * MARGIN_PX <= windowPx) return (windowPx - extentPx) / 2;
  return Math.min(MARGIN_PX, Math.max(windowPx - MARGIN_PX - extentPx, offset));
};

/** Keeps the window on the bank and the zoom between the whole bank and one page. */
export const constrain = (bank: Bank, camera: Camera, size: SizePx): Camera => {
  const k = Math.min(MAX_PAGE_PX, Math.max(fitBank(bank, size).k, camera.k));
  return {
    k,
    x: constrainAxis(camera.x, bank.width * k, size.width),
    y: constrainAxis(camera.y, bank.height * k, size.height),
  };
};

/** Zooms so that the point under `around` stays where it is. */
export const zoomBy = (
  bank: Bank,
  camera: Camera,
  size: SizePx,
  factor: number,
  around: WorldPoint,
): Camera => {
  const k = Math.min(MAX_PAGE_PX, Math.max(fitBank(bank, size).k, camera.k * factor));
  const world = toWorld(camera, around);
  return constrain(bank, { k, x: around.x - world.x * k, y: around.y - world.y * k }, size);
};

export const panBy = (bank: Bank, camera: Camera, size: SizePx, dx: number, dy: number): Camera =>
  constrain(bank, { ...camera, x: camera.x + dx, y: camera.y + dy }, size);
