// What part of memory is looked at, and which panel is open where there is not room for all.

import type { RunId } from '../worker/protocol.ts';
import { type Context, update } from './context.ts';

/** A d3-zoom transform: screenPx = worldPx * k + (x, y). */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

/** What a window shows, whatever its size: the point in its middle, and how many pixels wide a page is. */
export interface Look {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

export interface ViewportSlice {
  readonly runId: RunId;
  /** By the name of the map; absent: the map follows what is of interest. */
  readonly looks: Readonly<Record<string, Look>>;
  /** Panel that lies open in the sheet of a narrow screen, dialog or drawer; '' none. */
  readonly openPanel: string;
}

export interface ViewportActions {
  /** undefined: follows again. */
  readonly look: (map: string, at: Look | undefined) => void;
  readonly openPanel: (panel: string) => void;
}

export const initialViewport: ViewportSlice = { runId: '', looks: {}, openPanel: '' };

export const viewportActions = (context: Context): ViewportActions => ({
  look: (map, at) => {
    const { [map]: _old, ...others } = context.store.getState().viewport.looks;
    update(context, 'viewport', { looks: at === undefined ? others : { ...others, [map]: at } });
  },
  openPanel: (panel) => update(context, 'viewport', { openPanel: panel }),
});
