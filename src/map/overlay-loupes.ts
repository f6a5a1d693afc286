// The frame of a loupe, and the line to what it shows. What is in it is painted as in any window.

import type { Camera } from '../store/viewport.ts';
import { toScreen } from './camera.ts';
import type { Palette } from './color.ts';
import { type Loupe, middleOf } from './loupes.ts';
import { type Pen, paintOutline } from './paint.ts';

/** @param camera - of the window below; the origin of the pen is the window's */
export const paintLoupe = (
  pen: Pen,
  loupe: Loupe,
  camera: Camera,
  palette: Palette,
  typeScale: number,
  paintInner: () => void,
): void => {
  const { x, y, size, subject, title } = loupe;
  const middle = { x: x + size.width / 2, y: y + size.height / 2 };
  const spot = toScreen(camera, middleOf(subject));
  const corner = toScreen(camera, subject);
  for (const [color, widthPx] of [
    [palette.paper, 4],
    [palette['ink-2'], 1.4],
  ] as const) {
    pen.strokeStyle = color;
    pen.lineWidth = widthPx;
    pen.beginPath();
    pen.moveTo(middle.x, middle.y);
    pen.lineTo(spot.x, spot.y);
    pen.stroke();
  }
  const box = { ...corner, width: subject.width * camera.k, height: subject.height * camera.k };
  paintOutline(pen, box, palette.paper, 3);
  paintOutline(pen, box, palette['ink-2'], 1.5);
  pen.save();
  pen.translate(x, y);
  pen.shadowColor = 'rgb(0 0 0 / 30%)';
  pen.shadowBlur = 14;
  pen.fillStyle = palette.paper;
  pen.beginPath();
  pen.roundRect(0, 0, size.width, size.height, 6);
  pen.fill();
  pen.shadowColor = 'transparent';
  pen.save();
  pen.clip();
  paintInner();
  pen.restore();
  pen.strokeStyle = palette['ink-2'];
  pen.lineWidth = 1.4;
  pen.beginPath();
  pen.roundRect(0, 0, size.width, size.height, 6);
  pen.stroke();
  pen.restore();
  paintTitle(pen, title, x, y, palette, typeScale);
};

/** On the upper edge. */
const paintTitle = (
  pen: Pen,
  title: string,
  x: number,
  y: number,
  palette: Palette,
  typeScale: number,
): void => {
  const height = 16 * typeScale;
  pen.font = `600 ${11 * typeScale}px "Inter Variable", sans-serif`;
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  const width = pen.measureText(title).width + 10;
  pen.fillStyle = palette['ink-2'];
  pen.beginPath();
  pen.roundRect(x + 8, y - height / 2, width, height, 4);
  pen.fill();
  pen.fillStyle = palette.paper;
  pen.fillText(title, x + 13, y + 0.5);
};
