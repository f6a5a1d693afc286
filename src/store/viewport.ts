// What part of memory is looked at, and which panel is open where there is not room for all.

import type { RunId } from '../worker/protocol.ts';
import { type Context, update } from './context.ts';

/** A d3-zoom transform: screenPx = worldPx * k + (x, y). */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

export interface ViewportSlice {
  readonly runId: RunId;
  /** By the name of the map; absent: the map fits what is of interest. */
  readonly cameras: Readonly<Record<string, Camera>>;
  /** Panel that lies open in the sheet of a narrow screen, dialog or drawer; '' none. */
  readonly openPanel: string;
}

export interface ViewportActions {
  readonly setCamera: (map: string, camera: Camera | undefined) => void;
  readonly openPanel: (panel: string) => void;
}

export const initialViewport: ViewportSlice = { runId: '', cameras: {}, openPanel: '' };

export const viewportActions = (context: Context): ViewportActions => ({
  setCamera: (map, camera) => {
    const { [map]: _old, ...others } = context.store.getState().viewport.cameras;
    update(context, 'viewport', { cameras: camera === undefined ? others : { ...others, [map]: camera } });
  },
  openPanel: (panel) => update(context, 'viewport', { openPanel: panel }),
});
