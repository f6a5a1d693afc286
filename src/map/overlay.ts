// Draws what changes and moves above the maps: `paint(before, after, t)` for the fraction t between two moments.

import { easeCubicInOut } from 'd3';
import { formatCounted } from '../ui/format.ts';
import { levelOf, type SizePx } from './camera.ts';
import { indexMoment, type MapCell } from './cells.ts';
import { hueOf, lookOf, type Palette } from './color.ts';
import { bundlesOf, type Flight, flightsBetween, MAX_FLIGHTS, type Nail, nailsBetween } from './flights.ts';
import { paintEntries, paintStayed } from './overlay-entries.ts';
import { boxInWindow, centerOf, clipTo, locate, type OverlayScene } from './overlay-place.ts';
import { type BoxPx, indexOf, paintOutline, paintPage, type Pen, tracePath } from './paint.ts';
import { rangeOf } from './layout.ts';
import type { Skin } from './skin.ts';

/** With more than this many frames, changes are not faded. */
const MANY_FRAMES = 600;

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
  paintEntries(pen, scene, palette);
  paintStayed(pen, scene, palette);
  if (before === after || (!scene.reducedMotion && (t <= 0 || t >= 1))) return;
  if (flights.length > MAX_FLIGHTS) {
    for (const bundle of bundlesOf(flights, (pfn) => bankIdOf(scene, pfn))) {
      if (scene.reducedMotion) paintStill(pen, scene, bundle, palette);
      paintFlight(pen, scene, bundle, scene.reducedMotion ? 0.5 : easeCubicInOut(t), palette, bundle.count);
    }
    return;
  }
  flights.forEach((flight, i, { length }) => {
    if (scene.reducedMotion) paintStill(pen, scene, flight, palette);
    else paintFlight(pen, scene, flight, stagger(t, i, length), palette, flights.length === 1 ? 1 : 0);
  });
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

/** Of the windows on screen, the one that has a frame. */
const bankIdOf = ({ banks }: OverlayScene, pfn: number): string =>
  banks.find(({ bank }) => rangeOf(bank, pfn) !== undefined)?.bank.id ?? '';

const stagger = (t: number, index: number, count: number): number => {
  const delay = count > 1 ? (0.25 * index) / (count - 1) : 0;
  return easeCubicInOut(Math.max(0, Math.min(1, (t - delay) / 0.75)));
};

const paintFlight = (
  pen: Pen,
  scene: OverlayScene,
  flight: Flight,
  t: number,
  palette: Palette,
  /** Pages that it stands for; 0: one of several, without words. */
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
  // a bundle is a stack
  for (let sheet = Math.min(2, count - 1); sheet >= 0; sheet--) {
    const off = sheet * side * 0.16;
    tracePath(pen, look.form, { ...box, x: box.x + off, y: box.y - off });
    pen.fill();
    pen.shadowColor = 'transparent';
    if (sheet === 0) continue;
    pen.strokeStyle = palette.paper;
    pen.lineWidth = 1;
    pen.stroke();
  }
  paintLabel(
    pen,
    (count > 1 ? '' : indexOf(flight.owner)) || look.glyph,
    box,
    palette[hueOf(look.residence).ink],
  );
  if (count > 1) paintWord(pen, formatCounted(count, 'page'), box.x + side * 1.4 + 8, at.y, palette);
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
