// Paints the maps: the windows on banks, and above them what moves. It runs in a worker of its own, or in the page where
// the browser has no canvas for workers; it never knows which.

import { PAGES_PER_SECTION } from '../core/uapi/units.ts';
import type { Camera } from '../store/viewport.ts';
import type { FeedRequest, MachineInfo, MapPicture, MapPlace } from '../store/views.ts';
import { paintedLevel, type SizePx, visibleRect } from './camera.ts';
import { cellsInView } from './cells.ts';
import type { Palette } from './color.ts';
import { type Coloring, STATE_COLORING } from './coloring.ts';
import { type Bank, layOutBanks, layOutWhole, unitsWithin } from './layout.ts';
import { paintOverlay } from './overlay.ts';
import { paintLoupe } from './overlay-loupes.ts';
import type { OverlayScene, PlacedBank } from './overlay-place.ts';
import { boxOf, paintCells, paintFreeBlocks, paintPlotNames, paintRegionNames, type Pen } from './paint.ts';
import type { FromPainter, PaintCanvas, PaintedPicture, ToPainter, WindowView } from './painter-messages.ts';
import { type PixelBox, rasterAll, rasterSections } from './raster.ts';
import { SectionStore } from './sections.ts';
import { type Skin, skinOf } from './skin.ts';

/** From here on a page has a form, a letter and marks. */
const FORM_FROM_PX = 8;

interface PainterWindow {
  readonly bank: Bank;
  canvas: PaintCanvas | undefined;
  pen: Pen | undefined;
  view: WindowView | undefined;
  /** What was painted last, while it is made of pixels. */
  image: ImageData | undefined;
  /** All has to be painted; or only these sections. */
  stale: boolean;
  readonly staleSections: Set<number>;
}

/** What the painter needs of where it runs. */
export interface PainterHost {
  readonly report: (message: FromPainter) => void;
  readonly requestFrame: (paint: () => void) => void;
  readonly nowMs: () => number;
}

const NO_TIME = { before: undefined, after: undefined, t: 1 };

export class Painter {
  private readonly host: PainterHost;
  private windows = new Map<string, PainterWindow>();
  private store = new SectionStore([]);
  private palette: Palette | undefined;
  private ratio = 1;
  private typeScale = 1;
  private machine: MachineInfo | undefined;
  /** As it was asked for, and as far as the simulation has answered. */
  private wanted: Coloring = STATE_COLORING;
  private skin: Skin | undefined;
  private overlay: { readonly canvas: PaintCanvas; readonly pen: Pen } | undefined;
  private overlaySize: SizePx = { width: 0, height: 0 };
  private overlayStale = true;
  private stage: Pick<OverlayScene, 't'> & {
    readonly before: OverlayScene['before'] | undefined;
    readonly after: OverlayScene['after'] | undefined;
  } = NO_TIME;
  private pointer: Pick<OverlayScene, 'selected' | 'hovered' | 'reducedMotion'> = {
    selected: undefined,
    hovered: undefined,
    reducedMotion: false,
  };
  private place: { readonly runId: string; readonly place: MapPlace } | undefined;
  private feed: MessagePort | undefined;
  private asked = '';
  /** Of the last request to the simulation, and of the last that was answered. */
  private number = 0;
  private answered = 0;
  private untaken = false;
  private framePlanned = false;
  private readonly settling: number[] = [];
  private record: PaintedPicture[] | undefined;

  constructor(host: PainterHost) {
    this.host = host;
  }

  handle(message: ToPainter): void {
    switch (message.kind) {
      case 'machine':
        this.open(message);
        break;
      case 'canvas':
        this.attach(message.bankId, message.canvas);
        break;
      case 'overlay': {
        const pen = message.canvas && penOf(message.canvas);
        this.overlay = message.canvas && pen && { canvas: message.canvas, pen };
        this.overlayStale = true;
        break;
      }
      case 'views':
        this.look(message);
        break;
      case 'palette':
        this.palette = message.palette;
        this.skin = undefined;
        this.repaintAll();
        break;
      case 'coloring':
        this.wanted = message.coloring;
        this.skin = undefined;
        this.repaintAll();
        break;
      case 'moments':
        this.stage = { before: message.before, after: message.after, t: this.stage.t };
        this.momentChanged();
        break;
      case 'time':
        this.advance(message.t);
        break;
      case 'pointer': {
        const { selected, hovered, reducedMotion } = message;
        this.pointer = { selected, hovered, reducedMotion };
        this.overlayStale = true;
        break;
      }
      case 'place':
        this.place = { runId: message.runId, place: message.place };
        this.overlayStale = true;
        break;
      case 'feed':
        this.connect(message.port);
        break;
      case 'settle':
        this.settling.push(message.id);
        break;
      case 'record':
        if (!message.on) this.host.report({ kind: 'recorded', pictures: this.record ?? [] });
        this.record = message.on ? [] : undefined;
        // what is on the screen already is the first
        this.note(this.host.nowMs());
        break;
    }
    this.ask();
    this.plan();
  }

  private open({ machine }: Extract<ToPainter, { kind: 'machine' }>): void {
    this.store = new SectionStore(machine?.ranges ?? []);
    this.machine = machine;
    this.skin = undefined;
    const banks = machine === undefined ? [] : [...layOutBanks(machine), layOutWhole(machine)];
    const before = this.windows;
    this.windows = new Map(
      banks.map((bank) => {
        const old = before.get(bank.id);
        const window: PainterWindow = {
          bank,
          canvas: old?.canvas,
          pen: old?.pen,
          view: undefined,
          image: undefined,
          stale: true,
          staleSections: new Set(),
        };
        return [bank.id, window];
      }),
    );
    this.stage = NO_TIME;
    this.overlayStale = true;
    this.asked = '';
  }

  private attach(bankId: string, canvas: PaintCanvas | undefined): void {
    const window = this.windows.get(bankId);
    if (window === undefined) return;
    window.canvas = canvas;
    window.pen = canvas && penOf(canvas);
    window.image = undefined;
    window.stale = true;
  }

  private look({ views, overlaySize, ratio, typeScale }: Extract<ToPainter, { kind: 'views' }>): void {
    const now = new Map(views.map((view) => [view.bankId, view]));
    for (const [id, window] of this.windows) {
      const view = now.get(id);
      const isSame = ratio === this.ratio && typeScale === this.typeScale;
      if (view === undefined || !isSameView(window.view, view) || !isSame) window.stale = true;
      window.view = view;
    }
    this.ratio = ratio;
    this.typeScale = typeScale;
    this.overlaySize = overlaySize;
    this.overlayStale = true;
  }

  private repaintAll(): void {
    for (const window of this.windows.values()) window.stale = true;
    this.overlayStale = true;
  }

  private momentChanged(): void {
    for (const window of this.windows.values()) if (showsForms(window)) window.stale = true;
    this.overlayStale = true;
  }

  private advance(t: number): void {
    const arrived = this.stage.t < 1 !== t < 1;
    this.stage = { ...this.stage, t };
    this.overlayStale = true;
    if (arrived) this.momentChanged();
  }

  // --- what the simulation sends ------------------------------------------------------------------------------------

  private connect(port: MessagePort): void {
    this.feed = port;
    this.asked = '';
    port.addEventListener('message', ({ data }: MessageEvent<MapPicture>) => this.take(data));
    port.start();
  }

  /** Asks the simulation for what is visible now. */
  private ask(): void {
    if (this.feed === undefined || this.place === undefined || this.windows.size === 0) return;
    const pageSections = [...this.visibleSections()].sort((a, b) => a - b);
    const wanted = { ...this.place, pageSections, mode: this.wanted.mode };
    const key = JSON.stringify(wanted);
    if (key === this.asked) return;
    this.asked = key;
    this.number += 1;
    this.feed.postMessage({ kind: 'show', number: this.number, ...wanted } satisfies FeedRequest);
  }

  private visibleSections(): Set<number> {
    const sections = new Set<number>();
    for (const { bank, view, canvas } of this.windows.values()) {
      if (view === undefined || canvas === undefined) continue;
      for (const { camera, size } of [view, ...view.loupes]) {
        if (paintedLevel(camera) !== 'page') continue;
        for (const no of this.sectionsIn(bank, camera, size)) sections.add(no);
      }
    }
    return sections;
  }

  private sectionsIn(bank: Bank, camera: Camera, size: SizePx): Set<number> {
    const starts = unitsWithin(bank, visibleRect(camera, size), bank.unitPages);
    return new Set(starts.map((start) => Math.floor(start / PAGES_PER_SECTION)));
  }

  private take(picture: MapPicture): void {
    this.untaken = true;
    this.answered = picture.number;
    if (picture.runId === this.place?.runId) {
      const changed = this.store.apply(picture);
      if (picture.mode !== this.skin?.coloring.mode) this.skin = undefined;
      for (const window of this.windows.values()) {
        if (changed === undefined) window.stale = true;
        else for (const section of changed) window.staleSections.add(section);
      }
      if (changed === undefined || changed.size > 0) this.overlayStale = true;
    }
    this.plan();
  }

  // --- painting -----------------------------------------------------------------------------------------------------

  private plan(): void {
    if (this.framePlanned) return;
    this.framePlanned = true;
    this.host.requestFrame(() => {
      this.framePlanned = false;
      this.paint();
    });
  }

  private paint(): void {
    const startMs = this.host.nowMs();
    const { untaken } = this;
    if (untaken) {
      this.untaken = false;
      // the next one may be made while this one is painted
      this.feed?.postMessage({ kind: 'taken' } satisfies FeedRequest);
    }
    const skin = this.skinNow();
    if (skin !== undefined) {
      for (const window of this.windows.values()) this.paintWindow(window, skin);
      if (this.overlayStale) this.paintAbove(skin);
    }
    if (untaken) this.note(startMs);
    if (this.answered !== this.number) return;
    for (const id of this.settling.splice(0)) this.host.report({ kind: 'settled', id });
  }

  /** Colours of what is known: until the simulation has said what another mode needs, the one before is shown. */
  private skinNow(): Skin | undefined {
    const { palette, wanted, store, machine } = this;
    if (palette === undefined) return undefined;
    const coloring = wanted.mode === store.mode ? wanted : { ...wanted, mode: store.mode, only: [] };
    this.skin ??= skinOf(palette, coloring, machine);
    return this.skin;
  }

  private paintWindow(window: PainterWindow, skin: Skin): void {
    const { canvas, pen, view, staleSections } = window;
    if (canvas === undefined || pen === undefined || view === undefined) return;
    if (!window.stale && staleSections.size === 0) return;
    const width = Math.max(1, Math.round(view.size.width * this.ratio));
    const height = Math.max(1, Math.round(view.size.height * this.ratio));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      window.stale = true;
    }
    if (showsForms(window)) this.paintForms(window, pen, view, skin);
    else this.paintPixels(window, pen, view, skin);
    window.stale = false;
    staleSections.clear();
  }

  private paintForms(window: PainterWindow, pen: Pen, { camera, size }: WindowView, skin: Skin): void {
    window.image = undefined;
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, size.width, size.height);
    this.paintPages(window.bank, pen, camera, size, skin);
    this.paintNames(window, pen, camera, skin.palette);
  }

  private paintPages(bank: Bank, pen: Pen, camera: Camera, size: SizePx, skin: Skin): void {
    const { before, after, t } = this.stage;
    const moment = t < 1 ? before : after;
    const live = this.place?.place === 'live';
    const shown = moment === undefined || live ? NO_MOMENT : moment;
    const cells = cellsInView(bank, camera, size, shown, this.store.countsOf);
    paintCells(pen, cells, camera, skin, (pfn) => this.store.shadeOf(pfn));
    if (skin.coloring.mode !== 'state' && skin.coloring.mode !== 'type') return;
    for (const no of this.sectionsIn(bank, camera, size))
      paintFreeBlocks(pen, bank, this.store.freeBlocksOf(no), camera, size, skin.palette, this.typeScale);
  }

  private paintPixels(window: PainterWindow, pen: Pen, { camera }: WindowView, skin: Skin): void {
    const { bank, canvas, staleSections } = window;
    if (canvas === undefined) return;
    const { width, height } = canvas;
    let { image } = window;
    if (image === undefined || image.width !== width || image.height !== height) {
      window.image = image = new ImageData(width, height);
      window.stale = true;
    }
    const pixels = { data: new Uint32Array(image.data.buffer), width, height };
    let box: PixelBox | undefined = { left: 0, top: 0, right: width, bottom: height };
    if (window.stale) rasterAll(pixels, bank, camera, this.ratio, this.store, skin);
    else box = rasterSections(pixels, bank, camera, this.ratio, this.store, skin, staleSections);
    if (box !== undefined) {
      const { left, top, right, bottom } = box;
      pen.putImageData(image, 0, 0, left, top, right - left, bottom - top);
    }
    this.paintNames(window, pen, camera, skin.palette);
  }

  private paintNames({ bank, view }: PainterWindow, pen: Pen, camera: Camera, palette: Palette): void {
    if (view === undefined) return;
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    if (bank.kind === 'whole') paintPlotNames(pen, bank, camera, palette);
    else {
      const spots = view.loupes.map(({ subject }) => boxOf(subject, camera));
      paintRegionNames(pen, bank, camera, view.size, palette, this.typeScale, spots);
    }
  }

  private paintAbove(skin: Skin): void {
    const { overlay, overlaySize, stage, ratio } = this;
    if (overlay === undefined) return;
    this.overlayStale = false;
    const { canvas, pen } = overlay;
    const width = Math.max(1, Math.round(overlaySize.width * ratio));
    const height = Math.max(1, Math.round(overlaySize.height * ratio));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const live = this.place?.place === 'live';
    const before = live ? NO_MOMENT : (stage.before ?? NO_MOMENT);
    const after = live ? NO_MOMENT : (stage.after ?? NO_MOMENT);
    pen.clearRect(0, 0, overlaySize.width, overlaySize.height);
    const windows: PlacedBank[] = [];
    const loupes: PlacedBank[] = [];
    for (const { bank, view, canvas: on } of this.windows.values()) {
      if (view === undefined || on === undefined) continue;
      windows.push({ ...view, bank, isLoupe: false });
      loupes.push(...this.paintLoupes(bank, pen, view, skin));
    }
    const banks = [...loupes, ...windows];
    const { countsOf } = this.store;
    paintOverlay(
      pen,
      {
        banks,
        before,
        after,
        t: stage.t,
        ...this.pointer,
        countsOf,
        copyingWord: 'copying',
        links: this.machine?.links ?? [],
        typeScale: this.typeScale,
      },
      skin,
    );
  }

  /** @returns where they lie on the overlay */
  private paintLoupes(bank: Bank, pen: Pen, view: WindowView, skin: Skin): PlacedBank[] {
    const { leftPx, topPx } = view;
    pen.save();
    pen.translate(leftPx, topPx);
    // while the window travels, what a loupe shows may lie outside of it
    pen.beginPath();
    pen.rect(0, 0, view.size.width, view.size.height);
    pen.clip();
    for (const loupe of view.loupes)
      paintLoupe(pen, loupe, view.camera, skin.palette, this.typeScale, () =>
        this.paintPages(bank, pen, loupe.camera, loupe.size, skin),
      );
    pen.restore();
    return view.loupes.map(
      ({ x, y, size, camera }): PlacedBank => ({
        bank,
        camera,
        size,
        leftPx: leftPx + x,
        topPx: topPx + y,
        isLoupe: true,
      }),
    );
  }

  private note(startMs: number): void {
    if (this.record === undefined) return;
    const endMs = this.host.nowMs();
    let hash = HASH_START;
    for (const { pen, canvas, view } of this.windows.values()) {
      if (pen === undefined || canvas === undefined || view === undefined) continue;
      const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
      hash = hashPixels(new Uint32Array(data.buffer), hash);
    }
    this.record.push({ atMs: performance.timeOrigin + endMs, paintMs: endMs - startMs, hash });
  }
}

const NO_MOMENT = { processes: [], handles: [], frames: [], moves: [] };

const HASH_START = 0x811c9dc5;

/** FNV-1a over whole pixels. */
export const hashPixels = (pixels: Uint32Array, start = HASH_START): number => {
  let hash = start;
  for (const pixel of pixels) hash = Math.imul(hash ^ pixel, 0x01000193);
  return hash >>> 0;
};

const penOf = (canvas: PaintCanvas): Pen | undefined => canvas.getContext('2d') ?? undefined;

const isSameView = (a: WindowView | undefined, b: WindowView): boolean =>
  a !== undefined &&
  a.camera.k === b.camera.k &&
  a.camera.x === b.camera.x &&
  a.camera.y === b.camera.y &&
  a.size.width === b.size.width &&
  a.size.height === b.size.height;

/** Pages are large enough to be drawn one by one, with what the moment says of them. */
const showsForms = ({ view }: PainterWindow): boolean => view !== undefined && view.camera.k >= FORM_FROM_PX;
