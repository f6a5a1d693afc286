// Where things are on the overlay above all windows.

import type { Camera } from '../store/viewport.ts';
import type { MachineInfo, Selection } from '../store/views.ts';
import type { SizePx } from './camera.ts';
import { indexMoment, type MapCell, type MapMoment, pageCell } from './cells.ts';
import type { CountsOf } from './counts.ts';
import type { Bank } from './layout.ts';
import { type BoxPx, boxOf, type Pen } from './paint.ts';

/** A window on a bank, where it lies on the overlay. */
export interface PlacedBank {
  readonly bank: Bank;
  readonly camera: Camera;
  readonly size: SizePx;
  readonly leftPx: number;
  readonly topPx: number;
  /** It shows only a part of the bank large: what is not in it is looked for elsewhere. */
  readonly isLoupe: boolean;
}

export interface OverlayScene {
  /** Loupes before the windows that they lie on. */
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
  /** What lies between devices, and the CPU. */
  readonly links: MachineInfo['links'];
  /** How much larger words are than usual. */
  readonly typeScale: number;
}

export interface Place {
  readonly placed: PlacedBank;
  readonly cell: MapCell;
  /** On the overlay. */
  readonly box: BoxPx;
  readonly isInWindow: boolean;
}

/** Where a frame is on the overlay; undefined if no bank has it. */
export const locate = (scene: OverlayScene, pfn: number, moment: MapMoment): Place | undefined => {
  for (const placed of scene.banks) {
    const cell = pageCell(placed.bank, pfn, indexMoment(moment), scene.countsOf);
    if (cell === undefined) continue;
    const inner = boxOf(cell, placed.camera);
    const isInWindow =
      inner.x + inner.width > 0 &&
      inner.y + inner.height > 0 &&
      inner.x < placed.size.width &&
      inner.y < placed.size.height;
    if (placed.isLoupe && !isInWindow) continue;
    return {
      placed,
      cell,
      isInWindow,
      box: { ...inner, x: inner.x + placed.leftPx, y: inner.y + placed.topPx },
    };
  }
  return undefined;
};

export const clipTo = (pen: Pen, { leftPx, topPx, size }: PlacedBank, paint: () => void): void => {
  pen.save();
  pen.beginPath();
  pen.rect(leftPx, topPx, size.width, size.height);
  pen.clip();
  paint();
  pen.restore();
};

/** A place just inside the window for what lies outside of it. */
export const boxInWindow = ({ placed, box, isInWindow }: Place): BoxPx => {
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

export const centerOf = ({ x, y, width, height }: BoxPx) => ({ x: x + width / 2, y: y + height / 2 });
