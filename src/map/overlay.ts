// Draws what changes and moves above the maps: `paint(before, after, t)` for the fraction t between two moments.

import { easeCubicInOut } from 'd3';
import { levelOf } from './camera.ts';
import { indexMoment, type MapCell } from './cells.ts';
import { lookOf, type Palette } from './color.ts';
import { bundlesOf, flightsBetween, flyInBundles, type Nail, nailsBetween } from './flights.ts';
import { paintEntries } from './overlay-entries.ts';
import { linkOf, linksToName, paintFlight, paintStill, paintWays, stagger } from './overlay-flights.ts';
import { clipTo, locate, type OverlayScene } from './overlay-place.ts';
import { paintStayed } from './overlay-stays.ts';
import { paintOutline, paintPage, type Pen } from './paint.ts';
import { rangeOf } from './layout.ts';
import type { Skin } from './skin.ts';

/** With more than this many frames, changes are not faded. */
const MANY_FRAMES = 600;

export const paintOverlay = (pen: Pen, scene: OverlayScene, skin: Skin): void => {
  const { palette, coloring } = skin;
  const { before, after, t } = scene;
  const flights = flightsBetween(before, after);
  const landing = new Set(flights.map(({ dst }) => dst));
  // other colours, or fewer of them, come with the next picture
  const fades = coloring.mode === 'state' && coloring.only.length === 0;
  if (t < 1 && fades) paintChanges(pen, scene, landing, palette);
  for (const nail of nailsBetween(before, after, easeCubicInOut(t))) paintNail(pen, scene, nail, palette);
  paintWays(pen, scene, flights, palette);
  paintOutlines(pen, scene, palette);
  paintStayed(pen, scene, palette, paintEntries(pen, scene, flights, palette));
  if (before === after || (!scene.reducedMotion && (t <= 0 || t >= 1))) return;
  if (flyInBundles(flights)) {
    for (const bundle of bundlesOf(flights, (pfn) => bankIdOf(scene, pfn))) {
      if (scene.reducedMotion) paintStill(pen, scene, bundle, palette);
      const flown = scene.reducedMotion ? 0.5 : stagger(t, 0, 1);
      paintFlight(pen, scene, bundle, flown, palette, bundle.count, linkOf(scene, bundle));
    }
    return;
  }
  const links = linksToName(scene, flights);
  flights.forEach((flight, i, { length }) => {
    if (scene.reducedMotion) paintStill(pen, scene, flight, palette);
    else
      paintFlight(pen, scene, flight, stagger(t, i, length), palette, length === 1 ? 1 : 0, links[i] ?? '');
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
  // one that comes or goes is large and high above its page: the eye has to find it
  const unit = (Math.min(box.width, 40) / 10) * (1.8 - 0.8 * nail.presence);
  const lift = (1 - nail.presence) * unit * 5;
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
      pen.lineTo(x, y + unit * 4.6);
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
