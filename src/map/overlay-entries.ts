// Page-table entries of pages under way, and what stayed behind: drawn above the maps while a migration runs. An entry is a
// tag with an arrow to the frame that it refers to; while it is a migration entry the arrow is broken, and there is no way
// back from the page (rmap). It turns to the other frame when the kernel puts the new entry in.

import { easeCubicInOut } from 'd3';
import type { MoveView } from '../store/views.ts';
import { indexMoment, type MapMoment } from './cells.ts';
import type { Palette } from './color.ts';
import { stayWords } from './describe.ts';
import { boxInWindow, centerOf, locate, type OverlayScene } from './overlay-place.ts';
import { type BoxPx, paintOutline, type Pen } from './paint.ts';

/** More tags than this would hide the maps. */
const MAX_ENTRIES = 3;
const FONT = '"JetBrains Mono Variable", monospace';

/** What the entry of a page refers to. */
export interface EntryTarget {
  readonly pfn: number;
  /** An ordinary entry: the page is mapped, and its rmap leads back to the entry. */
  readonly present: boolean;
}

export const entryTarget = (move: MoveView | undefined, src: number): EntryTarget => {
  switch (move?.phase) {
    case undefined:
    case 'failed':
      return { pfn: src, present: true };
    case 'unmapped':
    case 'allocated':
    case 'copied':
      return { pfn: src, present: false };
    case 'mapped':
      return { pfn: move.dst, present: true };
  }
};

interface EntryChange {
  readonly owner: string;
  readonly src: number;
  readonly from: EntryTarget;
  readonly to: EntryTarget;
  /** The page is under way in the later moment, too. */
  readonly lasts: boolean;
}

/** What the entry of a page refers to when its move has ended: to where its owner lies now. */
const endedTarget = ({ src, dst }: MoveView, owner: string, after: MapMoment): EntryTarget => {
  const hasArrived = dst >= 0 && indexMoment(after).frames.get(dst)?.owner === owner;
  return { pfn: hasArrived ? dst : src, present: true };
};

const movesOf = (moment: MapMoment): ReadonlyMap<number, MoveView> =>
  new Map(moment.moves.map((move) => [move.src, move]));

/** Entries of pages under way, those that change first. */
export const entryChanges = (before: MapMoment, after: MapMoment): EntryChange[] => {
  const was = movesOf(before);
  const is = movesOf(after);
  const changes = [...new Set([...was.keys(), ...is.keys()])].map((src): EntryChange => {
    const owner =
      indexMoment(before).frames.get(src)?.owner ?? indexMoment(after).frames.get(src)?.owner ?? '';
    const from = entryTarget(was.get(src), src);
    const earlier = was.get(src);
    const lasts = is.has(src);
    const to =
      lasts || earlier === undefined ? entryTarget(is.get(src), src) : endedTarget(earlier, owner, after);
    return { owner, src, from, to, lasts };
  });
  const isStill = ({ from, to }: EntryChange): number =>
    Number(from.pfn === to.pfn && from.present === to.present);
  return changes.filter(({ owner }) => owner !== '').toSorted((a, b) => isStill(a) - isStill(b));
};

export const paintEntries = (pen: Pen, scene: OverlayScene, palette: Palette): void => {
  const { before, after } = scene;
  // behind the travel the later moment is shown as it is
  const changes = entryChanges(before, after).filter(({ lasts }) => lasts || scene.t < 1);
  const t = scene.reducedMotion ? Number(scene.t >= 0.5) : easeCubicInOut(scene.t);
  changes.slice(0, MAX_ENTRIES).forEach((change, i) => paintEntry(pen, scene, change, i, t, palette));
};

const paintEntry = (
  pen: Pen,
  scene: OverlayScene,
  { owner, from, to }: EntryChange,
  index: number,
  t: number,
  palette: Palette,
): void => {
  const ends = [from, to].map(({ pfn }) => locate(scene, pfn, scene.after));
  const [first, second] = ends;
  if (first === undefined || second === undefined || first.box.width < 10) return;
  const a = centerOf(boxInWindow(first));
  const b = centerOf(boxInWindow(second));
  const end = { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
  const present = t < 0.5 ? from.present : to.present;
  const text = `${present ? 'PTE' : 'migration entry'} ${owner}`;
  pen.save();
  const { typeScale } = scene;
  const height = Math.round(20 * typeScale);
  pen.font = `600 ${11 * typeScale}px ${FONT}`;
  const width = pen.measureText(text).width + 12;
  const { leftPx, topPx, size } = first.placed;
  // on the sides where the page is not
  const isLow = a.y > topPx + size.height / 2;
  const isRight = a.x > leftPx + size.width / 2;
  const tag: BoxPx = {
    x: isRight ? leftPx + 4 : leftPx + size.width - width - 4,
    y: isLow ? topPx + 6 + index * (height + 4) : topPx + size.height - 6 - height - index * (height + 4),
    width,
    height,
  };
  // the first goes before the row of its page; the others must leave that row in sight
  const row = boxInWindow(first);
  const hidesRow = isLow ? tag.y + tag.height > row.y : tag.y < row.y + row.height;
  if (index > 0 && hidesRow) {
    pen.restore();
    return;
  }
  const start = { x: isRight ? tag.x + tag.width : tag.x, y: tag.y + tag.height / 2 };
  paintArrow(pen, start, end, first.box.width / 2 + 3, present, palette);
  pen.fillStyle = palette.paper;
  pen.strokeStyle = palette.ink;
  pen.lineWidth = 1.2;
  if (!present) pen.setLineDash([3, 3]);
  pen.beginPath();
  pen.roundRect(tag.x, tag.y, tag.width, tag.height, 4);
  pen.fill();
  pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = palette.ink;
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  pen.fillText(text, tag.x + 6, tag.y + height / 2 + 0.5);
  pen.restore();
};

interface Point {
  readonly x: number;
  readonly y: number;
}

/** From an entry to its page; with a head at both ends where the rmap leads back. */
const paintArrow = (
  pen: Pen,
  from: Point,
  to: Point,
  shortPx: number,
  both: boolean,
  palette: Palette,
): void => {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length <= shortPx + 6) return;
  const unit = { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
  const end = { x: to.x - unit.x * shortPx, y: to.y - unit.y * shortPx };
  for (const [color, widthPx] of [
    [palette.paper, 4],
    [palette.ink, 1.6],
  ] as const) {
    pen.strokeStyle = color;
    pen.fillStyle = color;
    pen.lineWidth = widthPx;
    pen.setLineDash(both ? [] : [5, 4]);
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(end.x, end.y);
    pen.stroke();
  }
  pen.setLineDash([]);
  paintHead(pen, end, unit);
  if (both) paintHead(pen, from, { x: -unit.x, y: -unit.y });
};

const paintHead = (pen: Pen, tip: Point, unit: Point): void => {
  pen.beginPath();
  pen.moveTo(tip.x + unit.x * 3, tip.y + unit.y * 3);
  pen.lineTo(tip.x - unit.x * 6 - unit.y * 4, tip.y - unit.y * 6 + unit.x * 4);
  pen.lineTo(tip.x - unit.x * 6 + unit.y * 4, tip.y - unit.y * 6 - unit.x * 4);
  pen.closePath();
  pen.fill();
};

/** Pages that were to move and did not: crossed out, with the reason beside the first. */
export const paintStayed = (pen: Pen, scene: OverlayScene, palette: Palette): void => {
  const failed = scene.after.moves.filter(({ phase }) => phase === 'failed');
  failed.forEach((move, i) => {
    const place = locate(scene, move.src, scene.after);
    if (place === undefined || !place.isInWindow || place.box.width < 8) return;
    const { box } = place;
    paintOutline(pen, box, palette.current, 2);
    const r = Math.max(3, box.width * 0.16);
    const x = box.x + box.width - r;
    const y = box.y + r;
    pen.fillStyle = palette.current;
    pen.beginPath();
    pen.arc(x, y, r + 2, 0, 2 * Math.PI);
    pen.fill();
    pen.strokeStyle = palette.paper;
    pen.lineWidth = 1.6;
    pen.beginPath();
    for (const side of [-1, 1]) {
      pen.moveTo(x - r * 0.6, y - side * r * 0.6);
      pen.lineTo(x + r * 0.6, y + side * r * 0.6);
    }
    pen.stroke();
    if (i !== 0) return;
    pen.font = `500 ${12 * scene.typeScale}px "Inter Variable", sans-serif`;
    paintReason(pen, stayWords(move), box, place.placed, palette);
  });
};

const paintReason = (
  pen: Pen,
  text: string,
  box: BoxPx,
  { leftPx, size }: { readonly leftPx: number; readonly size: { readonly width: number } },
  palette: Palette,
): void => {
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  const width = pen.measureText(text).width;
  // within the window, and at the right end of it where the page is near there
  const x = Math.max(leftPx + 4, Math.min(box.x + box.width, leftPx + size.width - 6) - width);
  const y = box.y - 12;
  pen.lineWidth = 5;
  pen.strokeStyle = palette.paper;
  pen.strokeText(text, x, y);
  pen.fillStyle = palette.current;
  pen.fillText(text, x, y);
};
