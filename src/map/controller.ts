// Keeps the maps on screen in step with the store: which part of each bank its window shows, and what the painter has to
// know. React only mounts the places for the canvases.

import { easeCubicInOut } from 'd3';
import type { App } from '../store/app.ts';
import type { Stage } from '../store/playback.ts';
import type { Camera } from '../store/viewport.ts';
import type { MachineInfo, Moment, RangeInfo } from '../store/views.ts';
import {
  boundsOf,
  cameraOf,
  constrain,
  fitBank,
  fitRect,
  isInView,
  levelOf,
  lookOf,
  panBy,
  type SizePx,
  toWorld,
  zoomBy,
} from './camera.ts';
import { cellOf, cellsInView, type MapCell } from './cells.ts';
import { PALETTE_KEYS, type Palette } from './color.ts';
import type { CountsOf } from './counts.ts';
import { type CellTip, cellText, type MapView } from './describe.ts';
import { type FactSource, factsOf } from './facts.ts';
import { cameraBetween, followCamera, resizedCamera } from './follow.ts';
import { type Bank, layOutBanks, layOutWhole, pfnAt, rangeOf, type WorldPoint } from './layout.ts';
import { type Loupe, loupeAt, loupesOf } from './loupes.ts';
import { boxOf } from './paint.ts';
import { PainterDesk, type PlacedViews } from './painter-desk.ts';
import { type Places, readPagePx, readPlaces } from './places.ts';
import type { WindowView } from './painter-messages.ts';
import { countsIn, tilesFor } from './tiles.ts';

interface Window {
  readonly bank: Bank;
  canvas: HTMLCanvasElement | undefined;
  size: SizePx;
  /** Where the window follows to, and where it came from while the picture travels. */
  followed: Camera | undefined;
  from: Camera | undefined;
  /** Where it goes on when there is nothing to follow: where it was before it got another size. */
  rest: Camera | undefined;
  /** What its loupes were made from. */
  loupesFor: readonly unknown[];
  /** Tiles that its text was made from. */
  asked: string;
  view: MapView;
}

/** Before a window has been on screen. */
const USUAL_PAGE_PX = 30;
const USUAL_SIZE: SizePx = { width: 380, height: 260 };
/** Part of a transition that the camera uses. */
const CAMERA_PART = 0.45;
/** Name of the tile of the cell that is pointed at. */
const POINTED = 'pointed';
/** Room that a tip of three lines takes. */
const TIP_HEIGHT_PX = 76;

export class MapController {
  banks: readonly Bank[] = [];
  /** All memory in one window, instead of a window for each bank. */
  whole = false;
  private windows = new Map<string, Window>();
  private machine: MachineInfo | undefined;
  private runId = '';
  private overlay: HTMLCanvasElement | undefined;
  private stage: Stage | undefined;
  private stageStart = 0;
  private readonly listeners = new Set<() => void>();
  private readonly app: App;
  private readonly desk: PainterDesk;
  private activeBank = '';
  private reading = false;
  private pointedAt = '';
  /** Asking the browser makes it lay out the page; undefined: something may have changed. */
  private knownPagePx: number | undefined;
  /** Where the windows lie: read anew after a size is another, as asking makes the browser lay out the page. */
  private places: Places | undefined;

  constructor(app: App) {
    this.app = app;
    this.desk = new PainterDesk(app, () => this.placedViews());
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

  /** Shows all memory in one window, or each bank in its own. */
  showWhole(whole: boolean): void {
    this.app.actions.showWhole(whole);
  }

  /** The maps are read as text: what their cells hold has to be known here. */
  read(reading: boolean): void {
    this.reading = reading;
    for (const window of this.windows.values()) {
      window.asked = '';
      if (!reading) this.app.actions.wantTiles(window.bank.id, []);
    }
    this.update();
  }

  /** Puts a canvas for a bank into its place in the page. @returns how to take it away again */
  attach(bankId: string, host: HTMLElement): () => void {
    const window = this.windows.get(bankId);
    if (window === undefined) return () => {};
    const canvas = document.createElement('canvas');
    canvas.className = 'bank-canvas';
    host.append(canvas);
    window.canvas = canvas;
    this.desk.attach(bankId, canvas);
    this.resize(bankId);
    return () => {
      canvas.remove();
      if (window.canvas !== canvas) return;
      window.canvas = undefined;
      this.desk.detach(bankId);
      this.moved();
    };
  }

  attachOverlay(host: HTMLElement): () => void {
    const canvas = document.createElement('canvas');
    canvas.className = 'maps-overlay';
    host.append(canvas);
    this.overlay = canvas;
    this.desk.attachOverlay(canvas);
    const observer = new ResizeObserver(() => this.moved());
    observer.observe(host);
    this.moved();
    return () => {
      observer.disconnect();
      canvas.remove();
      this.overlay = undefined;
      this.desk.detachOverlay();
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
    const size = { width: canvas.clientWidth, height: canvas.clientHeight };
    // on paper it is as large as it was painted, and so are the captions that share its width
    canvas.closest<HTMLElement>('.maps-banks')?.style.setProperty('--painted-width', `${size.width}px`);
    canvas.parentElement?.style.setProperty('--painted-height', `${size.height}px`);
    const { followed } = window;
    window.rest = followed && resizedCamera(window.bank, followed, window.size, size);
    window.followed = undefined;
    window.size = size;
    this.knownPagePx = undefined;
    this.moved();
  }

  /** The windows may lie elsewhere. */
  private moved(): void {
    this.places = undefined;
    this.update();
  }

  /** Colours or fonts have changed. */
  refreshPalette(): void {
    this.knownPagePx = undefined;
    const style = getComputedStyle(document.documentElement);
    const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (pen === null) return;
    const entries = PALETTE_KEYS.map((key) => {
      // what is painted is #rrggbb, whatever it is called: colours of the system and mixtures of them, too
      pen.fillStyle = style.getPropertyValue(`--${key}`).trim();
      pen.fillRect(0, 0, 1, 1);
      const rgb = [...pen.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
      return [key, `#${rgb.map((value) => value.toString(16).padStart(2, '0')).join('')}`] as const;
    });
    // Every key is there: the list they come from is the type.
    this.desk.setPalette(Object.fromEntries(entries) as Palette, style.colorScheme);
  }

  /** The cell under a point of a window. */
  cellAtPoint(bankId: string, point: WorldPoint, moment: Moment): MapCell | undefined {
    const view = this.windows.get(bankId)?.view;
    if (view === undefined) return undefined;
    const loupe = loupeAt(view.loupes, point);
    const inner = loupe === undefined ? point : { x: point.x - loupe.x, y: point.y - loupe.y };
    const pfn = pfnAt(view.bank, toWorld((loupe ?? view).camera, inner));
    return pfn === undefined ? undefined : this.cellOf(bankId, pfn, moment);
  }

  /** The cell in which a window draws a frame. */
  cellOf(bankId: string, pfn: number, moment: Moment): MapCell | undefined {
    const view = this.windows.get(bankId)?.view;
    const camera = view && (loupeWith(view, pfn) ?? view).camera;
    const cell = camera && cellOf(view.bank, camera, pfn, moment, this.countsOf(bankId));
    return cell && { ...cell, facts: factsOf(cell, this.factSource(bankId, moment)) };
  }

  /** What to say of a frame, and where: below its cell, relative to the overlay. */
  tipFor(pfn: number, moment: Moment): CellTip | undefined {
    const { overlay } = this;
    for (const { bank, canvas, view } of this.windows.values()) {
      if (overlay === undefined || canvas === undefined || rangeOf(bank, pfn) === undefined) continue;
      const cell = this.cellOf(bank.id, pfn, moment);
      if (cell === undefined) return undefined;
      this.askForPointed(cell);
      if (cell.frame === undefined && cell.counts === undefined) return undefined;
      const loupe = loupeWith(view, pfn);
      const inner = boxOf(cell, (loupe ?? view).camera);
      const box = { ...inner, x: inner.x + (loupe?.x ?? 0), y: inner.y + (loupe?.y ?? 0) };
      const { width, height } = view.size;
      if (box.x > width || box.y > height || box.x + box.width < 0 || box.y + box.height < 0)
        return undefined;
      const origin = overlay.getBoundingClientRect();
      const { left, top } = canvas.getBoundingClientRect();
      const leftPx = left - origin.left + box.x;
      const y = top - origin.top + box.y;
      const roomPx = overlay.parentElement?.parentElement?.getBoundingClientRect().bottom ?? 0;
      const isBelow = top + box.y + box.height + TIP_HEIGHT_PX < roomPx;
      return {
        text: cellText(cell),
        leftPx,
        rightPx: origin.width - leftPx - box.width,
        ...(isBelow ? { topPx: y + box.height + 6 } : { bottomPx: origin.height - y + 6 }),
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
      this.look(bank, fitRect(bank, rect, size, Math.max(view.camera.k, this.pagePx())), size);
    }
  }

  /** Shows all of a range, as large as its window allows. */
  showRange({ start, npages }: RangeInfo): void {
    for (const { bank, size } of this.windows.values()) {
      if (rangeOf(bank, start) === undefined) continue;
      const rect = boundsOf(bank, [start, start + npages - 1]);
      if (rect !== undefined) this.look(bank, fitRect(bank, rect, size, this.pagePx()), size);
      this.activeBank = bank.id;
    }
  }

  /** What a window shows, for the text twin; of each pageblock in sight all pages, so that ranges stay whole. */
  cellsOf(bankId: string, moment: Moment): MapCell[] {
    const window = this.windows.get(bankId);
    if (window === undefined) return [];
    const { camera, size, bank } = window.view;
    const source = this.factSource(bankId, moment);
    return cellsInView(bank, camera, size, moment, this.countsOf(bankId), true).map((cell) => ({
      ...cell,
      facts: factsOf(cell, source),
    }));
  }

  zoom(factor: number, bankId = this.activeBank, around?: { x: number; y: number }): void {
    for (const { bank, view, size } of this.chosen(bankId)) {
      const center = around ?? { x: size.width / 2, y: size.height / 2 };
      this.look(bank, zoomBy(bank, view.camera, size, factor, center), size);
    }
  }

  pan(dx: number, dy: number, bankId = this.activeBank): void {
    for (const { bank, view, size } of this.chosen(bankId))
      this.look(bank, panBy(bank, view.camera, size, dx, dy), size);
  }

  /** Shows all of every bank. */
  fitAll(): void {
    for (const { bank, size } of this.windows.values()) this.look(bank, fitBank(bank, size), size);
  }

  /** Lets all windows follow what happens again. */
  followAll(): void {
    for (const window of this.windows.values()) {
      window.followed = undefined;
      window.rest = undefined;
      this.app.actions.look(window.bank.id, undefined);
    }
  }

  setCamera(bankId: string, camera: Camera): void {
    const window = this.windows.get(bankId);
    if (window !== undefined)
      this.look(window.bank, constrain(window.bank, camera, window.size), window.size);
  }

  private look({ id }: Bank, camera: Camera, size: SizePx): void {
    this.app.actions.look(id, lookOf(camera, size));
  }

  private chosen(bankId: string): Window[] {
    const one = this.windows.get(bankId);
    return one === undefined ? [...this.windows.values()] : [one];
  }

  private countsOf(bankId: string): CountsOf {
    const { tiles } = this.app.store.getState().queries;
    return countsIn([...(tiles[bankId]?.tiles ?? []), ...(tiles[POINTED]?.tiles ?? [])]);
  }

  private factSource(bankId: string, { processes }: Moment): FactSource {
    const { queries, maps } = this.app.store.getState();
    const sets = [queries.tiles[bankId], queries.tiles[POINTED]].filter((set) => set?.mode === maps.mode);
    return {
      tiles: sets.flatMap((set) => set?.tiles ?? []),
      mode: maps.mode,
      machine: this.machine,
      processes: processes.map(({ name }) => name),
    };
  }

  private askForPointed({ start, npages }: MapCell): void {
    const key = `${start}x${npages}`;
    if (key === this.pointedAt) return;
    this.pointedAt = key;
    this.app.actions.wantTiles(POINTED, [{ start, cells: 1, pagesPerCell: npages }]);
  }

  private update(): void {
    const { scenario, playback, selection, maps } = this.app.store.getState();
    const machine = scenario.run?.machine;
    // a step more changes no memory: the canvases stay
    if (scenario.runId === this.runId && isSame(machine, this.machine)) this.machine = machine;
    const isOther = maps.whole !== this.whole;
    this.whole = maps.whole;
    if (isOther) this.activeBank = '';
    if (machine !== this.machine) this.open(machine);
    else if (isOther) this.layOut();
    this.runId = scenario.runId;
    if (selection.hovered === undefined && this.pointedAt !== '') {
      this.pointedAt = '';
      this.app.actions.wantTiles(POINTED, []);
    }
    const { stage } = playback;
    if (stage !== undefined && !this.isSamePair(stage)) {
      this.stageStart = stage.t;
      for (const window of this.windows.values()) window.from = window.view.camera;
    }
    this.stage = stage;
    let changed = false;
    for (const window of this.windows.values()) if (this.moveWindow(window)) changed = true;
    if (changed) for (const listener of this.listeners) listener();
    this.desk.update();
  }

  private isSamePair({ before, after }: Stage): boolean {
    return this.stage?.before === before && this.stage.after === after;
  }

  private open(machine: MachineInfo | undefined): void {
    this.machine = machine;
    this.pointedAt = '';
    this.desk.openMachine(machine);
    this.layOut();
  }

  private layOut(): void {
    const { machine } = this;
    this.places = undefined;
    const sizes = new Map([...this.windows].map(([id, { size }]) => [id, size]));
    if (machine === undefined) this.banks = [];
    else this.banks = this.whole ? [layOutWhole(machine)] : layOutBanks(machine);
    this.windows = new Map(
      this.banks.map((bank) => {
        const size = sizes.get(bank.id) ?? USUAL_SIZE;
        const view = { bank, size, camera: fitBank(bank, size), following: true, loupes: NO_LOUPES };
        const window: Window = {
          bank,
          canvas: undefined,
          size,
          followed: undefined,
          from: undefined,
          rest: undefined,
          loupesFor: [],
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
    const chosen = this.app.store.getState().viewport.looks[bank.id];
    const camera = chosen === undefined ? this.follow(window) : constrain(bank, cameraOf(chosen, size), size);
    const following = chosen === undefined;
    const { view } = window;
    if (!following) window.loupesFor = [];
    const loupes = following ? this.loupesOver(window) : NO_LOUPES;
    const moved =
      camera.k !== view.camera.k ||
      camera.x !== view.camera.x ||
      camera.y !== view.camera.y ||
      view.size !== size ||
      view.following !== following ||
      view.loupes !== loupes;
    if (moved) window.view = { bank, size, camera, following, loupes };
    this.askForTiles(window);
    return moved;
  }

  private follow(window: Window): Camera {
    const { stage } = this;
    const { bank, size } = window;
    // what happens in all memory is too far apart to be followed
    if (stage === undefined || bank.kind === 'whole') return fitBank(bank, size);
    const { before, after, t } = stage;
    const moments = before === after ? [after] : [before, after];
    const target = followCamera(bank, moments, size, window.followed, this.pagePx(), window.rest);
    window.followed = target;
    const progress = Math.min(1, Math.abs(t - this.stageStart) / CAMERA_PART);
    const from = window.from;
    if (before === after || from === undefined || progress >= 1 || sameCamera(from, target)) return target;
    return cameraBetween(from, target, size, easeCubicInOut(progress));
  }

  /** The same list as long as nothing is different. */
  private loupesOver(window: Window): readonly Loupe[] {
    const { stage } = this;
    const { bank, size, followed, view, loupesFor } = window;
    if (stage === undefined || followed === undefined || bank.kind === 'whole') return NO_LOUPES;
    const { before, after } = stage;
    const key = [before, after, followed, size, this.pagePx()];
    if (key.every((part, i) => part === loupesFor[i])) return view.loupes;
    window.loupesFor = key;
    const moments = before === after ? [after] : [before, after];
    const loupes = loupesOf(bank, moments, followed, size, this.pagePx());
    return JSON.stringify(loupes) === JSON.stringify(view.loupes) ? view.loupes : loupes;
  }

  private askForTiles(window: Window): void {
    if (!this.reading) return;
    const { bank, size, view } = window;
    const wanted = tilesFor(bank, view.camera, size);
    const key = wanted.map(({ start, cells, pagesPerCell }) => `${start}+${cells}x${pagesPerCell}`).join();
    if (key === window.asked) return;
    window.asked = key;
    this.app.actions.wantTiles(bank.id, wanted);
  }

  private pagePx(): number {
    if (this.overlay === undefined) return USUAL_PAGE_PX;
    this.knownPagePx ??= readPagePx();
    return this.knownPagePx;
  }

  private placedViews(): PlacedViews {
    this.places ??= readPlaces(this.overlay, this.windows.values());
    const { byBank, overlaySize } = this.places;
    const views = [...this.windows.values()].flatMap(({ view, bank }): WindowView[] => {
      const place = byBank.get(bank.id);
      const { camera, size, loupes } = view;
      return place === undefined ? [] : [{ bankId: bank.id, camera, size, loupes, ...place }];
    });
    const typeScale = this.pagePx() / USUAL_PAGE_PX;
    return { views, overlaySize, typeScale };
  }
}

const NO_LOUPES: readonly Loupe[] = [];

/** The loupe that shows a frame. */
const loupeWith = ({ bank, loupes }: MapView, pfn: number): Loupe | undefined => {
  const rect = boundsOf(bank, [pfn]);
  return rect && loupes.find(({ camera, size }) => isInView(camera, size, rect));
};

const sameCamera = (a: Camera, b: Camera): boolean => a.k === b.k && a.x === b.x && a.y === b.y;

const isSame = (a: MachineInfo | undefined, b: MachineInfo | undefined): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);
