// What only the browser knows, since it lays out the page: where the windows lie, and how large a page is drawn.

import type { SizePx } from './camera.ts';
import type { Bank } from './layout.ts';
import type { WindowView } from './painter-messages.ts';

/** Relative to the overlay. */
export interface Places {
  readonly byBank: ReadonlyMap<string, Pick<WindowView, 'leftPx' | 'topPx'>>;
  readonly overlaySize: SizePx;
}

export const readPlaces = (
  overlay: HTMLCanvasElement | undefined,
  windows: Iterable<{ readonly bank: Bank; readonly canvas: HTMLCanvasElement | undefined }>,
): Places => {
  const origin = overlay?.getBoundingClientRect() ?? { left: 0, top: 0, width: 0, height: 0 };
  const byBank = new Map(
    [...windows].flatMap(({ canvas, bank }) => {
      if (canvas === undefined || canvas.clientWidth === 0) return [];
      const { left, top } = canvas.getBoundingClientRect();
      return [[bank.id, { leftPx: left - origin.left, topPx: top - origin.top }] as const];
    }),
  );
  return { byBank, overlaySize: { width: origin.width, height: origin.height } };
};

/** How large a page is drawn where there is room: it grows with the type. */
export const readPagePx = (): number => {
  const style = getComputedStyle(document.documentElement);
  return Number(style.getPropertyValue('--page-cell-rem')) * Number.parseFloat(style.fontSize);
};
