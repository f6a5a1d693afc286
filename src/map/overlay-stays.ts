// What was to move and stayed behind: crossed out, with the reason beside it.

import type { MoveView } from '../store/views.ts';
import type { Palette } from './color.ts';
import { stayWords } from './describe.ts';
import { centerOf, locate, type OverlayScene, type Place } from './overlay-place.ts';
import { type BoxPx, paintOutline, type Pen } from './paint.ts';

/** Height of the line that says why, with what keeps it apart from its page. */
export const reasonHeight = ({ typeScale }: Pick<OverlayScene, 'typeScale'>): number => 16 * typeScale + 6;

/**
 * Pages that were to move and did not: crossed out, with the reason beside the first.
 *
 * @param pointedAt - pages that the arrow of an entry comes down on
 */
export const paintStayed = (
  pen: Pen,
  scene: OverlayScene,
  palette: Palette,
  pointedAt: readonly BoxPx[],
): void => {
  const stayed = scene.after.moves.flatMap((move) => {
    if (move.phase !== 'failed') return [];
    const place = locate(scene, move.src, scene.after);
    return place?.isInWindow === true && place.box.width >= 8 ? [{ move, place }] : [];
  });
  for (const { place } of stayed) paintCross(pen, place.box, palette);
  const [first] = stayed.toSorted(({ place: { box: a } }, { place: { box: b } }) => a.y - b.y || a.x - b.x);
  if (first !== undefined) paintReason(pen, scene, first, palette, pointedAt);
};

const paintCross = (pen: Pen, box: BoxPx, palette: Palette): void => {
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
};

const paintReason = (
  pen: Pen,
  scene: OverlayScene,
  { move, place: { box, placed } }: { readonly move: MoveView; readonly place: Place },
  palette: Palette,
  pointedAt: readonly BoxPx[],
): void => {
  const { leftPx, topPx, size } = placed;
  const text = stayWords(move);
  pen.font = `500 ${12 * scene.typeScale}px "Inter Variable", sans-serif`;
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  const width = pen.measureText(text).width;
  const inside = (x: number): number => Math.max(leftPx + 4, Math.min(x, leftPx + size.width - 6 - width));
  // the arrow of its entry comes down on its middle: beside that, where there is room between the others
  const { x: middle } = centerOf(box);
  const sides = [middle - 8 - width, middle + 8];
  const isFree = (left: number): boolean =>
    inside(left) === left &&
    pointedAt.every((page) => centerOf(page).x < left - 6 || centerOf(page).x > left + width + 6);
  const side = sides.find(isFree) ?? sides.find((left) => inside(left) === left) ?? inside(middle + 8);
  const above = { x: side, y: box.y - reasonHeight(scene) / 2 };
  // the top of the window is where entries are named; a low window has room below the page, if anywhere
  const below = { x: inside(box.x), y: box.y + box.height + 10 };
  const isLow = box.y - topPx < 34 && below.y + 8 < topPx + size.height;
  const { x, y } = isLow ? below : above;
  pen.lineWidth = 5;
  pen.lineJoin = 'round';
  pen.strokeStyle = palette.paper;
  pen.strokeText(text, x, y);
  pen.fillStyle = palette.current;
  pen.fillText(text, x, y);
};
