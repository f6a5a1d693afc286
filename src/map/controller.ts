// Keeps the maps on screen in step with the store: which part of each bank its window shows, which tiles that needs,
// and when to paint. Paints from a store subscription, at most once a frame; React only mounts the canvases.

import { easeCubicInOut } from 'd3';
import type { App } from '../store/app.ts';
import type { Stage } from '../store/playback.ts';
import type { Camera } from '../store/viewport.ts';
import type { MachineInfo, Moment, Tile } from '../store/views.ts';
import {
  boundsOf,
  constrain,
  fitBank,
  fitRect,
  isInView,
  levelOf,
  panBy,
  type SizePx,
  toWorld,
  zoomBy,
} from './camera.ts';
import { cellOf, cellsInView, type MapCell } from './cells.ts';
import { PALETTE_KEYS, type Palette } from './color.ts';
import { cellText } from './describe.ts';
import { cameraBetween, followCamera } from './follow.ts';
import { type Bank, layOutBanks, pfnAt, rangeOf, type WorldPoint } from './layout.ts';
import { paintOverlay } from './overlay.ts';
import { boxOf, paintCells } from './paint.ts';
import { tilesFor } from './tiles.ts';

/** A window on a bank as it stands now. */
export interface MapView {
  readonly bank: Bank;
  readonly camera: Camera;
  readonly size: SizePx;
  /** Whether it follows what happens, or stands where somebody put it. */
  readonly following: boolean;
}

export interface CellTip {
  readonly text: string;
  readonly leftPx: number;
  readonly rightPx: number;
  readonly topPx: number;
  /** In the right half: the tip ends at the cell instead of beginning there. */
  readonly atEnd: boolean;
}

interface Window {
  readonly bank: Bank;
  canvas: HTMLCanvasElement | undefined;
  size: SizePx;
  /** Where the window follows to, and where it came from while the picture travels. */
  followed: Camera | undefined;
  from: Camera | undefined;
  painted: readonly unknown[];
  asked: string;
  view: MapView;
}

/** Before a window has been on screen. */
const USUAL_SIZE: SizePx = { width: 380, height: 260 };
/** Part of a transition that the camera uses. */
const CAMERA_PART = 0.45;
const NO_TILES: readonly Tile[] = [];

export class MapController {
  banks: readonly Bank[] = [];
  private windows = new Map<string, Window>();
  private machine: MachineInfo | undefined;
  private overlay: HTMLCanvasElement | undefined;
  private palette: Palette | undefined;
  private stage: Stage | undefined;
  private stageStart = 0;
  private frame = 0;
  private readonly listeners = new Set<() => void>();
  private readonly app: App;
  private activeBank = '';

  constructor(app: App) {
    this.app = app;
    app.store.subscribe(() => this.update());
    this.update();
  }

  /** Calls back when a window shows another part of memory. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly viewOf = (bankId: string): MapView | undefined => this.windows.get(bankId)?.view;

  readonly banksNow = (): readonly Bank[] => this.banks;

  attach(bankId: string, canvas: HTMLCanvasElement): () => void {
    const window = this.windows.get(bankId);
    if (window === undefined) return () => {};
    window.canvas = canvas;
    window.painted = [];
    this.resize(bankId);
    return () => {
      if (window.canvas === canvas) window.canvas = undefined;
    };
  }

  attachOverlay(canvas: HTMLCanvasElement): () => void {
    this.overlay = canvas;
    this.schedule();
    return () => {
      this.overlay = undefined;
    };
  }

  /** Keys act on this bank now: it was pointed at or focused last. */
  activate(bankId: string): void {
    this.activeBank = bankId;
  }

  /** The canvas has another size now. */
  resize(bankId: string): void {
    const window = this.windows.get(bankId);
    const canvas = window?.canvas;
    if (window === undefined || canvas === undefined || canvas.clientWidth === 0) return;
    window.size = { width: canvas.clientWidth, height: canvas.clientHeight };
    window.followed = undefined;
    window.painted = [];
    this.update();
  }

  /** Colours or fonts have changed. */
  refreshPalette(): void {
    const style = getComputedStyle(document.documentElement);
    const entries = PALETTE_KEYS.map((key) => [key, style.getPropertyValue(`--${key}`).trim()] as const);
    // Every key is there: the list they come from is the type.
    this.palette = Object.fromEntries(entries) as Palette;
    for (const window of this.windows.values()) window.painted = [];
    this.schedule();
  }

  /** The cell under a point of a window. */
  cellAtPoint(bankId: string, point: WorldPoint, moment: Moment): MapCell | undefined {
    const view = this.windows.get(bankId)?.view;
    const pfn = view && pfnAt(view.bank, toWorld(view.camera, point));
    return pfn === undefined ? undefined : this.cellOf(bankId, pfn, moment);
  }

  /** The cell in which a window draws a frame. */
  cellOf(bankId: string, pfn: number, moment: Moment): MapCell | undefined {
    const view = this.windows.get(bankId)?.view;
    return view && cellOf(view.bank, view.camera, pfn, moment, this.tilesOf(bankId));
  }

  /** What to say of a frame, and where: below its cell, relative to the overlay. */
  tipFor(pfn: number, moment: Moment): CellTip | undefined {
    const { overlay } = this;
    for (const { bank, canvas, view } of this.windows.values()) {
      if (overlay === undefined || canvas === undefined || rangeOf(bank, pfn) === undefined) continue;
      const cell = this.cellOf(bank.id, pfn, moment);
      if (cell === undefined) return undefined;
      const box = boxOf(cell, view.camera);
      const { width, height } = view.size;
      if (box.x > width || box.y > height || box.x + box.width < 0 || box.y + box.height < 0)
        return undefined;
      const origin = overlay.getBoundingClientRect();
      const { left, top } = canvas.getBoundingClientRect();
      const leftPx = left - origin.left + box.x;
      return {
        text: cellText(cell),
        leftPx,
        rightPx: origin.width - leftPx - box.width,
        topPx: top - origin.top + box.y + box.height + 6,
        atEnd: box.x + box.width / 2 > width / 2,
      };
    }
    return undefined;
  }

  /** Brings a frame into its window. */
  reveal(pfn: number): void {
    for (const { bank, view, size } of this.windows.values()) {
      const rect = boundsOf(bank, [pfn]);
      if (rect === undefined || rangeOf(bank, pfn) === undefined) continue;
      if (levelOf(view.camera) === 'page' && isInView(view.camera, size, rect)) continue;
      this.app.actions.setCamera(bank.id, fitRect(bank, rect, size, Math.max(view.camera.k, pagePx())));
    }
  }

  /** What a window shows, for the text twin; of each pageblock in sight all pages, so that ranges stay whole. */
  cellsOf(bankId: string, moment: Moment): MapCell[] {
    const window = this.windows.get(bankId);
    if (window === undefined) return [];
    const { camera, size, bank } = window.view;
    return cellsInView(bank, camera, size, moment, this.tilesOf(bankId), true);
  }

  zoom(factor: number, bankId = this.activeBank, around?: { x: number; y: number }): void {
    for (const { bank, view, size } of this.chosen(bankId)) {
      const center = around ?? { x: size.width / 2, y: size.height / 2 };
      this.app.actions.setCamera(bank.id, zoomBy(bank, view.camera, size, factor, center));
    }
  }

  pan(dx: number, dy: number, bankId = this.activeBank): void {
    for (const { bank, view, size } of this.chosen(bankId))
      this.app.actions.setCamera(bank.id, panBy(bank, view.camera, size, dx, dy));
  }

  /** Shows all of every bank. */
  fitAll(): void {
    for (const { bank, size } of this.windows.values())
      this.app.actions.setCamera(bank.id, fitBank(bank, size));
  }

  /** Lets all windows follow what happens again. */
  followAll(): void {
    for (const window of this.windows.values()) {
      window.followed = undefined;
      this.app.actions.setCamera(window.bank.id, undefined);
    }
  }

  setCamera(bankId: string, camera: Camera): void {
    const window = this.windows.get(bankId);
    if (window !== undefined) this.app.actions.setCamera(bankId, constrain(window.bank, camera, window.size));
  }

  private chosen(bankId: string): Window[] {
    const one = this.windows.get(bankId);
    return one === undefined ? [...this.windows.values()] : [one];
  }

  private tilesOf(bankId: string): readonly Tile[] {
    return this.app.store.getState().queries.tiles[bankId]?.tiles ?? NO_TILES;
  }

  private update(): void {
    const { scenario, playback } = this.app.store.getState();
    if (scenario.run?.machine !== this.machine) this.open(scenario.run?.machine);
    const { stage } = playback;
    if (stage !== undefined && !this.isSamePair(stage)) {
      this.stageStart = stage.t;
      for (const window of this.windows.values()) window.from = window.view.camera;
    }
    this.stage = stage;
    let changed = false;
    for (const window of this.windows.values()) if (this.moveWindow(window)) changed = true;
    if (changed) for (const listener of this.listeners) listener();
    this.schedule();
  }

  private isSamePair({ before, after }: Stage): boolean {
    return this.stage?.before === before && this.stage.after === after;
  }

  private open(machine: MachineInfo | undefined): void {
    const sizes = new Map([...this.windows].map(([id, { size }]) => [id, size]));
    this.machine = machine;
    this.banks = machine === undefined ? [] : layOutBanks(machine);
    this.windows = new Map(
      this.banks.map((bank) => {
        const size = sizes.get(bank.id) ?? USUAL_SIZE;
        const view = { bank, size, camera: fitBank(bank, size), following: true };
        const window: Window = {
          bank,
          canvas: undefined,
          size,
          followed: undefined,
          from: undefined,
          painted: [],
          asked: '',
          view,
        };
        return [bank.id, window];
      }),
    );
    for (const listener of this.listeners) listener();
  }

  /** Moves a window to where it should be now, and asks for the tiles it needs. @returns whether it moved */
  private moveWindow(window: Window): boolean {
    const { bank, size } = window;
    const chosen = this.app.store.getState().viewport.cameras[bank.id];
    const camera = chosen === undefined ? this.follow(window) : constrain(bank, chosen, size);
    const following = chosen === undefined;
    const { view } = window;
    const moved =
      camera.k !== view.camera.k ||
      camera.x !== view.camera.x ||
      camera.y !== view.camera.y ||
      view.size !== size ||
      view.following !== following;
    if (moved) window.view = { bank, size, camera, following };
    this.askForTiles(window);
    return moved;
  }

  private follow(window: Window): Camera {
    const { stage } = this;
    const { bank, size } = window;
    if (stage === undefined) return fitBank(bank, size);
    const { before, after, t } = stage;
    const moments = before === after ? [after] : [before, after];
    const target = followCamera(bank, moments, size, window.followed, pagePx());
    window.followed = target;
    const progress = Math.min(1, Math.abs(t - this.stageStart) / CAMERA_PART);
    const from = window.from;
    if (before === after || from === undefined || progress >= 1 || sameCamera(from, target)) return target;
    return cameraBetween(from, target, size, easeCubicInOut(progress));
  }

  private askForTiles(window: Window): void {
    const { bank, size, view } = window;
    if (window.canvas === undefined && window.asked !== '') return;
    const wanted = tilesFor(bank, view.camera, size);
    const key = wanted.map(({ start, cells, pagesPerCell }) => `${start}+${cells}x${pagesPerCell}`).join();
    if (key === window.asked) return;
    window.asked = key;
    this.app.actions.wantTiles(bank.id, wanted);
  }

  private schedule(): void {
    if (this.frame !== 0 || this.overlay === undefined) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    if (this.palette === undefined || this.stage === undefined) return;
    for (const window of this.windows.values()) this.paintWindow(window, this.stage, this.palette);
    this.paintAbove(this.stage, this.palette);
  }

  private paintWindow(window: Window, { before, after, t }: Stage, palette: Palette): void {
    const { canvas, view, bank } = window;
    if (canvas === undefined || canvas.clientWidth === 0) return;
    const moment = t < 1 ? before : after;
    const tiles = this.tilesOf(bank.id);
    const inputs = [view, moment, tiles, palette];
    if (inputs.every((input, i) => window.painted[i] === input)) return;
    window.painted = inputs;
    const pen = penFor(canvas, view.size);
    if (pen === undefined) return;
    paintCells(
      pen,
      cellsInView(bank, view.camera, view.size, moment, tiles),
      view.camera,
      view.size,
      palette,
    );
  }

  private paintAbove({ before, after, t }: Stage, palette: Palette): void {
    const { overlay } = this;
    if (overlay === undefined) return;
    const size = { width: overlay.clientWidth, height: overlay.clientHeight };
    const pen = penFor(overlay, size);
    if (pen === undefined) return;
    const origin = overlay.getBoundingClientRect();
    const banks = [...this.windows.values()].flatMap(({ canvas, view, bank }) => {
      if (canvas === undefined || canvas.clientWidth === 0) return [];
      const { left, top } = canvas.getBoundingClientRect();
      const placed = { leftPx: left - origin.left, topPx: top - origin.top };
      return [{ bank, camera: view.camera, size: view.size, ...placed, tiles: this.tilesOf(bank.id) }];
    });
    const { selection, settings } = this.app.store.getState();
    const reducedMotion =
      settings.motion === 'reduce' ||
      (settings.motion === 'system' && matchMedia('(prefers-reduced-motion: reduce)').matches);
    const { selected, hovered } = selection;
    paintOverlay(
      pen,
      { banks, before, after, t, selected, hovered, reducedMotion, copyingWord: 'copying' },
      size,
      palette,
    );
  }
}

/** How large a page is drawn where there is room: it grows with the type. */
const pagePx = (): number => {
  const style = getComputedStyle(document.documentElement);
  return Number(style.getPropertyValue('--page-cell-rem')) * Number.parseFloat(style.fontSize);
};

const sameCamera = (a: Camera, b: Camera): boolean => a.k === b.k && a.x === b.x && a.y === b.y;

/** A pen in CSS pixels, with the canvas as fine as the screen. */
const penFor = (canvas: HTMLCanvasElement, size: SizePx): CanvasRenderingContext2D | undefined => {
  const ratio = window.devicePixelRatio;
  const width = Math.round(size.width * ratio);
  const height = Math.round(size.height * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const pen = canvas.getContext('2d');
  pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen ?? undefined;
};
