// Wheel, drag and pinch on a window, by d3-zoom; the camera itself stands in the store.

import { type D3ZoomEvent, select, zoom, zoomIdentity } from 'd3';
import { fitBank, MAX_PAGE_PX } from './camera.ts';
import type { MapController } from './controller.ts';
import type { Bank } from './layout.ts';

/** What of an event says whether it is meant for the map; a touch has no button, and nothing else has fingers. */
interface Pressed {
  readonly type: string;
  readonly ctrlKey: boolean;
  readonly button?: number;
  readonly touches?: { readonly length: number };
}

/** In a frame, a wheel without Ctrl and a single finger are for the page around, as with maps of streets. */
export const isForMap = ({ type, ctrlKey, button = 0, touches }: Pressed, isEmbedded: boolean): boolean => {
  if (type === 'wheel') return ctrlKey || !isEmbedded;
  if (touches !== undefined) return !ctrlKey && (touches.length > 1 || !isEmbedded);
  return !ctrlKey && button === 0;
};

/** @returns how to stop */
export const attachZoom = (
  element: HTMLElement,
  bank: Bank,
  maps: MapController,
  isEmbedded: boolean,
): (() => void) => {
  const selection = select<HTMLElement, unknown>(element);
  const behaviour = zoom<HTMLElement, unknown>()
    .clickDistance(4)
    // its own way is to ask the element, which makes the browser lay out the page
    .extent(() => {
      const { width = 0, height = 0 } = maps.viewOf(bank.id)?.size ?? {};
      return [
        [0, 0],
        [width, height],
      ];
    })
    .filter((event: Pressed) => isForMap(event, isEmbedded))
    .on('zoom', ({ sourceEvent, transform: { x, y, k } }: D3ZoomEvent<HTMLElement, unknown>) => {
      if (sourceEvent === null || sourceEvent === undefined) return;
      maps.setCamera(bank.id, { x, y, k });
    });
  const follow = (): void => {
    const view = maps.viewOf(bank.id);
    if (view === undefined) return;
    const { x, y, k } = view.camera;
    behaviour.scaleExtent([Math.min(k, fitBank(bank, view.size).k), MAX_PAGE_PX]);
    behaviour.transform(selection, zoomIdentity.translate(x, y).scale(k));
  };
  selection.call(behaviour).on('dblclick.zoom', null);
  follow();
  const stop = maps.subscribe(follow);
  return () => {
    stop();
    selection.on('.zoom', null);
  };
};
