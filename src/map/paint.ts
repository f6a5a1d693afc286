// Draws the cells of a map. Depends on nothing but its arguments: the same cells give the same pixels.

import { PAGE_SIZE_BYTES, PAGEBLOCK_NR_PAGES } from '../core/uapi/units.ts';
import type { Camera } from '../store/viewport.ts';
import { formatBytes } from '../ui/format.ts';
import { EXCLUSIVE_GLYPH } from '../ui/tones.ts';
import { type SizePx, toScreen } from './camera.ts';
import type { MapCell } from './cells.ts';
import { type CellLook, hueOf, lookOf, type Palette } from './color.ts';
import { inkOn, shadeText } from './coloring.ts';
import { plotTitle } from './describe.ts';
import { type Bank, BLOCK_COLS, BLOCK_ROWS, placeOf } from './layout.ts';
import { regionName } from './regions.ts';
import { cellStandsOut, DIMMED, shadeIn, type Skin } from './skin.ts';

/** What the context of a canvas can do in the page and in a worker. */
export type Pen = Omit<OffscreenCanvasRenderingContext2D, 'canvas'>;

export interface BoxPx {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const GLYPH_FROM_PX = 13;
const INDEX_FROM_PX = 23;
const MARKS_FROM_PX = 18;

/** A cell's box on screen, with the gap that sets it apart from its neighbours. */
export const boxOf = (cell: Pick<MapCell, 'x' | 'y' | 'width' | 'height'>, camera: Camera): BoxPx => {
  const { x, y } = toScreen(camera, cell);
  const width = cell.width * camera.k;
  const height = cell.height * camera.k;
  const least = Math.min(width, height);
  const gap = least < 4 ? Math.min(0.5, least * 0.15) : Math.min(4, Math.max(1, least * 0.14));
  return { x: x + gap / 2, y: y + gap / 2, width: width - gap, height: height - gap };
};

/**
 * All pages of a window, each with its form.
 *
 * @param shadeOf - class of a page in modes that have some; undefined: not known yet
 */
export const paintCells = (
  pen: Pen,
  cells: readonly MapCell[],
  camera: Camera,
  skin: Skin,
  shadeOf: (pfn: number) => number | undefined,
): void => {
  if (skin.coloring.mode !== 'state') {
    paintShades(pen, cells, camera, skin, shadeOf);
    return;
  }
  const { palette, coloring } = skin;
  // most pages are free: one path for all of them is much less work than one for each
  const free: BoxPx[] = [];
  const unknown: BoxPx[] = [];
  for (const cell of cells) {
    const { usage, hatch } = lookOf(cell);
    const box = boxOf(cell, camera);
    if (hatch === 'arriving' || (usage !== 'free' && usage !== 'unknown'))
      withAlpha(pen, cellStandsOut(coloring, cell) ? 1 : DIMMED, () => paintPage(pen, cell, box, palette));
    else (usage === 'free' ? free : unknown).push(box);
  }
  const freeStandsOut = coloring.only.length === 0 || coloring.only.includes('free');
  paintFree(pen, free, palette, freeStandsOut ? 1 : 0.5);
  paintFree(pen, unknown, palette, 0.4);
};

/** Pages by their class in another mode: its colour, and its sign or number. */
const paintShades = (
  pen: Pen,
  cells: readonly MapCell[],
  camera: Camera,
  skin: Skin,
  shadeOf: (pfn: number) => number | undefined,
): void => {
  const { palette, coloring } = skin;
  const plain: BoxPx[] = [];
  for (const cell of cells) {
    const box = boxOf(cell, camera);
    const found = shadeIn(skin, shadeOf(cell.start));
    if (found === undefined) {
      plain.push(box);
      continue;
    }
    withAlpha(pen, found.vivid ? 1 : DIMMED, () => {
      const color = palette[found.look.color];
      pen.fillStyle = color;
      tracePath(pen, 'plain', box);
      pen.fill();
      if (box.width < GLYPH_FROM_PX) return;
      const text = shadeText(coloring.mode, found.look, cell.frame);
      pen.fillStyle = inkOn(color);
      pen.textAlign = 'center';
      pen.textBaseline = 'middle';
      pen.font = `650 ${Math.round(box.width * Math.min(0.5, 1.3 / text.length))}px "JetBrains Mono Variable", monospace`;
      pen.fillText(text, box.x + box.width / 2, box.y + box.height * 0.6);
    });
  }
  paintFree(pen, plain, palette, 1);
};

/** Names of the plots of a machine, each above its plot. */
export const paintPlotNames = (pen: Pen, { plots }: Bank, camera: Camera, palette: Palette): void => {
  pen.textAlign = 'left';
  pen.textBaseline = 'alphabetic';
  plots.forEach((plot, i) => {
    const above = plots[i - 1];
    const top = toScreen(camera, { x: 0, y: above === undefined ? 0 : above.y + above.height }).y;
    const { x, y } = toScreen(camera, plot);
    const sizePx = Math.min(11.5, (y - top) * 0.78);
    if (sizePx < 6) return;
    const bottom = y - sizePx * 0.3;
    const left = Math.max(4, x);
    pen.font = `600 ${sizePx}px "Inter Variable", sans-serif`;
    const text = `${plotTitle(plot)} · ${formatBytes(plot.npages * PAGE_SIZE_BYTES)}`;
    pen.clearRect(0, bottom - sizePx, left + pen.measureText(text).width + 8, sizePx * 1.25);
    pen.fillStyle = palette['ink-2'];
    pen.fillText(text, left, bottom);
  });
};

const doOverlap = (a: BoxPx, b: BoxPx): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/**
 * Names of zones, CMA areas and what is reserved, each where it begins; the first of two that would overlap.
 *
 * @param avoid - what no name may hide, in screen pixels
 */
export const paintRegionNames = (
  pen: Pen,
  bank: Bank,
  camera: Camera,
  size: SizePx,
  palette: Palette,
  typeScale: number,
  avoid: readonly BoxPx[],
): void => {
  const { ranges, kind } = bank;
  if (kind === 'whole' || ranges.length < 2) return;
  const taken: BoxPx[] = [...avoid];
  const named: BoxPx[] = [];
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  pen.font = `600 ${10.5 * typeScale}px "Inter Variable", sans-serif`;
  const height = Math.round(15 * typeScale);
  for (const range of ranges) {
    const place = placeOf(bank, range.start);
    if (place === undefined) continue;
    const { x, y } = toScreen(camera, place);
    const text = regionName(range);
    const width = pen.measureText(text).width + 8;
    const top = Math.round(Math.max(0, y - height / 2));
    // beside where it begins, if it would hide something there: behind the name before it, so that they stand in order
    const before = named.findLast((other) => Math.abs(other.y - top) < height);
    const behind = before === undefined ? [] : [before.x + before.width + 3];
    const places = [x, x + 28, ...behind, x - width - 6].map(
      (left): BoxPx => ({
        x: Math.round(Math.max(0, Math.min(left, size.width - width))),
        y: top,
        width,
        height,
      }),
    );
    const box = places.find((place) => !taken.some((other) => doOverlap(place, other)));
    // on a small picture a name would hide what it names
    const hides = width > bank.width * camera.k * 0.4;
    const isOut = hides || x < -8 || y < -8 || x > size.width || y > size.height;
    if (isOut || box === undefined) continue;
    taken.push(box);
    named.push(box);
    pen.fillStyle = palette.paper;
    pen.beginPath();
    pen.roundRect(box.x, box.y, width, box.height, 3);
    pen.fill();
    pen.strokeStyle = palette['ink-3'];
    pen.lineWidth = 1;
    pen.stroke();
    pen.fillStyle = palette['ink-2'];
    pen.fillText(text, box.x + 4, box.y + height / 2 + 0.5);
  }
};

/** Free blocks of the page allocator: a bracket around the pages of each, and its order. */
export const paintFreeBlocks = (
  pen: Pen,
  bank: Bank,
  blocks: Int32Array,
  camera: Camera,
  size: SizePx,
  palette: Palette,
  typeScale: number,
): void => {
  // from afar there are many: they must not be stronger than what is in use
  const isNear = camera.k >= INDEX_FROM_PX;
  pen.strokeStyle = isNear ? palette['ink-3'] : palette['cell-line'];
  pen.lineWidth = 1;
  pen.fillStyle = palette['ink-3'];
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.font = `500 ${Math.round(Math.min(12 * typeScale, camera.k * 0.42))}px "JetBrains Mono Variable", monospace`;
  for (let at = 0; at < blocks.length; at += 2) {
    const start = blocks[at] ?? 0;
    const order = blocks[at + 1] ?? 0;
    const npages = 2 ** order;
    for (let part = start; part < start + npages; part += PAGEBLOCK_NR_PAGES) {
      const place = placeOf(bank, part);
      if (place === undefined) continue;
      const { x, y } = toScreen(camera, place);
      const width = Math.min(BLOCK_COLS, npages) * camera.k;
      const height = Math.min(BLOCK_ROWS, Math.ceil(npages / BLOCK_COLS)) * camera.k;
      if (x > size.width || y > size.height || x + width < 0 || y + height < 0) continue;
      if (npages > 1) {
        pen.beginPath();
        pen.roundRect(x + 0.5, y + 0.5, width - 1, height - 1, 3);
        pen.stroke();
      }
      if (part === start && isNear) pen.fillText(String(order), x + camera.k / 2, y + camera.k / 2);
    }
  }
};

/** One page. */
export const paintPage = (pen: Pen, cell: MapCell, box: BoxPx, palette: Palette): void => {
  const look = lookOf(cell);
  switch (look.usage) {
    case 'free':
    case 'unknown':
      if (look.hatch === 'arriving') paintExpected(pen, look, box, palette);
      else paintFree(pen, [box], palette, look.usage === 'unknown' ? 0.4 : 1);
      return;
    case 'kernel':
    case 'reserved':
      tracePath(pen, look.usage === 'reserved' ? 'solid' : 'plain', box);
      pen.fillStyle = palette.kernel;
      withAlpha(pen, look.usage === 'reserved' ? 0.55 : 1, () => pen.fill());
      return;
    case 'other':
      paintForm(pen, look, box, palette, 'wash');
      return;
    case 'shown':
      if (look.hatch === 'arriving') paintExpected(pen, look, box, palette);
      else paintForm(pen, look, box, palette, 'fill');
      if (look.hatch === 'leaving') paintHatch(pen, box, palette.paper);
      if (cell.exclusive) paintExclusive(pen, box, palette);
      paintMarks(pen, look, box, palette);
      paintName(pen, cell, look, box, palette);
      return;
  }
};

const paintFree = (pen: Pen, boxes: readonly BoxPx[], palette: Palette, alpha: number): void => {
  const isSmall = (boxes[0]?.width ?? 0) < 5;
  withAlpha(pen, alpha * (isSmall ? 0.5 : 1), () => {
    pen.strokeStyle = palette['cell-line'];
    pen.fillStyle = palette['cell-line'];
    pen.lineWidth = 1;
    pen.beginPath();
    for (const box of boxes) addPath(pen, 'outline', isSmall ? box : inset(box, 0.5));
    if (isSmall) pen.fill();
    else pen.stroke();
  });
};

/** Paints fainter than what is set already. */
const withAlpha = (pen: Pen, alpha: number, paint: () => void): void => {
  const around = pen.globalAlpha;
  pen.globalAlpha = around * alpha;
  paint();
  pen.globalAlpha = around;
};

/** A destination whose bytes have not arrived. */
const paintExpected = (pen: Pen, look: CellLook, box: BoxPx, palette: Palette): void => {
  const { fill } = hueOf(look.residence);
  pen.strokeStyle = palette[fill];
  pen.lineWidth = Math.max(1, Math.min(2, box.width * 0.08));
  pen.setLineDash([3, 2.5]);
  tracePath(pen, look.form, inset(box, pen.lineWidth / 2));
  pen.stroke();
  pen.setLineDash([]);
};

const paintForm = (
  pen: Pen,
  look: CellLook,
  box: BoxPx,
  palette: Palette,
  strength: 'fill' | 'wash',
): void => {
  const hue = hueOf(look.residence);
  const color = palette[strength === 'fill' ? hue.fill : hue.wash];
  pen.fillStyle = color;
  if (box.width < 8) {
    pen.fillRect(box.x, box.y, box.width, box.height);
    return;
  }
  tracePath(pen, look.form, box);
  pen.fill();
  if (look.form === 'double') {
    pen.strokeStyle = palette.paper;
    pen.lineWidth = Math.max(1, box.width * 0.06);
    tracePath(pen, 'outline', inset(box, Math.max(2, box.width * 0.12)));
    pen.stroke();
  }
  if (look.form === 'dotted') {
    pen.strokeStyle = palette.paper;
    pen.lineWidth = Math.max(1, box.width * 0.07);
    pen.setLineDash([pen.lineWidth, pen.lineWidth * 1.4]);
    tracePath(pen, 'outline', inset(box, pen.lineWidth / 2));
    pen.stroke();
    pen.setLineDash([]);
  }
};

/** A device has the page to itself: a ring round it. */
const paintExclusive = (pen: Pen, box: BoxPx, palette: Palette): void => {
  if (box.width < 8) return;
  const width = Math.max(1.5, Math.min(2.5, box.width * 0.08));
  for (const [by, color] of [
    [width / 2, palette.ink],
    [width * 1.25, palette.paper],
  ] as const) {
    pen.strokeStyle = color;
    pen.lineWidth = color === palette.ink ? width : width / 2;
    tracePath(pen, 'outline', inset(box, by));
    pen.stroke();
  }
};

const paintMarks = (pen: Pen, look: CellLook, box: BoxPx, palette: Palette): void => {
  if (look.locked) {
    pen.strokeStyle = palette.ink;
    pen.lineWidth = Math.max(1, Math.min(2, box.width * 0.07));
    tracePath(pen, 'outline', inset(box, -pen.lineWidth / 2));
    pen.stroke();
  }
  if (box.width < MARKS_FROM_PX) return;
  const color = palette[hueOf(look.residence).ink];
  pen.fillStyle = look.hatch === 'arriving' ? palette.ink : color;
  if (look.dirty) {
    const r = box.width * 0.055;
    pen.beginPath();
    pen.arc(box.x + box.width - r * 2.6, box.y + box.height - r * 2.6, r, 0, 2 * Math.PI);
    pen.fill();
  }
  if (look.anonExclusive) {
    const height = Math.max(1.5, box.width * 0.06);
    pen.fillRect(box.x + box.width * 0.3, box.y + box.height - height * 2.4, box.width * 0.4, height);
  }
};

/** The glyph of the residence, and which page of its area it is where there is room. */
const paintName = (pen: Pen, cell: MapCell, look: CellLook, box: BoxPx, palette: Palette): void => {
  if (box.width < GLYPH_FROM_PX) return;
  pen.fillStyle = look.hatch === 'arriving' ? palette.ink : palette[hueOf(look.residence).ink];
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  const index = box.width >= INDEX_FROM_PX ? indexOf(cell.owner) : '';
  const text = `${cell.exclusive ? EXCLUSIVE_GLYPH : look.glyph}${index}`;
  if (look.hatch === 'leaving') paintPlate(pen, box, palette[hueOf(look.residence).fill], pen.fillStyle);
  // a nail sits in the upper edge: the letters make room for its tip
  const down = cell.pins > 0 ? 0.66 : 0.57;
  pen.font = `650 ${Math.round(box.width * Math.min(0.5, 1.22 / text.length))}px "JetBrains Mono Variable", monospace`;
  pen.fillText(text, box.x + box.width / 2, box.y + box.height * down);
};

/** Keeps letters readable on a hatch. */
const paintPlate = (
  pen: Pen,
  box: BoxPx,
  color: string,
  ink: string | CanvasGradient | CanvasPattern,
): void => {
  pen.fillStyle = color;
  pen.fillRect(box.x + box.width * 0.04, box.y + box.height * 0.34, box.width * 0.92, box.height * 0.44);
  pen.fillStyle = ink;
};

/** `A buf+2` → `+2` */
export const indexOf = (owner: string): string => /\+(\d+)/.exec(owner)?.[0] ?? '';

/** Diagonal stripes over a box that is already filled. */
export const paintHatch = (pen: Pen, box: BoxPx, color: string): void => {
  const step = Math.max(4, box.width / 4);
  pen.save();
  tracePath(pen, 'outline', box);
  pen.clip();
  pen.strokeStyle = color;
  pen.lineWidth = step * 0.38;
  pen.beginPath();
  for (let d = -box.height; d < box.width; d += step) {
    pen.moveTo(box.x + d, box.y + box.height);
    pen.lineTo(box.x + d + box.height, box.y);
  }
  pen.stroke();
  pen.restore();
};

/** Outlines what is selected or pointed at. */
export const paintOutline = (pen: Pen, box: BoxPx, color: string, widthPx: number): void => {
  pen.strokeStyle = color;
  pen.lineWidth = widthPx;
  tracePath(pen, 'outline', inset(box, -widthPx));
  pen.stroke();
};

export const inset = (box: BoxPx, by: number): BoxPx => ({
  x: box.x + by,
  y: box.y + by,
  width: Math.max(0, box.width - 2 * by),
  height: Math.max(0, box.height - 2 * by),
});

/** The outline of a form: rounded, and for coherent memory with its upper right corner cut off. */
export const tracePath = (pen: Pen, form: CellLook['form'], box: BoxPx): void => {
  pen.beginPath();
  addPath(pen, form, box);
};

const addPath = (pen: Pen, form: CellLook['form'], { x, y, width, height }: BoxPx): void => {
  const least = Math.min(width, height);
  if (form === 'notch' && least >= 6) {
    const notch = least * 0.3;
    const r = least * 0.14;
    pen.moveTo(x + r, y);
    pen.lineTo(x + width - notch, y);
    pen.lineTo(x + width, y + notch);
    pen.arcTo(x + width, y + height, x, y + height, r);
    pen.arcTo(x, y + height, x, y, r);
    pen.arcTo(x, y, x + width, y, r);
    pen.closePath();
  } else if (least < 4) pen.rect(x, y, width, height);
  else pen.roundRect(x, y, width, height, least * 0.16);
};
