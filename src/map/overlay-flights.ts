// Pages on their way from one frame to another: a page flies while its bytes are copied, and before and after that a line
// says where it goes.

import { easeCubicInOut } from 'd3';
import { formatCounted } from '../ui/format.ts';
import { linkBetween } from '../store/link-between.ts';
import { overLink } from '../words/en/links.ts';
import { type CellLook, hueOf, lookOf, type Palette } from './color.ts';
import type { Flight } from './flights.ts';
import { rangeOf } from './layout.ts';
import { boxInWindow, centerOf, locate, type OverlayScene } from './overlay-place.ts';
import { type BoxPx, indexOf, paintOutline, type Pen, tracePath } from './paint.ts';

/** More lines than this say nothing. */
const MAX_WAYS = 4;
/** Part of a flight after which the bytes have landed: the page takes the look of its new frame. */
const LANDED_AT = 0.86;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Way {
  readonly from: BoxPx;
  readonly to: BoxPx;
  readonly start: Point;
  readonly end: Point;
  /** The control point of the curve between the two. */
  readonly bend: Point;
}

const wayBetween = (scene: OverlayScene, src: number, dst: number): Way | undefined => {
  const a = locate(scene, src, scene.before);
  const b = locate(scene, dst, scene.after);
  if (a === undefined || b === undefined) return undefined;
  const [from, to] = [boxInWindow(a), boxInWindow(b)];
  const [start, end] = [centerOf(from), centerOf(to)];
  const bend = {
    x: (start.x + end.x) / 2 + (end.y - start.y) * 0.18,
    y: (start.y + end.y) / 2 - (end.x - start.x) * 0.18,
  };
  return { from, to, start, end, bend };
};

const alongWay = ({ start, end, bend }: Way, t: number): Point => ({
  x: (1 - t) ** 2 * start.x + 2 * t * (1 - t) * bend.x + t * t * end.x,
  y: (1 - t) ** 2 * start.y + 2 * t * (1 - t) * bend.y + t * t * end.y,
});

const WAY_PARTS = 40;

/** From cell to cell: over their letters there is no line. */
const paintWay = (pen: Pen, way: Way, palette: Palette): void => {
  const isClear = ({ x, y }: Point): boolean =>
    [way.from, way.to].every(
      (box) => x < box.x - 2 || x > box.x + box.width + 2 || y < box.y - 2 || y > box.y + box.height + 2,
    );
  const points = Array.from({ length: WAY_PARTS + 1 }, (_, i) => alongWay(way, i / WAY_PARTS)).filter(
    isClear,
  );
  for (const [color, widthPx] of [
    [palette.paper, 3.5],
    [palette['ink-3'], 1.5],
  ] as const) {
    pen.strokeStyle = color;
    pen.lineWidth = widthPx;
    // paper around the dots only: a whole line of it would rub out the words that it crosses
    pen.setLineDash([1, 5]);
    pen.lineCap = 'round';
    pen.beginPath();
    for (const { x, y } of points) pen.lineTo(x, y);
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.lineCap = 'butt';
};

/** Where pages under way will go to, or have come from, until their entries say so. */
export const paintWays = (
  pen: Pen,
  scene: OverlayScene,
  flights: readonly Flight[],
  palette: Palette,
): void => {
  const inTheAir = scene.t > 0 && scene.t < 1 ? flights : [];
  const flying = new Set(inTheAir.map(({ src }) => src));
  const isOpen = (phase: string): boolean =>
    phase === 'awaited' || phase === 'allocated' || phase === 'copied';
  const moves = scene.after.moves.filter(
    ({ src, dst, phase }) => dst >= 0 && isOpen(phase) && !flying.has(src),
  );
  if (moves.length > MAX_WAYS) return;
  for (const { src, dst } of moves) {
    const way = wayBetween(scene, src, dst);
    if (way === undefined || Math.min(way.from.width, way.to.width) < 10) continue;
    paintWay(pen, way, palette);
  }
};

/** Part of a transition after which bytes fly: their entry becomes a migration entry first. */
const BEGIN_AT = 0.18;
/** And after which the last ones have landed: the new entry comes behind that. */
const END_AT = 0.92;
/** Part of it for which the last one waits. */
const STAGGER = 0.2;

/** How far a page has flown, each a little later than the one before. */
export const stagger = (t: number, index: number, count: number): number => {
  const delay = count > 1 ? (STAGGER * index) / (count - 1) : 0;
  const lasts = END_AT - BEGIN_AT - (count > 1 ? STAGGER : 0);
  return easeCubicInOut(Math.max(0, Math.min(1, (t - BEGIN_AT - delay) / lasts)));
};

/** What a flight goes over, in words. */
export const linkOf = ({ banks, links }: OverlayScene, { src, dst }: Flight): string => {
  const deviceOf = (pfn: number): number => {
    for (const { bank } of banks) {
      const range = rangeOf(bank, pfn);
      if (range !== undefined) return range.device;
    }
    return -1;
  };
  return overLink(linkBetween(links, deviceOf(src), deviceOf(dst)));
};

/** For each of several flights what it goes over; '' for all but the last over a link, which is painted above them. */
export const linksToName = (scene: OverlayScene, flights: readonly Flight[]): string[] => {
  const links = flights.map((flight) => linkOf(scene, flight));
  return links.map((link, i) => (links.lastIndexOf(link) === i ? link : ''));
};

export const paintFlight = (
  pen: Pen,
  scene: OverlayScene,
  flight: Flight,
  t: number,
  palette: Palette,
  /** Pages that it stands for; 0: one of several, without words. */
  count: number,
  /** What it goes over; '': another one says so. */
  link: string,
): void => {
  const way = wayBetween(scene, flight.src, flight.dst);
  const src = locate(scene, flight.src, scene.before);
  const dst = locate(scene, flight.dst, scene.after);
  if (way === undefined || src === undefined || dst === undefined) return;
  const { from, to } = way;
  pen.save();
  paintWay(pen, way, palette);
  const at = alongWay(way, t);
  const swell = 1 + 0.4 * Math.sin(Math.PI * t);
  const side = Math.max(count > 1 ? 20 : 8, (from.width * (1 - t) + to.width * t) * swell);
  const box = { x: at.x - side / 2, y: at.y - side / 2, width: side, height: side };
  const index = count > 1 ? '' : indexOf(flight.owner);
  paintSheets(pen, lookOf(src.cell), index, box, count, palette);
  const landed = Math.max(0, (t - LANDED_AT) / (1 - LANDED_AT));
  if (landed > 0) {
    pen.globalAlpha = landed;
    paintSheets(pen, lookOf(dst.cell), index, box, 1, palette);
    pen.globalAlpha = 1;
  }
  const isUnderWay = t > 0.08 && t < LANDED_AT;
  const word = !isUnderWay
    ? ''
    : count > 1
      ? formatCounted(count, 'page')
      : count === 1
        ? scene.copyingWord
        : '';
  const { leftPx, size } = src.placed;
  const gapPx = side * (count > 1 ? 0.4 : 0) + 8;
  const fontPx = 13 * scene.typeScale;
  pen.font = `600 ${fontPx}px "Inter Variable", sans-serif`;
  const full = `${word} ${isUnderWay ? link : ''}`.trim();
  if (full !== '') paintWord(pen, [full, word], box, fontPx, gapPx, [leftPx, leftPx + size.width], palette);
  pen.restore();
};

/** A page in the air; a bundle is a stack. */
const paintSheets = (
  pen: Pen,
  look: CellLook,
  index: string,
  box: BoxPx,
  count: number,
  palette: Palette,
): void => {
  const hue = hueOf(look.residence);
  pen.shadowColor = 'rgb(0 0 0 / 35%)';
  pen.shadowBlur = 10;
  for (let sheet = Math.max(0, Math.min(2, count - 1)); sheet >= 0; sheet--) {
    const off = sheet * box.width * 0.16;
    pen.fillStyle = palette[hue.fill];
    tracePath(pen, look.form, { ...box, x: box.x + off, y: box.y - off });
    pen.fill();
    pen.shadowColor = 'transparent';
    pen.strokeStyle = sheet === 0 ? palette.ink : palette.paper;
    pen.lineWidth = 1;
    pen.stroke();
  }
  paintLabel(pen, `${look.glyph}${index}`, box, palette[hue.ink]);
};

const paintLabel = (pen: Pen, text: string, box: BoxPx, color: string): void => {
  if (box.width < 14) return;
  pen.fillStyle = color;
  pen.font = `650 ${Math.round(box.width * (text.length > 2 ? 0.33 : 0.4))}px "JetBrains Mono Variable", monospace`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, box.x + box.width / 2, box.y + box.height * 0.54);
};

/** In the font that is set. To the right of what flies, or else to its left: the first of the wordings that has room. */
const paintWord = (
  pen: Pen,
  wordings: readonly string[],
  box: BoxPx,
  fontPx: number,
  gapPx: number,
  [leftPx, rightPx]: readonly [number, number],
  palette: Palette,
): void => {
  const widthOf = (text: string): number => pen.measureText(text).width;
  const goesRight = (text: string): boolean => box.x + box.width + gapPx + widthOf(text) <= rightPx;
  const goesLeft = (text: string): boolean => box.x - gapPx - widthOf(text) >= leftPx;
  const word = wordings.find((text) => goesRight(text) || goesLeft(text)) ?? wordings.at(-1) ?? '';
  const fits = goesRight(word);
  pen.textAlign = fits ? 'left' : 'right';
  pen.textBaseline = 'middle';
  const x = fits ? box.x + box.width + gapPx : box.x - gapPx;
  const y = box.y + box.height / 2;
  // it flies over cells and captions: it takes its paper with it
  const width = widthOf(word);
  pen.fillStyle = palette.paper;
  pen.beginPath();
  pen.roundRect((fits ? x : x - width) - 5, y - fontPx * 0.75, width + 10, fontPx * 1.5, 4);
  pen.fill();
  pen.fillStyle = palette.ink;
  pen.fillText(word, x, y);
};

/** Without motion: both ends outlined, and a line between them. */
export const paintStill = (pen: Pen, scene: OverlayScene, flight: Flight, palette: Palette): void => {
  const way = wayBetween(scene, flight.src, flight.dst);
  if (way === undefined) return;
  paintWay(pen, way, palette);
  for (const box of [way.from, way.to]) paintOutline(pen, box, palette.ink, 2);
};
