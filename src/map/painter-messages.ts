// What crosses between the page and the painter of its maps, which lives in a worker where the browser can.
// Plain data, canvases and ports; tiles come on the port, straight from the simulation.

import type { Camera } from '../store/viewport.ts';
import type { MachineInfo, MapPlace, Selection } from '../store/views.ts';
import type { SizePx } from './camera.ts';
import type { MapMoment } from './cells.ts';
import type { Palette } from './color.ts';
import type { Coloring } from './coloring.ts';
import type { Loupe } from './loupes.ts';
import type { Pen } from './paint.ts';

/** A window on a bank, and where it lies on the overlay. */
export interface WindowView {
  readonly bankId: string;
  readonly camera: Camera;
  readonly size: SizePx;
  readonly leftPx: number;
  readonly topPx: number;
  /** What lies above it. */
  readonly loupes: readonly Loupe[];
}

/** A canvas of the page or of a worker. */
export interface PaintCanvas {
  width: number;
  height: number;
  getContext(kind: '2d'): Pen | null;
}

export type ToPainter =
  /** Another machine: all banks are laid out anew. */
  | { readonly kind: 'machine'; readonly machine: MachineInfo | undefined }
  /** The canvas of a bank, or of the overlay; undefined: it is gone. */
  | { readonly kind: 'canvas'; readonly bankId: string; readonly canvas: PaintCanvas | undefined }
  | { readonly kind: 'overlay'; readonly canvas: PaintCanvas | undefined }
  | {
      readonly kind: 'views';
      readonly views: readonly WindowView[];
      readonly overlaySize: SizePx;
      /** Pixels of the screen in a CSS pixel. */
      readonly ratio: number;
      /** How much larger words are than usual: as the type around the maps. */
      readonly typeScale: number;
    }
  | { readonly kind: 'palette'; readonly palette: Palette }
  /** What the colours say, and which of them stand out. */
  | { readonly kind: 'coloring'; readonly coloring: Coloring }
  | { readonly kind: 'moments'; readonly before: MapMoment; readonly after: MapMoment }
  /** How far the picture is between the two moments. */
  | { readonly kind: 'time'; readonly t: number }
  | {
      readonly kind: 'pointer';
      readonly selected: Selection | undefined;
      readonly hovered: Selection | undefined;
      readonly reducedMotion: boolean;
    }
  /** Where in which run to look. */
  | { readonly kind: 'place'; readonly runId: string; readonly place: MapPlace }
  /** The port to the simulation. */
  | { readonly kind: 'feed'; readonly port: MessagePort }
  /** Asks to say when all that came before is painted. */
  | { readonly kind: 'settle'; readonly id: number }
  /** Asks to keep a record of each picture from now on, or to hand the record over. */
  | { readonly kind: 'record'; readonly on: boolean };

/** A font for letters on cells; a worker does not have those of the page. */
export interface FontMessage {
  readonly kind: 'font';
  readonly family: string;
  readonly url: string;
}

/** One picture that was painted. */
export interface PaintedPicture {
  /** When it was painted, in milliseconds since 1970. */
  readonly atMs: number;
  /** From taking up what is new until all windows were painted. */
  readonly paintMs: number;
  /** Of the pixels of all windows: another number, another picture. */
  readonly hash: number;
}

export type FromPainter =
  | { readonly kind: 'settled'; readonly id: number }
  | { readonly kind: 'recorded'; readonly pictures: readonly PaintedPicture[] };
