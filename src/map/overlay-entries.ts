// Page-table entries of pages under way: drawn above the maps while a migration runs. An entry is a
// tag with an arrow to the frame that it refers to; while it is a migration entry the arrow is broken, and there is no way
// back from the page (rmap). When the kernel puts the new entry in, the arrow is drawn in and goes out anew: it never points
// at anything in between.

import { easeCubicInOut } from 'd3';
import type { MoveView } from '../store/views.ts';
import { formatCount } from '../ui/format.ts';
import type { SizePx } from './camera.ts';
import { indexMoment, type MapMoment } from './cells.ts';
import type { Palette } from './color.ts';
import { type Flight, ownersOf } from './flights.ts';
import { rangeOf } from './layout.ts';
import {
  boxInWindow,
  centerOf,
  locate,
  type OverlayScene,
  type Place,
  type PlacedBank,
} from './overlay-place.ts';
import { reasonHeight } from './overlay-stays.ts';
import { type BoxPx, type Pen } from './paint.ts';

/** From the edge of a window to a tag. */
const EDGE_PX = 3;
/** Less than this is no way for an arrow from above or below. */
const WAY_PX = 5;
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
    case 'awaited':
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

export interface EntryChange {
  readonly owner: string;
  readonly src: number;
  readonly from: EntryTarget;
  readonly to: EntryTarget;
  /** The page is under way in the later moment, too. */
  readonly lasts: boolean;
}

const movesOf = (moment: MapMoment): ReadonlyMap<number, MoveView> =>
  new Map(moment.moves.map((move) => [move.src, move]));

/** Entries of pages under way, those that change first. */
export const entryChanges = (before: MapMoment, after: MapMoment): EntryChange[] => {
  const was = movesOf(before);
  const is = movesOf(after);
  const homes = ownersOf(after);
  const changes = [...new Set([...was.keys(), ...is.keys()])].map((src): EntryChange => {
    const owner =
      indexMoment(before).frames.get(src)?.owner ?? indexMoment(after).frames.get(src)?.owner ?? '';
    const from = entryTarget(was.get(src), src);
    // where a move has ended meanwhile, its page says what the entry refers to
    const home = homes.get(owner)?.pfn;
    const ended = home === undefined ? from : { pfn: home, present: true };
    const lasts = is.has(src);
    const to = lasts ? entryTarget(is.get(src), src) : ended;
    return { owner, src, from, to, lasts };
  });
  const isStill = ({ from, to }: EntryChange): number =>
    Number(from.pfn === to.pfn && from.present === to.present);
  return changes.filter(({ owner }) => owner !== '').toSorted((a, b) => isStill(a) - isStill(b));
};

/** What an entry refers to at a time of a transition, and how far its arrow reaches: 1 to the page. */
export interface EntryNow {
  readonly target: EntryTarget;
  readonly reach: number;
}

type Part = readonly [begin: number, end: number];
/** An entry changes before the bytes fly, and behind that; without a flight in the middle. */
const FIRST: Part = [0, 0.18];
const LAST: Part = [0.86, 1];
const DRAWN_IN: Part = [0.1, 0.5];
const GOES_OUT: Part = [0.5, 0.9];

/**
 * The kernel's order: the migration entry is put in, then the bytes are copied, then the new entry is.
 *
 * @param flies - the page's bytes are copied in this transition
 */
export const entryAt = (
  { from, to }: Pick<EntryChange, 'from' | 'to'>,
  t: number,
  flies: boolean,
): EntryNow => {
  const part = ([begin, end]: Part): number =>
    easeCubicInOut(Math.max(0, Math.min(1, (t - begin) / (end - begin))));
  if (from.pfn === to.pfn) return { target: part(flies ? FIRST : [0, 1]) < 0.5 ? from : to, reach: 1 };
  const out = part(flies ? LAST : GOES_OUT);
  return out > 0 ? { target: to, reach: out } : { target: from, reach: 1 - part(flies ? FIRST : DRAWN_IN) };
};

/** @returns the pages that an arrow comes down on */
export const paintEntries = (
  pen: Pen,
  scene: OverlayScene,
  flights: readonly Flight[],
  palette: Palette,
): BoxPx[] => {
  const { before, after } = scene;
  const flying = new Set(flights.map(({ src }) => src));
  const t = scene.reducedMotion ? Number(scene.t >= 0.5) : scene.t;
  // behind the travel the later moment is shown as it is
  const changes = entryChanges(before, after).filter(({ lasts }) => lasts || scene.t < 1);
  const nowOf = (change: EntryChange): EntryNow => entryAt(change, t, flying.has(change.src));
  pen.save();
  pen.font = `600 ${11 * scene.typeScale}px ${FONT}`;
  const windows = entriesByWindow(scene, changes.slice(0, MAX_ENTRIES)).map((tagged) =>
    tagged.filter((one) => tagPlace(pen, scene, one, tagText(one, nowOf(one.change), 0))),
  );
  const shown = new Set(windows.flatMap((tagged) => tagged.map(({ change: { src } }) => src)));
  for (const tagged of windows)
    for (const one of tagged) {
      const now = nowOf(one.change);
      const { bank } = one.page.placed;
      // those without a tag are counted in the one that is farthest from the pages, where it may be longer
      const alike = (change: EntryChange): boolean =>
        !shown.has(change.src) &&
        rangeOf(bank, change.from.pfn) !== undefined &&
        nowOf(change).target.present === now.target.present;
      const more = one === tagged[0] ? changes.filter(alike).length : 0;
      paintEntry(pen, scene, one, tagText(one, now, more), now, palette);
    }
  pen.restore();
  return windows.flatMap((tagged) => tagged.map(({ page }) => page.box));
};

/** `migration entry buf+0, 5 more` */
const tagText = ({ change }: TaggedEntry, { target }: EntryNow, more: number): string =>
  `${target.present ? 'PTE' : 'migration entry'} ${change.owner}${more > 0 ? `, ${formatCount(more)} more` : ''}`;

/** In the font that is set. Undefined: there is no room for a tag. */
const tagPlace = (pen: Pen, scene: OverlayScene, tagged: TaggedEntry, text: string): TagPlace | undefined => {
  const size = { width: pen.measureText(text).width + 12, height: Math.round(20 * scene.typeScale) };
  return tagged.page.placed.isLoupe
    ? besideLoupe(scene, tagged, size)
    : inWindow(tagged, size, reasonHeight(scene));
};

interface TaggedEntry {
  readonly change: EntryChange;
  /** Of the page that it referred to first. */
  readonly page: Place;
  /** Where its tag stands among those of its window, from the edge inwards. */
  readonly index: number;
  /** Its tag stands left, as the pages are right. */
  readonly atLeft: boolean;
  /** Its page was to move and did not: the reason needs room above it. */
  readonly stays: boolean;
}

/** Entries of one window have their tags on one side of it, in an order in which their arrows do not cross. */
const entriesByWindow = (scene: OverlayScene, changes: readonly EntryChange[]): readonly TaggedEntry[][] => {
  const failed = new Set(scene.after.moves.flatMap(({ src, phase }) => (phase === 'failed' ? [src] : [])));
  const windows = new Map<PlacedBank, { readonly change: EntryChange; readonly page: Place }[]>();
  for (const change of changes) {
    const page = locate(scene, change.from.pfn, scene.after);
    if (page === undefined || page.box.width < 10) continue;
    windows.set(page.placed, [...(windows.get(page.placed) ?? []), { change, page }]);
  }
  return [...windows].map(([{ leftPx, size }, entries]) => {
    const xOf = ({ page }: { readonly page: Place }): number => centerOf(boxInWindow(page)).x;
    const atLeft =
      entries.reduce((sum, entry) => sum + xOf(entry), 0) / entries.length > leftPx + size.width / 2;
    return entries
      .toSorted((a, b) => (atLeft ? xOf(b) - xOf(a) : xOf(a) - xOf(b)))
      .map((entry, index) => ({ ...entry, index, atLeft, stays: failed.has(entry.change.src) }));
  });
};

const paintEntry = (
  pen: Pen,
  scene: OverlayScene,
  tagged: TaggedEntry,
  text: string,
  { target: { pfn, present }, reach }: EntryNow,
  palette: Palette,
): void => {
  const place = locate(scene, pfn, scene.after);
  const found = tagPlace(pen, scene, tagged, text);
  if (place === undefined || found === undefined) return;
  const { tag, start } = found;
  const arc = arcTo(start, boxInWindow(place));
  paintArrow(pen, arc, reach, { isBroken: !present, bothWays: present && reach === 1 }, palette);
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
  pen.fillText(text, tag.x + 6, tag.y + tag.height / 2 + 0.5);
};

interface Point {
  readonly x: number;
  readonly y: number;
}

interface TagPlace {
  readonly tag: BoxPx;
  /** Where its arrow begins. */
  readonly start: Point;
}

/** On the sides of the window where the page is not; undefined: it would hide the row of the page. */
const inWindow = (
  { page, index, atLeft, stays }: TaggedEntry,
  { width, height }: SizePx,
  reasonPx: number,
): TagPlace | undefined => {
  const { leftPx, topPx, size } = page.placed;
  const row = boxInWindow(page);
  const middle = centerOf(row);
  const isLow = middle.y > topPx + size.height / 2;
  const tag: BoxPx = {
    x: atLeft ? leftPx + 4 : leftPx + size.width - width - 4,
    y: isLow
      ? topPx + EDGE_PX + index * (height + 4)
      : topPx + size.height - EDGE_PX - height - index * (height + 4),
    width,
    height,
  };
  // the first goes before the row of its page; the others must leave that row in sight
  const abovePx = stays ? reasonPx : 0;
  const hidesRow = isLow ? tag.y + tag.height > row.y - abovePx : tag.y < row.y + row.height;
  if (index > 0 && hidesRow) return undefined;
  return { tag, start: { x: atLeft ? tag.x + tag.width : tag.x, y: tag.y + tag.height / 2 } };
};

/** Below a loupe, which has no room for a tag, or above it; undefined: the place is taken. */
const besideLoupe = (
  { banks }: OverlayScene,
  { page, index }: TaggedEntry,
  { width, height }: SizePx,
): TagPlace | undefined => {
  if (index > 0) return undefined;
  const window = banks.find(({ bank, isLoupe }) => !isLoupe && bank.id === page.placed.bank.id);
  const { leftPx, topPx, size } = page.placed;
  const middle = centerOf(boxInWindow(page));
  const x = Math.max(leftPx, Math.min(leftPx + size.width - width, middle.x - width / 4));
  const below = topPx + size.height + 10;
  const isBelow = window === undefined || below + height <= window.topPx + window.size.height;
  // above a loupe its title stands half over the edge
  const tag = { x, y: isBelow ? below : topPx - 18 - height, width, height };
  const start = {
    x: Math.max(x + 8, Math.min(x + width - 8, middle.x)),
    y: isBelow ? tag.y : tag.y + height,
  };
  return { tag, start };
};

/** A curve of Bézier from an entry to the edge of its page. */
interface Arc {
  readonly start: Point;
  readonly control: Point;
  readonly end: Point;
}

/** It comes down (or up) on its page: from the side it would lie over the pages beside it, and seem to mean those. */
const arcTo = (start: Point, box: BoxPx): Arc => {
  const page = centerOf(box);
  const isAbove = start.y < page.y;
  const end = { x: page.x, y: isAbove ? box.y - 3 : box.y + box.height + 3 };
  const hasRoom = isAbove ? end.y - start.y > WAY_PX : start.y - end.y > WAY_PX;
  if (hasRoom) return { start, control: { x: end.x, y: start.y }, end };
  // the tag stands in the row of the page
  const side = start.x < page.x ? { x: box.x - 3, y: page.y } : { x: box.x + box.width + 3, y: page.y };
  return { start, control: between(start, side, 0.5), end: side };
};

const between = (from: Point, to: Point, part: number): Point => ({
  x: from.x + (to.x - from.x) * part,
  y: from.y + (to.y - from.y) * part,
});

/** From an entry to its page, as far as it reaches; with a head at both ends where the rmap leads back. */
const paintArrow = (
  pen: Pen,
  { start, control, end }: Arc,
  reach: number,
  { isBroken, bothWays }: { readonly isBroken: boolean; readonly bothWays: boolean },
  palette: Palette,
): void => {
  if (Math.hypot(end.x - start.x, end.y - start.y) * reach <= 6) return;
  // de Casteljau: the part of the curve up to there, and its direction
  const bend = between(start, control, reach);
  const ahead = between(control, end, reach);
  const tip = between(bend, ahead, reach);
  for (const [color, widthPx] of [
    [palette.paper, 4],
    [palette.ink, 1.6],
  ] as const) {
    pen.strokeStyle = color;
    pen.fillStyle = color;
    pen.lineWidth = widthPx;
    pen.setLineDash(isBroken ? [5, 4] : []);
    pen.beginPath();
    pen.moveTo(start.x, start.y);
    pen.quadraticCurveTo(bend.x, bend.y, tip.x, tip.y);
    pen.stroke();
  }
  pen.setLineDash([]);
  paintHead(pen, tip, unitOf(bend, ahead));
  if (bothWays) paintHead(pen, start, unitOf(control, start));
};

/** Direction of one point from another; downwards where they are the same. */
const unitOf = (from: Point, to: Point): Point => {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  return length === 0 ? { x: 0, y: 1 } : { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
};

const paintHead = (pen: Pen, tip: Point, unit: Point): void => {
  pen.beginPath();
  pen.moveTo(tip.x + unit.x * 3, tip.y + unit.y * 3);
  pen.lineTo(tip.x - unit.x * 6 - unit.y * 4, tip.y - unit.y * 6 + unit.x * 4);
  pen.lineTo(tip.x - unit.x * 6 + unit.y * 4, tip.y - unit.y * 6 - unit.x * 4);
  pen.closePath();
  pen.fill();
};
