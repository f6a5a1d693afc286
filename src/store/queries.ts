// What panels asked for beyond the moment: tiles of memory maps, and the inspection of the selected thing.

import type { Inspection, Position, RunId, Selection, Tile, TileRequest } from '../worker/protocol.ts';

export interface TileSet {
  readonly position: Position;
  readonly tiles: readonly Tile[];
}

export interface QueriesSlice {
  readonly runId: RunId;
  /** By the name of the map that asked. */
  readonly tiles: Readonly<Record<string, TileSet>>;
  readonly inspected:
    | { readonly position: Position; readonly target: Selection; readonly inspection: Inspection }
    | undefined;
}

export interface QueriesActions {
  /** A map says which tiles it shows now; they are kept up to date when the cursor moves. An empty list: none. */
  readonly wantTiles: (map: string, tiles: readonly TileRequest[]) => void;
}

export const initialQueries: QueriesSlice = { runId: '', tiles: {}, inspected: undefined };
