// Draws what changes and moves above the maps: `paint(before, after, t)` for the fraction t between two moments.

import { easeCubicInOut } from 'd3';
import type { Camera } from '../store/viewport.ts';
import type { Selection } from '../store/views.ts';
import { levelOf, type SizePx } from './camera.ts';
import { indexMoment, type MapCell, type MapMoment, pageCell } from './cells.ts';
import { hueOf, lookOf, type Palette } from './color.ts';
import type { Skin } from './skin.ts';
import type { CountsOf } from './counts.ts';
import { type Flight, flightsBetween, MAX_FLIGHTS, type Nail, nailsBetween } from './flights.ts';
import type { Bank } from './layout.ts';
import { type BoxPx, boxOf, indexOf, paintOutline, paintPage, type Pen, tracePath } from './paint.ts';

/** A window on a bank, where it lies on the overlay. */
export interface PlacedBank {
  readonly bank: Bank;
  readonly camera: Camera;
  readonly size: SizePx;
  readonly leftPx: number;
  readonly topPx: number;
}

export interface OverlayScene {
  readonly banks: readonly PlacedBank[];
  readonly countsOf: CountsOf;
  readonly before: MapMoment;
  readonly after: MapMoment;
  readonly t: number;
  readonly selected: Selection | undefined;
  readonly hovered: Selection | undefined;
  /** Outlines on source and target instead of travel. */
  readonly reducedMotion: boolean;
  /** What is written beside a page that flies. */
  readonly copyingWord: string;
}

/** With more than this many frames, changes are not faded. */
const MANY_FRAMES = 600;

interface Place {
  readonly placed: PlacedBank;
  readonly cell: MapCell;
  /** On the overlay. */
  readonly box: BoxPx;
  readonly isInWindow: boolean;
}

export const paintOverlay = (pen: Pen, scene: OverlayScene, size: SizePx, skin: Skin): void => {
  const { palette, coloring } = skin;
  pen.clearRect(0, 0, size.width, size.height);
  const { before, after, t } = scene;
  const flights = flightsBetween(before, after);
  const landing = new Set(flights.map(({ dst }) => dst));
  // other colours, or fewer of them, come with the next picture
  const fades = coloring.mode === 'state' && coloring.only.length === 0;
  if (t < 1 && fades) paintChanges(pen, scene, landing, palette);
  for (const nail of nailsBetween(before, after, easeCubicInOut(t))) paintNail(pen, scene, nail, palette);
  paintOutlines(pen, scene, palette);
  if (before === after || (!scene.reducedMotion && (t <= 0 || t >= 1))) return;
  flights.slice(0, MAX_FLIGHTS).forEach((flight, i, { length }) => {
    if (scene.reducedMotion) paintStill(pen, scene, flight, palette);
    else paintFlight(pen, scene, flight, stagger(t, i, length), palette, flights.length);
  });
};

/** Where a frame is on the overlay; undefined if no bank has it. */
const locate = (scene: OverlayScene, pfn: number, moment: MapMoment): Place | undefined => {
  for (const placed of scene.banks) {
    const cell = pageCell(placed.bank, pfn, indexMoment(moment), scene.countsOf);
    if (cell === undefined) continue;
    const inner = boxOf(cell, placed.camera);
    const isInWindow =
      inner.x + inner.width > 0 &&
      inner.y + inner.height > 0 &&
      inner.x < placed.size.width &&
      inner.y < placed.size.height;
    return {
      placed,
      cell,
      isInWindow,
      box: { ...inner, x: inner.x + placed.leftPx, y: inner.y + placed.topPx },
    };
  }
  return undefined;
};

const clipTo = (pen: Pen, { leftPx, topPx, size }: PlacedBank, paint: () => void): void => {
  pen.save();
  pen.beginPath();
  pen.rect(leftPx, topPx, size.width, size.height);
  pen.clip();
  paint();
  pen.restore();
};

/** Pages that look different afterwards fade from what they were to what they are. */
const paintChanges = (
  pen: Pen,
  scene: OverlayScene,
  landing: ReadonlySet<number>,
  palette: Palette,
): void => {
  const { before, after, t } = scene;
  const was = indexMoment(before);
  const is = indexMoment(after);
  if (was.frames.size > MANY_FRAMES || is.frames.size > MANY_FRAMES) return;
  for (const pfn of new Set([...was.frames.keys(), ...is.frames.keys(), ...is.moves.keys()])) {
    if (landing.has(pfn)) continue;
    const first = locate(scene, pfn, before);
    const second = locate(scene, pfn, after);
    if (first?.isInWindow !== true || second === undefined || levelOf(second.placed.camera) !== 'page')
      continue;
    if (looksAlike(first.cell, second.cell)) continue;
    clipTo(pen, second.placed, () => {
      const { x, y, width, height } = second.box;
      pen.fillStyle = palette.paper;
      pen.fillRect(x - 1, y - 1, width + 2, height + 2);
      pen.globalAlpha = 1 - easeCubicInOut(t);
      paintPage(pen, first.cell, first.box, palette);
      pen.globalAlpha = easeCubicInOut(t);
      paintPage(pen, second.cell, second.box, palette);
      pen.globalAlpha = 1;
    });
  }
};

const looksAlike = (a: MapCell, b: MapCell): boolean =>
  a.frame?.owner === b.frame?.owner && JSON.stringify(lookOf(a)) === JSON.stringify(lookOf(b));

/** A pin: a nail in the page's upper edge, hollow for a short one, solid for FOLL_LONGTERM. */
const paintNail = (pen: Pen, scene: OverlayScene, nail: Nail, palette: Palette): void => {
  const place = locate(scene, nail.pfn, scene.after);
  if (place === undefined || !place.isInWindow || place.box.width < 6) return;
  const { box } = place;
  const unit = Math.min(box.width, 40) / 10;
  const lift = (1 - nail.presence) * unit * 7;
  const x = box.x + box.width / 2;
  const y = box.y - unit * 1.7 - lift;
  clipTo(pen, place.placed, () => {
    pen.globalAlpha = nail.presence;
    pen.lineJoin = 'round';
    for (const [color, grow] of [
      [palette.paper, Math.max(1.5, unit * 0.6)],
      [palette.ink, 0],
    ] as const) {
      pen.strokeStyle = color;
      pen.fillStyle = nail.longterm || grow > 0 ? color : palette.paper;
      pen.lineWidth = Math.max(1, unit * 0.45) + grow * 2;
      pen.beginPath();
      pen.moveTo(x - unit * 2, y);
      pen.lineTo(x + unit * 2, y);
      pen.lineTo(x + unit * 2, y + unit * 1.3);
      pen.lineTo(x + unit * 0.7, y + unit * 1.3);
      pen.lineTo(x, y + unit * 5);
      pen.lineTo(x - unit * 0.7, y + unit * 1.3);
      pen.lineTo(x - unit * 2, y + unit * 1.3);
      pen.closePath();
      pen.fill();
      pen.stroke();
    }
    if (nail.count > 1 && box.width >= 16) paintCount(pen, nail.count, x + unit * 2.6, y, unit, palette);
    pen.globalAlpha = 1;
  });
};

const paintCount = (pen: Pen, count: number, x: number, y: number, unit: number, palette: Palette): void => {
  pen.font = `650 ${Math.max(9, unit * 3.4)}px "JetBrains Mono Variable", monospace`;
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  pen.lineWidth = 3;
  pen.strokeStyle = palette.paper;
  pen.strokeText(String(count), x, y + unit);
  pen.fillStyle = palette.ink;
  pen.fillText(String(count), x, y + unit);
};

const paintOutlines = (pen: Pen, scene: OverlayScene, palette: Palette): void => {
  const outlines = [
    [scene.hovered, palette['ink-2'], 1.5],
    [scene.selected, palette.current, 2],
  ] as const;
  for (const [target, color, width] of outlines) {
    if (target?.kind !== 'page') continue;
    const place = locate(scene, target.pfn, scene.after);
    if (place?.isInWindow === true)
      clipTo(pen, place.placed, () => paintOutline(pen, place.box, color, width));
  }
};

const stagger = (t: number, index: number, count: number): number => {
  const delay = count > 1 ? (0.25 * index) / (count - 1) : 0;
  return easeCubicInOut(Math.max(0, Math.min(1, (t - delay) / 0.75)));
};

/** A place just inside the window for what lies outside of it. */
const boxInWindow = ({ placed, box, isInWindow }: Place): BoxPx => {
  if (isInWindow) return box;
  const side = Math.min(14, placed.size.height / 2);
  const clamp = (value: number, low: number, extent: number): number =>
    Math.max(low, Math.min(low + extent - side, value));
  return {
    x: clamp(box.x, placed.leftPx, placed.size.width),
    y: clamp(box.y, placed.topPx, placed.size.height),
    width: side,
    height: side,
  };
};

const centerOf = ({ x, y, width, height }: BoxPx) => ({ x: x + width / 2, y: y + height / 2 });

const paintFlight = (
  pen: Pen,
  scene: OverlayScene,
  flight: Flight,
  t: number,
  palette: Palette,
  count: number,
): void => {
  const src = locate(scene, flight.src, scene.before);
  const dst = locate(scene, flight.dst, scene.after);
  if (src === undefined || dst === undefined) return;
  const a = boxInWindow(src);
  const b = boxInWindow(dst);
  const from = centerOf(a);
  const to = centerOf(b);
  const bend = {
    x: (from.x + to.x) / 2 + (to.y - from.y) * 0.18,
    y: (from.y + to.y) / 2 - (to.x - from.x) * 0.18,
  };

  pen.save();
  pen.strokeStyle = palette['ink-3'];
  pen.lineWidth = 1.5;
  pen.setLineDash([4, 4]);
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.quadraticCurveTo(bend.x, bend.y, to.x, to.y);
  pen.stroke();
  pen.setLineDash([]);

  const at = {
    x: (1 - t) ** 2 * from.x + 2 * t * (1 - t) * bend.x + t * t * to.x,
    y: (1 - t) ** 2 * from.y + 2 * t * (1 - t) * bend.y + t * t * to.y,
  };
  const swell = 1 + 0.22 * Math.sin(Math.PI * t);
  const side = Math.max(8, (a.width * (1 - t) + b.width * t) * swell);
  const box = { x: at.x - side / 2, y: at.y - side / 2, width: side, height: side };
  const look = lookOf(src.cell);
  pen.shadowColor = 'rgb(0 0 0 / 35%)';
  pen.shadowBlur = 10;
  pen.fillStyle = palette[hueOf(look.residence).fill];
  tracePath(pen, look.form, box);
  pen.fill();
  pen.shadowColor = 'transparent';
  paintLabel(pen, indexOf(flight.owner) || look.glyph, box, palette[hueOf(look.residence).ink]);
  if (count === 1) paintWord(pen, scene.copyingWord, box.x + side + 8, at.y, palette);
  pen.restore();
};

const paintLabel = (pen: Pen, text: string, box: BoxPx, color: string): void => {
  if (box.width < 14) return;
  pen.fillStyle = color;
  pen.font = `650 ${Math.round(box.width * (text.length > 3 ? 0.3 : 0.4))}px "JetBrains Mono Variable", monospace`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, box.x + box.width / 2, box.y + box.height * 0.54);
};

const paintWord = (pen: Pen, word: string, x: number, y: number, palette: Palette): void => {
  pen.font = '500 13px "Inter Variable", sans-serif';
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  pen.lineWidth = 4;
  pen.strokeStyle = palette.paper;
  pen.strokeText(word, x, y);
  pen.fillStyle = palette['ink-2'];
  pen.fillText(word, x, y);
};

/** Without motion: both ends outlined, and a line between them. */
const paintStill = (pen: Pen, scene: OverlayScene, flight: Flight, palette: Palette): void => {
  const ends = [locate(scene, flight.src, scene.before), locate(scene, flight.dst, scene.after)].flatMap(
    (place) => (place === undefined ? [] : [boxInWindow(place)]),
  );
  for (const box of ends) paintOutline(pen, box, palette.ink, 2);
};
