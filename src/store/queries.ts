// What panels asked for beyond the moment: tiles of memory maps, and the inspection of the selected thing.

import type { MapMode } from '../worker/protocol-map.ts';
import type { Inspection, Position, RunId, Selection, Tile, TileRequest } from '../worker/protocol.ts';
import type { ViewName, ViewQuery, ViewResult } from '../worker/protocol-views.ts';
import { type Context, report, update } from './context.ts';

export interface TileSet {
  readonly position: Position;
  /** What the shades of the tiles are about. */
  readonly mode: MapMode;
  readonly tiles: readonly Tile[];
}

export interface QueriesSlice {
  readonly runId: RunId;
  /** By the name of the map that asked. */
  readonly tiles: Readonly<Record<string, TileSet>>;
  readonly inspected:
    | { readonly position: Position; readonly target: Selection; readonly inspection: Inspection }
    | undefined;
  /** What single panels asked for, by the view's name. */
  readonly views: ViewSets;
}

/** The last answer to each view that is asked for, and the position it is about. */
export type ViewSets = { readonly [N in ViewName]?: ViewResult<N> & { readonly position: Position } };

export interface QueriesActions {
  /** A map says which tiles it shows now; they are kept up to date when the cursor moves. An empty list: none. */
  readonly wantTiles: (map: string, tiles: readonly TileRequest[]) => void;
  /** A panel is shown and wants this view, kept up to date when the cursor moves. */
  readonly wantView: (query: ViewQuery) => void;
  /** The panel is gone. */
  readonly dropView: (view: ViewName) => void;
}

export const initialQueries: QueriesSlice = { runId: '', tiles: {}, inspected: undefined, views: {} };

const FOR_SELECTION = 'selection';

/** Keeps what panels asked for up to date with the cursor; at most one question of a kind is under way. */
export class Queries {
  private readonly wanted = new Map<string, readonly TileRequest[]>();
  private readonly views = new Map<ViewName, ViewQuery>();
  private readonly running = new Set<string>();
  private readonly again = new Set<string>();

  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  wantTiles(map: string, tiles: readonly TileRequest[]): void {
    if (tiles.length > 0) {
      this.wanted.set(map, tiles);
      this.refresh(map, () => this.fetchTiles(map));
      return;
    }
    this.wanted.delete(map);
    const { [map]: _gone, ...rest } = this.context.store.getState().queries.tiles;
    update(this.context, 'queries', { tiles: rest });
  }

  wantView(query: ViewQuery): void {
    this.views.set(query.view, query);
    this.refresh(`view ${query.view}`, () => this.fetchView(query.view));
  }

  dropView(view: ViewName): void {
    this.views.delete(view);
    const { [view]: _gone, ...rest } = this.context.store.getState().queries.views;
    update(this.context, 'queries', { views: rest });
  }

  /** The cursor moved, the selection changed, or another run is shown. */
  refreshAll(): void {
    for (const map of this.wanted.keys()) this.refresh(map, () => this.fetchTiles(map));
    for (const view of this.views.keys()) this.refresh(`view ${view}`, () => this.fetchView(view));
    this.refreshInspection();
  }

  refreshInspection(): void {
    this.refresh(FOR_SELECTION, () => this.fetchInspection());
  }

  /** There is more to say about the selected thing. */
  refreshSelected(): void {
    if (this.views.has('page-detail')) this.refresh('view page-detail', () => this.fetchView('page-detail'));
    this.refreshInspection();
  }

  private refresh(name: string, fetch: () => Promise<void>): void {
    if (this.running.has(name)) {
      this.again.add(name);
      return;
    }
    this.running.add(name);
    void this.context.idle.during(
      fetch().finally(() => {
        this.running.delete(name);
        if (this.again.delete(name)) this.refresh(name, fetch);
      }),
    );
  }

  private async fetchTiles(map: string): Promise<void> {
    const tiles = this.wanted.get(map);
    const { scenario, playback, maps } = this.context.store.getState();
    if (tiles === undefined || scenario.run === undefined) return;
    const { runId } = scenario;
    const answer = await this.context.link.ask({
      kind: 'tiles',
      runId,
      position: playback.position,
      tiles,
      mode: maps.mode,
    });
    const { queries, scenario: now } = this.context.store.getState();
    if (answer.kind === 'failed' || now.runId !== runId || !this.wanted.has(map)) return;
    const { position } = answer;
    update(this.context, 'queries', {
      tiles: { ...queries.tiles, [map]: { position, mode: maps.mode, tiles: answer.tiles } },
    });
  }

  private async fetchView(view: ViewName): Promise<void> {
    const query = this.views.get(view);
    const { scenario, playback } = this.context.store.getState();
    if (query === undefined || scenario.run === undefined) return;
    const { runId } = scenario;
    const answer = await this.context.link.ask({ kind: 'view', runId, position: playback.position, query });
    const { queries, scenario: now } = this.context.store.getState();
    if (now.runId !== runId || this.views.get(view) !== query) return;
    if (answer.kind === 'failed') {
      report(this.context, { about: 'query', place: answer.place, message: answer.message });
      return;
    }
    const { result, position } = answer;
    update(this.context, 'queries', { views: { ...queries.views, [view]: { ...result, position } } });
  }

  private async fetchInspection(): Promise<void> {
    const { scenario, playback, selection } = this.context.store.getState();
    const target = selection.selected;
    if (target === undefined || scenario.run === undefined) {
      update(this.context, 'queries', { inspected: undefined });
      return;
    }
    const { runId } = scenario;
    const { position } = playback;
    const answer = await this.context.link.ask({ kind: 'inspect', runId, position, target });
    const now = this.context.store.getState();
    if (now.scenario.runId !== runId || now.selection.selected !== target) return;
    if (answer.kind === 'failed') {
      update(this.context, 'queries', { inspected: undefined });
      report(this.context, { about: 'query', place: answer.place, message: answer.message });
      return;
    }
    update(this.context, 'queries', {
      inspected: { position: answer.position, target, inspection: answer.inspection },
    });
  }
}

export const queriesActions = (queries: Queries): QueriesActions => ({
  wantTiles: (map, tiles) => queries.wantTiles(map, tiles),
  wantView: (query) => queries.wantView(query),
  dropView: (view) => queries.dropView(view),
});
