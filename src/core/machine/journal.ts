// The only writer of state. Every change is an event in the log, with the value before and after, so undo, redo, diff
// and "who last wrote this" are one mechanism each. A big step writes no events for its changes: keyframes before it,
// behind it and after each of its batches of pages stand for them, and positions between two of those show the first.

import { EventLog } from '../trace/log.ts';
import { Tally } from '../trace/tally.ts';
import { Trace } from '../trace/trace.ts';
import { EventKind } from '../uapi/events.ts';
import { Column } from './column.ts';
import type { ElementType } from './elements.ts';
import type { Recorder } from './recorder.ts';
import { addHolderEvent, HolderRuns } from './holder-runs.ts';
import { Keyframes } from './keyframes.ts';
import { NumberMap } from './number-map.ts';
import { Cell } from './pool.ts';

/** Rows of a section of the column behind the cells. */
const CELL_ROWS = 64;

/** A big step's part of the timeline: between its keyframes nothing can be replayed. */
interface Stretch {
  readonly begin: number;
  end: number;
}

/** Where a step began, to take it back. */
export interface Mark {
  readonly position: number;
  readonly objects: number;
  readonly maps: number;
}

/** Owner of the log and of everything that is journalled. */
export class Journal implements Recorder {
  readonly log = new EventLog();
  readonly trace = new Trace(this.log);
  /** Net changes of holders in big steps. */
  readonly holderRuns = new HolderRuns();
  /** All that has sections: the columns, what is behind the maps, and the cells. */
  private readonly stores: Column[] = [];
  private readonly columns: Column[] = [];
  private readonly maps: NumberMap[] = [];
  /** Object index + 1 by cell; 0: empty. */
  private readonly cells: Column;
  private cellCount = 0;
  private readonly objects: unknown[] = [];
  private refcounts: Column | undefined;
  /** Of a journal that took over a state: who held what then. */
  private holdersAtStart: ((folio: number, amounts: number[]) => void) | undefined;
  private readonly keyframes = new Keyframes(this.stores);
  private readonly stretches: Stretch[] = [];
  /** The stretch of the big step that runs. */
  private stretch: Stretch | undefined;
  /** The big step stands between two of its parts. */
  private isPaused = false;
  /** Somebody has gone elsewhere meanwhile: the last keyframe is where it stands, and goes when it goes on. */
  private isParked = false;
  /** How many events are applied: the cursor. */
  private applied = 0;
  /** Where the state is: at the cursor, or inside a big step at the keyframe before it. */
  private stateAt = 0;

  constructor() {
    this.cells = new Column(this, -1, 'cells', 'i32', CELL_ROWS);
    this.stores.push(this.cells);
  }

  /** @param rows - of a section; a power of two, less than usual where what is written lies scattered */
  column(name: string, type: ElementType, rows?: number): Column {
    const column = new Column(this, this.columns.length, name, type, rows);
    this.columns.push(column);
    this.stores.push(column);
    return column;
  }

  /** The column of reference counts, whose changes name a holder. */
  refcountColumn(name: string): Column {
    const column = this.column(name, 'i32');
    this.refcounts = column;
    return column;
  }

  map(name: string): NumberMap {
    const map = new NumberMap(this, this.maps.length, name);
    this.maps.push(map);
    this.stores.push(map.column);
    return map;
  }

  cell<T>(): Cell<T> {
    return new Cell<T>(this, this.cellCount++);
  }

  columnById(id: number): Column {
    return this.columns[id];
  }

  mapById(id: number): NumberMap {
    return this.maps[id];
  }

  /** All that has state: the columns, what is behind the maps, the cells. For comparing machines. */
  allColumns(): readonly Column[] {
    return this.stores;
  }

  get position(): number {
    return this.applied;
  }

  record(kind: EventKind, id: number, row: number, old: number, now: number): void {
    if (this.stretch !== undefined) {
      if (kind === EventKind.REF) this.holderRuns.add(id, row, now - old);
      else if (kind === EventKind.HOLDER) {
        this.holderRuns.add(old, row, -now);
        this.holderRuns.add(id, row, now);
      }
      return;
    }
    const index = this.log.append(kind, id, this.trace.current, row, old, now);
    if (index >= this.keyframes.next) this.keyframes.take(index + 1);
  }

  setRefcount(row: number, now: number, holder: number): void {
    const column = this.refcounts;
    if (column === undefined) throw new Error('no refcount column');
    const old = column.get(row);
    column.poke(row, now);
    this.record(EventKind.REF, holder, row, old, now);
  }

  cellValue(cellId: number): unknown {
    return this.objectAt(this.cells.get(cellId) - 1);
  }

  setCell(cellId: number, value: unknown): void {
    const old = this.cells.get(cellId) - 1;
    let now = -1;
    if (value !== undefined) {
      now = this.objects.length;
      this.objects.push(value);
    }
    if (old === now) return;
    this.cells.poke(cellId, now + 1);
    this.record(EventKind.CELL, cellId, Number.NaN, old, now);
  }

  objectAt(index: number): unknown {
    return index < 0 ? undefined : this.objects[index];
  }

  /**
   * Takes over the state of another machine's journal, without its history: position 0 is there. Nothing of the other
   * is written from here, or the other way round. Requires: the other stands at the mark.
   */
  adopt(other: Journal, { objects, maps }: Mark): void {
    for (const map of other.maps.slice(this.maps.length, maps)) this.map(map.name);
    this.stores.forEach((store, i) => store.adopt(other.stores[i]));
    this.cellCount = other.cellCount;
    this.objects.length = 0;
    for (const value of other.objects.slice(0, objects)) this.objects.push(value);
    const { applied } = other;
    this.holdersAtStart = (folio, amounts) => other.addHolders(folio, applied, amounts);
    this.keyframes.take(0);
  }

  /** Whether all that ever held a page stands in the log. */
  get holdersAreInLog(): boolean {
    return this.holdersAtStart === undefined && this.holderRuns.isEmpty;
  }

  /** Adds what a page's holders were before the first event, and what big steps did up to a position. */
  addBulkHolders(folio: number, position: number, amounts: number[]): void {
    this.holdersAtStart?.(folio, amounts);
    this.holderRuns.addTo(folio, position, amounts);
  }

  /** Adds a page's holders at a position. */
  private addHolders(folio: number, position: number, amounts: number[]): void {
    this.addBulkHolders(folio, position, amounts);
    for (let i = 0; i < position; i++)
      if (this.log.rowAt(i) === folio) addHolderEvent(this.log, i, amounts, 1);
  }

  /** Where a step begins, to take it back with `rollback`. */
  mark(): Mark {
    return { position: this.log.length, objects: this.objects.length, maps: this.maps.length };
  }

  /** Marks everything written so far as applied; called when a step has run. */
  commit(): void {
    this.applied = this.log.length;
    this.stateAt = this.applied;
  }

  // --- big steps ------------------------------------------------------------------------------------------------

  /** Whether a big step runs, or the counted part of one that is run again. */
  get isBulk(): boolean {
    return this.stretch !== undefined;
  }

  /** From now on changes have no events of their own, and the trace counts. Requires: the cursor is at the end. */
  beginBulk(): void {
    this.keyframes.take(this.log.length);
    this.stretch = { begin: this.log.length, end: Number.POSITIVE_INFINITY };
    this.stretches.push(this.stretch);
    this.trace.tally = new Tally();
    if (this.trace.watch === undefined) this.trace.current = -1;
  }

  /** Ends a batch of pages of a big step: what was counted is written, and the position can be gone to. */
  checkpoint(): void {
    this.trace.tally?.flush(this.log);
    this.holderRuns.flush(this.log.length);
    this.keyframes.take(this.log.length, true);
    this.commit();
  }

  /**
   * A step that runs stops for a while: what it did so far can be left and come back to. When it stops is up to the clock,
   * so a big step leaves nothing of that in the timeline.
   */
  pause(): void {
    this.commit();
    this.isPaused = this.stretch !== undefined;
  }

  /** The step goes on. */
  resume(): void {
    this.seek(this.log.length);
    if (this.isParked) this.keyframes.dropLast();
    this.isPaused = false;
    this.park(false);
  }

  private park(isParked: boolean): void {
    this.isParked = isParked;
    for (const store of this.stores) store.staysUnpacked = isParked;
  }

  endBulk(): void {
    if (this.stretch === undefined) return;
    this.checkpoint();
    this.stretch.end = this.log.length;
    this.stretch = undefined;
    this.trace.tally = undefined;
    this.trace.goOn(this.trace.current);
  }

  // --- time travel ----------------------------------------------------------------------------------------------

  /** Moves the state to the moment after `position` events; inside a big step to the keyframe before it. */
  seek(position: number): void {
    const target = Math.max(0, Math.min(position, this.log.length));
    if (this.isPaused && !this.isParked) {
      if (target === this.log.length) return;
      this.keyframes.take(this.log.length);
      this.park(true);
    }
    const goal = this.stretchAround(target) === undefined ? target : this.keyframes.lastBefore(target);
    if (goal !== this.stateAt) this.moveState(goal);
    this.applied = target;
  }

  /** Takes back all events since a mark and forgets them: a step that was refused leaves nothing. */
  rollback({ position, objects, maps }: Mark): void {
    this.trace.tally = undefined;
    this.stretch = undefined;
    this.commit();
    this.seek(position);
    while ((this.stretches.at(-1)?.begin ?? -1) >= position) this.stretches.pop();
    this.log.truncate(position);
    this.holderRuns.forgetAfter(position);
    this.keyframes.forgetAfter(position);
    for (const map of this.maps.splice(maps)) this.stores.splice(this.stores.indexOf(map.column), 1);
    this.objects.length = objects;
    this.trace.current = -1;
  }

  /** State and history, for the figures of the benchmark. */
  bytes(): { readonly stateBytes: number; readonly historyBytes: number } {
    let stateBytes = 0;
    let historyBytes = this.log.bytes() + this.holderRuns.bytes();
    for (const store of this.stores) {
      const held = store.bytes();
      stateBytes += held.stateBytes;
      historyBytes += held.historyBytes;
    }
    return { stateBytes, historyBytes };
  }

  /** The big step around a position; its ends are not inside. */
  private stretchAround(position: number): Stretch | undefined {
    return this.stretches.find(({ begin, end }) => begin < position && position < end);
  }

  private moveState(goal: number): void {
    const low = Math.min(goal, this.stateAt);
    const high = Math.max(goal, this.stateAt);
    const blocked = this.stretches.some(({ begin, end }) => low < end && begin < high);
    const { at, position } = this.keyframes.nearest(goal);
    const jumps = blocked || this.keyframes.worthJumping(high - low, Math.abs(position - goal));
    if (jumps) {
      this.keyframes.restore(at);
      this.stateAt = position;
    }
    if (goal < this.stateAt) this.log.revert(this.stateAt, goal, this.write);
    else this.log.replay(this.stateAt, goal, this.write);
    this.stateAt = goal;
  }

  private readonly write = (kind: EventKind, id: number, row: number, value: number): void => {
    switch (kind) {
      case EventKind.COLUMN:
        this.columns[id].poke(row, value);
        return;
      case EventKind.REF:
        this.refcounts?.poke(row, value);
        return;
      case EventKind.MAP:
        this.maps[id].poke(row, value);
        return;
      case EventKind.CELL:
        this.cells.poke(id, value + 1);
        return;
      default:
        return; // spans, decisions and the like change no state
    }
  };
}
