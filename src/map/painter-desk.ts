// Tells the painter what it has to know, once, and only what is different: at most once a frame.

import type { App } from '../store/app.ts';
import type { Stage } from '../store/playback.ts';
import type { MachineInfo, Moment, Selection } from '../store/views.ts';
import type { MapMoment } from './cells.ts';
import type { Palette } from './color.ts';
import { type Coloring, STATE_COLORING } from './coloring.ts';
import { type PainterLink, startPainter } from './painter-host.ts';
import type { FromPainter, PaintedPicture, WindowView } from './painter-messages.ts';
import type { SizePx } from './camera.ts';

/** Where the windows lie now, and what they show. */
export interface PlacedViews {
  readonly views: readonly WindowView[];
  readonly overlaySize: SizePx;
  readonly typeScale: number;
}

declare global {
  interface Window {
    /** Keeps a record of the pictures that are painted, or hands it over. The benchmark reads it. */
    simPictures?: (keep: boolean) => Promise<readonly PaintedPicture[]>;
  }
}

interface Told {
  machine: MachineInfo | undefined;
  palette: Palette | undefined;
  stage: Stage | undefined;
  place: string;
  views: string;
  pointer: readonly unknown[];
  coloring: string;
}

const mapMoment = ({ processes, handles, frames, moves }: Moment): MapMoment => ({
  processes,
  handles,
  frames,
  moves,
});

export class PainterDesk {
  private readonly app: App;
  private readonly viewsNow: () => PlacedViews;
  /** Started when there is something to paint on: the first paint of the page does not wait for it. */
  private painter: PainterLink | undefined;
  private machine: MachineInfo | undefined;
  private palette: Palette | undefined;
  /** `light` or `dark`, as the palette is. */
  private scheme = '';
  private readonly canvases = new Map<string, HTMLCanvasElement>();
  private overlay: HTMLCanvasElement | undefined;
  private isOverlayTold = false;
  private told: Told = {
    machine: undefined,
    palette: undefined,
    stage: undefined,
    place: '',
    views: '',
    pointer: [],
    coloring: JSON.stringify(STATE_COLORING),
  };
  private frame = 0;
  private settleId = 0;
  private endSettling: (() => void) | undefined;
  private onRecord: ((pictures: readonly PaintedPicture[]) => void) | undefined;

  constructor(app: App, viewsNow: () => PlacedViews) {
    this.app = app;
    this.viewsNow = viewsNow;
  }

  openMachine(machine: MachineInfo | undefined): void {
    this.machine = machine;
    this.canvases.clear();
  }

  setPalette(palette: Palette, scheme: string): void {
    this.palette = palette;
    this.scheme = scheme;
    this.update();
  }

  attach(bankId: string, canvas: HTMLCanvasElement): void {
    this.tellMachine();
    this.canvases.set(bankId, canvas);
    const painter = this.start();
    painter.post({ kind: 'canvas', bankId, canvas: painter.canvasOf(canvas) });
    this.told.views = '';
  }

  detach(bankId: string): void {
    this.canvases.delete(bankId);
    this.painter?.post({ kind: 'canvas', bankId, canvas: undefined });
    this.told.views = '';
  }

  attachOverlay(canvas: HTMLCanvasElement): void {
    this.overlay = canvas;
    this.isOverlayTold = false;
    this.update();
  }

  detachOverlay(): void {
    this.overlay = undefined;
    if (this.isOverlayTold) this.painter?.post({ kind: 'overlay', canvas: undefined });
  }

  /** Something may be different; the painter is told before the next paint. */
  update(): void {
    if (this.frame !== 0 || this.painter === undefined || this.overlay === undefined) return;
    this.endSettling ??= this.app.busy();
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.tell();
    });
  }

  private start(): PainterLink {
    if (this.painter !== undefined) return this.painter;
    const painter = startPainter((message) => this.hear(message));
    const { port1, port2 } = new MessageChannel();
    this.app.connectPainter(port1);
    painter.post({ kind: 'feed', port: port2 });
    window.simPictures = (keep) => this.record(painter, keep);
    this.painter = painter;
    return painter;
  }

  private record(painter: PainterLink, on: boolean): Promise<readonly PaintedPicture[]> {
    painter.post({ kind: 'record', on });
    return on
      ? Promise.resolve([])
      : new Promise((resolve) => {
          this.onRecord = resolve;
        });
  }

  private hear(message: FromPainter): void {
    if (message.kind === 'recorded') {
      this.onRecord?.(message.pictures);
      return;
    }
    if (message.id !== this.settleId || this.frame !== 0) return;
    // what is dark when a printer wants it is turned round by CSS
    for (const canvas of this.canvases.values()) canvas.dataset['scheme'] = this.scheme;
    if (this.overlay !== undefined) this.overlay.dataset['scheme'] = this.scheme;
    this.endSettling?.();
    this.endSettling = undefined;
  }

  private tell(): void {
    const { painter } = this;
    if (painter === undefined) return;
    this.tellMachine();
    this.tellOverlay(painter);
    this.tellViews(painter);
    this.tellStage(painter);
    this.tellPointer(painter);
    this.tellColoring(painter);
    if (this.palette !== undefined && this.palette !== this.told.palette) {
      this.told.palette = this.palette;
      painter.post({ kind: 'palette', palette: this.palette });
    }
    this.settleId += 1;
    painter.post({ kind: 'settle', id: this.settleId });
  }

  private tellMachine(): void {
    if (this.machine === this.told.machine) return;
    this.told.machine = this.machine;
    this.told.views = '';
    this.start().post({ kind: 'machine', machine: this.machine });
  }

  private tellOverlay(painter: PainterLink): void {
    if (this.overlay === undefined || this.isOverlayTold) return;
    this.isOverlayTold = true;
    painter.post({ kind: 'overlay', canvas: painter.canvasOf(this.overlay) });
  }

  private tellViews(painter: PainterLink): void {
    const placed = { ...this.viewsNow(), ratio: window.devicePixelRatio };
    const key = JSON.stringify(placed);
    if (key === this.told.views) return;
    this.told.views = key;
    painter.post({ kind: 'views', ...placed });
  }

  private tellStage(painter: PainterLink): void {
    const { playback, scenario } = this.app.store.getState();
    const { stage } = playback;
    const { told } = this;
    if (stage !== undefined && stage !== told.stage) {
      const { before, after, t } = stage;
      if (before !== told.stage?.before || after !== told.stage.after) {
        const from = mapMoment(before);
        painter.post({ kind: 'moments', before: from, after: before === after ? from : mapMoment(after) });
      }
      if (t !== told.stage?.t) painter.post({ kind: 'time', t });
    }
    told.stage = stage;
    const place = scenario.computing ? 'live' : playback.position;
    const key = `${scenario.runId} ${place}`;
    if (scenario.run === undefined || key === told.place) return;
    told.place = key;
    painter.post({ kind: 'place', runId: scenario.runId, place });
  }

  private tellColoring(painter: PainterLink): void {
    const { maps, trace } = this.app.store.getState();
    const processes = maps.mode === 'owner' ? (trace.moment?.processes ?? []).map(({ name }) => name) : [];
    const coloring: Coloring = { ...maps, processes };
    const key = JSON.stringify(coloring);
    if (key === this.told.coloring) return;
    this.told.coloring = key;
    painter.post({ kind: 'coloring', coloring });
  }

  private tellPointer(painter: PainterLink): void {
    const { selection, settings, embed } = this.app.store.getState();
    const { selected, hovered } = selection;
    const reducedMotion =
      embed.calm ||
      settings.motion === 'reduce' ||
      (settings.motion === 'system' && matchMedia('(prefers-reduced-motion: reduce)').matches);
    const pointer: readonly [Selection | undefined, Selection | undefined, boolean] = [
      selected,
      hovered,
      reducedMotion,
    ];
    if (pointer.every((value, i) => value === this.told.pointer[i])) return;
    this.told.pointer = pointer;
    painter.post({ kind: 'pointer', selected, hovered, reducedMotion });
  }
}
